"""The files people write: strict YAML, checked by a JSON Schema, every mistake with its position.

A mistake is answered with `file:line:column`, the key path, what was expected, what was found and
a hint; all mistakes of a file at once. The wording is ours, so it can be tested and stays when a
library changes its own. A schema may carry `"x-hint"` beside any rule: the sentence that tells a
person what to write there instead.
Laws (tested): what `read_document` returns is plain JSON data that fits its schema; it never
returns a part of a file that has a mistake in another part.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lexgate._text import printable
from lexgate._yaml_head import VERBS, stranger
from lexgate.errors import InvalidFile, Problem, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

    from lexgate._yaml import Tree

__all__ = ["Document", "KeyPath", "did_you_mean", "load_schema", "read_document"]

KeyPath = tuple[str | int, ...]

_LARGEST = 4 << 20  # bytes
_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping (key: value)",
    "null": "nothing",
}
_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


@dataclass(frozen=True, slots=True)
class Document:
    """A file as plain JSON data, with the place of every key and every list item in it."""

    path: str  # as shown in problems
    data: Any
    positions: Mapping[KeyPath, tuple[int, int]]  # (line, column) from 1; of the key, of the item
    unsound: frozenset[KeyPath] = frozenset()
    """Where problems were found, with all that is around them; empty once the file is returned."""

    def problem(self, path: KeyPath, message: str, hint: str = "") -> Problem:
        """Point at `path`, or at the nearest thing around it that stands in the file."""
        place = path
        while place and place not in self.positions:
            place = place[:-1]
        line, column = self.positions.get(place, (1, 1))
        shown = "/".join(printable(str(part), 60) for part in path)
        return Problem(self.path, line, column, shown, message, hint)

    def sound(self, path: KeyPath) -> bool:
        """Tell whether nothing at or below `path` was found wrong so far."""
        return path not in self.unsound

    def get(self, path: KeyPath) -> Any:
        """Look up a value; None when it is absent or not sound."""
        return self.raw(path) if self.sound(path) else None

    def raw(self, path: KeyPath) -> Any:
        """Look up a value whether it is sound or not; None when it is absent."""
        value = self.data
        for part in path:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def length(self, path: KeyPath) -> int:
        """Count the items of a list, sound or not: they are looked at one by one."""
        return len(value) if isinstance(value := self.raw(path), list) else 0

    def line(self, path: KeyPath) -> str:
        """Say in which line something stands, or that it comes from elsewhere."""
        return f"in line {self.positions[path][0]}" if path in self.positions else "inherited"


def read_document(
    path: Path,
    schema: Mapping[str, Any],
    check: Callable[[Document], Iterable[Problem]] | None = None,
) -> Document:
    """Read a YAML file and hold it against a schema.

    Args:
        path: the file, UTF-8, at most 4 MiB.
        schema: JSON Schema 2020-12, see `load_schema`.
        check: finds what a schema cannot say. It is given the document even when the schema found
            problems, so that all are told at once: it must read through `Document.get`.

    Raises:
        InvalidFile: the file has mistakes; carries all of them. One that is of another kind than
            the schema's (a policy where a suite is read) has that one mistake.
        UsageError: there is no such file, it cannot be read, or it is too large.
    """
    from lexgate import _yaml  # here, so that `--help` loads no yaml

    shown = printable(str(path), 4096)
    tree = _yaml.read(_read_text(path, shown))
    document = Document(shown, tree.data, tree.positions)
    problems = [
        replace(document.problem(fault.path, fault.message, fault.hint), line=line, column=column)
        for fault in tree.faults
        for line, column in [fault.position]
    ]
    if tree.complete:
        _refuse_stranger(document, schema)
        findings = list(_findings(tree, schema))
        problems += [document.problem(*finding) for finding in findings]
        if check is not None:
            wrong = tree.faulty | {finding.path for finding in findings}
            around = frozenset(path[:end] for path in wrong for end in range(len(path) + 1))
            problems += check(replace(document, unsound=around))
    if problems:
        raise InvalidFile(tuple(problems))
    return document


def _refuse_stranger(document: Document, schema: Mapping[str, Any]) -> None:
    """Say in one line that a file is of another kind, before a schema that is not its own does."""
    wanted = next(iter(schema.get("required", ())), "")  # a kind's first key is its own name
    kind = stranger(document.data, wanted)
    if kind is not None:
        line, column = document.positions[(kind,)]
        message = f"this is a {kind}, expected a {wanted}; {VERBS[kind]}"
        raise InvalidFile((Problem(document.path, line, column, "", message),))


@functools.cache
def load_schema(package: str, name: str) -> Mapping[str, Any]:
    """Load a JSON Schema that ships beside a room, such as `("lexgate.evals", "suite.schema.json")`."""
    from importlib.resources import files

    schema: Mapping[str, Any] = json.loads(files(package).joinpath(name).read_text("utf-8"))
    return schema


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the known word nearest to a misspelt one as a question, or an empty string."""
    words = sorted(known)[:1000]  # the search is slow; a person's file names far fewer
    near = difflib.get_close_matches(word, words, n=1)
    return f'did you mean "{near[0]}"?' if near else ""


