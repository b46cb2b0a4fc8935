"""Constitutional AI: requests for critique and revision, as JSON, read and written.

Two layouts are read, llm-swarm's `{"constitutions": [{"critic", "revision"}, …]}` and Anthropic's
`{name: {"prompt": [critique request, …], "edit_request"}}`; llm-swarm's is written. A pair is a
principle. There is no rule beside the requests, so the critique request is its text too.
A principle without requests of its own is shown by composed ones, and these are known again by
their opening words: an edit of the rule inside the critique request is an edit of the rule. Where a
composed revision request no longer fits its critique request, it is kept as a request of its own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.constitutions.formats._format import Format, Reading
from lexgate.constitutions.formats._native import (
    UNRATED,
    Cleaner,
    Source,
    counted,
    decoded,
    header,
    id_of,
    json_of,
    name_of,
    place_of,
)
from lexgate.errors import InvalidFile, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from lexgate._documents import KeyPath
    from lexgate.constitutions._model import Constitution, Principle
    from lexgate.constitutions.formats._format import Files

__all__ = ["CAI"]

_FILE = "constitution.json"
_PAIRS, _CHAT, _REST = "constitutions", "system_chat", "x-lexgate"
_CRITIC, _REVISION, _ID = "critic", "revision", "id"
_PROMPT, _EDIT = "prompt", "edit_request"
_TAXONOMY = "constitutional-ai"  # in mappings: what Anthropic's layout calls each entry
_IDENTIFY = "Identify specific ways in which the response breaks this rule: "
_REWRITE = "Rewrite the response so that it no longer breaks this rule: "
_UNLESS = "\n\nIt does not break the rule where one of these exceptions applies:\n- "
_MOST = 50  # problems that are told
_ID_FORM = re.compile(r"[a-z][a-z0-9-]*\Z")
_ADDED = (
    "A name, after the file; the version 1.0.0; a title; as licence NOASSERTION, for it names none.",
    "For each pair: an id and a title, made of its words; as text of the rule the critique request, which is a request and no rule: rewrite it before judging.",
    "For each pair: safety as its criterion, prohibit as its polarity.",
    "The severity unrated: at most 5 in 100 may fail, at 95 % confidence, and C1 is enough.",
)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two requests as they stand in the file."""

    critic: str
    revision: str
    id: str  # as the file gives it, or empty
    name: str  # of the entry, in Anthropic's layout
    path: KeyPath


