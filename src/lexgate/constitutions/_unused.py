"""What a constitution asks or names and never uses: questions that cost calls and decide nothing.

Used is what a principle's `violated_when` or the conditions of its rubric lead to, through derived
names too. A name that only unused names rest on is unused itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lexgate.constitutions._model import Constitution, Principle

__all__ = ["unused"]


def unused(constitution: Constitution) -> tuple[str, ...]:
    """List what no condition uses: shared propositions, then derived names, then principles' own.

    Shared propositions and derived names stand there by their name, a principle's own proposition
    as `principle/proposition`.
    """
    meanings = dict(constitution.derived)
    reached: set[str] = set()
    new = {name for principle in constitution.principles for name in _named(principle)}
    while new:
        reached |= new
        new = {n for name in new & meanings.keys() for n in meanings[name].names()} - reached
    shared = frozenset(p.id for p in constitution.propositions)
    return (
        *(p.id for p in constitution.propositions if p.id not in reached),
        *(name for name in meanings if name not in reached),
        *(
            f"{principle.id}/{p.id}"
            for principle in constitution.principles
            for p in principle.propositions
            if p.id not in shared and p.id not in _named(principle)
        ),
    )


def _named(principle: Principle) -> frozenset[str]:
    conditions = (principle.violated_when, *(condition for _, condition in principle.rubric.when))
    return frozenset[str]().union(*(condition.names() for condition in conditions))
