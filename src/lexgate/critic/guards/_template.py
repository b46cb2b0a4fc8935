"""Prompts of a guard as a chat template of ours: control tokens are ours, messages only fill slots.

A tokenizer that is given this template renders a conversation whose n-th message is the text of slot
n. So all that `hf/_tokens.py` does for conversations holds for slots: what a message says is defused,
and the control tokens of the result must be those of harmless messages. Invariant: a text of ours is
a string literal in the template, whatever braces or quotes it holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgate.critic._exchange import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.critic._exchange import Conversation

__all__ = ["Part", "filled", "literal", "template"]

Part = str | int  # a text of ours, or the number of the slot that stands here
_ROLES = ("user", "assistant", "system")  # names of the first three slots; they show nowhere


def template(*layouts: Sequence[Part]) -> str:
    """Write the template that lays out as many messages as a layout has slots.

    Raises:
        ValueError: two layouts have the same number of slots, or slots are not counted from 0.
    """
    branches: dict[int, str] = {}
    for parts in layouts:
        slots = {part for part in parts if isinstance(part, int)}
        if slots != set(range(len(slots))) or len(slots) in branches or len(slots) > len(_ROLES):
            message = f"no layout, or one of that many slots is there already: {parts}"
            raise ValueError(message)
        branches[len(slots)] = "".join(map(_expression, parts))
    written = [
        f"{{% {'elif' if number else 'if'} messages|length == {count} %}}{body}"
        for number, (count, body) in enumerate(branches.items())
    ]
    refusal = '{{ raise_exception("this guard has no layout for that many texts") }}'
    return "".join([*written, "{% else %}", refusal, "{% endif %}"])


def filled(*texts: str) -> Conversation:
    """Make the conversation that fills the slots, in their order."""
    roles = _ROLES[: len(texts)]
    return tuple(
        Message(role, text)  # type: ignore[arg-type]
        for role, text in zip(roles, texts, strict=True)
    )


def literal(text: str) -> str:
    """Write a text as a string of Jinja's."""
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'


def _expression(part: Part) -> str:
    inner = literal(part) if isinstance(part, str) else f"messages[{part}]['content']"
    return f"{{{{ {inner} }}}}"
