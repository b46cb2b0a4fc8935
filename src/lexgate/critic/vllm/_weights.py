"""Which of a network's weights a checkpoint lacks: vLLM leaves some of those as memory happened to be.

It fuses matrices, such as the two halves of an MLP, and takes half of one for the whole (seen in
0.32). So the names in the files are compared with those of transformers' own network, which is made
without memory for its numbers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["lacking"]

_HEADER = 100_000_000  # bytes, the most that the format allows


def lacking(directory: Path) -> list[str] | None:
    """Name the weights that the files lack; None where that cannot be told.

    It cannot where transformers does not know the network, or names its weights otherwise: as
    quantised ones are, and those whose layout it changes when it loads them.

    Raises:
        ValueError: a file of weights is damaged.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(directory, local_files_only=True)
        with torch.device("meta"):
            network = AutoModelForCausalLM.from_config(config)
    except Exception:  # noqa: BLE001  it raises anything at all on networks that it does not know
        return None
    stored = {name for path in directory.glob("*.safetensors") for name in _names(path)}
    # Of weights that are one, this lists one only.
    wanted = {name for name, _ in network.named_parameters()}
    known = wanted | set(network.state_dict())
    if not stored <= known:
        return None
    tied = _tied(network)
    return sorted(
        name for name in wanted - stored if not any(twin in stored for twin in tied.get(name, ()))
    )


def _tied(network: object) -> dict[str, set[str]]:
    """Tell, for each weight, by which other names it goes."""
    names: dict[int, set[str]] = {}
    for name, weight in network.named_parameters(remove_duplicate=False):  # type: ignore[attr-defined]
        names.setdefault(id(weight), set()).add(name)
    return {name: group - {name} for group in names.values() for name in group}


def _names(path: Path) -> list[str]:
    """Read the names of the tensors in a file of safetensors: a length, then JSON of that length."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(min(size, _HEADER)))
    if not isinstance(header, dict):
        raise ValueError(f"{path} has no header")  # noqa: TRY004  as other damage is told
    return [name for name in header if name != "__metadata__"]
