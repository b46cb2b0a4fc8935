"""Regular expressions of checks: refused when they are wrong, fire on everything, or may hang.

A check reads what a candidate wrote, so a pattern with a repetition inside a repeated group is an
invitation: some text makes it run for years. The test goes by form: it refuses some harmless
patterns, which can be written without the nesting, and knows only this, the common kind of danger.
"""

from __future__ import annotations

import re
import warnings
from typing import NamedTuple

from lexgate._text import printable

__all__ = ["Complaint", "complaint"]

_PLAIN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)  # an escape, a set
_GROUP = re.compile(r"\((?:\?(?:[aiLmsux-]*:|P<\w+>|<?[=!]|>))?([^()]*)\)")
# A bound of hundreds is no bound where it stands inside another.
_UNBOUNDED = re.compile(r"[*+]|\{[0-9]*,\}|\{(?:[0-9]*,)?[0-9]{3,}\}")
_PROBE = "\ue000"  # a character no author thinks of


class Complaint(NamedTuple):
    """What is wrong with a pattern."""

    message: str
    hint: str


def complaint(pattern: str) -> Complaint | None:
    """Say what is wrong with a pattern, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        return Complaint(
            f"expected a regular expression, found one that cannot be read: {printable(str(error))}",
            "in YAML, single quotes keep backslashes as they are",
        )
    if _nested(pattern):
        return Complaint(
            "expected no repetition inside a repeated group, found one, which some texts make run "
            "for years",
            r"write it without the nesting, such as [\w ]+ for (\w+ ?)+",
        )
    if compiled.match("") and compiled.search(_PROBE):
        return Complaint(
            "expected a pattern that distinguishes, found one that matches every text",
            "make sure it cannot match nothing at all: use + for *",
        )
    return None


def _nested(pattern: str) -> bool:
    """Tell whether an unbounded repetition stands inside an unboundedly repeated group."""
    rest = _PLAIN.sub("x", pattern)
    while group := _GROUP.search(rest):
        repeats = bool(_UNBOUNDED.search(group[1]))
        if repeats and _UNBOUNDED.match(rest, group.end()):
            return True
        # A group stands for its content: with a repetition inside, it counts as one.
        rest = rest[: group.start()] + ("x+" if repeats else "x") + rest[group.end() :]
    return False
