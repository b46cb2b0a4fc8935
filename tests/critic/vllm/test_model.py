"""Labels through vLLM's surface: the numbers of a plain forward pass, or none."""

import importlib.util
import math
import shutil
import sys
from types import ModuleType, SimpleNamespace

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
    "options",
    [
        {"dtyp": "auto"},
        {"dtype": "int8"},
        {"max_model_len": "0"},
        {"max_model_len": "1.5"},
        {"gpu_memory_utilization": "nan"},
        {"gpu_memory_utilization": "2"},
    ],
)
def test_wrong_options_are_told(tiny, options):
    with pytest.raises(UsageError):
        open_vllm(str(tiny()), options)


@pytest.mark.parametrize(
    ("low", "high", "agree"),
    [
        ((0.6, 0.0), (0.6, 0.05), True),  # one leads, whatever the other gets
        ((0.0, 0.0), (0.01, 0.01), True),  # too little on both
        ((0.48, 0.0), (0.48, 0.05), False),  # enough or not
        ((0.0, 0.0), (0.3, 0.3), False),
    ],
)
def test_a_bound_counts_only_where_the_same_is_read_at_both(low, high, agree):
    from lexgate.critic.vllm._model import _agree

    def logs(values):
        return [math.log(x) if x else -math.inf for x in values]

    assert _agree(logs(low), logs(high)) is agree


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny(), tmp_path / "copy")


@pytest.fixture
def asked_of_the_engine(monkeypatch):
    """Put an engine in vLLM's place, and note how it was started."""
    started = []

    def start(**how):
        started.append(how)
        model = SimpleNamespace(dtype=f"torch.{how['dtype']}", max_model_len=256)
        device = SimpleNamespace(device_type="cpu")
        config = SimpleNamespace(model_config=model, device_config=device)
        return SimpleNamespace(llm_engine=SimpleNamespace(vllm_config=config))

    module = ModuleType("vllm")
    module.__version__, module.LLM, module.SamplingParams = "0", start, engine.SamplingParams
    monkeypatch.setitem(sys.modules, "vllm", module)
    return started


def test_opening_keeps_float32_and_runs_no_code(copy, asked_of_the_engine):
    model = open_vllm(str(copy), {"gpu_memory_utilization": "0.5", "max_model_len": "64"})

    how = asked_of_the_engine[0]
    assert (how["model"], how["dtype"], how["load_format"]) == (str(copy), "float32", "safetensors")
    assert (how["gpu_memory_utilization"], how["max_model_len"]) == (0.5, 64)
    assert how["enable_prefix_caching"]
    assert not how["trust_remote_code"]
    assert model.identity.digest == open_model(f"hf/{copy}").identity.digest
    assert dict(model.identity.details) == {
        "device": "cpu",
        "dtype": "float32",
        "vllm": "0",
        "weights": dict(open_model(f"hf/{copy}").identity.details)["weights"],
    }


def _spoil(directory, change):
    from safetensors.torch import load_file, save_file

    weights = load_file(directory / "model.safetensors")
    change(weights)
    save_file(weights, directory / "model.safetensors", {"format": "pt"})


def test_missing_weights_are_not_left_as_memory_was(copy, asked_of_the_engine):
    _spoil(copy, lambda weights: weights.pop("model.layers.1.mlp.up_proj.weight"))

    with pytest.raises(EvidenceError, match=r"lacks 1 of its weights, such as model\.layers\.1"):
        open_vllm(str(copy), {})
    assert asked_of_the_engine == []


def test_weights_of_other_names_cannot_be_checked_and_the_identity_says_so(
    copy, asked_of_the_engine
):
    name = "model.layers.1.mlp.up_proj.weight"
    _spoil(copy, lambda weights: weights.update({f"{name}_packed": weights.pop(name)}))

    details = dict(open_vllm(str(copy), {}).identity.details)

    assert details["weights_complete"] == "not checked"


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x02" + b"\0" * 7 + b"[]"])
def test_damaged_weights_are_told_before_the_engine_starts(copy, asked_of_the_engine, content):
    (copy / "model.safetensors").write_bytes(content)

    with pytest.raises(EvidenceError, match="cannot be loaded"):
        open_vllm(str(copy), {})
    assert asked_of_the_engine == []


def test_a_checkpoint_written_to_while_it_is_opened_is_refused(
    copy, asked_of_the_engine, monkeypatch
):
    start = sys.modules["vllm"].LLM

    def meddle(**how):
        (copy / "config.json").touch()
        return start(**how)

    monkeypatch.setattr(sys.modules["vllm"], "LLM", meddle)
    with pytest.raises(EvidenceError, match="was written to while it was opened"):
        open_vllm(str(copy), {})
