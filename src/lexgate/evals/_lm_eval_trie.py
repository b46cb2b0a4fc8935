"""lm-eval's model class on the candidate's own engine, which computes shared prefixes once.

lm-eval runs a few-shot preamble anew with every question. Law (tested): each log-likelihood is what
lm-eval computes without its logits cache (that cache scores continuations of unlike length that
end the same sequence by the wrong positions), beyond the rounding of float32; other types round
less here, because the softmax is taken in float32. Chunks and order change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from lm_eval.models.huggingface import HFLM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lexgate.evals._protocols import HasNetwork

__all__ = ["TrieLM"]

_ROWS = 4096  # requests in one call of the engine
_TOKENS = 2**20  # in the same

Request: TypeAlias = tuple[tuple[str, str] | None, list[int], list[int]]


class TrieLM(HFLM):  # type: ignore[misc]
    """HFLM in all but how log-likelihoods are computed."""

    def __init__(self, candidate: HasNetwork, tokenizer: Any, **options: Any) -> None:
        super().__init__(pretrained=candidate.network, tokenizer=tokenizer, **options)
        self._candidate = candidate

    def _loglikelihood_tokens(
        self,
        requests: Sequence[Request],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        if self.backend != "causal":
            found: list[tuple[float, bool]]
            found = super()._loglikelihood_tokens(requests, disable_tqdm, override_bs)
            return found
        pairs = [self._window(context, after) for _, context, after in requests]
        answers: dict[int, tuple[float, bool]] = {}
        for chunk in _chunks(pairs):  # no progress bar: `Harness` hides them all
            scored = self._candidate.score_continuations([pairs[i] for i in chunk])
            for i, answer in zip(chunk, scored, strict=True):
                answers[i] = answer
                text = requests[i][0]
                if text is not None:  # windows of a rolling request have none
                    self.cache_hook.add_partial("loglikelihood", text, answer)
        return [answers[i] for i in range(len(pairs))]

    def _window(self, context: list[int], after: list[int]) -> tuple[list[int], list[int]]:
        """Cut a context from the left, as HFLM does, so that all inputs fit."""
        if not context or not 0 < len(after) <= self.max_length:
            message = (
                f"a request of {len(context)} and {len(after)} tokens, where the model takes "
                f"{self.max_length}"
            )
            raise ValueError(message)
        surplus = max(0, len(context) + len(after) - self.max_length - 1)
        return context[surplus:], after


def _chunks(pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[list[int]]:
    """Deal requests to calls of bounded size, alike ones to the same."""
    chunk: list[int] = []
    tokens = 0
    for i in sorted(range(len(pairs)), key=lambda i: pairs[i]):
        size = sum(map(len, pairs[i]))
        if chunk and (len(chunk) == _ROWS or tokens + size > _TOKENS):
            yield chunk
            chunk, tokens = [], 0
        chunk.append(i)
        tokens += size
    if chunk:
        yield chunk
