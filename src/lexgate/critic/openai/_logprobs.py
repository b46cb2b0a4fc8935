"""Labels read off the log-probabilities of the first token of a reply, of which a server lists few.

What is not listed is missing, not improbable: each unlisted spelling has at most the smallest
listed probability, and all of them together at most what the listed ones leave over. A side counts
only if it is the same at both ends of that range, and the probability given is the end nearer to
one half. Laws (tested): whatever the unlisted tokens' true probabilities, the side is the true one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.critic._protocols import Silence
from lexgate.critic.openai._client import Failure
from lexgate.critic.openai._replies import GarbledError
from lexgate.critic.openai._wires import only_choice, refusal_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "NO_LOGPROBS",
    "TOP",
    "Listed",
    "Share",
    "exact",
    "loose",
    "read_chat",
    "read_texts",
    "shares",
]

TOP = 20  # the most that OpenAI and vLLM list
NO_LOGPROBS = Failure(501, Silence("failed", "the server gives no log-probabilities"))
_EXCESS = 1e-3  # by which rounding may lift a sum of probabilities above one


@dataclass(frozen=True, slots=True)
class Listed:
    """The likeliest first tokens with their probabilities."""

    tokens: Mapping[str, float]
    likeliest: str

    @property
    def rest(self) -> float:
        """What the unlisted ones have together, at most."""
        return max(0.0, 1.0 - sum(self.tokens.values()))


@dataclass(frozen=True, slots=True)
class Share:
    """The probability of a label: what its listed spellings have, what the others may add."""

    listed: float
    unlisted: float


def exact(label: str) -> frozenset[str]:
    """Spell a label as a first token: bare, or after the space some tokenizers keep in it."""
    return frozenset({label, f" {label}"})


def loose(label: str) -> frozenset[str]:
    """Spell a label in all the ways that mean it."""
    return exact(label) | exact(label.capitalize()) | exact(label.upper())


def shares(listed: Listed, spellings: Sequence[frozenset[str]]) -> list[Share]:
    """Add up the spellings of each label."""
    smallest = min(listed.tokens.values())
    return [
        Share(
            sum(listed.tokens.get(s, 0.0) for s in label),
            min(listed.rest, smallest * sum(s not in listed.tokens for s in label)),
        )
        for label in spellings
    ]


def read_chat(data: Any) -> Listed | Silence | Failure:
    """Read the first token of a chat completion, or give `NO_LOGPROBS`.

    Raises:
        GarbledError: it is no chat completion.
    """
    choice = only_choice(data)
    if silence := refusal_of(choice):
        return silence
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if content is None:
        return NO_LOGPROBS
    first = content[0] if isinstance(content, list) and content else None
    top = first.get("top_logprobs") if isinstance(first, dict) else None
    if not isinstance(top, list) or not all(isinstance(entry, dict) for entry in top):
        return Silence("unparsable", "the critic's reply has no first token")
    return _listed([(entry.get("token"), entry.get("logprob")) for entry in top])


def read_texts(data: Any, count: int) -> list[Listed | Silence | Failure]:
    """Read the first tokens of the completions of `count` prompts, or give `NO_LOGPROBS`.

    Raises:
        GarbledError: there is not exactly one completion of each prompt.
    """
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise GarbledError("it has no list of choices")
    indices = [choice.get("index") for choice in choices]
    if any(type(index) is not int for index in indices) or sorted(indices) != list(range(count)):
        raise GarbledError("its choices are not one for each prompt")
    by_index = {choice["index"]: choice for choice in choices}
    return [_first(by_index[index]) for index in range(count)]


def _first(choice: Mapping[str, Any]) -> Listed | Silence | Failure:
    if silence := refusal_of(choice):
        return silence
    logprobs = choice.get("logprobs")
    tops = logprobs.get("top_logprobs") if isinstance(logprobs, dict) else None
    if tops is None:
        return NO_LOGPROBS
    if not isinstance(tops, list) or not tops or not isinstance(tops[0], dict):
        return Silence("unparsable", "the critic's reply has no first token")
    return _listed(list(tops[0].items()))


def _listed(entries: Sequence[tuple[Any, Any]]) -> Listed | Silence:
    tokens: dict[str, float] = {}
    best: tuple[float, str] | None = None
    for token, logprob in entries:
        sound = isinstance(token, str) and type(logprob) in {int, float} and logprob <= 1e-4
        if not sound:
            wrong = printable(repr((token, logprob)), 80)
            return Silence(
                "unparsable", f"the critic lists {wrong}, no token with a log-probability"
            )
        p = min(1.0, math.exp(max(logprob, -1e4)))  # an integer may be too long for a float
        # Two tokens may decode to one text: with and without the space before it.
        tokens[token] = tokens.get(token, 0.0) + p
        if best is None or p > best[0]:
            best = p, token
    if best is None:
        return Silence("unparsable", "the critic lists no token")
    if sum(tokens.values()) > 1 + _EXCESS:
        return Silence("unparsable", "the critic's probabilities add up to more than one")
    return Listed(tokens, best[1])
