"""A model behind chat completions: it answers conversations and scores labels.

A label that the server does not list has no score of its own: its bound stands for it where that
cannot change the side, else there is silence. Law (tested): no error, identity or report holds the
key.
"""

from __future__ import annotations

import json
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate.critic._protocols import Generation, Identity, LabelScores, Silence
from lexgate.critic.openai import _quirks
from lexgate.critic.openai._client import Call, Client, Failure
from lexgate.critic.openai._logprobs import (
    NO_LOGPROBS,
    TOP,
    Listed,
    exact,
    read_chat,
    read_texts,
    shares,
)
from lexgate.critic.openai._replies import GarbledError
from lexgate.critic.openai._settings import Settings, read_settings
from lexgate.critic.openai._wires import only_choice
from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lexgate.critic._exchange import Conversation
    from lexgate.critic._protocols import Decoding

__all__ = ["OpenAiModel", "identity_of", "open_model"]

_PROMPTS = 16  # of one completions request


def open_model(model: str, options: Mapping[str, str]) -> OpenAiModel:
    """Open `openai/MODEL`; nothing is sent yet.

    Raises:
        UsageError: an option or the key is missing or wrong.
    """
    return OpenAiModel(Client(read_settings(model, options)))


def identity_of(settings: Settings, *parts: str) -> Identity:
    """Say what a server's model is, as far as anybody outside can."""
    served = digest(["openai", settings.base_url, settings.model])
    details = {
        "base_url": settings.base_url,
        "note": "behind HTTP: its server decides what answers to this name",
        "weights": served,  # a critic on another wire is still the same model
    }
    whole = digest([served, *parts]) if parts else served
    return Identity(settings.name, whole, tuple(sorted(details.items())))


class OpenAiModel:
    """A candidate, or the model of a critic, on a server."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.identity = identity_of(client.settings)

    def generate(
        self, conversations: Sequence[Conversation], decoding: Decoding
    ) -> list[Generation]:
        """Answer each conversation; see `Model`.

        Raises:
            EvidenceError: the server does not answer one, or the budget is spent.
        """
        calls = []
        for conversation in conversations:
            body = self._chat(conversation) | {
                "temperature": decoding.temperature,
                "max_tokens": decoding.max_new_tokens,
            }
            calls.append(
                Call("/chat/completions", _encoded(body), _read_reply, decoding.max_new_tokens)
            )
        start = time.perf_counter()
        replies = _quirks.send(self.client, calls)
        share = (time.perf_counter() - start) / max(len(calls), 1)
        for reply in replies:
            if isinstance(reply, Failure):
                raise EvidenceError(f"no answer from the candidate: {reply.silence.detail}")
        return [
            self._generation(reply, call, decoding, share)
            for reply, call in zip(replies, calls, strict=True)
        ]

    def score_labels(
        self, conversations: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores | Silence]:
        """Score each label as the first token of the reply; see `Model`.

        Raises:
            EvidenceError: the server gives no log-probabilities.
        """
        wire = "completions" if self.client.settings.wire == "completions" else "chat"
        spellings = [exact(label) for label in labels]
        found: list[LabelScores | Silence] = []
        for listed in self.first_tokens(conversations, wire):
            if listed is NO_LOGPROBS:
                raise EvidenceError(
                    f"{self.identity.name}: {NO_LOGPROBS.silence.detail}, so it scores no labels"
                )
            if isinstance(listed, Failure):
                found.append(listed.silence)
            elif isinstance(listed, Silence):
                found.append(listed)
            else:
                found.append(_scores(listed, spellings))
        return found

    def first_tokens(
        self, conversations: Sequence[Conversation], wire: str
    ) -> list[Listed | Silence | Failure]:
        """List the likeliest first tokens of the reply to each conversation."""
        common = {"temperature": 0, "max_tokens": 1}
        if wire == "chat":
            common |= {"logprobs": True, "top_logprobs": TOP}
            calls = [
                Call("/chat/completions", _encoded(self._chat(each) | common), read_chat, 1)
                for each in conversations
            ]
            return _quirks.send(self.client, calls)
        chunks = [
            conversations[start : start + _PROMPTS]
            for start in range(0, len(conversations), _PROMPTS)
        ]
        calls = []
        for chunk in chunks:
            # As without a chat template elsewhere: no roles, and the label on a line of its own.
            prompts = ["\n\n".join(turn.content for turn in each) + "\n" for each in chunk]
            body = {"model": self.client.settings.model, "prompt": prompts, "logprobs": TOP}
            count = len(chunk)
            calls.append(
                Call(
                    "/completions",
                    _encoded(body | common),
                    partial(read_texts, count=count),
                    count,
                )
            )
        replies = _quirks.send(self.client, calls)
        return [
            listed
            for reply, chunk in zip(replies, chunks, strict=True)
            for listed in ([reply] * len(chunk) if isinstance(reply, Failure) else reply)
        ]

    def report(self) -> dict[str, Any]:
        """Tell what was sent and spent."""
        return self.client.report()

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self.client.close()

    def _chat(self, conversation: Conversation) -> dict[str, Any]:
        messages = [{"role": turn.role, "content": turn.content} for turn in conversation]
        return {"model": self.client.settings.model, "messages": messages}

    def _generation(
        self, reply: dict[str, Any], call: Call, decoding: Decoding, seconds: float
    ) -> Generation:
        text, known = reply["text"], reply["usage"]
        # A server that does not count is counted for, roughly.
        sent = known.get("prompt_tokens") or max(1, len(call.body) // 4)
        written = known.get("completion_tokens")
        if written is None:
            written = min(decoding.max_new_tokens, -(-len(text) // 4))
        return Generation(text, reply["finish"], sent, written, seconds)


def _scores(listed: Listed, spellings: Sequence[frozenset[str]]) -> LabelScores | Silence:
    found = shares(listed, spellings)
    best = max(found, key=lambda share: share.listed)
    if (
        any(
            share is not best
            and share.unlisted > 0
            and best.listed <= share.listed + share.unlisted
            for share in found
        )
        or not best.listed
    ):
        return Silence("low_label_mass", f"the labels are not among the {TOP} likeliest replies")
    scores = [share.listed or share.unlisted for share in found]
    logprobs = tuple(math.log(score) if score > 0 else -math.inf for score in scores)
    return LabelScores(logprobs, any(listed.likeliest in label for label in spellings))


def _read_reply(data: Any) -> dict[str, Any] | Failure:
    choice = only_choice(data)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise GarbledError("its choice holds no message")
    text, finish = message.get("content"), choice.get("finish_reason")
    if isinstance(message.get("refusal"), str) and not text:
        text, finish = message["refusal"], "stop"  # what a user of the candidate would see
    if not isinstance(text, str) or finish not in {"stop", "length"}:
        detail = f"the reply ended by {str(finish)[:40]!r} and holds no answer"
        return Failure(200, Silence("failed", detail))
    usage = data.get("usage")
    counts = {
        key: value
        for key, value in (usage.items() if isinstance(usage, dict) else ())
        if type(value) is int and value >= 0
    }
    return {"text": text, "finish": finish, "usage": counts}


def _encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
