"""Permalinks: every page of the review app is a path and a query, and nothing else holds state.

Law (tested): `parse(place.url) == place` for every place, whatever its names hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

__all__ = [
    "DECISION",
    "RUN",
    "RUNS",
    "SAMPLE",
    "Place",
    "decision",
    "parse",
    "rows",
    "run",
    "runs",
    "sample",
]

RUNS, RUN, SAMPLE, DECISION = "", "run", "sample", "decision"  # paths, without their slash


@dataclass(frozen=True, slots=True)
class Place:
    """A page with everything it needs to show the same thing again."""

    page: str
    query: tuple[tuple[str, str], ...] = ()  # empty values are left out

    @property
    def url(self) -> str:
        """The address relative to the server."""
        return f"/{self.page}" + (f"?{urlencode(self.query)}" if self.query else "")


def parse(url: str) -> Place:
    """Read an address back."""
    parts = urlsplit(url)
    return Place(parts.path.removeprefix("/"), tuple(parse_qsl(parts.query)))


def runs() -> Place:
    """All runs and their decisions."""
    return Place(RUNS)


def run(name: str, *, task: str = "", principle: str = "", outcome: str = "") -> Place:
    """One run's rows, filtered; `name` is the run's folder, `outcome` one of `queries.OUTCOMES`."""
    return _place(RUN, run=name, task=task, principle=principle, outcome=outcome)


def sample(run: str, task: str, sample: str, *, principle: str = "", outcome: str = "") -> Place:
    """One sample with its verdicts; the filters say which rows are next and previous."""
    filters = {"principle": principle, "outcome": outcome}
    return _place(SAMPLE, run=run, task=task, sample=sample, **filters)


def decision(run: str, name: str) -> Place:
    """One decision about a run; `name` is its file's, without `.json`."""
    return _place(DECISION, run=run, decision=name)


def rows(name: str, subject: str, *, outcome: str = "") -> Place:
    """The rows a rule counted; all rows of the run where its subject is of no known form."""
    kind, _, rest = subject.partition("/")
    task, _, counted = rest.rpartition("/")
    if kind == "principle" and counted:
        return run(name, task=task, principle=counted, outcome=outcome)
    if kind == "metric" and task:
        return run(name, task=task, outcome=outcome)
    return run(name)


def _place(page: str, **query: str) -> Place:
    return Place(page, tuple((key, value) for key, value in query.items() if value))
