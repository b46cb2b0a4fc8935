"""`lexgate gate POLICY --run RUN`: a decision, its record, and its exit code."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexgate.app.commands._pinned import refuse_changed
from lexgate.app.commands._shared import (
    answer,
    check_place,
    find_run,
    json_option,
    runs_option,
    say,
)

if TYPE_CHECKING:
    from lexgate.gates import Decision

__all__ = ["command", "write_record"]


@click.command()
@click.argument("policy")
@click.option("--run", "run_reference", metavar="RUN", required=True, help="A run's id or path.")
@click.option("--baseline", metavar="RUN", help="The run it must not be worse than.")
@runs_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the decision record. [default: RUN/decisions/]",
)
@json_option
def command(
    *,
    policy: str,
    run_reference: str,
    baseline: str | None,
    runs: Path,
    output: Path | None,
    as_json: bool,
) -> int:
    """Decide about a run under POLICY, a file or a shipped name.

    Prints the report and writes the decision record. Exit code: 0 pass, 1 fail, 2 no policy or run
    of that name, 3 inconclusive (the report says what would settle it), 4 evidence missing or
    damaged. Only 0 promotes.
    """
    check_place(output, [policy])
    from lexgate.evals import open_run
    from lexgate.gates import decide, load_policy, report

    rules = load_policy(policy)
    refuse_changed(rules, policy)
    path = find_run(run_reference, runs)
    before = None
    if baseline is not None:
        before = open_run(find_run(baseline, runs, "--baseline"))
    now = datetime.now(UTC)
    decision = decide(rules, open_run(path), baseline=before, now=now)
    written = write_record(decision, path, now, output)  # before a reader of stdout can go away
    if as_json:
        answer(decision.to_json())
    else:
        click.echo(report(decision))
    if written:
        say(f"record: {written}")
    return decision.exit_code


def write_record(
    decision: Decision, run: Path, now: datetime, output: Path | None = None
) -> Path | None:
    """Write the decision record; below the run, unless `output` names another place.

    Without `output`, a run that cannot be written to (an archive, another user's) is no error:
    the decision stands, and a line on stderr says that no record does.
    """
    from lexgate._files import write_atomic

    name = re.sub(r"[^A-Za-z0-9._@-]", "-", decision.policy)
    path = output or run / "decisions" / f"{name}-{now:%Y%m%dT%H%M%S.%f}Z.json"
    record = json.dumps(decision.to_json(), allow_nan=False, indent=2) + "\n"
    try:
        write_atomic(path, record.encode("ascii"))
    except OSError as error:
        if output:
            raise
        say(f"no record written: {path.parent}: {error.strerror}; name a place with -o")
        return None
    return path
