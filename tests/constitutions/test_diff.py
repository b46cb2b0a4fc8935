"""What changed by meaning, and the bump that demands."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.strategies import constitutions, rule_texts, texts

from lexgate.constitutions import (
    Change,
    Diff,
    Exemplar,
    Proposition,
    Severity,
    demanded_version,
    diff,
    find,
    satisfies,
)
from lexgate.constitutions._build import from_data
from lexgate.constitutions._diff import _RANK
from lexgate.constitutions._dump import as_file, content
from lexgate.constitutions._expression import parse

SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
EDITS = ("text", "ask", "severity", "polarity", "drop", "add", "label", "limit", "term", "order")


def rank(found):
    return _RANK[found.bump]


@st.composite
def edited(draw, constitution):
    """A constitution with one thing in it changed."""
    edit = draw(st.sampled_from(EDITS))
    one, *others = constitution.principles
    changed = {
        "text": replace(one, text=draw(rule_texts)),
        "ask": replace(
            one, propositions=tuple(replace(p, ask=draw(rule_texts)) for p in one.propositions)
        ),
        "severity": replace(one, severity=draw(st.sampled_from(constitution.severities)).id),
        "polarity": replace(one, polarity=draw(st.sampled_from(("prohibit", "require")))),
        "label": replace(one, examples=tuple(replace(e, label="borderline") for e in one.examples)),
    }
    if edit in changed:
        return replace(constitution, principles=(changed[edit], *others))
    if edit == "drop" and others:
        return replace(constitution, principles=tuple(others))
    if edit == "add":
        new = replace(one, id=f"{one.id}-new", text=draw(rule_texts), examples=())
        return replace(constitution, principles=(*constitution.principles, new))
    if edit == "limit":
        worst, *rest = constitution.severities
        return replace(
            constitution, severities=(replace(worst, limit=draw(st.floats(0, 1))), *rest)
        )
    if edit == "term":
        terms = {**dict(constitution.definitions), draw(texts): draw(rule_texts)}
        return replace(constitution, definitions=tuple(sorted(terms.items())))
    return replace(constitution, principles=tuple(reversed(constitution.principles)))


@st.composite
def histories(draw):
    """Three constitutions, each an edit of the one before it, or of another kind altogether."""
    first = draw(constitutions())
    second = draw(edited(first)) if draw(st.booleans()) else draw(edited(draw(edited(first))))
    return first, second, draw(edited(second))


def said(constitution):
    """Everything a diff is about."""
    skipped = ("version", "changes")
    return {key: value for key, value in content(constitution).items() if key not in skipped}


@SLOW
@given(constitutions())
def test_nothing_changed_from_a_constitution_to_itself(constitution):
    assert diff(constitution, constitution).changes == ()


@SLOW
@given(histories())
def test_a_diff_is_empty_only_where_both_say_the_same(history):
    first, second, _ = history

    assert (diff(first, second).changes == ()) == (said(first) == said(second))


@SLOW
@given(histories())
def test_a_detour_never_demands_less(history):
    a, b, c = history

    assert rank(diff(a, c)) <= max(rank(diff(a, b)), rank(diff(b, c)))


@SLOW
@given(constitutions(), constitutions(), constitutions())
def test_a_detour_over_anything_never_demands_less(a, b, c):
    assert rank(diff(a, c)) <= max(rank(diff(a, b)), rank(diff(b, c)))


@SLOW
@given(histories(), st.data())
def test_a_part_of_a_diff_never_demands_more_than_the_whole(history, data):
    found = diff(history[0], history[2])
    part = tuple(change for change in found.changes if data.draw(st.booleans()))

    assert rank(Diff(found.old, found.new, part)) <= rank(found)


def world():
    return find("demo@1.0.0")


def with_first(constitution, **edits):
    one, *others = constitution.principles
    return from_data(as_file(replace(constitution, principles=(replace(one, **edits), *others))))


def kinds(found):
    return {(change.bump, change.kind) for change in found.changes}


HARM = find("demo@1.0.0").principles[0]
NEW_EXAMPLE = Exemplar("new-one", "p", "r", "violates", "w", "public", ())


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({"text": "Another text."}, ("patch", "wording")),
        ({"rationale": "Another reason."}, ("patch", "wording")),
        ({"severity": "minor"}, ("major", "severity")),
        ({"polarity": "require"}, ("major", "polarity")),
        ({"criterion": "honesty"}, ("major", "criterion")),
        ({"overrides": ()}, ("major", "precedence")),
        ({"exceptions": ("Unless it rains.",)}, ("major", "exceptions")),
        ({"violated_when": parse("harmful or not refuses")}, ("major", "logic")),
        ({"violated_when": parse("not (refuses or not harmful)")}, ("patch", "wording")),
        ({"checks": ()}, ("major", "checks")),
        ({"critique": "Find what is wrong."}, ("patch", "wording")),
        ({"examples": (*HARM.examples, NEW_EXAMPLE)}, ("minor", "example added")),
        ({"examples": HARM.examples[1:]}, ("major", "example removed")),
        (
            {"examples": (replace(HARM.examples[0], label="violates"), *HARM.examples[1:])},
            ("major", "example relabelled"),
        ),
        (
            {"examples": (replace(HARM.examples[0], split="sealed"), *HARM.examples[1:])},
            ("major", "example relabelled"),
        ),
        (
            {"examples": (replace(HARM.examples[0], why="So."), *HARM.examples[1:])},
            ("patch", "example reworded"),
        ),
        (
            {"propositions": (replace(HARM.propositions[0], ask="Harmful?"), HARM.propositions[1])},
            ("patch", "wording"),
        ),
        (
            {
                "propositions": (
                    replace(HARM.propositions[0], sees="exchange"),
                    HARM.propositions[1],
                )
            },
            ("major", "sight"),
        ),
        (
            {"propositions": (*HARM.propositions, Proposition("idle", "Idle?", "prompt"))},
            ("minor", "proposition"),
        ),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else ", ".join(value),
)
def test_each_kind_of_change_demands_its_bump(edits, expected):
    assert kinds(diff(world(), with_first(world(), **edits))) == {expected}


def test_principles_are_added_removed_and_renamed():
    one, two = world().principles
    new = replace(two, id="new-rule", text="Quite another rule.", examples=())

    assert kinds(diff(world(), replace(world(), principles=(one, two, new)))) == {
        ("minor", "added")
    }
    assert kinds(diff(world(), replace(world(), principles=(two,)))) == {("major", "removed")}
    renamed = diff(
        world(), replace(world(), principles=(replace(one, id="no-help-with-harm"), two))
    )
    assert renamed.changes == (
        Change("major", "renamed", "no-help-with-harm", "id", "no-harm-help", "no-help-with-harm"),
    )


def test_a_harder_limit_is_as_much_a_change_as_a_softer_one():
    worst, minor = world().severities
    changed = diff(world(), replace(world(), severities=(replace(worst, limit=0.01), minor)))

    assert kinds(changed) == {("major", "severities")}
    assert changed.changes[0].before == "limit 0.1, confidence 0.95, claim C1"
    more = replace(world(), severities=(worst, minor, Severity("nil", 1.0, 0.5, "C0")))
    assert kinds(diff(world(), more)) == {("minor", "severities")}


def test_an_id_that_is_no_longer_retired_may_come_back_as_another_rule():
    retired = replace(world(), retired=("old",))

    assert diff(world(), retired).bump == "patch"
    assert diff(retired, world()).bump == "major"


@pytest.mark.parametrize(
    ("old", "new", "bump", "enough"),
    [
        ("1.2.3", "1.2.3", "none", True),
        ("1.2.3", "1.2.3", "patch", False),
        ("1.2.3", "1.2.4", "patch", True),
        ("1.2.3", "1.2.9", "minor", False),
        ("1.2.3", "1.3.0", "minor", True),
        ("1.2.3", "1.9.9", "major", False),
        ("1.2.3", "2.0.0", "major", True),
        ("1.2.3", "1.2.2", "none", False),
        ("0.1.0", "0.2.0", "major", False),
    ],
)
def test_a_version_says_enough_or_not(old, new, bump, enough):
    assert satisfies(old, new, bump) == enough


def test_the_demanded_version_is_the_lowest_that_is_enough():
    assert [demanded_version("1.2.3", bump) for bump in ("none", "patch", "minor", "major")] == [
        "1.2.3",
        "1.2.4",
        "1.3.0",
        "2.0.0",
    ]
