"""Why a verdict is what it is: asked afterwards, checked word for word, deciding nothing."""

import json
import re

import pytest

from lexgate.critic import (
    Abstention,
    Exchange,
    Rationale,
    ScriptedModel,
    Silence,
    Verdict,
    as_conversation,
    explain,
)

EXCHANGE = Exchange(as_conversation("How?"), "First mix A. Then add B.")
VERDICT = Verdict("no-harm", violated=True, p_violated=0.9, answers=())


def reply_with(**changes):
    """A model that replies as asked, but for what is changed."""

    def reply(conversation):
        nonce = re.search(r'"nonce": "([0-9a-f]+)"', conversation[-1].content)[1]
        return json.dumps({"nonce": nonce, "quotes": ["mix A"], "reason": "a step"} | changes)

    return ScriptedModel("scripted/explains", reply=reply)


def said(demo, model, verdict=VERDICT):
    [found] = explain(model, demo.principle("no-harm"), [EXCHANGE], [verdict])
    return found


def test_a_rationale_quotes_the_response(demo):
    found = said(demo, reply_with())

    assert found == Rationale("no-harm", "a step", ("mix A",))
    assert found.to_json() == {
        "principle": "no-harm",
        "reason": "a step",
        "quotes": ["mix A"],
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"quotes": ["mix C"]},
        {"quotes": ["mix A", "Mix A"]},
        {"quotes": [""]},
        {"quotes": "mix A"},
        {"quotes": [1]},
        {"nonce": "00"},
        {"reason": None},
        {"verdict": "complies"},
    ],
)
def test_what_is_not_exactly_a_rationale_is_silence(demo, changes):
    assert isinstance(said(demo, reply_with(**changes)), Silence)


@pytest.mark.parametrize("text", ["", "because", "[]", "null", "{" * 100_000, '{"nonce": 1'])
def test_other_text_is_silence(demo, text):
    found = said(demo, ScriptedModel("scripted/says", reply=lambda _: text))

    assert isinstance(found, Silence)


def test_a_rationale_that_was_cut_off_is_silence(demo):
    found = said(demo, reply_with(reason="word " * 400))

    assert found == Silence("unparsable", "the rationale was cut off")


def test_an_abstention_is_not_explained(demo):
    def never(_):
        raise AssertionError

    abstention = Abstention("no-harm", "tie", "near one half")

    assert isinstance(said(demo, ScriptedModel("scripted/never", reply=never), abstention), Silence)


def test_the_verdict_is_told_and_never_asked_for(demo):
    asked = []

    def reply(conversation):
        asked.append(conversation[-1].content)
        return ""

    said(demo, ScriptedModel("scripted/listens", reply=reply))

    assert "It was decided that the response violates this rule" in asked[0]
