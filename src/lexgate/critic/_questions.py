"""What a constitution says about a question: the principles that ask it, their checks and examples.

Two principles may ask one question; a critic asks it once, so whatever answers it from the
constitution must pool what all of them say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgate.critic._prompts import compile_prompts

if TYPE_CHECKING:
    from lexgate.constitutions import Constitution, Principle, Sight
    from lexgate.critic._exchange import Exchange

__all__ = ["SEES", "askers", "seen"]

SEES: dict[Sight, frozenset[Sight]] = {  # what is visible to whoever sees the key
    "prompt": frozenset({"prompt"}),
    "response": frozenset({"response"}),
    "exchange": frozenset({"prompt", "response", "exchange"}),
}


def askers(constitution: Constitution) -> dict[str, list[tuple[Principle, str]]]:
    """Map each question's digest to the (principle, proposition id) pairs that ask it."""
    asking: dict[str, list[tuple[Principle, str]]] = {}
    for prompt in compile_prompts(constitution):
        principle = constitution.principle(prompt.principle)
        for question in prompt.questions:
            asking.setdefault(question.digest, []).append((principle, question.proposition))
    return asking


def seen(exchange: Exchange, sees: Sight) -> str:
    """Return the bare text of what may be seen, turns on lines of their own."""
    turns = [] if sees == "response" else [message.content for message in exchange.prompt]
    return "\n".join(turns if sees == "prompt" else [*turns, exchange.response])
