"""A critic behind HTTP: all questions on one view of an exchange in one request, where it can be.

The formats, best first: decision APIs, which answer typed questions with probabilities; label
log-probabilities; and, from a server that gives neither, JSON under a schema. Which one a server
speaks is found out with the first question and then stays. Law (tested): under any mix of faults
each answer is what the server's own reply to that question says, and all else is silence.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

from lexgate.constitutions import ANSWER, QUESTION
from lexgate.critic._exchange import Message
from lexgate.critic._prompts import LABELS, PREAMBLE, view
from lexgate.critic._protocols import Silence
from lexgate.critic._verdicts import Answer
from lexgate.critic.openai import _quirks
from lexgate.critic.openai._client import Client, Failure
from lexgate.critic.openai._logprobs import Listed, loose, shares
from lexgate.critic.openai._model import OpenAiModel, identity_of
from lexgate.critic.openai._settings import read_settings
from lexgate.critic.openai._wires import WIRES
from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lexgate.critic._exchange import Exchange
    from lexgate.critic._prompts import Question
    from lexgate.critic.openai._client import Call

    Reply = float | tuple[float, float, bool] | Silence | Failure  # p; or p, mass, top

__all__ = ["OpenAiBackend", "open_backend"]

_ORDER = ("decisions", "systemone", "chat", "structured")
_UNSPOKEN = frozenset({400, 404, 405, 422, 501})  # a server that does not know a format
_MASS = 0.5  # least probability on the labels together
_BAND = 0.1  # nats; nobody tells what a server computes in, so it is taken for 16 bits
_PROBE = f"{PREAMBLE}\n```response\nGood morning.\n```"
_PROBE_ASK = f"{QUESTION} Is the response a greeting?\n{ANSWER}"
_SPELLINGS = tuple(loose(label) for label in LABELS)


def open_backend(model: str, options: Mapping[str, str]) -> OpenAiBackend:
    """Open `openai/MODEL` as a critic; nothing is sent yet.

    Raises:
        UsageError: an option or the key is missing or wrong.
    """
    return OpenAiBackend(Client(read_settings(model, options)))


class OpenAiBackend:
    """Asks a server each compiled question."""

    def __init__(self, client: Client) -> None:
        settings = client.settings
        self.client = client
        self.identity = identity_of(settings, settings.wire)
        self._model = OpenAiModel(client)
        self._wire: str | None = None if settings.wire == "auto" else settings.wire
        self._reason = "as asked for" if self._wire else "nothing was asked yet"
        self._deciding = threading.Lock()

    def answer(self, question: Question, exchanges: Sequence[Exchange]) -> list[Answer | Silence]:
        """Answer one question on each exchange."""
        return self.answer_together([(question, exchange) for exchange in exchanges])

    def answer_together(self, asked: Sequence[tuple[Question, Exchange]]) -> list[Answer | Silence]:
        """Answer each question on its exchange.

        Raises:
            EvidenceError: the server does not accept the key, or speaks no format known here.
        """
        if not asked:
            return []
        states = _states(asked)
        with self._deciding:
            failure = None if self._wire else self._decide()
        if failure:
            return [failure.silence] * len(asked)
        replies = self._ask(self._wire or "", [question.ask for question, _ in asked], states)
        name = self.identity.name
        return [
            _answer(question.proposition, name, reply)
            for (question, _), reply in zip(asked, replies, strict=True)
        ]

    def report(self) -> dict[str, Any]:
        """Tell the format used and why, and what was sent and spent."""
        return {"wire": self._wire, "reason": self._reason, **self.client.report()}

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self.client.close()

    def _decide(self) -> Failure | None:
        """Find the best format that the server speaks; a failure leaves it open.

        Asked with a text of our own: no judged text may choose how all others are judged.
        """
        unspoken = []
        for wire in _ORDER:
            reply = self._ask(wire, [_PROBE_ASK], [_PROBE])[0]
            if isinstance(reply, Failure):
                # That a text is too long or unwelcome is said by who knows the format.
                understood = reply.silence.reason in {"too_long", "refused"}
                if not understood and reply.status in _UNSPOKEN:
                    unspoken.append(f"{wire}: {reply.silence.detail}")
                    continue
                if not understood:
                    self._reason = reply.silence.detail
                    return reply
            self._wire = wire
            self._reason = "; ".join(unspoken) or "the server speaks it"
            return None
        tried = "; ".join(unspoken)
        raise EvidenceError(f"{self.identity.name} speaks no format known here: {tried}")

    def _ask(self, wire: str, asks: Sequence[str], states: Sequence[str]) -> list[Reply]:
        if wire not in WIRES:
            talks = [
                (Message("user", f"{state}\n{ask}"),)
                for ask, state in zip(asks, states, strict=True)
            ]
            return [_read(listed) for listed in self._model.first_tokens(talks, wire)]
        format_ = WIRES[wire]
        groups: dict[str, list[int]] = {}
        for place, state in enumerate(states):
            groups.setdefault(state, []).append(place)
        calls: list[Call] = []
        chunks: list[list[int]] = []
        for state, places in groups.items():
            for start in range(0, len(places), format_.most):
                chunk = places[start : start + format_.most]
                chunks.append(chunk)
                wanted = [asks[place] for place in chunk]
                calls.append(format_.ask(self.client.settings.model, state, wanted))
        replies: list[Reply] = [Silence("failed", "not asked")] * len(asks)
        for chunk, reply in zip(chunks, _quirks.send(self.client, calls), strict=True):
            each = [reply] * len(chunk) if isinstance(reply, Failure) else reply
            for place, one in zip(chunk, each, strict=True):
                replies[place] = one
        return replies


def _states(asked: Sequence[tuple[Question, Exchange]]) -> list[str]:
    """Render what each question may see, once per view."""
    made: dict[tuple[int, str], str] = {}
    states = []
    for question, exchange in asked:
        key = id(exchange), question.sees
        if key not in made:
            made[key] = "\n".join([PREAMBLE, *view(exchange, question.sees)])
        states.append(made[key])
    return states


def _answer(proposition: str, name: str, reply: Reply) -> Answer | Silence:
    if isinstance(reply, Failure):
        return reply.silence
    if isinstance(reply, Silence):
        return Silence(reply.reason, f"{name}: {proposition}: {reply.detail}")
    if isinstance(reply, tuple):
        p, mass, top = reply
        return Answer(proposition, p, name, mass, top)
    return Answer(proposition, reply, name)


def _read(listed: Listed | Silence | Failure) -> Reply:
    if not isinstance(listed, Listed):
        return listed
    yes, no = shares(listed, _SPELLINGS)
    mass = yes.listed + no.listed
    if mass < _MASS:
        return Silence("low_label_mass", f"only {mass:.3f} of the probability is on yes and no")
    more, less = (yes, no) if yes.listed > no.listed else (no, yes)
    most = less.listed + less.unlisted  # what the other side could have at best
    if more.listed <= most or (most > 0 and math.log(more.listed / most) < _BAND):
        return Silence("tie", "yes and no are within rounding, or what is not listed, of a tie")
    p = more.listed / (more.listed + most)
    top = any(listed.likeliest in label for label in _SPELLINGS)
    return (p if more is yes else 1.0 - p), min(mass, 1.0), top
