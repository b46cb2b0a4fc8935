"""OpenAI's Model Spec, any dated version, read as a constitution.

Every section with an anchor is a principle, also those without an authority, which introduce others:
all their headings tell what to do, and stand for the text where none follows. Only what speaks of the
document itself (`_ABOUT`) is none. So what a version adds or drops is seen whatever it is. A section's prose is the rule, its
commentary the rationale; GOOD answers comply, BAD ones violate, OK ones are borderline. An answer
that is BAD by another section (`BAD[#chain_of_command]`) is an example of that one: it may well obey
the one it stands in, as a needless refusal does. An example's id is made of the section it stands
in, the title of the example, the label and a count among equals, so that what is put in elsewhere
changes no id. A dated release promises nothing about what stays, so each date is a major
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
_ABOUT = ("overview", "structure", "risk_taxonomy", "levels_of_authority", "definitions")
_CRITERIA = {  # chapter -> what its rules serve
    "chain_of_command": "safety",
    "stay_in_bounds": "safety",
    "chatgpt_u18": "safety",
    "seek_truth": "honesty",
}
_FORBIDS = re.compile(
    r"(don['\u2019]t|do not|never|avoid)\b", re.IGNORECASE
)  # at a title's beginning
_LEVEL = re.compile(r"- \*\*(\w+)\*\*:")  # where the Model Spec lists them, highest first
_TERM = re.compile(r"\*\*([^*\n]+?):?\*\*:? +(\S.*)")
_LABELS = {"GOOD": "complies", "BAD": "violates", "OK": "borderline"}
_LABEL = re.compile(r"(GOOD|BAD|OK)\b(?:\[#([^\]]*)\])?[:,]?\s*(.*)", re.DOTALL)
_LINK = re.compile(r"\[([^\[\]\n]*)\]\(#([^)\s]*)\)")  # to another section
_DATE = re.compile(r"(\d{4})[-./](\d{2})[-./](\d{2})")
_DATED = re.compile(
    r"^.*\b(?:version|released?|date|model spec)\b.*$", re.IGNORECASE | re.MULTILINE
)
_FOOTNOTE = re.compile(r"\[\^[\w-]+\]")
_ADDED = (
    "A name and a title; the licence CC0-1.0, under which the Model Spec is published.",
    "As criterion, after the chapter: safety (command, bounds, minors), honesty (truth), helpfulness.",
    "As polarity: prohibit where a title begins with Don't, Do not, Never or Avoid; else require.",
    "The severity unrated: at most 5 in 100 may fail, at 95 % confidence, and C1 is enough.",
    "Ids of examples; the title of the example as reason for a label that has none.",
    "Where a conversation goes on after compared answers, that the first GOOD one was given.",
)


@dataclass(slots=True)
class _Found:
    """What is known of the whole file, and what is counted on the way."""

    titles: dict[str, str]  # anchor -> title
    rules: frozenset[str]  # anchors of the sections that are principles
    taken: set[str] = field(default_factory=set)  # ids of examples
    elsewhere: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Principle -> examples that stand in other sections."""
    footnotes: int = 0
    links: int = 0
    moved: int = 0
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
    rules = [section for section in sections if section.anchor not in _ABOUT]
    titles = {section.anchor: section.title or section.anchor for section in sections}
    found = _Found(titles, frozenset(section.anchor for section in rules))
    levels = _levels(sections)
    _refuse_twins(source, sections, levels)
    principles = []
    chapter = ""
    for section in sections:
        chapter = section.anchor if section.level == 1 else chapter
        if section.anchor in found.rules:
            principles.append(_principle(source, section, chapter, found))
    for principle in principles:
        if examples := [*principle.get("examples", ()), *found.elsewhere.get(principle["id"], ())]:
            principle["examples"] = examples
    used = {section.attributes.get("authority") for section in sections}
    version, dated = _version(source)
    data: dict[str, Any] = {
        "constitution": "openai-model-spec",
        "version": version,
        "title": "OpenAI Model Spec",
        "license": "CC0-1.0",
        "authorities": [level for level in levels if level in used],
        "severities": [dict(UNRATED)],
        "definitions": _definitions(sections, found),
        "principles": principles,
    }
    data = {key: value for key, value in data.items() if value not in ([], {})}
    added = (
        _ADDED if dated else (*_ADDED, "The version 0.1.0: neither file name nor text has a date.")
    )
    return Reading(data, (*_unread(sections), *_lost(found)), added)


def _levels(sections: list[Section]) -> list[str]:
    """List the levels of authority in the order that the text itself gives them, highest first."""
    lines = [
        line for s in sections if s.anchor == "levels_of_authority" for line in s.lines("prose")
    ]
    told = [found[1].casefold() for line in lines if (found := _LEVEL.match(line))]
    return list(dict.fromkeys(told)) or list(_LEVELS)


def _definitions(sections: list[Section], found: _Found) -> dict[str, str]:
    """Read what terms mean: the first paragraph of each, with the list that it announces."""
    terms: dict[str, str] = {}
    for section in sections:
        text = "\n".join(section.lines("prose") if section.anchor == "definitions" else ())
        paragraphs = text.split("\n\n")
        for place, paragraph in enumerate(paragraphs):
            if term := _TERM.fullmatch(paragraph.strip()):
                more = paragraphs[place + 1 : place + 2] if term[2].endswith(":") else []
                terms.setdefault(term[1], _prose("\n\n".join([term[2], *more]).split("\n"), found))
    return terms


