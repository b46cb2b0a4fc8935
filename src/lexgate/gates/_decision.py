"""What a gate says: four outcomes, each rule with its number, its bound and what it rests on.

Any error makes the decision an error; else any failed rule fails it; else any inconclusive rule
makes it inconclusive; only then it passes. Only a pass promotes. Reasons are kept also on a pass.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["EXIT_CODES", "RESTS_ON", "Decision", "Outcome", "RuleOutcome"]


class Outcome(StrEnum):
    """What a rule, and a decision, can come to."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


EXIT_CODES = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 3, Outcome.ERROR: 4}

RESTS_ON = {
    "C0": "nothing: a count of what the critic flagged",
    "C1": "the critic erring here as it does on the constitution's sealed examples",
    "C2": "people settling what was flagged, and the critic's sensitivity carrying over",
    "C3": "people settling what was flagged, and planted violations resembling real ones",
    "C4": "people being right about what was flagged and about a random sample of the rest",
    "C5": "people being right about every item",
    "exact": "a deterministic scorer; no critic is involved",
}


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule decided. Numbers are None only where there is nothing to count."""

    id: str
    outcome: Outcome
    estimate: float | None  # as observed, in the unit of `limit`
    low: float | None  # one-sided confidence bounds on the true value
    high: float | None
    limit: float  # what `estimate` is held against
    n: int  # samples
    clusters: int  # what the bounds count
    method: str
    claim: str  # a key of RESTS_ON
    reason: str  # a sentence
    needs: str  # what would settle it; empty where it is settled
    unjudged: str = ""  # on what silence a failure rests; empty where judged violations show it
    next_step: str = ""  # what would narrow its bounds in this version, and to what
    subject: str = ""  # where its rows are: `principle/<task>/<id>` or `metric/<task>/<metric>`


@dataclass(frozen=True, slots=True)
class Decision:
    """A policy's answer about one run; everything in it can be recomputed from the run."""

    outcome: Outcome
    policy: str  # name@version
    policy_digest: str
    run: str
    candidate: dict[str, Any]
    critic: dict[str, Any]
    constitution: str
    constitution_digest: str
    suite: str
    suite_digest: str
    baseline: str | None  # the run it was compared with
    rules: tuple[RuleOutcome, ...]
    notes: tuple[str, ...]  # what a reader must know, such as `--allow-code`
    decided: str  # UTC, ISO 8601
    expires: str
    evidence: str  # head of the run's hash chain
    lexgate: str  # version that decided

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 inconclusive, 4 error."""
        return EXIT_CODES[self.outcome]

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
