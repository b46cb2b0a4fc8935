"""The lines of a policy for gpt-oss-safeguard: which ones carry its structure, and how to quote text.

Three layouts are known: OpenAI's plain text (a sign, `Likely Spam (SP2 …)`), ROOST's
Markdown (`## Promotion (DC1 - Promotion)`), which we write too, and the one of ROOST's policy on
terrorist content (`**TVEC1: Branded content.**`). One function tells for all of them what a line is,
so what we write as text is never read as structure. Law (tested): `plain(inline(text)) == text`, and
no line of `block(text)` has structure.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass

__all__ = ["Mark", "block", "inline", "letters", "mark_of", "plain", "quoted"]

_SECTIONS = {
    "goal": "goal",
    "scope": "scope",
    "definitions": "definitions",
    "label format": "labels",
    "ambiguity and escalation": "ambiguity",
    "ambiguity & escalation": "ambiguity",
    "invalid content types (remove)": "forbidden",
    "valid content types (permit)": "allowed",
}
_SIGN = "[\u2190-\u2bff\ufe0f\U0001f000-\U0001faff]+"  # arrows, symbols, emoji
_BLOCK = re.compile(
    rf"(?:#{{2,3}}|{_SIGN}) (?P<title>.+) \((?P<code>[A-Z]+\d+) [-\u2013\u2014] (?P<note>.+)\)"
)
_BOLD_BLOCK = re.compile(r"\*\*(?P<code>[A-Z]+\.?\d+): (?P<title>.+?)\.?\*\*")
_CAPITALS = re.compile(r"(?P<name>[A-Z]+(?: (?:&|[A-Z]+))*)(?:: (?P<text>.+))?")
_HEADING = re.compile(r"#{1,6} (?P<name>.+)")
_EXAMPLE = re.compile(r"(?:- )?(?P<code>[A-Z]+\d+)\.[a-z]+:? (?P<text>.+)")
_OUTPUT = re.compile(rf"(?:{_SIGN} )?Output: (?P<text>.+)")
_SEVERITY = re.compile(r"Severity: `(?P<text>[a-z][a-z0-9-]*)`")
_LISTS = {"Examples:": "examples", "Example:": "examples", "Exceptions:": "exceptions"}
_ESCAPE = re.compile(r"\\u(?!d[89a-f])([0-9a-f]{4})")
_BREAKS = frozenset({"Cc", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Mark:
    """What a line means: `kind` is a section, "block", "example", "severity", "output" …."""

    kind: str
    text: str = ""  # a title, the words after a colon
    code: str = ""  # such as SP2
    note: str = ""  # what stands beside the code of a block


def mark_of(line: str) -> Mark | None:
    """Tell what structure a line carries; None where it is text."""
    line = line.strip()
    if line == "---":
        return Mark("ruler")
    if line in _LISTS:
        return Mark(_LISTS[line])
    for pattern in (_BLOCK, _BOLD_BLOCK):
        if match := pattern.fullmatch(line):
            said = match.groupdict()
            return Mark("block", said["title"], said["code"], said.get("note", ""))
    if section := _section(line):
        return section
    for kind, pattern in (("example", _EXAMPLE), ("output", _OUTPUT), ("severity", _SEVERITY)):
        if match := pattern.fullmatch(line):
            said = match.groupdict()
            return Mark(kind, said["text"], said.get("code", ""))
    return None


def _section(line: str) -> Mark | None:
    """Tell a heading: `## Goal`, `GOAL: …`; kind "heading" where its name is not known."""
    if match := _HEADING.fullmatch(line):
        name: str = match["name"]
        return Mark(_SECTIONS.get(name.casefold(), "heading"), name)
    match = _CAPITALS.fullmatch(line)
    kind = _SECTIONS.get(match["name"].casefold()) if match else None
    return Mark(kind, match["text"] or "") if match and kind else None


def inline(text: str) -> str:
    r"""Write text on one line: breaks, other hidden marks and blanks at its ends as \u000a."""
    text = re.sub(r"\\(?=u[0-9a-f]{4})", r"\\u005c", text)
    middle = text.strip()
    begin, end = text.split(middle, 1) if middle else (text, "")
    hidden = "".join(_spelled(c) if unicodedata.category(c) in _BREAKS else c for c in middle)
    return "".join(map(_spelled, begin)) + hidden + "".join(map(_spelled, end))


def block(text: str) -> str:
    """Write text on lines of its own; one that would carry structure is spelled out."""
    middle = text.strip("\n")
    begin, end = text.split(middle, 1) if middle else (text, "")
    lines = [_line(line) for line in middle.split("\n")]
    return "".join(map(_spelled, begin)) + "\n".join(lines) + "".join(map(_spelled, end))


def plain(text: str) -> str:
    """Read what `inline` or `block` wrote."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)


def quoted(text: str) -> str:
    """Write text in quotes on one line: JSON, without hidden marks."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(_spelled(c) if unicodedata.category(c) in _BREAKS else c for c in written)


def letters(number: int) -> str:
    """Count in letters: a, b … z, aa, ab and so on."""
    return (letters(number // 26 - 1) if number > 25 else "") + chr(ord("a") + number % 26)


def _line(line: str) -> str:
    """One line of a text; indentation stays, so that lists stay lists."""
    indent = line[: len(line) - len(line.lstrip(" "))] if line.strip() else ""
    rest = inline(line[len(indent) :])
    return indent + (_spelled(rest[0]) + rest[1:] if mark_of(rest) else rest)


def _spelled(character: str) -> str:
    return f"\\u{ord(character):04x}"
