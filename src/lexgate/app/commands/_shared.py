"""What verbs share: `--json`, the split of answers (stdout) from talk (stderr), names of runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lexgate.app.main import JSON
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "ARGUMENTS",
    "CRITICS",
    "MODELS",
    "RUNS",
    "answer",
    "check_place",
    "find_run",
    "json_option",
    "pairs",
    "quiet",
    "runs_option",
    "say",
    "split_names",
]

RUNS = Path("runs")  # where runs are kept unless a person says otherwise
# What `--help` says of names; a test holds them to what can be opened.
MODELS = (
    "hf/PATH or hf/HUB-ID, demo/careful (reckless, overcautious, forgetful), scripted/echo "
    "(refuse, yes, no)"
)
CRITICS = (
    "checks, exemplars, hf/PATH, demo/critic (knows the demo's rules only), recorded/FILE, "
    "scripted/yes or scripted/no. Cheapest first; repeat, or separate by commas. "
    "[default: checks,exemplars]"
)
ARGUMENTS = "batch_size, device, dtype, and for hub ids revision"
_Command = TypeVar("_Command", bound="Callable[..., Any]")


def json_option(function: _Command) -> _Command:
    """Add `--json`: exactly one object on stdout, also when the verb ends in an error."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=_remember,
        help="Print one JSON object on stdout; all else goes to stderr.",
    )(function)


def runs_option(function: _Command) -> _Command:
    """Add `--runs DIR`."""
    return click.option(
        "--runs",
        metavar="DIR",
        type=click.Path(path_type=Path),
        default=RUNS,
        show_default=True,
        help="The folder of runs.",
    )(function)


def _remember(context: click.Context, _parameter: click.Parameter, value: bool) -> bool:
    context.meta[JSON] = value
    return value


def answer(data: dict[str, Any]) -> None:
    """Print the one object of `--json`; ASCII, so that no terminal honours what a model wrote.

    Raises:
        ValueError: it holds NaN or an infinity, which are no JSON.
    """
    click.echo(json.dumps(data, allow_nan=False, indent=2))


def say(text: str = "") -> None:
    """Talk to the person: on stderr, so that stdout holds answers only."""
    click.echo(text, err=True)


def split_names(values: Iterable[str]) -> tuple[str, ...]:
    """Read a repeatable option whose values may also be lists with commas."""
    return tuple(name for value in values for part in value.split(",") if (name := part.strip()))


def pairs(values: Iterable[str], option: str = "-M") -> dict[str, str]:
    """Read a repeatable `KEY=VALUE` option.

    Raises:
        UsageError: a value is not of that form, or a key stands twice.
    """
    read: dict[str, str] = {}
    for value in values:
        key, equals, rest = value.partition("=")
        if not (key and equals):
            raise UsageError(f"{option} takes key=value, found '{value}'")
        if key in read:
            raise UsageError(f"{option} {key} stands twice: '{read[key]}' and '{rest}'")
        read[key] = rest
    return read


def check_place(output: Path | None) -> None:
    """Refuse a file whose directory does not exist, before any work is done for it.

    Raises:
        UsageError: it does not exist; a misspelt path would else make one.
    """
    if output is not None and not output.parent.exists():
        raise UsageError(f"-o {output}: there is no directory {output.parent}")


def find_run(reference: str, runs: Path) -> Path:
    """Find a run by path, by id below `runs`, or by the beginning of an id there.

    Raises:
        UsageError: there is none, or several ids begin so; says where it looked.
    """
    for path in (Path(reference), runs / reference):
        if (path / "run.json").is_file():
            return path
    if Path(reference).exists():
        raise UsageError(f"{reference} is not a run: it holds no run.json")
    known = sorted(path.parent.name for path in runs.glob("*/run.json"))
    begin_so = [id_ for id_ in known if id_.startswith(reference)]
    if len(begin_so) == 1:
        return runs / begin_so[0]
    if begin_so:
        raise UsageError(f"several runs begin with '{reference}': {', '.join(begin_so[:5])}")
    raise UsageError(f"no run '{reference}': no such directory, and {_found(known, runs)}")


def _found(known: Sequence[str], runs: Path) -> str:
    if not known:
        return f"{runs}/ holds no run\n    hint: lexgate eval SUITE --model M makes one"
    return f"{runs}/ holds none of that id\n    hint: the last ones are {', '.join(known[-5:])}"


def quiet() -> None:
    """Stop the model libraries from drawing, warning and calling home; call before they load.

    What a person set stands.
    """
    wanted = {
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "DO_NOT_TRACK": "1",
    }
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
