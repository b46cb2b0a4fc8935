"""What the exports to guard and judge models share: a rule as one line, and templates with slots.

A template is a list of segments, `{"text": …}` or `{"slot": name}`, and is filled in one pass:
segments are joined in order, and what stands in a slot is never looked into again. So no brace,
dollar or tag of a rule or of a judged response can open another slot. All four targets keep to it.

Invariant: every text of a rule that gets into a template is one line, and holds nothing that the
template itself is made of. So it cannot begin a line of the frame, end a turn or open a block.
Sealed examples are nowhere.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.constitutions import WHOLE, uses_term
from lexgate.critic.targets._tool_text import constitution_of
from lexgate.critic.targets._tool_text import lost as lost_anywhere
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lexgate.constitutions import Constitution, Principle

__all__ = ["BREACH", "Frame", "Words", "head", "line", "lost", "slot", "text", "words"]

# How a criterion says that a rule is violated; "yes" to it is a violation for both polarities.
BREACH = {
    "prohibit": "breaks the following rule",
    "require": "does not do what the following rule requires",
}
_FILL = (
    "Join the segments in order and put each slot's text in its place, in one pass. A text that "
    "holds one of `reserved` (case and white space do not count) or matches `reserved_pattern` "
    "could leave its place: do not ask, abstain. An abstention counts as a violation."
)
_SPECIAL = r"<\|[^<>|]*\|>"  # special tokens of the Llama, Granite and ChatML families


@dataclass(frozen=True, slots=True)
class Frame:
    """A model's own template, as far as texts put into it must not hold parts of it."""

    target: str
    reserved: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"fill": _FILL, "reserved": sorted(self.reserved), "reserved_pattern": _SPECIAL}

    def found_in(self, value: str) -> str:
        """Return the part of the frame that a text holds, or ''."""
        squeezed = _squeezed(value)
        if special := re.search(_SPECIAL, squeezed):
            return special.group()
        return next((token for token in self.reserved if _squeezed(token) in squeezed), "")


@dataclass(frozen=True, slots=True)
class Words:
    """A principle as it may stand in a template: checked against its frame, each text one line."""

    title: str  # without a full stop
    text: str
    exceptions: tuple[str, ...]
    definitions: tuple[tuple[str, str], ...]  # (term, meaning), only those that the rule uses

    def meanings(self) -> str:
        """Say what the terms of the rule mean; '' if it defines none."""
        return " ".join(f'Here "{term}" means: {_sentence(m)}' for term, m in self.definitions)

    def prose(self) -> str:
        """Write the rule, its exceptions and its definitions as one line."""
        parts = [f"Rule: {_sentence(self.text)}"]
        parts += [f"Exception, which is no violation: {_sentence(e)}" for e in self.exceptions]
        return " ".join([*parts, self.meanings()]).strip()


def words(
    principle: Principle, rules: Constitution, frame: Frame, *, choices: tuple[str, ...] = ()
) -> Words:
    """Take what a principle says, fit for a frame; `choices` are checked with it.

    Raises:
        UsageError: a text holds a part of the frame.
    """
    rule = " ".join([principle.text, *principle.exceptions])
    used = tuple(d for d in rules.definitions if uses_term(d[0], rule))
    for where, value in _texts(principle, used, choices):
        if token := frame.found_in(value):
            raise UsageError(
                f"{rules.reference}: principle {principle.id}, {where}: holds "
                f"{printable(token)!r}, which {frame.target}'s own prompt is made of\n"
                f"    hint: say it in other words, or compile to another target"
            )
    return Words(
        line(principle.title).rstrip("."),
        line(principle.text),
        tuple(line(exception) for exception in principle.exceptions),
        tuple((line(term), line(meaning)) for term, meaning in used),
    )


def _texts(
    principle: Principle, used: tuple[tuple[str, str], ...], choices: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    yield "title", principle.title
    yield "text", principle.text
    for number, exception in enumerate(principle.exceptions, 1):
        yield f"exception {number}", exception
    for term, meaning in used:
        yield f"definition of {line(term)}", f"{term} {meaning}"
    for number, choice in enumerate(choices, 1):
        yield f"rubric choice {number}", choice


def head(principle: Principle, rules: Constitution, name: str) -> dict[str, Any]:
    """Say what a file was made of, and in which format it is."""
    return {
        "constitution": constitution_of(rules),
        "criterion": principle.criterion,
        "format": f"lexgate-{name}/1",
        "polarity": principle.polarity,
        "principle": principle.id,
        "title": line(principle.title),
    }


def text(value: str) -> dict[str, str]:
    """A segment that stands as it is."""
    return {"text": value}


def slot(name: str) -> dict[str, str]:
    """A segment that the reader of the file fills."""
    return {"slot": name}


def line(value: str) -> str:
    """Write a text as one line; every kind of line break becomes a space."""
    return " ".join(value.split())


def lost(
    rules: Constitution, *, kept: frozenset[str] = frozenset(), also: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """List what an export leaves out, of what this constitution has; arguments as in tools'."""
    more = list(also)
    if any(question.id != WHOLE for p in rules.principles for question in p.propositions):
        more.append(
            "Propositions and the conditions over them (violated_when) are left out: the rule as "
            "a whole is the one question."
        )
    spoken = " ".join(part for p in rules.principles for part in (p.text, *p.exceptions))
    if any(not uses_term(term, spoken) for term, _ in rules.definitions):
        more.append("Definitions that no text of a rule uses are left out.")
    return lost_anywhere(rules, kept=kept, also=tuple(more))


def _sentence(value: str) -> str:
    return value if value.endswith((".", "!", "?", "…")) else f"{value}."


def _squeezed(value: str) -> str:
    # A model reads a marker in spite of another case, spacing or width; so does this.
    return "".join(unicodedata.normalize("NFKC", value).split()).casefold()
