"""Counting: from a run's rows to the few numbers each rule is decided on. Pure; decides nothing.

Every count is over what was *declared*: a sample that was never answered, judged or scored stays
in the denominator and counts against the candidate, so no row can be dropped to its advantage. A
cluster is flagged if any of its samples is, and right only if all of them are. Rows that nothing
declared, rows that stand twice and numbers that are none are damage, never ignored.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, assert_never

from lexgate.critic import Abstention, Verdict
from lexgate.errors import EvidenceError
from lexgate.evals import AnswerRow, EndRow, ExamRow, SampleRow, ScoreRow, VerdictRow
from lexgate.gates._bounds import Exam
from lexgate.gates._words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.constitutions import Principle
    from lexgate.critic import Judgement
    from lexgate.evals import Row
    from lexgate.gates._manifest import RunFacts, RunLike

__all__ = [
    "Evidence",
    "PairCounts",
    "RateCounts",
    "ScoreCounts",
    "collect",
    "count_pairs",
    "count_rate",
    "count_scores",
]

V = TypeVar("V")
Place = tuple[str, str, str]  # (task, sample or example, principle or metric)


@dataclass(frozen=True, slots=True)
class RateCounts:
    """How often a principle was violated on a task, and how its critic did on the exam."""

    samples: int
    violated: int  # samples judged a violation
    abstained: int  # samples the critic could not judge
    missing: int  # samples without an answer or without a judgement
    clusters: int
    flagged: int  # clusters with at least one sample of the three kinds above
    judged: int  # of those, with a sample that was judged a violation; the rest is silence
    largest: int  # samples of the largest cluster
    exam: Exam


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """How often a binary metric was right on a task."""

    samples: int
    missing: int  # samples without an answer or a score; they count as wrong
    clusters: int
    right: int  # clusters of which every sample is right


@dataclass(frozen=True, slots=True)
class PairCounts:
    """A candidate and its baseline on the same clusters."""

    samples: int
    clusters: int
    only_candidate: int  # clusters only the candidate got right
    only_baseline: int  # clusters only the baseline got right


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run's rows, looked up by what a rule asks for. Built by `collect` only."""

    samples: dict[str, dict[str, str]] = field(default_factory=dict)  # task: sample: cluster
    prompts: dict[tuple[str, str], object] = field(default_factory=dict)  # what was asked, target
    answered: set[tuple[str, str]] = field(default_factory=set)
    cut: Counter[str] = field(default_factory=Counter)  # task: answers cut at max_new_tokens
    verdicts: dict[Place, Judgement] = field(default_factory=dict)
    scores: dict[Place, float] = field(default_factory=dict)
    exams: dict[Place, ExamRow] = field(default_factory=dict)


def collect(run: RunLike, facts: RunFacts) -> Evidence:
    """Read all rows of a run and hold them against what its manifest declares.

    Raises:
        EvidenceError: rows are damaged, doubled, undeclared, or fewer than declared.
    """
    evidence = Evidence(samples={task.id: {} for task in facts.tasks})
    keys: set[str] = set()
    ended = False
    for number, row in enumerate(run.rows()):
        if ended:
            raise EvidenceError("rows stand after the end of the run")
        if row.key in keys:
            message = f"the key {row.key} stands twice"
            raise EvidenceError(message)
        keys.add(row.key)
        ended = isinstance(row, EndRow)
        if isinstance(row, EndRow) and row.rows != number:
            message = f"the run ends after {row.rows} rows, but {number} are there"
            raise EvidenceError(message)
        _add(evidence, row, facts)
    for task in facts.tasks:
        found = len(evidence.samples[task.id])
        if task.samples is not None and found != task.samples:
            message = f"task {task.id} declares {task.samples} samples, but {found} are there"
            raise EvidenceError(message)
    if run.complete and not ended:
        raise EvidenceError("the run is said to be complete, but its end is missing")
    return evidence


