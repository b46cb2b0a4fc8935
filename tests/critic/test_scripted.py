"""The public fake does what its script says."""

import math

import pytest

from lexgate.critic import LABELS, Decoding, ScriptedModel, as_conversation, open_model
from lexgate.errors import EvidenceError


def test_a_reply_is_cut_at_the_decoding_s_limit():
    model = open_model("scripted/echo")
    whole, cut = (model.generate([as_conversation("a b c")], Decoding(n))[0] for n in (3, 2))
    assert (whole.text, whole.finish, whole.output_tokens) == ("a b c", "stop", 3)
    assert (cut.text, cut.finish, cut.output_tokens) == ("a b", "length", 2)


def test_label_scores_are_logs_of_the_script_s_probabilities():
    model = ScriptedModel(label_p=lambda c, label: 0.25 if label == "yes" else 0.0)
    scores = model.score_labels([as_conversation("?")], LABELS)[0]
    assert scores.logprobs == (math.log(0.25), math.log(1e-30))


def test_a_script_is_missed_by_name():
    model = ScriptedModel("scripted/empty")
    with pytest.raises(EvidenceError, match="scripted/empty has no script for replies"):
        model.generate([as_conversation("?")], Decoding())
    with pytest.raises(EvidenceError, match="scripted/empty has no script for label scores"):
        model.score_labels([as_conversation("?")], LABELS)


def test_two_names_are_two_identities():
    assert (
        ScriptedModel("scripted/a").identity.digest != ScriptedModel("scripted/b").identity.digest
    )
