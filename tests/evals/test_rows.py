"""Rows survive the journal, and nothing that is not a row is taken for one."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexgate._digests import canonical_json
from lexgate.critic import Abstention, Answer, Verdict
from lexgate.evals import (
    AnswerRow,
    EndRow,
    ExamRow,
    SampleRow,
    ScoreRow,
    VerdictRow,
    row_from_json,
)

texts = st.text(st.characters(), max_size=30)  # lone surrogates too: models say anything
floats = st.floats(allow_nan=False, allow_infinity=False)
answers = st.lists(st.builds(Answer, texts, st.floats(0, 1), texts), max_size=3).map(tuple)
violations = st.builds(Verdict, texts, st.just(True), st.floats(0.5, 1, exclude_min=True), answers)
compliances = st.builds(Verdict, texts, st.just(False), st.floats(0, 0.5), answers)
reasons = st.sampled_from(["no_answer", "tie", "low_label_mass", "too_long", "failed"])
abstentions = st.builds(Abstention, texts, reasons, texts, answers)
judgements = violations | compliances | abstentions
counts = st.integers(0, 2**40)
turns = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
rows = st.one_of(
    st.builds(SampleRow, texts, texts, texts, texts, turns, st.none() | texts),
    st.builds(
        AnswerRow,
        texts,
        texts,
        texts,
        texts,
        st.sampled_from(["stop", "length"]),
        counts,
        counts,
        floats,
    ),
    st.builds(VerdictRow, texts, texts, texts, judgements),
    st.builds(ScoreRow, texts, texts, texts, texts, floats),
    st.builds(
        ExamRow,
        texts,
        texts,
        texts,
        st.sampled_from(["violates", "borderline", "complies"]),
        judgements,
    ),
    st.builds(EndRow, texts, counts),
)


@given(rows)
def test_a_row_read_back_is_the_row(row):
    assert row_from_json(json.loads(canonical_json(row.to_json()))) == row


@given(rows, st.data())
def test_a_row_without_one_of_its_fields_is_no_row(row, data):
    plain = json.loads(canonical_json(row.to_json()))
    del plain[data.draw(st.sampled_from(sorted(plain)))]

    with pytest.raises(ValueError, match=r"fields than expected|unknown kind"):
        row_from_json(plain)


@given(rows, st.from_regex(r"[a-z_]{1,8}", fullmatch=True))
def test_a_row_with_a_strange_field_is_no_row(row, name):
    plain = json.loads(canonical_json(row.to_json()))

    with pytest.raises(ValueError, match="other fields than expected"):
        row_from_json({**plain, f"x_{name}": 1})


@pytest.mark.parametrize(
    "judgement",
    [
        {},
        [],
        None,
        "complies",
        {"principle": "p", "outcome": "complies", "p": 0.1},
        {"principle": "p", "outcome": "complies", "p": "low", "answers": []},
        {"principle": "p", "outcome": "complies", "p": 0.1, "answers": [["q"]]},
        {"principle": "p", "outcome": "complies", "p": 0.1, "answers": [["q", 2.0, "s"]]},
        {"principle": "p", "outcome": "complies", "p": 0.9, "answers": []},
        {"principle": "p", "outcome": "probably", "p": 0.1, "answers": []},
        {"principle": "p", "outcome": "abstains", "reason": "tired", "detail": "", "answers": []},
    ],
)
def test_a_damaged_judgement_is_a_value_error(judgement):
    plain = {"kind": "verdict", "key": "k", "task": "t", "sample": "s", "judgement": judgement}

    with pytest.raises(ValueError, match=r".+"):
        row_from_json(plain)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_is_a_number(value):
    with pytest.raises(ValueError, match=r"t/acc of s is .*, no number"):
        ScoreRow("k", "t", "s", "acc", value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("response", 5),
        ("output_tokens", "x"),
        ("prompt_tokens", True),
        ("finish", "perhaps"),
        ("key", ["k"]),
    ],
)
def test_a_field_of_another_type_is_no_row(field, value):
    data = AnswerRow("k", "t", "s", "hi", "stop", 1, 1, 0.5).to_json()

    with pytest.raises(ValueError, match=f"{field} is of another kind than expected"):
        row_from_json(data | {field: value})
