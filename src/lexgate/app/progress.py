"""How far a run has come, on stderr: bars on a terminal, one plain line every ten seconds elsewhere.

Both keep the promise of `lexgate.evals.Progress`: they never raise, whatever became of stderr.
"""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate._text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Bars", "Lines", "watched"]

_EVERY = 10.0  # seconds between two lines of one task


@contextlib.contextmanager
def watched(say: Callable[[str], None]) -> Iterator[Lines | Bars]:
    """Watch a run: with bars where stderr is a terminal, else with lines through `say`."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield Lines(say)
        return
    bars = Bars()
    try:
        yield bars
    finally:
        bars.stop()


@dataclass(slots=True)
class _Pace:
    """One task on its way; samples done in this process tell the rate."""

    total: int  # 0: unknown
    standing: int  # done before this process
    begun: float
    told: float
    made: int = 0
    abstained: int = 0

    def line(self, now: float) -> str:
        """Say `40 of 180, 12.1 a second, 12 s left, 3 abstained`."""
        done = self.standing + self.made
        parts = [f"{done} of {self.total}" if self.total else f"{done}"]
        spent = max(now - self.begun, 1e-9)
        if self.made:
            parts.append(f"{self.made / spent:.1f} a second")
        if self.made and done < self.total:
            parts.append(f"{_duration((self.total - done) * spent / self.made)} left")
        if self.abstained:
            parts.append(f"{self.abstained} abstained")
        return ", ".join(parts)


class Lines:
    """Plain lines for logs: every ten seconds, and when a task is finished."""

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._tasks: dict[str, _Pace] = {}
        self.run: Path | None = None  # the run that is made, as soon as there is one

    def started(self, run: Path) -> None:
        """Remember the run, for whoever must say how to go on with it."""
        self.run = run

    def start(self, task: str, total: int, done: int) -> None:
        """Begin a task; one of unknown length says so at once, for it may be silent for long."""
        now = self._clock()
        self._tasks[task] = _Pace(total, done, now, now)
        if not total:
            self._tell(task, "running")

    def advance(self, task: str, n: int, *, abstained: int) -> None:
        """Count, and tell when it is time."""
        pace, now = self._tasks[task], self._clock()
        pace.made += n
        pace.abstained += abstained
        if now - pace.told >= _EVERY:
            pace.told = now
            self._tell(task, pace.line(now))

    def finish(self, task: str) -> None:
        """Tell what became of the task."""
        pace, now = self._tasks[task], self._clock()
        spent = f" in {_duration(now - pace.begun)}" if pace.made else " before this"
        abstained = f", {pace.abstained} abstained" if pace.abstained else ""
        self._tell(task, f"{pace.standing + pace.made} done{spent}{abstained}")

    def _tell(self, task: str, text: str) -> None:
        with contextlib.suppress(OSError):
            self._say(f"  {printable(task)}: {text}")


class Bars:
    """Bars for people; rich is imported for nobody else."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._bars = Progress(
            TextColumn("  {task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(stderr=True),
        )
        self._ids: dict[str, Any] = {}
        self._paces: dict[str, _Pace] = {}
        self.run: Path | None = None
        self._bars.start()

    def started(self, run: Path) -> None:
        self.run = run

    def start(self, task: str, total: int, done: int) -> None:
        now = time.monotonic()
        self._paces[task] = _Pace(total, done, now, now)
        self._ids[task] = self._bars.add_task(
            printable(task), total=total or None, completed=done, rate="", note=""
        )

    def advance(self, task: str, n: int, *, abstained: int) -> None:
        pace = self._paces[task]
        pace.made += n
        pace.abstained += abstained
        rate = pace.made / max(time.monotonic() - pace.begun, 1e-9)
        note = f"{pace.abstained} abstained" if pace.abstained else ""
        with contextlib.suppress(OSError):
            self._bars.update(self._ids[task], advance=n, rate=f"{rate:.1f}/s", note=note)

    def finish(self, task: str) -> None:
        pace = self._paces[task]
        done = pace.total or pace.standing + pace.made
        with contextlib.suppress(OSError):
            self._bars.update(self._ids[task], total=done, completed=done)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._bars.stop()


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
