"""What readers of other people's formats share: text out of bytes, JSON with places, names, ids.

Ids that a source does not have are made of what is said, never of where it stands: so they stay the
same when something else is put in or taken out.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.constitutions._reserved import FENCE, reserved_in
from lexgate.errors import InvalidFile, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lexgate._documents import KeyPath

__all__ = [
    "UNRATED",
    "Cleaner",
    "Source",
    "counted",
    "decoded",
    "header",
    "id_of",
    "json_of",
    "name_of",
    "place_of",
]

UNRATED = {"id": "unrated", "limit": 0.05, "confidence": 0.95, "claim": "C1"}
_PLAIN = "~~~"  # a fence that is none of ours
_WORD = re.compile(r"[a-z0-9]+")
_BLANK = re.compile(r"[ \t\n\r]*")
_COMMON = frozenset(  # words that tell no two requests apart
    _WORD.findall(
        "a about above all also an argument comment critique discuss include look said seem strongest whats an and any anything are as at be been but by can carefully could did do "
        "does either else explain find for from give had has have how human i identify if in including "
        "into is it its last me may might my not note of on one or our out please preceding read "
        "response responses rewrite s should so some specific such t take that the their them there "
        "these they think this those to us was way ways we were what when where whether which who why "
        "will with would you your"
    )
)


@dataclass(frozen=True, slots=True)
class Source:
    """One file of text, and its mistakes pointed at by the offset of a character."""

    name: str
    text: str

    def problem(self, offset: int, message: str, hint: str = "", path: KeyPath = ()) -> Problem:
        line = self.text.count("\n", 0, offset) + 1
        column = offset - self.text.rfind("\n", 0, offset)
        shown = "/".join(printable(str(part), 60) for part in path)
        return Problem(self.name, line, column, shown, message, hint)


def decoded(name: str, content: bytes) -> Source:
    """Decode a file; a byte order mark at its start, as spreadsheets write it, is no text.

    Raises:
        InvalidFile: it is not UTF-8.
    """
    try:
        return Source(printable(name), content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = Source(printable(name), content[: error.start].decode("utf-8"))
        message = f"expected UTF-8, found the byte 0x{content[error.start]:02x}"
        problem = before.problem(len(before.text), message, "save the file as UTF-8")
        raise InvalidFile((problem,)) from error


def json_of(source: Source) -> Any:
    """Parse JSON that every reader understands alike: no key twice, no NaN, no half characters.

    Raises:
        InvalidFile: it is not that.
    """
    try:
        data = json.loads(source.text, object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        message = f"expected JSON, found a mistake: {error.msg}"
        raise InvalidFile((source.problem(error.pos, message),)) from error
    except RecursionError as error:
        problem = source.problem(0, "expected fewer levels, found JSON nested too deep to be read")
        raise InvalidFile((problem,)) from error
    except UnicodeEncodeError as error:
        message = "expected whole characters, found one half of a surrogate pair"
        offset = max(source.text.casefold().find("\\ud"), 0)
        raise InvalidFile((source.problem(offset, message, "remove it"),)) from error
    except _FoundTwiceError as error:
        key = re.escape(json.dumps(error.args[0], ensure_ascii=False))
        offset = max((m.start() for m in re.finditer(rf"{key}\s*:", source.text)), default=0)
        message = f'expected every key once, found "{printable(error.args[0], 60)}" again'
        raise InvalidFile((source.problem(offset, message, "remove one of the two"),)) from error
    except ValueError as error:
        message = f"expected JSON numbers, found {printable(str(error), 80)}"
        raise InvalidFile((source.problem(0, message),)) from error
    return data


def place_of(text: str, path: KeyPath) -> int:
    """Find the offset where a value stands in sound JSON, or the nearest thing around it."""
    offset = _blank(text, 0)
    for part in path:
        inner = next((start for key, start in _members(text, offset) if key == part), None)
        if inner is None:
            break
        offset = inner
    return offset


def name_of(text: str, default: str) -> str:
    """Make the name of a constitution out of a title or a file name."""
    words = "-".join(_words(text))[:60].strip("-")
    words = words.lstrip("0123456789-")
    return words or default


def header(name: str, title: str) -> dict[str, Any]:
    """The head of a constitution whose source says neither version nor licence (SPDX's word)."""
    return {"constitution": name, "version": "1.0.0", "title": title, "license": "NOASSERTION"}


def id_of(begin: str, said: str, identity: Collection[str], taken: Collection[str]) -> str:
    """Make an id of what is said: its first telling words, and a digest of the whole.

    The digest is always there, so that an id depends on nothing but its own text.

    Args:
        begin: what the id begins with; a lower-case word.
        said: where the words are taken from.
        identity: the texts that make it what it is.
        taken: ids that are in use; only if one is the same, the digest gets longer.
    """
    words = [word for word in _words(said) if word not in _COMMON][:4]
    digest = hashlib.sha256(json.dumps(list(identity)).encode()).hexdigest()
    stem = "-".join([begin, *words] if begin else words)[:48].strip("-")
    stem = stem if stem[:1].isalpha() else f"p-{stem}".rstrip("-")
    return next(id_ for n in range(6, 65) if (id_ := f"{stem}-{digest[:n]}") not in taken)


def counted(number: int, one: str, many: str) -> str:
    """Write a number of things."""
    return f"1 {one}" if number == 1 else f"{number} {many}"


@dataclass(slots=True)
class Cleaner:
    """Rewrites, as little as possible, what would be read as part of our own prompts; counts it."""

    fences: int = field(default=0)
    lines: int = field(default=0)

    def clean(self, text: str) -> str:
        """Return the text as it may stand in a rule."""
        self.fences += text.count(FENCE)
        return "".join(self._line(line) for line in text.replace(FENCE, _PLAIN).splitlines(True))

    def lost(self) -> tuple[str, ...]:
        """Say what was rewritten."""
        said = []
        if self.fences:
            fences = counted(self.fences, "fence", "fences")
            said.append(f"{fences} ({FENCE}) in texts of rules, now {_PLAIN}.")
        if self.lines:
            lines = counted(self.lines, "line", "lines")
            said.append(f"{lines} of rules that began with a word of our own prompts: now after >.")
        return tuple(said)

    def _line(self, line: str) -> str:
        if not reserved_in(line):
            return line
        self.lines += 1
        begin = line.lstrip()
        return f"{line[: len(line) - len(begin)]}> {begin}"


class _FoundTwiceError(Exception):
    """A key that stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _FoundTwiceError(key)
        found[key] = value
    return found


def _no_number(word: str) -> Any:
    raise ValueError(word)


def _members(text: str, start: int) -> Iterator[tuple[str | int, int]]:
    """Walk what an object or a list holds: the key or the index, and where the value begins."""
    decode = json.JSONDecoder().raw_decode
    if text[start] not in "{[":
        return
    at, number = _blank(text, start + 1), 0
    while text[at] not in "}]":
        key: str | int = number
        if text[start] == "{":
            key, at = decode(text, at)
            at = _blank(text, _blank(text, at) + 1)  # past the colon
        yield key, at
        _, at = decode(text, at)
        at = _blank(text, at)
        if text[at] == ",":
            at = _blank(text, at + 1)
        number += 1


def _blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    # An apostrophe joins: "don't" is one word.
    return _WORD.findall(re.sub(r"['\u2019\u0300-\u036f]", "", plain))
