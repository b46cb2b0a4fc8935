"""OpenAI's Model Spec, any dated version, read as a constitution.

Every section with an anchor is a principle, also those without an authority, which only introduce
others: what a version adds or drops is seen whatever it is. A section's prose is the rule, its
commentary the rationale; GOOD answers comply and BAD ones violate. An example's id is made of its
section, the title of the example, the label and a count among equals, so that what is put in
elsewhere changes no id. A dated release promises nothing about what stays, so each date is a major
version: 2025-04-11 is 20250411.0.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lexgate.constitutions.formats._format import Reading
from lexgate.constitutions.formats._markdown_blocks import Section, Source, scan, trimmed
from lexgate.constitutions.formats._markdown_turns import (
    Answer,
    Comparison,
    Malformed,
    comparisons,
    prompt_of,
    response_of,
)
from lexgate.constitutions.formats._native import UNRATED, Cleaner, counted, id_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lexgate.constitutions.formats._markdown_blocks import Block

__all__ = ["read_spec"]

_LEVELS = ("platform", "root", "system", "developer", "user", "guideline")  # highest first
_LABELS = {"GOOD": "complies", "BAD": "violates"}
_LABEL = re.compile(r"(GOOD|BAD)\b:?\s*(.*)", re.DOTALL)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_FOOTNOTE = re.compile(r"\[\^[\w-]+\]")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ADDED = (
    "A name and a title; the licence CC0-1.0, under which the Model Spec is published.",
    "For each section: safety as its criterion, require as its polarity.",
    "The severity unrated: at most 5 in 100 may fail, at 95 % confidence, and C1 is enough.",
    "Ids of examples; a reason for the label where the source gives none.",
)


@dataclass(slots=True)
class _Found:
    """What is counted on the way."""

    taken: set[str] = field(default_factory=set)  # ids of examples
    footnotes: int = 0
    comments: int = 0
    tags: int = 0
    unlabelled: int = 0
    repeated: int = 0
    cleaner: Cleaner = field(default_factory=Cleaner)


def read_spec(source: Source) -> Reading:
    """Read a version of the Model Spec.

    Raises:
        InvalidFile: it has no section with an anchor, or a conversation cannot be read.
    """
    sections = [section for section in scan(source, "theirs") if section.anchor]
    if not sections:
        source.problem(
            1,
            "expected sections such as `## Title {#id authority=user}`, found none",
            "is this the Markdown source of a Model Spec?",
        )
    found = _Found()
    _refuse_twins(source, sections)
    principles = [_principle(source, section, found) for section in sections]
    used = {section.attributes.get("authority") for section in sections}
    version, dated = _version(source.name)
    data: dict[str, Any] = {
        "constitution": "openai-model-spec",
        "version": version,
        "title": "OpenAI Model Spec",
        "license": "CC0-1.0",
        "authorities": [level for level in _LEVELS if level in used],
        "severities": [dict(UNRATED)],
        "principles": principles,
    }
    if not data["authorities"]:
        del data["authorities"]
    return Reading(data, _lost(found), _ADDED if dated else (*_ADDED, "The version 0.1.0."))


def _refuse_twins(source: Source, sections: list[Section]) -> None:
    seen: dict[str, int] = {}
    for section in sections:
        first = seen.setdefault(_id(section), section.line)
        if first != section.line:
            message = (
                f"expected every anchor once, found {section.anchor} again (first in line {first})"
            )
            source.problem(section.line, message, "rename one of the two")
        level = section.attributes.get("authority")
        if level is not None and level not in _LEVELS:
            message = f"expected an authority of {', '.join(_LEVELS)}, found {level}"
            source.problem(section.line, message)


def _id(section: Section) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", section.anchor.casefold()).strip("-")
    return words if words[:1].isalpha() else f"s-{words}"


def _version(name: str) -> tuple[str, bool]:
    date = _DATE.search(name)
    return (f"{int(''.join(date.groups()))}.0.0", True) if date else ("0.1.0", False)


def _principle(source: Source, section: Section, found: _Found) -> dict[str, Any]:
    found.tags += "tags" in section.attributes
    text = _prose(section.lines("prose"), found) or section.title
    data = {
        "id": _id(section),
        "title": section.title or section.anchor,
        "criterion": "safety",
        "polarity": "require",
        "severity": UNRATED["id"],
        "authority": section.attributes.get("authority", ""),
        "text": text,
        "rationale": _prose(section.lines("commentary"), found),
        "examples": list(_examples(source, section, found)),
    }
    return {key: value for key, value in data.items() if value not in ("", [])}


def _prose(lines: list[str], found: _Found) -> str:
    text, comments = _COMMENT.subn("", "\n".join(lines))
    text, footnotes = _FOOTNOTE.subn("", text)
    found.comments += comments
    found.footnotes += footnotes
    return "\n".join(trimmed(found.cleaner.clean(text).split("\n")))


def _examples(source: Source, section: Section, found: _Found) -> Iterator[dict[str, Any]]:
    said: set[tuple[str, str]] = set()
    numbers: dict[tuple[str, str], int] = {}
    for block in section.blocks:
        if block.kind != "conversation":
            continue
        for comparison in _compared(source, block):
            for answer in comparison.answers:
                label = _LABEL.match(answer.comment)
                if label is None:
                    found.unlabelled += 1
                    continue
                example = _example(section, block, comparison, answer, label)
                exchange = example["prompt"], example["response"]
                if exchange in said:
                    found.repeated += 1
                    continue
                said.add(exchange)
                place = block.title, example["label"]
                numbers[place] = numbers.get(place, 0) + 1
                identity = [section.anchor, *place, str(numbers[place])]
                begin = f"{_id(section)[:20].strip('-')}-{label[1].casefold()}"
                id_ = id_of(begin, block.title, identity, found.taken)
                found.taken.add(id_)
                yield {"id": id_, **example}


def _compared(source: Source, block: Block) -> tuple[Comparison, ...]:
    try:
        return comparisons(block.lines)
    except Malformed as error:
        source.problem(block.line + error.line, error.message, "close every turn before the next")


def _example(
    section: Section, block: Block, comparison: Comparison, answer: Answer, label: re.Match[str]
) -> dict[str, Any]:
    reason = " ".join(label[2].split())
    return {
        "prompt": prompt_of(comparison.before) or "[no prompt]",
        "response": response_of(answer.turn),
        "label": _LABELS[label[1]],
        "why": reason or block.title or f"Labelled {label[1]} under {section.title}.",
    }


def _lost(found: _Found) -> tuple[str, ...]:
    counts = (
        (found.footnotes, "reference to an evaluation prompt", "references to evaluation prompts"),
        (found.comments, "comment in the source", "comments in the source"),
        (found.tags, "list of tags of a section", "lists of tags of sections"),
        (found.unlabelled, "answer without a label", "answers without a label"),
        (found.repeated, "answer that stood there already", "answers that stood there already"),
    )
    said = [f"{counted(number, one, many)}." for number, one, many in counts if number]
    said.append("That sections are nested: each is a rule of its own, introductions too.")
    return (*said, *found.cleaner.lost())
