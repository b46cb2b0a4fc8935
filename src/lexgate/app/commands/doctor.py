"""`lexgate doctor`: what this machine can run and what is missing, each with what to do about it.

A finding is `ok`, `note` (nothing is wrong, but a person will want to know) or `missing` (needed
for the core: exit code 1). Extras that are not installed are notes.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import click

from lexgate.app.commands._shared import answer, json_option, quiet, runs_option
from lexgate.errors import LexgateError

__all__ = ["Finding", "command", "examine"]

_EXTRAS = {"hf": ("torch", "transformers"), "lm-eval": ("lm_eval",), "app": ("streamlit",)}
_SERVES = {
    "hf": "hf/ and demo/ models",
    "lm-eval": "lm_eval tasks and lexgate demo",
    "app": "lexgate review",
}
_CORE = ("click", "jsonschema", "PyYAML", "rich", "scikit-learn", "scipy")
_FREE = 1 << 30  # bytes: the built-in models, their runs and room to breathe
_SLOW_SYNC = 50.0  # ms: above it, the journal's group commit (100 ms) begins to hold a run up


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    state: Literal["ok", "note", "missing"]
    found: str
    hint: str = ""  # what to do; empty where nothing is to be done


@click.command()
@runs_option
@json_option
def command(runs: Path, as_json: bool) -> int:
    """Say what this machine can run, and what is missing.

    Exit code: 0 the core can run, 1 something it needs is missing.
    """
    quiet()
    findings = examine(runs)
    wrong = any(finding.state == "missing" for finding in findings)
    if as_json:
        answer({"ok": not wrong, "findings": [dataclasses.asdict(item) for item in findings]})
        return int(wrong)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        click.echo(f"{finding.state:<7}  {finding.what:<{width}}  {finding.found}")
        if finding.hint:
            click.echo(f"{'':<7}  {'':<{width}}  -> {finding.hint}")
    return int(wrong)


def examine(runs: Path) -> tuple[Finding, ...]:
    """Look at everything; never raises for what it finds."""
    return (
        _python(),
        *map(_package, _CORE),
        *(_extra(extra) for extra in _EXTRAS),
        _processor(),
        *_device(),
        _disk(runs),
        _sync(runs),
        _cache(),
        _runs(runs),
    )


def _python() -> Finding:
    from lexgate import __version__

    found = f"lexgate {__version__}, Python {platform.python_version()} on {platform.system()}"
    return Finding("versions", "ok", found)


def _package(name: str) -> Finding:
    installed = _version(name)
    if installed:
        return Finding(name, "ok", installed)
    wanted = [line for line in requires("lexgate") or [] if line.startswith(name)]
    return Finding(name, "missing", "not installed", f"pip install '{(wanted or [name])[0]}'")


def _extra(extra: str) -> Finding:
    modules = _EXTRAS[extra]
    found = {module: _version(module) for module in modules}
    what = f"extra {extra}"
    if all(found.values()):
        listed = ", ".join(f"{module} {installed}" for module, installed in found.items())
        return Finding(what, "ok", listed)
    absent = ", ".join(module for module, installed in found.items() if not installed)
    hint = f"pip install 'lexgate[{extra}]'  for {_SERVES[extra]}"
    return Finding(what, "note", f"{absent} not installed", hint)


def _version(name: str) -> str:
    try:
        return version(name.replace("_", "-"))
    except PackageNotFoundError:
        return ""


def _processor() -> Finding:
    native = _native_bf16()
    bf16 = f"bf16 by {', '.join(native)}" if native else "no bf16 instructions"
    return Finding("processor", "ok", f"{os.cpu_count()} cores, {bf16}")


def _native_bf16() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return sorted({"amx_bf16", "avx512_bf16"} & set(flags))


def _device() -> tuple[Finding, ...]:
    """Load torch, for an installation that stands and does not load is a common one."""
    if not _version("torch"):
        return ()
    try:
        torch = import_module("torch")
    except (ImportError, OSError) as error:
        hint = "pip install --force-reinstall 'lexgate[hf]'"
        return (Finding("device", "note", f"torch does not load: {error}", hint),)
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        return (
            Finding("device", "ok", f"cuda ({name}); models run in the dtype they are saved in"),
        )
    dtype = "float32 (in bfloat16 where they are saved so)" if _native_bf16() else "float32"
    found = f"cpu, {torch.get_num_threads()} threads; models run in {dtype}"
    return (Finding("device", "ok", found),)


def _disk(runs: Path) -> Finding:
    place = _existing(runs)
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free for runs at {place}"
    if free < _FREE:
        hint = f"free {(_FREE - free) / 1e9:.1f} GB, or keep runs elsewhere with --runs DIR"
        return Finding("disk", "missing", found, hint)
    return Finding("disk", "ok", found)


def _existing(path: Path) -> Path:
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.is_dir())


def _sync(runs: Path) -> Finding:
    """Measure what one acknowledged group of rows costs."""
    sync = getattr(os, "fdatasync", os.fsync)
    seconds = []
    place = _existing(runs)
    try:
        with tempfile.TemporaryFile(dir=place) as stream:
            for _ in range(15):
                stream.write(b"x" * 4096)
                stream.flush()
                start = time.perf_counter()
                sync(stream.fileno())
                seconds.append(time.perf_counter() - start)
    except OSError as error:
        hint = "choose a directory you may write to with --runs DIR"
        return Finding("fsync", "missing", f"cannot write to {place}: {error.strerror}", hint)
    milliseconds = statistics.median(seconds) * 1e3
    found = f"{milliseconds:.1f} ms (median of {len(seconds)})"
    if milliseconds > _SLOW_SYNC:
        return Finding("fsync", "note", found, "keep runs on a faster disk with --runs DIR")
    return Finding("fsync", "ok", found)


def _cache() -> Finding:
    """Look at the built-in models; they are trained where they are missing."""
    try:
        place = _cache_place()
    except RuntimeError:  # no HOME, and the user has no entry that names one
        hint = "set LEXGATE_CACHE to a directory you may write to"
        return Finding("built-in models", "note", "their place is unknown: no home", hint)
    models = sorted(path.parent for path in place.rglob("config.json"))
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    if not models:
        hint = "the first lexgate demo trains them, in about a minute and a half"
        return Finding("built-in models", "note", f"none yet at {place}", hint)
    found = f"{len(models)} at {place}, {size / 1e6:.0f} MB"
    return Finding("built-in models", "ok", found)


def _cache_place() -> Path:
    own = os.environ.get("LEXGATE_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lexgate"


def _runs(runs: Path) -> Finding:
    """Verify the newest runs; a cut run can be resumed, a damaged one is evidence of nothing."""
    from lexgate.evals import open_run

    found = sorted(path.parent for path in runs.glob("*/run.json"))
    if not found:
        return Finding("runs", "note", f"none at {runs}", "lexgate demo, or lexgate init, begins")
    newest = found[-20:]
    cut, damaged = [], []
    for path in newest:
        try:
            if not open_run(path).complete:
                cut.append(path.name)
        except LexgateError:
            damaged.append(path.name)
    state = f"{len(found)} at {runs}; of the newest {len(newest)}: {len(cut)} cut"
    state += f", {len(damaged)} damaged"
    hints = [f"go on with {name}: the same lexgate eval, with --resume {name}" for name in cut[-1:]]
    hints += [f"{name} is damaged: run its suite again" for name in damaged[-1:]]
    return Finding("runs", "note" if hints else "ok", state, "; ".join(hints))
