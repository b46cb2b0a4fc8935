"""What is asked or named and never used is told; whatever leads to a condition is used."""

from lexgate.constitutions import find, shipped
from lexgate.constitutions._build import from_data
from lexgate.constitutions._unused import unused


def rules(**principle):
    asked = [{"id": id_, "ask": f"{id_}?", "sees": "exchange"} for id_ in ("a", "b", "c", "d")]
    rule = {"title": "Rule", "criterion": "safety", "polarity": "prohibit", "severity": "minor"}
    own = [{"id": id_, "ask": f"{id_}?", "sees": "exchange"} for id_ in ("x", "y")]
    return from_data(
        {
            "constitution": "house",
            "version": "1.0.0",
            "title": "House",
            "license": "MIT",
            "severities": [{"id": "minor", "limit": 0.1, "confidence": 0.9, "claim": "C1"}],
            "propositions": asked,
            "derived": {"deep": "a or b", "high": "deep and b", "idle": "c", "idler": "not idle"},
            "principles": [
                rule | {"id": "one", "text": "One.", "propositions": own} | principle,
                rule | {"id": "two", "text": "Two."},
            ],
        }
    )


def test_what_only_unused_names_rest_on_is_unused_too():
    assert unused(rules(violated_when="high or x")) == ("c", "d", "idle", "idler", "one/y")


def test_the_conditions_of_grades_count_as_use():
    rubric = {"choices": ["bad", "good"], "when": {"bad": "idler or d", "good": "not (idler or d)"}}
    assert unused(rules(violated_when="x", rubric=rubric)) == ("a", "b", "deep", "high", "one/y")


def test_a_rule_asked_about_as_a_whole_uses_its_one_question():
    assert not any(id_.startswith("two") for id_ in unused(rules(violated_when="x and y")))


def test_what_ships_uses_all_it_asks():
    assert [unused(find(reference)) for reference in shipped()] == [()] * len(shipped())
