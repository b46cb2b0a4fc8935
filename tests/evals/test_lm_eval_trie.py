"""lm-eval on our engine: the same numbers as its own model class, whatever the order and chunks."""

import json
import random
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexgate.critic import open_model
from lexgate.evals import ScoreRow, evaluate, load_suite

pytestmark = pytest.mark.models

LONGEST = 24
WORDS = 40
PREFIX = WORDS - 3  # the id that stands for an empty context

TASK = """\
task: letters
dataset_path: json
dataset_kwargs: {data_files: {test: letters.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{prompt}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{target}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""
SUITE = """\
suite: tiny
version: 1.0.0
tasks:
  - {id: plain, kind: lm_eval, include: letters.yaml, data: letters.jsonl, metric: acc}
  - {id: norm, kind: lm_eval, include: letters.yaml, data: letters.jsonl, metric: acc_norm}
"""

slowly = settings(deadline=None, max_examples=40)
ids = st.lists(st.integers(0, 4), min_size=1, max_size=6)
# Few different tokens, so that contexts repeat, nest and part late; some do not fit.
long = st.lists(st.integers(0, 1), min_size=LONGEST - 6, max_size=LONGEST + 9)
pairs = st.tuples(ids | long, ids | st.just([3] * LONGEST))
batches = st.lists(pairs, min_size=1, max_size=24)


@pytest.fixture(scope="module", autouse=True)
def _sharing():
    """Have a model this small share prefixes: as it is, running them anew costs less."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lexgate.critic.hf._scorer._call", lambda _network: 1.0)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("model")
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    words = [*(f"w{i}" for i in range(PREFIX)), *special.values()]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, special["unk_token"]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(path)
    torch.manual_seed(5)
    shape = LlamaConfig(
        vocab_size=WORDS,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=LONGEST,
        bos_token_id=PREFIX,
        eos_token_id=PREFIX + 1,
        pad_token_id=None,
        initializer_range=0.3,
    )
    LlamaForCausalLM(shape).save_pretrained(path)
    return open_model(f"hf/{path}", {"device": "cpu"})


@pytest.fixture(scope="module")
def ours(model):
    from lexgate.evals._lm_eval_trie import TrieLM

    return TrieLM(model, model.tokenizer, batch_size=4)


@pytest.fixture(scope="module")
def theirs(model):
    from lm_eval.models.huggingface import HFLM

    # Their logits cache is off: see the test of it below.
    return HFLM(
        pretrained=model.network, tokenizer=model.tokenizer, batch_size=4, logits_cache=False
    )


def ask(lm, requests):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lm._loglikelihood_tokens(
            [((str(a), str(b)), list(a), list(b)) for a, b in requests], disable_tqdm=True
        )


def same(one, other, within=1e-5):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert abs(a[0] - b[0]) <= within
        assert a[1] is b[1]
        assert type(a[0]) is float


@slowly
@given(batches)
def test_numbers_are_lm_evals_own(ours, theirs, requests):
    same(ask(ours, requests), ask(theirs, requests))


@slowly
@given(batches, st.randoms(use_true_random=False))
def test_results_follow_their_requests(ours, requests, draw):
    order = draw.sample(range(len(requests)), len(requests))

    shuffled = ask(ours, [requests[i] for i in order])

    plain = ask(ours, requests)
    same(shuffled, [plain[i] for i in order])


