"""ShieldGemma: one call per principle, the target `shieldgemma`'s prompt, P(Yes) over Yes and No.

Nothing is generated: the published score is the softmax of the next token being `Yes` or `No`. An
explanation may follow in a reply, so the labels are its beginning and not the whole of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lexgate.critic._protocols import Silence
from lexgate.critic.guards._hostile import Markers, transcript
from lexgate.critic.guards._template import Part, filled, template
from lexgate.critic.targets._shieldgemma import export

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.constitutions import Constitution
    from lexgate.critic._exchange import Conversation, Exchange
    from lexgate.critic._verdicts import Answer
    from lexgate.critic.guards._asker import Asker

__all__ = ["ShieldGemma"]

_START = "<bos>"  # the published code lets the tokenizer put it before the prompt
_SLOTS = {"prompt": 0, "response": 1}
_GUIDELINE = 2


class ShieldGemma:
    """The prompts of one constitution; they differ in the guideline alone."""

    name = "shieldgemma"
    controls = (_START, "<start_of_turn>", "<end_of_turn>")

    def __init__(self, rules: Constitution) -> None:
        files = export(rules).files
        self._files: dict[str, dict[str, Any]] = {
            p.id: json.loads(files[f"prompts/{p.id}.json"]) for p in rules.principles
        }
        self.principles = tuple(self._files)
        templates = {template(_parts(file)) for file in self._files.values()}
        if len(templates) != 1:
            message = "the prompts of two principles differ in more than their guideline"
            raise ValueError(message)
        self.template: str | None = templates.pop()
        first = next(iter(self._files.values()))
        self.markers = Markers(tuple(first["reserved"]))
        self.labels: tuple[str, str] = (first["score"]["yes"], first["score"]["no"])

    def facts(self, principle: str) -> object:
        """Give the file of the target."""
        file = self._files[principle]
        return [file["prompt"], file["yes_means"], self.labels]

    def judge(
        self, principle: str, exchanges: Sequence[Exchange], asker: Asker
    ) -> list[Answer | Silence]:
        """Score `Yes` and `No` after each exchange."""
        asked = [self.conversation(principle, exchange) for exchange in exchanges]
        return [
            s if isinstance(s, Silence) else asker.answer(s.p[0], s.p[1], s.top)
            for s in asker.scores(asked, self.labels)
        ]

    def conversation(self, principle: str, exchange: Exchange) -> Conversation:
        """Fill the slots as the target says, and the guideline as a third one."""
        turns = transcript(exchange.prompt, "User: ", "Assistant: ", system=True)
        return filled(turns, exchange.response, self._files[principle]["guideline"])


def _parts(file: dict[str, Any]) -> list[Part]:
    """Lay the target's segments out, the guideline as a slot of its own."""
    parts: list[Part] = [_START]
    for segment in file["prompt"]:
        if "slot" in segment:
            parts.append(_SLOTS[segment["slot"]])
            continue
        before, guideline, after = segment["text"].partition(file["guideline"])
        parts += [before, _GUIDELINE, after] if guideline else [before]
    return parts
