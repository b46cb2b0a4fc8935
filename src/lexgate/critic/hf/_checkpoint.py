"""A directory of weights, looked at before anything in it is loaded.

Opening a model must never run code that came with it. Weights are safetensors; pickles and custom
modelling code are refused unless somebody allowed them, and then the identity says so. An adapter
is never a whole model: it would pull weights in that no digest covers.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate._digests import FileDigest, Manifest, digest, digest_file, manifest_of
from lexgate.errors import EvidenceError, LexgateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Checkpoint", "first_line", "hub_snapshot", "inspect", "stamp"]

_PICKLED = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
_CONFIGS = (
    "config.json",
    "tokenizer_config.json",
    "generation_config.json",
    "processor_config.json",
    "preprocessor_config.json",
)
_ATTENTION = frozenset({"attn_implementation", "_attn_implementation", "experts_implementation"})
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_SAFE = (".json", ".safetensors", ".txt", ".model", ".jinja", ".tiktoken")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_ON = frozenset({"1", "ON", "YES", "TRUE"})  # as the hub's own client reads them


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model directory found fit to be loaded."""

    directory: Path
    digest: str  # of the bytes of all its files
    weights: str  # of the bytes of its weight files alone, whatever they are called
    stamp: tuple[tuple[str, int, int, int, int], ...]  # of its files before they were digested
    config: dict[str, Any]
    safetensors: bool
    runs_code: bool  # it holds pickles or code, and that was allowed
    details: tuple[tuple[str, str], ...] = ()  # `commit` of a hub model


def inspect(
    directory: Path,
    *,
    allow_code: bool,
    manifest: Callable[[Path], Manifest] = manifest_of,
) -> Checkpoint:
    """Look at a model directory without loading anything from it.

    Raises:
        UsageError: it is no model directory, or it needs code to run that was not allowed.
        EvidenceError: its config.json is damaged.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is {_nature(directory)}; expected a model directory")
    names = sorted(p.relative_to(directory).as_posix() for p in directory.rglob("*"))
    weights = [name for name in names if name.endswith(".safetensors") and "/" not in name]
    pickles = [name for name in names if Path(name).suffix in _PICKLED and "/" not in name]
    if "config.json" not in names or not (weights or pickles):
        raise UsageError(
            f"{directory} is not a model directory: expected config.json and *.safetensors, "
            f"found {_found(names)}"
        )
    if "adapter_config.json" in names:
        raise UsageError(
            f"{directory} holds adapter_config.json: an adapter changes weights that stand elsewhere. "
            "Merge it into its base model (peft: `merge_and_unload`) and save the whole"
        )
    before = stamp(directory)
    config = _read_config(directory / "config.json")
    _check_shards(directory, names)
    reasons = _code(directory, names)
    if not weights:
        reasons.insert(0, f"pickled weights only ({pickles[0]}); save them as safetensors")
    if reasons and not allow_code:
        raise UsageError(
            f"{directory} could run code of its own when loaded: {'; '.join(reasons)}. "
            "Nothing was loaded. If you trust it, say --allow-code, and decisions will say so too"
        )
    listed = manifest(directory)
    return Checkpoint(
        directory=directory,
        digest=listed.digest,
        weights=_weights(listed),
        stamp=before,
        config=config,
        safetensors=bool(weights),
        runs_code=bool(reasons),
    )


def stamp(directory: Path) -> tuple[tuple[str, int, int, int, int], ...]:
    """Note what changes when a file is written or replaced: the bytes loaded must be those digested.

    A tripwire only. What a model is, its digest says.
    """
    found = ((path, path.stat()) for path in sorted(directory.rglob("*")) if path.is_file())
    return tuple(
        (path.name, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        for path, status in found
    )


def hub_snapshot(identifier: str, revision: str | None, *, allow_code: bool) -> Checkpoint:
    """Fetch a model from the hub, or from its local cache when offline.

    Files that could hold code are not even fetched unless that was allowed.

    Raises:
        UsageError: neither this machine nor the hub knows it, or it is no safe model.
        EvidenceError: it is named as models of the hub are, and the hub cannot be reached.
    """
    if not _HUB_ID.fullmatch(identifier):
        nature = f"{identifier} is {_nature(Path(identifier))}{_near(identifier)}"
        raise UsageError(f"{nature}; expected a model directory")
    from huggingface_hub import snapshot_download

    offline = any(os.environ.get(name, "").upper() in _ON for name in _OFFLINE)
    try:
        found = snapshot_download(
            identifier,
            revision=revision,
            allow_patterns=None if allow_code else [f"*{suffix}" for suffix in _SAFE],
            local_files_only=offline,
        )
    except Exception as error:
        raise _unobtainable(identifier, revision, error, offline=offline) from error
    # Whatever else lies in the cache's folder is not read, so it is no part of the identity.
    suffixes = ("",) if allow_code else _SAFE
    checkpoint = inspect(
        Path(found), allow_code=allow_code, manifest=lambda path: _linked_manifest(path, suffixes)
    )
    return replace(checkpoint, details=(("commit", Path(found).name),))


def _unobtainable(
    identifier: str, revision: str | None, error: Exception, *, offline: bool
) -> LexgateError:
    from huggingface_hub import errors

    missing = f"{identifier} is no directory here{_near(identifier)}"
    at = f" at revision {revision}" if revision else ""
    if offline:
        said = f"not obtainable in the offline cache{at}: {first_line(error)}"
        return UsageError(f"{missing}, and {said}")
    unknown = (
        errors.HFValidationError,
        errors.RepositoryNotFoundError,  # also one that needs an account
        errors.RevisionNotFoundError,
    )
    if isinstance(error, unknown):
        said = f"not obtainable from the Hugging Face hub{at}: {first_line(error)}"
        return UsageError(f"{missing}, and {said}")
    # A name with a folder of this machine in it is a path that was misspelt.
    folder, _, name = identifier.rpartition("/")
    if revision or (folder and name and not Path(folder).is_dir()):
        why = first_line(error.__cause__ or error)
        return EvidenceError(f"{missing}, and the Hugging Face hub cannot be reached{at}: {why}")
    return UsageError(f"{missing}, and the Hugging Face hub cannot be reached")


def first_line(error: BaseException) -> str:
    """Say an exception of a foreign library in one line, its kind first."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]


