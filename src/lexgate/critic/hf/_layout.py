"""How prompts are laid out for a network: rows of token ids, batches of rows. No tensors here.

Law (tested): every label of every prompt is read exactly once, and every row is in one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.critic.hf._tokens import LabelPrompt

__all__ = ["Row", "batches", "longest", "rows"]

_BUDGET = 16_384  # padded tokens in one forward pass


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence to run: a prompt and so much of a label as other tokens of it follow."""

    item: int  # index of the conversation
    ids: tuple[int, ...]
    tail: int  # how many last positions are read
    reads: tuple[tuple[int, tuple[int, ...]], ...]  # (label index, its tokens)


def rows(item: int, prompt: LabelPrompt) -> list[Row]:
    """Lay out the rows to run; labels whose tokens nest share one."""
    bodies = {tokens[:-1] for tokens in prompt.labels}
    outer = [b for b in bodies if not any(o != b and o[: len(b)] == b for o in bodies)]
    laid = []
    taken: set[int] = set()
    for body in sorted(outer):
        reads = tuple(
            (label, tokens)
            for label, tokens in enumerate(prompt.labels)
            if body[: len(tokens) - 1] == tokens[:-1] and label not in taken
        )
        taken |= {label for label, _ in reads}
        laid.append(Row(item, prompt.prompt + body, len(body) + 1, reads))
    return laid


def longest(prompt: LabelPrompt) -> int:
    return len(prompt.prompt) + max(map(len, prompt.labels))


def batches(
    lengths: Sequence[int], most: int, budget: int = _BUDGET, before: int = 0
) -> list[list[int]]:
    """Group indices into batches of like length, longest first, within the token budget.

    `before` tokens of each row are cached already: they take room too.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        last = groups[-1] if groups else []
        full = len(last) >= most or (
            last and (before + lengths[last[0]]) * (len(last) + 1) > budget
        )
        if not last or full:
            groups.append([index])
        else:
            last.append(index)
    return groups
