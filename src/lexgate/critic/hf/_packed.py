"""Packed attention: one row holds a stem and many leaves, none of which sees another.

Queries attend to the cached prefix (leaves to the stem too) in one dense call, with the heads of a
key group folded into the length, and to themselves in a small causal batch; the two are joined by
their log-sum-exps. That is Hydragen's decomposition (Juravsky et al. 2024, arXiv 2402.05099,
section 3.1) for a forward pass. No mask is made, and none is taken.

It is right only where attention is plain: full, causal, without soft caps, sinks or biases.
Whatever a model hands over that is not known here is refused, and the caller counts the calls.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Layout", "UnfitAttentionError", "packed", "plain_attention", "using_packed"]

NAME = "lexgate_packed"
# What models pass along that changes nothing in attention itself.
_HARMLESS = {
    "cache_position",
    "logits_to_keep",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "past_key_values",
    "position_embeddings",
    "position_ids",
    "return_dict",
    "use_cache",
}


class UnfitAttentionError(RuntimeError):
    """This model's attention is not the plain one."""


@dataclass(slots=True)
class Layout:
    """How one packed row is cut. Lengths in tokens."""

    prefix: int  # in the cache
    stem: int  # of this row, seen by all that follows
    leaves: tuple[int, ...]  # lengths
    into: torch.Tensor  # (leaves * widest,): index of the leaf token in each place of the batch
    back: torch.Tensor  # (sum of leaves,): place in that batch of each leaf token
    calls: int = 0

    @classmethod
    def of(cls, prefix: int, stem: int, leaves: Sequence[int], device: torch.device) -> Layout:
        """Lay out a row."""
        widest = max(leaves, default=0)
        starts = [sum(leaves[:i]) for i in range(len(leaves))]
        pairs = list(zip(starts, leaves, strict=True))
        into = [start + min(k, length - 1) for start, length in pairs for k in range(widest)]
        back = [i * widest + k for i, length in enumerate(leaves) for k in range(length)]
        return cls(
            prefix,
            stem,
            tuple(leaves),
            torch.tensor(into, dtype=torch.long, device=device),
            torch.tensor(back, dtype=torch.long, device=device),
        )

    def positions(self) -> list[int]:
        """List the position of each token of the row: every leaf begins where the stem ends."""
        begin = self.prefix + self.stem
        own = [begin + k for length in self.leaves for k in range(length)]
        return [*range(self.prefix, begin), *own]


_LAYOUT: ContextVar[Layout] = ContextVar("layout")


def plain_attention(config: Any) -> str:
    """Say why a model's config rules packed attention out; empty where it does not."""
    kinds = set(getattr(config, "layer_types", None) or ()) - {"full_attention"}
    if kinds:
        return f"layers of {', '.join(sorted(kinds))}"
    if getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True):
        return "a sliding window"
    return ""


@contextlib.contextmanager
def using_packed(network: Any) -> Iterator[None]:
    """Run a network with packed attention; what it had comes back."""
    before = network.config._attn_implementation  # noqa: SLF001  transformers has no getter
    try:
        network.set_attn_implementation(NAME)
        yield
    finally:
        network.set_attn_implementation(before)


@contextlib.contextmanager
def packed(layout: Layout, layers: int) -> Iterator[None]:
    """Run one forward pass on a layout.

    Raises:
        UnfitAttentionError: not every layer attended through here.
    """
    token = _LAYOUT.set(layout)
    try:
        yield
    finally:
        _LAYOUT.reset(token)
    if layout.calls != layers:
        raise UnfitAttentionError(f"{layout.calls} of {layers} layers attend in a known way")


