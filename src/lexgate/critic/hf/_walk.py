"""Forward passes over a tree of shared prefixes, three ways, and over single rows.

`packed` runs a node and all rows that end in it as one row (`_packed`); `trie` runs the node, then
its rows as a batch padded on the right, on a repeated cache; `plain` runs whole rows, padded. In a
causal model nothing sees what stands to its right, so padding there needs no mask.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch

from lexgate.critic.hf._layout import batches
from lexgate.critic.hf._packed import Layout, UnfitAttentionError, packed, using_packed
from lexgate.critic.hf._picks import Picks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lexgate.critic.hf._layout import Row
    from lexgate.critic.hf._trie import Node

__all__ = ["Path", "Read", "Walk", "cache_kinds"]

Path = Literal["packed", "trie", "deep trie", "plain", "single"]
_KEPT = 2**25  # logits in one forward pass


@dataclass(frozen=True, slots=True)
class Read:
    """One label read at the end of a row."""

    logprob: float  # in nats, of all its tokens
    greedy: bool  # whether each of its tokens is the likeliest


@dataclass(slots=True)
class Walk:
    """A network and how much of a batch it takes at once."""

    network: Any
    pad: int
    budget: int  # tokens in one forward pass, padding and repeated cache included
    most: int  # rows in one batch

    def single(self, row: Row) -> list[Read]:
        """Run one row alone, unpadded and without a cache: what all other ways must agree with."""
        at = torch.tensor([_last(row)])
        ids = torch.tensor([row.ids])
        logits = _run(self.network, ids, at, skip=False, use_cache=False).logits
        return _reads(logits[0], row)

    def plain(self, rows: Sequence[Row]) -> list[list[Read]]:
        """Run whole rows in padded batches."""
        found: dict[int, list[Read]] = {}
        most = min(self.most, self._rows(max(row.tail for row in rows)))
        for batch in batches([len(row.ids) for row in rows], most, self.budget):
            found.update(self._batch(rows, batch, 0, None, mask=True))
        return [found[i] for i in range(len(rows))]

    def shared(
        self, rows: Sequence[Row], root: Node, path: Path, cache: Any = None
    ) -> list[list[Read]]:
        """Walk a tree of shared prefixes, depth first; `cache` holds the tokens before its root."""
        if path == "packed":
            with using_packed(self.network):
                return self._walked(rows, root, cache, self._packed_node, deep=False)
        deep = path == "deep trie"
        return self._walked(rows, root, cache, partial(self._trie_node, deep=deep), deep=deep)

    def _walked(
        self, rows: Sequence[Row], root: Node, cache: Any, visit: Callable[..., Any], *, deep: bool
    ) -> list[list[Read]]:
        found: dict[int, list[Read]] = {}
        work: list[tuple[Node, Any]] = [(root, cache)]
        while work:
            node, above = work.pop()
            below = visit(rows, node, _clone(above, deep=deep), found)
            work += [(child, below) for child in reversed(node.children)]
        return [found[i] for i in range(len(rows))]

    def _trie_node(
        self,
        rows: Sequence[Row],
        node: Node,
        cache: Any,
        found: dict[int, list[Read]],
        *,
        deep: bool,
    ) -> Any:
        if node.ids:
            cache = self.extend(cache, node.ids)
        most = min(self.most, self._rows(max((rows[i].tail for i in node.leaves), default=1)))
        lengths = [len(rows[i].ids) - node.end for i in node.leaves]
        for batch in batches(lengths, most, self.budget, node.end):
            chosen = [node.leaves[k] for k in batch]
            copied = _clone(cache, deep=deep)
            if copied is not None:
                _repeat(copied, len(chosen))
            found.update(self._batch(rows, chosen, node.end, copied, mask=False))
        return cache

    def _batch(
        self, rows: Sequence[Row], chosen: Sequence[int], start: int, cache: Any, *, mask: bool
    ) -> Iterator[tuple[int, list[Read]]]:
        rests = [rows[i].ids[start:] for i in chosen]
        kept = max(rows[i].tail for i in chosen)
        at = [[max(len(rest) - kept + k, 0) for k in range(kept)] for rest in rests]
        logits = self._logits(rests, at, cache, mask=mask)
        for i, table in zip(chosen, logits, strict=True):
            yield i, _reads(table[kept - rows[i].tail :], rows[i])

    def _packed_node(
        self, rows: Sequence[Row], node: Node, cache: Any, found: dict[int, list[Read]]
    ) -> Any:
        stem = node.ids
        for chosen in self._groups(rows, node):
            rests = [rows[i].ids[node.end :] for i in chosen]
            prefix = node.end - len(stem)
            layout = Layout.of(prefix, len(stem), [len(r) for r in rests], self.network.device)
            places: list[int] = []
            begin = len(stem)
            for i, rest in zip(chosen, rests, strict=True):
                begin += len(rest)
                places += range(begin - rows[i].tail, begin)
            row = [*stem, *itertools.chain.from_iterable(rests)]
            keep = bool(node.ids and (node.children or len(chosen) < len(node.leaves)))
            cache, logits = self._packed_row(row, places or [len(row) - 1], layout, cache, keep)
            ends = itertools.accumulate((rows[i].tail for i in chosen), initial=0)
            for i, end in zip(chosen, ends, strict=False):
                found[i] = _reads(logits[end : end + rows[i].tail], rows[i])
            stem = ()
        return cache

    def _packed_row(
        self, ids: list[int], places: list[int], layout: Layout, cache: Any, keep: bool
    ) -> tuple[Any, torch.Tensor]:
        layers = self.network.config.get_text_config().num_hidden_layers
        below = _clone(cache, deep=False)
        with packed(layout, layers):
            output = _run(
                self.network,
                torch.tensor([ids]),
                torch.tensor([places]),
                past_key_values=cache,
                use_cache=cache is not None or keep,
                position_ids=torch.tensor([layout.positions()]),
            )
        if keep and layout.stem:
            below = output.past_key_values
            _crop(below, layout.prefix + layout.stem)
        return below, output.logits[0]

    def _groups(self, rows: Sequence[Row], node: Node) -> Iterator[list[int]]:
        """Deal a node's rows to packed rows within the budget; the node itself comes first."""
        chosen: list[int] = []
        tokens, kept, most = len(node.ids), 0, self._rows(1)
        for i in node.leaves:
            own = len(rows[i].ids) - node.end
            if chosen and (tokens + own > self.budget or kept + rows[i].tail > most):
                yield chosen
                chosen, tokens, kept = [], 0, 0
            chosen.append(i)
            tokens += own
            kept += rows[i].tail
        if chosen or (node.ids and not node.leaves):
            yield chosen

    def extend(self, cache: Any, ids: Sequence[int]) -> Any:
        """Run tokens that follow a cache; return what both hold."""
        last = torch.tensor([[len(ids) - 1]])
        output = _run(
            self.network, torch.tensor([ids]), last, past_key_values=cache, use_cache=True
        )
        return output.past_key_values

    def _logits(
        self,
        rests: Sequence[Sequence[int]],
        at: Sequence[Sequence[int]],
        cache: Any = None,
        *,
        mask: bool = False,
    ) -> torch.Tensor:
        """Run right-padded rows.  # -> (rows, kept, vocabulary)."""
        width = max(map(len, rests))
        ids = torch.tensor([[*rest, *[self.pad] * (width - len(rest))] for rest in rests])
        extra: dict[str, Any] = {"use_cache": cache is not None}
        if cache is not None:
            extra["past_key_values"] = cache
        if mask and len(set(map(len, rests))) > 1:
            extra["attention_mask"] = torch.tensor(
                [[1] * len(rest) + [0] * (width - len(rest)) for rest in rests]
            )
        logits: torch.Tensor = _run(self.network, ids, torch.tensor(at), **extra).logits
        return logits

    def _rows(self, tail: int) -> int:
        """Count the rows whose logits fit into memory at once."""
        words = self.network.config.get_text_config().vocab_size
        return max(1, _KEPT // (int(words) * max(tail, 1)))


def cache_kinds(cache: Any) -> set[str]:
    """Name the kinds of layers of a cache; empty where it has none that are known."""
    return {type(layer).__name__ for layer in getattr(cache, "layers", ())}


def _last(row: Row) -> list[int]:
    return list(range(len(row.ids) - row.tail, len(row.ids)))


def _reads(logits: torch.Tensor, row: Row) -> list[Read]:
    """Read the labels of a row.  # (tail, vocabulary)."""
    logprobs = torch.log_softmax(logits.float(), dim=-1)
    best = logprobs.argmax(dim=-1).tolist()
    reads = []
    for _, tokens in row.reads:
        places = range(len(tokens))
        total = logprobs[list(places), list(tokens)].sum()
        reads.append(Read(float(total), all(best[k] == tokens[k] for k in places)))
    return reads


def _run(
    network: Any, ids: torch.Tensor, at: torch.Tensor, *, skip: bool = True, **extra: Any
) -> Any:
    """Run a forward pass for some positions only.

    # (batch, tokens), (batch, kept) -> logits (batch, kept, vocabulary)

    With `skip`, what the last layer would compute for others after its attention is left out.
    """
    device = network.device
    picks = Picks(network, at.to(device), ids.shape[1], skip=skip)
    moved = {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in extra.items()}
    with picks.applied():
        output = network(input_ids=ids.to(device), **moved)
    if picks.whole:
        output.logits = picks.pick(output.logits)
    return output


def _clone(cache: Any, *, deep: bool) -> Any:
    """Copy a cache; layers that grow by concatenation share their tensors with the copy."""
    if cache is None or deep:
        return copy.deepcopy(cache)
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    return twin


def _repeat(cache: Any, count: int) -> None:
    """Repeat every kind of layer; not all have a method of their own for it."""
    if count > 1:
        cache.reorder_cache(torch.zeros(count, dtype=torch.long))


def _crop(cache: Any, length: int) -> None:
    for layer in cache.layers:
        if type(layer).__name__ != "DynamicLayer":
            raise UnfitAttentionError(f"a cache of {type(layer).__name__}")
        layer.keys, layer.values = (x[:, :, :length] for x in (layer.keys, layer.values))
