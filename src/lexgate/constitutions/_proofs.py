"""Proofs about expressions: constant, equivalent, or a partition of all answers.

Up to 20 propositions every assignment is tried, all at once: the truth table of an expression over
n names is one integer of 2**n bits, bit r being its value where name i has the value of bit i of r,
so that `and`, `or` and `not` are one machine operation each. Beyond that a SAT solver decides the
same questions on a clause form (Tseitin, "On the complexity of derivation in propositional
calculus", 1968). Law (tested): both ways agree, and both agree with trying case by case.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING

from lexgate.constitutions._expression import And, Expression, Name, Not

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Flaw", "constant", "equivalent", "flaw_of"]

_ENUMERABLE = 20  # names whose assignments are all tried: a table of 128 KiB an expression


@dataclass(frozen=True, slots=True)
class Flaw:
    """Answers that show conditions to be no partition: these of them hold, none or two."""

    hold: tuple[str, ...]  # () where none holds
    answers: tuple[tuple[str, bool], ...]  # sorted by name


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
    for pair in itertools.combinations(conditions, 2):
        if (answers := _witness([conditions[name] for name in pair])) is not None:
            return Flaw(pair, answers)
    answers = _witness([Not(condition) for condition in conditions.values()])
    return None if answers is None else Flaw((), answers)


def _witness(expressions: Sequence[Expression]) -> tuple[tuple[str, bool], ...] | None:
    """Find answers for which all expressions hold, or None where there are none."""
    names = sorted(frozenset().union(*(expression.names() for expression in expressions)))
    if len(names) > _ENUMERABLE:
        return _solved(expressions, names)
    tables = _tables(len(names))
    known = dict(zip(names, tables, strict=True))
    every = (1 << (1 << len(names))) - 1
    common = reduce(and_, (_table(expression, known, every) for expression in expressions), every)
    if not common:
        return None
    row = (common & -common).bit_length() - 1
    return tuple((name, bool(row >> place & 1)) for place, name in enumerate(names))


def _tables(count: int) -> list[int]:
    """Truth tables of the names themselves: runs of 2**i zeros and 2**i ones, repeated."""
    tables = []
    for place in range(count):
        run = 1 << place
        table, width = ((1 << run) - 1) << run, 2 * run
        while width < 1 << count:
            table |= table << width
            width *= 2
        tables.append(table)
    return tables


def _table(expression: Expression, known: Mapping[str, int], every: int) -> int:
    if isinstance(expression, Name):
        return known[expression.id]
    if isinstance(expression, Not):
        return every ^ _table(expression.operand, known, every)
    join = and_ if isinstance(expression, And) else or_
    return reduce(join, (_table(operand, known, every) for operand in expression.operands))


def _solved(
    expressions: Sequence[Expression], names: Sequence[str]
) -> tuple[tuple[str, bool], ...] | None:
    from pysat.solvers import Solver

    literals = {name: number for number, name in enumerate(names, 1)}
    clauses: list[list[int]] = []
    clauses += [[_literal(e, literals, clauses)] for e in expressions]
    with Solver(name="cadical153", bootstrap_with=clauses) as solver:
        if not solver.solve():
            return None
        holding = set(solver.get_model())
    return tuple((name, literals[name] in holding) for name in names)


def _literal(expression: Expression, literals: dict[str, int], clauses: list[list[int]]) -> int:
    """Give the literal that stands for an expression, adding the clauses that define it."""
    if isinstance(expression, Name):
        return literals[expression.id]
    if isinstance(expression, Not):
        return -_literal(expression.operand, literals, clauses)
    # `a and b` is `not (not a or not b)`: one definition serves both.
    sign = -1 if isinstance(expression, And) else 1
    operands = [sign * _literal(operand, literals, clauses) for operand in expression.operands]
    fresh = len(literals) + 1
    literals[f"#{fresh}"] = fresh  # no proposition's id
    clauses.append([-fresh, *operands])
    clauses.extend([fresh, -operand] for operand in operands)
    return sign * fresh
