"""A model as a backend: the verdict is read off label log-probabilities, nothing is generated.

p = P(yes) / (P(yes) + P(no)). A model that would rather say something else is not answering the
question: below half of the probability on the labels it is silent. So it is inside the band that
the rounding of its arithmetic can cross. A model that was trained for certain questions only is not
asked any other: to those it would say something just as surely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate.critic._prompts import LABELS
from lexgate.critic._protocols import LabelScores, Reports, Silence
from lexgate.critic._verdicts import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.critic._exchange import Conversation, Exchange
    from lexgate.critic._prompts import Question
    from lexgate.critic._protocols import Identity, Model

__all__ = ["ModelBackend"]

_MASS = 0.5  # least probability on the labels together
_SPELLINGS = (LABELS, tuple(label.capitalize() for label in LABELS))
_ROUNDING = {"bfloat16": 0.1, "float16": 0.1}  # nats the margin may move by, by dtype
_EXACT = 1e-4  # the same in float32


class ModelBackend:
    """Asks a model each compiled question."""

    def __init__(self, model: Model, trained_for: frozenset[str] | None = None) -> None:
        """Read `model`.

        Args:
            model: Scores labels.
            trained_for: Digests of the questions it may be asked; None for all.
        """
        self._model = model
        self._trained_for = trained_for
        dtype = dict(model.identity.details).get("dtype", "")
        self._band = _ROUNDING.get(dtype, _EXACT)

    @property
    def identity(self) -> Identity:
        """The model's own: a critic that is the candidate must be recognisable."""
        return self._model.identity

    def answer(self, question: Question, exchanges: Sequence[Exchange]) -> list[Answer | Silence]:
        """Answer one question on each exchange."""
        return self.answer_together([(question, exchange) for exchange in exchanges])

    def answer_together(self, asked: Sequence[tuple[Question, Exchange]]) -> list[Answer | Silence]:
        """Score the labels; ask for the capitalised ones only where the plain ones got little."""
        known = [i for i, (question, _) in enumerate(asked) if self._knows(question)]
        conversations = [asked[i][0].render(asked[i][1]) for i in known]
        masses = self._masses(conversations, _SPELLINGS[0])
        poor = [i for i, m in enumerate(masses) if isinstance(m, _Mass) and m.total < _MASS]
        again = self._masses([conversations[i] for i in poor], _SPELLINGS[1])
        for i, more in zip(poor, again, strict=True):
            masses[i] = _sum(masses[i], more)
        read = dict(zip(known, masses, strict=True))
        return [
            self._read(question, read[i]) if i in read else self._untrained()
            for i, (question, _) in enumerate(asked)
        ]

    def digest_of(self, questions: Sequence[Question]) -> str:
        """Digest the model, how it was opened, and which of these questions it is asked at all."""
        return digest([self.identity.opened, [self._knows(question) for question in questions]])

    def report(self) -> dict[str, Any]:
        """Tell what the model tells of itself, if it does."""
        return self._model.report() if isinstance(self._model, Reports) else {}

    def _knows(self, question: Question) -> bool:
        return self._trained_for is None or question.digest in self._trained_for

    def _untrained(self) -> Silence:
        other = "was trained for other questions and knows nothing of this one"
        return Silence("no_answer", f"{self.identity.name} {other}")

    def _masses(
        self, conversations: Sequence[Conversation], labels: tuple[str, ...]
    ) -> list[_Mass | Silence]:
        if not conversations:
            return []
        scores = self._model.score_labels(conversations, labels)
        if len(scores) != len(conversations):
            raise ValueError(f"scored {len(scores)} of {len(conversations)} conversations")
        return [_mass(score) for score in scores]

    def _read(self, question: Question, mass: _Mass | Silence) -> Answer | Silence:
        if isinstance(mass, Silence):
            return mass
        name, yes, no = self.identity.name, mass.yes, mass.no
        if mass.total < _MASS:
            share = f"only {mass.total:.3f} of the probability is on yes and no"
            return Silence("low_label_mass", f"{name}: {share} for {question.proposition}")
        if yes > 0 and no > 0 and abs(math.log(yes / no)) < self._band:
            return Silence("tie", f"{name}: {question.proposition} is within rounding of a tie")
        total = min(mass.total, 1.0)  # rounding may lift a sum of probabilities above one
        return Answer(question.proposition, yes / (yes + no), name, total, mass.top)


@dataclass(frozen=True, slots=True)
class _Mass:
    """Probabilities of the labels, and whether one of them is the likeliest reply."""

    yes: float
    no: float
    top: bool | None

    @property
    def total(self) -> float:
        return self.yes + self.no


def _mass(score: LabelScores | Silence) -> _Mass | Silence:
    if isinstance(score, Silence):
        return score
    if len(score.logprobs) != len(LABELS) or any(not x <= 1e-4 for x in score.logprobs):
        return Silence("failed", f"{score.logprobs} are not log-probabilities of two labels")
    yes, no = map(math.exp, score.logprobs)
    return _Mass(yes, no, score.top)


def _sum(first: _Mass | Silence, more: _Mass | Silence) -> _Mass | Silence:
    if isinstance(first, Silence) or isinstance(more, Silence):
        return more if isinstance(more, Silence) else first
    known = [top for top in (first.top, more.top) if top is not None]
    return _Mass(first.yes + more.yes, first.no + more.no, any(known) if known else None)
