"""What is judged: an exchange, prompt **and** response, never a response alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Conversation", "Exchange", "Message", "as_conversation"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


Conversation = tuple[Message, ...]  # what a model is asked; ends with a user turn


@dataclass(frozen=True, slots=True)
class Exchange:
    """A conversation and the response a model gave to it."""

    prompt: Conversation
    response: str


def as_conversation(prompt: str) -> Conversation:
    """Make the one-turn conversation of a bare prompt."""
    return (Message("user", prompt),)
