"""Models that transformers can load: a directory of safetensors, or a pinned model of the hub.

Nothing that came with a model runs (see `_checkpoint`). Greedy means greedy: sampling defaults that
a checkpoint ships do not count. Laws (tested): label scores equal a plain forward pass, and no
result depends on what else is in the batch, beyond the rounding of floats.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from lexgate.critic._protocols import Decoding, Generation, Identity, LabelScores, Silence
from lexgate.critic.hf._checkpoint import Checkpoint, first_line, hub_snapshot, inspect, stamp
from lexgate.critic.hf._layout import Row, batches, longest, rows
from lexgate.critic.hf._scorer import Scorer
from lexgate.critic.hf._tokens import LabelPrompt, Tokens
from lexgate.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lexgate.critic._exchange import Conversation
    from lexgate.critic.hf._walk import Read

__all__ = ["HfModel", "open_directory", "open_hf", "quiet"]

_OPTIONS = ("batch_size", "device", "dtype", "revision")
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_CPU_INFO = Path("/proc/cpuinfo")
_SMALL = 20_000_000  # parameters; below, starting a second thread costs more than it computes


def open_hf(reference: str, options: Mapping[str, str], *, allow_code: bool = False) -> HfModel:
    """Open a directory if there is one of that name, else a model of the hub.

    Raises:
        UsageError: it is neither, an option is wrong, or it would need to run its own code.
        EvidenceError: its files are damaged.
    """
    name = f"hf/{reference}"
    directory = Path(reference).expanduser()
    if directory.exists():
        if "revision" in options:
            raise UsageError(f"{name} is a directory: `revision` is for models of the hub")
        return open_directory(directory, name, options, allow_code=allow_code)
    checkpoint = hub_snapshot(reference, options.get("revision"), allow_code=allow_code)
    return _load(checkpoint, name, options, ())


def open_directory(
    directory: Path,
    name: str,
    options: Mapping[str, str],
    *,
    allow_code: bool = False,
    details: tuple[tuple[str, str], ...] = (),
) -> HfModel:
    """Open a transformers directory under a name of the caller's; see `open_hf`."""
    return _load(inspect(directory, allow_code=allow_code), name, options, details)


