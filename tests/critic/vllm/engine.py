"""An engine with the surface of vLLM's offline one, on a real tiny network: what it says is true."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


@dataclass
class OlderSamplingParams:
    max_tokens: int = 16
    temperature: float = 1.0
    seed: int | None = None
    detokenize: bool = True
    logprobs: int | None = None
    stop_token_ids: list[int] | None = None


@dataclass
class SamplingParams(OlderSamplingParams):
    logprob_token_ids: list[int] | None = None


@dataclass
class LLM:
    """Runs prompts of token ids one at a time, and remembers what it was asked."""

    network: Any
    seen: list[Any] = field(default_factory=list)
    swap: bool = False  # answers of two requests change places

    def generate(self, prompts, sampling, use_tqdm):
        import torch

        assert use_tqdm is False
        outputs = []
        for prompt, how in zip(prompts, sampling, strict=True):
            ids = prompt["prompt_token_ids"]
            self.seen.append((ids, how))
            with torch.inference_mode():
                logits = self.network(input_ids=torch.tensor([ids])).logits[0, -1]
            table = torch.log_softmax(logits.float(), -1)
            best = int(table.argmax())
            wanted = getattr(how, "logprob_token_ids", None)
            if wanted is None:
                wanted = table.topk(how.logprobs or 1).indices.tolist()
            found = {k: SimpleNamespace(logprob=float(table[k])) for k in {*wanted, best}}
            reply = SimpleNamespace(
                logprobs=[found], token_ids=[best], text="x", finish_reason="length"
            )
            outputs.append(
                SimpleNamespace(prompt_token_ids=ids, outputs=[reply], num_cached_tokens=0)
            )
        return outputs[::-1] if self.swap else outputs
