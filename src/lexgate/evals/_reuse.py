"""Rows of earlier runs that may stand in a new one: exactly those whose key is the same.

A key is the digest of everything a row depends on, so a row that is taken over is the row that would
have been made. Which runs rows came from stands in the new run's manifest, with their heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate.critic import Abstention
from lexgate.evals._rows import AnswerRow, ExamRow, VerdictRow
from lexgate.evals._store import open_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["NOTHING", "Earlier", "read_earlier"]

_Reusable = AnswerRow | VerdictRow | ExamRow


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier runs hold."""

    rows: Mapping[str, _Reusable]  # by key
    runs: tuple[dict[str, Any], ...]  # id and head of each, for the manifest

    def answer(self, key: str) -> AnswerRow | None:
        row = self.rows.get(key)
        return row if isinstance(row, AnswerRow) else None


NOTHING = Earlier({}, ())


def read_earlier(runs: Iterable[Path]) -> Earlier:
    """Read the runs to take rows from.

    Raises:
        UsageError: one of them is no run.
        EvidenceError: one of them is damaged.
    """
    rows: dict[str, _Reusable] = {}
    cited = []
    for path in runs:
        run = open_run(path)
        for row in run.rows():
            if isinstance(row, _Reusable) and not _passing(row):
                rows.setdefault(row.key, row)
        cited.append({"run": run.id, "head": run.head})
    return Earlier(rows, tuple(cited))


def _passing(row: _Reusable) -> bool:
    """Tell an abstention that asking again can mend: a server was down, or a budget spent."""
    judgement = getattr(row, "judgement", None)
    return isinstance(judgement, Abstention) and judgement.reason in {"budget", "failed"}
