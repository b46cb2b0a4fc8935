"""Proofs about conditions: truth tables, the solver and trying case by case agree."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import certain, expressions, truth

from lexgate.constitutions import And, Name, Not, Or, _proofs
from lexgate.constitutions._expression import expand, parse
from lexgate.constitutions._proofs import constant, equivalent, flaw_of

NAMES = ("a", "b", "c", "d")
CASES = [dict(zip(NAMES, t, strict=True)) for t in itertools.product((False, True), repeat=4)]
conditions = expressions(NAMES)


@settings(max_examples=60)
@given(conditions)
@pytest.mark.parametrize("limit", [20, 0], ids=["truth tables", "solver"])
def test_a_constant_is_what_every_case_says(limit, condition):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_proofs, "_ENUMERABLE", limit)
        values = {truth(condition, case) for case in CASES}

        assert constant(condition) == (values.pop() if len(values) == 1 else None)


@settings(max_examples=60)
@given(conditions, conditions)
@pytest.mark.parametrize("limit", [20, 0], ids=["truth tables", "solver"])
def test_equivalence_is_equality_in_every_case(limit, one, other):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_proofs, "_ENUMERABLE", limit)
        same = all(truth(one, case) == truth(other, case) for case in CASES)

        assert equivalent(one, other) == same


@settings(max_examples=60)
@given(st.lists(conditions, min_size=2, max_size=4))
@pytest.mark.parametrize("limit", [20, 0], ids=["truth tables", "solver"])
def test_a_flaw_is_found_exactly_where_the_conditions_are_no_partition(limit, found):
    grades = {f"g{number}": condition for number, condition in enumerate(found)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_proofs, "_ENUMERABLE", limit)
        flaw = flaw_of(grades)
    counts = [sum(truth(condition, case) for condition in found) for case in CASES]

    assert (flaw is None) == (set(counts) == {1})
    if flaw is not None:
        case = dict.fromkeys(NAMES, False) | dict(flaw.answers)
        holding = {name for name, condition in grades.items() if truth(condition, case)}
        assert len(holding) != 1
        assert set(flaw.hold) <= holding if flaw.hold else not holding


def test_twenty_propositions_are_enumerated_in_a_moment():
    names = [Name(f"p{number}") for number in range(20)]
    majority = Or(tuple(And(pair) for pair in itertools.combinations(names, 2)))
    start = time.process_time()

    assert flaw_of({"two": majority, "fewer": Not(majority)}) is None
    assert time.process_time() - start < 5


def test_sixty_propositions_are_left_to_the_solver():
    names = [Name(f"p{number}") for number in range(60)]
    some, none = Or(tuple(names)), And(tuple(map(Not, names)))

    assert flaw_of({"some": some, "none": none}) is None
    flaw = flaw_of({"some": some, "none": And((none, Not(names[0]), names[1]))})
    assert flaw is not None
    assert flaw.hold == ()
    assert not any(value for _, value in flaw.answers)


def test_derived_names_are_written_out_at_any_depth():
    derived = {"x": parse("a and not b"), "y": parse("x or c")}

    assert expand(parse("not y and d"), derived) == parse("not (a and not b or c) and d")


@given(conditions, st.fixed_dictionaries({name: st.booleans() for name in NAMES}))
def test_writing_out_a_derived_name_changes_no_value(condition, case):
    written_out = expand(parse("not whole or a"), {"whole": condition})

    value = written_out.evaluate(certain(case)).low == 1.0
    assert value == ((not truth(condition, case)) or case["a"])


@pytest.mark.parametrize("count", [12, 30], ids=["truth tables", "solver"])
def test_a_thousand_grades_are_proved_in_a_moment(count):
    names = [Name(f"p{number}") for number in range(count)]
    cases = [
        And(tuple(n if case >> place & 1 else Not(n) for place, n in enumerate(names[:10])))
        for case in range(1024)
    ]
    rest = Or(tuple(names))
    grades = {
        f"g{case}": And((condition, Or((rest, Not(rest))))) for case, condition in enumerate(cases)
    }
    start = time.process_time()

    assert flaw_of(grades) is None
    del grades["g1000"]
    assert flaw_of(grades).hold == ()
    assert flaw_of({**grades, "twice": cases[5]}).hold == ("g5", "twice")
    assert time.process_time() - start < 10