def _unread(sections: list[Section]) -> list[str]:
    """Say which sections are no rules."""
    titles = [s.title for s in sections if s.anchor in _ABOUT and s.anchor != "definitions"]
    said = [f"What speaks of the document itself: {', '.join(titles)}."] if titles else []
    if any(section.anchor == "definitions" for section in sections):
        said.append("What is said of a defined term after its first paragraph.")
    return said


def _refuse_twins(source: Source, sections: list[Section], levels: list[str]) -> None:
    seen: dict[str, int] = {}
    for section in sections:
        first = seen.setdefault(_id(section.anchor), section.line)
        if first != section.line:
            message = (
                f"expected every anchor once, found {section.anchor} again (first in line {first})"
            )
            source.problem(section.line, message, "rename one of the two")
        level = section.attributes.get("authority")
        if level is not None and level not in levels:
            message = f"expected an authority of {', '.join(levels)}, found {level}"
            source.problem(section.line, message)


def _id(anchor: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", anchor.casefold()).strip("-")
    return words if words[:1].isalpha() else f"s-{words}"


def _version(source: Source) -> tuple[str, bool]:
    head = source.text[:2000]  # further down, dates are those of examples
    said = [line[0] for line in _DATED.finditer(head)]
    date = next((d for text in (source.name, *said) if (d := _DATE.search(text))), None)
    return (f"{int(''.join(date.groups()))}.0.0", True) if date else ("0.1.0", False)


def _principle(source: Source, section: Section, chapter: str, found: _Found) -> dict[str, Any]:
    found.tags += "tags" in section.attributes
    text = _prose(section.lines("prose"), found) or section.title
    data = {
        "id": _id(section.anchor),
        "title": section.title or section.anchor,
        "criterion": _CRITERIA.get(chapter, "helpfulness"),
        "polarity": "prohibit" if _FORBIDS.match(section.title) else "require",
        "severity": UNRATED["id"],
        "authority": section.attributes.get("authority", ""),
        "text": text,
        "rationale": _prose(section.lines("commentary"), found),
        "examples": list(_examples(source, section, found)),
    }
    return {key: value for key, value in data.items() if value not in ("", [])}


def _prose(lines: list[str], found: _Found) -> str:
    text, comments = _without_comments("\n".join(lines))
    text, footnotes = _FOOTNOTE.subn("", text)
    found.comments += comments
    text = _linked(text, found)
    found.footnotes += footnotes
    return "\n".join(trimmed(found.cleaner.clean(text).split("\n")))


def _linked(text: str, found: _Found) -> str:
    """Write links to sections out: `[?](#be_kind)` stands for that section's title."""

    def written(link: re.Match[str]) -> str:
        found.links += 1
        return found.titles.get(link[2], link[2]) if link[1] == "?" else link[1]

    return _LINK.sub(written, text)


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
                example["why"] = _linked(example["why"], found)
                exchange = example["prompt"], example["response"]
                if exchange in said:
                    found.repeated += 1
                    continue
                said.add(exchange)
                place = block.title, example["label"]
                numbers[place] = numbers.get(place, 0) + 1
                identity = [section.anchor, *place, str(numbers[place])]
                begin = f"{_id(section.anchor)[:20].strip('-')}-{label[1].casefold()}"
                id_ = id_of(begin, block.title, identity, found.taken)
                found.taken.add(id_)
                if label[2] in found.rules and label[2] != section.anchor:
                    found.moved += 1
                    others = found.elsewhere.setdefault(_id(label[2]), [])
                    others.append({"id": id_, **example})
                else:
                    yield {"id": id_, **example}


def _compared(source: Source, block: Block) -> tuple[Comparison, ...]:
    try:
        return comparisons(block.lines)
    except Malformed as error:
        source.problem(block.line + error.line, error.message, "close every turn before the next")


def _example(
    section: Section, block: Block, comparison: Comparison, answer: Answer, label: re.Match[str]
) -> dict[str, Any]:
    reason = " ".join(label[3].split())
    return {
        "prompt": prompt_of(comparison.before) or "[no prompt]",
        "response": response_of(answer.turn),
        "label": _LABELS[label[1]],
        "why": reason or block.title or f"Labelled {label[1]} under {section.title}.",
    }


def _lost(found: _Found) -> tuple[str, ...]:
    counts = (
        (found.footnotes, "reference to an evaluation prompt", "references to evaluation prompts"),
        (
            found.links,
            "link to another section, now its text or title",
            "links to other sections, now their texts or titles",
        ),
        (
            found.moved,
            "place of an answer that is BAD by another section, whose example it is now",
            "places of answers that are BAD by another section, whose examples they are now",
        ),
        (found.comments, "comment in the source", "comments in the source"),
        (found.tags, "list of tags of a section", "lists of tags of sections"),
        (found.unlabelled, "answer without a label", "answers without a label"),
        (found.repeated, "answer that stood there already", "answers that stood there already"),
    )
    said = [f"{counted(number, one, many)}." for number, one, many in counts if number]
    said.append("That sections are nested: each is a rule of its own, introductions too.")
    return (*said, *found.cleaner.lost())


def _without_comments(text: str) -> tuple[str, int]:
    """Take comments out and count them, looking at no part of the text twice."""
    kept, count, place = [], 0, 0
    while (begin := text.find("<!--", place)) >= 0 and (end := text.find("-->", begin)) >= 0:
        kept.append(text[place:begin])
        count, place = count + 1, end + 3
    return "".join(kept) + text[place:], count
