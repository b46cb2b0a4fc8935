"""Granite Guardian: one call per principle, the messages of the target `granite-guardian`.

Polarity is the target's: its criterion is that the rule is *violated*, for rules that prohibit and
for rules that require alike, so `yes` is a violation. It is read from the target's file and not
assumed. The fixed beginning of the no-think reply, up to `<score>`, is written for the model; `no`
counts only if the reply ends with it. Nothing is generated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lexgate.critic._exchange import Message
from lexgate.critic._protocols import Silence
from lexgate.critic.guards._hostile import Markers
from lexgate.critic.guards._template import literal
from lexgate.critic.targets._granite_guardian import export

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.constitutions import Constitution
    from lexgate.critic._exchange import Conversation, Exchange
    from lexgate.critic._verdicts import Answer
    from lexgate.critic.guards._asker import Asker

__all__ = ["GraniteGuardian"]

_OPEN, _CLOSE, _END = "<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"
_BEGUN = "<think>\n</think>\n<score>"  # of the reply that the target asks for
_SPELLINGS = (" {} </score>", "{}</score>")
_AFTER_YES = ("",)
_AFTER_NO = (_END, f"\n{_END}")
_TEMPLATE = (
    f"{{% for m in messages %}}{{{{ {literal(_OPEN)} }}}}{{{{ m['role'] }}}}"
    f"{{{{ {literal(_CLOSE)} }}}}{{{{ m['content'] }}}}{{{{ {literal(_END)} + {literal(chr(10))} }}}}"
    f"{{% endfor %}}{{{{ {literal(f'{_OPEN}assistant{_CLOSE}{_BEGUN}')} }}}}"
)
_VIOLATED = {"violated": True, "not violated": False}


class GraniteGuardian:
    """The criteria of one constitution."""

    name = "granite-guardian"
    controls = (_OPEN, _CLOSE, _END)

    def __init__(self, rules: Constitution) -> None:
        files = export(rules).files
        self._files: dict[str, dict[str, Any]] = {
            p.id: json.loads(files[f"criteria/{p.id}.json"]) for p in rules.principles
        }
        self.principles = tuple(self._files)
        self.template: str | None = _TEMPLATE
        self.markers = Markers(tuple(next(iter(self._files.values()))["reserved"]))

    def facts(self, principle: str) -> object:
        """Give what of the target's file is asked and read."""
        file = self._files[principle]
        return [file["messages"], file["yes_means"], file["no_means"], *self.labels(principle)]

    def labels(self, principle: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Spell what says that the rule is violated, and what says that it is not."""
        file = self._files[principle]
        violated = "yes" if _VIOLATED[file["yes_means"]] else "no"
        complies = "no" if violated == "yes" else "yes"
        if _VIOLATED[file["no_means"]] == _VIOLATED[file["yes_means"]]:
            message = f"both answers mean the same: {file['yes_means']}"
            raise ValueError(message)
        return (
            tuple(s.format(violated) + end for s in _SPELLINGS for end in _AFTER_YES),
            tuple(s.format(complies) + end for s in _SPELLINGS for end in _AFTER_NO),
        )

    def judge(
        self, principle: str, exchanges: Sequence[Exchange], asker: Asker
    ) -> list[Answer | Silence]:
        """Score the spellings of both answers after each exchange."""
        asked = [self.conversation(principle, exchange) for exchange in exchanges]
        violated, complies = self.labels(principle)
        count = len(violated)
        return [
            s if isinstance(s, Silence) else asker.answer(sum(s.p[:count]), sum(s.p[count:]), s.top)
            for s in asker.scores(asked, violated + complies)
        ]

    def conversation(self, principle: str, exchange: Exchange) -> Conversation:
        """Put the guardian block after the exchange, as the last turn of the user."""
        (segment,) = self._files[principle]["messages"][-1]["content"]
        return (
            *exchange.prompt,
            Message("assistant", exchange.response),
            Message("user", segment["text"]),
        )
