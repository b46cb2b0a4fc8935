"""A model as a backend: the verdict is read off label log-probabilities, nothing is generated.

p = P(yes) / (P(yes) + P(no)). A model that would rather say something else is not answering the
question: below half of the probability on the labels it is silent. So it is inside the band that
the rounding of its arithmetic can cross. A model that was trained for certain questions only is not
asked any other: to those it would say something just as surely.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lexgate.critic._prompts import LABELS
from lexgate.critic._protocols import LabelScores, Silence
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
        self._band = _ROUNDING.get(dtype, 0.0)

    @property
    def identity(self) -> Identity:
        """The model's own: a critic that is the candidate must be recognisable."""
        return self._model.identity

    def answer(self, question: Question, exchanges: Sequence[Exchange]) -> list[Answer | Silence]:
        """Score the labels; ask for the capitalised ones only where the plain ones got little."""
        if self._trained_for is not None and question.digest not in self._trained_for:
            other = "was trained for other questions and knows nothing of this one"
            return [Silence("no_answer", f"{self.identity.name} {other}")] * len(exchanges)
        conversations = [question.render(exchange) for exchange in exchanges]
        masses = self._masses(conversations, _SPELLINGS[0])
        poor = [i for i, mass in enumerate(masses) if isinstance(mass, tuple) and sum(mass) < _MASS]
        again = self._masses([conversations[i] for i in poor], _SPELLINGS[1])
        for i, more in zip(poor, again, strict=True):
            masses[i] = _sum(masses[i], more)
        return [self._read(question, mass) for mass in masses]

    def _masses(
        self, conversations: Sequence[Conversation], labels: tuple[str, ...]
    ) -> list[tuple[float, ...] | Silence]:
        if not conversations:
            return []
        scores = self._model.score_labels(conversations, labels)
        if len(scores) != len(conversations):
            raise ValueError(f"scored {len(scores)} of {len(conversations)} conversations")
        return [_mass(score) for score in scores]

    def _read(self, question: Question, mass: tuple[float, ...] | Silence) -> Answer | Silence:
        if isinstance(mass, Silence):
            return mass
        name = self.identity.name
        yes, no = mass
        if yes + no < _MASS:
            share = f"only {yes + no:.3f} of the probability is on yes and no"
            return Silence("low_label_mass", f"{name}: {share} for {question.proposition}")
        if yes > 0 and no > 0 and abs(math.log(yes / no)) < self._band:
            return Silence("tie", f"{name}: {question.proposition} is within rounding of a tie")
        return Answer(question.proposition, yes / (yes + no), name)


def _mass(score: LabelScores | Silence) -> tuple[float, ...] | Silence:
    if isinstance(score, Silence):
        return score
    if len(score.logprobs) != len(LABELS) or any(not x <= 1e-4 for x in score.logprobs):
        return Silence("failed", f"{score.logprobs} are not log-probabilities of two labels")
    return tuple(math.exp(x) for x in score.logprobs)


def _sum(
    first: tuple[float, ...] | Silence, more: tuple[float, ...] | Silence
) -> tuple[float, ...] | Silence:
    if isinstance(first, Silence) or isinstance(more, Silence):
        return more if isinstance(more, Silence) else first
    return tuple(a + b for a, b in zip(first, more, strict=True))
