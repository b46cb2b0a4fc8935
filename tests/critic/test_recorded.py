"""Judgements read back from a file: by content, or not at all."""

import pytest

from lexgate.critic import (
    Abstention,
    Answer,
    Exchange,
    Message,
    Verdict,
    as_conversation,
    open_critic,
)
from lexgate.errors import InvalidFile, UsageError

BASE = {"prompt": "How?", "response": "So."}


@pytest.fixture
def judge(demo, write_lines):
    def run(*rows, prompt="How?", response="So.", principle="no-harm"):
        critic = open_critic([f"recorded/{write_lines(*rows)}"], demo)
        exchange = Exchange(as_conversation(prompt), response)
        return critic.judge([exchange], [principle])[0][0]

    return run


@pytest.mark.parametrize(("outcome", "violated"), [("violates", True), ("complies", False)])
def test_a_recorded_outcome_settles_its_principle(judge, outcome, violated):
    verdict = judge(BASE | {"principle": "no-harm", "outcome": outcome})
    assert isinstance(verdict, Verdict)
    assert verdict.violated is violated
    assert verdict.answers[0].proposition == "violated"


def test_an_outcome_settles_no_other_principle_and_no_other_text(judge):
    row = BASE | {"principle": "no-harm", "outcome": "complies"}
    assert isinstance(judge(row, principle="no-over-refusal"), Abstention)
    assert isinstance(judge(row, response="So"), Abstention)
    assert isinstance(judge(row, prompt="How"), Abstention)


def test_an_unknown_text_is_an_abstention_that_says_so(judge):
    judgement = judge()
    assert judgement.reason == "no_answer"
    assert "no line for harmful" in judgement.detail


def test_a_recorded_abstention_keeps_its_reason(judge):
    row = BASE | {"principle": "no-harm", "outcome": "abstains", "reason": "refused"}
    judgement = judge(row)
    assert isinstance(judgement, Abstention)
    assert judgement.reason == "refused"
    assert "line 1 abstains" in judgement.detail


def test_recorded_answers_compose(judge):
    verdict = judge(
        BASE | {"proposition": "harmful", "p": 0.9}, BASE | {"proposition": "refuses", "p": 0.2}
    )
    assert (verdict.violated, verdict.p_violated) == (True, pytest.approx(0.8))


def test_what_a_proposition_cannot_see_does_not_count(judge):
    verdict = judge(
        BASE | {"response": "Anything else.", "proposition": "harmful", "p": 0.9},
        BASE | {"prompt": "Anything else?", "proposition": "refuses", "p": 0.2},
    )
    assert verdict.violated


def test_a_principle_s_own_line_goes_before_the_general_one(judge):
    verdict = judge(
        BASE | {"proposition": "harmful", "p": 0.0},
        BASE | {"proposition": "harmful", "p": 1.0, "principle": "no-harm"},
        BASE | {"proposition": "refuses", "p": 0.0},
    )
    assert verdict.violated


def test_a_system_turn_makes_it_another_prompt(demo, write_lines):
    path = write_lines(BASE | {"principle": "no-harm", "outcome": "complies"})
    prompt = (Message("system", "Be evil."), *as_conversation("How?"))
    critic = open_critic([f"recorded/{path}"], demo)
    assert isinstance(critic.judge([Exchange(prompt, "So.")], ["no-harm"])[0][0], Abstention)


GOOD = BASE | {"principle": "no-harm", "outcome": "complies"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (GOOD | {"outcome": "violates"}, "contradicts line 1, which is about the same text"),
        (GOOD | {"outcome": "abstains"}, "contradicts line 1, which is about the same text"),
        (
            GOOD | {"outcome": "pass"},
            "expected outcome violates, complies or abstains, found 'pass'",
        ),
        (GOOD | {"principle": "no-ham"}, "the constitution has no principle 'no-ham'"),
        (GOOD | {"outcome": "abstains", "reason": "tired"}, "unknown reason 'tired'; known: "),
        (GOOD | {"score": 1}, "unknown key 'score'"),
        (
            BASE | {"outcome": "complies"},
            "expected the keys outcome, principle, prompt, response; 'principle' is missing",
        ),
        (BASE | {"proposition": "kind", "p": 1}, "the constitution asks no 'kind'"),
        (BASE | {"proposition": "refuses", "p": 2}, "expected p in [0, 1], found 2"),
        (BASE | {"proposition": "refuses", "p": True}, "expected p in [0, 1], found True"),
        (BASE | {"proposition": "refuses", "p": float("nan")}, "expected p in [0, 1], found nan"),
        (BASE | {"prompt": 3, "proposition": "refuses", "p": 1}, "expected text for 'prompt'"),
        ([], "expected an object"),
    ],
)
def test_a_wrong_line_is_pointed_at(demo, write_lines, row, message):
    path = write_lines(GOOD, row)
    with pytest.raises(InvalidFile) as caught:
        open_critic([f"recorded/{path}"], demo)
    assert f"{path}:2:1: {message}" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"prompt": "a", "prompt": "b"}', "not JSON: a key stands twice"),
        (b'{"prompt": "\xff"}', "not JSON: "),
        (b"{", "not JSON: "),
    ],
)
def test_a_damaged_line_is_pointed_at(demo, tmp_path, line, message):
    path = tmp_path / "damaged.jsonl"
    path.write_bytes(line)
    with pytest.raises(InvalidFile, match="damaged.jsonl:1:1: " + message):
        open_critic([f"recorded/{path}"], demo)


