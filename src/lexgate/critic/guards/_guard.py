"""A guard as a backend: it settles principles as a whole and answers no single question.

A family says how it is asked and how its replies are read; this file says what all have in common.
Laws (tested for every family): one reply per exchange; a text that holds a part of the family's
frame is not asked about; what a verdict on a principle depends on, templates and texts of rules
included, is in its digest.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from lexgate._digests import digest
from lexgate.critic._protocols import Identity, Silence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lexgate.critic._exchange import Conversation, Exchange
    from lexgate.critic._prompts import Question
    from lexgate.critic._verdicts import Answer
    from lexgate.critic.guards._asker import Asker, Scored
    from lexgate.critic.guards._hostile import Markers

__all__ = ["Family", "Guard", "Memory", "Reading", "in_two_steps"]

T = TypeVar("T")
_KEPT = 65_536  # readings of one policy that are remembered for the next principle


class Family(Protocol):
    """How one family is asked about the principles of one constitution, and how it is read."""

    @property
    def name(self) -> str: ...

    @property
    def markers(self) -> Markers: ...

    @property
    def template(self) -> str | None:
        """The chat template of ours; None: the one that comes with the model."""
        ...

    @property
    def controls(self) -> tuple[str, ...]:
        """The tokens without which a tokenizer is not the family's."""
        ...

    @property
    def principles(self) -> tuple[str, ...]:
        """What it can be asked about."""
        ...

    def facts(self, principle: str) -> object:
        """Give all that reaches the model for a principle but the exchange, as JSON."""
        ...

    def judge(
        self, principle: str, exchanges: Sequence[Exchange], asker: Asker
    ) -> Sequence[Answer | Silence]:
        """Judge each exchange, in order."""
        ...


class Guard:
    """A family, a model of it, and a constitution."""

    def __init__(self, family: Family, asker: Asker) -> None:
        self.family = family
        self._asker = asker
        own = asker.identity
        self._base = digest([family.name, family.template, own.opened])
        rules = {id_: digest(family.facts(id_)) for id_ in family.principles}
        self._rules = rules
        template = digest([family.template, rules])
        details = {**dict(own.details), "family": family.name, "template": template}
        self.identity = Identity(
            asker.name, digest([self._base, rules]), tuple(sorted(details.items()))
        )

    def digest_of(self, questions: Sequence[Question]) -> str:
        """Digest the model, the template and what the principles of these questions say."""
        asked = sorted({question.principle for question in questions})
        return digest([self._base, [[id_, self._rules.get(id_)] for id_ in asked]])

    def report(self) -> dict[str, Any]:
        """Tell what the model tells of itself."""
        return self._asker.report()

    def answer(self, question: Question, exchanges: Sequence[Exchange]) -> list[Answer | Silence]:
        """Answer nothing: a guard was trained to judge rules, not to answer parts of them."""
        detail = f"{self._asker.name} judges rules as a whole and not {question.proposition}"
        return [Silence("no_answer", detail)] * len(exchanges)

    def settle(self, principle: str, exchanges: Sequence[Exchange]) -> list[Answer | Silence]:
        """Settle one principle on each exchange."""
        name = self._asker.name
        if principle not in self.family.principles:
            detail = f"{name}: {principle} is none of the principles it was opened on"
            return [Silence("no_answer", detail)] * len(exchanges)
        replies: list[Answer | Silence | None] = [
            self.family.markers.silence(exchange) for exchange in exchanges
        ]
        fit = [index for index, silence in enumerate(replies) if silence is None]
        judged = self.family.judge(principle, [exchanges[i] for i in fit], self._asker)
        replies = [
            Silence(r.reason, f"{name}: {r.detail}") if isinstance(r, Silence) else r
            for r in replies
        ]
        for index, reply in zip(fit, judged, strict=True):
            replies[index] = reply
        return [reply for reply in replies if reply is not None]


@dataclass(frozen=True, slots=True)
class Reading:
    """An exchange judged: P(unsafe) as an answer, and what it is unsafe for."""

    answer: Answer
    listed: frozenset[str] | None  # None: safe


def in_two_steps(
    asked: Sequence[Conversation],
    asker: Asker,
    labels: Sequence[str],
    *,
    most: int,
    first: Callable[[Scored], Reading | Silence],
    listed: Callable[[Answer, str], Reading | Silence],
) -> list[Reading | Silence]:
    """Score labels; where they say unsafe, have the reply written that lists what for.

    Args:
        asked: One conversation for each exchange.
        asker: The model.
        labels: What is scored.
        most: Tokens a reply may take.
        first: Reads the scores of the labels.
        listed: Reads a reply, beside the answer that the labels gave.
    """
    readings = [s if isinstance(s, Silence) else first(s) for s in asker.scores(asked, labels)]
    unsafe = {
        index: reading.answer
        for index, reading in enumerate(readings)
        if isinstance(reading, Reading) and reading.answer.p > 0.5
    }
    replies = asker.replies([asked[index] for index in unsafe], most)
    for (index, answer), reply in zip(unsafe.items(), replies, strict=True):
        readings[index] = reply if isinstance(reply, Silence) else listed(answer, reply)
    return readings


class Memory(Generic[T]):
    """What a guard said of an exchange, for it says all of its categories at once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Exchange, T] = OrderedDict()

    def read(
        self, exchanges: Sequence[Exchange], ask: Callable[[list[Exchange]], Sequence[T]]
    ) -> list[T]:
        """Give a reading of each exchange, asking only about those not known yet."""
        new = [e for e in dict.fromkeys(exchanges) if e not in self._kept]
        known = {e: self._kept[e] for e in exchanges if e in self._kept}
        known |= dict(zip(new, ask(new), strict=True)) if new else {}
        self._kept.update(known)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return [known[exchange] for exchange in exchanges]