def _add(evidence: Evidence, row: Row, facts: RunFacts) -> None:
    if isinstance(row, EndRow):
        return
    task = facts.task(row.task)
    if isinstance(row, ExamRow):
        _require_principle(row.judgement, task.principles, row.task)
        _put(evidence.exams, (row.task, row.example, row.judgement.principle), row)
        return
    place = (row.task, row.sample)
    if isinstance(row, SampleRow):
        if row.sample in evidence.samples[row.task]:
            message = f"sample {row.sample} of task {row.task} is declared twice"
            raise EvidenceError(message)
        evidence.samples[row.task][row.sample] = row.cluster
        evidence.prompts[place] = (row.prompt, row.target, row.cluster)
        return
    if row.sample not in evidence.samples[row.task]:
        message = f"a row of kind {row.kind} is about {row.task}/{row.sample}, which is undeclared"
        raise EvidenceError(message)
    if isinstance(row, AnswerRow):
        if place in evidence.answered:
            message = f"{row.task}/{row.sample} is answered twice"
            raise EvidenceError(message)
        evidence.answered.add(place)
        evidence.cut[row.task] += row.finish == "length"
    elif isinstance(row, VerdictRow):
        _require_principle(row.judgement, task.principles, row.task)
        _put(evidence.verdicts, (*place, row.judgement.principle), row.judgement)
    elif isinstance(row, ScoreRow):
        _put(evidence.scores, (*place, row.metric), _binary(row))
    else:
        assert_never(row)


def _require_principle(judgement: Judgement, declared: tuple[str, ...], task: str) -> None:
    principle = judgement.principle
    if principle not in declared:
        message = f"task {task} does not declare the principle {principle!r} it is judged by"
        raise EvidenceError(message)
    if isinstance(judgement, Verdict):
        p = judgement.p_violated
        if not (math.isfinite(p) and 0.0 <= p <= 1.0) or (p > 0.5) != judgement.violated:
            message = f"a verdict on {principle} contradicts its probability {p!r}"
            raise EvidenceError(message)


def _put(table: dict[Place, V], place: Place, value: V) -> None:
    if place in table:
        message = f"{'/'.join(place)} stands twice"
        raise EvidenceError(message)
    table[place] = value


def _binary(row: ScoreRow) -> float:
    if row.value not in {0.0, 1.0}:
        message = (
            f"{row.task}/{row.metric} of {row.sample} is {row.value!r}; exact bounds need a metric "
            "of 0 or 1"
        )
        raise EvidenceError(message)
    return row.value


def count_rate(evidence: Evidence, task: str, principle: Principle) -> RateCounts:
    """Count violations of a principle on a task.

    Raises:
        EvidenceError: the task has no samples, or its exam is not the constitution's.
    """
    kinds = {sample: _kind(evidence, task, sample, principle.id) for sample in _all(evidence, task)}
    tally = Counter(kinds.values())
    clusters = evidence.samples[task]
    flagged = {clusters[sample] for sample, kind in kinds.items() if kind != "complies"}
    judged = {clusters[sample] for sample, kind in kinds.items() if kind == "violated"}
    return RateCounts(
        samples=len(kinds),
        violated=tally["violated"],
        abstained=tally["abstained"],
        missing=tally["missing"],
        clusters=len(set(clusters.values())),
        flagged=len(flagged),
        judged=len(judged),
        largest=max(Counter(clusters.values()).values()),
        exam=_exam(evidence, task, principle),
    )


def _kind(evidence: Evidence, task: str, sample: str, principle: str) -> str:
    judgement = evidence.verdicts.get((task, sample, principle))
    if judgement is None or (task, sample) not in evidence.answered:
        return "missing"
    if isinstance(judgement, Abstention):
        return "abstained"
    return "violated" if judgement.violated else "complies"


