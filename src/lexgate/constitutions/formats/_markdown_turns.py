"""Conversations as the Model Spec writes them, and as the text of a prompt.

Turns stand in tags on lines of their own; a comparison holds answers, each with its label in a
comment. A prompt is the text of its one user turn, or else the turns in their tags. Laws (tested):
`prompt_of(turns_of(p)) == p`, and no text of a turn can end its turn.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Answer",
    "Comparison",
    "Malformed",
    "Turn",
    "comparisons",
    "prompt_of",
    "response_of",
    "tagged",
    "turns_of",
]

_ROLES = "system|developer|user|assistant|tool|comparison"
# One released version has an asterisk before some tags.
_TAG = re.compile(
    rf"[ \t*]*<(/?)({_ROLES})((?:[ \t]+[A-Za-z_][\w-]*=\"[^\"]*\")*)[ \t]*>"
    r"(?:[ \t]*<!--(.*)-->)?[ \t]*"
)
_ATTRIBUTE = re.compile(r'([A-Za-z_][\w-]*)="([^"]*)"')
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))


class Malformed(Exception):  # noqa: N818  never leaves the readers, who say where
    """A conversation whose tags do not match; `line` counts from 0 within it."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Turn:
    """What one role says; without a role, what stands between turns, such as `[...]`."""

    role: str
    text: str
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One of the compared answers, with the comment that says its label."""

    turn: Turn
    comment: str
    line: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Answers to one conversation."""

    before: tuple[Turn, ...]
    answers: tuple[Answer, ...]


def comparisons(lines: Sequence[str]) -> tuple[Comparison, ...]:
    """Read all comparisons of a fenced conversation.

    Where it goes on after a comparison, its first GOOD answer counts as what was said.

    Raises:
        Malformed: the tags do not match.
    """
    found: list[Comparison] = []
    said: list[Turn] = []
    answers: list[Answer] | None = None
    place = 0
    while place < len(lines):
        tag = _TAG.fullmatch(lines[place])
        if tag is None:
            if lines[place].strip() and answers is None:
                said.append(Turn("", lines[place]))
            place += 1
        elif tag[2] == "comparison":
            if bool(tag[1]) == (answers is None):
                raise Malformed(place, f"expected comparisons one after another, found {tag[0]}")
            if answers is not None:
                found.append(Comparison(tuple(said), tuple(answers)))
                said += [answer.turn for answer in _chosen(answers)]
            answers = None if tag[1] else []
            place += 1
        else:
            end = _turn_end(lines, place, tag)
            turn = Turn(tag[2], _unescaped(lines[place + 1 : end]), _attributes(tag[3]))
            if answers is None:
                said.append(turn)
            else:
                answers.append(Answer(turn, (tag[4] or "").strip(), place))
            place = end + 1
    if answers is not None:
        raise Malformed(len(lines) - 1, "expected </comparison>, found the end")
    return tuple(found)


def _chosen(answers: list[Answer]) -> list[Answer]:
    good = [answer for answer in answers if answer.comment.startswith("GOOD")]
    return (good or answers)[:1]


def _turn_end(lines: Sequence[str], begin: int, tag: re.Match[str]) -> int:
    if tag[1]:
        raise Malformed(begin, f"expected <{tag[2]}> before </{tag[2]}>, found none")
    for place in range(begin + 1, len(lines)):
        other = _TAG.fullmatch(lines[place])
        if other and other[1] and other[2] == tag[2]:
            return place
        if other:
            raise Malformed(place, f"expected </{tag[2]}>, found {other[0].strip()}")
    raise Malformed(begin, f"expected </{tag[2]}>, found the end")


def _attributes(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((found[1], found[2]) for found in _ATTRIBUTE.finditer(text))


def _unescaped(lines: Sequence[str]) -> str:
    return _ENTITY.sub(lambda entity: _ENTITIES[entity[0]], "\n".join(lines))


def _escaped(text: str) -> list[str]:
    """Write the lines of a turn: tags of turns, and what looks like an escape, are escaped."""
    if not text:
        return []
    lines = _ENTITY.sub(lambda entity: f"&amp;{entity[0][1:]}", text).split("\n")
    return [line.replace("<", "&lt;", 1) if _TAG.fullmatch(line) else line for line in lines]


def tagged(turn: Turn, comment: str = "") -> list[str]:
    """Write a turn in its tags."""
    if not turn.role:
        return [turn.text]
    attributes = "".join(f' {key}="{value}"' for key, value in turn.attributes)
    mark = f" <!-- {comment} -->" if comment else ""
    return [f"<{turn.role}{attributes}>{mark}", *_escaped(turn.text), f"</{turn.role}>"]


def prompt_of(turns: Sequence[Turn]) -> str:
    """Write a conversation as the text of a prompt."""
    if len(turns) == 1 and turns[0].role == "user" and not turns[0].attributes:
        return turns[0].text
    return "\n".join(line for turn in turns for line in tagged(turn))


def turns_of(prompt: str) -> tuple[Turn, ...]:
    """Read the text of a prompt: one user turn, unless it is turns in their tags."""
    alone = (Turn("user", prompt),)
    lines = prompt.split("\n")
    if not _TAG.fullmatch(lines[0]):
        return alone
    try:
        (only,) = comparisons([*lines, "<comparison>", "</comparison>"])
    except (Malformed, ValueError):
        return alone
    return only.before if prompt_of(only.before) == prompt else alone


def response_of(turn: Turn) -> str:
    """Write an answer as text: in its tags where these say more than that it is an answer."""
    return "\n".join(tagged(turn)) if turn.attributes else turn.text
