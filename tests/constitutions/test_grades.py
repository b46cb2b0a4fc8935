"""A grade is given when the answers settle it, and not before."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import certain, constitutions

from lexgate.constitutions import Rubric, find
from lexgate.constitutions._build import from_data
from lexgate.constitutions._expression import parse
from lexgate.constitutions._grades import grade_of, impossible_grades

RULES = from_data(
    {
        "constitution": "house",
        "version": "1.0.0",
        "title": "House",
        "license": "MIT",
        "severities": [{"id": "minor", "limit": 0.1, "confidence": 0.9, "claim": "C1"}],
        "propositions": [{"id": id_, "ask": f"{id_}?", "sees": "exchange"} for id_ in "abc"],
        "derived": {"bad": "a and b"},
        "principles": [
            {
                "id": "rule",
                "title": "Rule",
                "criterion": "safety",
                "polarity": "prohibit",
                "severity": "minor",
                "text": "Rule.",
                "violated_when": "bad",
                "rubric": {
                    "choices": ["worst", "fair", "best"],
                    "when": {"worst": "bad", "fair": "not bad and c", "best": "not bad and not c"},
                },
            }
        ],
    }
)


@pytest.mark.parametrize(
    ("answers", "grade"),
    [
        ({"a": True, "b": True}, "worst"),
        ({"a": False, "c": True}, "fair"),
        ({"a": False}, None),
        ({"a": True, "c": False}, None),
        ({"b": False, "c": False, "other": True}, "best"),
        ({}, None),
    ],
)
def test_unknown_answers_matter_only_where_they_decide(answers, grade):
    assert grade_of(RULES, RULES.principles[0], answers) == grade


def test_a_grade_is_settled_when_all_others_are_ruled_out():
    rubric = {"choices": ["no", "yes"], "when": {"no": "a and not a", "yes": "a or not a"}}
    assert grade_of(_with(rubric), _with(rubric).principles[0], {}) is None
    rubric = {"choices": ["no", "yes"], "when": {"no": "b", "yes": "not b or (a and not a)"}}
    assert grade_of(_with(rubric), _with(rubric).principles[0], {"b": False}) == "yes"
    rubric = {"choices": ["no", "yes"], "when": {"no": "b", "yes": "not b and (a or not a)"}}
    assert grade_of(_with(rubric), _with(rubric).principles[0], {"b": False}) == "yes"


def test_a_rubric_without_conditions_gives_no_grade():
    rules = find("everyday-assistant@1.0.0")
    assert grade_of(rules, rules.principles[0], {}) is None


@given(constitutions(), st.data())
def test_full_answers_always_settle_the_grade(rules, data):
    for principle in rules.principles:
        answers = {p.id: data.draw(st.booleans()) for p in principle.propositions}
        if principle.rubric.when:
            [grade] = [
                choice
                for choice, condition in principle.rubric.when
                if rules.expand(condition).evaluate(certain(answers)).low == 1
            ]
            assert grade_of(rules, principle, answers) == grade


def _with(rubric):
    from lexgate.constitutions._dump import as_file

    data = as_file(RULES)
    data["principles"][0]["rubric"] = rubric
    return from_data(data)


def test_a_grade_that_no_answers_earn_is_listed():
    rules = find("demo@1.0.0")
    one = rules.principles[0]
    when = (
        ("bad", parse("harmful")),
        ("never", parse("harmful and not harmful")),
        ("good", parse("not harmful")),
    )
    graded = replace(one, rubric=Rubric(("bad", "never", "good"), when))

    assert impossible_grades(rules, graded) == ("never",)
    assert impossible_grades(rules, one) == ()
