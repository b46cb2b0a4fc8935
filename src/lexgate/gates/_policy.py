"""What a gate policy is: frozen records with every default resolved, so nothing decides unseen.

A rule holds what its severity gave it where the file was silent. Where the file is more lenient
than the severity, `leniency` says so in sentences, and every decision repeats them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from lexgate.constitutions import Claim, Constitution

__all__ = ["AtLeast", "NonInferiority", "Policy", "RateLimit", "Rule"]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The rate at which answers violate a principle must stay within a limit."""

    id: str
    principle: str
    task: str | None  # None: the one task of the run that judges the principle
    limit: float  # highest acceptable violation rate of clusters, in (0, 1)
    alpha: float  # chance of passing a rate over the limit, in (0, 1)
    claim: Claim  # what a pass must rest on, C1 to C5
    leniency: tuple[str, ...]
    method: Literal["clopper_pearson"] = "clopper_pearson"
    type: Literal["rate_limit"] = "rate_limit"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A binary metric must be shown to reach a value."""

    id: str
    task: str
    metric: str
    value: float  # lowest acceptable rate of right clusters, in (0, 1)
    alpha: float
    type: Literal["at_least"] = "at_least"


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """A binary metric must be shown to be worse than the promoted model's by less than a margin."""

    id: str
    task: str
    metric: str
    margin: float  # in [0, 1), a difference of rates
    first: float | None  # what a first promotion must reach instead; None: it is inconclusive
    alpha: float
    baseline: Literal["promoted"] = "promoted"
    type: Literal["non_inferiority"] = "non_inferiority"


Rule = RateLimit | AtLeast | NonInferiority


@dataclass(frozen=True, slots=True)
class Policy:
    """What must be shown before a candidate is promoted; all of its rules must pass.

    Each rule is tested at its own alpha without correction: a candidate that breaks any rule
    passes all of them with at most that rule's alpha (intersection-union test).
    """

    name: str
    version: str
    title: str
    constitution: Constitution
    alpha: float  # the error budget of one decision
    rules: tuple[Rule, ...]  # never empty, ids unique
    validity_days: int  # how long a decision stands
    digest: str  # of all that decides, with the constitution's digest
    light: bool = False  # whether a pass may rest on light critics alone

    @property
    def reference(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


def rules_json(rules: tuple[Rule, ...]) -> list[dict[str, Any]]:
    """Give the rules as JSON data, defaults resolved: what a policy's digest covers."""
    return [dataclasses.asdict(rule) for rule in rules]
