"""What a run came to, counted from its rows: for people between `eval` and `gate`, never decides."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate._text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.evals import Run

__all__ = ["Mean", "Summary", "report_lines", "summarise", "told"]


@dataclass(frozen=True, slots=True)
class Mean:
    """A metric's plain mean over the rows there are; a bound is the gate's business."""

    value: float
    n: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a run, by task."""

    samples: dict[str, int]  # task -> declared
    answers: dict[str, int]  # task -> answered
    metrics: dict[str, Mean]  # task/metric -> mean
    verdicts: dict[str, dict[str, int]]  # task/principle -> outcome -> count

    def to_json(self) -> dict[str, Any]:
        return {
            "samples": self.samples,
            "answers": self.answers,
            "metrics": {name: {"mean": m.value, "n": m.n} for name, m in self.metrics.items()},
            "verdicts": self.verdicts,
        }

    def lines(self) -> list[str]:
        """Give the counts as lines for a terminal."""
        lines = [
            f"{task}: {self.answers.get(task, 0)} of {count} answered"
            for task, count in self.samples.items()
            if task in self.answers and self.answers[task] != count  # else told while it ran
        ]
        for name, counts in self.verdicts.items():
            lines.append(f"{name}: " + ", ".join(f"{n} {word}" for word, n in counts.items()))
        lines += [f"{name}: {m.value:.4f} on {m.n}" for name, m in self.metrics.items()]
        return [printable(line) for line in lines]


def summarise(run: Run) -> Summary:
    """Count the rows of a run.

    Raises:
        EvidenceError: the run is damaged.
    """
    from lexgate.evals import AnswerRow, SampleRow, ScoreRow, VerdictRow

    samples: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    scores: defaultdict[str, list[float]] = defaultdict(list)
    verdicts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in run.rows():
        if isinstance(row, SampleRow):
            samples[row.task] += 1
        elif isinstance(row, AnswerRow):
            answers[row.task] += 1
        elif isinstance(row, ScoreRow):
            scores[f"{row.task}/{row.metric}"].append(row.value)
        elif isinstance(row, VerdictRow):
            outcome = row.judgement.to_json()["outcome"]
            verdicts[f"{row.task}/{row.judgement.principle}"][outcome] += 1
    means = {name: Mean(math.fsum(seen) / len(seen), len(seen)) for name, seen in scores.items()}
    counted = {name: dict(sorted(seen.items())) for name, seen in verdicts.items()}
    return Summary(dict(samples), dict(answers), means, counted)


def told(run: Run) -> list[str]:
    """Give what the critic last told of how it judged, as lines for a terminal."""
    from lexgate.evals import read_reports

    return [line for report in read_reports(run.path)[-1:] for line in report_lines(report)]


def report_lines(reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Give reports of critics as lines for a terminal; all of them stand in the run, as JSON."""
    lines = []
    for name, facts in reports.items():
        plain = [
            f"{key.replace('_', ' ')} {_short(value)}"
            for key, value in facts.items()
            if key not in _LEFT_OUT and isinstance(value, (str, int, float)) and value != ""
        ]
        lines += [f"{name}: {', '.join(plain)}"] if plain else []
        for principle, bound in _principles(facts):
            lines.append(
                f"{name}: {principle}: {bound.get('missed')} missed of {bound.get('audited')} "
                f"audited answers; at most {_short(bound.get('missed_at_most'))} of texts (95 %)"
            )
    return [printable(line, 400) for line in lines]


_LEFT_OUT = frozenset({"weights", "base_url", "commit", "tolerance", "parameters"})


def _principles(facts: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = facts.get("principles")
    found = found if isinstance(found, dict) else {}
    return [(str(name), bound) for name, bound in found.items() if isinstance(bound, dict)]


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else printable(str(value), 100)
