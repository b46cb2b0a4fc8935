"""Which prefixes of a batch of token rows are computed once: a tree, chosen by cost. No tensors.

Works on token ids, so merges of a tokenizer across the boundary of two texts cannot break equality.
Law (tested): the ids on the path to a row, and the row's own rest, spell the row; each row ends in
exactly one node; and the last `tail` tokens of a row are never shared.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lexgate.critic.hf._layout import Row

__all__ = ["Node", "common", "plan", "unique_tokens"]


@dataclass(slots=True)
class Node:
    """Tokens that all rows below share, and the rows that part from each other after them."""

    start: int  # tokens on the path before this node
    ids: tuple[int, ...]
    leaves: list[int] = field(default_factory=list)  # indices of rows whose rest is their own
    children: list[Node] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.start + len(self.ids)


def plan(rows: Sequence[Row], call: float, start: int = 0) -> Node:
    """Plan the tree of some rows with different ids.

    Args:
        rows: What is to be computed; the last `tail` tokens of each stay its own.
        call: What one more forward pass costs, in tokens: sharing that saves less is left alone.
        start: Leading tokens that all rows share and that are computed already.
    """
    order = sorted(range(len(rows)), key=lambda i: rows[i].ids)
    shared = [0, *(_shared(rows[a], rows[b]) for a, b in itertools.pairwise(order))]
    root = Node(start, ())
    work = [(0, len(order), root)]
    while work:
        low, high, parent = work.pop()
        if high - low == 1:
            parent.leaves.append(order[low])
            continue
        depth = min(shared[low + 1 : high], default=0)
        if (depth - parent.end) * (high - low - 1) > call:
            node = Node(parent.end, rows[order[low]].ids[parent.end : depth])
            parent.children.append(node)
            parent = node
        cuts = [low, *(i for i in range(low + 1, high) if shared[i] == depth), high]
        # Last in, first out: reversed, so that the walk goes from left to right.
        work += [(a, b, parent) for a, b in itertools.pairwise(cuts)][::-1]
    return root


def common(rows: Sequence[Row]) -> tuple[int, ...]:
    """Return the leading ids that all rows share."""
    first, last = (pick(rows, key=lambda row: row.ids) for pick in (min, max))
    most = min(len(row.ids) - row.tail for row in rows)
    return first.ids[: min(most, _shared(first, last))]


def unique_tokens(root: Node, rows: Sequence[Row]) -> int:
    """Count the tokens that the tree computes."""
    return sum(
        len(node.ids) + sum(len(rows[i].ids) - node.end for i in node.leaves)
        for node in _nodes(root)
    )


def _nodes(root: Node) -> Iterator[Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += node.children


def _shared(one: Row, other: Row) -> int:
    """Count leading ids two rows have in common, up to what each must keep."""
    a, b = one.ids, other.ids
    most = min(len(a) - one.tail, len(b) - other.tail)
    if a[:most] == b[:most]:
        return most
    low, high = 0, most  # a[:low] == b[:low], a[:high] != b[:high]
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle)
    return low
