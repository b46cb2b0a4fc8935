"""Names to models and critics; wrong ones are answered with the right ones."""

import re

import pytest

from lexgate.critic import open_critic, open_model
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
