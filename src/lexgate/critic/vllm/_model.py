"""Models that vLLM runs: labels scored by one generated position, prefixes shared by its own cache.

Prompts are token ids made by our own reading of the tokenizer, so hostile text is guarded as for
`hf/`. The log-probabilities of the labels are asked for by token id; an older vLLM gives its twenty
likeliest, and a label that is not among them is never given a made-up floor: it is at most as
likely as the least of those, and at most what they leave over, and it counts only where nothing
hangs on how likely it is. Prompt log-probabilities are never asked for: they would switch the
prefix cache off. Questions of one response stay next to each other.
"""

from __future__ import annotations

import inspect as signatures
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lexgate.critic._protocols import Generation, Identity, LabelScores, Silence
from lexgate.critic.hf._checkpoint import first_line, hub_snapshot, inspect, stamp
from lexgate.critic.hf._layout import longest, rows
from lexgate.critic.hf._tokens import Tokens
from lexgate.critic.vllm._weights import lacking
from lexgate.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lexgate.critic._exchange import Conversation
    from lexgate.critic._protocols import Decoding
    from lexgate.critic.hf._checkpoint import Checkpoint
    from lexgate.critic.hf._layout import Row

__all__ = ["VllmModel", "open_vllm"]

_NUMBERS: dict[str, type[int | float]] = {
    "gpu_memory_utilization": float,
    "max_model_len": int,
    "tensor_parallel_size": int,
}
_OPTIONS = ("dtype", "revision", *_NUMBERS)
_DTYPES = ("auto", "float32", "bfloat16", "float16")
_TOP = 20  # likeliest tokens that an engine gives where labels cannot be named
_MASS = 0.5  # on the labels together; below it the reader asks on, or is silent
# What the engine writes goes to standard output and its use is reported to its makers, unless told
# not to. Errors are kept: the cause of a failed start stands nowhere else.
_QUIET = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_NO_USAGE_STATS": "1",
}


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
    if (dtype := options.get("dtype", "auto")) not in _DTYPES:
        raise UsageError(f"{name}: dtype must be {', '.join(_DTYPES)}, not {dtype!r}")
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
    return _load(engine, checkpoint, name, _dtype(dtype, checkpoint.config), settings)


