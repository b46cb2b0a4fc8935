"""Names to models and critics; wrong ones are answered with the right ones."""

import dataclasses
import re

import pytest

from lexgate.constitutions import find
from lexgate.critic import (
    Exchange,
    as_conversation,
    compile_prompts,
    embedded,
    open_critic,
    open_model,
)
from lexgate.errors import UsageError


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hff/x", "unknown model 'hff/x' (did you mean hf/NAME?); known: hf/NAME, demo/NAME, "),
        ("hf", "unknown model 'hf' (did you mean hf/NAME?)"),
        ("gpt", "unknown model 'gpt'; known: hf/NAME, demo/NAME, scripted/NAME"),
        ("recorded/x", "unknown model 'recorded/x'"),
        ("scripted/refuses", "unknown script 'refuses' (did you mean refuse?)"),
        ("demo/carefull", "unknown embedded model 'carefull' (did you mean careful?)"),
        ("scripted/", "unknown model 'scripted/'"),
    ],
)
def test_an_unknown_model_is_answered_with_the_known_ones(name, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        open_model(name)


@pytest.mark.parametrize("prefix", ["", "./", "/"])
def test_a_directory_is_answered_with_the_name_it_goes_by(demo, tmp_path, monkeypatch, prefix):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mymodel").mkdir()
    name = str(tmp_path / "mymodel") if prefix == "/" else prefix + "mymodel"
    message = f"{name!r}: that is a directory; did you mean hf/{name}?"
    with pytest.raises(UsageError, match=re.escape("unknown model " + message)):
        open_model(name)
    with pytest.raises(UsageError, match=re.escape("unknown critic " + message)):
        open_critic([name], demo)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["check"], "unknown critic 'check' (did you mean checks?)"),
        (["exemplar"], "unknown critic 'exemplar' (did you mean exemplars?)"),
        (["recorded"], "(did you mean recorded/FILE?)"),
        (["checks", "checks"], "the critic names 'checks' twice"),
        ([], "a critic needs at least one backend, such as `checks`"),
        (
            ["scripted/echo"],
            "scripted/echo scores no labels, so it cannot be a critic; scripted/yes",
        ),
        (["demo/careful"], "cannot be a critic; demo/critic can"),
    ],
)
def test_an_unknown_critic_is_answered_with_the_known_ones(demo, names, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        open_critic(names, demo)


def test_options_that_nothing_takes_are_refused(demo):
    with pytest.raises(
        UsageError, match=r"none of the critics checks takes options \(given: dtype"
    ):
        open_critic(["checks"], demo, {"dtype": "float32"})
    with pytest.raises(UsageError, match=r"scripted/echo takes no options \(given: dtype"):
        open_model("scripted/echo", {"dtype": "float32"})


def test_a_critic_has_its_backends_in_the_order_named(demo):
    critic = open_critic(["scripted/no", "checks", "exemplars", "scripted/yes"], demo)
    assert critic.identity.name == "scripted/no,checks,exemplars,scripted/yes"
    assert set(critic.prompts) == {"no-harm", "no-over-refusal"}


def test_the_demo_critic_answers_only_what_it_was_trained_for(demo, tiny, monkeypatch):
    monkeypatch.setattr(embedded, "directory", lambda name: tiny("gpt2"))
    own = find("demo@1.0.0")
    rule = own.principles[0]
    asks = [dataclasses.replace(p, ask=p.ask.replace("help", "aid")) for p in rule.propositions]
    edited = dataclasses.replace(
        own, principles=(dataclasses.replace(rule, propositions=tuple(asks)),)
    )
    exchange = Exchange(as_conversation("How do I bake a cake?"), "No.")
    for rules, answers in ((own, True), (edited, False), (demo, False)):
        (backend,) = open_critic(["demo/critic"], rules).backends
        for question in compile_prompts(rules)[0].questions:
            (reply,) = backend.answer(question, [exchange])
            knows = getattr(reply, "reason", "") != "no_answer"
            assert knows is answers, (rules.reference, question.ask)
    judgement = open_critic(["demo/critic"], edited).judge([exchange], [rule.id])[0][0]
    assert judgement.reason == "no_answer"
    assert "demo/critic was trained for other questions" in judgement.detail


def test_the_demo_critic_carries_its_note(tiny, monkeypatch):
    monkeypatch.setattr(embedded, "directory", lambda name: tiny("gpt2"))
    (backend,) = open_critic(["demo/critic"], find("demo@1.0.0")).backends
    assert dict(backend.identity.details)["note"] == "trained here from templates, knows nothing"