def _read_text(path: Path, shown: str) -> str:
    try:
        if path.is_dir():
            raise UsageError(f"{shown} is a directory, expected a YAML file")
        if not path.exists():
            near = did_you_mean(path.name, _siblings(path))
            raise UsageError(f"{shown}: no such file" + (f"; {near}" if near else ""))
        if not path.is_file():
            raise UsageError(f"{shown} is not a regular file")
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}") from error
    if len(content) > _LARGEST:
        raise UsageError(f"{shown} is larger than {_LARGEST >> 20} MiB, the most that is read")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"expected UTF-8, found the byte 0x{content[error.start]:02x}"
        problem = Problem(shown, line, column, "", message, "save the file as UTF-8")
        raise InvalidFile((problem,)) from error


def _siblings(path: Path) -> list[str]:
    folder = path.parent
    return [other.name for other in folder.iterdir()] if folder.is_dir() else []


class _Finding(NamedTuple):
    """What a schema rule found wrong, and where."""

    path: KeyPath
    message: str
    hint: str = ""


class _Broken(NamedTuple):
    """A schema rule that does not hold, with everything needed to say so in words."""

    path: KeyPath
    rule: Any  # what stands behind the keyword
    found: Any
    schema: Mapping[str, Any]
    shown: Callable[[KeyPath, Any], str]

    @property
    def hint(self) -> str:
        return str(self.schema.get("x-hint", ""))

    def say(self, expected: str, found: str = "", hint: str = "") -> Iterator[_Finding]:
        found = found or self.shown(self.path, self.found)
        hints = "; ".join(filter(None, (hint, self.hint)))
        yield _Finding(self.path, f"expected {expected}, found {found}", hints)


def _findings(tree: Tree, schema: Mapping[str, Any]) -> Iterator[_Finding]:
    def shown(path: KeyPath, value: Any) -> str:
        return f"the number {tree.numbers[path]}" if path in tree.numbers else _shown(value)

    for error in _validator(schema).iter_errors(tree.data):
        path = tuple(error.absolute_path)
        if any(path[:end] in tree.faulty for end in range(1, len(path) + 1)):
            continue  # the YAML fault there was told already
        yield from _say(error, path, shown)


def _say(
    error: ValidationError, path: KeyPath, shown: Callable[[KeyPath, Any], str]
) -> Iterator[_Finding]:
    keyword = str(error.validator)
    found = error.schema if isinstance(error.schema, Mapping) else {}
    broken = _Broken(path, error.validator_value, error.instance, found, shown)
    words = _WORDS.get(keyword)
    if words is not None:
        return words(broken)
    return broken.say(f"what the schema's rule `{keyword}` asks for")


