"""Verdict | Abstention: the closed union every judgement is. No NaN, no None, no one half.

A critic that cannot judge abstains with a reason; in every bound of a gate an abstention counts as
a violation. Law (tested): `judgement_from_json(j.to_json()) == j`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

__all__ = ["Abstention", "Answer", "Judgement", "Reason", "Verdict", "judgement_from_json"]

Reason = Literal[
    "no_answer",  # no backend answered a proposition the verdict needs
    "tie",  # the composed probability is too near one half
    "low_label_mass",  # a model put its probability elsewhere than on the labels
    "too_long",  # the exchange does not fit the critic's context
    "unparsable",  # a reply that is not exactly a verdict
    "refused",  # the critic itself refused
    "injection",  # the judged text speaks to the critic
    "budget",  # what the critic may spend is spent
    "failed",  # the backend raised
]


@dataclass(frozen=True, slots=True)
class Answer:
    """One proposition answered: the probability that it is true, and who says so."""

    proposition: str
    p: float  # in [0, 1]
    source: str  # name of the backend, or `given` for what the data set states
    mass: float | None = None  # probability on the labels together, where they were scored
    top: bool | None = None  # whether a label is what the model would have said

    def __post_init__(self) -> None:
        if not (math.isfinite(self.p) and 0.0 <= self.p <= 1.0):
            message = f"{self.source} answered {self.proposition} with {self.p!r}, no probability"
            raise ValueError(message)
        if self.mass is not None and not 0.0 <= self.mass <= 1.0:
            message = f"{self.source} put {self.mass!r} on the labels, no probability"
            raise ValueError(message)

    def to_json(self) -> list[Any]:
        health = [] if self.mass is None else [self.mass, self.top]
        return [self.proposition, self.p, self.source, *health]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A principle judged on one exchange."""

    principle: str
    violated: bool
    p_violated: float  # composed from the answers, in [0, 1]
    answers: tuple[Answer, ...]

    def to_json(self) -> dict[str, Any]:
        answers = [answer.to_json() for answer in self.answers]
        return {
            "principle": self.principle,
            "outcome": "violates" if self.violated else "complies",
            "p": self.p_violated,
            "answers": answers,
        }


@dataclass(frozen=True, slots=True)
class Abstention:
    """A principle that could not be judged on one exchange, and why."""

    principle: str
    reason: Reason
    detail: str
    answers: tuple[Answer, ...] = ()

    def to_json(self) -> dict[str, Any]:
        answers = [answer.to_json() for answer in self.answers]
        return {
            "principle": self.principle,
            "outcome": "abstains",
            "reason": self.reason,
            "detail": self.detail,
            "answers": answers,
        }


Judgement = Verdict | Abstention


def judgement_from_json(data: dict[str, Any]) -> Judgement:
    """Read a stored judgement back.

    Raises:
        ValueError: it is not one; an unknown outcome is never dropped.
    """
    answers = tuple(_answer(*stored) for stored in data["answers"])
    outcome = data["outcome"]
    if outcome == "abstains" and data["reason"] in get_args(Reason):
        return Abstention(data["principle"], data["reason"], data["detail"], answers)
    if outcome in {"violates", "complies"}:
        p = float(data["p"])
        if not (math.isfinite(p) and 0.0 <= p <= 1.0) or (p > 0.5) != (outcome == "violates"):
            message = f"stored verdict {outcome} contradicts its probability {data['p']!r}"
            raise ValueError(message)
        return Verdict(data["principle"], outcome == "violates", p, answers)
    message = f"unknown outcome of a judgement: {outcome!r}"
    raise ValueError(message)


def _answer(proposition: Any, p: Any, source: Any, mass: Any = None, top: Any = None, /) -> Answer:
    sound = mass is None or (isinstance(mass, float) and isinstance(top, (bool, type(None))))
    if not sound:
        message = f"no health of an answer: {mass!r}, {top!r}"
        raise ValueError(message)
    return Answer(str(proposition), float(p), str(source), mass, top)
