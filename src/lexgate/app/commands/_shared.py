"""What verbs share: `--json`, the split of answers (stdout) from talk (stderr), names of runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lexgate._yaml_head import head_of
from lexgate.app.main import JSON
from lexgate.errors import EvidenceError, UsageError

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
    "hf/PATH or hf/HUB-ID, openai/NAME (any OpenAI-compatible server), vllm/PATH, demo/careful "
    "(reckless, overcautious, forgetful), scripted/echo (refuse, yes, no)"
)
CRITICS = (
    "checks, exemplars, exemplars+encoder, hf/PATH, openai/NAME, vllm/PATH, a guard model such as "
    "llama-guard/PATH, demo/critic (knows the demo's rules only), recorded/FILE, scripted/yes or "
    "scripted/no. Cheapest first; repeat, or separate by commas; exemplars>hf/PATH is a cascade. "
    "[default: checks,exemplars]"
)
ARGUMENTS = (
    "batch_size, device, dtype, and for hub ids revision; for openai/ base_url, wire, concurrency, "
    "budget_tokens, budget_usd and more"
)
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


def check_place(output: Path | None, inputs: Iterable[Path | str] = ()) -> None:
    """Refuse, before any work is done for it, a place where nothing may be written.

    Raises:
        UsageError: its directory does not exist (a misspelt path would else make one); or the file
            is one of `inputs`, a constitution, suite or policy, or part of a run, which is evidence.
    """
    if output is None:
        return
    if not output.parent.exists():
        raise UsageError(f"-o {output}: there is no directory {output.parent}")
    hint = "\n    hint: name another file with -o"
    for path in map(Path, inputs):
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"-o {output} would overwrite {path}, which is read here{hint}")
    place = output.resolve()
    if place.suffix in {".yaml", ".yml"} and (head := head_of(place)):
        raise UsageError(f"-o {output} would overwrite the {head.kind} {head.reference}{hint}")
    for folder in place.parents:
        if place.relative_to(folder).parts[0] != "decisions" and _is_run(folder):
            raise UsageError(
                f"-o {output}: {folder} is a run, and evidence is not written into{hint}"
            )


def _is_run(folder: Path) -> bool:
    try:
        return b'"lexgate-run/' in (folder / "run.json").read_bytes()
    except OSError:
        return False


def find_run(reference: str, runs: Path, option: str = "--run") -> Path:
    """Find a run by path, by id below `runs`, or by the beginning of an id there.

    Raises:
        UsageError: the reference is empty (`option` is told), there is no such run, or several ids
            begin so; says where it looked.
        EvidenceError: what is no path names a folder that holds a run of another id.
    """
    if not reference.strip():
        hint = f"give a run's id or path, or leave {option} out; is a variable unset?"
        raise UsageError(f"{option} is empty\n    hint: {hint}")
    path = _find_run(reference, runs)
    is_path = len(Path(reference).parts) != 1 or "/" in reference or reference in {".", ".."}
    if not is_path and (id_ := _id_in(path)) not in {"", path.name}:
        raise EvidenceError(
            f"the folder {path} holds the run {id_}: it was copied or renamed\n"
            f"    hint: give the id of a run, or the path of a folder with a / in it"
        )
    return path


def _id_in(run: Path) -> str:
    """Read the id a run's manifest states; empty where it is damaged, which `open_run` tells."""
    try:
        return str(json.loads((run / "run.json").read_bytes())["id"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ""


def _find_run(reference: str, runs: Path) -> Path:
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
