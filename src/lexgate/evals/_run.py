"""The runner: a suite, a candidate and a critic in, a complete run out, or one that can go on.

Samples go through in batches: the candidate answers, the answers are stored, then they are judged
or scored, and that is stored. Whatever stops it (a kill, a full disk, a dead model, Ctrl-C), the
rows acknowledged so far stand, and a resumed run makes only what is missing. Laws (tested): a run
resumed any number of times holds the same rows as one that was never disturbed, and no key is made
twice; a run is complete only when every declared sample has all its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from lexgate._digests import digest
from lexgate._text import printable
from lexgate.critic import Abstention, Exchange, as_conversation
from lexgate.errors import EvidenceError, LexgateError, UsageError
from lexgate.evals._keys import answer_key, declared, exam_key, lm_eval_key, score_key, verdict_key
from lexgate.evals._manifest import contents_of, differences, given_by_all, least
from lexgate.evals._preflight import check
from lexgate.evals._protocols import HasNetwork, Silent
from lexgate.evals._reports import absent, write_reports
from lexgate.evals._reuse import NOTHING, Earlier, read_earlier
from lexgate.evals._rows import AnswerRow, EndRow, ExamRow, ScoreRow, VerdictRow
from lexgate.evals._scorers import scorer
from lexgate.evals._store import create_run, identity_of, open_run, resume_run
from lexgate.evals._suite import CriticTask, LmEvalTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lexgate.constitutions import Exemplar, Principle
    from lexgate.critic import Critic, Generation, Judgement, Model
    from lexgate.evals._lm_eval import Harness
    from lexgate.evals._protocols import Progress
    from lexgate.evals._rows import Row
    from lexgate.evals._store import Run, RunWriter
    from lexgate.evals._suite import AccuracyTask, Sample, Suite

__all__ = ["evaluate"]

T = TypeVar("T")

_BATCH = 32  # samples; what a kill can cost at most


def evaluate(
    suite: Suite,
    candidate: Model,
    critic: Critic | None,
    *,
    directory: Path,
    limit: int | None = None,
    resume: Path | None = None,
    reuse: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Run:
    """Measure a candidate on a suite.

    Args:
        suite: What it is measured on.
        candidate: What is measured.
        critic: Judges the suite's critic tasks; None only where it has none.
        directory: The folder of runs, in which a new one is made.
        limit: Only the first so many samples of each task; with `resume`, None is the run's own.
        resume: A run to go on with; it must be about exactly the same.
        reuse: Runs whose answers and verdicts stand in the new one wherever nothing that they depend
            on has changed: what is edited is judged anew, and nothing else.
        progress: Is told which run is made, and how far it has come.

    Raises:
        UsageError: what was asked for is not possible; nothing was run.
        EvidenceError: the candidate or the disk failed; the run keeps what is done.
    """
    check(suite, candidate, critic, limit)
    if reuse and resume is not None:
        raise UsageError("a run is either resumed, or begun with rows of earlier ones: not both")
    earlier = read_earlier(reuse)
    harness = _harness(suite, candidate)
    standing = open_run(resume) if resume is not None else None
    if standing is not None and limit is None:
        limit = standing.manifest["limit"]
    counts = {
        task.id: len(harness.samples(task, least(limit, task.limit)))
        for task in suite.tasks
        if isinstance(task, LmEvalTask) and task.data is None and harness is not None
    }
    contents = contents_of(suite, candidate.identity, critic, limit, counts)
    contents |= {"reused": list(earlier.runs)} if earlier.runs else {}
    watcher = progress or Silent()
    writer = create_run(directory, contents) if standing is None else _resumed(standing, contents)
    try:
        with writer:
            watcher.started(writer.path)
            if not writer.complete:
                evaluation = _Evaluation(suite, candidate, critic, writer, limit, harness, earlier)
                try:
                    evaluation.run(watcher)
                finally:
                    write_reports(writer.path, critic)
    except EvidenceError as error:
        message = f"{error}\nWhat is done stands in {writer.path}: resume it to make the rest"
        raise EvidenceError(message) from error
    return open_run(writer.path)


def _harness(suite: Suite, candidate: Model) -> Harness | None:
    if not any(isinstance(task, LmEvalTask) for task in suite.tasks):
        return None
    from lexgate.evals._lm_eval import Harness

    assert isinstance(candidate, HasNetwork)  # noqa: S101  `check` refused
    return Harness(candidate, candidate.identity.name, suite.decoding)


def _resumed(standing: Run, contents: Mapping[str, object]) -> RunWriter:
    wanted = {**standing.manifest, **contents}
    if identity_of(wanted) != standing.manifest["identity"]:
        changed = "; ".join(differences(standing.manifest, wanted)) or "the manifest"
        message = f"the run {standing.path} cannot be resumed, since this changed: {changed}"
        raise UsageError(message)
    return resume_run(standing.path)


@dataclass(slots=True)
class _Evaluation:
    """One run being made."""

    suite: Suite
    candidate: Model
    critic: Critic | None
    writer: RunWriter
    limit: int | None
    harness: Harness | None
    earlier: Earlier = NOTHING
    responses: dict[tuple[str, str], str] = field(default_factory=dict)  # by (task, sample)
    measured: set[str] = field(default_factory=set)  # lm-eval tasks whose scores all stand

    def run(self, progress: Progress) -> None:
        """Make everything that is missing, and the end."""
        self._take_over()
        for task in self.suite.tasks:
            self._declare(task)
        self.writer.commit()
        for task in self.suite.tasks:
            if isinstance(task, LmEvalTask):
                self._measure_by_lm_eval(task, progress)
            else:
                self._measure(task, progress)
        for task in self.suite.tasks:
            if isinstance(task, CriticTask):
                self._examine(task, progress)
        rows = len(self.writer)
        self.writer.append(EndRow(digest(["end", self.writer.path.name, rows]), rows))
        self.writer.commit()

    def _take_over(self) -> None:
        scores: dict[str, int] = {}
        for row in self.writer.standing:
            if isinstance(row, AnswerRow):
                self.responses[row.task, row.sample] = row.response
            elif isinstance(row, ScoreRow):
                scores[row.task] = scores.get(row.task, 0) + 1
        tasks = self.writer.manifest["tasks"]
        self.measured = {task["id"] for task in tasks if scores.get(task["id"]) == task["samples"]}

    def _append(self, row: Row) -> None:
        if row.key not in self.writer:
            self.writer.append(row)

    def _declare(self, task: CriticTask | AccuracyTask | LmEvalTask) -> None:
        for sample in self._samples(task):
            self._append(declared(task.id, sample))

    def _samples(self, task: CriticTask | AccuracyTask | LmEvalTask) -> Sequence[Sample]:
        if not isinstance(task, LmEvalTask):
            return task.samples[: self.limit]
        if task.id in self.measured or self.harness is None:
            return ()  # declared before they were measured
        return self.harness.samples(task, least(self.limit, task.limit))

    def _measure(self, task: CriticTask | AccuracyTask, progress: Progress) -> None:
        samples = self._samples(task)
        self._take_earlier(task, samples)
        pending = [sample for sample in samples if not self._stands(task, sample)]
        progress.start(task.id, len(samples), len(samples) - len(pending))
        for batch in _batches(pending):
            self._answer(task, batch)
            if isinstance(task, CriticTask):
                abstained = self._judge(task, batch)
            else:
                abstained = self._score(task, batch)
            self.writer.commit()
            progress.advance(task.id, len(batch), abstained=abstained)
        progress.finish(task.id)

    def _take_earlier(self, task: CriticTask | AccuracyTask, samples: Sequence[Sample]) -> None:
        """Take over what earlier runs hold of these samples."""
        identity, decoding = self.candidate.identity, self.suite.decoding
        for sample in samples if self.earlier.rows else ():
            place = task.id, sample.id
            if place not in self.responses:
                answer = self.earlier.answer(answer_key(task.id, sample, identity, decoding))
                if answer is None:
                    continue
                self._append(answer)
                self.responses[place] = answer.response
            if isinstance(task, CriticTask):
                for id_ in task.principles:
                    self._take(self._verdict_key(task, sample, self.responses[place], id_))
        self.writer.commit()

    def _take(self, key: str) -> None:
        row = self.earlier.rows.get(key)
        if row is not None:
            self._append(row)

    def _stands(self, task: CriticTask | AccuracyTask, sample: Sample) -> bool:
        response = self.responses.get((task.id, sample.id))
        if response is None:
            return False
        if isinstance(task, CriticTask):
            keys = [self._verdict_key(task, sample, response, id_) for id_ in task.principles]
        else:
            keys = [score_key(task, sample, response)]
        return all(key in self.writer for key in keys)

    def _answer(self, task: CriticTask | AccuracyTask, batch: Sequence[Sample]) -> None:
        asked = [sample for sample in batch if (task.id, sample.id) not in self.responses]
        if not asked:
            return
        identity, decoding = self.candidate.identity, self.suite.decoding
        for sample, generation in zip(asked, self._generate(asked), strict=True):
            self.responses[task.id, sample.id] = generation.text
            self._append(
                AnswerRow(
                    key=answer_key(task.id, sample, identity, decoding),
                    task=task.id,
                    sample=sample.id,
                    response=generation.text,
                    finish=generation.finish,
                    prompt_tokens=generation.prompt_tokens,
                    output_tokens=generation.output_tokens,
                    seconds=generation.seconds,
                )
            )
        self.writer.commit()

    def _generate(self, samples: Sequence[Sample]) -> list[Generation]:
        name = self.candidate.identity.name
        try:
            answers = self.candidate.generate([s.prompt for s in samples], self.suite.decoding)
        except LexgateError:
            raise
        except Exception as error:
            what = printable(f"{type(error).__name__}: {error}")
            message = f"the candidate {name} failed: {what}"
            raise EvidenceError(message) from error
        if len(answers) != len(samples):
            message = f"the candidate {name} gave {len(answers)} answers to {len(samples)} prompts"
            raise EvidenceError(message)
        return answers

    def _judge(self, task: CriticTask, batch: Sequence[Sample]) -> int:
        """Judge what is missing of a batch; return how many judgements are abstentions."""
        missing: dict[tuple[str, ...], list[Sample]] = {}
        for sample in batch:
            response = self.responses[task.id, sample.id]
            keys = {id_: self._verdict_key(task, sample, response, id_) for id_ in task.principles}
            asked = tuple(id_ for id_, key in keys.items() if key not in self.writer)
            missing.setdefault(asked, []).append(sample)
        return sum(self._judge_on(task, group, asked) for asked, group in missing.items() if asked)

    def _judge_on(
        self, task: CriticTask, batch: Sequence[Sample], principles: Sequence[str]
    ) -> int:
        responses = [self.responses[task.id, sample.id] for sample in batch]
        judged = self._verdicts(
            [Exchange(s.prompt, r) for s, r in zip(batch, responses, strict=True)],
            principles,
            [dict(sample.given) for sample in batch],
        )
        abstained = 0
        for sample, response, judgements in zip(batch, responses, judged, strict=True):
            for judgement in judgements:
                key = self._verdict_key(task, sample, response, judgement.principle)
                self._append(VerdictRow(key, task.id, sample.id, judgement))
                abstained += isinstance(judgement, Abstention)
        return abstained

    def _verdicts(
        self,
        exchanges: Sequence[Exchange],
        principles: Sequence[str],
        given: Sequence[Mapping[str, bool]],
    ) -> list[tuple[Judgement, ...]]:
        critic = self._the_critic()
        judged = critic.judge(exchanges, principles, given)
        # Exactly what was asked for: a verdict that is missing or in another's place is no verdict.
        answered = [[judgement.principle for judgement in each] for each in judged]
        if answered != [list(principles)] * len(exchanges):
            message = f"the critic {critic.identity.name} gave other judgements than asked for"
            raise EvidenceError(message)
        if gone := absent(judged):
            message = f"the critic {critic.identity.name} judged none of a batch: {gone}"
            raise EvidenceError(message)
        return judged

    def _score(self, task: AccuracyTask, batch: Sequence[Sample]) -> int:
        by = scorer(task.scorer)
        for sample in batch:
            response = self.responses[task.id, sample.id]
            value = by.score(response, sample.target or "")
            key = score_key(task, sample, response)
            self._append(ScoreRow(key, task.id, sample.id, by.name, value))
        return 0

    def _measure_by_lm_eval(self, task: LmEvalTask, progress: Progress) -> None:
        samples = next(t["samples"] for t in self.writer.manifest["tasks"] if t["id"] == task.id)
        progress.start(task.id, samples, samples if task.id in self.measured else 0)
        if task.id not in self.measured and self.harness is not None:
            for score in self.harness.measure(task, least(self.limit, task.limit)):
                key = lm_eval_key(task.id, self.candidate.identity, score)
                self._append(ScoreRow(key, task.id, score.sample, task.metric, score.value))
            self.writer.commit()
            progress.advance(task.id, samples, abstained=0)
        progress.finish(task.id)

    def _examine(self, task: CriticTask, progress: Progress) -> None:
        """Have the critic judge the sealed examples, on the same terms as the task's samples."""
        shared = frozenset(given_by_all(task, self.limit))
        exams = {p.id: _sealed(p) for p in map(task.constitution.principle, task.principles)}
        for id_, examples in exams.items() if self.earlier.rows else ():
            for example in examples:
                self._take(self._exam_key(task, example, id_, shared))
        pending = {
            id_: [e for e in examples if self._exam_key(task, e, id_, shared) not in self.writer]
            for id_, examples in exams.items()
        }
        name = f"{task.id}: sealed examples"
        total, missing = sum(map(len, exams.values())), sum(map(len, pending.values()))
        progress.start(name, total, total - missing)
        for id_, examples in pending.items():
            for batch in _batches(examples):
                abstained = self._exam_batch(task, batch, id_, shared)
                progress.advance(name, len(batch), abstained=abstained)
        progress.finish(name)

    def _exam_batch(
        self,
        task: CriticTask,
        batch: Sequence[Exemplar],
        principle: str,
        shared: frozenset[str],
    ) -> int:
        rules = task.constitution.principle(principle)
        judged = self._verdicts(
            [Exchange(as_conversation(e.prompt), e.response) for e in batch],
            (principle,),
            [_given(rules, example, shared) for example in batch],
        )
        for example, (judgement,) in zip(batch, judged, strict=True):
            key = self._exam_key(task, example, principle, shared)
            self._append(ExamRow(key, task.id, example.id, example.label, judgement))
        self.writer.commit()
        return sum(isinstance(judgement, Abstention) for (judgement,) in judged)

    def _exam_key(
        self, task: CriticTask, example: Exemplar, principle: str, shared: frozenset[str]
    ) -> str:
        given = _given(task.constitution.principle(principle), example, shared)
        return exam_key(task.id, example, given, self._the_critic(), principle)

    def _verdict_key(self, task: CriticTask, sample: Sample, response: str, principle: str) -> str:
        return verdict_key(task.id, sample, response, self._the_critic(), principle)

    def _the_critic(self) -> Critic:
        assert self.critic is not None  # noqa: S101  `check` refused
        return self.critic


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _sealed(principle: Principle) -> list[Exemplar]:
    return [example for example in principle.examples if example.split == "sealed"]


def _given(principle: Principle, example: Exemplar, shared: frozenset[str]) -> dict[str, bool]:
    """Return what is given of an example: no more than every sample of the task is given."""
    seen = {p.id for p in principle.propositions if p.sees == "prompt"}
    return {name: truth for name, truth in example.answers if name in shared & seen}
