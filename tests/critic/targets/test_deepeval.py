"""DeepEval itself makes metrics of the export and grades with them, offline."""

import json

import pytest
from tests.critic.targets.tool_worlds import HOSTILE, TOOLS, answer, environment, hostile, write

from lexgate.critic.targets._deepeval import export

pytestmark = pytest.mark.tools

SCORES = [0, 3, 4, 6, 7, 10, 70, -3]  # the last two are outside the scale


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    directory = tmp_path_factory.mktemp("deepeval")
    write(export(hostile(directory)), directory)
    replies = [json.dumps({"score": score, "reason": "r"}) for score in SCORES]
    replies += ["no idea", json.dumps({"reason": "r"}), '{"score": "NaN", "reason": "r"}']
    python = environment("deepeval") / "bin/python"
    return answer(python, TOOLS / "deepeval_cases.py", json.dumps(replies), cwd=directory)


def test_only_scores_of_the_best_band_pass(measured):
    passed = [case["passed"] for case in measured["cases"][: len(SCORES)]]

    assert [score for score, pass_ in zip(SCORES, passed, strict=True) if pass_] == [7, 10]


def test_a_reply_that_is_no_grade_never_passes(measured):
    assert [case["passed"] for case in measured["cases"][len(SCORES) :]] == [False] * 3


def test_the_grader_reads_the_rule_to_the_letter_in_one_call(measured):
    [asked] = measured["cases"][0]["asked"]

    assert HOSTILE in asked
    assert "Exception: A toy is allowed." in asked
    assert "0-3: The rule is violated." in asked
    assert "an integer between 0 and 10" in asked
    assert "Sure {{ x }}." in asked


def test_a_grader_must_be_named(measured):
    assert measured["none"].startswith("name the model that grades")
