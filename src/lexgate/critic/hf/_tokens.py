"""Conversations to token ids, by the model's own tokenizer and chat template.

A candidate is asked as it is deployed. A critic reads hostile text: nothing inside a message may
become a control token, or it could close its turn and speak as somebody else. So strings that
spell one are broken by a space, and then the ids are compared with those of a harmless
conversation of the same roles: the control tokens must be the same, one for one, or there is no
prompt at all. Law (tested): the control tokens of a prompt depend on its roles alone.

Without a chat template, turns are joined by blank lines with no roles, nothing is added to a single
turn, and a label stands on a line of its own.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate.critic._exchange import Message
from lexgate.critic._protocols import Silence
from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.critic._exchange import Conversation

__all__ = ["Guarded", "LabelPrompt", "Tokens"]

_END = 200  # characters behind the last control token; a longer end is the judged text itself


@dataclass(frozen=True, slots=True)
class LabelPrompt:
    """A prompt and, per label, the token ids that spell it right after the prompt."""

    prompt: tuple[int, ...]
    labels: tuple[tuple[int, ...], ...]  # never empty ones


@dataclass(frozen=True, slots=True)
class Guarded:
    """A conversation that forges no control token any more, and its ids as `prompts` gives them."""

    conversation: Conversation
    ids: tuple[int, ...]


class Tokens:
    """A tokenizer, read the way this room needs it."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._chat = bool(tokenizer.chat_template)
        self._skeletons: dict[tuple[str, ...], list[int]] = {}
        self._ends: dict[tuple[str, tuple[str, ...]], list[list[int]]] = {}
        self.end_ids = {tokenizer.eos_token_id} - {None}
        self._control = self._control_ids()
        spelled = sorted(map(self._spelling, self._control), key=lambda text: (-len(text), text))
        breakable = [re.escape(text) for text in spelled if len(text) > 1]
        self._forged = re.compile("|".join(breakable) or r"(?!)", re.IGNORECASE)

    def prompts(self, conversations: Sequence[Conversation]) -> list[list[int]]:
        """Encode conversations as the deployed model would receive them.

        Raises:
            EvidenceError: the chat template refuses a conversation, or there is nothing to say.
        """
        encoded = self._encode([self._render(c) for c in conversations])
        if any(not ids for ids in encoded):
            raise EvidenceError("a prompt has no tokens: there is nothing to answer")
        return encoded

    def label_prompts(
        self, conversations: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelPrompt | Silence]:
        """Encode conversations whose content is hostile, and the labels as they follow."""
        safe = [tuple(map(self._defuse, conversation)) for conversation in conversations]
        before = [self._render(c) + ("" if self._chat else "\n") for c in safe]
        plain = self._encode(before)
        rows = [self._spliced(text, ids, labels) for text, ids in zip(before, plain, strict=True)]
        whole = [i for i, row in enumerate(rows) if not row]
        encoded = iter(self._encode([before[i] + label for i in whole for label in labels]))
        for i in whole:
            rows[i] = [plain[i], *(next(encoded) for _ in labels)]
        return [
            self._label_prompt(conversation, row)
            for conversation, row in zip(safe, rows, strict=True)
        ]

    def guarded(self, conversations: Sequence[Conversation]) -> list[Guarded | Silence]:
        """Defuse conversations whose content is hostile and that a reply is to be generated to."""
        safe = [tuple(map(self._defuse, conversation)) for conversation in conversations]
        encoded = self._encode([self._render(conversation) for conversation in safe])
        guarded: list[Guarded | Silence] = []
        for conversation, ids in zip(safe, encoded, strict=True):
            skeleton = self._skeleton(tuple(message.role for message in conversation))
            same = self._controls(ids) == self._controls(skeleton)
            forged = Silence("unparsable", "the judged text spells control tokens of the critic")
            guarded.append(Guarded(conversation, tuple(ids)) if same else forged)
        return guarded

    def text(self, ids: Sequence[int]) -> str:
        """Decode a response, control tokens left out."""
        decoded: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return decoded

    def _spliced(self, text: str, ids: list[int], labels: Sequence[str]) -> list[list[int]]:
        """Encode a text with each label after it, from its end alone; nothing where that is unsafe.

        Nothing merges across a control token, so what stands behind the last one is encoded by
        itself, once for all prompts that end alike.
        """
        last = max((at for at, id_ in enumerate(ids) if id_ in self._control), default=-1)
        at = text.rfind(self._spelling(ids[last])) if last >= 0 else -1
        if at < 0 or len(text) - at > _END:
            return []
        key = (text[at:], tuple(labels))
        if key not in self._ends:
            self._ends[key] = self._encode([key[0] + label for label in ("", *labels)])
        plain, *labelled = self._ends[key]
        if plain != ids[last:] or any(end[:1] != plain[:1] for end in labelled):
            return []
        return [ids, *(ids[:last] + end for end in labelled)]

    def _label_prompt(
        self, conversation: Conversation, row: list[list[int]]
    ) -> LabelPrompt | Silence:
        skeleton = self._skeleton(tuple(message.role for message in conversation))
        if self._controls(row[0]) != self._controls(skeleton):
            return Silence("unparsable", "the judged text spells control tokens of the critic")
        # A tokenizer may merge the prompt's end into the label: then the label begins earlier.
        shared = _shared(row)
        labels = tuple(tuple(ids[shared:]) for ids in row[1:])
        if shared == 0 or not all(labels):
            return Silence("failed", "the tokenizer cannot tell the labels from the prompt")
        return LabelPrompt(tuple(row[0][:shared]), labels)

    def _defuse(self, message: Message) -> Message:
        content = message.content
        for _ in range(3):  # breaking one string can complete another around it
            if not self._forged.search(content):
                break
            content = self._forged.sub(lambda m: f"{m[0][0]} {m[0][1:]}", content)
        return Message(message.role, content)

    def _render(self, conversation: Conversation) -> str:
        if not self._chat:
            return "\n\n".join(message.content for message in conversation)
        turns = [{"role": message.role, "content": message.content} for message in conversation]
        try:
            rendered: str = self._tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True
            )
        except Exception as error:
            roles = ", ".join(message.role for message in conversation)
            raise EvidenceError(
                f"the chat template refuses a conversation of {roles}: {error}"
            ) from error
        return rendered

    def _encode(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        # A chat template writes the control tokens itself; a plain text gets the tokenizer's own.
        ids: list[list[int]] = self._tokenizer(texts, add_special_tokens=not self._chat)[
            "input_ids"
        ]
        return ids if self._chat else [self._open_ended(row) for row in ids]

    def _open_ended(self, ids: list[int]) -> list[int]:
        while ids and ids[-1] in self.end_ids and len(ids) > 1:
            ids = ids[:-1]  # some tokenizers close every text, and nothing can follow then
        return ids

    def _skeleton(self, roles: tuple[str, ...]) -> list[int]:
        if roles not in self._skeletons:
            harmless = tuple(Message(role, "x") for role in roles)  # type: ignore[arg-type]
            plain = "" if self._chat else "\n"
            self._skeletons[roles] = self._encode([self._render(harmless) + plain])[0]
        return self._skeletons[roles]

    def _controls(self, ids: Sequence[int]) -> list[int]:
        return [i for i in ids if i in self._control]

    def _control_ids(self) -> frozenset[int]:
        added = self._tokenizer.added_tokens_decoder
        control = {i for i, token in added.items() if token.special}
        control |= set(self._tokenizer.all_special_ids)
        # Some models mark turns with added tokens not declared special: the template shows them.
        for roles in (("user",), ("user", "assistant", "user"), ("system", "user")):
            try:
                control |= {i for i in self._skeleton(roles) if i in added}
            except EvidenceError:
                continue  # a template may refuse system turns
        structural = {self._tokenizer.bos_token_id, self._tokenizer.eos_token_id}
        if self._tokenizer.unk_token_id not in structural:
            control.discard(self._tokenizer.unk_token_id)  # any rare character becomes this one
        return frozenset(i for i in control if self._spelling(i).strip())

    def _spelling(self, id_: int) -> str:
        return str(self._tokenizer.convert_ids_to_tokens(id_))


def _shared(rows: list[list[int]]) -> int:
    """Count the leading ids that all rows have in common."""
    first = len(rows[0])
    if all(row[:first] == rows[0] for row in rows):
        return first  # nearly always: the labels just follow
    columns = zip(*rows, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, columns))
