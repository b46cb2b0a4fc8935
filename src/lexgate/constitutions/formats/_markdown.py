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
from lexgate.constitutions.formats._markdown_blocks import Source, scan
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
_REST = re.compile(r"\n<!-- lexgate: (\{.*\}) -->\n*\Z", re.DOTALL)
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
    source = _only(files)
    found = _REST.search(source.text)
    if found is None:
        return files, None
    rest = json_of(Json(source.name, found[1]))
    if not isinstance(rest, dict):
        source.problem(1, "expected what an export kept aside, found something else")
    native = source.text[: found.start()].encode("utf-8")
    return dict.fromkeys(files, native), rest


def _show(rules: Any) -> dict[str, bytes]:
    return {_FILE: show(rules).encode("utf-8")}


MARKDOWN = Format("markdown", _show, _read, _join, _split)
