"""Deterministic scorers of accuracy tasks: a response and a target in, 0 or 1 out.

A scorer's name is its metric's name, and its version goes into the key of every score: a scorer
whose meaning changes gets a new version, so that no old score is mistaken for a new one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Scorer", "exact_match", "numeric", "register", "scorer", "scorers"]

# 1,000 · -2.5 · .5 · 1e-3; a comma counts only where it groups thousands.
_WHOLE = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,]*[0-9])|[0-9]+)"
_NUMBER = re.compile(rf"(?<![\w.])[-+]?(?:{_WHOLE}(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_CLOSE = 1e-9  # absolute; what decimal fractions lose in binary, not a tolerance for wrong answers


@dataclass(frozen=True, slots=True)
class Scorer:
    """A named, versioned function of a response and a target to a value in [0, 1]."""

    name: str
    version: int
    score: Callable[[str, str], float]


def exact_match(response: str, target: str) -> float:
    """1.0 when response and target are equal but for white space around them, else 0.0."""
    return float(response.strip() == target.strip())


def numeric(response: str, target: str) -> float:
    """1.0 when the last number in the response equals the target, else 0.0.

    `1,000` is one thousand; `1,5` is the numbers 1 and 5.
    """
    expected = _last_number(target)
    found = _last_number(response)
    if expected is None or found is None:
        return 0.0
    return float(math.isclose(found, expected, rel_tol=0.0, abs_tol=_CLOSE))


_REGISTRY: dict[str, Scorer] = {}


def register(new: Scorer) -> None:
    """Make a scorer known to suites.

    Raises:
        UsageError: another one has this name.
    """
    if new.name in _REGISTRY:
        message = f"there is already a scorer named {new.name!r} (version {new.version})"
        raise UsageError(message)
    _REGISTRY[new.name] = new


def scorer(name: str) -> Scorer:
    """Look a scorer up.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in _REGISTRY:
        message = f"there is no scorer named {name!r}: there are {', '.join(scorers())}"
        raise UsageError(message)
    return _REGISTRY[name]


def scorers() -> tuple[str, ...]:
    """The names of all scorers, sorted."""
    return tuple(sorted(_REGISTRY))


def _last_number(text: str) -> float | None:
    found = _NUMBER.findall(text)
    number = float(found[-1].replace(",", "")) if found else math.nan
    return number if math.isfinite(number) else None


register(Scorer("exact_match", 1, exact_match))
register(Scorer("numeric", 1, numeric))
