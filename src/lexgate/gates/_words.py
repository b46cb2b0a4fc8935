"""How numbers are written, so that what a person reads is never more than what was shown."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

__all__ = ["counted", "shown_bound"]


def shown_bound(value: float, *, up: bool, places: int = 4) -> str:
    """Write a bound with so many decimal places, rounded away from what it claims.

    `up` for upper bounds. Law (tested): as a number the text is no less than an upper bound and no
    more than a lower one, without exception. So wherever one bound stands, it reads the same.
    """
    exact = Decimal(repr(float(value)))  # the shortest decimal that is this float
    shown = exact.quantize(Decimal(1).scaleb(-places), ROUND_CEILING if up else ROUND_FLOOR)
    return str(abs(shown) if shown.is_zero() else shown)  # zero has no sign a person would read


def counted(count: int, noun: str) -> str:
    """Write a count with its noun: 1 abstention, 2 abstentions."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
