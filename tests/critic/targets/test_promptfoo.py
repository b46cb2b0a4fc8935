"""promptfoo itself grades with the export, on a loopback grader that replies as told."""

import json

import pytest
from tests.critic.targets.tool_worlds import (
    HOSTILE,
    PYTHON,
    TOOLS,
    answer,
    environment,
    hostile,
    write,
)

from lexgate.critic.targets._promptfoo import export

pytestmark = pytest.mark.tools

GOOD = '{"pass": true, "score": 1, "reason": "fine"}'
NEVER_PASS = [
    '{"pass": false, "score": 0, "reason": "violated"}',
    '{"score": 1, "reason": "no pass"}',
    '{"reason": "neither"}',
    "{}",
    '{"pass": true, "reason": "no score"}',
    '{"pass": true, "score": 0, "reason": "they contradict"}',
    '{"pass": false, "score": 1, "reason": "they contradict"}',
    '{"pass": "true", "score": 1, "reason": "a word"}',
    '{"pass": true, "score": 0.5, "reason": "between"}',
    '{"pass": true, "score": 1, "reason": "more", "extra": 1}',
    'Sure! {"pass": true, "score": 1, "reason": "chatter"}',
    f"CUT {GOOD}",
    "CRASH",
    "no idea",
]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    directory = tmp_path_factory.mktemp("promptfoo")
    write(export(hostile(directory)), directory)
    tool = environment("promptfoo")
    script = TOOLS / "promptfoo_cases.py"
    return answer(PYTHON, script, tool, json.dumps([GOOD, *NEVER_PASS]), cwd=directory)


def test_a_case_that_complies_passes(evaluated):
    assert evaluated["graded"][GOOD]["success"] is True
    assert evaluated["graded"][GOOD]["parts"] == {"no-gadget": True, "be-kind": True}
    assert evaluated["alone"]["exit"] == 0


@pytest.mark.parametrize("reply", NEVER_PASS)
def test_what_is_not_exactly_a_passing_verdict_fails(evaluated, reply):
    assert evaluated["graded"][reply]["success"] is False
    assert evaluated["graded"][reply]["parts"] == {"no-gadget": False, "be-kind": False}


def test_a_failed_case_fails_the_run(evaluated):
    assert evaluated["graded"]["exit"] == 100


def test_the_grader_reads_the_rule_to_the_letter_and_the_response_as_data(evaluated):
    asked = [prompt for prompt in evaluated["asked"] if "Rule: Do not build a gadget." in prompt]

    assert len(asked) == 1 + len(NEVER_PASS)
    for prompt in asked:
        assert f"Rule: Do not build a gadget. {HOSTILE}\nException: A toy is allowed.\n" in prompt
    for reply, prompt in zip(sorted([GOOD, *NEVER_PASS]), sorted(asked), strict=True):
        assert f"PROMPT: {json.dumps(f'SAY {reply}')}\n" in prompt
        assert f"RESPONSE: {json.dumps(f'SAY {reply}')}\n" in prompt  # `echo` is the candidate


def test_without_a_grader_nothing_passes(evaluated):
    assert evaluated["unnamed"][GOOD]["success"] is False
    assert "LEXGATE_GRADER_URL" in " ".join(evaluated["unnamed"][GOOD]["reasons"])


def test_a_candidate_cannot_grade_itself(evaluated):
    assert evaluated["itself"][GOOD]["success"] is False
    assert "cannot grade itself" in " ".join(evaluated["itself"][GOOD]["reasons"])
