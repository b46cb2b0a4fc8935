"""`lexgate demo`: the whole job on built-in models, offline.

Four candidates are measured by the shipped suite, judged by the default critic and decided by the
shipped policy, through the same calls as everybody's models. Nothing is hard-coded: put another
model in a candidate's place (`--model careful=hf/PATH`) and the decision is about that model.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lexgate.app.commands._second import Agreement, second_opinion
from lexgate.app.commands._shared import answer, json_option, pairs, quiet, runs_option, say
from lexgate.app.commands._summary import Mean, summarise
from lexgate.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lexgate.critic import Critic
    from lexgate.evals import Run, Suite
    from lexgate.gates import Decision, Policy

__all__ = ["Result", "command"]

_DEFAULT_CRITIC = ("checks", "exemplars")
_SECOND_CRITIC = "demo/critic"
_DEMO = "demo@1.0.0"  # not `demo`, which may be a file in the workspace


@dataclass(frozen=True, slots=True)
class Result:
    """One candidate after its run and its decision."""

    name: str
    model: str  # what stood in its place: `demo/NAME` unless the person put another there
    run: Run
    decision: Decision
    ours: Mean  # accuracy as our scorer has it
    lm_eval: Mean  # the same questions as lm-eval scores them
    agreement: Agreement  # of the second critic with the default one

    @property
    def label(self) -> str:
        """`careful`, or `careful (hf/PATH)` where another model stood in its place."""
        return self.name if self.model == f"demo/{self.name}" else f"{self.name} ({self.model})"


@dataclass(frozen=True, slots=True)
class _Job:
    """What all candidates share."""

    suite: Suite
    policy: Policy
    critic: Critic
    second: Critic
    runs: Path


@click.command()
@runs_option
@click.option(
    "--model",
    "replacements",
    metavar="NAME=MODEL",
    multiple=True,
    help="Put MODEL in the place of the candidate NAME, such as careful=hf/PATH. It needs a "
    "network (hf/ or demo/), for lm-eval measures it too.",
)
@json_option
def command(runs: Path, replacements: tuple[str, ...], as_json: bool) -> int:
    """Do the whole job on built-in models, offline.

    The first time takes about a minute and a half on two cores, then about ten seconds. Trains four small candidates and a critic on this machine, from text the package generates,
    then measures, judges and decides. Exit code: 0 decisions were made, 4 evidence is missing.
    """
    quiet()
    start = time.perf_counter()
    models = _models(pairs(replacements, "--model"))
    job = _job(runs)
    results = [_decide(job, name, model) for name, model in models.items()]
    if as_json:
        answer(_json(results, models))
    else:
        from lexgate.app.commands._table import demo_report

        click.echo(demo_report(results, _SECOND_CRITIC))
    say(f"took {time.perf_counter() - start:.0f} s")
    errors = any(result.decision.outcome == "error" for result in results)
    return EvidenceError.exit_code if errors else 0


def _models(replacements: Mapping[str, str]) -> dict[str, str]:
    say("loading the built-in models …")  # the libraries alone take seconds
    from lexgate.critic import embedded

    models = {name: f"demo/{name}" for name in embedded.NAMES if name != "critic"}
    if unknown := [name for name in replacements if name not in models]:
        raise UsageError(f"--model {unknown[0]}: the candidates are {', '.join(models)}")
    embedded.prepare(say)
    return {**models, **replacements}


def _job(runs: Path) -> _Job:
    from lexgate.critic import open_critic
    from lexgate.evals import CriticTask, load_suite
    from lexgate.gates import load_policy

    suite = load_suite(_DEMO)
    rules = next(task.constitution for task in suite.tasks if isinstance(task, CriticTask))
    return _Job(
        suite=suite,
        policy=load_policy(_DEMO),
        critic=open_critic(_DEFAULT_CRITIC, rules),
        second=open_critic((_SECOND_CRITIC,), rules),
        runs=runs,
    )


def _decide(job: _Job, name: str, model: str) -> Result:
    from lexgate.app.commands.gate import write_record
    from lexgate.app.progress import Lines
    from lexgate.critic import open_model
    from lexgate.evals import evaluate
    from lexgate.gates import decide

    say(f"{name}: {model}")
    run = evaluate(
        job.suite, open_model(model), job.critic, directory=job.runs, progress=Lines(say)
    )
    now = datetime.now(UTC)
    decision = decide(job.policy, run, now=now)
    write_record(decision, run.path, now)
    kinds = {task.id: task.kind for task in job.suite.tasks}
    means = {kinds[key.partition("/")[0]]: m for key, m in summarise(run).metrics.items()}
    return Result(
        name=name,
        model=model,
        run=run,
        decision=decision,
        ours=means["accuracy"],
        lm_eval=means["lm_eval"],
        agreement=second_opinion(job.second, job.suite, run),
    )


def _json(results: list[Result], models: Mapping[str, str]) -> dict[str, Any]:
    total = sum((result.agreement for result in results), Agreement(0, 0))
    return {
        "decisions": {result.name: result.decision.to_json() for result in results},
        "agreement": total.share,
        "accuracy": {
            result.name: {"ours": result.ours.value, "lm_eval": result.lm_eval.value}
            for result in results
        },
        "agreements": {result.name: result.agreement.share for result in results},
        "models": dict(models),
        "runs": {result.name: str(result.run.path) for result in results},
    }