class HfModel:
    """A causal language model with its tokenizer.

    `network` and `tokenizer` are transformers' own objects, for tools that want them.
    """

    def __init__(
        self, network: Any, tokenizer: Any, identity: Identity, *, batch_size: int = 16
    ) -> None:
        self.identity = identity
        self.network = network
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self._tokens = Tokens(tokenizer)
        shipped = network.generation_config
        ends = [shipped.eos_token_id, network.config.get_text_config().eos_token_id]
        self._ends = sorted(self._tokens.end_ids | {i for end in ends for i in _flat(end)})
        pad = tokenizer.pad_token_id
        self._pad = pad if pad is not None else (self._ends or [0])[0]
        network.generation_config = GenerationConfig(
            bos_token_id=shipped.bos_token_id,
            eos_token_id=self._ends or None,
            pad_token_id=self._pad,
        )
        self.scorer = Scorer(network, self._pad, batch_size, identity.name)
        self._threads = 1 if network.num_parameters() < _SMALL else None

    @property
    def context(self) -> int | None:
        """Tokens that prompt and response may take together, where the config says so."""
        config = self.network.config.get_text_config()
        size = getattr(config, "max_position_embeddings", None)
        return int(size) if size else None

    def generate(
        self, conversations: Sequence[Conversation], decoding: Decoding
    ) -> list[Generation]:
        """Answer each conversation; see `Model`.

        Raises:
            EvidenceError: a prompt does not fit, or the network fails.
        """
        prompts = self._tokens.prompts(conversations)
        fits = None if self.context is None else self.context - decoding.max_new_tokens
        for prompt in prompts:
            if fits is not None and len(prompt) > fits:
                raise EvidenceError(
                    f"{self.identity.name}: a prompt has {len(prompt)} tokens, and only "
                    f"{max(fits, 0)} fit beside {decoding.max_new_tokens} new ones in its context "
                    f"of {self.context}"
                )
        done: dict[int, Generation] = {}
        for batch in batches([len(p) + decoding.max_new_tokens for p in prompts], self.batch_size):
            replies = self._continue([prompts[i] for i in batch], decoding)
            done.update(zip(batch, replies, strict=True))
        return [done[i] for i in range(len(prompts))]

    def score_labels(
        self, conversations: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores | Silence]:
        """Score each label as the whole reply, every shared prefix once; see `Model`.

        Raises:
            EvidenceError: the network fails.
        """
        scores: dict[int, LabelScores | Silence] = {}
        laid: list[Row] = []
        for item, prompt in enumerate(self._tokens.label_prompts(conversations, labels)):
            if isinstance(prompt, Silence):
                scores[item] = Silence(prompt.reason, f"{self.identity.name}: {prompt.detail}")
            elif self.context is not None and longest(prompt) > self.context:
                detail = f"{longest(prompt)} tokens, {self.context} fit"
                scores[item] = Silence("too_long", f"{self.identity.name}: {detail}")
            else:
                laid += rows(item, prompt)
        reads: dict[int, dict[int, Read]] = {}
        with self._running(), torch.inference_mode():
            scored = self.scorer.score(laid)
        for row, found in zip(laid, scored, strict=True):
            labelled = zip((label for label, _ in row.reads), found, strict=True)
            reads.setdefault(row.item, {}).update(labelled)
        for item, by_label in reads.items():
            logprobs = tuple(by_label[k].logprob for k in range(len(labels)))
            scores[item] = LabelScores(logprobs, any(read.greedy for read in by_label.values()))
        return [scores[item] for item in range(len(conversations))]

    def score_continuations(
        self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> list[tuple[float, bool]]:
        """Score token ids as what follows other ids, none of them empty, every shared prefix once.

        Of each pair: the log-probability in nats, and whether greedy search would write the same.

        Raises:
            EvidenceError: the network fails, or gives what is no log-probability.
        """
        members: dict[tuple[int, ...], list[int]] = {}
        for i, (before, _) in enumerate(pairs):
            members.setdefault(tuple(before), []).append(i)
        laid: list[Row] = []
        for before, group in members.items():
            after = tuple(tuple(pairs[i][1]) for i in group)
            laid += rows(group[0], LabelPrompt(before, after))
        with self._running(), torch.inference_mode():
            scored = self.scorer.score(laid)
        answers: dict[int, tuple[float, bool]] = {}
        for row, found in zip(laid, scored, strict=True):
            group = members[tuple(pairs[row.item][0])]
            for (k, _), read in zip(row.reads, found, strict=True):
                if not read.logprob <= 1e-3:  # NaN too: a maximum over choices would hide it
                    message = f"{self.identity.name} gave {read.logprob}, no log-probability"
                    raise EvidenceError(message)
                answers[group[k]] = read.logprob, read.greedy
        return [answers[i] for i in range(len(pairs))]

    def _continue(self, prompts: list[list[int]], decoding: Decoding) -> list[Generation]:
        started = time.perf_counter()
        width = max(map(len, prompts))
        # (batch, width), padded on the left so that all responses begin in one column
        ids = torch.tensor([[self._pad] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        processors = LogitsProcessorList()
        if decoding.temperature > 0:
            processors.append(_GumbelNoise(prompts, decoding.temperature))
        with self._running():
            output = self.network.generate(
                input_ids=ids.to(self.network.device),
                attention_mask=mask.to(self.network.device),
                logits_processor=processors,
                generation_config=GenerationConfig(
                    max_new_tokens=decoding.max_new_tokens,
                    do_sample=False,
                    eos_token_id=self._ends or None,
                    pad_token_id=self._pad,
                ),
            )
        share = (time.perf_counter() - started) / len(prompts)
        replies = [row[width:] for row in output.tolist()]
        return [self._generation(p, r, share) for p, r in zip(prompts, replies, strict=True)]

    def _generation(self, prompt: list[int], reply: list[int], seconds: float) -> Generation:
        ends = [at for at, token in enumerate(reply) if token in self._ends]
        text = self._tokens.text(reply[: ends[0]] if ends else reply)
        finish: Literal["stop", "length"] = "stop" if ends else "length"
        count = ends[0] + 1 if ends else len(reply)  # the end mark was generated too
        return Generation(text, finish, len(prompt), count, seconds)

    def report(self) -> dict[str, Any]:
        """Tell how labels were scored, and on what."""
        facts = {"threads": self._threads or torch.get_num_threads()}
        return self.scorer.report() | dict(self.identity.details) | facts

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """Run the network with few threads if it is small, and name it when it fails."""
        before = torch.get_num_threads()
        try:
            if self._threads:
                torch.set_num_threads(self._threads)
            with quiet():
                yield
        except (RuntimeError, IndexError, ValueError) as error:
            raise EvidenceError(f"{self.identity.name} failed: {first_line(error)}") from error
        finally:
            torch.set_num_threads(before)


class _GumbelNoise(LogitsProcessor):  # type: ignore[misc]
    """Turns greedy search into sampling whose draws depend on the prompt alone, not on the batch.

    The largest of `logits / temperature + Gumbel noise` is a sample of the softmax.
    """

    def __init__(self, prompts: list[list[int]], temperature: float) -> None:
        self._temperature = temperature
        seeds = [hashlib.sha256(str(prompt).encode()).digest()[:8] for prompt in prompts]
        self._draws = [torch.Generator().manual_seed(int.from_bytes(s, "big")) for s in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Add noise.  # (batch, seq), (batch, vocabulary) -> (batch, vocabulary)."""
        del input_ids
        size = scores.shape[-1]
        uniform = torch.stack([torch.rand(size, generator=draw) for draw in self._draws])
        noise = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
        return scores.float() / self._temperature + noise.to(scores.device)


def _load(
    checkpoint: Checkpoint,
    name: str,
    options: Mapping[str, str],
    details: tuple[tuple[str, str], ...],
) -> HfModel:
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise UsageError(f"{name} has no option {unknown[0]!r}; it has {', '.join(_OPTIONS)}")
    batch_size = options.get("batch_size", "16")
    if not batch_size.isdecimal() or int(batch_size) < 1:
        raise UsageError(f"{name}: batch_size must be a positive whole number, not {batch_size!r}")
    device = _device(name, options)
    dtype = _dtype(name, options, checkpoint.config, device)
    network, tokenizer = _read_files(checkpoint, name, dtype)
    if stamp(checkpoint.directory) != checkpoint.stamp:
        raise EvidenceError(
            f"{name} was written to while it was opened: its digest would not stand for what was "
            "loaded. Try again when nothing writes to it"
        )
    try:
        network = network.to(device).eval()
    except RuntimeError as error:
        raise UsageError(f"{name} does not fit on {device}: {first_line(error)}") from error
    facts = {
        "device": device,
        "dtype": dtype,
        "parameters": str(network.num_parameters()),
        "weights": checkpoint.weights,
        **({"allow_code": "true"} if checkpoint.runs_code else {}),
        **dict(checkpoint.details),
        **dict(details),
    }
    identity = Identity(name, checkpoint.digest, tuple(sorted(facts.items())))
    return HfModel(network, tokenizer, identity, batch_size=int(batch_size))


def _read_files(checkpoint: Checkpoint, name: str, dtype: str) -> tuple[Any, Any]:
    allowed = {"trust_remote_code": checkpoint.runs_code, "local_files_only": True}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(checkpoint.directory, **allowed)
            network, loading = AutoModelForCausalLM.from_pretrained(
                checkpoint.directory,
                dtype=_DTYPES[dtype],
                use_safetensors=checkpoint.safetensors,
                output_loading_info=True,
                **allowed,
            )
    except Exception as error:  # transformers raises anything at all on a damaged file
        raise EvidenceError(f"{name} cannot be loaded: {first_line(error)}") from error
    surplus = sorted(loading["unexpected_keys"])
    if surplus:  # transformers leaves them out and goes on, such as the layers a config lacks
        raise EvidenceError(
            f"{name} holds {len(surplus)} weights its config has no place for, such as {surplus[0]}"
        )
    missing = sorted(loading["missing_keys"]) + sorted(map(str, loading["mismatched_keys"]))
    if missing:  # transformers fills them with random numbers and goes on
        raise EvidenceError(f"{name} lacks {len(missing)} of its weights, such as {missing[0]}")
    rows = network.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise EvidenceError(
            f"{name}: its tokenizer has {len(tokenizer)} tokens, its weights only {rows}"
        )
    return network, tokenizer


def _device(name: str, options: Mapping[str, str]) -> str:
    wanted = options.get("device", "cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"{name}: no device {wanted!r} here: {first_line(error)}") from error
    return str(device)


def _dtype(name: str, options: Mapping[str, str], config: Mapping[str, Any], device: str) -> str:
    """Choose a dtype: as asked, else as stored, else float32 where the CPU would emulate it."""
    wanted = options.get("dtype", "auto")
    if wanted in _DTYPES:
        return wanted
    if wanted != "auto":
        raise UsageError(f"{name}: dtype must be auto, {', '.join(_DTYPES)}, not {wanted!r}")
    text = config.get("text_config") or {}
    stored = config.get("dtype") or config.get("torch_dtype") or text.get("dtype")
    if stored not in _DTYPES:
        return "float32"
    native = not device.startswith("cpu") or (stored == "bfloat16" and _native_bf16())
    return stored if native else "float32"


def _native_bf16() -> bool:
    """Tell whether the CPU computes in bf16 itself; emulated, it costs six times float32."""
    try:
        flags = _CPU_INFO.read_text(encoding="utf-8")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


def _flat(ids: int | Sequence[int] | None) -> Sequence[int]:
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else ids


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' advice and progress bars off the user's screen."""
    logs = transformers.utils.logging
    verbosity, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logs.set_verbosity(verbosity)
        if bars:
            logs.enable_progress_bar()
