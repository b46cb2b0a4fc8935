"""A table as CSV (RFC 4180): every cell with its place, and none that a spreadsheet would run.

A cell that begins like a formula is written after an apostrophe, as spreadsheets do themselves.
Law (tested): `table(written(rows))` gives the rows again, whatever their cells hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexgate.errors import InvalidFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lexgate.constitutions.formats._native import Source

__all__ = ["Line", "safe", "table", "unsafe", "written"]

_CELL = re.compile(r'"([^"]*(?:""[^"]*)*)"|([^",\r\n][^,\r\n]*)?')
_END = re.compile(r"\r\n|\n|\r")
# What starts a formula in one spreadsheet or another; tabs and breaks are skipped before it.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


@dataclass(frozen=True, slots=True)
class Line:
    """One row; `offset` is where it begins in the text."""

    offset: int
    cells: tuple[str, ...]


def table(source: Source) -> tuple[Line, ...]:
    """Read all rows. Rows may differ in length; an empty line is a row of one empty cell.

    Raises:
        InvalidFile: a quoted cell does not end where its column does.
    """
    text, at = source.text, 0
    lines: list[Line] = []
    while at < len(text):
        start, cells = at, []
        while True:
            match = _CELL.match(text, at)
            quoted, plain = match.groups() if match else (None, None)
            cells.append((plain or "") if quoted is None else quoted.replace('""', '"'))
            at = match.end() if match else at
            if text[at : at + 1] != ",":
                break
            at += 1
        end = _END.match(text, at)
        if end is None and at < len(text):
            found = "a quote that nothing closes" if text[at] == '"' else "text after a quoted cell"
            hint = 'a cell with quotes stands in quotes, and each quote in it twice: "say ""no"""'
            message = f"expected a comma or the end of the row, found {found}"
            raise InvalidFile((source.problem(at, message, hint),))
        lines.append(Line(start, tuple(cells)))
        at = end.end() if end else at
    return tuple(lines)


def written(rows: Iterable[Sequence[str]]) -> bytes:
    """Write rows, every cell in quotes."""
    lines = (",".join('"' + safe(c).replace('"', '""') + '"' for c in row) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def safe(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unsafe(cell: str) -> str:
    """Take the apostrophe away again."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
