"""Labels among the likeliest tokens: what is not listed never decides."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexgate.critic import LABELS, Silence
from lexgate.critic.openai._backend import _read
from lexgate.critic.openai._logprobs import NO_LOGPROBS, Listed, exact, read_chat, read_texts
from lexgate.critic.openai._model import _scores
from lexgate.critic.openai._replies import GarbledError

SPELLINGS = tuple(exact(label) for label in LABELS)


def chat(tops, **fields):
    top = [{"token": token, "logprob": logprob} for token, logprob in tops]
    return {"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}} | fields]}


def listed(**tokens):
    return Listed(tokens, max(tokens, key=tokens.get))


def test_a_missing_label_is_bounded_by_the_smallest_listed_one_and_by_the_rest():
    tight = _scores(listed(yes=0.9, a=0.06, b=0.03), (frozenset({"yes"}), frozenset({"no"})))
    assert tight.logprobs[1] == pytest.approx(math.log(0.01))  # what is left over
    wide = _scores(listed(yes=0.5, a=0.1, b=0.02), (frozenset({"yes"}), frozenset({"no"})))
    assert wide.logprobs[1] == pytest.approx(math.log(0.02))  # the smallest listed
    assert wide.top is True


@pytest.mark.parametrize(
    "found",
    [
        listed(a=0.9, b=0.05),  # neither label
        listed(a=0.5, yes=0.1),  # the missing one may be as likely
    ],
)
def test_a_side_that_the_unlisted_could_turn_is_none(found):
    silence = _scores(found, SPELLINGS)
    assert isinstance(silence, Silence)
    assert silence.reason == "low_label_mass"


words = st.sampled_from(["yes", "no", "Yes", "No", " yes", " No", "YES", "a", "b", "yes.", "nope"])


@given(st.dictionaries(words, st.floats(1e-6, 1), min_size=3, max_size=11), st.integers(1, 8))
def test_whatever_is_not_listed_the_side_is_the_true_one(weights, cut):
    total = sum(weights.values()) * 1.0001
    true = {token: weight / total for token, weight in weights.items()}
    ordered = sorted(true, key=true.get, reverse=True)
    top = {token: true[token] for token in ordered[:cut]}
    reply = _read(Listed(top, ordered[0]))
    yes, no = (sum(p for token, p in true.items() if token.strip().lower() == x) for x in LABELS)
    if not isinstance(reply, Silence):
        p, mass, _ = reply
        assert (p > 0.5) == (yes > no)
        assert abs(p - 0.5) <= abs(yes / (yes + no) - 0.5) + 1e-9
        assert mass <= yes + no + 1e-9
    scores = _scores(Listed(top, ordered[0]), SPELLINGS)
    if not isinstance(scores, Silence):
        strict = [true.get(x, 0.0) + true.get(f" {x}", 0.0) for x in LABELS]
        assert (scores.logprobs[0] > scores.logprobs[1]) == (strict[0] > strict[1])


@pytest.mark.parametrize(
    "tops",
    [
        [],
        [("yes", math.nan)],
        [("yes", 0.5)],
        [("yes", "0")],
        [("yes", True)],
        [(None, -1.0)],
        [("yes", -0.1), ("no", -0.1)],  # add up to more than one
    ],
    ids=str,
)
def test_nonsense_among_the_tokens_is_silence(tops):
    assert read_chat(chat(tops)).reason == "unparsable"


def test_the_bare_minimum_is_read():
    found = read_chat(chat([("yes", -0.1), ("no", -(10**400)), ("x", -math.inf)]))
    assert found.tokens["yes"] == pytest.approx(math.exp(-0.1))
    assert read_chat(chat([], logprobs=None)) is NO_LOGPROBS
    assert read_chat(chat([], message={"refusal": "no"})).reason == "refused"
    assert read_chat(chat([], logprobs={"content": [3]})).reason == "unparsable"


@pytest.mark.parametrize(
    "data", [None, {}, {"choices": []}, {"choices": [1]}, {"choices": [{}, {}]}]
)
def test_what_is_no_completion_is_no_reply(data):
    with pytest.raises(GarbledError):
        read_chat(data)


@pytest.mark.parametrize("indices", [[], [0], [0, 0], [0, 2], [0, 1, 2], [0, None], [False, True]])
def test_completions_must_be_one_for_each_prompt(indices):
    with pytest.raises(GarbledError):
        read_texts({"choices": [{"index": index} for index in indices]}, 2)
