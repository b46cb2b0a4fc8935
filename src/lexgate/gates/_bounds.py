"""Exact bounds on rates: what decides in this house. Nothing here approximates a distribution.

All counts are of independent units (clusters, sealed examples), all rates lie in [0, 1], and
`alpha` is the one-sided probability of a wrong bound. Laws (tested): a bound covers the true rate
with probability at least 1 - alpha, shown by exact enumeration; `upper_bound(k, n, a)` equals
`1 - lower_bound(n - k, n, a)`; more units flagged never lower an upper bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Bounds",
    "Exam",
    "Verification",
    "clusters_needed",
    "corrected_bounds",
    "exam_needed",
    "lower_bound",
    "paired_bounds",
    "paired_needed",
    "paired_non_inferiority",
    "upper_bound",
]

_FARTHEST = 1 << 40  # units; a plan beyond this is no plan


@dataclass(frozen=True, slots=True)
class Bounds:
    """One-sided confidence bounds on a true rate (or a difference of rates, in [-1, 1])."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Exam:
    """What the critic made of the sealed examples of one principle, in examples."""

    violating: int  # examples that violate
    hits: int  # of those, judged a violation; an abstention or a missing judgement is a miss
    complying: int  # examples that comply
    false_alarms: int  # of those, not judged to comply; abstentions and missing ones are included
    silent: int = 0  # of both, neither judged so nor so; in words only, no bound uses it


def upper_bound(k: int, n: int, alpha: float) -> float:
    """Bound a rate from above, given `k` of `n` units.

    Clopper and Pearson (Biometrika 26, 1934): the p at which P(X <= k | n, p) = alpha, which is
    the 1 - alpha quantile of Beta(k + 1, n - k); exactly 1 where k = n.

    Raises:
        ValueError: n is 0, k is not in 0..n, or alpha is not in (0, 1).
    """
    _require(k, n, alpha)
    return _upper(k, n, alpha)


def lower_bound(k: int, n: int, alpha: float) -> float:
    """Bound a rate from below, given `k` of `n` units.

    Clopper and Pearson (Biometrika 26, 1934): the p at which P(X >= k | n, p) = alpha, which is
    the alpha quantile of Beta(k, n - k + 1); exactly 0 where k = 0.

    Raises:
        ValueError: n is 0, k is not in 0..n, or alpha is not in (0, 1).
    """
    _require(k, n, alpha)
    return 1.0 - _upper(n - k, n, alpha) if k else 0.0


def corrected_bounds(
    flagged: int, clusters: int, exam: Exam, alpha: float, *, largest: int = 1
) -> Bounds:
    """Bound the true violation rate behind a critic that errs as it did on its exam (claim C1).

        high = min(1, U / S)         U = upper(flagged, clusters, alpha/2)
                                     S = lower(hits, violating, alpha/2)
        low  = max(0, L - m * F)     L = lower(flagged, clusters, alpha/2)
                                     F = upper(false_alarms, complying, alpha/2)

    With sensitivity s and false alarm rate f, the flagged rate q of clusters of one sample is
    r*s + (1 - r)*f, so r*s <= q and q <= r + f. A cluster of up to m samples (`largest`) violates
    if any sample does and raises a false alarm with probability at most m*f. Each bound uses two
    statements that fail with alpha/2, so it covers r with 1 - alpha by Bonferroni, whatever the
    specificity. An exam without violating examples shows no sensitivity: high is 1; one without
    complying examples excuses every flag: low is 0.

    Raises:
        ValueError: counts that cannot be, or alpha is not in (0, 1).
    """
    half = alpha / 2
    sensitivity = lower_bound(exam.hits, exam.violating, half) if exam.violating else 0.0
    alarms = upper_bound(exam.false_alarms, exam.complying, half) if exam.complying else 1.0
    most = upper_bound(flagged, clusters, half)
    least = lower_bound(flagged, clusters, half)
    return Bounds(
        low=max(0.0, least - largest * alarms),
        high=min(1.0, most / sensitivity) if sensitivity > 0.0 else 1.0,
    )


