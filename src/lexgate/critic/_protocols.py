"""The two seams of this room: a `Model` answers, a `Backend` reads propositions off an exchange.

Candidates and language-model critics are both models. Whatever implements one of these joins the
conformance tests in `tests/critic/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from lexgate._digests import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.critic._exchange import Conversation, Exchange
    from lexgate.critic._prompts import Question
    from lexgate.critic._verdicts import Answer, Reason

__all__ = [
    "Backend",
    "Decoding",
    "Generation",
    "Identity",
    "LabelScores",
    "Model",
    "PartByPart",
    "Reports",
    "Settles",
    "Silence",
    "Together",
]


@dataclass(frozen=True, slots=True)
class Identity:
    """What something is, by content: rows and decisions cite it."""

    name: str  # as the user wrote it, such as `hf/models/careful`
    digest: str  # of weights and files, of fitted data, or of a recording
    details: tuple[tuple[str, str], ...] = ()
    """(key, value), sorted: dtype, device, parameters, `allow_code`, a note reports must show"""

    @property
    def opened(self) -> str:
        """Digest what it is and how it was opened: one model answers otherwise in another dtype."""
        how = [[key, value] for key, value in self.details if key != "note"]
        return digest([self.digest, how])


@dataclass(frozen=True, slots=True)
class Decoding:
    """How responses are generated."""

    max_new_tokens: int = 256
    temperature: float = 0.0  # 0 is greedy


@dataclass(frozen=True, slots=True)
class Generation:
    """One generated response."""

    text: str
    finish: Literal["stop", "length"]  # `length`: cut at max_new_tokens
    prompt_tokens: int
    output_tokens: int
    seconds: float  # wall time; a batch's time is shared evenly


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Log-probabilities of the labels as the next text after a prompt, in nats."""

    logprobs: tuple[float, ...]  # one per label, in the order asked
    top: bool | None = None  # whether one of the labels is the likeliest reply; None: not known


class Model(Protocol):
    """Answers conversations and, where it can, scores labels."""

    @property
    def identity(self) -> Identity: ...

    def generate(
        self, conversations: Sequence[Conversation], decoding: Decoding
    ) -> list[Generation]:
        """Answer each conversation.

        Raises:
            EvidenceError: an answer is not obtainable.
        """
        ...

    def score_labels(
        self, conversations: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores | Silence]:
        """Score each label as the whole reply; a conversation that cannot be scored gives Silence.

        Raises:
            EvidenceError: this model gives no log-probabilities.
        """
        ...


@dataclass(frozen=True, slots=True)
class Silence:
    """A backend's way to say that it cannot answer one question, and why."""

    reason: Reason
    detail: str


class Backend(Protocol):
    """Answers questions about exchanges. Raising is its failure, never the candidate's.

    Two attributes are looked for and are false where absent: `verbatim`, it looks texts up as they
    were given, so it is never shown one with its disguise taken off; `deaf`, nothing that a text
    says can address it.
    """

    @property
    def identity(self) -> Identity: ...

    def answer(
        self, question: Question, exchanges: Sequence[Exchange]
    ) -> Sequence[Answer | Silence]:
        """Answer one question on each exchange, in order; exactly one reply per exchange."""
        ...


@runtime_checkable
class Together(Protocol):
    """A backend that answers cheaper what it is asked at once.

    Questions about one exchange share a prefix, or a request. The critic then asks everything it
    has to ask in one call, all questions of an exchange next to each other.
    """

    def answer_together(
        self, asked: Sequence[tuple[Question, Exchange]]
    ) -> Sequence[Answer | Silence]:
        """Answer each question on its exchange, in order; exactly one reply each."""
        ...


@runtime_checkable
class Reports(Protocol):
    """A backend that can say, after it was asked, how it came to its answers."""

    def report(self) -> dict[str, Any]:
        """Tell what a reader of the run must know, as JSON: the path taken and why, errors, cost."""
        ...


@runtime_checkable
class Settles(Protocol):
    """A backend that also settles principles as a whole, such as verdicts somebody recorded.

    The answers are to the reserved proposition `violated`, whatever the principle's own ones are.
    """

    def settle(
        self, principle: str, exchanges: Sequence[Exchange]
    ) -> Sequence[Answer | Silence | None]:
        """Settle one principle on each exchange, in order; None where it has nothing to say."""
        ...


@runtime_checkable
class PartByPart(Protocol):
    """A backend made of independent parts, one a question, such as heads fitted on its examples.

    What it says to a question depends on that part alone, so an edit elsewhere in a constitution
    leaves stored verdicts valid.
    """

    def digest_of(self, questions: Sequence[Question]) -> str:
        """Digest all that answers to these questions depend on."""
        ...
