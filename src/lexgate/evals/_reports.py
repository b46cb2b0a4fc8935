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

if TYPE_CHECKING:
    from pathlib import Path

    from lexgate.critic import Critic

__all__ = ["read_reports", "write_reports"]

_FILE = "critic.jsonl"
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write_reports(run: Path, critic: Critic | None) -> None:
    """Add what the critic's backends tell, if they tell anything and a plain file can take it."""
    told = critic.reports() if critic is not None else {}
    if not told:
        return
    # A line of its own, whatever a process that was killed left at the end.
    line = "\n" + json.dumps(told, sort_keys=True) + "\n"
    try:
        place = os.open(run / _FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _PLAIN, 0o666)
    except OSError:
        return
    with open(place, "a", encoding="ascii") as file:  # noqa: PTH123  what is opened already
        if stat.S_ISREG(os.fstat(place).st_mode):
            file.write(line)
            file.flush()
            os.fsync(place)


def read_reports(run: Path) -> list[dict[str, dict[str, Any]]]:
    """Read the reports of a run, oldest first: by process, by backend; a damaged line is left out."""
    try:
        place = os.open(run / _FILE, os.O_RDONLY | _PLAIN)
    except OSError:
        return []
    with open(place, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  as above
        plain = stat.S_ISREG(os.fstat(place).st_mode)
        lines = file.read().splitlines() if plain else []
    return [told for line in lines if (told := _object(line))]


def _object(line: str) -> dict[str, dict[str, Any]]:
    try:
        told = read_json(line)
        json.dumps(told, allow_nan=False)  # 1e999 reads as an infinity
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    return {str(name): report for name, report in told.items() if isinstance(report, dict)}
