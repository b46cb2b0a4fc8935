"""What a guard with a policy of its own says about our principles: covers, partly, or nothing.

`mappings: {TAXONOMY: {principle: [category, …]}}` says that what the guard flags in one of these
categories violates the principle: it knows a part of it, so a text it does not flag may violate the
principle all the same, and the guard is silent. Only a mapping under `TAXONOMY_covers` says that the
categories are all there is to the principle: then an unflagged text complies. A principle that is
mapped nowhere is not judged. So forgetting a mapping, or writing the weaker one, never lets a text
pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexgate._text import printable
from lexgate.critic._protocols import Silence
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.constitutions import Constitution

__all__ = ["Mapped", "mapped", "unmapped"]


@dataclass(frozen=True, slots=True)
class Mapped:
    """The categories of a guard that are about one principle."""

    categories: frozenset[str]
    covers: bool  # whether they are all there is to it

    def uncovered(self, name: str, principle: str) -> Silence:
        """Say that a text which is not flagged was not judged for that."""
        detail = f"{name}: its policy covers only a part of {principle}, which it did not flag"
        return Silence("no_answer", detail)


def mapped(rules: Constitution, taxonomy: str, known: Sequence[str]) -> dict[str, Mapped]:
    """Read what the constitution maps to a guard's categories, by principle.

    Raises:
        UsageError: a category that the guard does not have.
    """
    partly, covers = (
        dict(dict(rules.mappings).get(name, ())) for name in (taxonomy, f"{taxonomy}_covers")
    )
    for name, entries in ((taxonomy, partly), (f"{taxonomy}_covers", covers)):
        for principle, categories in entries.items():
            for category in categories:
                if category not in known:
                    raise UsageError(
                        f"{rules.reference}: mappings/{name}/{principle}: no category "
                        f"{printable(category)!r}; there are {', '.join(known)}"
                    )
    return {
        id_: Mapped(frozenset(partly.get(id_, ())) | frozenset(covers.get(id_, ())), id_ in covers)
        for id_ in sorted({*partly, *covers})
    }


def unmapped(name: str, taxonomy: str, principle: str) -> Silence:
    """Say that the guard judges nothing of a principle."""
    detail = f"{name}: the constitution maps {principle} to no category of {taxonomy}"
    return Silence("no_answer", detail)
