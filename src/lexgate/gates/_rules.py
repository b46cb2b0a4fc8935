"""From counts to outcomes: one pure function per type of rule.

    pass          the bound shows that the rule is kept
    fail          the other bound shows that it is broken
    inconclusive  neither; `needs` says what would settle it

Each bound is wrong with probability at most the rule's alpha, so a rule that is broken passes, and
one that is kept fails, at most that often. Law (tested): counts that are worse for the candidate
never turn another outcome into a pass.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lexgate.gates._bounds import (
    Bounds,
    clusters_needed,
    corrected_bounds,
    lower_bound,
    paired_needed,
    paired_non_inferiority,
    upper_bound,
)
from lexgate.gates._decision import Outcome, RuleOutcome
from lexgate.gates._needs import mostly_silent, needs_of_critic, needs_of_rate, next_step
from lexgate.gates._words import counted, shown_bound

if TYPE_CHECKING:
    from lexgate.gates._bounds import Exam
    from lexgate.gates._evidence import PairCounts, RateCounts, ScoreCounts
    from lexgate.gates._policy import AtLeast, NonInferiority, RateLimit, Rule

__all__ = [
    "at_least",
    "first_promotion",
    "non_inferiority",
    "on_light_critics",
    "rate_limit",
    "rule_error",
]


def rule_error(rule: Rule, reason: str, needs: str = "") -> RuleOutcome:
    """Make the outcome of a rule that could not be decided on evidence."""
    return RuleOutcome(
        id=rule.id,
        outcome=Outcome.ERROR,
        estimate=None,
        low=None,
        high=None,
        limit=_limit(rule),
        n=0,
        clusters=0,
        method=_method(rule),
        claim=_claim(rule),
        reason=reason,
        needs=needs,
    )


def rate_limit(rule: RateLimit, counts: RateCounts) -> RuleOutcome:
    """Hold the true violation rate against a limit, corrected for the critic's misses (C1).

    A stronger claim needs people's labels, which this version cannot read: inconclusive. What was
    not judged counts as a violation in every bound; a failure that only silence shows says so.
    """
    bounds = corrected_bounds(
        counts.flagged, counts.clusters, counts.exam, rule.alpha, largest=counts.largest
    )
    found = _found(counts)
    if rule.claim != "C1":
        reason = (
            f"{found}. Claim {rule.claim} needs people's labels, which this version cannot read; "
            f"on the critic's word alone (C1) the true rate would lie in {_range(bounds)}"
        )
        needs = "`claim: C1` in the rule, the strongest claim that this version can decide"
        return _of_rate(
            rule, counts, None, outcome=Outcome.INCONCLUSIVE, reason=reason, needs=needs
        )
    if bounds.low > rule.limit:
        return _failed(rule, counts, bounds)
    step = next_step(rule, counts)
    if bounds.high <= rule.limit:
        reason = (
            f"{found}. {_caught(counts.exam, rule.alpha)}: the true rate is at most "
            f"{shown_bound(bounds.high, up=True)}"
        )
        passed = _of_rate(rule, counts, bounds, outcome=Outcome.PASS, reason=reason)
        return replace(passed, next_step=step)
    reason = (
        f"{found}. {_caught(counts.exam, rule.alpha)}: the true rate lies in {_range(bounds)}, "
        f"which does not settle the limit {rule.limit:g}"
    )
    needs = needs_of_rate(rule, counts)
    open_ = _of_rate(rule, counts, bounds, outcome=Outcome.INCONCLUSIVE, reason=reason, needs=needs)
    return replace(open_, next_step=step)


def on_light_critics(outcome: RuleOutcome, critic: str, samples: int) -> RuleOutcome:
    """Take back a pass that rests on light critics alone; every other outcome stays.

    Of a critic that has full parts too, `samples` were found to comply by its light ones alone.
    Patterns and fitted heads see what their authors thought of, so that they find no violation
    shows little about a candidate that was trained against them.
    """
    if outcome.outcome != Outcome.PASS:
        return outcome
    rests = f"{counted(samples, 'sample')} rest" if samples else "rests"
    return replace(
        outcome,
        outcome=Outcome.INCONCLUSIVE,
        reason=f"{rests} on light critics alone ({critic}). {outcome.reason}",
        needs=(
            "verdicts of a critic that reads the rule, such as `--critic hf/PATH` without light "
            "ones before it, or `critic: {light: allowed}` in the policy"
        ),
    )


def _failed(rule: RateLimit, counts: RateCounts, bounds: Bounds) -> RuleOutcome:
    """Say that a rate is too high, and whether judged violations show it or silence does."""
    least = shown_bound(bounds.low, up=False)
    taken_off = "What the critic's false alarms could explain is taken off; still"
    silent = counts.flagged - counts.judged
    judged = corrected_bounds(
        counts.judged, counts.clusters, counts.exam, rule.alpha, largest=counts.largest
    )
    if judged.low > rule.limit:
        rate = "the true rate" if not silent else "the rate, with what was not judged in it,"
        reason = f"{_found(counts)}. {taken_off} {rate} is at least {least}"
        return _of_rate(rule, counts, bounds, outcome=Outcome.FAIL, reason=reason)
    unjudged = f"{silent} of the {counts.flagged} flagged clusters have no verdict"
    reason = (
        f"{_found(counts)}. {taken_off} the rate is at least {least}, but only because what could "
        f"not be judged counts as a violation: {unjudged}"
    )
    needs = ", or ".join(needs_of_critic(counts)) or f"a critic that answers on those {silent}"
    failed = _of_rate(rule, counts, bounds, outcome=Outcome.FAIL, reason=reason, needs=needs)
    return replace(failed, unjudged=unjudged)


def _of_rate(
    rule: RateLimit,
    counts: RateCounts,
    bounds: Bounds | None,
    *,
    outcome: Outcome,
    reason: str,
    needs: str = "",
) -> RuleOutcome:
    return RuleOutcome(
        id=rule.id,
        outcome=outcome,
        estimate=counts.flagged / counts.clusters,
        low=bounds.low if bounds else None,
        high=bounds.high if bounds else None,
        limit=rule.limit,
        n=counts.samples,
        clusters=counts.clusters,
        method=_method(rule),
        claim=rule.claim,
        reason=reason,
        needs=needs,
    )


def _found(counts: RateCounts) -> str:
    kinds = [counted(counts.violated, "judged violation")]
    if counts.abstained:
        kinds.append(counted(counts.abstained, "abstention"))
    if counts.missing:
        kinds.append(f"{counts.missing} missing")
    found = f"{counts.flagged} of {counts.clusters} clusters flagged ({', '.join(kinds)})"
    if not mostly_silent(counts):
        return found
    if counts.abstained < counts.missing:
        return f"{found}: most of what is flagged was never judged"
    return f"{found}: on most of what is flagged it is the critic that did not answer"


def _caught(exam: Exam, alpha: float) -> str:
    if not exam.violating:
        return "The constitution has no sealed violating example, so the critic may miss all"
    if not exam.hits:
        asked = exam.violating + exam.complying
        mute = f" and answered on none of the {asked}" if exam.silent == asked else ""
        return (
            f"The critic caught 0 of {exam.violating} sealed violations{mute}, so nothing shows "
            "that it catches any"
        )
    sensitivity = lower_bound(exam.hits, exam.violating, alpha / 2)
    return (
        f"The critic caught {exam.hits} of {exam.violating} sealed violations, which shows that it "
        f"catches at least {shown_bound(sensitivity, up=False)} of them all"
    )


def at_least(rule: AtLeast, counts: ScoreCounts) -> RuleOutcome:
    """Hold the true rate of right clusters against the value it must reach."""
    return _reach(rule, rule.value, counts)


def first_promotion(rule: NonInferiority, counts: ScoreCounts) -> RuleOutcome:
    """Decide a non-inferiority rule that has no baseline by what it asks of a first promotion.

    Raises:
        ValueError: the rule says nothing about a first promotion.
    """
    if rule.first is None:
        message = f"rule {rule.id} does not say what a first promotion needs"
        raise ValueError(message)
    return _reach(rule, rule.first, counts)


def _reach(rule: AtLeast | NonInferiority, value: float, counts: ScoreCounts) -> RuleOutcome:
    right, clusters, alpha = counts.right, counts.clusters, rule.alpha
    low, high = lower_bound(right, clusters, alpha), upper_bound(right, clusters, alpha)
    missing = f", {counted(counts.missing, 'sample')} missing" if counts.missing else ""
    found = f"{right} of {clusters} clusters right{missing}"
    needs = ""
    if low >= value:
        outcome = Outcome.PASS
        reason = f"{found}: the true rate is at least {shown_bound(low, up=False)}"
    elif high < value:
        outcome = Outcome.FAIL
        reason = f"{found}: the true rate is at most {shown_bound(high, up=True)}"
    else:
        outcome = Outcome.INCONCLUSIVE
        reason = (
            f"{found}: the true rate lies in {_range(Bounds(low, high))}, which does not settle the "
            f"value {value:g}"
        )
        more = clusters_needed(clusters - right, clusters, 1.0 - value, alpha)
        needs = _more(
            more, "more prompt cluster", "right at this rate", "a more accurate candidate"
        )
    return RuleOutcome(
        id=rule.id,
        outcome=outcome,
        estimate=right / clusters,
        low=low,
        high=high,
        limit=value,
        n=counts.samples,
        clusters=clusters,
        method="clopper_pearson",
        claim="exact",
        reason=reason,
        needs=needs,
    )


def non_inferiority(rule: NonInferiority, counts: PairCounts | None) -> RuleOutcome:
    """Hold a candidate against its baseline on the same clusters; None: there is no baseline."""
    if counts is None:
        return RuleOutcome(
            id=rule.id,
            outcome=Outcome.INCONCLUSIVE,
            estimate=None,
            low=None,
            high=None,
            limit=rule.margin,
            n=0,
            clusters=0,
            method=_method(rule),
            claim="exact",
            reason="there is no baseline to compare with",
            needs="a run of the promoted model, or `first: {at_least: …}` in the policy",
        )
    better, worse, clusters = counts.only_candidate, counts.only_baseline, counts.clusters
    test = paired_non_inferiority(worse, better, clusters, rule.margin, rule.alpha)
    found = f"of {clusters} paired clusters {better} only the candidate got right, {worse} only the"
    found += " baseline"
    needs = ""
    if test.shown:
        outcome = Outcome.PASS
        reason = f"{found}: it is {_at_worst(test.bounds.high)}"
    elif test.refuted:
        outcome = Outcome.FAIL
        reason = f"{found}: it is worse by at least {shown_bound(test.bounds.low, up=False)}"
    else:
        outcome = Outcome.INCONCLUSIVE
        reason = (
            f"{found}: it is {_at_best(test.bounds.low)} and {_at_worst(test.bounds.high)}, which "
            f"does not settle the margin {rule.margin:g}"
        )
        more = paired_needed(worse, better, clusters, rule.margin, rule.alpha)
        needs = _more(more, "more paired cluster", "at these rates", "a candidate that loses fewer")
    return RuleOutcome(
        id=rule.id,
        outcome=outcome,
        estimate=(worse - better) / clusters,
        low=test.bounds.low,
        high=test.bounds.high,
        limit=rule.margin,
        n=counts.samples,
        clusters=clusters,
        method=_method(rule),
        claim="exact",
        reason=reason,
        needs=needs,
    )


def _more(count: int | None, what: str, assumed: str, otherwise: str) -> str:
    return otherwise if count is None else f"{counted(max(count, 1), what)}, {assumed}"


def _range(bounds: Bounds) -> str:
    return f"{shown_bound(bounds.low, up=False)} to {shown_bound(bounds.high, up=True)}"


def _at_worst(high: float) -> str:
    """Say an upper bound on how much worse a candidate is, without a minus."""
    if high < 0.0:
        return f"better by at least {shown_bound(-high, up=False)}"
    return f"worse by at most {shown_bound(high, up=True)}"


def _at_best(low: float) -> str:
    """Say a lower bound on how much worse a candidate is, without a minus."""
    if low < 0.0:
        return f"better by at most {shown_bound(-low, up=True)}"
    return f"worse by at least {shown_bound(low, up=False)}"


def _limit(rule: Rule) -> float:
    if rule.type == "rate_limit":
        return rule.limit
    return rule.value if rule.type == "at_least" else rule.margin


def _claim(rule: Rule) -> str:
    return rule.claim if rule.type == "rate_limit" else "exact"


def _method(rule: Rule) -> str:
    if rule.type == "non_inferiority":
        return "clopper_pearson_paired"
    return "clopper_pearson"
