r"""Llama Guard 3 and 4: every principle is a category of one prompt, that of the target `llama-guard`.

Asked once per exchange. `safe` counts only as the whole reply, with its end mark; P(unsafe) is then
the probability of a violation of each principle. Where `unsafe` is likelier, the reply is generated
and must match the target's pattern whole: principles whose code it lists are violated with
P(unsafe), the others are not. So no text is ever read as `safe`.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from lexgate.constitutions import WHOLE
from lexgate.critic._protocols import Silence
from lexgate.critic._strict import match_whole
from lexgate.critic._verdicts import Answer
from lexgate.critic.guards._guard import Memory, Reading, in_two_steps
from lexgate.critic.guards._hostile import Markers, transcript
from lexgate.critic.guards._template import Part, filled, template
from lexgate.critic.targets._llama_guard import export
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.constitutions import Constitution
    from lexgate.critic._exchange import Conversation, Exchange
    from lexgate.critic.guards._asker import Asker, Scored

__all__ = ["LlamaGuard"]

_ENDS = {"3": "<|eot_id|>", "4": "<|eot|>"}
_CONTROL = re.compile(r"<\|[a-z_]+\|>")
_SLOTS = {"prompt": 0, "response": 1}
_MOST = 128  # tokens of a reply: room for a list of some thirty codes


class LlamaGuard:
    """The prompt and the categories of one constitution."""

    name = "llama-guard"

    def __init__(self, rules: Constitution, version: str) -> None:
        if version not in _ENDS:
            raise UsageError(f"llama-guard: version must be 3 or 4, not {version!r}")
        files = export(rules).files
        self._prompt: dict[str, Any] = json.loads(files["prompt.json"])
        categories = json.loads(files["categories.json"])["categories"]
        self._codes = {p: code for code, one in categories.items() for p in one["principles"]}
        self._pattern = re.compile(self._prompt["reply"]["pattern"])
        frame = self._prompt["frames"][f"llama-guard-{version}"]
        parts: list[Part] = [frame["before"]]
        parts += [s["text"] if "text" in s else _SLOTS[s["slot"]] for s in self._prompt["prompt"]]
        parts.append(frame["after"])
        self.template: str | None = template(parts)
        self.controls = tuple(dict.fromkeys(_CONTROL.findall(frame["before"] + frame["after"])))
        self.markers = Markers(tuple(self._prompt["reserved"]), ("User", self._prompt["role"]))
        self.principles = tuple(p.id for p in rules.principles)
        # The model begins with an empty line; after `unsafe` it goes on with codes.
        self.labels = (f"\n\nsafe{_ENDS[version]}", "\n\nunsafe")
        self._memory: Memory[Reading | Silence] = Memory()

    def facts(self, principle: str) -> object:
        """Give the whole prompt: every principle stands in it."""
        return [self._prompt["prompt"], self._codes, self.labels, principle]

    def judge(
        self, principle: str, exchanges: Sequence[Exchange], asker: Asker
    ) -> list[Answer | Silence]:
        """Look each exchange's reading up for the code of the principle."""
        readings = self._memory.read(exchanges, lambda new: self._read(new, asker))
        return [self._of(reading, principle) for reading in readings]

    def conversation(self, exchange: Exchange) -> Conversation:
        """Fill the slots as the target says."""
        turns = transcript(exchange.prompt, "User: ", f"{self._prompt['role']}: ")
        return filled(turns, exchange.response)

    def _of(self, reading: Reading | Silence, principle: str) -> Answer | Silence:
        if isinstance(reading, Silence):
            return reading
        if reading.listed is None or self._codes[principle] in reading.listed:
            return reading.answer
        said = reading.answer
        return Answer(WHOLE, 0.0, said.source, said.mass, said.top)

    def _read(self, exchanges: list[Exchange], asker: Asker) -> list[Reading | Silence]:
        asked = [self.conversation(exchange) for exchange in exchanges]
        first = partial(_first, asker=asker)
        return in_two_steps(asked, asker, self.labels, most=_MOST, first=first, listed=self._listed)

    def _listed(self, answer: Answer, reply: str) -> Reading | Silence:
        found = match_whole(reply, self._pattern)
        if isinstance(found, Silence):
            return found
        if found.group(1) is None:
            return Silence("unparsable", "it says `safe` where it was likelier to say `unsafe`")
        return Reading(answer, frozenset(re.split(", *", found.group(1))))


def _first(scored: Scored, asker: Asker) -> Reading | Silence:
    safe, unsafe = scored.p
    answer = asker.answer(unsafe, safe, scored.top)
    return answer if isinstance(answer, Silence) else Reading(answer, None)
