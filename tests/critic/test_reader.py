"""Reading a verdict off label scores, and when not to."""

import math

import pytest

from lexgate.critic import (
    Answer,
    Exchange,
    Identity,
    LabelScores,
    ScriptedModel,
    Silence,
    as_conversation,
    compile_prompts,
)
from lexgate.critic._reader import ModelBackend


class Scores(ScriptedModel):
    """A model whose label scores are given outright, in nats."""

    def __init__(self, *logprobs, dtype="float32"):
        super().__init__("scripted/scores")
        self.identity = Identity("scripted/scores", "sha256:0", (("dtype", dtype),))
        self.logprobs = logprobs

    def score_labels(self, conversations, labels):
        return [LabelScores(self.logprobs)] * len(conversations)


@pytest.fixture
def read(demo):
    def run(model):
        question = compile_prompts(demo)[0].questions[1]
        return ModelBackend(model).answer(question, [Exchange(as_conversation("?"), "No.")])[0]

    return run


def test_p_is_the_share_of_yes_among_the_labels(read):
    model = ScriptedModel("scripted/m", label_p=lambda c, label: {"yes": 0.6, "no": 0.2}[label])
    answer = read(model)
    assert (answer.proposition, answer.source) == ("refuses", "scripted/m")
    assert answer.p == pytest.approx(0.75)


def test_a_model_that_says_something_else_is_silent(read):
    table = {"yes": 0.2, "no": 0.1, "Yes": 0.05, "No": 0.05}
    silence = read(ScriptedModel("scripted/m", label_p=lambda c, label: table[label]))
    assert silence.reason == "low_label_mass"
    assert silence.detail == (
        "scripted/m: only 0.400 of the probability is on yes and no for refuses"
    )


def test_capitalised_labels_count_where_the_plain_ones_got_little(read):
    table = {"yes": 0.01, "no": 0.02, "Yes": 0.59, "No": 0.18}
    answer = read(ScriptedModel("scripted/m", label_p=lambda c, label: table[label]))
    assert answer.p == pytest.approx(0.6 / 0.8)


@pytest.mark.parametrize("scores", [(math.nan, -1.0), (0.5, -1.0), (-0.1,), (-0.1, -2.0, -3.0)])
def test_scores_that_are_no_log_probabilities_are_a_failure(read, scores):
    assert read(Scores(*scores)).reason == "failed"


@pytest.mark.parametrize(("dtype", "kind"), [("float32", Answer), ("bfloat16", Silence)])
def test_a_margin_within_the_rounding_of_the_dtype_is_a_tie(read, dtype, kind):
    reply = read(Scores(math.log(0.51), math.log(0.49), dtype=dtype))
    assert isinstance(reply, kind)
    assert getattr(reply, "reason", "tie") == "tie"


def test_the_identity_is_the_model_s_own():
    model = ScriptedModel("scripted/m")
    assert ModelBackend(model).identity == model.identity


def test_a_model_trained_for_some_questions_is_asked_no_other(demo):
    harmful, refuses = compile_prompts(demo)[0].questions
    model = ScriptedModel("scripted/m", label_p=lambda c, label: 0.6 if label == "yes" else 0.4)
    backend = ModelBackend(model, trained_for=frozenset({refuses.digest}))
    exchanges = [Exchange(as_conversation("?"), "No.")] * 2
    assert all(isinstance(reply, Answer) for reply in backend.answer(refuses, exchanges))
    other = "scripted/m was trained for other questions and knows nothing of this one"
    assert backend.answer(harmful, exchanges) == [Silence("no_answer", other)] * 2
