"""Proofs about expressions: constant, equivalent, or a partition of all answers.

Up to 20 propositions every assignment is tried, all at once: the truth table of an expression over
n names is one integer of 2**n bits, bit r being its value where name i has the value of bit i of r,
so that `and`, `or` and `not` are one machine operation each. Beyond that a SAT solver decides the
same questions on a clause form (Tseitin, "On the complexity of derivation in propositional
calculus", 1968). Law (tested): both ways agree, and both agree with trying case by case.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from lexgate.constitutions._expression import And, Expression, Interval, Name, Not
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Flaw", "constant", "equivalent", "flaw_of"]

Answers = tuple[tuple[str, bool], ...]  # sorted by name
_CONFLICTS = 200_000  # after which the solver gives up: some seconds
_ENUMERABLE = 20  # names whose assignments are all tried: a table of 128 KiB an expression


@dataclass(frozen=True, slots=True)
class Flaw:
    """Answers that show conditions to be no partition: these of them hold, none or two."""

    hold: tuple[str, ...]  # () where none holds
    answers: Answers


@lru_cache(maxsize=4096)
def constant(expression: Expression) -> bool | None:
    """The value an expression has for all answers, or None when it depends on them.

    Raises:
        ModuleNotFoundError: it has more than 20 names, and python-sat is not installed.
    """
    if _witness([expression]) is None:
        return False
    return True if _witness([Not(expression)]) is None else None


def equivalent(one: Expression, other: Expression) -> bool:
    """Tell whether two expressions have the same value for all answers.

    Raises:
        ModuleNotFoundError: as `constant`.
    """
    return _witness([one, Not(other)]) is None and _witness([other, Not(one)]) is None


def flaw_of(conditions: Mapping[str, Expression]) -> Flaw | None:
    """Find answers for which not exactly one condition holds; None is the proof that there are none.

    Raises:
        ModuleNotFoundError: as `constant`.
    """
    expressions = list(conditions.values())
    names = _names(expressions)
    find = _odd_row if len(names) <= _ENUMERABLE else _odd_model
    answers = find(expressions, names)
    if answers is None:
        return None
    known = {name: Interval(float(value), float(value)) for name, value in answers}
    holding = [c for c, condition in conditions.items() if condition.evaluate(known).low == 1.0]
    return Flaw(tuple(holding[:2]), answers)


def _names(expressions: Sequence[Expression]) -> list[str]:
    return sorted(frozenset[str]().union(*(expression.names() for expression in expressions)))


def _odd_row(expressions: Sequence[Expression], names: Sequence[str]) -> Answers | None:
    """Find a row of the truth table in which none of the expressions holds, or two."""
    known = dict(zip(names, _tables(len(names)), strict=True))
    every = (1 << (1 << len(names))) - 1
    once = twice = 0
    for expression in expressions:
        table = _table(expression, known, every)
        twice |= once & table
        once |= table
    return _row(twice or every ^ once, names)


def _row(table: int, names: Sequence[str]) -> Answers | None:
    """Read the answers of the first row in which a truth table holds."""
    if not table:
        return None
    row = (table & -table).bit_length() - 1
    return tuple((name, bool(row >> place & 1)) for place, name in enumerate(names))


def _odd_model(expressions: Sequence[Expression], names: Sequence[str]) -> Answers | None:
    """The same by the solver: two questions, however many expressions there are."""
    form = _Clauses(names)
    literals = [form.literal(expression) for expression in expressions]
    earlier, both = literals[0], []
    for literal in literals[1:]:
        both.append(-form.either([-earlier, -literal]))
        earlier = form.either([earlier, literal])
    return (form.solved([both]) if both else None) or form.solved([[-earlier]])


def _witness(expressions: Sequence[Expression]) -> Answers | None:
    """Find answers for which all expressions hold, or None where there are none."""
    names = _names(expressions)
    if len(names) > _ENUMERABLE:
        form = _Clauses(names)
        return form.solved([[form.literal(expression)] for expression in expressions])
    known = dict(zip(names, _tables(len(names)), strict=True))
    every = (1 << (1 << len(names))) - 1
    tables = (_table(expression, known, every) for expression in expressions)
    return _row(reduce(and_, tables, every), names)


@lru_cache(maxsize=_ENUMERABLE + 1)
def _tables(count: int) -> tuple[int, ...]:
    """Truth tables of the names themselves: runs of 2**i zeros and 2**i ones, repeated."""
    tables = []
    for place in range(count):
        run = 1 << place
        table, width = ((1 << run) - 1) << run, 2 * run
        while width < 1 << count:
            table |= table << width
            width *= 2
        tables.append(table)
    return tuple(tables)


def _table(expression: Expression, known: Mapping[str, int], every: int) -> int:
    if isinstance(expression, Name):
        return known[expression.id]
    if isinstance(expression, Not):
        return every ^ _table(expression.operand, known, every)
    join = and_ if isinstance(expression, And) else or_
    return reduce(join, (_table(operand, known, every) for operand in expression.operands))


class _Clauses:
    """A set of clauses under construction; literals are numbers, negative where negated."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = {name: number for number, name in enumerate(names, 1)}
        self._last = len(names)
        self._clauses: list[list[int]] = []

    def literal(self, expression: Expression) -> int:
        """Give the literal that stands for an expression, adding the clauses that define it."""
        if isinstance(expression, Name):
            return self._names[expression.id]
        if isinstance(expression, Not):
            return -self.literal(expression.operand)
        # `a and b` is `not (not a or not b)`: one definition serves both.
        sign = -1 if isinstance(expression, And) else 1
        return sign * self.either([sign * self.literal(o) for o in expression.operands])

    def either(self, literals: Sequence[int]) -> int:
        """Give a fresh literal that holds exactly when one of these does."""
        self._last = fresh = self._last + 1
        self._clauses.append([-fresh, *literals])
        self._clauses.extend([fresh, -literal] for literal in literals)
        return fresh

    def solved(self, wanted: Sequence[Sequence[int]]) -> Answers | None:
        """Find answers that make all clauses true, the wanted ones too; None where there are none."""
        from pysat.solvers import Solver

        with Solver(name="glucose4", bootstrap_with=[*self._clauses, *wanted]) as solver:
            solver.conf_budget(_CONFLICTS)
            found = solver.solve_limited()
            if found is None:
                raise UsageError(
                    f"a condition over {len(self._names)} propositions cannot be proved in "
                    f"{_CONFLICTS:,} conflicts of the solver\n"
                    f"    hint: break it into several principles"
                )
            if not found:
                return None
            holding = set(solver.get_model())
        return tuple((name, number in holding) for name, number in self._names.items())
