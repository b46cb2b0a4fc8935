"""What a YAML scalar without quotes means: a constant, a decimal number, text, or a mistake.

YAML 1.1 and 1.2 disagree about octal and base-60 numbers, dates and `yes`. Here such a number or
date is refused, and every word but `true`, `false` and `null` is text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate._text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TEXT", "Refused", "reads_as_text", "resolve"]

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z")
_ODD_NUMBER = re.compile(
    r"[-+]?(?:0[0-9_]+|0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+"
    r"|[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?|[0-9]+(?::[0-9]{1,2})+(?:\.[0-9]*)?)\Z"
)
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9:.]+.*)?\Z"
)
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Refused:
    """A plain scalar that is a mistake."""

    message: str
    hint: str


TEXT = object()  # stands for a scalar that is the text it is written as


def reads_as_text(text: str) -> bool:
    """Tell whether `text`, written without quotes, would be read as text again."""
    return text != "<<" and resolve(text) is TEXT


def resolve(text: str) -> Any:
    """Resolve a scalar without quotes: a value, `TEXT`, or `Refused`."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in "0123456789+-.":  # nearly every scalar of a real file begins otherwise
        for form, meaning in _FORMS:
            if form.match(text):
                return meaning(text)
    return TEXT


def _integer(text: str) -> int | Refused:
    if len(text.lstrip("+-")) <= 18:
        return int(text)
    hint = f'put it in quotes if it is text: "{printable(text, 60)}"'
    return Refused("expected a number of at most 18 digits, found a longer one", hint)


def _float(text: str) -> float | Refused:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> Refused:
    return Refused(
        f"expected a finite number, found {printable(text, 60)}",
        "NaN and infinities are not accepted anywhere; write a number",
    )


def _odd_number(text: str) -> Refused:
    shown = printable(text, 60)
    return Refused(
        f"expected a decimal number or text, found {shown}, which YAML readers understand "
        "differently (octal, hexadecimal, base 60)",
        f'put it in quotes if it is text: "{shown}"; a number has decimal digits only',
    )


def _timestamp(text: str) -> Refused:
    shown = printable(text, 60)
    return Refused(
        f"expected text, found {shown}, which YAML readers turn into a date",
        f'put it in quotes: "{shown}"',
    )


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (_INTEGER, _integer),
    (_ODD_NUMBER, _odd_number),
    (_FLOAT, _float),
    (_NOT_FINITE, _not_finite),
    (_TIMESTAMP, _timestamp),
)
