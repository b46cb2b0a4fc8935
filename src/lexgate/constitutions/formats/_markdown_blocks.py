r"""Markdown with attribute lists, cut into sections and blocks; nothing interpreted.

A section begins at a heading that ends in `{#anchor key=value …}`. In it stand prose, blocks that
begin with a label (`**Example**: a title`), commentary (`!!! meta`) and fenced conversations.
Law (tested): prose that `shielded` wrote is cut into no blocks, and `unshielded` gives it back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from lexgate._text import printable
from lexgate.errors import InvalidFile, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Literal

__all__ = [
    "EXAMPLE",
    "Block",
    "Section",
    "Source",
    "fence_end",
    "items",
    "listed",
    "one_line",
    "scan",
    "shielded",
    "trimmed",
    "unshielded",
]

EXAMPLE = "Example"  # the one label that the Model Spec has
_LABELS = (
    EXAMPLE,
    "Why",
    "Except",
    "Goes before",
    "Questions",
    "Violated when",
    "Grades",
    "Critique",
    "Revise",
)
_STRUCTURE = ("Severities", "Authorities", "Definitions", "Questions", "Conditions", "Changes")

_HEADING = re.compile(
    r"(#{1,6})[ \t]+(.*?)[ \t]*\{#([^\s{}]+)((?:[ \t]+[^\s{}=]+=[^\s{}]+)*)[ \t]*\}"
)
_BLANKS = re.compile(r"[ \t]+")
_PLAIN_HEADING = re.compile(rf"##[ \t]+({'|'.join(_STRUCTURE)})")
_LABEL = re.compile(rf"\*\*({'|'.join(_LABELS)})\*\*:[ \t]?(.*)")
_FENCE = re.compile(r" {0,3}(~{3,}|`{3,})[ \t]*([^`]*)")
_COMMENTARY = re.compile(r"!!![ \t].*")
# What a line of prose may not begin with, lest it be taken for one of the above.
_BEGINS = rf"#|~~~|```|!!! |\*\*(?:{'|'.join(_LABELS)})\*\*"
_SHIELD = re.compile(rf"([ \t]*\\*)({_BEGINS})")
_UNSHIELD = re.compile(rf"([ \t]*)\\(\\*(?:{_BEGINS}))")
_TAG = re.compile(r"(?<!\\)(\\*)<(?=[A-Za-z/!?])")  # what HTML would take for its own


@dataclass(frozen=True, slots=True)
class Source:
    """A file, with the name it is told by in problems."""

    name: str
    text: str

    def problem(self, line: int, message: str, hint: str = "") -> NoReturn:
        """Refuse the file for what stands at a line, counted from 1."""
        raise InvalidFile((Problem(self.name, line, 1, "", message, hint),))


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one kind, as they stand in the file.

    `kind` is a label, or `prose`, or `commentary`, or `conversation` (fenced; then `title` is that
    of its example).
    """

    kind: str
    line: int  # of the first of `lines`, from 1
    lines: list[str]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what follows it, up to the next one."""

    level: int
    title: str
    anchor: str  # empty before the first heading, and for the headings of our own structure
    attributes: Mapping[str, str]
    line: int
    blocks: list[Block] = field(default_factory=list)

    def lines(self, *kinds: str) -> list[str]:
        """All lines of some kinds, with an empty one between two blocks."""
        found: list[str] = []
        for block in self.blocks:
            if block.kind in kinds and (lines := trimmed(block.lines)):
                found += [*([""] if found else []), *lines]
        return found


def scan(source: Source, dialect: Literal["ours", "theirs"]) -> list[Section]:
    """Cut a file into sections; the first holds what stands before all headings.

    Raises:
        InvalidFile: a fence is not closed.
    """
    lines = source.text.split("\n")
    sections = [Section(0, "", "", {}, 1)]
    title = ""
    place = 0
    while place < len(lines):
        line, here = lines[place], sections[-1].blocks
        if fence := _FENCE.fullmatch(line):
            end = fence_end(lines, place)
            if end == len(lines):
                source.problem(place + 1, f"expected a closing {fence[1]}, found the end", "add it")
            if fence[2].split()[:1] == ["xml"]:
                here.append(Block("conversation", place + 2, lines[place + 1 : end], title))
            else:
                _prose(here, place + 1).extend(lines[place : end + 1])
            place = end + 1
            continue
        if section := _heading(line, place + 1, dialect):
            sections.append(section)
            title = ""
        elif (label := _LABEL.fullmatch(line)) and (dialect == "ours" or label[1] == EXAMPLE):
            title = label[2].strip() if label[1] == EXAMPLE else ""
            here.append(Block(label[1], place + 1, [label[2]]))
        elif _COMMENTARY.fullmatch(line):
            end = _indented_end(lines, place + 1)
            here.append(Block("commentary", place + 2, [li[4:] for li in lines[place + 1 : end]]))
            place = end
            continue
        else:
            _prose(here, place + 1).append(line)
        place += 1
    return sections


def fence_end(lines: Sequence[str], begin: int) -> int:
    """Find the line that closes the fence which a line opens; the number of lines if none does."""
    fence = _FENCE.fullmatch(lines[begin])
    if fence is None:
        return begin
    closing = re.compile(rf" {{0,3}}{re.escape(fence[1][0])}{{{len(fence[1])},}}[ \t]*")
    numbers = range(begin + 1, len(lines))
    return next((n for n in numbers if closing.fullmatch(lines[n])), len(lines))


def _heading(line: str, number: int, dialect: str) -> Section | None:
    # Runs of blanks say nothing here, and would make the search slow.
    found = _HEADING.fullmatch(_BLANKS.sub(" ", line.rstrip())) if "{#" in line else None
    if found:
        pairs = (pair.split("=", 1) for pair in found[4].split())
        return Section(len(found[1]), found[2], found[3], dict(pairs), number)
    plain = _PLAIN_HEADING.fullmatch(line.rstrip()) if dialect == "ours" else None
    return Section(2, plain[1], "", {}, number) if plain else None


def _prose(blocks: list[Block], line: int) -> list[str]:
    """Find the block that a line of prose goes on with: a label's value goes on until another."""
    if not blocks or blocks[-1].kind in {EXAMPLE, "conversation", "commentary"}:
        blocks.append(Block("prose", line, []))
    return blocks[-1].lines


