"""Reading back the Markdown that this project writes, edited by hand or not.

What is not there, or no longer reads as it was written, is left out: the rest that an export keeps
aside has it. A mistake that would change which rules there are is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lexgate.constitutions.formats._format import Reading
from lexgate.constitutions.formats._markdown_blocks import (
    EXAMPLE,
    Section,
    Source,
    items,
    scan,
    trimmed,
    unshielded,
)
from lexgate.constitutions.formats._markdown_turns import Malformed, comparisons, prompt_of
from lexgate.constitutions.formats._native import UNRATED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lexgate.constitutions.formats._markdown_blocks import Block

__all__ = ["read_ours"]

_ID = re.compile(r"[a-z][a-z0-9-]*")
_HEAD = re.compile(r"`([a-z][a-z0-9-]*)@(\d+\.\d+\.\d+)` · (.*) · `sha256:[0-9a-f]+`")
_SEVERITY = re.compile(r"\| *([a-z][a-z0-9-]*) *\| *(\S+) *\| *(\S+) *\| *(\S+) *\|")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_TERM = re.compile(r"\*\*(.+?)\*\*: (.*)", re.DOTALL)
_QUESTION = re.compile(
    r"`([a-z][a-z0-9_]*)` \(sees the (prompt|response|exchange)\): (.*)", re.DOTALL
)
_NAMED = re.compile(r"`([a-z][a-z0-9_]*)`: `([^`]*)`")
_GRADE = re.compile(r"(.+): `([^`]*)`", re.DOTALL)
_CODE = re.compile(r"`([^`]*)`")
_LABELS = {"BAD": "violates", "GOOD": "complies", "BORDERLINE": "borderline"}
_ANSWER = re.compile(r"(BAD|GOOD|BORDERLINE): ?(.*)")
_CRITERIA = ("safety", "helpfulness", "honesty", "accuracy", "efficiency")


def read_ours(source: Source) -> Reading:
    """Read a text that `show` wrote.

    Raises:
        InvalidFile: a rule has no sound id, an id stands twice, or a conversation cannot be read.
    """
    sections = scan(source, "ours")
    head, structure = sections[0], {s.title: s for s in sections if not s.anchor and s.level == 2}
    data = _head(head)
    severities = _severities(source, structure.get("Severities"))
    rules = [section for section in sections if section.anchor]
    named = {section.attributes.get("severity", "") for section in rules} - {""}
    missing = sorted(named - {severity["id"] for severity in severities})
    data["severities"] = [*severities, *({**UNRATED, "id": id_} for id_ in missing)]
    data["authorities"] = _authorities(structure.get("Authorities"))
    data["definitions"] = _pairs(structure.get("Definitions"), _TERM, prose=True)
    data["propositions"] = _questions(_list(structure.get("Questions"), "prose"))
    data["derived"] = _pairs(structure.get("Conditions"), _NAMED, prose=False)
    data["changes"] = [unshielded(item) for item in _list(structure.get("Changes"), "prose")]
    seen: set[str] = set()
    data["principles"] = [_principle(source, section, seen) for section in rules]
    return Reading({key: value for key, value in data.items() if value not in ("", [], {})})


def _head(section: Section) -> dict[str, Any]:
    lines = trimmed(section.lines("prose"))
    title = lines[0].removeprefix("# ") if lines and lines[0].startswith("# ") else "Untitled"
    found = next((m for line in lines if (m := _HEAD.fullmatch(line))), None)
    name, version, licence = found.groups() if found else ("untitled", "0.1.0", "NOASSERTION")
    return {
        "constitution": name,
        "version": version,
        "title": unshielded([title]),
        "license": unshielded([licence]) or "NOASSERTION",
    }


def _list(section: Section | None, kind: str) -> list[list[str]]:
    return items(section.lines(kind)) if section else []


def _severities(source: Source, section: Section | None) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for block in section.blocks if section else ():
        for number, line in enumerate(block.lines, block.line):
            row = _SEVERITY.fullmatch(line.strip())
            if row is None or row[2] == "limit":  # the head of the table
                continue
            if not (_NUMBER.fullmatch(row[2]) and _NUMBER.fullmatch(row[3])):
                message = f"expected numbers as limit and confidence, found {row[2]} and {row[3]}"
                source.problem(number, message, "write them as 0.01")
            if row[1] in found:
                source.problem(number, f"expected every severity once, found {row[1]} again")
            numbers = {"limit": float(row[2]), "confidence": float(row[3])}
            found[row[1]] = {"id": row[1], **numbers, "claim": row[4]}
    return list(found.values())


def _authorities(section: Section | None) -> list[str]:
    lines = trimmed(section.lines("prose")) if section else []
    return lines[0].split(" > ") if lines else []


def _pairs(section: Section | None, form: re.Pattern[str], *, prose: bool) -> dict[str, str]:
    found = {}
    for item in _list(section, "prose"):
        pair = form.fullmatch("\n".join(item))
        if pair:
            key, value = pair.groups()
            found[key] = unshielded(value.split("\n")) if prose else value
    return found


def _questions(listed: list[list[str]]) -> list[dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for item in listed:
        if question := _QUESTION.fullmatch("\n".join(item)):
            id_, sees, ask = question.groups()
            asked = unshielded(ask.split("\n"))
            if asked:
                found.setdefault(id_, {"id": id_, "ask": asked, "sees": sees})
    return list(found.values())


def _principle(source: Source, section: Section, seen: set[str]) -> dict[str, Any]:
    id_, line = section.anchor, section.line
    if not _ID.fullmatch(id_):
        message = f"expected an id of lower-case letters, digits and hyphens, found {id_}"
        source.problem(line, message)
    if id_ in seen:
        source.problem(line, f"expected every id once, found {id_} again", "rename one of the two")
    seen.add(id_)
    data: dict[str, Any] = {"id": id_, "title": unshielded([section.title]) or id_}
    said = section.attributes
    data["criterion"] = said.get("criterion", "safety")
    data["polarity"] = said.get("polarity", "prohibit")
    if data["criterion"] not in _CRITERIA or data["polarity"] not in {"prohibit", "require"}:
        message = "expected a criterion and a polarity of the language, found others"
        source.problem(line, message, f"criteria are {', '.join(_CRITERIA)}")
    data["severity"] = said.get("severity", UNRATED["id"])
    data["authority"] = said.get("authority", "")
    data["text"] = _text(section, "prose") or data["title"]
    data["rationale"] = _text(section, "Why")
    data["exceptions"] = [unshielded(item) for item in _list(section, "Except")]
    over = _text(section, "Goes before")
    data["overrides"] = over.split(", ") if over else []
    data["propositions"] = _questions(_list(section, "Questions"))
    condition = _CODE.fullmatch(_text(section, "Violated when"))
    data["violated_when"] = condition[1] if condition else ""
    if data["propositions"] and not data["violated_when"]:
        data["propositions"] = []
    grades = [_GRADE.fullmatch("\n".join(item)) for item in _list(section, "Grades")]
    when = {unshielded(g[1].split("\n")): g[2] for g in grades if g}
    data["rubric"] = {"choices": list(when), "when": when} if len(when) > 1 else {}
    data |= {key: _text(section, key.title()) for key in ("critique", "revise")}
    data["examples"] = list(_examples(source, section, seen))
    return {key: value for key, value in data.items() if value not in ("", [], {})}


def _text(section: Section, kind: str) -> str:
    return unshielded(trimmed(section.lines(kind)))


def _examples(source: Source, section: Section, seen: set[str]) -> Iterator[dict[str, Any]]:
    for block in section.blocks:
        if block.kind != "conversation":
            continue
        named = _CODE.fullmatch(block.title)
        id_ = named[1] if named else ""
        if not _ID.fullmatch(id_) or f"{EXAMPLE} {id_}" in seen:
            message = f'expected the id of an example of its own, found "{block.title}"'
            source.problem(block.line - 1, message, f"write **{EXAMPLE}**: `an-id`")
        seen.add(f"{EXAMPLE} {id_}")
        yield {"id": id_, **_example(source, block)}


def _example(source: Source, block: Block) -> dict[str, Any]:
    try:
        (comparison,) = comparisons(block.lines)
        (answer,) = comparison.answers
        label = _ANSWER.fullmatch(answer.comment)
    except Malformed as error:
        source.problem(block.line + error.line, error.message)
    except ValueError:
        label = None
    if label is None:
        message = "expected one answer labelled GOOD, BAD or BORDERLINE, found something else"
        source.problem(block.line, message, "<assistant> <!-- BAD: the reason -->")
    sealed = ("split", "sealed") in answer.turn.attributes
    return {
        "prompt": prompt_of(comparison.before) or "[no prompt]",
        "response": answer.turn.text,
        "label": _LABELS[label[1]],
        "why": label[2] or "No reason is given.",
        **({"split": "sealed"} if sealed else {}),
    }
