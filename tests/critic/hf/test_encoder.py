"""Sentence encoders: pinned, safe to open, and features like any other."""

from __future__ import annotations

import hashlib
import shutil

import pytest

from lexgate.critic import Answer, Exchange, as_conversation, compile_prompts, open_critic
from lexgate.errors import EvidenceError, UsageError

pytestmark = pytest.mark.models
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, "sure", "sorry", "i", "must", "decline", "to", "begin", "slowly", ".", ","]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A directory as transformers saves it: a tiny random BERT and its word-piece tokenizer."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    directory = tmp_path_factory.mktemp("encoder")
    (directory / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab=str(directory / "vocab.txt"))
    torch.manual_seed(0)
    network = BertModel(
        BertConfig(
            vocab_size=len(WORDS),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=32,
            initializer_range=0.5,
        ),
        add_pooling_layer=False,
    )
    network.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def pin_of(directory):
    return hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()


def opened(directory):
    from lexgate.critic.hf._encoder import open_encoder

    return open_encoder(directory, pin_of(directory))


def test_an_embedding_is_of_length_one_and_the_same_for_equal_texts(encoder):
    one, other = opened(encoder), opened(encoder)
    vector = one.embed("sure, begin slowly.")
    assert len(vector) == 16
    assert sum(x * x for x in vector) == pytest.approx(1.0, abs=1e-5)
    assert vector == other.embed("sure, begin slowly.") != other.embed("sorry")
    assert one.digest == other.digest


def test_a_text_longer_than_the_encoder_reads_is_cut(encoder):
    one = opened(encoder)
    assert one.embed("sure " * 500) == one.embed("sure " * 30)
    assert len(one.embed("")) == 16


def test_padding_changes_no_embedding():
    import torch

    from lexgate.critic.hf._encoder import pooled

    states = torch.randn(1, 3, 8)
    padded = torch.cat([states, torch.full((1, 4, 8), 1e6)], dim=1)
    mask = torch.tensor([[1, 1, 1, 0, 0, 0, 0]])
    torch.testing.assert_close(pooled(padded, mask), pooled(states, torch.ones(1, 3)))


def test_a_missing_or_another_pin_says_what_was_found(encoder, demo):
    for options in ({}, {"encoder_sha256": "ab" * 32}):
        with pytest.raises(UsageError, match=pin_of(encoder)) as caught:
            open_critic(["exemplars+encoder"], demo, {"encoder": str(encoder), **options})
        assert "Nothing was loaded" in str(caught.value)
    with pytest.raises(UsageError, match="needs encoder=DIR"):
        open_critic(["exemplars+encoder"], demo)


def test_an_encoder_that_could_run_code_or_lacks_weights_is_refused(encoder, tmp_path):
    from safetensors.torch import load_file, save_file

    coded = shutil.copytree(encoder, tmp_path / "coded")
    (coded / "modeling.py").write_text("raise SystemExit", encoding="utf-8")
    with pytest.raises(UsageError, match="could run code of its own"):
        opened(coded)
    lacking = shutil.copytree(encoder, tmp_path / "lacking")
    weights = load_file(lacking / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.weight")
    save_file(weights, lacking / "model.safetensors", {"format": "pt"})
    with pytest.raises(EvidenceError, match="lacks 1 of its weights"):
        opened(lacking)
    split = shutil.copytree(encoder, tmp_path / "split")
    shutil.copy(split / "model.safetensors", split / "more.safetensors")
    with pytest.raises(UsageError, match=r"in one safetensors file, found model.safetensors, more"):
        opened(split)


def test_embeddings_are_features_beside_words(encoder, demo):
    options = {"encoder": str(encoder), "encoder_sha256": "sha256:" + pin_of(encoder)}
    critic = open_critic(["exemplars+encoder"], demo, options)
    (backend,) = critic.backends
    plain = open_critic(["exemplars"], demo).backends[0]
    question = compile_prompts(demo)[0].questions[1]
    asked = [
        Exchange(as_conversation("?"), text)
        for text in ("Sorry, I must decline this.", "Sure, begin slowly.", "Xyzzy plugh.")
    ]
    sorry, sure, unknown = backend.answer(question, asked)
    assert sorry.p > 0.5 > sure.p
    assert sorry.source == "exemplars+encoder"
    assert isinstance(unknown, Answer)  # an embedding says something of every text
    assert sorry.p != plain.answer(question, asked)[0].p
    assert backend.identity.digest != plain.identity.digest
    assert dict(backend.identity.details)["light"] == "true"
