"""Compute only what is read: the positions of labels, in all that comes after the last attention.

The output matrix, and the last layer's feed-forward block before it, work on each position by
itself, so they are given the wanted positions only. Both are hooked inside the model: whatever it
does to hidden states or logits around them (norms, residuals, scaling, soft caps) still happens.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Picks"]

_BLOCKS = ("mlp", "feed_forward", "ffn", "block_sparse_moe")  # what families call it


class Picks:
    """Positions to read.  # `at`: (batch, kept)."""

    def __init__(self, network: Any, at: torch.Tensor, tokens: int, *, skip: bool) -> None:
        self.at = at
        self.tokens = tokens
        self._head = network.get_output_embeddings()
        self._block = _last_block(network) if skip else None
        self._picked = False

    @property
    def whole(self) -> bool:
        """Whether logits come out for all positions, since the output matrix cannot be hooked."""
        return self._head is None

    def pick(self, hidden: torch.Tensor) -> torch.Tensor:
        """Pick.  # (batch, tokens, size) -> (batch, kept, size)."""
        return hidden.gather(1, self.at.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Pick inside the model while this lasts."""
        hooks = []
        if self._head is not None:
            hooks.append(self._head.register_forward_pre_hook(self._before_head))
        if self._block is not None and self.at.shape[1] < self.tokens:
            hooks.append(self._block.register_forward_pre_hook(self._before_block))
            hooks.append(self._block.register_forward_hook(self._after_block))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _before_head(self, _module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.pick(arguments[0]), *arguments[1:])

    def _before_block(self, _module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        # Some families hand the residual over too.
        whole = [self._whole(x) for x in arguments]
        self._picked = any(whole[:1])
        if not self._picked:
            return None
        return tuple(self.pick(x) if w else x for x, w in zip(arguments, whole, strict=True))

    def _whole(self, x: Any) -> bool:
        """Tell whether a tensor is of all positions.  # (batch, tokens, size)."""
        shape = (self.at.shape[0], self.tokens)
        return isinstance(x, torch.Tensor) and x.dim() == 3 and tuple(x.shape[:2]) == shape

    def _after_block(self, _module: Any, _arguments: Any, output: Any) -> Any:
        if not self._picked:
            return None
        if isinstance(output, tuple):
            return (self._spread(output[0]), *output[1:])
        return self._spread(output)

    def _spread(self, picked: torch.Tensor) -> torch.Tensor:
        """Put picked positions back; the others are zero, and nothing reads them."""
        picked = picked.reshape(*self.at.shape, picked.shape[-1])  # some experts flatten it
        spread = picked.new_zeros(picked.shape[0], self.tokens, picked.shape[-1])
        index = self.at.unsqueeze(-1).expand(-1, -1, picked.shape[-1])
        return spread.scatter_(1, index, picked)


def _last_block(network: Any) -> Any:
    """Find the feed-forward block of the last layer; None where a family hides it."""
    count = getattr(network.config.get_text_config(), "num_hidden_layers", None)
    for module in network.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            names = (name for name in _BLOCKS if hasattr(module[-1], name))
            return next((getattr(module[-1], name) for name in names), None)
    return None
