"""Scorers: what counts as right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexgate.errors import UsageError
from lexgate.evals import Scorer, exact_match, numeric, scorer, scorers
from lexgate.evals._scorers import register


@pytest.mark.parametrize(
    ("response", "target", "expected"),
    [
        ("Paris", "Paris", 1.0),
        ("  Paris\n", "Paris", 1.0),
        ("Paris", " Paris ", 1.0),
        ("paris", "Paris", 0.0),
        ("Paris.", "Paris", 0.0),
        ("", "Paris", 0.0),
    ],
)
def test_exact_match_forgives_white_space_around_only(response, target, expected):
    assert exact_match(response, target) == expected


@pytest.mark.parametrize(
    ("response", "target", "expected"),
    [
        ("42", "42", 1.0),
        ("The answer is 42.", "42", 1.0),
        ("6 times 7 is 42", "#### 42", 1.0),
        ("42 or 43", "42", 0.0),
        ("1,000", "1000", 1.0),
        ("It costs $1,234,567.50.", "1234567.5", 1.0),
        ("1,000, 2,000", "2000", 1.0),
        ("1,5", "5", 1.0),
        ("10,00", "1000", 0.0),
        ("-3", "-3", 1.0),
        ("5-3", "3", 1.0),
        (".5", "0.5", 1.0),
        ("1e-3", "0.001", 1.0),
        ("0.3", "0.30000000001", 1.0),
        ("0.3", "0.3000001", 0.0),
        ("1000000000", "1000000001", 0.0),
        ("x2", "2", 0.0),
        ("no number", "2", 0.0),
        ("2", "no number", 0.0),
        ("no number", "none either", 0.0),
        ("1e999", "1e999", 0.0),
    ],
)
def test_numeric_reads_the_last_number(response, target, expected):
    assert numeric(response, target) == expected


@given(st.integers(-(10**9), 10**9))
def test_numeric_reads_grouped_thousands(number):
    assert numeric(f"So it is {number:,}.", str(number)) == 1.0
    assert numeric(f"So it is {number + 1:,}.", str(number)) == 0.0


@given(st.text(), st.text())
def test_scores_are_zero_or_one(response, target):
    for name in scorers():
        assert scorer(name).score(response, target) in {0.0, 1.0}


def test_a_name_is_registered_once():
    with pytest.raises(UsageError, match=r"already a scorer named 'numeric' \(version 2\)"):
        register(Scorer("numeric", 2, numeric))

    assert scorer("numeric").version == 1


def test_an_unknown_scorer_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match="no scorer named 'bleu': there are exact_match, numeric"):
        scorer("bleu")
