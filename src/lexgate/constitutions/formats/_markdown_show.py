"""A constitution as Markdown for people; hostile text in it stays text.

Every text stands where it cannot begin a block, close its fence or become HTML. Sealed examples are
shown only if the constitution given holds them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lexgate.constitutions._model import WHOLE
from lexgate.constitutions.formats._markdown_blocks import (
    EXAMPLE,
    listed,
    one_line,
    shielded,
)
from lexgate.constitutions.formats._markdown_turns import Turn, tagged, turns_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lexgate.constitutions._model import Constitution, Exemplar, Principle, Proposition

__all__ = ["ANSWER_LABELS", "show"]

ANSWER_LABELS = {"violates": "BAD", "complies": "GOOD", "borderline": "BORDERLINE"}


def show(rules: Constitution) -> str:
    """Write the whole text; one newline at its end."""
    lines = [*_head(rules), *_vocabulary(rules)]
    for principle in rules.principles:
        lines += _section(rules, principle)
    if rules.changes:
        lines += ["", "## Changes", "", *listed("\n".join(shielded(c)) for c in rules.changes)]
    return "\n".join(lines) + "\n"


def _head(rules: Constitution) -> Iterator[str]:
    yield f"# {one_line(rules.title, rules.name)}"
    yield ""
    yield f"`{rules.reference}` · {one_line(rules.license)} · `{rules.digest}`"
    yield from ("", "## Severities", "")
    yield "| severity | limit | confidence | claim |"
    yield "| --- | --- | --- | --- |"
    for severity in rules.severities:
        numbers = f"{severity.limit!r} | {severity.confidence!r} | {severity.claim}"
        yield f"| {severity.id} | {numbers} |"
    if rules.authorities:
        yield from ("", "## Authorities", "", " > ".join(rules.authorities))


def _vocabulary(rules: Constitution) -> Iterator[str]:
    if rules.definitions:
        yield from ("", "## Definitions", "")
        yield from listed(
            f"**{one_line(term, '?')}**: " + "\n".join(shielded(text))
            for term, text in rules.definitions
        )
    if rules.propositions:
        yield from ("", "## Questions", "", *_questions(rules.propositions))
    if rules.derived:
        yield from ("", "## Conditions", "")
        yield from listed(f"`{name}`: `{meaning}`" for name, meaning in rules.derived)


def _questions(propositions: Iterable[Proposition]) -> list[str]:
    return listed(
        f"`{p.id}` (sees the {p.sees}): " + "\n".join(shielded(p.ask)) for p in propositions
    )


def _section(rules: Constitution, principle: Principle) -> Iterator[str]:
    said = {"authority": principle.authority, "severity": principle.severity}
    said |= {"criterion": principle.criterion, "polarity": principle.polarity}
    attributes = " ".join(f"{key}={value}" for key, value in said.items() if value)
    title = re.sub(r"[{}]", " ", one_line(principle.title, principle.id))
    yield from ("", f"## {title} {{#{principle.id} {attributes}}}", "", *shielded(principle.text))
    if principle.rationale:
        yield from ("", *_labelled("Why", principle.rationale))
    if principle.exceptions:
        texts = ("\n".join(shielded(text)) for text in principle.exceptions)
        yield from ("", "**Except**:", "", *listed(texts))
    if principle.overrides:
        yield from ("", f"**Goes before**: {', '.join(principle.overrides)}")
    own = [p for p in principle.propositions if p not in rules.propositions and p.id != WHOLE]
    if own:
        yield from ("", "**Questions**:", "", *_questions(own))
    if principle.violated_when.names() != {WHOLE}:
        yield from ("", f"**Violated when**: `{principle.violated_when}`")
    if principle.rubric.when:
        yield from ("", "**Grades**:", "")
        yield from listed(f"{one_line(c, '?')}: `{when}`" for c, when in principle.rubric.when)
    for label, text in (("Critique", principle.critique), ("Revise", principle.revise)):
        if text:
            yield from ("", *_labelled(label, text))
    for example in principle.examples:
        yield from _example(example)


def _labelled(label: str, text: str) -> list[str]:
    first, *others = shielded(text)
    return [f"**{label}**: {first}", *others]


def _split(example: Exemplar) -> tuple[tuple[str, str], ...]:
    # In plain sight: without the rest a sealed example must not be read as a public one.
    return (("split", "sealed"),) if example.split == "sealed" else ()


def _example(example: Exemplar) -> Iterator[str]:
    lines: list[str] = []
    for turn in turns_of(example.prompt):
        lines += tagged(turn)
    reason = re.sub(r"--+|[<>]", " ", one_line(example.why))
    comment = f"{ANSWER_LABELS[example.label]}: {' '.join(reason.split())}"
    lines += [
        "<comparison>",
        *tagged(Turn("assistant", example.response, _split(example)), comment),
        "</comparison>",
    ]
    text = "\n".join(lines)
    longest = max((len(run) for run in re.findall(r"~+", text)), default=0)
    fence = "~" * max(3, longest + 1)
    yield from ("", f"**{EXAMPLE}**: `{example.id}`", "", f"{fence}xml", *text.split("\n"), fence)
