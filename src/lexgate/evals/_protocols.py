"""The seams of this room: who watches a run, and what a candidate must be for lm-eval to drive it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["HasNetwork", "Progress", "Silent"]


class Progress(Protocol):
    """Is told how far a run has come; it must not raise."""

    def started(self, run: Path) -> None:
        """Tell which run is made, before its first row: what is done will stand there."""
        ...

    def start(self, task: str, total: int, done: int) -> None:
        """Begin `task`: `done` of `total` samples stand already; a total of 0 is unknown."""
        ...

    def advance(self, task: str, n: int, *, abstained: int) -> None:
        """Tell that `n` more samples are stored, with `abstained` judgements abstained on them."""
        ...

    def finish(self, task: str) -> None:
        """Tell that nothing of `task` is missing."""
        ...


@runtime_checkable
class HasNetwork(Protocol):
    """A candidate that transformers loaded, which lm-eval can drive too."""

    network: Any
    tokenizer: Any

    def score_continuations(
        self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[tuple[float, bool]]:
        """Score token ids as what follows other ids: in nats, and whether greedy search agrees."""
        ...


class Silent:
    """Progress that nobody watches."""

    def started(self, run: Path) -> None: ...

    def start(self, task: str, total: int, done: int) -> None: ...

    def advance(self, task: str, n: int, *, abstained: int) -> None: ...

    def finish(self, task: str) -> None: ...
