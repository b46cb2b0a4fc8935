"""The public fake: a model that does what a function says. No network, no tokenizer, no weights.

Its name stands for its functions: give two different scripts two different names.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from lexgate._digests import digest
from lexgate.critic._protocols import Decoding, Generation, Identity, LabelScores, Silence
from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lexgate.critic._exchange import Conversation

__all__ = ["SCRIPTS", "ScriptedModel"]


class ScriptedModel:
    """Replies with `reply(conversation)`; scores `label_p(conversation, label)`, a probability."""

    def __init__(
        self,
        name: str = "scripted/unnamed",
        *,
        reply: Callable[[Conversation], str] | None = None,
        label_p: Callable[[Conversation, str], float] | None = None,
    ) -> None:
        self.identity = Identity(name, digest(["scripted", name]))
        self._reply = reply
        self._label_p = label_p

    def generate(
        self, conversations: Sequence[Conversation], decoding: Decoding
    ) -> list[Generation]:
        """Reply word by word as scripted; a token is a word, cut at `max_new_tokens` of them."""
        if self._reply is None:
            raise EvidenceError(f"{self.identity.name} has no script for replies")
        return [_cut(c, self._reply(c), decoding.max_new_tokens) for c in conversations]

    def score_labels(
        self, conversations: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores | Silence]:
        """Score as scripted."""
        if self._label_p is None:
            raise EvidenceError(f"{self.identity.name} has no script for label scores")
        odds = [[self._label_p(c, label) for label in labels] for c in conversations]
        return [LabelScores(tuple(math.log(max(p, 1e-30)) for p in row)) for row in odds]


def _cut(conversation: Conversation, reply: str, limit: int) -> Generation:
    words = reply.split(" ")
    asked = sum(len(message.content.split(" ")) for message in conversation)
    kept = words[:limit]
    finish: Literal["stop", "length"] = "stop" if kept == words else "length"
    return Generation(" ".join(kept), finish, asked, len(kept), 0.0)


SCRIPTS: dict[str, Callable[[], ScriptedModel]] = {  # what the command line can name
    "yes": lambda: _certain("yes"),
    "no": lambda: _certain("no"),
    "refuse": lambda: ScriptedModel("scripted/refuse", reply=lambda _: "I can't help with that."),
    "echo": lambda: ScriptedModel("scripted/echo", reply=lambda c: c[-1].content),
}


def _certain(word: str) -> ScriptedModel:
    return ScriptedModel(
        f"scripted/{word}",
        reply=lambda _: word,
        label_p=lambda _, label: 0.99 if label == word else 0.01,
    )
