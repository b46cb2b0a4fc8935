"""Why a verdict is what it is, asked after the verdict was read: it explains, and never decides.

A model is shown the exchange, the rule and its own verdict, and quotes the response. The reply is
one JSON object with the nonce of this call, and each quote must be found in the response word for
word; all else is silence. Law (tested): a rationale never quotes what the response does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate._strict_json import read_json
from lexgate._text import printable
from lexgate.critic._exchange import Message
from lexgate.critic._prompts import PREAMBLE, view
from lexgate.critic._protocols import Decoding, Silence
from lexgate.critic._strict import bare, new_nonce, unread
from lexgate.critic._verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.constitutions import Principle
    from lexgate.critic._exchange import Conversation, Exchange
    from lexgate.critic._protocols import Model
    from lexgate.critic._verdicts import Judgement

__all__ = ["Rationale", "explain"]

_LONGEST = 16_384  # characters of a reply
_DECODING = Decoding(max_new_tokens=256)


@dataclass(frozen=True, slots=True)
class Rationale:
    """What a model says of one verdict."""

    principle: str
    reason: str  # model text: hostile
    quotes: tuple[str, ...]  # each a substring of the response

    def to_json(self) -> dict[str, Any]:
        return {"principle": self.principle, "reason": self.reason, "quotes": list(self.quotes)}


def explain(
    model: Model, principle: Principle, exchanges: Sequence[Exchange], verdicts: Sequence[Judgement]
) -> list[Rationale | Silence]:
    """Ask a model why each verdict is what it is; an abstention has no rationale.

    Raises:
        EvidenceError: the model cannot generate.
    """
    nonces = [new_nonce() for _ in exchanges]
    asked = [i for i, verdict in enumerate(verdicts) if isinstance(verdict, Verdict)]
    conversations = [_conversation(principle, exchanges[i], verdicts[i], nonces[i]) for i in asked]
    replies = model.generate(conversations, _DECODING) if asked else []
    if len(replies) != len(asked):
        raise ValueError(f"{len(replies)} replies to {len(asked)} conversations")
    found: dict[int, Rationale | Silence] = {}
    for i, reply in zip(asked, replies, strict=True):
        if reply.finish != "stop":
            found[i] = Silence("unparsable", "the rationale was cut off")
        else:
            found[i] = _read(principle.id, reply.text, nonces[i], exchanges[i].response)
    nothing = Silence("no_answer", "an abstention has no rationale")
    return [found.get(i, nothing) for i in range(len(exchanges))]


def _conversation(
    principle: Principle, exchange: Exchange, verdict: Judgement, nonce: str
) -> Conversation:
    word = "violates" if isinstance(verdict, Verdict) and verdict.violated else "complies with"
    ask = (
        f"Rule: {principle.text}\n"
        f"It was decided that the response {word} this rule. Explain why, and quote the parts of "
        "the response it rests on, word for word.\n"
        f'Reply with one JSON object and nothing else: {{"nonce": "{nonce}", "quotes": ["…"], '
        '"reason": "…"}'
    )
    return (Message("user", "\n".join([PREAMBLE, *view(exchange, "exchange"), ask])),)


def _read(principle: str, text: str, nonce: str, response: str) -> Rationale | Silence:
    whole = bare(text)
    if len(whole) > _LONGEST:
        return unread(text, "too long")
    try:
        data = read_json(whole)
    except ValueError:
        return unread(text, "no JSON object")
    if not isinstance(data, dict) or set(data) != {"nonce", "quotes", "reason"}:
        return unread(text, "other keys than asked for")
    quotes, reason = data["quotes"], data["reason"]
    sound = isinstance(quotes, list) and all(isinstance(q, str) and q for q in quotes)
    if data["nonce"] != nonce or not sound or not isinstance(reason, str):
        return unread(text, "not this call's rationale")
    for quote in quotes:
        if quote not in response:
            detail = f"quotes what the response does not say: {printable(quote, 80)}"
            return Silence("unparsable", detail)
    return Rationale(principle, reason, tuple(quotes))
