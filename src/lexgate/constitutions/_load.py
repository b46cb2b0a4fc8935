"""Reading constitutions: from a file, or by name from where they are kept.

A file is read as a whole or not at all. One that is cited as `name@version` must say the same name
and version in its header: a file that was renamed does not become another constitution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate._documents import did_you_mean, load_schema, read_document
from lexgate._text import printable
from lexgate._yaml_head import head_of, heads
from lexgate.constitutions._dump import digest_of
from lexgate.constitutions._expression import Name, parse
from lexgate.constitutions._model import (
    DEFAULT_CHOICES,
    WHOLE,
    WHOLE_ASK,
    Check,
    Constitution,
    Exemplar,
    Principle,
    Proposition,
    Rubric,
    Severity,
)
from lexgate.constitutions._semantics import problems_of
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["find", "load", "shipped"]

_LIBRARY = Path(__file__).parent / "library"
_WORKSPACE = Path("constitutions")  # of a person who asks from the directory of their work
_REFERENCE = re.compile(r"([a-z][a-z0-9-]*)(?:@([0-9]+\.[0-9]+\.[0-9]+))?\Z")


def load(path: Path) -> Constitution:
    """Read a constitution from its YAML file.

    Raises:
        InvalidFile: the file has mistakes; carries all of them, with their positions.
        UsageError: there is no such file, or it cannot be read.
    """
    schema = load_schema("lexgate.constitutions", "constitution.schema.json")
    return _constitution(read_document(path, schema, problems_of).data)


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
    if reference.endswith((".yaml", ".yml")):
        return load((near or Path()) / reference)
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
    constitution = _checked(chosen, candidates)
    if near is None:
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


def _checked(chosen: _Candidate, candidates: list[_Candidate]) -> Constitution:
    """Read the chosen file and hold its header against what it was taken for."""
    for other in candidates:
        twin = other.path.parent == chosen.path.parent and other.version == chosen.version
        if twin and other.path != chosen.path:
            raise UsageError(
                f"both {chosen.path} and {other.path} are {chosen.name}@{chosen.version}: "
                "remove one, or cite the constitution by its path"
            )
    constitution = load(chosen.path)
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


def _constitution(data: Mapping[str, Any]) -> Constitution:
    unsigned = Constitution(
        name=data["constitution"],
        version=data["version"],
        title=data["title"],
        license=data["license"],
        supersedes=data.get("supersedes"),
        changes=tuple(data.get("changes", ())),
        severities=tuple(
            Severity(s["id"], float(s["limit"]), float(s["confidence"]), s["claim"])
            for s in data["severities"]
        ),
        definitions=tuple(sorted(data.get("definitions", {}).items())),
        principles=tuple(_principle(principle) for principle in data["principles"]),
        mappings=tuple(
            (taxonomy, tuple((id_, tuple(entries[id_])) for id_ in sorted(entries)))
            for taxonomy, entries in sorted(data.get("mappings", {}).items())
        ),
        digest="",
    )
    return replace(unsigned, digest=digest_of(unsigned))


def _principle(data: Mapping[str, Any]) -> Principle:
    declared = data.get("propositions")
    propositions = [Proposition(p["id"], p["ask"], p["sees"]) for p in declared or ()]
    return Principle(
        id=data["id"],
        title=data["title"],
        criterion=data["criterion"],
        polarity=data["polarity"],
        severity=data["severity"],
        text=data["text"],
        rationale=data.get("rationale", ""),
        exceptions=tuple(data.get("exceptions", ())),
        overrides=tuple(data.get("overrides", ())),
        propositions=tuple(propositions) or (Proposition(WHOLE, WHOLE_ASK, "exchange"),),
        violated_when=parse(data["violated_when"]) if declared else Name(WHOLE),
        rubric=Rubric(tuple(data["rubric"]["choices"] if "rubric" in data else DEFAULT_CHOICES)),
        checks=tuple(_check(check) for check in data.get("checks", ())),
        examples=tuple(_example(example) for example in data.get("examples", ())),
    )


def _check(data: Mapping[str, Any]) -> Check:
    return Check(
        pattern=data["pattern"],
        sees=data.get("sees", "response"),
        shows=data.get("shows", WHOLE),
        exact=data.get("exact", False),
    )


def _example(data: Mapping[str, Any]) -> Exemplar:
    return Exemplar(
        id=data["id"],
        prompt=data["prompt"],
        response=data["response"],
        label=data["label"],
        why=data["why"],
        split=data.get("split", "public"),
        answers=tuple(sorted(data.get("answers", {}).items())),
    )