def _linked_manifest(directory: Path, suffixes: tuple[str, ...]) -> Manifest:
    # The hub's cache links snapshots to blobs; the digest is of the bytes the links lead to.
    paths = sorted(directory.rglob("*"))
    files = [path for path in paths if path.is_file() and path.name.endswith(suffixes)]
    return Manifest(
        tuple(
            FileDigest(p.relative_to(directory).as_posix(), p.stat().st_size, digest_file(p))
            for p in files
        )
    )


def _weights(manifest: Manifest) -> str:
    """Digest the weights that are loaded: pickles, such as a trainer's notes, only for want of others."""
    for suffixes in ((".safetensors",), tuple(_PICKLED)):
        if found := sorted(f.digest for f in manifest.files if f.path.endswith(suffixes)):
            return digest(found)
    return digest([])


def _check_shards(directory: Path, names: list[str]) -> None:
    """Refuse an index that leads to weights which the directory's digest does not cover."""
    for name in names:
        if not name.endswith(".index.json"):
            continue
        shards = _read_config(directory / name).get("weight_map", {})
        if not isinstance(shards, dict):
            raise EvidenceError(f"{directory / name} is damaged: its weight_map is no JSON object")
        for shard in sorted({str(shard) for shard in shards.values()}):
            if "/" in shard or "\\" in shard or shard not in names:
                raise UsageError(
                    f"{directory / name} names weights in {shard!r}, which is no file of the "
                    "directory: its digest would not stand for them. Nothing was loaded"
                )


def _near(identifier: str) -> str:
    """Name the directory beside that is spelt nearly so, as a question in brackets."""
    try:
        path = Path(identifier).expanduser()
        beside = [entry.name for entry in path.parent.iterdir() if entry.is_dir()]
    except (OSError, RuntimeError):  # unreadable, or nobody of that name has a home
        return ""
    near = difflib.get_close_matches(path.name, beside, n=1)
    return f" (did you mean {path.parent / near[0]}?)" if near else ""


def _nature(path: Path) -> str:
    if path.is_file():
        return "a file"
    return "something else" if path.exists() else "not there"


def _found(names: list[str]) -> str:
    if not names:
        return "an empty directory"
    if "run.json" in names:
        return "a run of lexgate (run.json): evaluate the model, gate the run"
    if "adapter_config.json" in names:
        return "an adapter (adapter_config.json): merge it into its base model and save the whole"
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except ValueError as error:
        raise EvidenceError(f"{path} is damaged: {first_line(error)}") from error
    if not isinstance(config, dict):
        raise EvidenceError(f"{path} is damaged: expected a JSON object")
    return config


def _code(directory: Path, names: list[str]) -> list[str]:
    """Say which files of a directory bring code, or name code to fetch."""
    reasons = [f"it holds {name}" for name in names if name.endswith(".py")][:3]
    for name in _CONFIGS:
        if name in names:
            pairs = list(_pairs(_read_config(directory / name)))
            if any(key == "auto_map" and value for key, value in pairs):
                reasons.append(f"{name} names modelling code (auto_map)")
            reasons += [
                f"{name} names a kernel to download ({value})"
                for key, value in pairs
                if key in _ATTENTION and "/" in json.dumps(value)
            ]
    return reasons


def _pairs(data: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        yield from data.items()
        for value in data.values():
            yield from _pairs(value)
    elif isinstance(data, list):
        for value in data:
            yield from _pairs(value)
