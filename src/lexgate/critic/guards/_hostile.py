"""What a judged text may not hold, because a guard's format has nothing but words to mark its parts.

Control tokens are broken by the tokenizer's side (`hf/_tokens.py`). But `<END CONVERSATION>` or a
line that begins with `Agent:` is ordinary text: nothing in the format shows that it is not the
frame. Such an exchange is not asked about, and the guard is silent. Laws (tested): neither case,
white space, width nor invisible characters hide a marker.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexgate._text import printable
from lexgate.critic._protocols import Silence

if TYPE_CHECKING:
    from lexgate.critic._exchange import Conversation, Exchange

__all__ = ["Markers", "transcript"]


@dataclass(frozen=True, slots=True)
class Markers:
    """The words that a format marks its parts with."""

    anywhere: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()  # only at the beginning of a line, before a colon

    def silence(self, exchange: Exchange) -> Silence | None:
        """Return why an exchange cannot be shown in this format, or None."""
        for text in (*(message.content for message in exchange.prompt), exchange.response):
            if found := self._found(text):
                detail = f"the judged text holds {printable(found)!r}, a part of the guard's prompt"
                return Silence("injection", detail)
        return None

    def _found(self, text: str) -> str:
        plain = _plain(text)
        squeezed = "".join(plain.split())
        for marker in self.anywhere:
            if "".join(_plain(marker).split()) in squeezed:
                return marker
        names = {"".join(_plain(speaker).split()): speaker for speaker in self.speakers}
        for line in plain.splitlines():
            head, colon, _ = line.partition(":")
            name = "".join(c for c in head if c.isalnum())  # `> **Agent**:` speaks as well
            if colon and name in names:
                return f"{names[name]}:"
        return ""


def transcript(prompt: Conversation, user: str, assistant: str, *, system: bool = False) -> str:
    """Write the turns before the response as one text: the first one bare, the others by name.

    Args:
        prompt: The turns.
        user: What stands before a later turn of the user.
        assistant: What stands before a later turn of the assistant.
        system: Whether turns before the user's first one are kept; formats without a place for
            them leave them out.
    """
    turns = list(prompt)
    while not system and len(turns) > 1 and turns[0].role != "user":
        turns = turns[1:]
    names = {"user": user, "assistant": assistant, "system": user}
    later = [f"{names[turn.role]}{turn.content}" for turn in turns[1:]]
    return "\n\n".join([*(turn.content for turn in turns[:1]), *later])


def _plain(text: str) -> str:
    shown = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return "".join(shown).casefold()