@dataclass(slots=True)
class _Reader:
    """Reads one file; collects its mistakes and what is not taken over."""

    source: Source
    problems: list[Problem] = field(default_factory=list)
    strange: dict[str, int] = field(default_factory=dict)  # keys nobody knows, how often

    def pairs(self, data: Any) -> list[_Pair]:
        """Find the pairs of either layout."""
        if isinstance(data, dict) and _PAIRS in data:
            entries = data[_PAIRS]
            if not isinstance(entries, list) or not entries:
                self.tell((_PAIRS,), "expected a list of pairs", entries)
                return []
            self._unknown(data, {_PAIRS, _CHAT, _REST})
            found = [self._pair((_PAIRS, n), entry) for n, entry in enumerate(entries)]
            return [pair for pair in found if pair]
        entries = {k: v for k, v in data.items() if k != _REST} if isinstance(data, dict) else {}
        if not any(isinstance(e, dict) and {_PROMPT, _EDIT} & e.keys() for e in entries.values()):
            hint = f'an object with "{_PROMPT}" and "{_EDIT}" for each name is read too'
            self.tell((), f'expected the key "{_PAIRS}" with a list of pairs', data, hint)
        return [pair for name, entry in entries.items() for pair in self._named(name, entry)]

    def tell(self, path: KeyPath, expected: str, found: Any, hint: str = "") -> None:
        if len(self.problems) >= _MOST:
            return  # whoever has so many mistakes has one mistake
        offset = place_of(self.source.text, path)
        message = f"{expected}, found {_said(found)}"
        self.problems.append(self.source.problem(offset, message, hint, path))

    def lost(self, data: dict[str, Any]) -> list[str]:
        """Say what the file holds beside pairs."""
        said = []
        if chat := data.get(_CHAT):
            size = counted(len(chat) if isinstance(chat, list) else 1, "entry", "entries")
            said.append(f"{_CHAT}: {size}, which show a model how to answer and hold no rule.")
        for key, count in self.strange.items():
            said.append(f'The key "{printable(key, 60)}" ({counted(count, "time", "times")}).')
        return said

    def _pair(self, path: KeyPath, entry: Any) -> _Pair | None:
        if not isinstance(entry, dict):
            self.tell(path, f'expected an object with "{_CRITIC}" and "{_REVISION}"', entry)
            return None
        self._unknown(entry, {_CRITIC, _REVISION, _ID})
        sound = [self._text((*path, key), entry.get(key)) for key in (_CRITIC, _REVISION)]
        id_ = entry.get(_ID, "")
        if _ID in entry and not (isinstance(id_, str) and _ID_FORM.match(id_)):
            hint = "write lower-case letters, digits and hyphens, such as no-weapon-uplift"
            self.tell((*path, _ID), "expected an id", id_, hint)
            return None
        return _Pair(entry[_CRITIC], entry[_REVISION], id_, "", path) if all(sound) else None

    def _named(self, name: str, entry: Any) -> list[_Pair]:
        if not isinstance(entry, dict):
            self.tell((name,), f'expected an object with "{_PROMPT}" and "{_EDIT}"', entry)
            return []
        self._unknown(entry, {_PROMPT, _EDIT})
        requests = entry.get(_PROMPT)
        if not isinstance(requests, list) or not requests:
            self.tell((name, _PROMPT), "expected a list of critique requests", requests)
            requests = []
        sound = self._text((name, _EDIT), entry.get(_EDIT))
        return [
            _Pair(request, entry[_EDIT], "", name, (name, _PROMPT, n))
            for n, request in enumerate(requests)
            if self._text((name, _PROMPT, n), request) and sound
        ]

    def _text(self, path: KeyPath, value: Any) -> bool:
        if isinstance(value, str) and value:
            return True
        hint = "it is given to the model as it stands" if value is None else ""
        self.tell(path, "expected a request in words", value, hint)
        return False

    def _unknown(self, entry: dict[str, Any], known: Collection[str]) -> None:
        for key in sorted(entry.keys() - known):
            self.strange[key] = self.strange.get(key, 0) + 1


def _read(files: Files) -> Reading:
    source, data = _opened(files)
    reader = _Reader(source)
    pairs = reader.pairs(data)
    _ids_once(pairs, reader)
    if reader.problems:
        raise InvalidFile(tuple(reader.problems))
    cleaner, taken = Cleaner(), {pair.id for pair in pairs}
    principles: dict[str, dict[str, Any]] = {}
    names: dict[str, list[str]] = {}
    said: dict[tuple[str, str], str] = {}  # requests -> id
    twice = 0
    for pair in pairs:
        requests = (pair.critic, pair.revision)
        if not pair.id and requests in said:
            twice += 1
        else:
            id_ = pair.id or id_of("", pair.critic, requests, taken)
            taken.add(id_)
            principles[id_] = _principle(id_, pair, cleaner)
            said[requests] = id_
        if pair.name and pair.name not in names.setdefault(said[requests], []):
            names[said[requests]].append(pair.name)
    stem = PurePosixPath(source.name).stem
    head = header(name_of(stem, "constitutional-ai"), "Requests for critique and revision")
    rules = head | {"severities": [dict(UNRATED)], "principles": list(principles.values())}
    if names:
        rules["mappings"] = {_TAXONOMY: names}
    lost = reader.lost(data)
    if twice:
        lost.append(f"{counted(twice, 'pair', 'pairs')} that stood in the file before.")
    return Reading(rules, (*lost, *cleaner.lost()), _ADDED)


def _ids_once(pairs: list[_Pair], reader: _Reader) -> None:
    seen: set[str] = set()
    for pair in pairs:
        if pair.id and pair.id in seen:
            hint = "leave the id out: a new pair gets one of its own"
            reader.tell((*pair.path, _ID), "expected every id once", pair.id, hint)
        seen.add(pair.id)