def _load(
    engine: Any, checkpoint: Checkpoint, name: str, dtype: str, settings: Mapping[str, float | int]
) -> VllmModel:
    from transformers import AutoTokenizer

    told = checkpoint.safetensors and not checkpoint.runs_code
    try:
        lacks = lacking(checkpoint.directory) if told else None
    except (OSError, ValueError) as error:
        raise EvidenceError(f"{name} cannot be loaded: {first_line(error)}") from error
    if lacks:
        raise EvidenceError(f"{name} lacks {len(lacks)} of its weights, such as {lacks[0]}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            checkpoint.directory, local_files_only=True, trust_remote_code=checkpoint.runs_code
        )
        llm = engine.LLM(
            model=str(checkpoint.directory),
            dtype=dtype,
            enable_prefix_caching=True,
            trust_remote_code=checkpoint.runs_code,
            **({"load_format": "safetensors"} if checkpoint.safetensors else {}),
            **settings,
        )
    except Exception as error:  # the engine raises anything at all
        raise EvidenceError(f"{name} cannot be loaded: {first_line(error)}") from error
    if stamp(checkpoint.directory) != checkpoint.stamp:
        raise EvidenceError(
            f"{name} was written to while it was opened: its digest would not stand for what was "
            "loaded. Try again when nothing writes to it"
        )
    config = llm.llm_engine.vllm_config
    facts = {
        "device": str(config.device_config.device_type),
        "dtype": str(config.model_config.dtype).removeprefix("torch."),
        "vllm": str(engine.__version__),
        "weights": checkpoint.weights,
        **({"weights_complete": "not checked"} if lacks is None else {}),
        **({"allow_code": "true"} if checkpoint.runs_code else {}),
        **dict(checkpoint.details),
    }
    identity = Identity(name, checkpoint.digest, tuple(sorted(facts.items())))
    return VllmModel(engine, llm, tokenizer, identity, int(config.model_config.max_model_len))


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
            max_tokens=decoding.max_new_tokens,
            temperature=decoding.temperature,
            seed=0,  # one of each request's own: no batch mate changes a sample
            stop_token_ids=sorted(self._tokens.end_ids),
            detokenize=False,
        )
        begin = time.perf_counter()
        outputs = self._run(prompts, [sampling] * len(prompts))
        share = (time.perf_counter() - begin) / max(len(prompts), 1)
        return [self._generation(output, share) for output in outputs]

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
            elif longest(prompt) > self.context:
                detail = f"{longest(prompt)} tokens, {self.context} fit"
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
        listed = True
        for row, places in read:
            for label, tokens in row.reads:
                pairs = [_bounds(places[k].logprobs, token) for k, token in enumerate(tokens)]
                low[label] = sum(a for a, _ in pairs)
                high[label] = sum(b for _, b in pairs)
                top = top or all(places[k].likeliest == token for k, token in enumerate(tokens))
                listed = listed and all(
                    token in places[k].logprobs for k, token in enumerate(tokens)
                )
        if listed or _agree(low, high):
            return LabelScores(tuple(high), top)
        detail = f"a label is not among the {_TOP} likeliest, and the verdict hangs on it"
        return Silence("low_label_mass", f"{self.identity.name}: {detail}")

    def _generation(self, output: Any, seconds: float) -> Generation:
        reply = output.outputs[0]
        ended = reply.finish_reason == "stop"
        if not ended and reply.finish_reason != "length":
            raise EvidenceError(
                f"{self.identity.name} broke off an answer: {reply.finish_reason or 'unfinished'}"
            )
        ids = list(reply.token_ids)  # the end mark too
        text = self._tokens.text(ids[:-1] if ended else ids)
        finish: Literal["stop", "length"] = "stop" if ended else "length"
        return Generation(text, finish, len(output.prompt_token_ids), len(ids), seconds)

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
    if not reply.logprobs:
        raise EvidenceError(
            f"vLLM gave no log-probabilities: {reply.finish_reason or 'unfinished'}"
        )
    found = {int(token): float(entry.logprob) for token, entry in reply.logprobs[0].items()}
    return _Place(found, int(reply.token_ids[0]))


def _bounds(table: Mapping[int, float], token: int) -> tuple[float, float]:
    """Bound a token's log-probability, in nats: both are its own where it is listed."""
    if token in table:
        return table[token], table[token]
    left = 1.0 - sum(map(math.exp, table.values()))
    most = min(*table.values(), math.log(left) if left > 0 else -math.inf)
    return -math.inf, most


def _agree(low: Sequence[float], high: Sequence[float]) -> bool:
    """Tell whether the same is read at both bounds: too little on the labels, or one that leads."""
    if sum(map(math.exp, high)) < _MASS:
        return True
    best = max(range(len(low)), key=low.__getitem__)
    leads = all(low[best] > high[k] for k in range(len(high)) if k != best)
    return leads and sum(map(math.exp, low)) >= _MASS


def _library(name: str) -> Any:
    for key, value in _QUIET.items():
        os.environ.setdefault(key, value)
    try:
        import vllm
    except ImportError as error:
        hint = "pip install 'lexgate[vllm]', on a machine with a GPU"
        if error.name == "vllm":
            raise UsageError(f"{name} needs vllm\n    hint: {hint}") from error
        message = f"{name}: vllm does not load here: {first_line(error)}\n    hint: {hint}"
        raise UsageError(message) from error
    return vllm


def _dtype(wanted: str, config: Mapping[str, Any]) -> str:
    """Take float32 as stored; by itself the engine would halve it, and move verdicts."""
    text = config.get("text_config") or {}
    stored = config.get("dtype") or config.get("torch_dtype") or text.get("dtype")
    return "float32" if (wanted, stored) == ("auto", "float32") else wanted


def _number(name: str, key: str, text: str) -> float | int:
    value: float | int
    try:
        value = _NUMBERS[key](text)
    except ValueError:
        value = 0
    most = 1 if key == "gpu_memory_utilization" else math.inf
    if not 0 < value <= most or math.isinf(value):
        kind = "a fraction up to 1" if most == 1 else "a positive whole number"
        raise UsageError(f"{name}: {key} must be {kind}, not {text!r}")
    return value
