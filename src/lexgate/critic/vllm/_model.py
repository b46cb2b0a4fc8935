"""Models that vLLM runs: labels scored by one generated position, prefixes shared by its own cache.

Prompts are token ids made by our own reading of the tokenizer, so hostile text is guarded as for
`hf/`. The log-probabilities of the labels are asked for by token id; an older vLLM gives its twenty
likeliest, and a label that is not among them is never given a made-up floor: it is at most as
likely as the least of those, and at most what they leave over. Prompt log-probabilities are never
asked for: they would switch the prefix cache off. Questions of one response stay next to each other.
"""

from __future__ import annotations

import inspect as signatures
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lexgate.critic._protocols import Generation, Identity, LabelScores, Silence
from lexgate.critic.hf._checkpoint import first_line, hub_snapshot, inspect
from lexgate.critic.hf._layout import longest, rows
from lexgate.critic.hf._tokens import Tokens
from lexgate.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lexgate.critic._exchange import Conversation
    from lexgate.critic._protocols import Decoding
    from lexgate.critic.hf._layout import Row

__all__ = ["VllmModel", "open_vllm"]

_NUMBERS: dict[str, type[int | float]] = {
    "gpu_memory_utilization": float,
    "max_model_len": int,
    "tensor_parallel_size": int,
}
_OPTIONS = ("dtype", "revision", *_NUMBERS)
_TOP = 20  # likeliest tokens that an engine gives where labels cannot be named


def open_vllm(reference: str, options: Mapping[str, str], *, allow_code: bool = False) -> VllmModel:
    """Open a directory if there is one of that name, else a model of the hub, in vLLM's engine.

    Raises:
        UsageError: vLLM is not installed, it is neither, or an option is wrong.
        EvidenceError: the model's files are damaged, or the engine does not start.
    """
    name = f"vllm/{reference}"
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise UsageError(f"{name} has no option {unknown[0]!r}; it has {', '.join(_OPTIONS)}")
    settings = {key: _number(name, key, options[key]) for key in _NUMBERS if key in options}
    directory = Path(reference).expanduser()
    if directory.exists() and "revision" in options:
        raise UsageError(f"{name} is a directory: `revision` is for models of the hub")
    engine = _library(name)
    checkpoint = (
        inspect(directory, allow_code=allow_code)
        if directory.exists()
        else hub_snapshot(reference, options.get("revision"), allow_code=allow_code)
    )
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            checkpoint.directory, local_files_only=True, trust_remote_code=checkpoint.runs_code
        )
        llm = engine.LLM(
            model=str(checkpoint.directory),
            dtype=options.get("dtype", "auto"),
            enable_prefix_caching=True,
            trust_remote_code=checkpoint.runs_code,
            **settings,
        )
    except Exception as error:  # the engine raises anything at all
        raise EvidenceError(f"{name} cannot be loaded: {first_line(error)}") from error
    config = llm.llm_engine.model_config
    facts = {
        "dtype": str(config.dtype).removeprefix("torch."),
        "vllm": str(engine.__version__),
        "weights": checkpoint.weights,
        **({"allow_code": "true"} if checkpoint.runs_code else {}),
        **dict(checkpoint.details),
    }
    identity = Identity(name, checkpoint.digest, tuple(sorted(facts.items())))
    return VllmModel(engine, llm, tokenizer, identity, int(config.max_model_len))


@dataclass(frozen=True, slots=True)
class _Place:
    """One place where a label token may stand."""

    logprobs: Mapping[int, float]  # in nats, of the tokens that are listed
    likeliest: int


