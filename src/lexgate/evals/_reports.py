"""How a critic came to its verdicts, in a file of its own beside a run's rows.

One line a process that wrote to the run: the way a model was scored and why, the largest error its
checks found, requests, retries, cost. It explains and never decides: rows alone do.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from lexgate.critic import Critic

__all__ = ["read_reports", "write_reports"]

_FILE = "critic.jsonl"


def write_reports(run: Path, critic: Critic | None) -> None:
    """Add what the critic's backends tell, if they tell anything."""
    told = critic.reports() if critic is not None else {}
    if told:
        line = json.dumps(told, sort_keys=True) + "\n"
        with (run / _FILE).open("a", encoding="ascii") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def read_reports(run: Path) -> list[dict[str, dict[str, Any]]]:
    """Read the reports of a run, oldest first: by process, by backend; a damaged line is left out."""
    try:
        lines = (run / _FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [told for line in lines if (told := _object(line))]


def _object(line: str) -> dict[str, dict[str, Any]]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {str(name): report for name, report in told.items() if isinstance(report, dict)}
