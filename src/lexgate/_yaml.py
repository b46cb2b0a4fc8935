"""Strict YAML: text in, plain JSON data and the position of every key and item out.

The subset that every YAML reader understands alike: `true` and `false` are the only booleans,
numbers are decimal, keys are text and stand once. What another reader would take differently
(octal and sexagesimal numbers, timestamps), what can repeat or run something (anchors, aliases,
merge keys, tags) and what JSON cannot carry (NaN, infinities) is a fault, never a guess.
Law (tested): what libyaml and the pure Python parser both accept, they read as equal data.

It reads parser events, not the node graph: the graph has already lost the anchors nobody uses and
recurses as deep as the file wants.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from lexgate._text import printable
from lexgate._yaml_scalars import TEXT, Refused, resolve

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml: ten times slower, otherwise equal
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

__all__ = ["DEEPEST", "Fault", "KeyPath", "Tree", "read"]

KeyPath = tuple[str | int, ...]

DEEPEST = 50  # levels of nesting; far below the interpreter's own limit

_ASIDE = "…"  # stands in the path of what is read for its mistakes only
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")

_ASTRAY = (
    "expected a key at the indentation of the lines above, found something else",
    "entries of one mapping begin in one column; text with quotes or brackets needs quotes",
)
_UNCLOSED = "separate items by commas and close the bracket; quote text that holds brackets"
# What the parser says, in either implementation, and what we say: (message, hint).
_SYNTAX = {
    "mapping values are not allowed": (
        "expected one key and value, found a second ': '",
        "put the text in double quotes if the colon belongs to it; else check the indentation",
    ),
    "',' or ']'": ("expected a comma or ] for the [ in line {opened}, found neither", _UNCLOSED),
    "',' or '}'": ("expected a comma or }} for the {{ in line {opened}, found neither", _UNCLOSED),
    "unexpected end of stream": (
        "expected closing quotes for the text that begins here, found the end of the file",
        "close the quotes",
    ),
    "unknown escape character": (
        "expected an escape YAML knows, found a backslash before another character",
        "write \\\\ for a backslash, or use single quotes",
    ),
    "sequence entries are not allowed": (
        "expected a value, found a list item (- …)",
        "begin the list on a line of its own, below its key",
    ),
    "could not find expected ':'": (
        "expected `key: value`, found text without a colon",
        "write a space after the colon; check the indentation of long texts",
    ),
    "did not find expected key": _ASTRAY,
    "expected <block end>": _ASTRAY,
    "did not find expected '-' indicator": (
        "expected another list item (- …), found something else",
        "items of one list begin in the same column",
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake in the YAML itself."""

    path: KeyPath  # of the nearest thing that has one
    position: tuple[int, int]  # (line, column) of the mistake itself, from 1
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Tree:
    """What was read. Where a value was faulty, `data` holds None and `faulty` its path."""

    data: Any = None
    positions: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    numbers: dict[KeyPath, str] = field(default_factory=dict)  # as written: `1.10`, not 1.1
    faulty: frozenset[KeyPath] = frozenset()
    faults: tuple[Fault, ...] = ()
    complete: bool = False  # False when the text was broken beyond reading


def read(text: str) -> Tree:
    """Read the one YAML document in `text`; never raises for what the text holds."""
    hidden = _FORBIDDEN.search(text)
    if hidden:
        return Tree(faults=(_hidden_character(text, hidden.start()),))
    return _Reader(text).read()


class _Broken(Exception):  # noqa: N818  never leaves this module
    """The text cannot be read any further."""


