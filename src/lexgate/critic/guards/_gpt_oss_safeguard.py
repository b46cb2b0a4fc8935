"""gpt-oss-safeguard: one principle per call, as a policy text; a label after reasoning.

The policy is the format `gpt-oss-safeguard` of the constitution with this one principle, in the
harmony turn for instructions; the exchange is the user's turn. The model is asked twice: for its
reasoning, in the analysis channel up to the end of that message, and then for the final message,
which is begun for it. The reasoning stands in a slot of its own, defused like judged text. So a
label in it, quoted or dreamt up, is never taken for the verdict: that is the whole final message
or there is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lexgate.constitutions import WHOLE, write_format
from lexgate.critic._prompts import view
from lexgate.critic._protocols import Silence
from lexgate.critic._strict import parse_choice
from lexgate.critic._verdicts import Answer
from lexgate.critic.guards._hostile import Markers
from lexgate.critic.guards._template import filled, template
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.constitutions import Constitution, Principle
    from lexgate.critic._exchange import Conversation, Exchange
    from lexgate.critic.guards._asker import Asker

__all__ = ["GptOssSafeguard"]

_EFFORTS = ("low", "medium", "high")
_LABEL = 16  # tokens of the final message
_CODES = re.compile(r"^- `([A-Z]+[0-9]+)`: ", re.MULTILINE)
_OUTPUT = "Answer with exactly one label, `{none}` or `{broken}`, and nothing else."
_SYSTEM = (  # as harmony has it, without the date: it would make a verdict depend on the day
    "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n"
    "Knowledge cutoff: 2024-06\n\nReasoning: {effort}\n\n"
    "# Valid channels: analysis, commentary, final. Channel must be included for every message."
    "<|end|><|start|>developer<|message|># Instructions\n\n"
)
_USER = "\n\n<|end|><|start|>user<|message|>"
_ANALYSIS = "<|end|><|start|>assistant<|channel|>analysis<|message|>"
_FINAL = "<|end|><|start|>assistant<|channel|>final<|message|>"


@dataclass(frozen=True, slots=True)
class _Policy:
    text: str
    none: str  # the label that says: not violated
    broken: str


class GptOssSafeguard:
    """The policies of one constitution."""

    name = "gpt-oss-safeguard"
    controls = ("<|start|>", "<|message|>", "<|channel|>", "<|end|>", "<|return|>")
    ends = ("<|end|>", "<|return|>")  # a message of the reply is over at either
    markers = Markers()  # all that marks a part of a harmony prompt is a token

    def __init__(self, rules: Constitution, effort: str, most: int) -> None:
        if effort not in _EFFORTS:
            raise UsageError(
                f"gpt-oss-safeguard: reasoning must be low, medium or high, not {effort!r}"
            )
        self._most = most
        self._policies = {p.id: _policy(rules, p) for p in rules.principles}
        self.principles = tuple(self._policies)
        asked = (_SYSTEM.format(effort=effort), 0, _USER, 1, _ANALYSIS)
        self.template: str | None = template(asked, (*asked, 2, _FINAL))

    def facts(self, principle: str) -> object:
        """Give the policy, its labels and how long the reasoning may be."""
        policy = self._policies[principle]
        return [policy.text, policy.none, policy.broken, self._most]

    def judge(
        self, principle: str, exchanges: Sequence[Exchange], asker: Asker
    ) -> list[Answer | Silence]:
        """Let it reason about each exchange, then take the final message."""
        asked = [self.conversation(principle, exchange) for exchange in exchanges]
        replies: list[Answer | Silence] = []
        reasons = asker.replies(asked, self._most)
        whole = [
            filled(*(turn.content for turn in conversation), reason)
            for conversation, reason in zip(asked, reasons, strict=True)
            if not isinstance(reason, Silence)
        ]
        finals = iter(asker.replies(whole, _LABEL))
        for reason in reasons:
            final = reason if isinstance(reason, Silence) else next(finals)
            replies.append(self._read(principle, final, asker))
        return replies

    def conversation(self, principle: str, exchange: Exchange) -> Conversation:
        """Fill the slots of the policy and of the content."""
        content = "\n".join(view(exchange, "exchange"))
        return filled(self._policies[principle].text, content)

    def _read(self, principle: str, final: str | Silence, asker: Asker) -> Answer | Silence:
        if isinstance(final, Silence):
            return final
        policy = self._policies[principle]
        # The policy writes its labels between backticks: both are the label, letter by letter.
        menu = {policy.none: 0.0, policy.broken: 1.0}
        menu |= {f"`{label}`": p for label, p in menu.items()}
        p = parse_choice(final, menu)
        return p if isinstance(p, Silence) else Answer(WHOLE, p, asker.name)


def _policy(rules: Constitution, principle: Principle) -> _Policy:
    """Write the policy of one principle; what it says of its neighbours is left out."""
    public = [example for example in principle.examples if example.split == "public"]
    # Their ids reach no prompt, and the format is stricter about them than a constitution in memory.
    named = tuple(replace(example, id=f"e{at}") for at, example in enumerate(public))
    one = replace(principle, overrides=(), examples=named)
    alone = replace(rules, principles=(one,), mappings=())
    text = write_format("gpt-oss-safeguard", alone, sealed=False).files["policy.md"].decode("utf-8")
    # Only the codes of the label format: rules can hold lines that look like them, before it.
    codes = _CODES.findall(text.rpartition("\n## Label Format\n")[2])
    if len(codes) != 2:
        message = f"the policy of {principle.id} has the labels {codes}, not two"
        raise ValueError(message)
    none, broken = codes
    return _Policy(f"{text}\n{_OUTPUT.format(none=none, broken=broken)}", none, broken)