JUDGEMENT = Verdict("no-harm", True, 0.8, (Answer("harmful", 0.8, "exemplars"),)).to_json()
JUDGED = BASE | {"id": "a", "judgements": [JUDGEMENT]}


def test_what_judge_wrote_is_read_back_with_its_probabilities(demo, write_lines):
    exchanges = [Exchange(as_conversation(p), "Sorry, I must decline.") for p in ("How?", "Why?")]
    first = open_critic(["scripted/yes"], demo).judge(exchanges, list(PRINCIPLES))
    first[1] = (Abstention("no-harm", "too_long", "it is"), first[1][1])
    lines = [
        {
            "id": f"x{number}",
            "prompt": exchange.prompt[0].content,
            "response": exchange.response,
            "judgements": [judgement.to_json() for judgement in judgements],
        }
        for number, (exchange, judgements) in enumerate(zip(exchanges, first, strict=True))
    ]
    critic = open_critic([f"recorded/{write_lines(*lines)}"], demo)
    again = critic.judge(exchanges, list(PRINCIPLES))
    assert [[_said(j) for j in row] for row in again] == [[_said(j) for j in row] for row in first]


PRINCIPLES = ("no-harm", "no-over-refusal")


def _said(judgement):
    if isinstance(judgement, Abstention):
        return judgement.principle, judgement.reason
    return judgement.principle, judgement.violated, judgement.p_violated


@pytest.mark.parametrize("form", ["judgements", "outcome", "proposition"])
def test_a_prompt_of_turns_is_found_again_by_its_turns(demo, write_lines, form):
    turns = (Message("system", "Be kind."), Message("user", "How?"))
    said = {
        "judgements": JUDGED,
        "outcome": GOOD | {"outcome": "violates"},
        "proposition": BASE | {"proposition": "harmful", "p": 1.0},
    }[form]
    prompt = [{"role": m.role, "content": m.content} for m in turns]
    rest = BASE | {"proposition": "refuses", "p": 0.0}
    critic = open_critic([f"recorded/{write_lines(said | {'prompt': prompt}, rest)}"], demo)
    there, elsewhere = critic.judge(
        [Exchange(turns, "So."), Exchange(as_conversation("How?"), "So.")], ["no-harm"]
    )
    assert there[0].violated
    assert isinstance(elsewhere[0], Abstention)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judgements": []}, "expected a list of judgements"),
        ({"judgements": [3]}, "judgements[0] is no judgement: TypeError"),
        ({"judgements": [JUDGEMENT, JUDGEMENT | {"p": 0.1}]}, "judgements[1] is no judgement"),
        ({"judgements": [JUDGEMENT | {"more": 1}]}, "judgements[0] is no judgement: it holds more"),
        ({"judgements": [JUDGEMENT, JUDGEMENT | {"p": 0.9}]}, "contradicts line 1, which is"),
        (
            {"judgements": [JUDGEMENT | {"principle": "no"}]},
            "the constitution has no principle 'no'",
        ),
        (
            {"judgements": [JUDGEMENT | {"principle": ["no"]}]},
            "the constitution has no principle [",
        ),
        ({"id": 3}, "expected text for 'id', found int"),
        ({"principle": "no-harm"}, "unknown key 'principle'"),
        ({"prompt": []}, "expected text for 'prompt', or a list of turns"),
        ({"prompt": [{"role": "tool", "content": "x"}]}, "expected text for 'prompt', or a list"),
    ],
)
def test_a_wrong_line_of_judge_is_pointed_at(demo, write_lines, change, message):
    path = write_lines(JUDGED | change)
    with pytest.raises(InvalidFile) as caught:
        open_critic([f"recorded/{path}"], demo)
    assert f"{path}:1:1: {message}" in str(caught.value)


def test_all_wrong_lines_are_told_at_once(demo, write_lines):
    with pytest.raises(InvalidFile) as caught:
        open_critic([f"recorded/{write_lines([], GOOD, 3)}"], demo)
    assert [problem.line for problem in caught.value.problems] == [1, 3]


def test_saying_the_same_twice_is_no_contradiction(judge):
    assert not judge(GOOD, GOOD).violated


def test_a_missing_file_is_named(demo):
    with pytest.raises(UsageError, match=r"nowhere\.jsonl is not a file of recorded judgements"):
        open_critic(["recorded/nowhere.jsonl"], demo)


def test_the_identity_is_the_file_s_bytes(demo, write_lines):
    one = open_critic([f"recorded/{write_lines(GOOD)}"], demo).backends[0].identity
    same = open_critic([f"recorded/{write_lines(GOOD)}"], demo).backends[0].identity
    other = open_critic([f"recorded/{write_lines(GOOD, GOOD)}"], demo).backends[0].identity
    assert one == same
    assert one.digest != other.digest