class _Reader:
    """Recursive descent over parser events, at most `DEEPEST` levels deep."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._loader = _Loader(text)
        self._positions: dict[KeyPath, tuple[int, int]] = {}
        self._numbers: dict[KeyPath, str] = {}
        self._faulty: set[KeyPath] = set()
        self._faults: list[Fault] = []

    def read(self) -> Tree:
        data, complete = None, False
        try:
            data = self._document()
            complete = True
        except _Broken:
            pass
        except yaml.YAMLError as error:
            self._faults.append(_syntax_fault(error, self._text))
        finally:
            self._loader.dispose()
        return Tree(
            data,
            self._positions,
            self._numbers,
            frozenset(self._faulty),
            tuple(self._faults),
            complete,
        )

    def _document(self) -> Any:
        self._loader.get_event()  # start of the stream
        event = self._loader.get_event()
        if not isinstance(event, yaml.DocumentStartEvent):
            self._stop(
                event,
                (),
                "expected a mapping, found an empty file",
                "write at least the required keys",
            )
        root = self._loader.get_event()
        self._positions[()] = _position(root)
        data = self._value(root, ())
        self._loader.get_event()  # end of the document
        event = self._loader.get_event()
        if isinstance(event, yaml.DocumentStartEvent):
            self._stop(
                event,
                (),
                "expected one document, found a second one (---)",
                "put it into a file of its own",
            )
        return data

    def _value(self, event: Any, path: KeyPath) -> Any:
        if isinstance(event, yaml.AliasEvent):
            self._unreadable(
                event,
                path,
                f"expected a value, found the alias *{printable(str(event.anchor), 60)}",
                "aliases are not accepted: write the value out",
            )
            return None
        if event.anchor is not None:
            self._fault(
                event,
                path,
                f"expected a plain value, found the anchor &{printable(str(event.anchor), 60)}",
                "anchors are not accepted: remove it and write repeated values out",
            )
        if event.tag is not None:
            self._unreadable(
                event,
                path,
                f"expected a plain value, found the tag {printable(_shown_tag(event.tag), 60)}",
                "tags are not accepted, since some can run code: remove it; quotes make text",
            )
        if isinstance(event, yaml.MappingStartEvent):
            value: Any = self._mapping(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event, path)
        else:
            value = self._scalar(event, path)
        return value if event.tag is None else None

    def _sequence(self, start: Any, path: KeyPath) -> list[Any]:
        self._check_depth(start, path)
        items: list[Any] = []
        while not isinstance(event := self._loader.get_event(), yaml.SequenceEndEvent):
            at = (*path, len(items))
            self._positions[at] = _position(event)
            items.append(self._value(event, at))
        return items

    def _mapping(self, start: Any, path: KeyPath) -> dict[str, Any]:
        self._check_depth(start, path)
        entries: dict[str, Any] = {}
        while not isinstance(event := self._loader.get_event(), yaml.MappingEndEvent):
            key = self._key(event, path)
            follows = self._loader.get_event()
            if key is None or key in entries:
                if key is not None:
                    self._duplicate(event, path, key)
                self._value(follows, (*path, key or _ASIDE, _ASIDE))
                continue
            self._positions[*path, key] = _position(event)
            entries[key] = self._value(follows, (*path, key))
        return entries

    def _duplicate(self, event: Any, path: KeyPath, key: str) -> None:
        line = self._positions[*path, key][0]
        self._fault(
            event,
            (*path, key),
            f'expected every key once, found "{printable(key, 60)}" again (first in line {line})',
            "remove one of the two, or rename it",
        )

    def _key(self, event: Any, path: KeyPath) -> str | None:
        if isinstance(event, yaml.ScalarEvent) and event.anchor is None and event.tag is None:
            value = resolve(event.value) if event.implicit[0] else TEXT
            if event.implicit[0] and event.value == "<<":
                self._fault(
                    event,
                    path,
                    "expected a key, found the merge key <<",
                    "merge keys are not accepted: write the entries out",
                )
                return None
            if value is TEXT and not _SURROGATE.search(event.value):
                return str(event.value)
        scalar = isinstance(event, yaml.ScalarEvent)
        found = printable(str(event.value), 60) if scalar else "a structure"
        self._fault(
            event,
            path,
            f"expected a key that is text, found {found or 'nothing'}",
            "put the key in quotes, without anchor or tag",
        )
        if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            self._value(event, (*path, _ASIDE, _ASIDE))
        return None

    def _scalar(self, event: Any, path: KeyPath) -> Any:
        text = str(event.value)
        value = resolve(text) if event.implicit[0] else TEXT
        if isinstance(value, Refused):
            self._unreadable(event, path, value.message, value.hint)
            return None
        if value is TEXT:
            if _SURROGATE.search(text):
                self._unreadable(
                    event,
                    path,
                    "expected text, found half a character (a lone surrogate)",
                    "write the character itself",
                )
                return None
            return text
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._numbers[path] = text
        return value

    def _check_depth(self, event: Any, path: KeyPath) -> None:
        if len(path) >= DEEPEST:
            message = f"expected at most {DEEPEST} levels of nesting, found more"
            self._stop(event, (), message, "flatten the structure")

    def _fault(self, event: Any, path: KeyPath, message: str, hint: str) -> None:
        self._faults.append(Fault(path, _position(event), message, hint))

    def _unreadable(self, event: Any, path: KeyPath, message: str, hint: str) -> None:
        self._fault(event, path, message, hint)
        self._faulty.add(path)

    def _stop(self, event: Any, path: KeyPath, message: str, hint: str) -> None:
        self._fault(event, path, message, hint)
        raise _Broken


def _position(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _shown_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _hidden_character(text: str, offset: int) -> Fault:
    place = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    code = f"U+{ord(text[offset]):04X}"
    if code == "U+FEFF":
        hint = "save the file as UTF-8 without a byte order mark"
        return Fault((), place, "expected plain UTF-8, found a byte order mark", hint)
    hint = "remove it; in double quotes it can be written as an escape such as \\u001b"
    return Fault((), place, f"expected text, found the control character {code}", hint)


def _syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    """Say in plain words what the parser could not read, and where."""
    said = str(getattr(error, "problem", None) or error)
    context = getattr(error, "context_mark", None)
    mark = getattr(error, "problem_mark", None) or context
    if "unexpected end of stream" in said and context:
        mark = context  # the end of the file is no help
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    rows = text.splitlines()
    row = rows[line - 1] if line <= len(rows) else ""
    message, hint = f"expected YAML, but {printable(said)}", ""
    if "\t" in row[: len(row) - len(row.lstrip())]:
        message = "expected spaces, found a tab in the indentation"
        hint = "indent with spaces; YAML does not allow tabs there"
    elif "cannot start any token" in said:
        found = printable(row[column - 1 : column])
        message = f"expected a value, found {found}, which cannot begin text without quotes"
        hint = "put the whole text in quotes"
    else:
        for fragment, words in _SYNTAX.items():
            if fragment in said:
                message, hint = words
                opened = context.line + 1 if context else line
                message = message.format(opened=opened)
                break
    return Fault((), (line, column), message, hint)
