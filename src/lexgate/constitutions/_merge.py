"""What `extends` means: a file and its bases become one set of entries, each standing once.

The rule: everything of the bases is part of the constitution, less the principles that `without`
names; nothing is merged inside an entry. One thing may stand in two places only if both say the
same, so a base never changes what its reader sees, and a reader sees every change: to alter an
inherited principle, leave it out and write it anew. Own entries stand first, then those of the
bases in order. Law (tested): merging with no bases changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lexgate._documents import KeyPath

__all__ = ["Conflict", "Inherited", "Merged", "merge"]

_BY_ID = ("severities", "propositions")  # lists of entries with an id
_MAPS = ("definitions", "derived")


@dataclass(frozen=True, slots=True)
class Inherited:
    """A base: its reference, and its content in the vocabulary of a file."""

    reference: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Where two places say different things of one id, in the file's own key path."""

    path: KeyPath
    message: str
    hint: str


@dataclass(slots=True)
class Merged:
    """The whole content; `conflicts` is empty unless the file has to be corrected."""

    data: dict[str, Any]
    conflicts: list[Conflict] = field(default_factory=list)


def merge(own: Any, bases: Sequence[Inherited]) -> Merged:
    """Merge a file's data with its bases; `own` may hold any mistakes, the bases none."""
    if not isinstance(own, dict) or not bases:
        return Merged(own)
    data = {key: value for key, value in own.items() if key != "without"}
    merged = Merged(data)
    left_out = {id_ for id_ in _list(own.get("without")) if isinstance(id_, str)}
    for place, base in enumerate(bases):
        at: KeyPath = ("extends", place)
        for key in _BY_ID:
            _entries(merged, own, key, base, at)
        for key in _MAPS:
            _map(merged, own, key, base, at)
        _authorities(merged, own, base, at)
        _principles(merged, own, base, at, left_out)
        _mappings(merged, base, at, left_out)
    retired = [id_ for base in bases for id_ in base.data.get("retired", ())]
    if retired:
        data["retired"] = list(dict.fromkeys([*_list(own.get("retired")), *retired]))
    budgets = [base.data["prompt_budget"] for base in bases if "prompt_budget" in base.data]
    if budgets and "prompt_budget" not in own:
        data["prompt_budget"] = min(budgets)
    merged.conflicts += _strangers(own, bases, left_out)
    return merged


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _by_id(entries: Iterable[Any]) -> dict[str, tuple[int, Any]]:
    """Index entries by id: (place, entry); what has no id is left to the schema."""
    found: dict[str, tuple[int, Any]] = {}
    for place, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            found.setdefault(entry["id"], (place, entry))
    return found


def _differs(merged: Merged, path: KeyPath, what: str, base: Inherited) -> None:
    message = f"expected {what} to say what {base.reference} says of it, found something else"
    merged.conflicts.append(Conflict(path, message, "rename one of the two, or make them equal"))


def _where(own: Any, key: str, place: int, at: KeyPath) -> KeyPath:
    """Point at the entry if the file itself wrote it, else at the base it came from."""
    return (key, place) if place < len(_list(own.get(key))) else at


def _entries(merged: Merged, own: Any, key: str, base: Inherited, at: KeyPath) -> None:
    standing = _list(merged.data.get(key))
    known = _by_id(standing)
    fresh = []
    for entry in base.data.get(key, ()):
        place, present = known.get(entry["id"], (0, None))
        if present is None:
            fresh.append(entry)
        elif present != entry:
            _differs(merged, _where(own, key, place, at), f'"{entry["id"]}"', base)
    if fresh:
        merged.data[key] = [*standing, *fresh]


def _map(merged: Merged, own: Any, key: str, base: Inherited, at: KeyPath) -> None:
    standing = _dict(merged.data.get(key))
    inherited = base.data.get(key, {})
    for name in inherited.keys() & standing.keys():
        if standing[name] != inherited[name]:
            path = (key, name) if name in _dict(own.get(key)) else at
            _differs(merged, path, f'"{name}"', base)
    if inherited:
        merged.data[key] = {**inherited, **standing}


def _authorities(merged: Merged, own: Any, base: Inherited, at: KeyPath) -> None:
    """Keep the longer of two orders that agree; an order is never guessed."""
    standing, inherited = _list(merged.data.get("authorities")), base.data.get("authorities", [])
    shorter, longer = sorted((standing, inherited), key=len)
    if [level for level in longer if level in shorter] != shorter:
        path: KeyPath = ("authorities",) if "authorities" in own else at
        message = (
            f"expected an order that agrees with {base.reference} ({' > '.join(inherited)}), "
            f"found {' > '.join(map(str, standing))}"
        )
        hint = "write one order that holds all levels, highest first"
        merged.conflicts.append(Conflict(path, message, hint))
    elif longer:
        merged.data["authorities"] = longer


def _principles(merged: Merged, own: Any, base: Inherited, at: KeyPath, left_out: set[str]) -> None:
    standing = _list(merged.data.get("principles"))
    known = _by_id(standing)
    fresh = []
    for entry in base.data.get("principles", ()):
        id_ = entry["id"]
        if id_ in left_out:
            continue
        place, present = known.get(id_, (0, None))
        if present is None:
            kept = [other for other in entry.get("overrides", ()) if _stays(other, own, left_out)]
            fresh.append({**entry, "overrides": kept} if "overrides" in entry else entry)
        elif present != entry:
            message = (
                f'expected an id that no inherited principle has, found "{id_}" of {base.reference}'
            )
            hint = f"to write it anew here, leave the inherited one out: `without: [{id_}]`"
            path = _where(own, "principles", place, at)
            merged.conflicts.append(Conflict(path, message, hint))
    if fresh:
        merged.data["principles"] = [*standing, *fresh]


def _stays(id_: str, own: Any, left_out: set[str]) -> bool:
    return id_ not in left_out or id_ in _by_id(_list(own.get("principles")))


def _mappings(merged: Merged, base: Inherited, at: KeyPath, left_out: set[str]) -> None:
    standing = _dict(merged.data.get("mappings"))
    for taxonomy, entries in base.data.get("mappings", {}).items():
        present = _dict(standing.get(taxonomy))
        kept = {id_: found for id_, found in entries.items() if id_ not in left_out}
        for id_ in kept.keys() & present.keys():
            if present[id_] != kept[id_]:
                _differs(merged, at, f"the mapping of {id_} to {taxonomy}", base)
        if kept:
            standing = {**standing, taxonomy: {**kept, **present}}
    if standing:
        merged.data["mappings"] = standing


def _strangers(own: Any, bases: Sequence[Inherited], left_out: set[str]) -> Iterator[Conflict]:
    """Find what `without` names and no base has."""
    known = {entry["id"] for base in bases for entry in base.data.get("principles", ())}
    for place, id_ in enumerate(_list(own.get("without"))):
        if id_ in left_out - known:
            message = f'expected the id of an inherited principle, found "{id_}"'
            hint = f"the inherited ones are: {', '.join(sorted(known))}"
            yield Conflict(("without", place), message, hint)
