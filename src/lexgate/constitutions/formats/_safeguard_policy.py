"""A policy for gpt-oss-safeguard as it stands: its title, sections and blocks, nothing interpreted.

A block is one label: what falls under it, perhaps exceptions, examples, and the output. What
`parsed` returns is sound: every block has a code of its own with the policy's letters, and there is
one at least that forbids something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lexgate._text import printable
from lexgate.constitutions.formats._safeguard_lines import mark_of, plain
from lexgate.errors import InvalidFile

if TYPE_CHECKING:
    from lexgate.constitutions.formats._native import Source
    from lexgate.constitutions.formats._safeguard_lines import Mark
    from lexgate.errors import Problem

__all__ = ["Block", "Item", "Line", "Policy", "parsed"]

_TITLE = re.compile(r"(?P<sign># )?(?P<title>.+?)(?: \(#(?P<code>[A-Z]+)\))?")
_ID_NOTE = re.compile(r"`([a-z][a-z0-9-]*)`")
_FORM = "write a heading such as `## Promotion of violence (GV1 - Promotion)`"


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end, and where it begins in the file."""

    text: str
    offset: int


@dataclass(slots=True)
class Item:
    """A listed example, and what is listed below it."""

    text: str
    offset: int
    below: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class Block:
    """One label of the policy."""

    code: str  # letters and number, such as GV1
    title: str
    note: str  # what stands beside the code in the heading
    offset: int
    allowed: bool
    prose: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    severity: str = ""
    output: str = ""

    @property
    def number(self) -> int:
        """The number in the code."""
        return int(re.sub(r"\D", "", self.code))

    @property
    def id(self) -> str:
        """The id of a principle that we wrote beside the code, or none."""
        match = _ID_NOTE.fullmatch(self.note)
        return match[1] if match else ""

    @property
    def text(self) -> str:
        """What falls under it."""
        return plain("\n".join(self.prose).strip("\n"))


@dataclass(slots=True)
class Policy:
    """What the file says."""

    source: Source
    title: str
    letters: str  # of all codes
    sections: dict[str, list[Line]]
    blocks: list[Block]

    @property
    def forbidden(self) -> list[Block]:
        return [block for block in self.blocks if not block.allowed]

    @property
    def allowed(self) -> list[Block]:
        return [block for block in self.blocks if block.allowed]

    @property
    def ours(self) -> bool:
        """Whether it was written from a constitution."""
        return any(block.id for block in self.blocks)

    def section(self, name: str) -> str:
        """The text of a section, line breaks kept."""
        return "\n".join(line.text.strip() for line in self.sections.get(name, ())).strip()


def parsed(source: Source) -> Policy:
    """Read a policy in any of the known layouts.

    Raises:
        InvalidFile: it is in none of them; carries all mistakes.
    """
    reader = _Reader(source)
    policy = reader.policy()
    if not reader.problems:
        reader.codes(policy)
    if reader.problems:
        raise InvalidFile(tuple(reader.problems))
    return policy


