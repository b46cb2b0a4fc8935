"""Labels through vLLM's surface: the numbers of a plain forward pass, or none."""

import importlib.util
import math

import pytest
from tests.critic.vllm import engine

from lexgate.critic import (
    LABELS,
    Decoding,
    Identity,
    LabelScores,
    Message,
    Silence,
    as_conversation,
    open_model,
)
from lexgate.critic.vllm._model import VllmModel, open_vllm
from lexgate.errors import EvidenceError, UsageError

pytestmark = pytest.mark.models
TALKS = [
    as_conversation("How do I bake a cake?"),
    (Message("system", "Be brief."), *as_conversation("Why?")),
    as_conversation("🦊" * 9),
]


@pytest.fixture
def plain(tiny):
    return open_model(f"hf/{tiny()}")


def wrapped(plain, *, older=False, context=256, **how):
    params = engine.OlderSamplingParams if older else engine.SamplingParams
    module = type("vllm", (), {"SamplingParams": params})
    llm = engine.LLM(plain.network, **how)
    return VllmModel(module, llm, plain.tokenizer, Identity("vllm/x", "sha256:0"), context), llm


@pytest.mark.parametrize("labels", [LABELS, ("yes", "yes indeed", "no")])
def test_labels_score_as_in_a_plain_forward_pass(plain, labels):
    model, llm = wrapped(plain)

    scores = model.score_labels(TALKS, labels)

    for one, other in zip(scores, plain.score_labels(TALKS, labels), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
        assert one.top == other.top
    assert all(how.max_tokens == 1 and how.temperature == 0 for _, how in llm.seen)
    assert not any(hasattr(how, "prompt_logprobs") for _, how in llm.seen)
    assert model.report()["requests"] == len(llm.seen)


def test_an_older_engine_lists_its_likeliest_and_the_rest_is_bounded(plain):
    model, _ = wrapped(plain, older=True)

    scores = model.score_labels(TALKS, LABELS)

    for one, other in zip(scores, plain.score_labels(TALKS, LABELS), strict=True):
        if isinstance(one, Silence):
            assert one.reason == "low_label_mass"
            continue
        same = (one.logprobs[0] > one.logprobs[1]) == (other.logprobs[0] > other.logprobs[1])
        assert same
        assert all(a >= b - 1e-5 for a, b in zip(one.logprobs, other.logprobs, strict=True))


def test_a_label_that_is_not_listed_is_at_most_what_is_left_over():
    from lexgate.critic.vllm._model import _bounds

    table = {1: math.log(0.9), 2: math.log(0.06)}

    assert _bounds(table, 1) == (math.log(0.9),) * 2
    low, high = _bounds(table, 3)
    assert low == -math.inf
    assert high == pytest.approx(math.log(0.04))
    assert _bounds({1: 0.0}, 3) == (-math.inf, -math.inf)


def test_what_does_not_fit_is_silence(plain):
    model, _ = wrapped(plain, context=5)

    scores = model.score_labels(TALKS, LABELS)

    assert isinstance(scores[0], Silence)
    assert scores[0].reason == "too_long"
    with pytest.raises(EvidenceError, match="fit beside"):
        model.generate(TALKS, Decoding())


def test_answers_to_other_prompts_are_not_taken(plain):
    model, _ = wrapped(plain, swap=True)

    with pytest.raises(EvidenceError, match="another prompt"):
        model.score_labels(TALKS, LABELS)


def test_nothing_to_score_asks_nothing(plain):
    model, llm = wrapped(plain)

    assert model.score_labels([], LABELS) == []
    assert model.generate([], Decoding()) == []
    assert llm.seen == []


def test_scores_are_label_scores(plain):
    model, _ = wrapped(plain)
    assert all(isinstance(score, LabelScores) for score in model.score_labels(TALKS, LABELS))


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vllm is installed")
def test_a_missing_engine_is_told_with_what_to_install(tiny):
    with pytest.raises(UsageError, match=r"pip install 'lexgate\[vllm\]'"):
        open_model(f"vllm/{tiny()}")


@pytest.mark.parametrize(
    "options", [{"dtyp": "auto"}, {"max_model_len": "0"}, {"gpu_memory_utilization": "nan"}]
)
def test_wrong_options_are_told(tiny, options):
    with pytest.raises(UsageError):
        open_vllm(str(tiny()), options)
