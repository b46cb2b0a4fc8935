"""Ids of a document: found, unique, and pointing at something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgate._documents import did_you_mean
from lexgate._text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from lexgate._documents import Document, KeyPath
    from lexgate.errors import Problem

__all__ = ["dangling", "duplicates", "ids_of"]

_LISTED = 20  # ids a hint names


def ids_of(document: Document, path: KeyPath) -> dict[KeyPath, str]:
    """The ids of a list's items, by the path of the id."""
    paths = [(*path, index, "id") for index in range(document.length(path))]
    found = {at: document.get(at) for at in paths}
    return {at: id_ for at, id_ in found.items() if isinstance(id_, str)}


def duplicates(document: Document, ids: Mapping[KeyPath, str], kind: str) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for path, id_ in ids.items():
        if id_ in first:
            yield document.problem(
                path,
                f'expected every {kind} to have an id of its own, found "{id_}" again '
                f"(first {document.line(first[id_])})",
                "rename one of the two",
            )
        first.setdefault(id_, path)


def dangling(
    document: Document, path: KeyPath, name: str, known: Collection[str], kind: str
) -> Iterator[Problem]:
    if name not in known:
        ids = sorted(set(known))
        listed = f"the ids here are: {', '.join(ids[:_LISTED])}{' …' * (len(ids) > _LISTED)}"
        yield document.problem(
            path,
            f'expected the id of {_an(kind)}, found "{printable(name, 60)}"',
            did_you_mean(name, known) or listed,
        )


def _an(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
