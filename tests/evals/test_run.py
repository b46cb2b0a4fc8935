"""The runner: what it writes, what it refuses, and how it goes on."""

from __future__ import annotations

import collections
import dataclasses

import pytest

from lexgate.critic import Abstention, as_conversation, root_of
from lexgate.errors import EvidenceError, UsageError
from lexgate.evals import (
    AnswerRow,
    EndRow,
    ExamRow,
    LmEvalTask,
    SampleRow,
    ScoreRow,
    VerdictRow,
    evaluate,
)


class Watcher:
    """Progress that remembers."""

    def __init__(self):
        self.begun, self.advanced, self.finished = {}, collections.Counter(), []
        self.abstained = collections.Counter()

    def started(self, run):
        self.run = run

    def start(self, task, total, done):
        self.begun[task] = (total, done)

    def advance(self, task, n, *, abstained):
        self.advanced[task] += n
        self.abstained[task] += abstained

    def finish(self, task):
        self.finished.append(task)


def test_a_run_holds_every_row_it_declared_and_ends(world, tmp_path):
    run = evaluate(world.suite(40), world.candidate(), world.critic(), directory=tmp_path)

    kinds = collections.Counter(type(row) for row in run.rows())
    assert kinds == {
        SampleRow: 120,
        AnswerRow: 120,
        VerdictRow: 40 + 80,
        ScoreRow: 40,
        ExamRow: 2 + 3,
        EndRow: 1,
    }
    assert run.complete
    rows = list(run.rows())
    assert all(isinstance(row, SampleRow) for row in rows[:120])
    assert isinstance(rows[-1], EndRow)
    assert rows[-1].rows == len(rows) - 1


def test_the_manifest_says_what_the_run_is_about(world, tmp_path):
    suite, model, critic = world.suite(6), world.candidate(), world.critic()

    manifest = evaluate(suite, model, critic, directory=tmp_path, limit=5).manifest

    assert manifest["format"] == "lexgate-run/1"
    assert manifest["suite"] == {"name": "small", "version": "1.0.0", "digest": suite.digest}
    assert manifest["limit"] == 5
    assert manifest["tasks"] == [
        {
            "id": "harmful",
            "kind": "critic",
            "data_digest": "sha256:1",
            "samples": 5,
            "principles": ["no-harm"],
            "given": ["harmful"],
        },
        {
            "id": "benign",
            "kind": "critic",
            "data_digest": "sha256:2",
            "samples": 5,
            "principles": ["no-harm", "no-over-refusal"],
            "given": ["harmful"],
        },
        {
            "id": "facts",
            "kind": "accuracy",
            "data_digest": "sha256:3",
            "samples": 5,
            "metric": "exact_match",
        },
    ]
    assert manifest["constitution"] == {
        "reference": "small@1.0.0",
        "digest": world.constitution().digest,
        "root": root_of(world.constitution()),
    }
    assert manifest["prompts"] == {
        id_: critic.prompts[id_].digest for id_ in ("no-harm", "no-over-refusal")
    }
    assert manifest["candidate"] == {
        "name": "scripted/candidate",
        "digest": model.identity.digest,
        "details": {},
    }
    assert manifest["critic"]["digest"] == critic.identity.digest
    assert [b["name"] for b in manifest["critic"]["backends"]] == ["scripted/reader"]
    assert manifest["decoding"] == {"max_new_tokens": 16, "temperature": 0.0}


def test_verdicts_use_what_the_data_states_first(world, tmp_path):
    run = evaluate(world.suite(4), world.candidate(), world.critic(), directory=tmp_path)

    verdict = next(row for row in run.rows() if isinstance(row, VerdictRow))
    assert ("harmful", 1.0, "given") in [
        (a.proposition, a.p, a.source) for a in verdict.judgement.answers
    ]


def test_an_exam_is_given_only_what_every_sample_is_given(world, tmp_path):
    suite = world.suite(4)
    harmful = suite.tasks[0]
    partly = dataclasses.replace(harmful.samples[0], given=())
    task = dataclasses.replace(harmful, samples=(partly, *harmful.samples[1:]))
    changed = dataclasses.replace(suite, tasks=(task, *suite.tasks[1:]))

    def sources(run):
        return {
            row.task: {a.source for a in row.judgement.answers if a.proposition == "harmful"}
            for row in run.rows()
            if isinstance(row, ExamRow)
        }

    whole = evaluate(suite, world.candidate(), world.critic(), directory=tmp_path / "a")
    part = evaluate(changed, world.candidate(), world.critic(), directory=tmp_path / "b")
    assert sources(whole) == {"harmful": {"given"}, "benign": {"given"}}
    assert sources(part) == {"harmful": {"scripted/reader"}, "benign": {"given"}}


def test_only_sealed_examples_are_exams(world, tmp_path):
    run = evaluate(world.suite(2), world.candidate(), world.critic(), directory=tmp_path)

    exams = {(r.task, r.example, r.label) for r in run.rows() if isinstance(r, ExamRow)}
    assert exams == {
        ("harmful", "h1", "violates"),
        ("harmful", "h2", "complies"),
        ("benign", "h1", "violates"),
        ("benign", "h2", "complies"),
        ("benign", "o1", "violates"),
    }