class VllmModel:
    """A causal language model in vLLM's offline engine."""

    def __init__(
        self, engine: Any, llm: Any, tokenizer: Any, identity: Identity, context: int
    ) -> None:
        """Wrap an engine that runs.

        Args:
            engine: The module `vllm`.
            llm: Its `LLM`.
            tokenizer: The model's, of transformers.
            identity: What the model is.
            context: Tokens that prompt and response may take together.
        """
        self.identity = identity
        self.context = context
        self._engine = engine
        self._llm = llm
        self._tokens = Tokens(tokenizer)
        known = signatures.signature(engine.SamplingParams).parameters
        self._by_id = "logprob_token_ids" in known
        self._counts = {"requests": 0, "tokens_given": 0, "tokens_cached": 0}

    def generate(
        self, conversations: Sequence[Conversation], decoding: Decoding
    ) -> list[Generation]:
        """Answer each conversation; see `Model`.

        Raises:
            EvidenceError: a prompt does not fit, or the engine fails.
        """
        prompts = self._tokens.prompts(conversations)
        fits = self.context - decoding.max_new_tokens
        if any(len(prompt) > fits for prompt in prompts):
            worst = max(map(len, prompts))
            raise EvidenceError(
                f"{self.identity.name}: a prompt has {worst} tokens, and only {max(fits, 0)} fit "
                f"beside {decoding.max_new_tokens} new ones in its context of {self.context}"
            )
        sampling = self._engine.SamplingParams(
            max_tokens=decoding.max_new_tokens, temperature=decoding.temperature, seed=0
        )
        begin = time.perf_counter()
        outputs = self._run(prompts, [sampling] * len(prompts))
        share = (time.perf_counter() - begin) / max(len(prompts), 1)
        return [_generation(output, share) for output in outputs]

    def score_labels(
        self, conversations: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores | Silence]:
        """Score each label as the whole reply, by one generated position each; see `Model`.

        Raises:
            EvidenceError: the engine fails.
        """
        scores: dict[int, LabelScores | Silence] = {}
        laid: list[Row] = []
        for item, prompt in enumerate(self._tokens.label_prompts(conversations, labels)):
            if isinstance(prompt, Silence):
                scores[item] = Silence(prompt.reason, f"{self.identity.name}: {prompt.detail}")
            elif longest(prompt) >= self.context:
                detail = f"{longest(prompt)} tokens, {self.context - 1} fit"
                scores[item] = Silence("too_long", f"{self.identity.name}: {detail}")
            else:
                laid += rows(item, prompt)
        tables = self._tables(laid)
        by_item: dict[int, list[tuple[Row, list[_Place]]]] = {}
        for row, table in zip(laid, tables, strict=True):
            by_item.setdefault(row.item, []).append((row, table))
        for item, read in by_item.items():
            scores[item] = self._scores(read, len(labels))
        return [scores[item] for item in range(len(conversations))]

    def report(self) -> dict[str, Any]:
        """Tell how labels were scored, and what the prefix cache spared."""
        way = "labels by token id" if self._by_id else f"labels among the {_TOP} likeliest"
        return {"path": "vllm", "reason": way, **self._counts, **dict(self.identity.details)}

    def _tables(self, laid: Sequence[Row]) -> list[list[_Place]]:
        """Read, for each row, the log-probabilities at each place where a label token may stand."""
        prompts, wanted = [], []
        for row in laid:
            start = len(row.ids) - row.tail + 1
            for k in range(row.tail):
                prompts.append(list(row.ids[: start + k]))
                wanted.append(sorted({t[k] for _, t in row.reads if k < len(t)}))
        outputs = iter(self._run(prompts, [self._one_token(ids) for ids in wanted]))
        return [[_place(next(outputs)) for _ in range(row.tail)] for row in laid]

    def _one_token(self, ids: list[int]) -> Any:
        asked: dict[str, Any] = {"logprob_token_ids": ids} if self._by_id else {"logprobs": _TOP}
        return self._engine.SamplingParams(max_tokens=1, temperature=0.0, detokenize=False, **asked)

    def _scores(self, read: list[tuple[Row, list[_Place]]], count: int) -> LabelScores | Silence:
        low, high, top = [-math.inf] * count, [-math.inf] * count, False
        for row, tables in read:
            for label, tokens in row.reads:
                pairs = [_bounds(tables[k].logprobs, token) for k, token in enumerate(tokens)]
                low[label] = sum(a for a, _ in pairs)
                high[label] = sum(b for _, b in pairs)
                top = top or all(tables[k].likeliest == token for k, token in enumerate(tokens))
        if low == high:
            return LabelScores(tuple(low), top)
        best = max(range(count), key=low.__getitem__)
        if any(high[k] >= low[best] for k in range(count) if k != best):
            return Silence(
                "low_label_mass", f"{self.identity.name}: a label is not among the {_TOP} likeliest"
            )
        return LabelScores(tuple(high[k] if k != best else low[k] for k in range(count)), top)

    def _run(self, prompts: Sequence[Sequence[int]], sampling: Sequence[Any]) -> list[Any]:
        if not prompts:
            return []
        try:
            outputs = self._llm.generate(
                [{"prompt_token_ids": list(prompt)} for prompt in prompts],
                list(sampling),
                use_tqdm=False,
            )
        except Exception as error:
            raise EvidenceError(f"{self.identity.name} failed: {first_line(error)}") from error
        if len(outputs) != len(prompts):
            raise EvidenceError(
                f"{self.identity.name} gave {len(outputs)} outputs to {len(prompts)} prompts"
            )
        for output, prompt in zip(outputs, prompts, strict=True):
            if list(output.prompt_token_ids) != list(prompt):
                raise EvidenceError(f"{self.identity.name} answered another prompt than asked")
        self._counts["requests"] += len(prompts)
        self._counts["tokens_given"] += sum(map(len, prompts))
        self._counts["tokens_cached"] += sum(o.num_cached_tokens or 0 for o in outputs)
        return list(outputs)


def _place(output: Any) -> _Place:
    reply = output.outputs[0]
    found = {int(token): float(entry.logprob) for token, entry in reply.logprobs[0].items()}
    return _Place(found, int(reply.token_ids[0]))


def _bounds(table: Mapping[int, float], token: int) -> tuple[float, float]:
    """Bound a token's log-probability, in nats: both are its own where it is listed."""
    if token in table:
        return table[token], table[token]
    left = 1.0 - sum(map(math.exp, table.values()))
    most = min(*table.values(), math.log(left) if left > 0 else -math.inf)
    return -math.inf, most


def _generation(output: Any, seconds: float) -> Generation:
    reply = output.outputs[0]
    finish: Literal["stop", "length"] = "length" if reply.finish_reason == "length" else "stop"
    asked, written = len(output.prompt_token_ids), len(reply.token_ids)
    return Generation(reply.text, finish, asked, written, seconds)


def _library(name: str) -> Any:
    try:
        import vllm
    except ModuleNotFoundError as error:
        if error.name != "vllm":
            raise
        message = (
            f"{name} needs vllm\n    hint: pip install 'lexgate[vllm]', on a machine with a GPU"
        )
        raise UsageError(message) from error
    return vllm


def _number(name: str, key: str, text: str) -> float | int:
    value: float | int
    try:
        value = _NUMBERS[key](text)
    except ValueError:
        value = 0
    if not value > 0 or not math.isfinite(value):
        raise UsageError(f"{name}: {key} must be a positive number, not {text!r}")
    return value
