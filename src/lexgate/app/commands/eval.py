"""`lexgate eval SUITE --model M`: measure a candidate; what is interrupted can be resumed.

Only the run's id goes to stdout, so that `RUN=$(lexgate eval …)` can be given to `gate`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from lexgate._text import printable
from lexgate.app.commands._pinned import refuse_changed
from lexgate.app.commands._shared import (
    ARGUMENTS,
    CRITICS,
    MODELS,
    RUNS,
    answer,
    find_run,
    json_option,
    pairs,
    quiet,
    runs_option,
    say,
    split_names,
)
from lexgate.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from lexgate.app.progress import Bars, Lines
    from lexgate.constitutions import Constitution
    from lexgate.critic import Critic, Model
    from lexgate.evals import Run, Suite

__all__ = ["Wanted", "command"]

_DEFAULT_CRITIC = ("checks", "exemplars")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    suite: str
    model: str
    critics: tuple[str, ...]
    runs: Path
    limit: int | None
    resume: str | None
    reuse: tuple[str, ...]
    allow_code: bool
    options: tuple[str, ...]
    critic_options: tuple[str, ...]

    def resume_command(self, run: Path) -> str:
        """Give the exact command that goes on with `run`."""
        words = ["lexgate", "eval", self.suite, "--model", self.model]
        words += ["--critic", ",".join(self.critics)] if self.critics else []
        words += ["--runs", str(self.runs)] if self.runs != RUNS else []
        words += ["--limit", str(self.limit)] if self.limit else []
        words += ["--allow-code"] if self.allow_code else []
        for option in self.options:
            words += ["-M", option]
        for option in self.critic_options:
            words += ["-C", option]
        in_place = run == self.runs / run.name
        return shlex.join([*words, "--resume", run.name if in_place else str(run)])


@click.command(name="eval")
@click.argument("suite")
@click.option("--model", metavar="M", required=True, help=f"The candidate: {MODELS}.")
@click.option("--critic", "critics", metavar="C", multiple=True, help=CRITICS)
@runs_option
@click.option("--limit", type=click.IntRange(1), help="Only the first so many samples a task.")
@click.option("--resume", metavar="RUN", help="Go on with a run; nothing is made twice.")
@click.option(
    "--reuse",
    metavar="RUN",
    multiple=True,
    help="Take over answers and verdicts of an earlier run wherever nothing they depend on changed.",
)
@click.option(
    "--allow-code",
    is_flag=True,
    help="Let models run code of their own and unpickle weights. Decisions will say so.",
)
@click.option(
    "-M",
    "options",
    metavar="K=V",
    multiple=True,
    help=f"An argument of the candidate: {ARGUMENTS}.",
)
@click.option(
    "-C",
    "critic_options",
    metavar="K=V",
    multiple=True,
    help="An argument of the critic; the same ones as of a candidate that is such a model.",
)
@json_option
def command(as_json: bool, **options: Any) -> int:
    """Run SUITE, a file or a shipped name, on a candidate; print the run's id.

    lm_eval tasks need a candidate with a network: hf/ or demo/.

    Exit code: 0 the run is complete, 2 nothing of that name is here, 4 the candidate or the disk
    failed or the hub cannot be reached, 130 interrupted (143 by SIGTERM); what is done stands, and
    the command that goes on is printed.
    """
    quiet()
    wanted = Wanted(**options)
    run = _evaluate(wanted)
    from lexgate.app.commands._summary import summarise, told

    summary = summarise(run)
    for line in summary.lines():
        say(f"  {line}")
    for line in told(run):
        say(f"  {line}")
    say(f"run: {run.path}")
    if as_json:
        answer(_json(run) | summary.to_json())
    else:
        click.echo(run.id)
    return 0 if run.complete else EvidenceError.exit_code


def _evaluate(wanted: Wanted) -> Run:
    from lexgate.app.progress import watched

    say(f"loading {printable(wanted.model)} …")  # the libraries alone take seconds
    from lexgate.critic import open_model
    from lexgate.evals import evaluate, load_suite

    suite = load_suite(wanted.suite)
    refuse_changed(suite, wanted.suite)
    resume = None
    if wanted.resume is not None:
        resume = find_run(wanted.resume, wanted.runs, "--resume")
    reuse = [find_run(reference, wanted.runs, "--reuse") for reference in wanted.reuse]
    critic = _open_critic(suite, wanted)
    model = open_model(wanted.model, pairs(wanted.options), allow_code=wanted.allow_code)
    _announce(suite, model, critic, wanted.limit)
    progress: Lines | Bars | None = None
    try:
        with watched(say) as progress:
            return evaluate(
                suite,
                model,
                critic,
                directory=wanted.runs,
                limit=wanted.limit,
                resume=resume,
                reuse=reuse,
                progress=progress,
            )
    except (KeyboardInterrupt, EvidenceError):
        if progress and (standing := progress.run or resume):
            say(f"what is done stands in {standing}; go on with\n")
            say(f"    {wanted.resume_command(standing)}\n")
        raise


def _open_critic(suite: Suite, wanted: Wanted) -> Critic | None:
    from lexgate.critic import open_critic

    names = split_names(wanted.critics)
    rules = _constitution(suite)
    if rules is None:
        if names or wanted.critic_options:
            raise UsageError(f"{suite.reference} has no critic task: leave --critic and -C out")
        return None
    options = pairs(wanted.critic_options, "-C")
    return open_critic(names or _DEFAULT_CRITIC, rules, options, allow_code=wanted.allow_code)


def _constitution(suite: Suite) -> Constitution | None:
    from lexgate.evals import CriticTask

    return next((task.constitution for task in suite.tasks if isinstance(task, CriticTask)), None)


def _announce(suite: Suite, model: Model, critic: Critic | None, limit: int | None) -> None:
    from lexgate.evals import LmEvalTask

    counts = [
        f"{task.id} (lm-eval)"
        if isinstance(task, LmEvalTask)
        else f"{task.id} ({len(task.samples[:limit])})"
        for task in suite.tasks
    ]
    judged = f", judged by {critic.identity.name}" if critic else ""
    say(printable(f"{suite.reference} on {model.identity.name}{judged}: {', '.join(counts)}", 1000))
    for name, value in model.identity.details:
        if name == "note":
            say(printable(f"  {model.identity.name}: {value}"))


def _json(run: Run) -> dict[str, Any]:
    from lexgate.evals import read_reports

    manifest = run.manifest
    return {
        "run": run.id,
        "path": str(run.path),
        "complete": run.complete,
        "head": run.head,
        "suite": manifest["suite"],
        "candidate": manifest["candidate"],
        "critic": manifest["critic"],
        "critic_reports": read_reports(run.path),
        "limit": manifest["limit"],
    }
