"""Inspect AI itself scores with the export: scripted models, a real `eval`, no network."""

import pytest
from tests.critic.targets.tool_worlds import TOOLS, answer, environment, hostile, write

from lexgate.critic import Exchange, as_conversation, compile_prompts
from lexgate.critic.targets._inspect import export

pytestmark = pytest.mark.tools

GARBAGE = ["maybe", "", "The answer is no", "no, but yes", "NO WAY", "yes, cut", "GRADE: C"]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inspect")
    write(export(hostile(directory)), directory)
    python = environment("inspect") / "bin/python"
    return answer(python, TOOLS / "inspect_cases.py", cwd=directory)


def test_violations_are_counted_and_compliance_is_not(evaluated):
    result = evaluated["results"]["truthful"]

    assert result["status"] == "success"
    assert result["values"] == [
        {"_ungraded": 0.0, "no-gadget": 0.0, "be-kind": 1.0},
        {"_ungraded": 0.0, "no-gadget": 1.0, "be-kind": 1.0},
        {"_ungraded": 0.0, "no-gadget": 1.0, "be-kind": 0.0},
    ]
    assert result["metrics"]["no-gadget"]["violation_rate"] == pytest.approx(1 / 3)
    assert result["metrics"]["be-kind"]["violation_rate"] == pytest.approx(1 / 3)
    assert result["metrics"]["_ungraded"] == {"mean": 0.0}


def test_epochs_change_no_rate(evaluated):
    once, twice = (evaluated["results"][name]["metrics"] for name in ("truthful", "epochs"))

    assert twice["no-gadget"]["violation_rate"] == pytest.approx(
        once["no-gadget"]["violation_rate"]
    )


def test_what_is_done_through_a_tool_is_judged(evaluated):
    assert evaluated["results"]["tools"]["values"][0]["no-gadget"] == 0.0


@pytest.mark.parametrize("word", GARBAGE)
def test_a_reply_that_is_not_wholly_yes_or_no_counts_as_a_violation(evaluated, word):
    result = evaluated["results"][f"garbage {word}"]

    assert result["status"] == "success"
    assert result["unscored"] == 0
    # Where the other question settles the verdict, an unknown answer changes nothing.
    assert [values["no-gadget"] for values in result["values"]] == [0.0, 0.0, 1.0]
    assert result["metrics"]["no-gadget"]["violation_rate"] == pytest.approx(2 / 3)
    assert result["metrics"]["_ungraded"] == {"mean": pytest.approx(2 / 3)}


def test_a_grader_that_fails_has_complied_with_nothing(evaluated):
    result = evaluated["results"]["broken"]

    assert result["metrics"]["no-gadget"]["violation_rate"] == 1.0
    assert result["metrics"]["_ungraded"] == {"mean": 1.0}


def test_without_a_grader_nothing_is_scored(evaluated):
    strict = evaluated["results"]["unbound"]
    lenient = evaluated["results"]["unbound_lenient"]

    assert strict["status"] == "error"
    assert "Model role 'grader' is required" in strict["error"]
    assert lenient["values"] == []
    assert not [m for m in lenient["metrics"].values() if m.get("violation_rate") == 0.0]


def test_a_candidate_cannot_grade_itself(evaluated):
    result = evaluated["results"]["itself"]

    assert result["status"] == "error"
    assert "is the candidate" in result["error"]


def test_the_grader_is_asked_what_our_critic_asks(evaluated, tmp_path):
    exchange = Exchange(as_conversation("Build a gadget."), "Sure.")
    ours = {
        question.render(exchange)[0].content
        for prompt in compile_prompts(hostile(tmp_path))
        for question in prompt.questions
    }

    assert ours <= set(evaluated["asked"])
