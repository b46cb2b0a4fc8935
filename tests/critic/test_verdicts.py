"""The closed union: round trips, and what it refuses to hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexgate.critic import Abstention, Answer, Verdict, judgement_from_json

probabilities = st.floats(0, 1)
answers = st.lists(
    st.builds(Answer, st.text(max_size=8), probabilities, st.text(max_size=8)), max_size=3
).map(tuple)
verdicts = st.builds(
    lambda p, a: Verdict("rule", p > 0.5, p, a), probabilities.filter(lambda p: p != 0.5), answers
)
abstentions = st.builds(
    Abstention,
    st.just("rule"),
    st.sampled_from(["tie", "failed", "too_long", "no_answer"]),
    st.text(max_size=9),
    answers,
)


@given(verdicts | abstentions)
def test_a_judgement_survives_its_json(judgement):
    assert judgement_from_json(judgement.to_json()) == judgement


@pytest.mark.parametrize("p", [math.nan, math.inf, -0.1, 1.1])
def test_an_answer_that_is_no_probability_cannot_exist(p):
    with pytest.raises(ValueError, match="no probability"):
        Answer("refuses", p, "model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": "passes"}, "unknown outcome of a judgement: 'passes'"),
        ({"p": 0.2}, "stored verdict violates contradicts its probability 0.2"),
        ({"p": "nan"}, "contradicts its probability 'nan'"),
    ],
)
def test_a_forged_verdict_is_not_read(change, message):
    stored = Verdict("rule", violated=True, p_violated=0.9, answers=()).to_json()
    with pytest.raises(ValueError, match=message):
        judgement_from_json(stored | change)
