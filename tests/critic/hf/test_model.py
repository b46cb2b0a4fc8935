"""Real transformers directories, tiny and random: numbers against a plain forward pass."""

import json
import random
import shutil
import warnings

import pytest

from lexgate._digests import manifest_of
from lexgate.critic import (
    LABELS,
    Decoding,
    Exchange,
    LabelScores,
    Message,
    Silence,
    as_conversation,
    open_critic,
    open_model,
)
from lexgate.errors import EvidenceError, UsageError

pytestmark = pytest.mark.models

KINDS = ["llama", "gpt2"]
TEXTS = [
    "How do I bake a cake?",
    "Why?",
    "The quick brown fox jumps over the lazy dog, 0123456789 times. " * 2,
    "Does the response refuse?\n\n```response\nSorry, I must decline that.\n```\nAnswer yes or no.",
    "naïve café 漢字 🦊",
]
TALKS = [as_conversation(text) for text in TEXTS]


@pytest.fixture(scope="session")
def opened(tiny):
    made = {}

    def open_(kind, **options):
        key = kind, *sorted(options.items())
        if key not in made:
            options.setdefault("dtype", "float32")
            made[key] = open_model(f"hf/{tiny(kind)}", options)
        return made[key]

    return open_


def naive(model, conversation, label):
    """Score one label by one full forward pass over one unpadded sequence."""
    import torch

    prompt = model.tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in conversation],
        tokenize=False,
        add_generation_prompt=True,
    )
    before = model.tokenizer(prompt)["input_ids"]
    ids = model.tokenizer(prompt + label)["input_ids"]
    assert ids[: len(before)] == before
    with torch.inference_mode():
        logprobs = model.network(torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(float(logprobs[at - 1, ids[at]]) for at in range(len(before), len(ids)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("labels", [LABELS, ("yes indeed", "yes", "no, never", "maybe not")])
def test_label_scores_equal_a_plain_forward_pass(opened, kind, labels):
    model = opened(kind)
    scores = model.score_labels(TALKS, labels)
    for conversation, score in zip(TALKS, scores, strict=True):
        expected = [naive(model, conversation, label) for label in labels]
        assert score.logprobs == pytest.approx(expected, abs=1e-5)


def test_the_output_matrix_is_applied_to_the_wanted_positions_only(tiny):
    model = open_model(f"hf/{tiny('llama')}", {"dtype": "float32"})
    seen = []
    hook = model.network.lm_head.register_forward_hook(lambda m, i, o: seen.append(o.shape[:2]))
    try:
        model.score_labels(TALKS, ("y", "n"))
        first, *checks = seen
        assert first == (1, len(TALKS))  # one pass over one packed row, one position of each
        assert set(checks) == {(1, 1)}  # the first call scores some rows alone too
        seen.clear()
        model.score_labels(TALKS, ("y", "n"))
    finally:
        hook.remove()
    assert seen == [(1, len(TALKS))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", ["1", "2", "16"])
def test_scores_do_not_depend_on_batch_or_order(opened, kind, size):
    order = list(range(len(TALKS)))
    random.Random(3).shuffle(order)
    straight = opened(kind).score_labels(TALKS, LABELS)
    turned = opened(kind, batch_size=size).score_labels([TALKS[i] for i in order], LABELS)
    for at, score in zip(order, turned, strict=True):
        assert score.logprobs == pytest.approx(straight[at].logprobs, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_generation_equals_transformers_own_one_by_one(opened, kind):
    import torch

    model = opened(kind)
    together = model.generate(TALKS, Decoding(max_new_tokens=12))
    for conversation, generation in zip(TALKS, together, strict=True):
        turns = [{"role": m.role, "content": m.content} for m in conversation]
        ids = model.tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_dict=False
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row = model.network.generate(
                torch.tensor([ids]), do_sample=False, max_new_tokens=12, eos_token_id=1
            )[0, len(ids) :].tolist()
        assert generation.text == model.tokenizer.decode(row, skip_special_tokens=True)
        assert generation.output_tokens == len(row)
        assert generation.prompt_tokens == len(ids)
        assert generation.finish == ("stop" if row[-1] == 1 else "length")


def _variant(tiny, tmp_path, change):
    """Copy the tiny llama with its network changed in place."""
    from transformers import AutoModelForCausalLM

    directory = tmp_path / "variant"
    shutil.copytree(tiny("llama"), directory)
    network = AutoModelForCausalLM.from_pretrained(directory)
    change(network)
    network.save_pretrained(directory)
    return directory


def test_each_end_mark_of_the_shipped_list_stops_a_response(opened, tiny, tmp_path):
    import torch

    model = opened("llama")
    assert model.generate(TALKS[:1], Decoding(6))[0].finish == "length"
    prompt = model.tokenizer.apply_chat_template(
        [{"role": "user", "content": TEXTS[0]}], add_generation_prompt=True, return_dict=False
    )
    first = int(model.network(torch.tensor([prompt])).logits[0, -1].argmax())
    directory = tmp_path / "variant"
    shutil.copytree(tiny("llama"), directory)
    shipped = {"eos_token_id": [1, first], "do_sample": True, "temperature": 0.7, "top_k": 3}
    (directory / "generation_config.json").write_text(json.dumps(shipped))
    stopped = open_model(f"hf/{directory}", {"dtype": "float32"}).generate(TALKS[:1], Decoding(6))
    assert (stopped[0].text, stopped[0].finish, stopped[0].output_tokens) == ("", "stop", 1)


def test_shipped_sampling_defaults_do_not_touch_greedy(opened, tiny, tmp_path):
    directory = tmp_path / "variant"
    shutil.copytree(tiny("llama"), directory)
    shipped = {"do_sample": True, "temperature": 0.7, "repetition_penalty": 9.0, "eos_token_id": 1}
    (directory / "generation_config.json").write_text(json.dumps(shipped))
    changed = open_model(f"hf/{directory}", {"dtype": "float32"}).generate(TALKS, Decoding(12))
    plain = opened("llama").generate(TALKS, Decoding(12))
    assert [g.text for g in changed] == [g.text for g in plain]


def test_samples_depend_on_the_prompt_and_not_on_the_batch(opened):
    warm = Decoding(max_new_tokens=12, temperature=1.0)
    together = opened("llama").generate(TALKS, warm)
    alone = [opened("llama").generate([talk], warm)[0] for talk in TALKS]
    assert [g.text for g in together] == [g.text for g in alone]
    greedy = opened("llama").generate(TALKS, Decoding(max_new_tokens=12))
    assert [g.text for g in together] != [g.text for g in greedy]


def test_samples_have_the_softmax_s_frequencies(opened):
    import torch

    from lexgate.critic.hf._model import _GumbelNoise

    odds = torch.tensor([[0.7, 0.2, 0.1]])
    noise = _GumbelNoise([[5]], temperature=1.0)
    draws = torch.cat([noise(None, odds.log()).argmax(-1) for _ in range(4000)])
    shares = [float((draws == k).float().mean()) for k in range(3)]
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.03)  # 4 standard errors


def test_a_prompt_that_does_not_fit_says_how_long_it_is(opened):
    with pytest.raises(EvidenceError) as caught:
        opened("llama").generate([TALKS[0], as_conversation("word " * 300)], Decoding(200))
    assert "tokens, and only 56 fit beside 200 new ones in its context of 256" in str(caught.value)


def test_a_judged_text_that_does_not_fit_is_silence_and_the_others_are_scored(opened):
    long = as_conversation("word " * 300)
    first, second = opened("llama").score_labels([long, TALKS[0]], LABELS)
    assert isinstance(first, Silence)
    assert first.reason == "too_long"
    assert first.detail.endswith(" tokens, 256 fit")
    assert isinstance(second, LabelScores)


def test_the_identity_is_the_bytes_and_tells_how_it_runs(tiny):
    model = open_model(f"hf/{tiny('llama')}", {"dtype": "bfloat16"})
    assert model.identity.name == f"hf/{tiny('llama')}"
    assert model.identity.digest == manifest_of(tiny("llama")).digest
    details = dict(model.identity.details)
    assert details.pop("device") in {"cpu", "cuda"}
    assert details.pop("weights").startswith("sha256:")
    assert details == {"dtype": "bfloat16", "parameters": str(model.network.num_parameters())}


@pytest.mark.parametrize(
    ("stored", "flags", "chosen"),
    [
        ("float32", "avx512_bf16", "float32"),
        ("bfloat16", "avx512_bf16", "bfloat16"),
        ("bfloat16", "amx_bf16", "bfloat16"),
        ("bfloat16", "avx2", "float32"),
        ("float16", "avx512_bf16", "float32"),
        (None, "avx512_bf16", "float32"),
    ],
)
def test_a_cpu_computes_in_bf16_only_where_it_can(tmp_path, monkeypatch, stored, flags, chosen):
    from lexgate.critic.hf import _model

    (tmp_path / "cpuinfo").write_text(f"flags : {flags}")
    monkeypatch.setattr(_model, "_CPU_INFO", tmp_path / "cpuinfo")
    assert _model._dtype("hf/x", {}, {"dtype": stored}, "cpu") == chosen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int8"}, "dtype must be auto, float32, bfloat16, float16, not 'int8'"),
        ({"batch_size": "0"}, "batch_size must be a positive whole number, not '0'"),
        ({"batchsize": "2"}, "has no option 'batchsize'; it has batch_size, device, dtype"),
        ({"device": "abacus"}, "no device 'abacus' here"),
        ({"revision": "main"}, "is a directory: `revision` is for models of the hub"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_loaded(tiny, options, message):
    with pytest.raises(UsageError) as caught:
        open_model(f"hf/{tiny('llama')}", options)
    assert message in str(caught.value)


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny("llama"), tmp_path / "copy")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"no weights"),
        ("model.safetensors", b""),
        ("config.json", b'{"model_type": "nobody_knows"}'),
        ("config.json", b'{"model_type": "llama", "hidden_size": "wide"}'),
        ("tokenizer.json", b"{"),
    ],
)
def test_damaged_files_are_told_without_a_traceback(copy, name, content):
    (copy / name).write_bytes(content)
    with pytest.raises(EvidenceError, match=f"hf/{copy} cannot be loaded: "):
        open_model(f"hf/{copy}")


def test_missing_weights_are_not_filled_with_noise(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        EvidenceError, match=r"lacks 1 of its weights, such as model\.layers\.1\.mlp"
    ):
        open_model(f"hf/{copy}")


def test_a_tokenizer_of_another_model_is_refused(copy):
    path = copy / "tokenizer.json"
    data = json.loads(path.read_text())
    size = len(data["model"]["vocab"])
    data["model"]["vocab"] |= {f"word{i}": size + i for i in range(3)}
    path.write_text(json.dumps(data))
    with pytest.raises(EvidenceError, match=r"its tokenizer has \d+ tokens, its weights only"):
        open_model(f"hf/{copy}")


_EVIL = """
from pathlib import Path
Path({marker!r}).write_text("ran")
from transformers import LlamaConfig, LlamaForCausalLM
class Config(LlamaConfig): model_type = "evil"
class Model(LlamaForCausalLM): config_class = Config
"""


def test_code_of_a_candidate_does_not_run_unless_allowed(copy, tmp_path, monkeypatch):
    marker = tmp_path / "marker"
    (copy / "evil.py").write_text(_EVIL.format(marker=str(marker)))
    config = json.loads((copy / "config.json").read_text())
    config |= {"auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}}
    config |= {"model_type": "evil"}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match=r"it holds evil\.py; config\.json names modelling code"):
        open_model(f"hf/{copy}")
    (copy / "evil.py").rename(tmp_path / "evil.py")  # even where only the config names it
    with pytest.raises(UsageError, match="could run code of its own when loaded"):
        open_model(f"hf/{copy}")
    assert not marker.exists()
    (tmp_path / "evil.py").rename(copy / "evil.py")
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    model = open_model(f"hf/{copy}", allow_code=True)
    assert marker.exists()  # so the test can tell
    assert ("allow_code", "true") in model.identity.details


class _Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


def test_a_pickle_is_not_opened(copy, tmp_path):
    import torch

    (copy / "model.safetensors").unlink()
    torch.save({"weight": _Bomb(tmp_path / "marker")}, copy / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"pickled weights only \(pytorch_model\.bin\)"):
        open_model(f"hf/{copy}")
    assert not (tmp_path / "marker").exists()


def test_allowed_pickled_weights_load_and_are_told(copy):
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    model = open_model(f"hf/{copy}", allow_code=True)
    assert ("allow_code", "true") in model.identity.details
    assert len(model.generate(TALKS[:1], Decoding(2))) == 1


def test_weights_that_are_no_numbers_never_become_a_verdict(tiny, tmp_path, demo):
    def spoil(network):
        network.model.norm.weight.data.fill_(float("nan"))

    directory = _variant(tiny, tmp_path, spoil)
    critic = open_critic([f"hf/{directory}"], demo, {"dtype": "float32"})
    judgement = critic.judge([Exchange(as_conversation("How?"), "So.")], ["no-harm"])[0][0]
    assert judgement.reason == "failed"
    assert "are not log-probabilities" in judgement.detail


def test_a_random_network_puts_little_on_the_labels_and_so_abstains(tiny, demo):
    critic = open_critic([f"hf/{tiny('llama')}"], demo, {"dtype": "float32"})
    judgement = critic.judge([Exchange(as_conversation("How?"), "So.")], ["no-harm"])[0][0]
    assert judgement.reason == "low_label_mass"


def test_opening_and_asking_say_nothing_on_the_terminal(tiny, capfd):
    directory = tiny("gpt2")
    capfd.readouterr()  # making the directory draws a bar; using it must not
    model = open_model(f"hf/{directory}", {"dtype": "float32"})
    model.generate(TALKS, Decoding(2))
    model.score_labels(TALKS, LABELS)
    assert capfd.readouterr() == ("", "")


def test_a_small_model_runs_on_one_thread_and_gives_the_others_back(opened):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen = []
    model = opened("llama")
    hook = model.network.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    try:
        model.score_labels(TALKS, LABELS)
        assert (set(seen), torch.get_num_threads()) == ({1}, 2)  # whatever the number of passes
    finally:
        hook.remove()
        torch.set_num_threads(before)


def test_system_turns_reach_the_model(opened):
    with_, without = opened("llama").score_labels(
        [(Message("system", "No."), *TALKS[0]), TALKS[0]], LABELS
    )
    assert with_ != without


def test_what_is_no_directory_is_looked_for_on_the_hub(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError) as caught:
        open_model("hf/nobody/nothing", {"revision": "v1"})
    assert str(caught.value).startswith(
        "nobody/nothing is no directory here, and not obtainable in the offline cache at revision v1"
    )


def copied(tiny, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny("llama"), folder)
    return folder


@pytest.mark.parametrize(
    "shard", ["../outside/w.safetensors", "/elsewhere/w.safetensors", "gone.safetensors"]
)
def test_an_index_that_leads_out_of_the_directory_is_refused(tiny, tmp_path, shard):
    folder = copied(tiny, tmp_path)
    index = {"metadata": {}, "weight_map": {"model.embed_tokens.weight": shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(UsageError, match="which is no file of the directory"):
        open_model(f"hf/{folder}")


def test_weights_swapped_between_digest_and_load_are_refused(tiny, tmp_path, monkeypatch):
    from lexgate.critic.hf import _model

    folder = copied(tiny, tmp_path)
    read = _model._read_files

    def meddled(*arguments):
        shutil.copy2(folder / "model.safetensors", tmp_path / "other")
        (tmp_path / "other").replace(folder / "model.safetensors")
        return read(*arguments)

    monkeypatch.setattr(_model, "_read_files", meddled)

    with pytest.raises(EvidenceError, match="was written to while it was opened"):
        open_model(f"hf/{folder}")


def test_one_more_file_changes_the_digest_but_not_that_of_the_weights(tiny, tmp_path):
    folder = copied(tiny, tmp_path)
    before = open_model(f"hf/{folder}").identity
    (folder / "NOTE.md").write_text("x")
    after = open_model(f"hf/{folder}").identity

    assert before.digest != after.digest
    assert dict(before.details)["weights"] == dict(after.details)["weights"]


def test_a_config_with_fewer_layers_than_the_weights_is_refused(tiny, tmp_path):
    folder = copied(tiny, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] -= 1
    config.pop("layer_types", None)
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(EvidenceError, match="weights its config has no place for"):
        open_model(f"hf/{folder}")


def test_continuations_that_are_no_numbers_are_told(tiny):
    import torch

    model = open_model(f"hf/{tiny('llama')}", {"dtype": "float32"})
    with torch.no_grad():
        model.network.model.norm.weight.fill_(float("nan"))

    with pytest.raises(EvidenceError, match="no log-probability"):
        model.score_continuations([([5, 6], [7]), ([5, 6], [8])])