def _indented_end(lines: Sequence[str], begin: int) -> int:
    end = begin
    for number in range(begin, len(lines)):
        if lines[number].startswith("    "):
            end = number + 1
        elif lines[number].strip():
            break
    return end


def shielded(text: str) -> list[str]:
    """Write prose so that it stays prose: what would begin a block, or be HTML, gets a backslash."""
    return [_shielded(line) for line in text.split("\n")]


def _shielded(line: str) -> str:
    line = _TAG.sub(lambda m: m[1] * 2 + "\\<", line)
    found = _SHIELD.match(line)
    return f"{found[1]}\\{line[found.end(1) :]}" if found else line


def unshielded(lines: Iterable[str]) -> str:
    """Read prose that `shielded` wrote."""
    return "\n".join(_unshielded(line) for line in lines)


def _unshielded(line: str) -> str:
    found = _UNSHIELD.match(line)
    line = found[1] + line[found.start(2) :] if found else line
    return re.sub(r"(?<!\\)(\\+)<(?=[A-Za-z/!?])", _tag, line)


def _tag(found: re.Match[str]) -> str:
    count = len(found[1])
    return "\\" * (count // 2) + "<" if count % 2 else found[0]


def one_line(text: str, otherwise: str = "") -> str:
    """Write text in one line; something else where nothing is left of it."""
    return _TAG.sub(lambda m: m[1] * 2 + "\\<", printable(" ".join(text.split()), len(text))) or (
        otherwise
    )


def trimmed(lines: Sequence[str]) -> list[str]:
    """Take empty lines off both ends."""
    full = [number for number, line in enumerate(lines) if line.strip()]
    return list(lines[full[0] : full[-1] + 1]) if full else []


def listed(texts: Iterable[str]) -> list[str]:
    """Write a list of texts that are shielded where needed; each may have several lines."""
    written = []
    for text in texts:
        first, *others = text.split("\n")
        written += [f"- {first}", *(f"  {line}" if line else "" for line in others)]
    return written


def items(lines: Sequence[str]) -> list[list[str]]:
    """Read the items of a list; what stands before the first one is passed over."""
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("- "):
            found.append([line[2:]])
        elif found:
            found[-1].append(line.removeprefix("  "))
    return [trimmed(item) for item in found if trimmed(item)]
