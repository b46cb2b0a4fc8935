"""How a critic came to its verdicts, in a file of its own beside a run's rows.

One line a process that wrote to the run: the way a model was scored and why, the largest error its
checks found, requests, retries, cost. It explains and never decides: rows alone do. So nothing that
stands at its place, link, pipe or torn line, may cost a run its rows or its end.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

from lexgate._strict_json import read_json
from lexgate.critic import Abstention

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lexgate.critic import Critic, Judgement

__all__ = ["absent", "read_reports", "write_reports"]

_FILE = "critic.jsonl"


def write_reports(run: Path, critic: Critic | None) -> None:
    """Add what the critic's backends tell, if they tell anything and a plain file can take it."""
    told = critic.reports() if critic is not None else {}
    if not told:
        return
    # A line of its own, whatever a process that was killed left at the end.
    line = "\n" + json.dumps(told, sort_keys=True) + "\n"
    place = _opened(run / _FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    if place is not None:
        with os.fdopen(place, "a", encoding="ascii") as file:
            file.write(line)
            file.flush()
            os.fsync(place)


def read_reports(run: Path) -> list[dict[str, dict[str, Any]]]:
    """Read the reports of a run, oldest first: by process, by backend; a damaged line is left out."""
    place = _opened(run / _FILE, os.O_RDONLY)
    if place is None:
        return []
    with os.fdopen(place, encoding="utf-8", errors="replace") as file:
        return [told for line in file.read().splitlines() if (told := _object(line))]


def _opened(path: Path, flags: int) -> int | None:
    """Open a plain file; nothing where there is none, or what stands there is no plain file."""
    try:
        place = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(place).st_mode):
        return place
    os.close(place)
    return None


def _object(line: str) -> dict[str, dict[str, Any]]:
    try:
        told = read_json(line)
        json.dumps(told, allow_nan=False)  # 1e999 reads as an infinity
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    return {str(name): report for name, report in told.items() if isinstance(report, dict)}


def absent(judged: Sequence[Sequence[Judgement]]) -> str:
    """Say why a critic is not there at all: a server down, a key refused, a budget spent."""
    every = [judgement for each in judged for judgement in each]
    failed = [j for j in every if isinstance(j, Abstention) and j.reason in {"failed", "budget"}]
    return failed[0].detail if failed and len(failed) == len(every) else ""
