"""Reading constitutions: from a file, or by name from where they are kept.

A file is read as a whole or not at all. One that is cited as `name@version` must say the same name
and version in its header: a file that was renamed does not become another constitution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lexgate._documents import did_you_mean, load_schema, read_document
from lexgate._text import printable
from lexgate._yaml_head import head_of, heads
from lexgate.constitutions._build import from_data
from lexgate.constitutions._dump import as_file
from lexgate.constitutions._merge import Inherited, merge
from lexgate.constitutions._model import Base, Constitution
from lexgate.constitutions._semantics import problems_of
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lexgate._documents import Document, KeyPath
    from lexgate.errors import Problem

__all__ = ["find", "load", "shipped"]

_LIBRARY = Path(__file__).parent / "library"
_WORKSPACE = Path("constitutions")  # of a person who asks from the directory of their work
_REFERENCE = re.compile(r"([a-z][a-z0-9-]*)(?:@([0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}))?\Z")


def load(path: Path) -> Constitution:
    """Read a constitution from its YAML file, with all that it extends.

    Raises:
        InvalidFile: the file has mistakes; carries all of them, with their positions.
        UsageError: there is no such file, or it cannot be read.
    """
    return _load(path, ())


def _load(path: Path, chain: tuple[Path, ...]) -> Constitution:
    """Read a file; `chain` holds the files that extend it, outermost first."""
    bases: list[Constitution] = []

    def check(document: Document) -> Iterator[Problem]:
        unread = list(_open_bases(document, path, (*chain, path.resolve()), bases))
        yield from unread
        if unread:
            return  # names that are missed may be those of the base
        merged = merge(document.data, _inherited(bases))
        yield from problems_of(replace(document, data=merged.data))
        for conflict in merged.conflicts:
            yield document.problem(conflict.path, conflict.message, conflict.hint)

    schema = load_schema("lexgate.constitutions", "constitution.schema.json")
    data = read_document(path, schema, check).data
    origin = tuple(Base(base.reference, base.digest) for base in bases)
    return replace(from_data(merge(data, _inherited(bases)).data), extends=origin)


def _inherited(bases: Sequence[Constitution]) -> list[Inherited]:
    return [Inherited(base.reference, as_file(base)) for base in bases]


def _open_bases(
    document: Document, path: Path, chain: tuple[Path, ...], bases: list[Constitution]
) -> Iterator[Problem]:
    """Read what the file extends into `bases`; tell what cannot be read."""
    for index, reference in enumerate(document.get(("extends",)) or ()):
        at: KeyPath = ("extends", index)
        try:
            bases.append(_find(reference, path.parent, chain))
        except UsageError as error:
            message = f'expected a constitution that can be read, found "{reference}"'
            hint = str(error).replace("\n    hint: ", "; ").partition("\n")[0]
            yield document.problem(at, message, hint)


def find(reference: str, near: Path | None = None) -> Constitution:
    """Read the constitution somebody cites.

    Args:
        reference: a path that ends in .yaml or .yml (relative to `near`, else to the working
            directory), `name@version`, or `name` for its newest version.
        near: the directory of the file that cites it. Looked through first, with the directories
            `constitutions` in it and beside it; then the constitutions that ship with lexgate.
            Without it a person asks: what `./constitutions` holds goes before what ships, and a
            bare name may be the name of a file there.

    Raises:
        InvalidFile: the file was found and has mistakes.
        UsageError: nothing of that name was found; says where it was looked for. Or the one
            found in `./constitutions` claims the reference of a shipped one and is not that one.
    """
    return _find(reference, near, ())


def _find(reference: str, near: Path | None, chain: tuple[Path, ...]) -> Constitution:
    if reference.endswith((".yaml", ".yml")):
        return _load((near or Path()) / reference, chain)
    cited = _REFERENCE.match(reference)
    if cited is None:
        raise UsageError(
            f"expected a constitution as name, name@1.0.0 or a path ending in .yaml, "
            f'found "{printable(reference)}"'
        )
    name, version = cited.groups()
    places = _places(near)
    candidates = [found for place in places for found in _candidates(place, name)]
    if version is not None:
        candidates = [found for found in candidates if found.version == version]
    if near is None:
        local = [found for found in candidates if found.path.parent != _LIBRARY]
        if not local and version is None and (path := _named_file(name)):
            return load(path)
        candidates = local or candidates
    if not candidates:
        raise _not_found(reference, name, places)
    # `max` keeps the first of equals, which is the one in the nearest place.
    chosen = max(candidates, key=lambda found: _order(found.version))
    constitution = _checked(chosen, candidates, chain)
    _refuse_imposter(constitution, chosen.path)
    return constitution


def _named_file(name: str) -> Path | None:
    """Find a file of that name in the workspace, whatever its header says."""
    paths = (_WORKSPACE / f"{name}{ending}" for ending in (".yaml", ".yml"))
    return next((path for path in paths if path.is_file()), None)


def _refuse_imposter(constitution: Constitution, path: Path) -> None:
    """Refuse a local file with a shipped reference and another content: one name, one meaning."""
    reference = constitution.reference
    if path.parent == _LIBRARY or reference not in shipped():
        return
    if load(_LIBRARY / f"{reference}.yaml").digest != constitution.digest:
        raise UsageError(
            f"{path} calls itself {reference}, which ships with lexgate and says something else\n"
            f"    hint: raise its version or rename it; or cite it by its path"
        )


def shipped() -> tuple[str, ...]:
    """List the references of the constitutions that ship with lexgate, sorted by name and age."""
    stems = [path.stem for path in _LIBRARY.glob("*@*.yaml")]
    return tuple(sorted(stems, key=lambda stem: (stem.split("@")[0], _order(stem.split("@")[1]))))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file that, by its name or its header, is the constitution looked for."""

    path: Path
    name: str
    version: str


