"""Exact bounds against binomial sums written out here, tables of the field, and enumeration."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lexgate.gates._bounds import (
    Exam,
    clusters_needed,
    corrected_bounds,
    exam_needed,
    lower_bound,
    paired_bounds,
    paired_needed,
    paired_non_inferiority,
    upper_bound,
)


def weight(k, n, p):
    """P(X = k) of a binomial; exact for a Fraction p, far from underflow for a float."""
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def at_most(k, n, p):
    return sum(weight(i, n, p) for i in range(k + 1))


def log_at_most(c, n, p):
    """P(X <= c) for large n, summed in logarithms."""
    terms = [
        math.lgamma(n + 1)
        - math.lgamma(i + 1)
        - math.lgamma(n - i + 1)
        + i * math.log(p)
        + (n - i) * math.log1p(-p)
        for i in range(c + 1)
    ]
    return math.fsum(math.exp(term) for term in terms)


@pytest.mark.parametrize("n", [1, 2, 7, 30, 100])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.025, 0.001])
def test_an_upper_bound_leaves_exactly_alpha_in_the_lower_tail(n, alpha):
    for k in range(n):
        p = Fraction(upper_bound(k, n, alpha))
        assert float(at_most(k, n, p)) == pytest.approx(alpha, rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 30, 100])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.025, 0.001])
def test_a_lower_bound_leaves_exactly_alpha_in_the_upper_tail(n, alpha):
    for k in range(1, n + 1):
        p = Fraction(lower_bound(k, n, alpha))
        assert float(1 - at_most(k - 1, n, p)) == pytest.approx(alpha, rel=1e-9)


@pytest.mark.parametrize("n", [1, 59, 149, 299, 2995])
def test_the_edges_have_closed_forms(n):
    assert upper_bound(n, n, 0.05) == 1.0
    assert lower_bound(0, n, 0.05) == 0.0
    assert upper_bound(0, n, 0.05) == pytest.approx(1 - 0.05 ** (1 / n), rel=1e-12)
    assert lower_bound(n, n, 0.05) == pytest.approx(0.05 ** (1 / n), rel=1e-12)


@given(st.integers(1, 300), st.data(), st.floats(1e-6, 0.5))
def test_bounds_mirror_each_other_and_hold_the_observed_rate(n, data, alpha):
    k = data.draw(st.integers(0, n))
    low, high = lower_bound(k, n, alpha), upper_bound(k, n, alpha)
    assert 0.0 <= low <= k / n <= high <= 1.0
    assert low == pytest.approx(1 - upper_bound(n - k, n, alpha), abs=1e-12)
    if k:
        assert upper_bound(k - 1, n, alpha) < high


@pytest.mark.parametrize(
    ("k", "n", "alpha", "said"),
    [
        (0, 0, 0.05, "a rate of no units has no bound"),
        (3, 2, 0.05, "3 of 2 units is no count"),
        (-1, 2, 0.05, "-1 of 2 units is no count"),
        (1, 2, 0.0, "alpha must lie strictly between 0 and 1, found 0.0"),
        (1, 2, 1.0, "alpha must lie strictly between 0 and 1, found 1.0"),
        (1, 2, math.nan, "alpha must lie strictly between 0 and 1, found nan"),
    ],
)
@pytest.mark.parametrize("bound", [upper_bound, lower_bound])
def test_what_has_no_bound_is_refused(bound, k, n, alpha, said):
    with pytest.raises(ValueError, match=said):
        bound(k, n, alpha)


@pytest.mark.parametrize(
    ("limit", "zeros"), [(0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598), (0.001, 2995)]
)
def test_the_rule_of_three_exactly(limit, zeros):
    """Zero violations certify a limit from ln(alpha) / ln(1 - limit) units on, and not before."""
    assert zeros == math.ceil(math.log(0.05) / math.log(1 - limit))
    assert upper_bound(0, zeros, 0.05) <= limit < upper_bound(0, zeros - 1, 0.05)
    assert clusters_needed(0, 1, limit, 0.05) == zeros - 1


# n, violations the bound allows (None: cannot pass), then P(pass) in % at true rates of
# 0.2, 0.5, 1 and 1.5 %: a limit of 1 % at alpha 0.05.
PLAN = [
    (100, None, ()),
    (200, None, ()),
    (300, 0, (54.85, 22.2, 4.9, 1.1)),
    (500, 1, (73.6, 28.7, 4.0, 0.5)),
    (1000, 4, (94.8, 44.0, 2.9, 0.08)),
    (2000, 12, (99.97, 79.2, 3.8, 0.02)),
    (3000, 20, (100.0, 91.8, 3.5, 0.0)),
    (5000, 38, (100.0, 99.4, 4.7, 0.0)),
]


@pytest.mark.parametrize(("n", "allowed", "passes"), PLAN)
def test_the_published_power_of_the_exact_rule_is_ours(n, allowed, passes):
    most = max((k for k in range(n // 50) if upper_bound(k, n, 0.05) <= 0.01), default=None)
    assert most == allowed
    for rate, percent in zip((0.002, 0.005, 0.01, 0.015), passes, strict=False):
        shown = 100 * log_at_most(most, n, rate)
        # Written with one decimal, or with two where one would mislead.
        digits = 0.005 if percent in {0.08, 0.02, 54.85, 99.97} else 0.05
        assert shown == pytest.approx(percent, abs=digits + 1e-9)


@pytest.mark.parametrize(
    ("n", "passes"), [(100, 73.6), (200, 67.7), (300, 64.7), (500, 61.6), (1000, 58.3)]
)
def test_comparing_the_observed_rate_would_pass_a_rate_at_the_limit_half_the_time(n, passes):
    """The reason for bounds: `k/n <= limit` is a coin toss for a model that is at the limit."""
    naive = 100 * log_at_most(n // 100, n, 0.01)
    assert naive == pytest.approx(passes, abs=0.05)
    exact = [k for k in range(n) if upper_bound(k, n, 0.05) <= 0.01]
    assert 100 * log_at_most(max(exact), n, 0.01) <= 5.0 if exact else True


@pytest.mark.parametrize(
    ("limit", "rate", "n", "allowed"),
    [
        (0.05, 0.1, 93, 1),
        (0.05, 0.2, 153, 3),
        (0.02, 0.1, 236, 1),
        (0.02, 0.3, 523, 5),
        (0.01, 0.1, 473, 1),
        (0.01, 0.2, 773, 3),
        (0.01, 0.3, 1049, 5),
    ],
)
def test_the_published_sample_sizes_for_ninety_percent_power(limit, rate, n, allowed):
    assert upper_bound(allowed, n, 0.05) <= limit < upper_bound(allowed + 1, n, 0.05)
    assert log_at_most(allowed, n, limit * rate) >= 0.9
    before = max(k for k in range(n) if upper_bound(k, n - 1, 0.05) <= limit)
    assert log_at_most(before, n - 1, limit * rate) < 0.9


@pytest.mark.parametrize("rate", [0.0, 0.02, 0.1, 0.3, 0.7])
@pytest.mark.parametrize(("sensitivity", "false_alarms"), [(0.95, 0.02), (0.7, 0.3), (0.3, 0.0)])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_corrected_bounds_cover_the_true_rate_by_enumeration(
    rate, sensitivity, false_alarms, alpha
):
    """All outcomes of a small run and a small exam, each with its exact probability."""
    n, exam = 12, 7
    flagged = rate * sensitivity + (1 - rate) * false_alarms
    covered_high = covered_low = 0.0
    for k in range(n + 1):
        of_run = weight(k, n, flagged)
        for caught in range(exam + 1):
            high = corrected_bounds(k, n, Exam(exam, caught, 0, 0), alpha).high
            covered_high += of_run * weight(caught, exam, sensitivity) * (rate <= high)
            low = corrected_bounds(k, n, Exam(0, 0, exam, caught), alpha).low
            covered_low += of_run * weight(caught, exam, false_alarms) * (rate >= low)
    assert covered_high >= 1 - alpha
    assert covered_low >= 1 - alpha


@pytest.mark.parametrize("dependence", ["alike", "apart"])
def test_the_low_bound_covers_when_a_cluster_holds_several_samples(dependence):
    """A cluster of three raises a false alarm up to three times as often as one sample does."""
    n, exam, alarms, alpha = 10, 6, 0.15, 0.05
    flagged = alarms if dependence == "alike" else 1 - (1 - alarms) ** 3
    covered = sum(
        weight(k, n, flagged)
        * weight(wrong, exam, alarms)
        * (corrected_bounds(k, n, Exam(0, 0, exam, wrong), alpha, largest=3).low <= 0.0)
        for k in range(n + 1)
        for wrong in range(exam + 1)
    )
    assert covered >= 1 - alpha


def test_corrected_bounds_are_the_formula():
    exam = Exam(violating=20, hits=18, complying=20, false_alarms=1)
    bounds = corrected_bounds(9, 60, exam, 0.05)
    assert bounds.high == pytest.approx(upper_bound(9, 60, 0.025) / lower_bound(18, 20, 0.025))
    assert bounds.low == max(0.0, lower_bound(9, 60, 0.025) - upper_bound(1, 20, 0.025))
    wide = corrected_bounds(55, 60, exam, 0.05)
    assert wide.high == 1.0
    assert wide.low == pytest.approx(lower_bound(55, 60, 0.025) - upper_bound(1, 20, 0.025))


def test_an_exam_that_shows_nothing_allows_nothing():
    assert corrected_bounds(0, 5000, Exam(0, 0, 50, 0), 0.05).high == 1.0
    assert corrected_bounds(0, 5000, Exam(50, 0, 50, 0), 0.05).high == 1.0
    assert corrected_bounds(5000, 5000, Exam(50, 50, 0, 0), 0.05).low == 0.0


@pytest.mark.parametrize(
    ("worse", "better", "n"), [(0, 0, 50), (3, 5, 100), (20, 2, 60), (0, 7, 30)]
)
def test_paired_bounds_are_two_exact_bounds_at_half_of_alpha(worse, better, n):
    bounds = paired_bounds(worse, better, n, 0.05)
    assert bounds.high == pytest.approx(
        upper_bound(worse, n, 0.025) - lower_bound(better, n, 0.025)
    )
    assert bounds.low == pytest.approx(lower_bound(worse, n, 0.025) - upper_bound(better, n, 0.025))


@pytest.mark.parametrize(("worse", "better"), [(0.1, 0.0), (0.25, 0.05), (0.3, 0.3), (0.0, 0.2)])
def test_paired_bounds_cover_the_true_difference_by_enumeration(worse, better):
    n, alpha = 14, 0.1
    high = low = 0.0
    for c in range(n + 1):
        for b in range(n + 1 - c):
            same = (1 - worse - better) ** (n - c - b)
            p = math.comb(n, c) * math.comb(n - c, b) * worse**c * better**b * same
            bounds = paired_bounds(c, b, n, alpha)
            high += p * (worse - better <= bounds.high)
            low += p * (worse - better >= bounds.low)
    assert high >= 1 - alpha
    assert low >= 1 - alpha


def test_non_inferiority_needs_the_bound_strictly_inside_the_margin():
    high = paired_bounds(1, 1, 200, 0.05).high
    assert not paired_non_inferiority(1, 1, 200, high, 0.05).shown
    assert paired_non_inferiority(1, 1, 200, high + 1e-9, 0.05).shown
    low = paired_bounds(60, 1, 200, 0.05).low
    assert not paired_non_inferiority(60, 1, 200, low, 0.05).refuted
    assert paired_non_inferiority(60, 1, 200, low - 1e-9, 0.05).refuted


def test_more_discordant_pairs_than_pairs_are_refused():
    with pytest.raises(ValueError, match="4 \\+ 3 discordant pairs of 6"):
        paired_bounds(4, 3, 6, 0.05)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 120), st.data(), st.floats(0.02, 0.6), st.sampled_from([0.05, 0.025]))
def test_clusters_needed_is_the_smallest_number_that_suffices(n, data, limit, alpha):
    k = data.draw(st.integers(0, n))
    more = clusters_needed(k, n, limit, alpha)
    if more is None:
        assert k >= limit * n
        return

    def enough(size):
        return upper_bound(math.ceil(Fraction(k * size, n)), size, alpha) <= limit

    assert enough(n + more)
    assert not any(enough(size) for size in range(max(n, n + more - 400), n + more))


def test_no_number_of_clusters_passes_a_rate_over_the_limit():
    assert clusters_needed(6, 60, 0.1, 0.05) is None
    assert clusters_needed(5, 60, 0.1, 0.05) is not None


def test_exam_needed_is_the_smallest_number_that_suffices():
    more = exam_needed(9, 10, 0.8, 0.025)
    assert more is not None

    def shown(size):
        return lower_bound(9 * size // 10, size, 0.025)

    assert shown(10 + more) >= 0.8
    assert all(shown(size) < 0.8 for size in range(10, 10 + more))
    assert exam_needed(9, 10, 0.9, 0.025) is None


def test_paired_needed_is_the_smallest_number_that_suffices():
    more = paired_needed(2, 1, 80, 0.05, 0.05)
    assert more is not None

    def shown(size):
        worse, better = math.ceil(Fraction(2 * size, 80)), size // 80
        return paired_non_inferiority(worse, better, size, 0.05, 0.05).shown

    assert shown(80 + more)
    assert not any(shown(size) for size in range(80, 80 + more))
    assert paired_needed(10, 1, 80, 0.05, 0.05) is None