@pytest.mark.parametrize(("rows", "tokens"), [(1, 10**6), (3, 10**6), (10**6, 40), (10**6, 1)])
def test_chunks_change_nothing(ours, monkeypatch, rows, tokens):
    draw = random.Random(1)
    preamble = [draw.randrange(WORDS) for _ in range(12)]
    requests = [([*preamble, i % 5], [draw.randrange(WORDS)] * (1 + i % 2)) for i in range(30)]
    whole = ask(ours, requests)
    sizes = []
    call = ours._candidate.score_continuations
    monkeypatch.setattr(
        ours._candidate, "score_continuations", lambda part: sizes.append(len(part)) or call(part)
    )
    monkeypatch.setattr("lexgate.evals._lm_eval_trie._ROWS", rows)
    monkeypatch.setattr("lexgate.evals._lm_eval_trie._TOKENS", tokens)

    same(ask(ours, requests), whole)
    assert sum(sizes) == 30
    assert max(sizes) <= max(1, min(rows, tokens // 14))


def test_a_shared_preamble_is_computed_once(model, ours):
    preamble = [7, 3, 9, 1, 4, 2, 8, 6, 5, 0] * 2
    requests = [([*preamble, i], [choice]) for i in range(16) for choice in range(4)]
    before = model.scorer.report()

    ask(ours, requests)

    after = model.scorer.report()
    assert after["rows"] - before["rows"] == 16  # four choices, one row
    # Other tests' openings are forgotten: at most the preamble, a node of it, and the rows' rests.
    assert after["tokens_computed"] - before["tokens_computed"] <= 20 + 20 + 16


def instances(*arguments):
    from lm_eval.api.instance import Instance

    return [Instance("loglikelihood", {}, each, i) for i, each in enumerate(arguments)]


def test_texts_with_and_without_context_score_alike(ours, theirs):
    requests = instances(
        ("", "w1"), ("", "w1 w2 w3"), ("w4 w5", " w6"), ("w4 w5 ", "w6 w7"), ("", "<s> w1"),
        (" ".join(["w8"] * 40), " w1 w2"),
    )  # fmt: skip
    found = ours.loglikelihood(requests, disable_tqdm=True)

    same(found, theirs.loglikelihood(requests, disable_tqdm=True))


def test_rolling_likelihoods_are_the_same(ours, theirs):
    texts = instances(("w1 w2 w3 w4",), (" ".join(f"w{i % 30}" for i in range(70)),))
    found = ours.loglikelihood_rolling(texts, disable_tqdm=True)

    expected = theirs.loglikelihood_rolling(texts, disable_tqdm=True)
    assert found == pytest.approx(expected, abs=1e-4)  # the sum of 70


def test_answers_reach_lm_evals_cache_one_by_one(ours, monkeypatch):
    kept = []
    monkeypatch.setattr(ours.cache_hook, "add_partial", lambda *entry: kept.append(entry))
    requests = [([1, 2], [3]), ([1], [2, 3]), ([1, 2], [3])]

    answers = ask(ours, requests)
    ours._loglikelihood_tokens([(None, [1], [2])], disable_tqdm=True)  # a rolling window

    assert [(name, answer) for name, _, answer in kept] == [
        ("loglikelihood", answers[i]) for i in (1, 0, 2)
    ]
    assert {text for _, text, _ in kept} == {("[1]", "[2, 3]"), ("[1, 2]", "[3]")}


@pytest.mark.parametrize(("context", "after"), [([], [1]), ([1], []), ([1], [1] * (LONGEST + 1))])
def test_requests_that_lm_eval_refuses_are_refused(ours, theirs, context, after):
    with pytest.raises(ValueError, match=f"of {len(context)} and {len(after)} tokens"):
        ask(ours, [(context, after)])
    with pytest.raises(AssertionError):
        ask(theirs, [(context, after)])


def test_no_requests_have_no_answers(ours):
    assert ask(ours, []) == []


def test_other_kinds_of_models_are_left_to_lm_eval(ours, monkeypatch):
    from lm_eval.models.huggingface import HFLM

    monkeypatch.setattr(ours, "backend", "seq2seq")
    monkeypatch.setattr(HFLM, "_loglikelihood_tokens", lambda _self, *given: given)

    assert ours._loglikelihood_tokens([], True, 3) == ([], True, 3)


def test_why_lm_evals_logits_cache_is_no_standard(model, ours, theirs):
    from lm_eval.models.huggingface import HFLM

    cached = HFLM(pretrained=model.network, tokenizer=model.tokenizer, batch_size=4)
    split = [([1, 2], [3]), ([1], [2, 3])]  # one sequence, parted at two places

    same(ask(ours, split), ask(theirs, split))
    assert abs(ask(cached, split)[0][0] - ask(theirs, split)[0][0]) > 1e-2
    alike = [([1, 2], [3]), ([1, 2], [4]), ([1, 3], [4])]
    same(ask(cached, alike), ask(ours, alike))


def test_a_suite_is_scored_as_by_lm_evals_own_class(model, theirs, tmp_path, monkeypatch):
    draw = random.Random(3)
    choices = ["w1", "w2 w3", "w4", "w5 w6 w7"]
    rows = [
        {
            "prompt": " ".join(f"w{draw.randrange(30)}" for _ in range(8)),
            "choices": choices,
            "target": draw.randrange(4),
        }
        for _ in range(40)
    ]
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "letters.yaml").write_text(TASK)
    (tmp_path / "letters.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def scores(where):
        run = evaluate(load_suite(tmp_path / "suite.yaml"), model, None, directory=tmp_path / where)
        assert run.complete
        return [(row.task, row.sample, row.value) for row in run.rows() if type(row) is ScoreRow]

    before = model.scorer.rows
    found = scores("ours")
    assert model.scorer.rows > before
    monkeypatch.setattr("lexgate.evals._lm_eval.Harness._model", lambda _self: theirs)

    assert found == scores("theirs")
    assert 0 < sum(value for _, _, value in found) < len(found) == 80
