"""The one way in which a guard asks its model: whole replies scored, or a text that is read whole.

P(label) is a probability of a text after the prompt. A label that could mean compliance is a whole
reply with its end mark: what a model would go on to say after it counts against it. Below half of
the probability on all labels the guard is silent, and so it is within rounding of a tie. A text is
generated only after the judged text in the prompt was defused and checked as for labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate.constitutions import WHOLE
from lexgate.critic._protocols import Decoding, Reports, Silence
from lexgate.critic._verdicts import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lexgate.critic._exchange import Conversation
    from lexgate.critic._protocols import Identity, LabelScores, Model

    Guarding = Callable[[Sequence[Conversation], int], list[Conversation | Silence]]

__all__ = ["Asker", "Scored"]

_MASS = 0.5  # least probability on the labels together
_ROUNDING = {"bfloat16": 0.1, "float16": 0.1}  # nats a margin may move by, as in `_reader`
_EXACT = 1e-4


@dataclass(frozen=True, slots=True)
class Scored:
    """Probabilities of the labels, in the order asked."""

    p: tuple[float, ...]
    top: bool | None  # whether one of them is the likeliest reply, where it is known


class Asker:
    """A model, and the guarding of what it is given to continue.

    `guarding` takes conversations and the number of tokens that must fit after each.
    """

    def __init__(self, model: Model, name: str, guarding: Guarding | None = None) -> None:
        self.model = model
        self.name = name
        self._guarding = guarding
        self._band = _ROUNDING.get(dict(model.identity.details).get("dtype", ""), _EXACT)

    @property
    def identity(self) -> Identity:
        return self.model.identity

    def report(self) -> dict[str, Any]:
        """Tell what the model tells of itself, if it does."""
        return self.model.report() if isinstance(self.model, Reports) else {}

    def scores(
        self, conversations: Sequence[Conversation], labels: Sequence[str]
    ) -> list[Scored | Silence]:
        """Give the probability of each label after each conversation."""
        if not conversations:
            return []
        scores = self.model.score_labels(conversations, labels)
        if len(scores) != len(conversations):
            message = f"scored {len(scores)} of {len(conversations)} conversations"
            raise ValueError(message)
        return [_probabilities(score, len(labels)) for score in scores]

    def replies(self, conversations: Sequence[Conversation], most: int) -> list[str | Silence]:
        """Let the model answer, in at most that many tokens; a reply that was cut is none."""
        guarded: list[Conversation | Silence] = (
            self._guarding(conversations, most) if self._guarding else [*conversations]
        )
        asked = [one for one in guarded if not isinstance(one, Silence)]
        made = iter(self.model.generate(asked, Decoding(most)) if asked else [])
        replies: list[str | Silence] = []
        for one in guarded:
            if isinstance(one, Silence):
                replies.append(one)
                continue
            reply = next(made)
            cut = Silence("budget", f"{self.name}: the reply was not finished in {most} tokens")
            replies.append(reply.text if reply.finish == "stop" else cut)
        return replies

    def answer(self, yes: float, no: float, top: bool | None) -> Answer | Silence:
        """Read P(violated) off the probabilities of what says so and of what says the contrary."""
        mass = yes + no
        if mass < _MASS:
            detail = f"{self.name}: only {mass:.3f} of the probability is on its verdicts"
            return Silence("low_label_mass", detail)
        if yes > 0 and no > 0 and abs(math.log(yes / no)) < self._band:
            return Silence("tie", f"{self.name}: its verdict is within rounding of a tie")
        return Answer(WHOLE, yes / mass, self.name, min(mass, 1.0), top)


def _probabilities(score: LabelScores | Silence, labels: int) -> Scored | Silence:
    if isinstance(score, Silence):
        return score
    if len(score.logprobs) != labels or any(not x <= 1e-4 for x in score.logprobs):
        return Silence("failed", f"{score.logprobs} are not log-probabilities of {labels} labels")
    return Scored(tuple(map(math.exp, score.logprobs)), score.top)
