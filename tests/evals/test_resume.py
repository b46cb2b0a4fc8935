"""Runs that were stopped and go on: nothing is asked twice, and nothing is mixed."""

from __future__ import annotations

import dataclasses

import pytest

from lexgate.critic import Decoding
from lexgate.errors import EvidenceError, UsageError
from lexgate.evals import AnswerRow, SampleRow, evaluate, open_run


def plain(run):
    """What a run says, but for times and the key of its end, which holds its name."""
    rows = []
    for row in run.rows():
        data = row.to_json()
        data.pop("seconds", None)
        if data["kind"] == "end":
            data.pop("key")
        rows.append(data)
    return rows


def as_set(run):
    return sorted(map(repr, plain(run)))


class Stops:
    """A reply that raises once `after` replies were given."""

    def __init__(self, reply, error, after):
        self.reply, self.error, self.left = reply, error, after

    def __call__(self, conversation):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return self.reply(conversation)


@pytest.mark.parametrize("after", [0, 31, 32, 33, 64, 100, 119])
@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (EvidenceError("the model died"), EvidenceError),
        (RuntimeError("out of memory"), EvidenceError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_stops_a_run_leaves_one_that_can_go_on(world, tmp_path, after, error, seen):
    suite, critic = world.suite(40), world.critic()
    whole = evaluate(suite, world.candidate(), critic, directory=tmp_path / "whole")
    stopping = world.candidate(say=Stops(world.reply, error, after))

    with pytest.raises(seen) as stopped:
        evaluate(suite, stopping, critic, directory=tmp_path / "cut")

    [path] = (tmp_path / "cut").iterdir()
    cut = open_run(path)
    assert not cut.complete
    assert sum(isinstance(row, SampleRow) for row in cut.rows()) == 120
    if seen is EvidenceError:
        assert str(error) in str(stopped.value)
        assert f"What is done stands in {path}: resume it" in str(stopped.value)
    asked = []
    counting = world.candidate(say=lambda c: asked.append(c) or world.reply(c))
    resumed = evaluate(suite, counting, critic, directory=tmp_path / "cut", resume=path)
    assert resumed.complete
    assert as_set(resumed) == as_set(whole)
    stood = sum(isinstance(row, AnswerRow) for row in cut.rows())
    assert len(asked) == 120 - stood


def test_resuming_a_complete_run_asks_nothing(world, tmp_path):
    done = evaluate(world.suite(5), world.candidate(), world.critic(), directory=tmp_path)
    before = (done.path / "j-00000000.jsonl").read_bytes()

    silent = world.candidate(say=Stops(world.reply, AssertionError("asked"), 0))
    again = evaluate(world.suite(5), silent, world.critic(), directory=tmp_path, resume=done.path)

    assert again == done
    assert (done.path / "j-00000000.jsonl").read_bytes() == before


def test_resuming_keeps_the_limit_of_the_run(world, tmp_path):
    stopping = world.candidate(say=Stops(world.reply, EvidenceError("x"), 8))
    with pytest.raises(EvidenceError):
        evaluate(world.suite(), stopping, world.critic(), directory=tmp_path, limit=4)
    [path] = tmp_path.iterdir()

    run = evaluate(
        world.suite(), world.candidate(), world.critic(), directory=tmp_path, resume=path
    )

    assert run.complete
    assert sum(isinstance(row, SampleRow) for row in run.rows()) == 12


def _other_prompts(world, suite):
    rules = suite.tasks[0].constitution
    first = dataclasses.replace(rules.principles[0], violated_when=world.Name("refuses"))
    new = dataclasses.replace(rules, principles=(first, *rules.principles[1:]))
    tasks = tuple(
        dataclasses.replace(task, constitution=new) if task.kind == "critic" else task
        for task in suite.tasks
    )
    return dataclasses.replace(suite, tasks=tasks), new


def _changed(world, part):
    """The arguments of an evaluation in which one part is another."""
    suite, model, critic, limit = world.suite(), world.candidate(), world.critic(), None
    if part == "candidate":
        model = world.candidate("scripted/another")
    elif part == "critic":
        critic = world.critic("scripted/other-reader")
    elif part == "data":
        task = dataclasses.replace(suite.tasks[1], data_digest="sha256:9")
        suite = dataclasses.replace(suite, tasks=(suite.tasks[0], task, suite.tasks[2]))
    elif part == "prompts":
        suite, rules = _other_prompts(world, suite)
        critic = world.critic(rules=rules)
    elif part == "decoding":
        suite = dataclasses.replace(suite, decoding=Decoding(17, 0.0))
    elif part == "suite":
        suite = world.suite(digest="e")
    elif part == "limit":
        limit = 7
    return suite, model, critic, limit


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("candidate", r"the candidate weights \(scripted/candidate then, scripted/another now\)"),
        ("critic", r"the critic \(scripted/reader then, scripted/other-reader now\)"),
        ("data", "the data of the task benign"),
        ("prompts", "the constitution's prompts for no-harm"),
        ("decoding", "the decoding"),
        ("suite", "the suite"),
        ("limit", "the limit"),
    ],
)
def test_a_run_about_another_thing_is_not_resumed(world, tmp_path, part, named):
    stopping = world.candidate(say=Stops(world.reply, EvidenceError("x"), 40))
    with pytest.raises(EvidenceError):
        evaluate(world.suite(), stopping, world.critic(), directory=tmp_path)
    [path] = tmp_path.iterdir()
    before = (path / "j-00000000.jsonl").read_bytes()
    suite, model, critic, limit = _changed(world, part)

    with pytest.raises(UsageError, match=f"cannot be resumed, since this changed: .*{named}"):
        evaluate(suite, model, critic, directory=tmp_path, resume=path, limit=limit)

    assert (path / "j-00000000.jsonl").read_bytes() == before


def test_a_critic_that_is_not_there_stops_the_run_and_a_later_one_completes_it(
    world, tmp_path, monkeypatch
):
    suite, critic = world.suite(40), world.critic()
    whole = evaluate(suite, world.candidate(), critic, directory=tmp_path / "whole")

    def gone(*_):
        raise EvidenceError("the server does not accept the key")

    with monkeypatch.context() as patch:
        for backend in critic.backends:
            patch.setattr(backend, "answer", gone)
        with pytest.raises(EvidenceError, match=r"judged none of a batch: .*accept the key"):
            evaluate(suite, world.candidate(), critic, directory=tmp_path / "cut")
    [path] = (tmp_path / "cut").iterdir()
    resumed = evaluate(suite, world.candidate(), critic, directory=tmp_path / "cut", resume=path)

    assert resumed.complete
    assert as_set(resumed) == as_set(whole)