def _principle(id_: str, pair: _Pair, cleaner: Cleaner) -> dict[str, Any]:
    """What a pair says: a rule where a request was composed of one, else the requests alone."""
    rule = _composed(pair.critic, _IDENTIFY)
    entry: dict[str, Any] = {} if rule else {"critique": pair.critic}
    rule = rule or _composed(pair.revision, _REWRITE)
    if not (rule and pair.revision == _request(_REWRITE, *rule)):
        entry["revise"] = pair.revision
    text, exceptions = rule or (pair.critic, ())
    if exceptions:
        entry["exceptions"] = [cleaner.clean(exception) for exception in exceptions]
    return {
        "id": id_,
        "title": _title(text) or id_,
        "criterion": "safety",
        "polarity": "prohibit",
        "severity": UNRATED["id"],
        "text": cleaner.clean(text),
    } | entry


def _request(opening: str, text: str, exceptions: Collection[str]) -> str:
    """Compose a request; lines inside an exception are indented, so that each can be told."""
    listed = "\n- ".join(exception.replace("\n", "\n  ") for exception in exceptions)
    return opening + text + (_UNLESS + listed if exceptions else "")


def _composed(request: str, opening: str) -> tuple[str, tuple[str, ...]] | None:
    """Take a composed request apart: the rule, its exceptions."""
    if not request.startswith(opening):
        return None
    text, mark, listed = request.removeprefix(opening).rpartition(_UNLESS)
    exceptions = listed.split("\n- ") if mark else []
    text = text if mark else listed
    if not text or not all(exceptions):
        return None
    return text, tuple(exception.replace("\n  ", "\n") for exception in exceptions)


def _title(text: str) -> str:
    words = " ".join(text.split())
    if len(words) <= 72:
        return words
    return words[:72].rpartition(" ")[0].rstrip(" ,;:.") + " …"


def _show(rules: Constitution) -> dict[str, bytes]:
    # llm-swarm's script fails without a system_chat.
    return {_FILE: _dumped({_PAIRS: [_shown(p) for p in rules.principles], _CHAT: []})}


def _shown(principle: Principle) -> dict[str, str]:
    rule = (principle.text, principle.exceptions)
    return {
        _ID: principle.id,
        _CRITIC: principle.critique or _request(_IDENTIFY, *rule),
        _REVISION: principle.revise or _request(_REWRITE, *rule),
    }


def _join(files: dict[str, bytes], rest: dict[str, Any]) -> dict[str, bytes]:
    return {_FILE: _dumped(json.loads(files[_FILE]) | {_REST: rest})}


def _split(files: Files) -> tuple[Files, dict[str, Any] | None]:
    """Give the rest; it stays in the file too, where reading passes it over and lines keep numbers."""
    source, data = _opened(files)
    if not isinstance(data, dict) or _REST not in data:
        return files, None
    if not isinstance(data[_REST], dict):
        reader = _Reader(source)
        reader.tell((_REST,), "expected what an export kept aside", data[_REST], "remove the key")
        raise InvalidFile(tuple(reader.problems))
    return files, data[_REST]


def _opened(files: Files) -> tuple[Source, Any]:
    found = sorted(path for path in files if path.casefold().endswith(".json"))
    if len(found) != 1:
        names = f": {printable(', '.join(found))}" if found else ""
        message = f"expected one JSON file with pairs of requests, found {len(found)}{names}"
        raise UsageError(message)
    source = decoded(found[0], files[found[0]])
    return source, json_of(source)


def _dumped(data: Any) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def _said(value: Any) -> str:
    if isinstance(value, str):
        return f'"{printable(value, 60)}"' if value else "an empty text"
    if isinstance(value, list | dict):
        kind = "a list" if isinstance(value, list) else "an object"
        return kind if value else f"{kind} that is empty"
    return "none" if value is None else json.dumps(value)


CAI = Format("cai", _show, _read, _join, _split)
