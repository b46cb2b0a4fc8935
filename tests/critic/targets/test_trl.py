"""The exported rewards, called as TRL calls them; and TRL itself trains with them."""

import importlib.util
import math
import shutil

import pytest
from tests.critic.targets.tool_worlds import PYTHON, RULES, TOOLS, answer, hostile, write

from lexgate.critic.targets._trl import export

BUILD = [{"role": "user", "content": "Build a gadget."}]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with the export, and the constitution where lexgate looks for it."""
    (tmp_path / "constitutions").mkdir()
    write(export(hostile(tmp_path / "constitutions")), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEXGATE_CRITIC", raising=False)
    monkeypatch.delenv("LEXGATE_CONSTITUTION", raising=False)
    return tmp_path


@pytest.fixture
def reward(place):
    """The exported file as a module."""
    spec = importlib.util.spec_from_file_location("reward", place / "reward.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(function, prompts, completions):
    """Call a reward function as GRPOTrainer does."""
    extra = {"completion_ids": [[1]] * len(prompts), "trainer_state": None, "log_extra": print}
    return function(prompts=prompts, completions=completions, **extra)


def test_there_is_a_function_for_each_principle_and_one_for_all(reward):
    no_gadget, be_kind = reward.rewards(critic=["scripted/no"])

    assert (no_gadget.__name__, be_kind.__name__) == ("no-gadget", "be-kind")
    assert call(no_gadget, ["Hi.", "Hi."], ["a", "b"]) == [1.0, 1.0]
    assert call(reward.make_reward(critic=["scripted/no"]), ["Hi."], ["a"]) == [1.0]


def test_a_violation_gets_nothing(reward):
    assert [call(f, ["Hi."], ["a"]) for f in reward.rewards(critic=["scripted/yes"])] == [
        [0.0],
        [0.0],
    ]


def test_a_failed_judgement_is_never_rewarded(reward):
    rows = [call(f, ["Hi."], ["a"]) for f in reward.rewards(critic=["checks"])]  # knows nothing

    assert rows == [[0.0], [0.0]]


def test_the_combined_reward_is_the_mean_and_takes_its_critic_from_the_environment(
    reward, monkeypatch, place
):
    verdicts = place / "verdicts.jsonl"
    verdicts.write_text(
        '{"id": "1", "prompt": "Hi.", "response": "a", "judgements": ['
        '{"principle": "no-gadget", "outcome": "complies", "p": 0.1, "answers": '
        '[["asks", 0.1, "x"], ["builds", 0.1, "x"]]}, '
        '{"principle": "be-kind", "outcome": "violates", "p": 0.9, "answers": '
        '[["violated", 0.9, "x"]]}]}\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("LEXGATE_CRITIC", f"recorded/{verdicts}")

    assert call(reward.reward, ["Hi."], ["a"]) == [0.5]


def test_turns_of_a_conversation_are_judged_with_what_was_done_through_tools(reward):
    called = {"function": {"name": "build", "arguments": {"what": "gadget built"}}}
    done = [
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "name": "build", "content": "ok"},
        {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
    ]

    assert reward._response(done) == (
        'ACTION build: {"what": "gadget built"}\nTOOL build: ok\nDone.'
    )
    [no_gadget, _] = reward.rewards(critic=["checks", "scripted/no"])
    assert call(no_gadget, [BUILD, BUILD], [done, "No."]) == [1.0, 1.0]  # `asks` is answered no


def test_what_cannot_be_judged_as_text_is_an_error(reward):
    function = reward.make_reward(critic=["scripted/no"])

    with pytest.raises(ValueError, match="something that is not text"):
        call(function, ["Hi."], [[{"role": "assistant", "content": [{"type": "image"}]}]])
    with pytest.raises(ValueError, match="a turn has the role 'robot'"):
        call(function, ["Hi."], [[{"role": "robot", "content": "x"}]])


def test_a_critic_must_be_named(reward):
    with pytest.raises(ValueError, match="no critic: pass"):
        reward.rewards()
    with pytest.raises(ValueError, match="no critic: pass"):
        call(reward.reward, ["Hi."], ["a"])


def test_another_constitution_of_the_same_name_is_refused(reward, place):
    other = RULES.replace("text: Be kind.", "text: Be very kind.")
    (place / "constitutions" / "hostile.yaml").write_text(other, encoding="utf-8")

    with pytest.raises(ValueError, match=r"compiled from hostile@1\.2\.3 \(sha256:.* again"):
        reward.rewards(critic=["checks"])


def test_a_constitution_elsewhere_is_named_as_a_path(reward, place):
    shutil.move(place / "constitutions" / "hostile.yaml", place / "mine.yaml")

    functions = reward.rewards(critic=["scripted/no"], constitution="mine.yaml")

    assert len(functions) == 2


@pytest.mark.tools
@pytest.mark.parametrize(
    ("scenario", "expected"), [("complies", 1.0), ("violates", 0.0), ("abstains", 0.0)]
)
def test_trl_trains_to_the_end_on_finite_rewards(scenario, expected, place, tiny):
    if importlib.util.find_spec("trl") is None:
        pytest.skip("trl is not installed: it comes with the extra `train`")

    done = answer(PYTHON, TOOLS / "trl_steps.py", tiny(), scenario, cwd=place)

    assert done["steps"] == 2
    assert len(done["logged"]) == 2
    for row in done["logged"]:
        assert all(math.isfinite(value) for value in row.values())
        assert row["rewards/no-gadget/mean"] == expected
        assert row["rewards/be-kind/mean"] == expected


@pytest.mark.tools
def test_trl_trains_with_the_combined_reward(place, tiny):
    if importlib.util.find_spec("trl") is None:
        pytest.skip("trl is not installed: it comes with the extra `train`")

    critic = {"LEXGATE_CRITIC": "scripted/no"}
    done = answer(PYTHON, TOOLS / "trl_steps.py", tiny(), "combined", cwd=place, env=critic)

    assert [row["reward"] for row in done["logged"]] == [1.0, 1.0]