class _Reader:
    """Walks the lines; `part` is where text goes: a section, or a part of the last block."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.sections: dict[str, list[Line]] = {}
        self.blocks: list[Block] = []
        self.section = "goal"
        self.part = "section"

    def policy(self) -> Policy:
        lines = _lines(self.source.text)
        first = next((n for n, line in enumerate(lines) if line.text.strip()), 0)
        title = _TITLE.fullmatch(lines[first].text.strip())
        if not title or not (title["sign"] or title["code"]):
            found = printable(lines[first].text.strip(), 60) or "nothing"
            hint = "the first line is `# Title (#CODE)`"
            message = f'expected the title of a policy, found "{found}"'
            self.problems.append(self.source.problem(lines[first].offset, message, hint))
        for line in lines[first + 1 :]:
            mark = mark_of(line.text)
            if mark is None or (self.part == "exceptions" and mark.kind == "example"):
                self._text(line)
            else:
                self._mark(mark, line)
        code = title["code"] if title else ""
        letters = code or next((re.sub(r"[^A-Z]", "", b.code) for b in self.blocks), "")
        name = plain(title["title"]) if title else ""
        return Policy(self.source, name, letters, self.sections, self.blocks)

    def codes(self, policy: Policy) -> None:
        """Hold the codes of the blocks against each other."""
        seen: dict[str, Block] = {}
        for block in policy.blocks:
            if re.sub(r"[^A-Z]", "", block.code) != policy.letters:
                message = f"expected a code with {policy.letters}, found {block.code}"
                self._tell(block.offset, message, "one policy has one set of labels")
            if block.code in seen:
                self._tell(block.offset, f"expected every code once, found {block.code} again")
            seen[block.code] = block
            if not block.text and not block.allowed:
                message = f"expected what falls under {block.code}, found nothing"
                self._tell(block.offset, message, "write it below the heading")
        if not policy.forbidden:
            where = policy.blocks[0].offset if policy.blocks else 0
            found = "what is allowed only" if policy.blocks else "none"
            self._tell(where, f"expected a block that forbids something, found {found}", _FORM)

    def _mark(self, mark: Mark, line: Line) -> None:
        if mark.kind == "ruler":
            return
        if mark.kind == "block":
            allowed = self.section == "allowed" or (
                self.section != "forbidden" and int(re.sub(r"\D", "", mark.code)) == 0
            )
            title = plain(mark.text)
            self.blocks.append(Block(mark.code, title, mark.note, line.offset, allowed))
            self.part = "prose"
        elif mark.kind == "heading":
            found = printable(mark.text, 60)
            self._tell(line.offset, f'expected a known heading, found "{found}"', _FORM)
        elif mark.kind in {"examples", "exceptions", "example", "output", "severity"}:
            self._in_block(mark, line)
        else:
            self.section, self.part = mark.kind, "section"
            self.sections.setdefault(self.section, [])
            if mark.text and not line.text.lstrip().startswith("#"):
                self.sections[self.section].append(Line(mark.text, line.offset))

    def _in_block(self, mark: Mark, line: Line) -> None:
        if self.part == "section":  # such as the heading "Examples:" of a section's own ones
            self._text(line)
            return
        block = self.blocks[-1]
        if mark.kind == "example":
            self.part = "examples"
            if mark.code != block.code:
                message = f"expected an example of {block.code}, found one of {mark.code}"
                self._tell(line.offset, message, "move it below its own heading")
            block.items.append(Item(mark.text, line.offset))
        elif mark.kind == "severity":
            block.severity, self.part = mark.text, "prose"
        elif mark.kind == "output":
            block.output, self.part = mark.text, "prose"
        else:
            self.part = mark.kind

    def _text(self, line: Line) -> None:
        if self.part == "section":
            self.sections.setdefault(self.section, []).append(line)
        elif self.part == "prose":
            self.blocks[-1].prose.append(line.text)
        elif line.text.strip():
            self._listed(line)

    def _listed(self, line: Line) -> None:
        block, said = self.blocks[-1], line.text.strip()
        indented = line.text.startswith("  ")
        if self.part == "exceptions":
            if said.startswith("- "):
                block.exceptions.append(said[2:].strip())
            elif block.exceptions:
                block.exceptions[-1] += f" {said}"
            else:
                block.exceptions.append(said)
        elif said.startswith("- ") and indented and block.items:
            block.items[-1].below.append(Line(said[2:].strip(), line.offset))
        elif said.startswith("- ") or not block.items:
            block.items.append(Item(said.removeprefix("- ").strip(), line.offset))
        elif block.items[-1].below:
            last = block.items[-1].below[-1]
            block.items[-1].below[-1] = Line(f"{last.text} {said}", last.offset)
        else:
            block.items[-1].text += f" {said}"

    def _tell(self, offset: int, message: str, hint: str = "") -> None:
        self.problems.append(self.source.problem(offset, message, hint))


def _lines(text: str) -> list[Line]:
    lines, offset = [], 0
    for line in text.split("\n"):
        lines.append(Line(line.rstrip(), offset))
        offset += len(line) + 1
    return lines
