"""A frozen sentence encoder: a transformers directory, mean pooled, pinned by its weights' sha256.

An encoder is fetched from somewhere, so whoever uses one says which bytes they mean. Texts are
encoded one at a time: no batch mate can move an embedding. Laws (tested): weights of another hash
than the pinned one are never loaded; padding does not change an embedding; its length is one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModel, AutoTokenizer

from lexgate._digests import digest
from lexgate.critic.hf._checkpoint import first_line, inspect
from lexgate.critic.hf._model import quiet
from lexgate.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from lexgate.critic.hf._checkpoint import Checkpoint

__all__ = ["Encoder", "open_encoder", "pooled"]

_LONGEST = 512  # tokens; what stands behind them is not embedded
_KEPT = 4096  # embeddings remembered


class Encoder:
    """Embeds texts by the mean of a network's last states."""

    def __init__(self, network: Any, tokenizer: Any, identity: str, weights: str = "") -> None:
        self.digest = identity
        self.weights = weights
        self._network = network
        self._tokenizer = tokenizer
        limits = (_LONGEST, network.config.max_position_embeddings, tokenizer.model_max_length)
        self._longest = int(min(limits))
        self._made: dict[str, tuple[float, ...]] = {}

    def embed(self, text: str) -> tuple[float, ...]:
        """Embed a text; the embedding has length one, and is the same for equal texts.

        Raises:
            EvidenceError: the network fails, or gives what is no number.
        """
        if text not in self._made:
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[text] = self._embed(text)
        return self._made[text]

    def _embed(self, text: str) -> tuple[float, ...]:
        batch = self._tokenizer(
            [text], truncation=True, max_length=self._longest, return_tensors="pt"
        )
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)  # sums in one order everywhere
            with torch.inference_mode():
                states = self._network(**batch).last_hidden_state  # (1, seq, hidden)
                (vector,) = pooled(states, batch["attention_mask"])
        except (RuntimeError, IndexError, ValueError) as error:
            raise EvidenceError(f"the encoder failed: {first_line(error)}") from error
        finally:
            torch.set_num_threads(threads)
        if not bool(torch.isfinite(vector).all()):
            raise EvidenceError("the encoder gave numbers that are none (NaN or infinite)")
        return tuple(vector.tolist())


def pooled(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average the states that the mask keeps, to length one.

    (batch, seq, hidden), (batch, seq) -> (batch, hidden).
    """
    kept = mask.unsqueeze(-1).to(states.dtype)
    mean = (states * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1.0)
    return torch.nn.functional.normalize(mean, dim=-1)


def open_encoder(directory: Path, pin: str) -> Encoder:
    """Open an encoder whose weights have the sha256 `pin`.

    Raises:
        UsageError: it is no safe directory, the pin is missing or another.
        EvidenceError: its files are damaged.
    """
    checkpoint = inspect(directory, allow_code=False)
    found = _sha256(checkpoint)
    if pin.removeprefix("sha256:").lower() != found:
        said = f"the pin says {pin}" if pin else "it is not pinned"
        raise UsageError(
            f"encoder {directory}: {said}; the sha256 of its weights is {found}. Nothing was "
            f"loaded. If these are the weights you mean, give encoder_sha256={found}"
        )
    where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(directory, **where)
            network, loading = AutoModel.from_pretrained(
                directory,
                dtype=torch.float32,
                use_safetensors=True,
                output_loading_info=True,
                **where,
            )
    except Exception as error:  # transformers raises anything at all on a damaged file
        raise EvidenceError(f"encoder {directory} cannot be loaded: {first_line(error)}") from error
    # A pooler is not used, and many encoders come without one.
    missing = [key for key in sorted(loading["missing_keys"]) if not key.startswith("pooler.")]
    missing += sorted(map(str, loading["mismatched_keys"]))
    if missing:  # transformers fills them with random numbers and goes on
        raise EvidenceError(
            f"encoder {directory} lacks {len(missing)} of its weights, such as {missing[0]}"
        )
    identity = digest(["encoder-1", checkpoint.digest, _LONGEST])
    return Encoder(network.eval(), tokenizer, identity, checkpoint.weights)


def _sha256(checkpoint: Checkpoint) -> str:
    files = sorted(checkpoint.directory.glob("*.safetensors"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files)
        raise UsageError(
            f"encoder {checkpoint.directory} must have its weights in one safetensors file, found "
            f"{names}"
        )
    with files[0].open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