def _attend(  # noqa: PLR0917  transformers calls it so
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **extra: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as transformers' attention functions do.

    # (1, heads, tokens, size), twice (1, groups, prefix + tokens, size) -> (1, tokens, heads, size)
    """
    layout = _LAYOUT.get()
    _refuse(module, attention_mask, dropout, extra)
    tokens = layout.stem + sum(layout.leaves)
    if query.shape[0] != 1 or query.shape[2] != tokens or key.shape[2] != layout.prefix + tokens:
        raise UnfitAttentionError("keys are not those of the whole row")
    layout.calls += 1
    trunk = layout.prefix + layout.stem
    parts = []
    if layout.stem:
        stem = query[:, :, : layout.stem]
        own = _causal(
            stem, key[:, :, layout.prefix : trunk], value[:, :, layout.prefix : trunk], scaling
        )
        parts.append(_with_prefix(stem, key, value, layout.prefix, own, scaling=scaling))
    if layout.leaves:
        leaves = query[:, :, layout.stem :]
        own = _leaves(layout, leaves, key[:, :, trunk:], value[:, :, trunk:], scaling)
        parts.append(_with_prefix(leaves, key, value, trunk, own, scaling=scaling))
    out = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
    return out.transpose(1, 2).contiguous(), None


def _refuse(module: Any, mask: torch.Tensor | None, dropout: float, extra: dict[str, Any]) -> None:
    unknown = sorted(
        name
        for name, value in extra.items()
        if name not in _HARMLESS and value is not None and not (name == "is_causal" and value)
    )
    if unknown:
        raise UnfitAttentionError(f"attention takes {', '.join(unknown)}")
    if mask is not None or dropout or not getattr(module, "is_causal", True):
        raise UnfitAttentionError("attention takes a mask, drops out or is not causal")


def _with_prefix(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    length: int,
    own: tuple[torch.Tensor, torch.Tensor],
    *,
    scaling: float | None,
) -> torch.Tensor:
    """Join attention to the first `length` keys, all seen, with attention among the queries."""
    if not length:
        return own[0]
    _, heads, tokens, size = query.shape
    groups = key.shape[1]
    folded = query.reshape(1, groups, heads // groups * tokens, size)
    out, weight = _flash(folded, key[:, :, :length], value[:, :, :length], scaling, causal=False)
    out, weight = out.reshape(1, heads, tokens, -1), weight.reshape(1, heads, tokens, 1)
    mine = torch.sigmoid(own[1].unsqueeze(-1) - weight)  # exp(b) / (exp(a) + exp(b))
    return torch.lerp(out.float(), own[0].float(), mine).to(query.dtype)


def _leaves(
    layout: Layout,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    count = len(layout.leaves)

    def batched(x: torch.Tensor) -> torch.Tensor:
        rows = x[0].index_select(1, layout.into)  # (heads, leaves * widest, size)
        return rows.reshape(x.shape[1], count, -1, x.shape[-1]).transpose(0, 1)

    # Places past a leaf's end hold its last token again: no one of the leaf sees them.
    out, weight = _causal(batched(query), batched(key), batched(value), scaling)
    flat = out.transpose(0, 1).reshape(out.shape[1], -1, out.shape[-1])
    weights = weight.transpose(0, 1).reshape(out.shape[1], -1)
    return (
        flat.index_select(1, layout.back).unsqueeze(0),
        weights.index_select(1, layout.back).unsqueeze(0),
    )


def _causal(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key, value = (x.repeat_interleave(repeats, dim=1) for x in (key, value))
    return _flash(query, key, value, scaling, causal=True)


def _flash(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    *,
    causal: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attend, and give the log-sum-exp of the scores beside it.

    Private operators of torch: where one is gone or refuses, the caller falls back to the trie.

    # (batch, heads, tokens, size) … -> the same, (batch, heads, tokens) in float32
    """
    ops = torch.ops.aten
    if query.device.type == "cpu":
        out, weight = ops._scaled_dot_product_flash_attention_for_cpu(  # noqa: SLF001
            query, key, value, 0.0, causal, scale=scaling
        )
    elif query.dtype == torch.float32:
        out, weight, *_ = ops._scaled_dot_product_efficient_attention(  # noqa: SLF001
            query, key, value, None, True, 0.0, causal, scale=scaling
        )
        weight = weight[:, :, : query.shape[2]]
    else:
        out, weight, *_ = ops._scaled_dot_product_flash_attention(  # noqa: SLF001
            query, key, value, 0.0, causal, False, scale=scaling
        )
    return out, weight


def _no_mask(*_: Any, **__: Any) -> None:
    """Make no mask: the layout says what is seen."""


AttentionInterface.register(NAME, _attend)
AttentionMaskInterface.register(NAME, _no_mask)
