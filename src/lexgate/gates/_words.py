"""How numbers are written, so that what a person reads is never more than what was shown."""

from __future__ import annotations

import math

__all__ = ["shown_bound"]

_STEPS = 10_000  # four decimal places


def shown_bound(value: float, *, up: bool) -> str:
    """Write a bound with at most four decimal places, rounded away from what it claims.

    `up` for upper bounds. Law (tested): as a number the text is no less than an upper bound and no
    more than a lower one, but for the rounding error of a float.
    """
    steps = round(value * _STEPS, 6)  # 0.1 * 10_000 may lie beside 1000
    return f"{(math.ceil(steps) if up else math.floor(steps)) / _STEPS:g}"
