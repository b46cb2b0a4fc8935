"""The golden data beside a policy for gpt-oss-safeguard: rows with their labels, as they stand.

Read are ROOST's tables (a disclaimer above the header, two variants of the header), OpenAI's dump of
a spreadsheet for spam (a row of its own names the label of those below it), and ours, which has the
further column Id and is the only one that is written. Content that nobody asked for has no prompt;
it stands as the response to CONTENT.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lexgate._text import printable
from lexgate.constitutions.formats._csv_table import table, unsafe, written
from lexgate.constitutions.formats._native import counted
from lexgate.errors import InvalidFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lexgate.constitutions.formats._csv_table import Line
    from lexgate.constitutions.formats._native import Source

__all__ = ["CONTENT", "Golden", "Row", "parsed", "shown"]

CONTENT = "(content to classify)"
_HEADER = ("Example", "Classification", "Responses", "Response Label", "Id")
_VARIANTS = {
    "example": "prompt",
    "example prompt": "prompt",
    "classification": "prompt_label",
    "prompt label": "prompt_label",
    "responses": "response",
    "example generation": "response",
    "response label": "label",
    "generation label": "label",
    "id": "id",
}
_NEEDED = {"prompt", "prompt_label", "response", "label"}
_DUMP = "gpt-oss-safeguard classification"
_CODE = re.compile(r"[A-Z]+\d+")
_MEASURES = {"accuracy", "precision", "recall", "f1"}


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange. Without a label of its own the label of the prompt tells what it tests."""

    prompt: str
    response: str
    label: str  # of the response; of content alone
    prompt_label: str
    id: str  # in our own table, or empty
    offset: int


@dataclass(slots=True)
class Golden:
    """The rows of a table."""

    source: Source
    rows: list[Row] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    ours: bool = False


def parsed(source: Source) -> Golden:
    """Read golden data in any of the known layouts.

    Raises:
        InvalidFile: it is in none of them.
    """
    lines = table(source)
    if lines and any(cell.strip().casefold() == _DUMP for cell in lines[0].cells):
        return _dump(source, lines)
    for number, line in enumerate(lines):
        columns = [_VARIANTS.get(cell.strip().casefold(), "") for cell in line.cells]
        if set(columns) >= _NEEDED:
            return _columns(source, lines[:number], columns, lines[number + 1 :])
    found = printable(", ".join(lines[0].cells), 80) if lines else "an empty file"
    hint = f"write a header row: {', '.join(_HEADER[:4])}"
    message = f"expected a header of golden data, found {found}"
    raise InvalidFile((source.problem(0, message, hint),))


def shown(rows: Iterable[Row]) -> bytes:
    """Write our own table; content alone stands in the first column, as it is sent to the model."""
    cells = []
    for row in rows:
        if row.prompt == CONTENT and row.response and row.label == row.prompt_label:
            cells.append((row.response, row.label, "", "", row.id))
        else:
            cells.append((row.prompt, row.prompt_label, row.response, row.label, row.id))
    return written([_HEADER, *cells])


def _columns(
    source: Source, above: Iterable[Line], columns: list[str], lines: Iterable[Line]
) -> Golden:
    golden = Golden(source, ours="id" in columns)
    for line in above:
        if said := " ".join(line.cells).strip():
            golden.lost.append(f'{source.name} says above its rows: "{printable(said, 300)}"')
    for line in lines:
        if not any(cell.strip() for cell in line.cells):
            continue
        cells = {name: c for name, c in zip(columns, line.cells, strict=False) if name}
        if golden.ours:
            cells = {name: unsafe(cell) for name, cell in cells.items()}
        prompt, response = cells.get("prompt", ""), cells.get("response", "")
        label, asked = cells.get("label", "").strip(), cells.get("prompt_label", "").strip()
        if not label and not response:  # content alone: it is the prompt's column that is judged
            prompt, response, label = CONTENT if prompt else "", prompt, asked
        id_ = cells.get("id", "").strip()
        golden.rows.append(Row(prompt, response, label, asked, id_, line.offset))
    return golden


def _dump(source: Source, lines: Iterable[Line]) -> Golden:
    """Read the spam sheet: the label of a section is people's, the column beside it a model's."""
    golden, section, answers, others = Golden(source), "", 0, 0
    measures: list[str] = []
    for line in tuple(lines)[1:]:
        cells = [cell.strip() for cell in line.cells]
        first, rest = cells[0], [cell for cell in cells[1:] if cell]
        if _CODE.fullmatch(first) and not rest:
            section = first
        elif first.isdecimal() and section and len(cells) > 1 and cells[1]:
            answers += len(rest) > 1
            others += len(rest) > 1 and rest[-1] != section
            row = Row(CONTENT, line.cells[1], section, section, "", line.offset)
            golden.rows.append(row)
        elif not first and len(rest) == 2 and rest[0].casefold() in _MEASURES:
            measures.append(" ".join(rest))
        elif first or rest:
            message = (
                f"expected a label or a numbered item, found {printable(', '.join(cells), 60)}"
            )
            hint = "a row with a label alone, then rows of number, content"
            raise InvalidFile((source.problem(line.offset, message, hint),))
    if answers:
        said = counted(answers, "answer", "answers")
        differ = f"{others} of them unlike people's labels"
        golden.lost.append(f"{said} of gpt-oss-safeguard itself in {source.name}, {differ}.")
    if measures:
        golden.lost.append(f"Measures of these answers: {printable(', '.join(measures))}.")
    return golden