def test_progress_counts_samples_and_abstentions(world, tmp_path):
    watcher = Watcher()

    def mumble(conversation):
        return "mumble" if conversation[-1].content.startswith("harm") else "sorry"

    evaluate(
        world.suite(40),
        world.candidate(say=mumble),
        world.critic(),
        directory=tmp_path,
        progress=watcher,
    )

    assert watcher.begun["harmful"] == (40, 0)
    assert watcher.advanced["harmful"] == watcher.abstained["harmful"] == 40
    assert watcher.abstained["benign"] == 0
    assert watcher.begun["benign: sealed examples"] == (3, 0)
    assert list(watcher.begun) == watcher.finished


def test_a_silent_critic_abstains_on_every_sample(world, tmp_path):
    run = evaluate(
        world.suite(3),
        world.candidate(say=lambda _: "mumble"),
        world.critic(),
        directory=tmp_path,
    )

    verdicts = [r for r in run.rows() if isinstance(r, VerdictRow) and r.task == "harmful"]
    assert len(verdicts) == 3
    assert all(isinstance(row.judgement, Abstention) for row in verdicts)


def test_a_candidate_that_is_its_own_critic_is_refused(world, tmp_path):
    with pytest.raises(UsageError) as refused:
        evaluate(
            world.suite(),
            world.candidate("scripted/reader"),
            world.critic("scripted/reader"),
            directory=tmp_path,
        )

    assert "the candidate scripted/reader is also the critic" in str(refused.value)
    assert refused.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_suite_with_critic_tasks_needs_a_critic(world, tmp_path):
    with pytest.raises(UsageError, match=r"small@1\.0\.0 needs a critic for its task 'harmful'"):
        evaluate(world.suite(), world.candidate(), None, directory=tmp_path)


def test_no_critic_is_needed_without_critic_tasks(world, tmp_path):
    suite = world.suite(4)
    facts = dataclasses.replace(suite, tasks=suite.tasks[2:])

    run = evaluate(facts, world.candidate(), None, directory=tmp_path)

    assert run.complete
    assert run.manifest["critic"] is None
    assert run.manifest["constitution"] is None
    assert [row.value for row in run.rows() if isinstance(row, ScoreRow)] == [0.0, 1.0, 0.0, 1.0]


def test_a_critic_of_another_constitution_is_refused(world, tmp_path):
    rules = world.constitution()
    other = dataclasses.replace(
        rules,
        principles=(dataclasses.replace(rules.principles[0], violated_when=world.Name("refuses")),),
    )

    with pytest.raises(UsageError, match=r"critic was not opened on small@1\.0\.0"):
        evaluate(world.suite(), world.candidate(), world.critic(rules=other), directory=tmp_path)


def test_lm_eval_tasks_need_a_candidate_of_transformers(world, tmp_path):
    task = LmEvalTask("le", "x", 0, "acc", None, None, "sha256:4", None)
    suite = dataclasses.replace(world.suite(), tasks=(task,))

    with pytest.raises(UsageError, match="lm_eval tasks need an hf/ or demo/ candidate"):
        evaluate(suite, world.candidate(), None, directory=tmp_path)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(world, tmp_path, limit):
    with pytest.raises(UsageError, match=f"limit of at least 1 sample, found {limit}"):
        evaluate(world.suite(), world.candidate(), world.critic(), directory=tmp_path, limit=limit)


def test_two_samples_of_one_prompt_have_rows_of_their_own(world, tmp_path):
    suite = world.suite(2)
    facts = suite.tasks[2]
    twin = dataclasses.replace(facts.samples[0], id="twin")
    task = dataclasses.replace(facts, samples=(*facts.samples, twin))
    twins = dataclasses.replace(suite, tasks=(task,))

    run = evaluate(twins, world.candidate(), None, directory=tmp_path)

    assert run.complete
    assert sum(isinstance(row, AnswerRow) for row in run.rows()) == 3


def test_hostile_text_is_kept_to_the_letter(world, tmp_path):
    hostile = '\x1b[31m\u202e{"kind":"end"}\n{"h":"0"}\ud800 {{7*7}} \0'
    suite = world.suite(1)
    sample = dataclasses.replace(suite.tasks[2].samples[0], prompt=as_conversation(hostile))
    task = dataclasses.replace(suite.tasks[2], samples=(sample,))

    run = evaluate(
        dataclasses.replace(suite, tasks=(task,)),
        world.candidate(say=lambda c: c[-1].content),
        None,
        directory=tmp_path,
    )

    rows = list(run.rows())
    assert rows[0].prompt == (("user", hostile),)
    assert rows[1].response == hostile
    assert run.complete


class Miscounts:
    """A candidate that drops an answer."""

    def __init__(self, model):
        self.identity, self._model = model.identity, model

    def generate(self, conversations, decoding):
        return self._model.generate(conversations, decoding)[1:]


def test_a_candidate_that_drops_answers_ends_the_run(world, tmp_path):
    with pytest.raises(EvidenceError, match="gave 31 answers to 32 prompts"):
        evaluate(world.suite(), Miscounts(world.candidate()), world.critic(), directory=tmp_path)


class Shuffles:
    """A critic that gives judgements in another order than asked."""

    def __init__(self, critic):
        self._critic = critic

    def __getattr__(self, name):
        return getattr(self._critic, name)

    def judge(self, exchanges, principles, given=()):
        return [row[::-1] for row in self._critic.judge(exchanges, principles, given)]


def test_a_critic_that_answers_another_question_ends_the_run(world, tmp_path):
    with pytest.raises(EvidenceError, match="gave other judgements than asked for"):
        evaluate(world.suite(), world.candidate(), Shuffles(world.critic()), directory=tmp_path)
