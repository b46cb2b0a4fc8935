"""Any condition as ANDs of literals, and back: the one form that Rule Based Rewards have.

What is no AND of literals becomes a derived proposition of its own, a helper. Its name says how to
read it: `…__all_1` is an AND, and `…__any_1` is an AND too, which is false where any of its parts
holds (De Morgan, as OpenAI's file writes OR). Law (tested): reading what was written gives the same
expression, letter for letter, so that an edit of a helper is an edit of the condition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lexgate.constitutions._expression import And, Expression, Name, Not, Or

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lexgate.constitutions.formats._rbr_file import Literals

__all__ = ["Literal", "Reader", "Writer", "is_helper", "negated"]

_HELPER = re.compile(r"__(any|all)_[0-9]+\Z")
_LARGEST = 10_000  # names in a condition with its helpers written out
_DEEPEST = 100  # helpers that lead to one another; a condition nests at most 50 deep


@dataclass(frozen=True, slots=True)
class Literal:
    """A name, or its negation."""

    name: str
    holds: bool


def is_helper(name: str) -> bool:
    """Tell whether a derived proposition is read as part of the conditions that use it."""
    return bool(_HELPER.search(name))


def negated(expression: Expression) -> Expression:
    return expression.operand if isinstance(expression, Not) else Not(expression)


@dataclass(slots=True)
class Writer:
    """Writes the conditions of one owner; helpers collect in `derived`, each below its parts."""

    owner: str
    derived: dict[str, Literals]  # all that exist so far, of other owners too
    taken: Callable[[str], bool]  # whether a name stands for something else
    renamed: Mapping[str, str] = field(default_factory=dict)
    _known: dict[Expression, Literal] = field(default_factory=dict)

    def literals(self, expression: Expression) -> dict[str, bool]:
        """Write a condition as an AND of literals."""
        operands = expression.operands if isinstance(expression, And) else (expression,)
        return self._conjunction([self.literal(operand) for operand in operands])

    def literal(self, expression: Expression) -> Literal:
        """Write a condition as one literal."""
        if isinstance(expression, Name):
            return Literal(self.renamed.get(expression.id, expression.id), True)
        if isinstance(expression, Not) and isinstance(expression.operand, Name):
            return Literal(self.literal(expression.operand).name, False)
        if expression not in self._known:
            self._known[expression] = self._compound(expression)
        return self._known[expression]

    def _compound(self, expression: And | Or | Not) -> Literal:
        if isinstance(expression, And):
            return Literal(self._helper("all", self.literals(expression)), True)
        if isinstance(expression, Or):
            parts = [self.literal(operand) for operand in expression.operands]
            return Literal(self._helper("any", self._conjunction(parts, negate=True)), False)
        inner = self.literal(expression.operand)
        if isinstance(expression.operand, Not):  # `not not a` is not `a`: a name keeps them apart
            inner = Literal(self._helper("all", {inner.name: inner.holds}), True)
        return Literal(inner.name, not inner.holds)

    def _conjunction(self, parts: Sequence[Literal], *, negate: bool = False) -> dict[str, bool]:
        """Join literals; a name that stands there already comes in under another one."""
        joined: dict[str, bool] = {}
        for part in parts:
            own = part
            if own.name in joined:
                own = Literal(self._helper("all", {own.name: own.holds}), True)
            joined[own.name] = own.holds is not negate
        return joined

    def _helper(self, kind: str, literals: Literals) -> str:
        number = 1
        while self.taken(name := f"{self.owner}__{kind}_{number}") or name in self.derived:
            number += 1
        self.derived[name] = literals
        return name


class Reader:
    """Reads ANDs of literals as conditions, with helpers written out.

    Helpers that would make a condition far larger than a person can have written stay names.
    """

    def __init__(self, derived: Mapping[str, Literals]) -> None:
        self._helpers: dict[str, Expression] = {}  # an `any` one as what its negation means
        sizes: dict[str, int] = {}
        depths: dict[str, int] = {}
        for name, literals in derived.items():
            size = sum(sizes.get(part, 1) for part in literals)
            depth = 1 + max(depths.get(part, 0) for part in literals)
            if is_helper(name) and size <= _LARGEST and depth <= _DEEPEST:
                self._helpers[name] = self._meaning(name, literals)
                sizes[name], depths[name] = size, depth
        self.names = tuple(name for name in derived if name not in self._helpers)
        """What is left as a name."""

    def condition(self, literals: Literals) -> Expression:
        """Read an AND of literals."""
        return _joined(And, [self._literal(name, holds) for name, holds in literals.items()])

    def _meaning(self, name: str, literals: Literals) -> Expression:
        if _kind(name) == "all":
            return self.condition(literals)
        return _joined(Or, [self._literal(part, not holds) for part, holds in literals.items()])

    def _literal(self, name: str, holds: bool) -> Expression:
        meaning = self._helpers.get(name)
        if meaning is None:
            return Name(name) if holds else Not(Name(name))
        return meaning if holds is (_kind(name) == "all") else Not(meaning)


def _kind(name: str) -> str:
    match = _HELPER.search(name)
    return match[1] if match else ""


def _joined(join: type[And | Or], operands: Sequence[Expression]) -> Expression:
    return operands[0] if len(operands) == 1 else join(tuple(operands))