def _places(near: Path | None) -> list[Path]:
    if near is None:
        return [_WORKSPACE, _LIBRARY]
    around = [near, near / "constitutions", near.resolve().parent / "constitutions"]
    return list({place.resolve(): place for place in reversed([*around, _LIBRARY])}.values())[::-1]


def _candidates(place: Path, name: str) -> Iterator[_Candidate]:
    for path in sorted([*place.glob("*.yaml"), *place.glob("*.yml")]):
        cited = _REFERENCE.match(path.stem)
        if cited and cited[2]:
            if cited[1] == name:
                yield _Candidate(path, name, cited[2])
        elif place != _LIBRARY:
            head = head_of(path)
            if head and (head.kind, head.name) == ("constitution", name) and head.version:
                yield _Candidate(path, name, head.version)


def _checked(
    chosen: _Candidate, candidates: list[_Candidate], chain: tuple[Path, ...]
) -> Constitution:
    """Read the chosen file and hold its header against what it was taken for."""
    for other in candidates:
        twin = other.path.parent == chosen.path.parent and other.version == chosen.version
        if twin and other.path != chosen.path:
            raise UsageError(
                f"both {chosen.path} and {other.path} are {chosen.name}@{chosen.version}: "
                "remove one, or cite the constitution by its path"
            )
    if chosen.path.resolve() in chain:
        way = " > ".join(path.name for path in (*chain, chosen.path))
        raise UsageError(f"a constitution cannot extend itself: {way}")
    constitution = _load(chosen.path, chain)
    expected = f"{chosen.name}@{chosen.version}"
    if constitution.reference != expected:
        raise UsageError(
            f"{chosen.path}: expected the constitution {expected}, as the file is named; its "
            f"header says {constitution.reference}: rename the file or correct the header"
        )
    return constitution


def _not_found(reference: str, name: str, places: list[Path]) -> UsageError:
    others = [found for place in places for found in _candidates(place, name)]
    if others:
        versions = ", ".join(sorted({found.version for found in others}, key=_order))
        hint = f"versions found: {versions}"
    else:
        near = [place for place in places if place != _LIBRARY]
        local = {head.reference for place in near for head in heads(place, "constitution")}
        known = [*sorted(local), *shipped()]
        meant = did_you_mean(name, [reference.partition("@")[0] for reference in known])
        hint = meant or f"there are {', '.join(dict.fromkeys(known))}"
    looked = ", ".join(_shown(place) for place in places)
    return UsageError(f'no constitution "{printable(reference)}"; looked in {looked}; {hint}')


def _shown(place: Path) -> str:
    if place == _LIBRARY:
        return "the shipped library"
    return f"./{place}" if place == _WORKSPACE else str(place)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
