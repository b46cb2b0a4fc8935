"""Other people's formats, read and written so that nothing is lost on the way there and back.

A format shows what it has a place for, in its own native way. What it has no place for is kept as
the difference between what reading the native part gives and what the constitution says (`_patch`),
in a place that the format's own tools ignore. So whoever edits the native part changes the rules,
and whoever edits nothing gets the same digest back. Law (tested): reading what was written with
sealed examples gives the constitution again. Without them, all but the sealed examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lexgate.constitutions._build import from_data
from lexgate.constitutions._dump import as_file
from lexgate.constitutions._export import Export
from lexgate.constitutions.formats._patch import difference, patched
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lexgate.constitutions._model import Constitution

__all__ = ["Files", "Format", "Reading", "read", "write"]

_DEEPEST = 50
Files = Mapping[str, bytes]  # POSIX path or file name -> content


@dataclass(frozen=True, slots=True)
class Reading:
    """What files of another format say, in the vocabulary of a constitution's file."""

    data: Mapping[str, Any]
    lost: tuple[str, ...] = ()  # what could not be taken over, a sentence each
    added: tuple[str, ...] = ()  # what a constitution needs and the source does not say


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `read` and `split` raise InvalidFile or UsageError for what they cannot read."""

    name: str
    show: Callable[[Constitution], dict[str, bytes]]
    """The native files. The constitution given has no sealed examples unless they were asked for."""
    read: Callable[[Files], Reading]
    """Native files to data; files that `show` wrote must give data for every principle shown."""
    join: Callable[[dict[str, bytes], dict[str, Any]], dict[str, bytes]]
    """Put the rest (JSON data) where the format's own tools ignore it."""
    split: Callable[[Files], tuple[Files, dict[str, Any] | None]]
    """Take the rest out again; None where there is none."""


def write(format_: Format, rules: Constitution, *, sealed: bool = False) -> Export:
    """Export a constitution; sealed examples only where they are asked for by name."""
    shown = rules if sealed else _without_sealed(rules)
    files = format_.show(shown)
    back = format_.read(files)
    rest = {"lost": list(back.lost), "patch": difference(dict(back.data), as_file(shown))}
    hidden = sum(e.split == "sealed" for p in rules.principles for e in p.examples)
    lost = (
        ()
        if sealed or not hidden
        else (f"Sealed examples are left out, {hidden} of them: they only measure critics.",)
    )
    return Export(format_.join(files, rest), lost)


def read(format_: Format, files: Files) -> Reading:
    """Read files of a format; what an export kept aside is taken up again.

    Raises:
        InvalidFile: they are not of the format; carries every mistake found.
    """
    native, rest = format_.split(files)
    reading = format_.read(native)
    if rest is None:
        return reading
    if _deep(rest):
        raise UsageError(f"what lexgate keeps aside in a {format_.name} export is nested too deep")
    try:
        data = _with_severities(patched(dict(reading.data), rest["patch"]), reading.data)
        known = set(rest["lost"])
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"what lexgate keeps aside in a {format_.name} export is damaged: {error!r}\n"
            f"    hint: take it out to read the native part alone"
        ) from error
    # What the rest restores is not lost; what an edit lost since is.
    lost = tuple(lost for lost in reading.lost if lost not in known)
    return Reading(data, lost, tuple(_aside(reading.data, data)))


def _deep(value: Any) -> bool:
    """Tell whether JSON data are nested deeper than any constitution is."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _aside(native: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[str]:
    """Say which rules the visible part does not show as they are now read."""
    shown = {principle["id"]: principle for principle in native["principles"]}
    hidden = [p["id"] for p in data["principles"] if p["id"] not in shown]
    if hidden:
        yield f"Rules that only the part kept aside holds: {', '.join(hidden)}."
    other = [
        p["id"]
        for p in data["principles"]
        if p["id"] in shown and _words(p["text"]) != _words(shown[p["id"]].get("text", ""))
    ]
    if other:
        yield f"Rules whose text is the one kept aside, not the visible one: {', '.join(other)}."


def _words(text: str) -> list[str]:
    return text.split()


def _with_severities(data: dict[str, Any], native: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a principle added by hand cites, though no principle did when it was written."""
    cited = {principle["severity"] for principle in data["principles"]}
    known = {severity["id"] for severity in data["severities"]}
    added = [s for s in native["severities"] if s["id"] in cited - known]
    return {**data, "severities": [*data["severities"], *added]} if added else data


def _without_sealed(rules: Constitution) -> Constitution:
    public = tuple(
        replace(p, examples=tuple(e for e in p.examples if e.split == "public"))
        for p in rules.principles
    )
    return from_data(as_file(replace(rules, principles=public)))
