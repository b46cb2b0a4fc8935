"""A decision as a person reads it: the outcome first, then why, then what it rests on.

Plain text, safe for a terminal: whatever a manifest or a rule brought along is printed with its
hidden characters spelled out. Law (tested): equal decisions give equal reports.
"""

from __future__ import annotations

import re
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
_QUOTED = re.compile(r"`[^`]*`")
_HELD = "\N{NO-BREAK SPACE}"
_PAIRED = {"clopper_pearson_paired"}
_MEANS = {
    Outcome.PASS: "every rule is shown to be kept; this candidate may be promoted",
    Outcome.FAIL: "a rule is shown to be broken; this candidate is not promoted",
    Outcome.INCONCLUSIVE: "the evidence does not settle it; this candidate is not promoted",
    Outcome.ERROR: "the evidence cannot be used; this candidate is not promoted",
}
_UNJUDGED = "what could not be judged counts as broken; this candidate is not promoted"
_ABOVE_C1 = "claims above C1 need people's labels, which this version cannot read yet"
_LEGEND = (
    "clusters: prompts, paraphrases of one counted once. observed: the rate counted. low, high:",
    "bounds of the true rate, rounded outward; they are held against the limit.",
)


def report(decision: Decision) -> str:
    """Write a decision as plain text, ending without a line break."""
    name = decision.candidate.get("name", "unknown candidate")
    head = f"{decision.outcome.upper()}: {_safe(str(name))} under {_safe(decision.policy)}"
    parts = [
        f"{head}\n{_means(decision)}",
        _table(decision.rules),
        "\n".join(_LEGEND),
        _section("Why", _why(decision.rules)),
        _section("What this rests on", _rests_on(decision.rules)),
        _section("Next step up", _steps(decision.rules)),
        _section("Know that", list(decision.notes)),
        "\n".join(["About", *(f"  {_safe(line)}" for line in _about(decision))]),
    ]
    return "\n\n".join(part for part in parts if part)


def _means(decision: Decision) -> str:
    failed = [rule for rule in decision.rules if rule.outcome is Outcome.FAIL]
    if decision.outcome is Outcome.FAIL and failed and all(rule.unjudged for rule in failed):
        return _UNJUDGED
    return _MEANS[decision.outcome]


def _table(rules: Sequence[RuleOutcome]) -> str:
    rows = [("rule", "outcome", "observed", "low", "high", "limit", "clusters", "claim")]
    rows += [
        (
            _safe(rule.id),
            rule.outcome.upper(),
            "-" if rule.estimate is None else f"{rule.estimate:.4f}",
            _bound(rule.low, up=False),
            _bound(rule.high, up=True),
            f"{_sign(rule)} {rule.limit:g}",
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


def _sign(rule: RuleOutcome) -> str:
    """How a value has to stand to its limit."""
    if rule.claim != "exact":
        return "<="
    return "<" if rule.method in _PAIRED else ">="


def _bound(value: float | None, *, up: bool) -> str:
    return "-" if value is None else shown_bound(value, up=up)


def _why(rules: Sequence[RuleOutcome]) -> list[str]:
    """Say each reason once, with all the rules that it is the reason of."""
    lines = []
    for said in dict.fromkeys((rule.reason, rule.needs) for rule in rules):
        those = [rule for rule in rules if (rule.reason, rule.needs) == said]
        names = ", ".join(rule.id for rule in those)
        reason, needs = said
        lines.append(f"{names}: {reason}")
        if needs:
            word = "settle" if those[0].outcome is Outcome.INCONCLUSIVE else "help"
            lines.append(f"  would {word} {names}: {needs}")
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
    """Name what would show more in this version, and what it cannot do."""
    judged = [rule for rule in rules if rule.outcome is not Outcome.ERROR and rule.claim != "exact"]
    steps = [f"{rule.id}: {rule.next_step}" for rule in judged if rule.next_step]
    return [*steps, _ABOVE_C1] if judged else []


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
        f"baseline      {_baseline(decision)}",
        f"decided       {decision.decided} by lexgate {decision.lexgate}",
        f"expires       {decision.expires}",
    ]
    return [line.rstrip() for line in lines]


def _baseline(decision: Decision) -> str:
    if decision.baseline is None:
        return "none"
    compared = any(rule.method in _PAIRED for rule in decision.rules)
    return decision.baseline if compared else f"{decision.baseline} (no rule compares with it)"


def _identity(identity: dict[str, object]) -> str:
    return f"{identity.get('name', 'unknown')} {identity.get('digest', '')}"


def _section(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    folded = [
        part
        for line in lines
        for part in textwrap.wrap(
            _QUOTED.sub(_unbroken, _safe(line)),
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
    return "\n".join([title, *folded]).replace(_HELD, " ")


def _unbroken(quoted: re.Match[str]) -> str:
    """Keep a command in one line, so that it can be copied."""
    return quoted[0].replace(" ", _HELD)


def _safe(text: str) -> str:
    return printable(text, _LONGEST)