def paired_bounds(only_baseline: int, only_candidate: int, n: int, alpha: float) -> Bounds:
    """Bound p_baseline - p_candidate on `n` paired clusters, exactly and conservatively.

    With c = clusters only the baseline got right and b = clusters only the candidate did, the
    difference is P(c) - P(b); each term gets a Clopper-Pearson bound at alpha/2:

        high = upper(c, n, alpha/2) - lower(b, n, alpha/2)
        low  = lower(c, n, alpha/2) - upper(b, n, alpha/2)

    Raises:
        ValueError: n is 0, b + c > n, a count is negative, or alpha is not in (0, 1).
    """
    if only_baseline + only_candidate > n:
        message = f"{only_baseline} + {only_candidate} discordant pairs of {n}"
        raise ValueError(message)
    half = alpha / 2
    return Bounds(
        low=lower_bound(only_baseline, n, half) - upper_bound(only_candidate, n, half),
        high=upper_bound(only_baseline, n, half) - lower_bound(only_candidate, n, half),
    )


@dataclass(frozen=True, slots=True)
class Verification:
    """A non-inferiority test: its bounds on p_baseline - p_candidate and what they show."""

    bounds: Bounds
    shown: bool  # the candidate is worse by less than the margin
    refuted: bool  # the candidate is worse by more than the margin


def paired_non_inferiority(
    only_baseline: int, only_candidate: int, n: int, margin: float, alpha: float
) -> Verification:
    """Test whether a candidate is worse than its baseline by less than `margin` (a rate).

    Raises:
        ValueError: as `paired_bounds`.
    """
    bounds = paired_bounds(only_baseline, only_candidate, n, alpha)
    return Verification(bounds, shown=bounds.high < margin, refuted=bounds.low > margin)


def clusters_needed(k: int, n: int, limit: float, alpha: float) -> int | None:
    """Count the further units with which an upper bound would come inside `limit`.

    Assumes that k/n of all units will be flagged, rounded up. The answer is the smallest such
    number; 0 if the bound is inside already; None if no number of units would do.

    Raises:
        ValueError: n is 0, k is not in 0..n, or alpha is not in (0, 1).
    """
    _require(k, n, alpha)
    if k >= limit * n:
        return None
    return _more(
        n,
        exact=lambda size: _upper(-(-k * size // n), size, alpha) <= limit,
        smooth=lambda size: _upper(k * size / n, size, alpha) <= limit,
    )


def exam_needed(hits: int, violating: int, sensitivity: float, alpha: float) -> int | None:
    """Count the further violating examples that would show at least `sensitivity`.

    Assumes the observed hit rate, rounded down. None if no number of examples would do.

    Raises:
        ValueError: violating is 0, hits is not in 0..violating, or alpha is not in (0, 1).
    """
    return clusters_needed(violating - hits, violating, 1.0 - sensitivity, alpha)


def paired_needed(
    only_baseline: int, only_candidate: int, n: int, margin: float, alpha: float
) -> int | None:
    """Count the further pairs with which non-inferiority would be shown, at the observed rates.

    Raises:
        ValueError: as `paired_bounds`.
    """
    paired_bounds(only_baseline, only_candidate, n, alpha)
    if only_baseline - only_candidate >= margin * n:
        return None
    half = alpha / 2

    def high(worse: float, better: float, size: int) -> float:
        return _upper(worse, size, half) - (1.0 - _upper(size - better, size, half))

    return _more(
        n,
        exact=lambda size: (
            high(-(-only_baseline * size // n), only_candidate * size // n, size) < margin
        ),
        smooth=lambda size: (
            high(only_baseline * size / n, only_candidate * size / n, size) < margin
        ),
    )


def _more(n: int, *, exact: Callable[[int], bool], smooth: Callable[[int], bool]) -> int | None:
    """Find the smallest size >= n that is `exact`ly enough, less n.

    Rounding makes `exact` a saw; `smooth` is the same without rounding, monotone and never
    stricter. So the search halves on `smooth` and walks the few steps that are left.
    """
    if exact(n):
        return 0
    high = n
    while not smooth(high):
        high *= 2
        if high > _FARTHEST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if smooth(middle) else (middle, high)
    size = max(high, n)
    while not exact(size):
        size += 1
    return size - n


def _upper(k: float, n: int, alpha: float) -> float:
    """As `upper_bound`, unchecked and for fractional `k` too, as plans need."""
    if k >= n:
        return 1.0
    if k == 0:
        return -math.expm1(math.log(alpha) / n)  # 1 - alpha**(1/n) without its rounding error
    from scipy.special import betainccinv

    return float(betainccinv(k + 1, n - k, alpha))


def _require(k: int, n: int, alpha: float) -> None:
    if n < 1:
        raise ValueError("a rate of no units has no bound")
    if not 0 <= k <= n:
        message = f"{k} of {n} units is no count"
        raise ValueError(message)
    if not 0.0 < alpha < 1.0:
        message = f"alpha must lie strictly between 0 and 1, found {alpha!r}"
        raise ValueError(message)
