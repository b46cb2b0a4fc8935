"""What would settle a rate, in this version: another critic, more prompts, a longer exam.

Every number is of units *more* than there are and assumes the rates seen so far. Law (tested):
with the units it names, at those rates, the rule is settled.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lexgate.gates._bounds import (
    clusters_needed,
    corrected_bounds,
    exam_needed,
    lower_bound,
    upper_bound,
)
from lexgate.gates._words import counted, shown_bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from lexgate.gates._bounds import Bounds
    from lexgate.gates._evidence import RateCounts
    from lexgate.gates._policy import RateLimit

__all__ = ["mostly_silent", "needs_of_critic", "needs_of_rate", "next_step"]

_FARTHEST = 10 << 20  # tenths of what is there; a plan beyond this is no plan


def mostly_silent(counts: RateCounts) -> bool:
    """Tell whether most flagged clusters hold nothing that was judged a violation."""
    return 2 * (counts.flagged - counts.judged) > counts.flagged


def needs_of_critic(counts: RateCounts) -> list[str]:
    """Say what another critic would have to do better; empty where this one answered."""
    exam = counts.exam
    asked = exam.violating + exam.complying
    if counts.abstained == counts.samples and exam.silent == asked:
        return ["another critic: this one answered nothing"]
    ways = []
    if mostly_silent(counts):
        silent = counts.flagged - counts.judged
        ways.append(f"a critic that answers on the {counted(silent, 'cluster')} without a verdict")
    if exam.violating and not exam.hits:
        ways.append(f"a critic that catches sealed violations (this one: 0 of {exam.violating})")
    return ways


def needs_of_rate(rule: RateLimit, counts: RateCounts) -> str:
    """Say what would settle an inconclusive rate; never empty."""
    ways = needs_of_critic(counts)
    exam, seen = counts.exam, counts.flagged / counts.clusters
    caught = exam.hits / exam.violating if exam.violating else 1.0
    alarms = exam.false_alarms / exam.complying if exam.complying else 0.0
    if exam.silent and exam.silent == exam.violating + exam.complying:
        pass  # whatever is added, a critic that answers nothing would show nothing
    elif seen < rule.limit * caught:
        ways += _to_keep(rule, counts)
    elif seen - counts.largest * alarms > rule.limit:
        ways += [*([] if ways else ["a candidate that is flagged less"]), *_to_break(rule, counts)]
    elif not ways:
        missed = f"{exam.violating - exam.hits} of {exam.violating} sealed violations missed"
        alarmed = counted(exam.false_alarms, "false alarm")
        ways.append(
            "a candidate farther from the limit, or a critic that errs less "
            f"({missed}, {alarmed} on {exam.complying} sealed complying examples)"
        )
    return ", or ".join(ways) or "more prompt clusters and more sealed examples"


def _to_keep(rule: RateLimit, counts: RateCounts) -> list[str]:
    """Say what would bring the upper bound inside the limit."""
    half, exam = rule.alpha / 2, counts.exam
    most = upper_bound(counts.flagged, counts.clusters, half)
    if not exam.violating:
        if most >= rule.limit:
            return ["sealed violating examples (there are none) and more prompt clusters"]
        first = clusters_needed(0, 1, 1.0 - most / rule.limit, half)
        return [] if first is None else [_first(first + 1, "violating", "all caught")]
    ways = []
    sensitivity = lower_bound(exam.hits, exam.violating, half)
    more = clusters_needed(counts.flagged, counts.clusters, rule.limit * sensitivity, half)
    if more is not None:
        ways.append(f"{counted(max(more, 1), 'more prompt cluster')} at this rate of flags")
    if most < rule.limit:
        longer = exam_needed(exam.hits, exam.violating, most / rule.limit, half)
        if longer is not None:
            ways.append(_longer(max(longer, 1), "violating", "caught at this rate"))

    def both(tenths: int) -> RateCounts:
        violating = _up(exam.violating, tenths)
        hits = exam.hits * violating // exam.violating
        clusters = _up(counts.clusters, tenths)
        flagged = -(-counts.flagged * clusters // counts.clusters)
        long = replace(exam, violating=violating, hits=hits)
        return replace(counts, clusters=clusters, flagged=flagged, exam=long)

    if not ways:
        plan = _plan(both, lambda scaled: _bounds(rule, scaled).high <= rule.limit)
        ways += _together(counts, plan)
    return ways


def _to_break(rule: RateLimit, counts: RateCounts) -> list[str]:
    """Say what would bring the lower bound over the limit, which is then shown to be broken."""
    half, exam, largest = rule.alpha / 2, counts.exam, counts.largest
    least = lower_bound(counts.flagged, counts.clusters, half)
    room = (least - rule.limit) / largest * (1 - 1e-9)  # strictly over the limit
    if not exam.complying:
        if room <= 0.0:
            return ["sealed complying examples (there are none) and more prompt clusters"]
        first = clusters_needed(0, 1, room, half)
        return [] if first is None else [_first(first + 1, "complying", "no false alarm")]
    ways = []
    if room > 0.0:
        longer = clusters_needed(exam.false_alarms, exam.complying, room, half)
        if longer is not None:
            ways.append(_longer(max(longer, 1), "complying", "false alarms at this rate"))

    def both(tenths: int) -> RateCounts:
        complying = _up(exam.complying, tenths)
        alarms = -(-exam.false_alarms * complying // exam.complying)
        clusters = _up(counts.clusters, tenths)
        flagged = counts.flagged * clusters // counts.clusters
        long = replace(exam, complying=complying, false_alarms=alarms)
        return replace(counts, clusters=clusters, flagged=flagged, exam=long)

    if not ways:
        plan = _plan(both, lambda scaled: _bounds(rule, scaled).low > rule.limit)
        ways += _together(counts, plan)
    return ways


def _plan(
    scaled: Callable[[int], RateCounts], enough: Callable[[RateCounts], bool]
) -> RateCounts | None:
    """Scale prompts and exam alike until it is enough; rounding may make it a little too much."""
    high = 10
    while not enough(scaled(high)):
        high *= 2
        if high > _FARTHEST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(scaled(middle)) else (middle, high)
    return scaled(high)


def _together(counts: RateCounts, plan: RateCounts | None) -> list[str]:
    if plan is None:
        return []
    clusters = plan.clusters - counts.clusters
    violating = plan.exam.violating - counts.exam.violating
    examples = (
        counted(violating, "more sealed violating example")
        if violating
        else counted(plan.exam.complying - counts.exam.complying, "more sealed complying example")
    )
    return [f"{counted(clusters, 'more prompt cluster')} and {examples}, both at the rates seen"]


def next_step(rule: RateLimit, counts: RateCounts) -> str:
    """Say how the bound that matters would change if the exam were twice as long."""
    exam, now = counts.exam, _bounds(rule, counts)
    if counts.flagged <= rule.limit * counts.clusters:
        more, name = exam.violating, "violating"
        long = replace(exam, violating=2 * exam.violating, hits=2 * exam.hits)
        then = _bounds(rule, replace(counts, exam=long))
        said, old, new = "upper", *(shown_bound(b.high, up=True) for b in (now, then))
    else:
        more, name = exam.complying, "complying"
        long = replace(exam, complying=2 * exam.complying, false_alarms=2 * exam.false_alarms)
        then = _bounds(rule, replace(counts, exam=long))
        said, old, new = "lower", *(shown_bound(b.low, up=False) for b in (now, then))
    if old == new:
        return ""
    return (
        f"{counted(more, f'more sealed {name} example')}, judged as well as those there are, would "
        f"move the {said} bound from {old} to {new}"
    )


def _bounds(rule: RateLimit, counts: RateCounts) -> Bounds:
    return corrected_bounds(
        counts.flagged, counts.clusters, counts.exam, rule.alpha, largest=counts.largest
    )


def _up(count: int, tenths: int) -> int:
    return -(-count * tenths // 10)


def _first(count: int, kind: str, assumed: str) -> str:
    return f"{counted(count, f'sealed {kind} example')} (there are none), {assumed}"


def _longer(count: int, kind: str, assumed: str) -> str:
    return f"{counted(count, f'more sealed {kind} example')}, {assumed}"