def _validator(schema: Mapping[str, Any]) -> Validator:
    """Make a validator stricter than the standard in two places.

    5.0 is no whole number, and `$` in a pattern is the end of the text, not a place before a last
    line break (as in the editors' regular expressions, and not as in Python's). Missing keys of
    one mapping are one error here, since the words for it list them.
    """
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def pattern(_: Any, rule: str, instance: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", rule), instance):
            yield ValidationError("pattern")

    def required(_: Any, rule: list[str], instance: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(instance, dict) and any(key not in instance for key in rule):
            yield ValidationError("required")

    def dependent(
        _: Any, rule: dict[str, list[str]], instance: Any, __: Any
    ) -> Iterator[ValidationError]:
        present = [key for key in rule if isinstance(instance, dict) and key in instance]
        if any(other not in instance for key in present for other in rule[key]):
            yield ValidationError("dependentRequired")

    def whole(_: Any, instance: Any) -> bool:
        return isinstance(instance, int) and not isinstance(instance, bool)

    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", whole)
    strict: Any = extend(  # type: ignore[no-untyped-call]  # untyped in its stubs
        Draft202012Validator,
        {"pattern": pattern, "required": required, "dependentRequired": dependent},
        type_checker=types,
    )
    validator: Validator = strict(schema)
    return validator


def _shown(value: Any) -> str:
    """Describe what was found, in the words of a person who writes YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{printable(value, 60)}"' if value else "an empty text"
    kind = "list" if isinstance(value, list) else "mapping"
    return f"a {kind} of {len(value)}" if value else f"an empty {kind}"


def _type(broken: _Broken) -> Iterator[_Finding]:
    rule = broken.rule if isinstance(broken.rule, list) else [broken.rule]
    return broken.say(" or ".join(_TYPES[name] for name in rule), hint=_type_hint(broken, rule))


def _type_hint(broken: _Broken, rule: list[str]) -> str:
    found = broken.found
    if found is None:
        return "write a value after the colon, or remove the key"
    if "string" in rule and isinstance(found, bool | int | float):
        written = broken.shown(broken.path, found).removeprefix("the number ")
        # Where quotes alone would not make it right, they are no advice.
        fits = re.search(broken.schema.get("pattern", ""), written)
        return f'put it in quotes if it is text: "{written}"' if fits else ""
    return _text_hint(found, rule) if isinstance(found, str) else ""


def _text_hint(found: str, rule: list[str]) -> str:
    if "boolean" in rule:
        meant = _YES_NO.get(found.lower(), found.lower())
        return f"write {meant}" if meant in {"true", "false"} else ""
    if "number" in rule or "integer" in rule:
        return "write a number without quotes and units"
    return f"write a list: [{printable(found, 60)}]" if "array" in rule else ""


def _enum(broken: _Broken) -> Iterator[_Finding]:
    choices = [str(choice) for choice in broken.rule]
    near = did_you_mean(broken.found, choices) if isinstance(broken.found, str) else ""
    return broken.say(f"one of {', '.join(choices)}", hint=near)


def _required(broken: _Broken) -> Iterator[_Finding]:
    """Tell each missing key, but not one that stands there misspelt if `_unknown` tells that."""
    known = broken.schema.get("properties", {})
    strange = [key for key in broken.found if key not in known]
    told = broken.schema.get("additionalProperties") is False
    for key in broken.rule:
        near = difflib.get_close_matches(key, strange, n=1)
        if key in broken.found or (near and told):
            continue
        about = known.get(key, {}).get("description", "")
        hint = f'is "{printable(near[0], 60)}" meant to be it?' if near else about
        yield _Finding(broken.path, f'expected the key "{key}", found none', hint)


def _dependent(broken: _Broken) -> Iterator[_Finding]:
    for key, needed in broken.rule.items():
        if key not in broken.found:
            continue
        for other in needed:
            if other not in broken.found:
                message = f'expected the key "{other}" beside "{key}", found none'
                yield _Finding(broken.path, message, f'"{key}" and "{other}" come together')


def _unknown(broken: _Broken) -> Iterator[_Finding]:
    known = broken.schema.get("properties", {})
    patterns = broken.schema.get("patternProperties", {})
    for key in broken.found:
        if key in known or any(re.search(pattern, key) for pattern in patterns):
            continue
        hint = did_you_mean(key, known) or f"the keys here are: {', '.join(sorted(known))}"
        message = f'expected a known key, found "{printable(key, 60)}"'
        yield _Finding((*broken.path, key), message, hint)


def _unique(broken: _Broken) -> Iterator[_Finding]:
    seen: dict[str, int] = {}
    for index, item in enumerate(broken.found):
        first = seen.setdefault(json.dumps(item, sort_keys=True), index)
        if first < index:
            found = broken.shown((*broken.path, index), item)
            message = f"expected every item once, found {found} again (first at {first})"
            yield _Finding((*broken.path, index), message, broken.hint or "remove one of the two")


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


_Words = Callable[[_Broken], Iterator[_Finding]]
_WORDS: dict[str, _Words] = {
    "type": _type,
    "enum": _enum,
    "const": lambda b: b.say(f"{b.rule}"),
    "required": _required,
    "dependentRequired": _dependent,
    "additionalProperties": _unknown,
    "uniqueItems": _unique,
    # A person reads the hint; a regular expression is for a schema that has none.
    "pattern": lambda b: b.say("text of another form" if b.hint else "text of the form " + b.rule),
    "minLength": lambda b: b.say(
        "text" if b.rule == 1 else f"text of at least {b.rule} characters"
    ),
    "maxLength": lambda b: b.say(f"text of at most {b.rule} characters"),
    "minItems": lambda b: b.say(f"a list of at least {_items(b.rule)}"),
    "maxItems": lambda b: b.say(f"a list of at most {_items(b.rule)}"),
    "minProperties": lambda b: b.say(f"a mapping of at least {_items(b.rule)}"),
    "minimum": lambda b: b.say(f"a number of at least {b.rule}"),
    "maximum": lambda b: b.say(f"a number of at most {b.rule}"),
    "exclusiveMinimum": lambda b: b.say(f"a number above {b.rule}"),
    "exclusiveMaximum": lambda b: b.say(f"a number below {b.rule}"),
}
