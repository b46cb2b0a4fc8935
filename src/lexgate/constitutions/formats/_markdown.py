"""Markdown in the manner of OpenAI's Model Spec: read, and written for people.

One dialect serves both: headings with attribute lists, prose, and conversations whose compared
answers are labelled in comments. What this project writes carries more attributes and labels, and
keeps the rest in one trailing comment that no viewer renders.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from lexgate.constitutions.formats._format import Format, Reading
from lexgate.constitutions.formats._markdown_blocks import Source, fence_end, scan
from lexgate.constitutions.formats._markdown_ours import read_ours
from lexgate.constitutions.formats._markdown_show import show
from lexgate.constitutions.formats._markdown_spec import read_spec
from lexgate.constitutions.formats._native import Source as Json
from lexgate.constitutions.formats._native import decoded, json_of
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from lexgate.constitutions.formats._format import Files

__all__ = ["MARKDOWN"]

_FILE = "constitution.md"
_REST = re.compile(r"<!-- lexgate: (\{.*\}) -->[ \t]*")
# None of these may stand in a comment as it is: it would end there, or be rendered.
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "-": "\\u002d", "&": "\\u0026"}


def _read(files: Files) -> Reading:
    source = _only(files)
    ours = any("severity" in section.attributes for section in scan(source, "ours"))
    return read_ours(source) if ours else read_spec(source)


def _only(files: Files) -> Source:
    if len(files) != 1:
        raise UsageError(f"expected one Markdown file, found {len(files)}: {', '.join(files)}")
    name, content = next(iter(files.items()))
    found = decoded(name, content)
    return Source(found.name, found.text.replace("\r\n", "\n"))


def _join(files: dict[str, bytes], rest: dict[str, Any]) -> dict[str, bytes]:
    text = json.dumps(rest, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return {_FILE: files[_FILE] + f"\n<!-- lexgate: {escaped} -->\n".encode("ascii")}


def _split(files: Files) -> tuple[Files, dict[str, Any] | None]:
    """Take the comment out: the last one that stands in no fence, where answers of models stand."""
    source = _only(files)
    lines = source.text.split("\n")
    place, last = 0, -1
    while place < len(lines):
        last = place if _REST.fullmatch(lines[place]) else last
        place = fence_end(lines, place) + 1
    found = _REST.fullmatch(lines[last]) if last >= 0 else None
    if found is None:
        return files, None
    # In its own place within the file, so that a mistake in it is told with the right line.
    rest = json_of(Json(source.name, "\n" * last + found[1]))
    native = "\n".join([*lines[:last], *lines[last + 1 :]])
    return dict.fromkeys(files, native.encode("utf-8")), rest


def _show(rules: Any) -> dict[str, bytes]:
    return {_FILE: show(rules).encode("utf-8")}


MARKDOWN = Format("markdown", _show, _read, _join, _split)