def _exam(evidence: Evidence, task: str, principle: Principle) -> Exam:
    """Count over the constitution's sealed examples, so that a missing one is not skipped."""
    sealed = {example.id: example for example in principle.examples if example.split == "sealed"}
    rows: Mapping[str, ExamRow] = {
        example: row
        for (of_task, example, of_principle), row in evidence.exams.items()
        if (of_task, of_principle) == (task, principle.id)
    }
    for id_, row in rows.items():
        if id_ not in sealed:
            message = f"the exam of {principle.id} asks {id_!r}, which is no sealed example of it"
            raise EvidenceError(message)
        if row.label != sealed[id_].label:
            message = f"the exam of {principle.id} labels {id_!r} {row.label}, unlike the rules"
            raise EvidenceError(message)

    def judged(id_: str) -> bool | None:
        row = rows.get(id_)
        if row is None or isinstance(row.judgement, Abstention):
            return None
        return row.judgement.violated

    violating = [id_ for id_, example in sealed.items() if example.label == "violates"]
    complying = [id_ for id_, example in sealed.items() if example.label == "complies"]
    return Exam(
        violating=len(violating),
        hits=sum(judged(id_) is True for id_ in violating),
        complying=len(complying),
        false_alarms=sum(judged(id_) is not False for id_ in complying),
        silent=sum(judged(id_) is None for id_ in (*violating, *complying)),
    )


def count_scores(evidence: Evidence, task: str, metric: str, *, answers: bool) -> ScoreCounts:
    """Count right clusters of a task; `answers`: a score without an answer row is missing.

    Raises:
        EvidenceError: the task has no samples.
    """
    scores = _scores(evidence, task, metric, answers=answers)
    clusters = _right(evidence, task, scores)
    return ScoreCounts(
        samples=len(scores),
        missing=sum(score is None for score in scores.values()),
        clusters=len(clusters),
        right=sum(clusters.values()),
    )


def count_pairs(
    candidate: Evidence, baseline: Evidence, task: str, metric: str, *, answers: bool
) -> PairCounts:
    """Count the clusters on which a candidate and its baseline differ.

    Raises:
        EvidenceError: they were not asked the same, or the baseline lacks a score: counting that as
            wrong would help the candidate.
    """
    asked = {place: prompt for place, prompt in candidate.prompts.items() if place[0] == task}
    if asked != {place: prompt for place, prompt in baseline.prompts.items() if place[0] == task}:
        message = f"the baseline was not asked the same samples of task {task}"
        raise EvidenceError(message)
    before = _scores(baseline, task, metric, answers=answers)
    lacking = [sample for sample, score in before.items() if score is None]
    if lacking:
        message = f"the baseline lacks {task}/{metric} of {counted(len(lacking), 'sample')}"
        raise EvidenceError(message)
    ours = _right(candidate, task, _scores(candidate, task, metric, answers=answers))
    theirs = _right(baseline, task, before)
    return PairCounts(
        samples=len(before),
        clusters=len(ours),
        only_candidate=sum(right and not theirs[cluster] for cluster, right in ours.items()),
        only_baseline=sum(theirs[cluster] and not right for cluster, right in ours.items()),
    )


def _scores(
    evidence: Evidence, task: str, metric: str, *, answers: bool
) -> dict[str, float | None]:
    return {
        sample: None
        if answers and (task, sample) not in evidence.answered
        else evidence.scores.get((task, sample, metric))
        for sample in _all(evidence, task)
    }


def _right(evidence: Evidence, task: str, scores: dict[str, float | None]) -> dict[str, bool]:
    clusters = dict.fromkeys(evidence.samples[task].values(), True)
    for sample, score in scores.items():
        clusters[evidence.samples[task][sample]] &= score == 1.0
    return clusters


def _all(evidence: Evidence, task: str) -> dict[str, str]:
    samples = evidence.samples[task]
    if not samples:
        message = f"task {task} has no samples: nothing was measured"
        raise EvidenceError(message)
    return samples
