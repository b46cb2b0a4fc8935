r"""Qwen3Guard-Gen: a policy of its own, Safe, Controversial or Unsafe, and categories.

Its prompt is the chat template that comes with the model, for that is where its policy stands; a
model whose template does not ask for this reply is refused. The whole replies that say `Safe` are
scored with their end mark, and the beginnings that say `Unsafe` and `Controversial`. Where `Unsafe`
has more than half, the reply is generated and must be the native three lines and nothing else; its
categories are looked up in the mappings. `Controversial` is no verdict, and flags of categories that
a principle is not mapped to say nothing of it. So no text is ever read as safe.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from lexgate.constitutions import TAXONOMIES
from lexgate.critic._exchange import Message
from lexgate.critic._protocols import Silence
from lexgate.critic._strict import match_whole
from lexgate.critic.guards._guard import Memory, Reading, in_two_steps
from lexgate.critic.guards._hostile import Markers
from lexgate.critic.guards._mapping import mapped, unmapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.constitutions import Constitution
    from lexgate.critic._exchange import Conversation, Exchange
    from lexgate.critic._verdicts import Answer
    from lexgate.critic.guards._asker import Asker, Scored

__all__ = ["Qwen3Guard"]

_TAXONOMY = "qwen3guard"
_KNOWN = TAXONOMIES[_TAXONOMY]
_CATEGORIES = tuple(name for name in _KNOWN if name != "Jailbreak")  # that is one of prompts only
_END = "<|im_end|>"
_ANY = "|".join(map(re.escape, _CATEGORIES))
_REPLY = re.compile(
    rf"Safety: Unsafe\nCategories: ((?:{_ANY})(?:, (?:{_ANY}))*)\nRefusal: (?:Yes|No)"
)
_MOST = 96  # tokens of a reply: all categories fit


class Qwen3Guard:
    """What a constitution maps to the categories."""

    name = "qwen3guard"
    template: str | None = None
    controls = ("<|im_start|>", _END)
    asks_for = ("Safety: Safe", "Safety: Unsafe", "Categories:", "Refusal: Yes")
    markers = Markers(
        (
            "<BEGIN CONVERSATION>",
            "<BEGIN REFUSAL POLICY>",
            "<BEGIN SAFETY POLICY>",
            "<BEGIN UNSAFE CONTENT CATEGORIES>",
            "<END CONVERSATION>",
            "Provide your safety assessment for ONLY THE LAST",
        ),
        ("USER", "ASSISTANT"),
    )
    labels = (
        f"Safety: Safe\nCategories: None\nRefusal: Yes{_END}",
        f"Safety: Safe\nCategories: None\nRefusal: No{_END}",
        "Safety: Unsafe",
        "Safety: Controversial",
    )

    def __init__(self, rules: Constitution) -> None:
        self.principles = tuple(p.id for p in rules.principles)
        # A prompt's category may be mapped: it is never flagged in a response.
        self._mapped = mapped(rules, _TAXONOMY, _KNOWN)
        self._memory: Memory[Reading | Silence] = Memory()

    def facts(self, principle: str) -> object:
        """Give the labels, the grammar and how the principle is mapped."""
        entry = self._mapped.get(principle)
        mapping = [sorted(entry.categories), entry.covers] if entry else None
        return [self.labels, _REPLY.pattern, mapping]

    def judge(
        self, principle: str, exchanges: Sequence[Exchange], asker: Asker
    ) -> list[Answer | Silence]:
        """Look each exchange's reading up for the categories of the principle."""
        if principle not in self._mapped:
            return [unmapped(asker.name, _TAXONOMY, principle)] * len(exchanges)
        readings = self._memory.read(exchanges, lambda new: self._read(new, asker))
        return [self._of(reading, principle, asker) for reading in readings]

    @staticmethod
    def conversation(exchange: Exchange) -> Conversation:
        """Give the turns from the user's first on: the model's template has no others."""
        turns = list(exchange.prompt)
        while len(turns) > 1 and turns[0].role == "system":
            turns = turns[1:]
        return (*turns, Message("assistant", exchange.response))

    def _of(self, reading: Reading | Silence, principle: str, asker: Asker) -> Answer | Silence:
        if isinstance(reading, Silence):
            return reading
        entry = self._mapped[principle]
        if reading.listed is None:
            return reading.answer if entry.covers else entry.uncovered(asker.name, principle)
        if reading.listed & entry.categories:
            return reading.answer
        other = ", ".join(sorted(reading.listed))
        detail = f"{asker.name}: unsafe for {other}, which says nothing of {principle}"
        return Silence("no_answer", detail)

    def _read(self, exchanges: list[Exchange], asker: Asker) -> list[Reading | Silence]:
        asked = [self.conversation(exchange) for exchange in exchanges]
        first = partial(_first, asker=asker)
        return in_two_steps(asked, asker, self.labels, most=_MOST, first=first, listed=_listed)


def _first(scored: Scored, asker: Asker) -> Reading | Silence:
    """Read the first line: one of the three must have more than the other two together."""
    safe, unsafe, unclear = scored.p[0] + scored.p[1], scored.p[2], scored.p[3]
    # Neither side may be helped by `Controversial`: it counts against whichever is asked for.
    against_safe = asker.answer(unsafe + unclear, safe, scored.top)
    if isinstance(against_safe, Silence) or against_safe.p < 0.5:
        return against_safe if isinstance(against_safe, Silence) else Reading(against_safe, None)
    for_unsafe = asker.answer(unsafe, safe + unclear, scored.top)
    if isinstance(for_unsafe, Silence) or for_unsafe.p > 0.5:
        return for_unsafe if isinstance(for_unsafe, Silence) else Reading(for_unsafe, None)
    return Silence("tie", f"{asker.name}: it calls the response controversial or is undecided")


def _listed(answer: Answer, reply: str) -> Reading | Silence:
    found = match_whole(reply, _REPLY)
    if isinstance(found, Silence):
        return found
    return Reading(answer, frozenset(found.group(1).split(", ")))
