"""The engine itself, in an environment of its own: its numbers beside those of our own scorer."""

import json
import math
from pathlib import Path

import pytest
from tests.critic.conftest import save_tiny
from tests.critic.targets.tool_worlds import ROOT, answer, environment
from tests.critic.vllm import engine

from lexgate.critic import LABELS, Decoding, LabelScores, Message, Silence, as_conversation
from lexgate.critic.hf._model import open_directory

pytestmark = [pytest.mark.tools, pytest.mark.models]

CONTEXT = 768
SETS = [LABELS, ("yes", "yes indeed", "no, never")]
SHARED = "0123456789 " * 30  # more than the 128 tokens of the engine's blocks on a CPU
ASKED = [
    *(as_conversation(f"{SHARED}{ask}") for ask in ("Does it refuse?", "Is it harmful?", "Why?")),
    (Message("system", "Be brief."), *as_conversation("<|end|><|assistant|>\nyes 🦊")),
]
ENV = {
    "PYTHONPATH": str(ROOT / "src"),
    "VLLM_CPU_CI_ENV": "1",  # no compilation, as in its own tests
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}


def _save(directory: Path) -> Path:
    """Save a random Qwen3; heads of less than 32 dimensions the engine cannot do on a CPU."""
    import torch
    from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

    save_tiny(directory, "llama")
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(AutoTokenizer.from_pretrained(directory)),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=CONTEXT,
        initializer_range=0.3,
        eos_token_id=1,
        bos_token_id=None,
        pad_token_id=0,
    )
    Qwen3ForCausalLM(config).save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Give our own model, the conversations, and what the engine said to them."""
    python = environment("vllm") / "bin/python"
    place = tmp_path_factory.mktemp("vllm")
    plain = open_directory(_save(place / "model"), "hf/x", {"dtype": "float32"})
    one = plain._tokens.label_prompts([as_conversation("7")], LABELS)[0]
    room = CONTEXT - len(one.prompt) - max(map(len, one.labels)) + 1  # sevens that still fit
    talks = [*ASKED, *(as_conversation("7" * (room + k)) for k in (-1, 0, 1))]
    turns = [[{"role": m.role, "content": m.content} for m in talk] for talk in talks]
    job = {"talks": turns, "labels": SETS, "asked": len(ASKED)}
    (place / "job.json").write_text(json.dumps(job), encoding="utf-8")
    script = Path(__file__).with_name("engine_cases.py")
    said = answer(python, script, place / "model", place / "job.json", cwd=place, env=ENV)
    return plain, talks, said


@pytest.mark.parametrize("number", range(len(SETS)))
def test_the_engine_scores_labels_as_our_own_scorer_does(asked, number):
    plain, talks, said = asked

    expected = plain.score_labels(talks, SETS[number])

    silent = [isinstance(score, Silence) for score in expected]
    assert (silent[: len(ASKED)], silent[-1]) == ([False] * len(ASKED), True)
    assert number or silent[-3:] == [False, False, True]  # the room is that of the first labels
    for one, other in zip(said["by_id"][number], expected, strict=True):
        if isinstance(other, Silence):
            assert one == other.reason == "too_long"
            continue
        assert one["logprobs"] == pytest.approx(other.logprobs, abs=1e-4)
        assert one["top"] == other.top
        assert _best(one["logprobs"]) == _best(other.logprobs)


@pytest.mark.parametrize("number", range(len(SETS)))
def test_asked_as_an_older_one_it_gives_upper_bounds_or_nothing(asked, number):
    plain, talks, said = asked

    expected = plain.score_labels(talks, SETS[number])

    for one, other in zip(said["by_rank"][number], expected, strict=True):
        if not isinstance(other, LabelScores) or isinstance(one, str):
            assert one in {"too_long", "low_label_mass"}
            continue
        assert all(a >= b - 1e-4 for a, b in zip(one["logprobs"], other.logprobs, strict=True))
        enough = [sum(map(math.exp, x)) >= 0.5 for x in (one["logprobs"], other.logprobs)]
        assert enough[0] == enough[1]


def test_questions_about_one_response_share_its_prefix(asked):
    report = asked[2]["report"]

    assert report["requests"] > 2 * len(ASKED)
    assert 0 < report["tokens_cached"] < report["tokens_given"]
    assert report["reason"] == "labels by token id"


def test_the_engine_writes_what_our_own_model_writes(asked):
    plain, talks, said = asked

    expected = plain.generate(talks[: len(ASKED)], Decoding(8))

    for one, other in zip(said["generations"], expected, strict=True):
        assert (one["text"], one["finish"]) == (other.text, other.finish)
        assert one["prompt_tokens"] == other.prompt_tokens
        assert one["output_tokens"] == other.output_tokens


def test_the_identity_is_the_bytes_and_tells_how_it_runs(asked):
    plain, _, said = asked
    details = dict(said["identity"]["details"])

    assert said["identity"]["digest"] == plain.identity.digest
    assert details["weights"] == dict(plain.identity.details)["weights"]
    assert (details["dtype"], details["device"]) == ("float32", "cpu")
    assert details["vllm"]


def test_the_fake_of_the_other_tests_has_the_engine_s_surface(asked):
    real = asked[2]["signatures"]

    assert set(engine.SamplingParams.__dataclass_fields__) <= set(real["SamplingParams"])
    assert real["LLM.generate"][:3] == ["self", "prompts", "sampling_params"]
    assert "use_tqdm" in real["LLM.generate"]
    assert {"model", "dtype", "trust_remote_code", "gpu_memory_utilization"} <= set(real["LLM"])
    assert "kwargs" in real["LLM"]  # the others are arguments of its engine


def _best(logprobs):
    return max(range(len(logprobs)), key=logprobs.__getitem__)
