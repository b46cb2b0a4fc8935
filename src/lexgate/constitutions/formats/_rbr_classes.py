"""Which classes of completions violate a rule, and one ranking of them for all types of response.

Rule Based Rewards rank all classes once. Where `minimum_acceptable_style` is among them, what ranks
below it violates; where it is not, all but the best class of a type does. A rule without grades of
its own has the classes `complies` and `violates`. Where none of this says when a rule is violated,
a derived proposition does (`verdict_name`).
"""

from __future__ import annotations

import re
from graphlib import CycleError, TopologicalSorter
from itertools import count, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "ACCEPTABLE",
    "COMPLIES",
    "VIOLATES",
    "failing",
    "ranked",
    "verdict_among",
    "verdict_name",
]

ACCEPTABLE = "minimum_acceptable_style"
COMPLIES, VIOLATES = "complies", "violates"


def verdict_name(type_: str, number: int = 1) -> str:
    """Name the derived proposition that says when a type's rule is violated, where one has to."""
    return f"{type_}__violated_when" + (f"_{number}" if number > 1 else "")


def verdict_among(type_: str, derived: Iterable[str]) -> str | None:
    """Find the derived proposition that says when a type's rule is violated."""
    form = re.compile(re.escape(verdict_name(type_)) + r"(?:_([1-9][0-9]{0,8}))?\Z")
    found = {name: int(match[1] or 1) for name in derived if (match := form.match(name))}
    return max(found, key=found.__getitem__, default=None)  # lower ones are other people's


def failing(order: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Give the classes of a type that violate its rule; both sequences are best first."""
    if set(classes) == {COMPLIES, VIOLATES}:
        return [VIOLATES]
    if ACCEPTABLE not in order:
        return list(classes[1:])
    below = set(order[order.index(ACCEPTABLE) + 1 :])
    return [class_ for class_ in classes if class_ in below]


def ranked(chains: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Name classes so that one ranking holds for all types, which keep theirs; all best first.

    A type whose ranking goes against an earlier one's gets classes of its own. The ranking itself
    is that of the key "".
    """
    better: dict[str, list[str]] = {}
    named: dict[str, list[str]] = {}
    for type_, chain in chains.items():
        names = list(chain)
        for number in count(2):
            merged = _with(better, names)
            if _sorted(merged) is not None:
                break
            suffix = type_ if number == 2 else f"{type_} {number}"
            names = [f"{name} ({suffix})" for name in chain]
        better, named[type_] = merged, names
    return {**named, "": _sorted(better) or []}


def _with(better: Mapping[str, Sequence[str]], chain: Sequence[str]) -> dict[str, list[str]]:
    merged = {class_: list(others) for class_, others in better.items()}
    for class_ in chain:
        merged.setdefault(class_, [])
    for above, below in pairwise(chain):
        merged[below].append(above)
    return merged


def _sorted(better: Mapping[str, Sequence[str]]) -> list[str] | None:
    try:
        return list(TopologicalSorter(better).static_order())
    except CycleError:
        return None
