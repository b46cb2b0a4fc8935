"""`lexgate review`: the review pages, on this machine only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lexgate.app.commands._shared import runs_option
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@click.command()
@runs_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8501,
    show_default=True,
    help="Of this machine only; 0 takes any free one.",
)
@click.option("--no-browser", is_flag=True, help="Print the address only.")
def command(runs: Path, port: int, no_browser: bool) -> int:
    """Open the review pages: runs, every sample with its verdicts, decisions with their reasons.

    The folder of runs may be empty or missing: what is made while the pages are open appears there.
    """
    if runs.exists() and not runs.is_dir():
        raise UsageError(f"{runs} is no directory\n    hint: name the folder of runs: --runs DIR")
    from lexgate.app.review import serve

    serve(runs, port, not no_browser)
    return 0
