"""The boolean language: what it reads, what it means, what it refuses."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import certain, expressions, truth

from lexgate.constitutions import And, ExpressionError, Interval, Name, Not, Or
from lexgate.constitutions._expression import parse

A, B, C = Name("a"), Name("b"), Name("c")
NAMES = ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", A),
        ("not a", Not(A)),
        ("not not a", Not(Not(A))),
        ("a and b or c", Or((And((A, B)), C))),
        ("a and (b or c)", And((A, Or((B, C))))),
        ("a or (b or c)", Or((A, Or((B, C))))),
        ("(a or b) or c", Or((Or((A, B)), C))),
        ("a or b or c", Or((A, B, C))),
        ("a and (b and c)", And((A, And((B, C))))),
        ("not a and b", And((Not(A), B))),
        ("not (a and b)", Not(And((A, B)))),
        ("((a))", A),
        ("  a\n and\tb ", And((A, B))),
        ("not(a)or(b)", Or((Not(A), B))),
        ("android and notable", And((Name("android"), Name("notable")))),
    ],
)
def test_a_text_is_read_as_the_expression_it_means(text, expected):
    assert parse(text) == expected


@given(expressions(NAMES))
def test_what_is_written_is_read_again(expression):
    assert parse(str(expression)) == expression


@given(expressions(NAMES))
def test_evaluation_agrees_with_the_truth_table(expression):
    for values in itertools.product((False, True), repeat=3):
        answers = dict(zip(NAMES, values, strict=True))
        expected = float(truth(expression, answers))

        assert expression.evaluate(certain(answers)) == Interval(expected, expected)


@given(expressions(NAMES), st.sets(st.sampled_from(NAMES)), st.tuples(*[st.booleans()] * 3))
def test_an_unknown_answer_never_excludes_what_it_may_turn_out_to_be(expression, unknown, values):
    answers = dict(zip(NAMES, values, strict=True))
    known = {name: value for name, value in answers.items() if name not in unknown}
    low, high = expression.evaluate(certain(known))

    assert low <= float(truth(expression, answers)) <= high


@given(expressions(NAMES), st.tuples(*[st.floats(0, 1)] * 3))
def test_composing_then_thresholding_is_thresholding_then_composing(expression, degrees):
    beliefs = {n: Interval(p, p) for n, p in zip(NAMES, degrees, strict=True)}
    if any(abs(p - 0.5) < 1e-9 for p in degrees):
        return
    answers = {name: p > 0.5 for name, p in zip(NAMES, degrees, strict=True)}
    low, high = expression.evaluate(beliefs)

    assert low == high
    assert (low > 0.5) == truth(expression, answers)


@given(expressions(NAMES))
def test_names_are_all_names_and_no_others(expression):
    words = set(str(expression).replace("(", " ").replace(")", " ").split())

    assert expression.names() == words - {"and", "or", "not"}


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "expected a proposition, 'not' or '(', found the end"),
        ("a and", 5, "expected a proposition, 'not' or '(', found the end"),
        ("a b", 2, "expected 'and', 'or' or the end, found 'b'"),
        ("(a or b", 7, "expected ')', found the end"),
        ("a)", 1, "expected 'and', 'or' or the end, found ')'"),
        ("and a", 0, "expected a proposition, 'not' or '(', found 'and'"),
        ("a or or b", 5, "expected a proposition, 'not' or '(', found 'or'"),
        ("a && b", 2, "expected names, words and parentheses, found '&'"),
        ("a; import os", 1, "expected names, words and parentheses, found ';'"),
        ("a.__class__", 1, "expected names, words and parentheses, found '.'"),
        ("1a", 0, "expected names, words and parentheses, found '1'"),
        ("not " * 60 + "a", 4 * 51, "nested deeper than 50, found 'not'"),
        ("(" * 100_000, 51, "nested deeper than 50, found '('"),
    ],
)
def test_what_is_no_expression_is_refused_where_it_goes_wrong(text, position, message):
    with pytest.raises(ExpressionError) as refused:
        parse(text)

    assert (str(refused.value), refused.value.position) == (message, position)


def test_the_deepest_nesting_is_still_read():
    text = "not " * 50 + "a"

    assert str(parse(text)) == text


@pytest.mark.parametrize("kind", [And, Or])
def test_a_chain_joins_at_least_two(kind):
    with pytest.raises(ValueError, match="join two operands or more"):
        kind((A,))
