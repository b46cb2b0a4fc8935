"""The boolean language of `violated_when`: names, `and`, `or`, `not`, parentheses; never `eval`.

    expression = term {"or" term} ; term = factor {"and" factor}
    factor = "not" factor | "(" expression ")" | name

An expression is evaluated over intervals of probability, so one evaluator serves three purposes:
booleans ([1, 1] and [0, 0]), degrees of belief ([p, p]) and unknowns ([0, 1]; Kleene's strong
three-valued logic). `and` is min, `or` is max, `not` is 1 - p. Thresholding commutes with all
three, so the composed probability is over one half exactly when the composed booleans are true.
Law (tested): `parse(str(e)) == e`, for every expression nested at most 50 deep.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "And",
    "Expression",
    "ExpressionError",
    "Interval",
    "Name",
    "Not",
    "Or",
    "expand",
    "parse",
]

_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[()])|(?P<bad>\S))")
_KEYWORDS = frozenset({"and", "or", "not"})
_DEEPEST = 50  # nesting a person can still read; far below the interpreter's own limit


class Interval(NamedTuple):
    """What is known of a probability: it lies in [low, high]."""

    low: float
    high: float


UNKNOWN = Interval(0.0, 1.0)


class ExpressionError(ValueError):
    """The text is not an expression. `position` is the offset of the first wrong character."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class Name:
    """A proposition, by id."""

    id: str

    def evaluate(self, beliefs: Mapping[str, Interval]) -> Interval:
        return beliefs.get(self.id, UNKNOWN)

    def names(self) -> frozenset[str]:
        return frozenset({self.id})

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Not:
    """True when its operand is false."""

    operand: Expression

    def evaluate(self, beliefs: Mapping[str, Interval]) -> Interval:
        low, high = self.operand.evaluate(beliefs)
        return Interval(1.0 - high, 1.0 - low)

    def names(self) -> frozenset[str]:
        return self.operand.names()

    def __str__(self) -> str:
        inner = str(self.operand)
        return f"not ({inner})" if isinstance(self.operand, (And, Or)) else f"not {inner}"


@dataclass(frozen=True, slots=True)
class And:
    """True when all operands are."""

    operands: tuple[Expression, ...]  # two or more

    def __post_init__(self) -> None:
        _check_chain(self.operands)

    def evaluate(self, beliefs: Mapping[str, Interval]) -> Interval:
        known = [operand.evaluate(beliefs) for operand in self.operands]
        return Interval(min(i.low for i in known), min(i.high for i in known))

    def names(self) -> frozenset[str]:
        return frozenset().union(*(operand.names() for operand in self.operands))

    def __str__(self) -> str:
        return " and ".join(
            f"({operand})" if isinstance(operand, (And, Or)) else str(operand)
            for operand in self.operands
        )


@dataclass(frozen=True, slots=True)
class Or:
    """True when any operand is."""

    operands: tuple[Expression, ...]  # two or more

    def __post_init__(self) -> None:
        _check_chain(self.operands)

    def evaluate(self, beliefs: Mapping[str, Interval]) -> Interval:
        known = [operand.evaluate(beliefs) for operand in self.operands]
        return Interval(max(i.low for i in known), max(i.high for i in known))

    def names(self) -> frozenset[str]:
        return frozenset().union(*(operand.names() for operand in self.operands))

    def __str__(self) -> str:
        return " or ".join(
            f"({operand})" if isinstance(operand, Or) else str(operand) for operand in self.operands
        )


Expression = Name | Not | And | Or


def expand(expression: Expression, derived: Mapping[str, Expression]) -> Expression:
    """Put the meaning of derived names in their places, whatever depth they are nested at.

    `derived` must be free of cycles; names it does not hold stay.
    """
    if isinstance(expression, Name):
        meaning = derived.get(expression.id)
        return expression if meaning is None else expand(meaning, derived)
    if isinstance(expression, Not):
        return Not(expand(expression.operand, derived))
    return type(expression)(tuple(expand(operand, derived) for operand in expression.operands))


def _check_chain(operands: tuple[Expression, ...]) -> None:
    if len(operands) < 2:
        raise ValueError("`and` and `or` join two operands or more")


def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ExpressionError: the text is not one; says where and what was expected.
    """
    parser = _Parser(text)
    expression = parser.expression(0)
    parser.expect_end()
    return expression


class _Parser:
    """Recursive descent with one token of look-ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._end = len(text)
        self._advance()

    def expression(self, depth: int) -> Expression:
        def term() -> Expression:
            return self._chain("and", And, lambda: self._factor(depth))

        return self._chain("or", Or, term)

    def expect_end(self) -> None:
        if self._token:
            raise self._error("expected 'and', 'or' or the end")

    def _chain(
        self, word: str, kind: type[And | Or], operand: Callable[[], Expression]
    ) -> Expression:
        operands = [operand()]
        while self._token == word:
            self._advance()
            operands.append(operand())
        return operands[0] if len(operands) == 1 else kind(tuple(operands))

    def _factor(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise self._error(f"nested deeper than {_DEEPEST}")
        token = self._token
        if token == "not":
            self._advance()
            return Not(self._factor(depth + 1))
        if token == "(":
            self._advance()
            inner = self.expression(depth + 1)
            if self._token != ")":
                raise self._error("expected ')'")
            self._advance()
            return inner
        if token and token != ")" and token not in _KEYWORDS:
            self._advance()
            return Name(token)
        raise self._error("expected a proposition, 'not' or '('")

    def _advance(self) -> None:
        self._token, self._position = next(self._tokens, ("", self._end))

    def _error(self, expected: str) -> ExpressionError:
        found = repr(self._token) if self._token else "the end"
        return ExpressionError(f"{expected}, found {found}", self._position)


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    for match in _TOKEN.finditer(text):
        if match["bad"]:
            message = f"expected names, words and parentheses, found {match['bad']!r}"
            raise ExpressionError(message, match.start("bad"))
        token = match["name"] or match["mark"]
        yield token, match.end() - len(token)
