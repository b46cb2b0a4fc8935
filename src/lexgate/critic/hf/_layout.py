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
    # In descending order a body follows right after those that begin with it.
    homes: dict[tuple[int, ...], tuple[int, ...]] = {}
    last: tuple[int, ...] = ()
    for body in sorted({tokens[:-1] for tokens in prompt.labels}, reverse=True):
        homes[body] = homes[last] if homes and last[: len(body)] == body else body
        last = body
    reads: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
    for label, tokens in enumerate(prompt.labels):
        reads.setdefault(homes[tokens[:-1]], []).append((label, tokens))
    return [
        Row(item, prompt.prompt + body, len(body) + 1, tuple(reads[body])) for body in sorted(reads)
    ]


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
