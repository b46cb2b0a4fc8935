"""A decision as a person reads it: the outcome first, then why, then what it rests on.

Plain text, safe for a terminal: whatever a manifest or a rule brought along is printed with its
hidden characters spelled out. Law (tested): equal decisions give equal reports.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from lexgate._text import printable
from lexgate.gates._decision import RESTS_ON, Outcome
from lexgate.gates._words import shown_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.gates._decision import Decision, RuleOutcome

__all__ = ["report"]

_WIDTH = 96
_LONGEST = 2000  # characters of one sentence; an error may quote a lot
_MEANS = {
    Outcome.PASS: "every rule is shown to be kept; this candidate may be promoted",
    Outcome.FAIL: "a rule is shown to be broken; this candidate is not promoted",
    Outcome.INCONCLUSIVE: "the evidence does not settle it; this candidate is not promoted",
    Outcome.ERROR: "the evidence cannot be used; this candidate is not promoted",
}
_NEXT_CLAIM = {"C1": "C2", "C2": "C3", "C3": "C4", "C4": "C5"}


def report(decision: Decision) -> str:
    """Write a decision as plain text, ending without a line break."""
    name = decision.candidate.get("name", "unknown candidate")
    head = f"{decision.outcome.upper()}: {_safe(str(name))} under {_safe(decision.policy)}"
    parts = [
        f"{head}\n{_MEANS[decision.outcome]}",
        _table(decision.rules),
        _section("Why", [line for rule in decision.rules for line in _why(rule)]),
        _section("What this rests on", _rests_on(decision.rules)),
        _section("Next step up", _steps(decision.rules)),
        _section("Know that", list(decision.notes)),
        "\n".join(["About", *(f"  {_safe(line)}" for line in _about(decision))]),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(rules: Sequence[RuleOutcome]) -> str:
    rows = [("rule", "outcome", "observed", "low", "high", "limit", "clusters", "claim")]
    rows += [
        (
            _safe(rule.id),
            rule.outcome.upper(),
            "-" if rule.estimate is None else f"{rule.estimate:.4f}",
            _bound(rule.low, up=False),
            _bound(rule.high, up=True),
            f"{rule.limit:g}",
            str(rule.clusters),
            _safe(rule.claim),
        )
        for rule in rules
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            # Words to the left, numbers to the right, so that digits stand under digits.
            cell.ljust(width) if column in {0, 1, 7} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _bound(value: float | None, *, up: bool) -> str:
    return "-" if value is None else f"{float(shown_bound(value, up=up)):.4f}"


def _why(rule: RuleOutcome) -> list[str]:
    lines = [f"{rule.id}: {rule.reason}"]
    if rule.needs:
        lines.append(f"  would settle {rule.id}: {rule.needs}")
    return lines


def _rests_on(rules: Sequence[RuleOutcome]) -> list[str]:
    decided = [rule for rule in rules if rule.outcome is not Outcome.ERROR]
    claims = sorted({rule.claim for rule in decided})
    return [
        f"{claim} ({', '.join(rule.id for rule in decided if rule.claim == claim)}): "
        f"{RESTS_ON.get(claim, 'an unknown claim')}"
        for claim in claims
    ]


def _steps(rules: Sequence[RuleOutcome]) -> list[str]:
    """Name, for each judged rule, the next claim and the people's labels it costs."""
    return [
        f"{rule.id}: {rule.claim} to {_NEXT_CLAIM[rule.claim]}: {_price(rule)}"
        for rule in rules
        if rule.claim in _NEXT_CLAIM and rule.estimate is not None
    ]


def _price(rule: RuleOutcome) -> str:
    flagged = round((rule.estimate or 0.0) * rule.clusters)
    if rule.claim == "C1":
        if not flagged:
            return "nothing is flagged, so people have nothing to settle (0 labels)"
        more = "" if rule.n == rule.clusters else " or more"  # a cluster may hold several samples
        return f"people settle the {flagged} flagged clusters ({flagged} labels{more})"
    if rule.claim == "C2":
        return "plant violations in the run, to measure the critic where it works (no labels)"
    rest = rule.clusters - flagged
    if rule.claim == "C3":
        return f"people also label a random sample of the {rest} clusters not flagged"
    return f"people label the {rest} clusters not flagged, all of them"


def _about(decision: Decision) -> list[str]:
    critic = decision.critic
    lines = [
        f"candidate     {_identity(decision.candidate)}",
        f"critic        {_identity(critic) if critic else 'none'}",
        f"policy        {decision.policy} {decision.policy_digest}",
        f"constitution  {decision.constitution} {decision.constitution_digest}",
        f"suite         {decision.suite} {decision.suite_digest}",
        f"run           {decision.run}",
        f"evidence      {decision.evidence}",
        f"baseline      {decision.baseline or 'none'}",
        f"decided       {decision.decided} by lexgate {decision.lexgate}",
        f"expires       {decision.expires}",
    ]
    return [line.rstrip() for line in lines]


def _identity(identity: dict[str, object]) -> str:
    return f"{identity.get('name', 'unknown')} {identity.get('digest', '')}"


def _section(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    folded = [
        part
        for line in lines
        for part in textwrap.wrap(
            _safe(line),
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
    return "\n".join([title, *folded])


def _safe(text: str) -> str:
    return printable(text, _LONGEST)
