"""The rows of a run put together by sample: what was asked, answered, judged and scored.

Every declared sample is an item, whatever came of it; a row about a sample that was never declared
makes an item too, so that nothing recorded can go unseen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lexgate.critic import Verdict
from lexgate.evals import AnswerRow, ExamRow, SampleRow, ScoreRow, VerdictRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lexgate.critic import Judgement
    from lexgate.evals import Row

__all__ = ["Exam", "Item", "Tally", "examine", "itemise", "matches", "outcome_of", "tally"]

Outcome = Literal["violates", "missing", "abstains", "complies"]

_FLAGGED: tuple[Outcome, ...] = ("violates", "missing", "abstains")  # as the gate counts


@dataclass(frozen=True, slots=True)
class Item:
    """One sample of one task with all that the run holds about it."""

    task: str
    sample: str
    declared: SampleRow | None  # None: rows name a sample that was never declared
    answer: AnswerRow | None
    verdicts: tuple[VerdictRow, ...]
    scores: tuple[ScoreRow, ...]
    principles: tuple[str, ...]  # those its task declares, then any other judged
    metric: str  # the one its task declares, or empty

    def judged(self, principle: str) -> Judgement | None:
        """The judgement on one principle, or None where none stands."""
        found = (v.judgement for v in self.verdicts if v.judgement.principle == principle)
        return next(found, None)

    def score(self, metric: str) -> float | None:
        """The value of one metric, or None where none stands."""
        return next((s.value for s in self.scores if s.metric == metric), None)


@dataclass(frozen=True, slots=True)
class Tally:
    """How the samples of a task came out, for one principle or for one metric."""

    task: str
    principle: str  # empty for a metric
    metric: str  # empty for a principle
    samples: int
    clusters: int
    violates: int
    abstains: int
    complies: int
    missing: int
    mean: float | None  # of the metric, over the samples scored


@dataclass(frozen=True, slots=True)
class Exam:
    """How the critic did on one principle's sealed examples: where its error rates come from."""

    task: str
    principle: str
    violating: int
    caught: int  # of the violating, judged `violates`; an abstention is a miss
    complying: int
    cleared: int  # of the complying, judged `complies`


@dataclass(slots=True)
class _Draft:
    declared: SampleRow | None = None
    answer: AnswerRow | None = None
    verdicts: list[VerdictRow] = field(default_factory=list)
    scores: list[ScoreRow] = field(default_factory=list)


def itemise(manifest: Mapping[str, Any], rows: Iterable[Row]) -> tuple[Item, ...]:
    """Put rows together by sample, in the order the samples first appear."""
    drafts: dict[tuple[str, str], _Draft] = {}
    for row in rows:
        if not isinstance(row, SampleRow | AnswerRow | VerdictRow | ScoreRow):
            continue
        draft = drafts.setdefault((row.task, row.sample), _Draft())
        match row:
            case SampleRow():
                draft.declared = row
            case AnswerRow():
                draft.answer = row
            case VerdictRow():
                draft.verdicts.append(row)
            case ScoreRow():
                draft.scores.append(row)
    tasks = {str(task["id"]): task for task in manifest["tasks"]}
    return tuple(
        _item(tasks.get(task, {}), task, sample, draft) for (task, sample), draft in drafts.items()
    )


def outcome_of(item: Item, principle: str) -> Outcome:
    """What came of a principle on a sample; `missing` where no judgement stands."""
    judgement = item.judged(principle)
    if judgement is None:
        return "missing"
    if isinstance(judgement, Verdict):
        return "violates" if judgement.violated else "complies"
    return "abstains"


def matches(item: Item, principle: str, outcome: str) -> bool:
    """Whether an item passes the filters of `queries.select`."""
    if principle and principle not in item.principles:
        return False
    if not outcome:
        return True
    judged = [principle] if principle else item.principles
    seen = {outcome_of(item, name) for name in judged}
    unscored = bool(item.metric) and item.score(item.metric) is None
    match outcome:
        case "flagged":
            return not seen.isdisjoint(_FLAGGED)
        case "wrong":
            return unscored or any(score.value < 1 for score in item.scores)
        case "missing":
            return "missing" in seen or (unscored and not principle)
        case _:
            return outcome in seen


def tally(items: Iterable[Item]) -> tuple[Tally, ...]:
    """Count outcomes for each task and principle, and each task and metric."""
    groups: dict[tuple[str, str, str], list[Item]] = {}
    for item in items:
        for principle in item.principles:
            groups.setdefault((item.task, principle, ""), []).append(item)
        metrics = [item.metric] if item.metric else []
        for metric in dict.fromkeys([*metrics, *(score.metric for score in item.scores)]):
            groups.setdefault((item.task, "", metric), []).append(item)
    return tuple(_tally(*key, members) for key, members in groups.items())


def examine(rows: Iterable[Row]) -> tuple[Exam, ...]:
    """Count how the critic judged the sealed examples, for each task and principle."""
    groups: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for row in rows:
        if isinstance(row, ExamRow):
            judgement = row.judgement
            came = "abstains"
            if isinstance(judgement, Verdict):
                came = "violates" if judgement.violated else "complies"
            groups.setdefault((row.task, judgement.principle), Counter())[row.label, came] += 1
    return tuple(_exam(*key, counts) for key, counts in groups.items())


def _item(declared: Mapping[str, Any], task: str, sample: str, draft: _Draft) -> Item:
    named = [str(principle) for principle in declared.get("principles") or ()]
    judged = [verdict.judgement.principle for verdict in draft.verdicts]
    return Item(
        task,
        sample,
        draft.declared,
        draft.answer,
        tuple(draft.verdicts),
        tuple(draft.scores),
        tuple(dict.fromkeys([*named, *judged])),
        str(declared.get("metric") or ""),
    )


def _tally(task: str, principle: str, metric: str, items: Sequence[Item]) -> Tally:
    clusters = {item.declared.cluster if item.declared else item.sample for item in items}
    if principle:
        came = Counter(outcome_of(item, principle) for item in items)
        counts = (came["violates"], came["abstains"], came["complies"], came["missing"])
        return Tally(task, principle, "", len(items), len(clusters), *counts, None)
    values = [value for item in items if (value := item.score(metric)) is not None]
    mean = sum(values) / len(values) if values else None
    missing = len(items) - len(values)
    return Tally(task, "", metric, len(items), len(clusters), 0, 0, 0, missing, mean)


def _exam(task: str, principle: str, counts: Counter[tuple[str, str]]) -> Exam:
    return Exam(
        task,
        principle,
        violating=sum(n for (label, _), n in counts.items() if label == "violates"),
        caught=counts["violates", "violates"],
        complying=sum(n for (label, _), n in counts.items() if label == "complies"),
        cleared=counts["complies", "complies"],
    )
