"""Rows of an earlier run stand in a new one exactly where nothing they depend on changed."""

from dataclasses import replace

import pytest

from lexgate.constitutions import Check, Name, Proposition
from lexgate.constitutions._dump import digest_of
from lexgate.critic import Answer, Critic, Decoding, ScriptedModel, compile_prompts, open_critic
from lexgate.errors import EvidenceError, UsageError
from lexgate.evals import AnswerRow, CriticTask, ExamRow, Suite, VerdictRow, evaluate


class Counting:
    """A critic's backend that says no to everything, and counts what it was asked."""

    def __init__(self, name="scripted/counting"):
        self.identity = ScriptedModel(name).identity
        self.calls = 0
        self.asked = set()

    def answer(self, question, exchanges):
        self.calls += len(exchanges)
        self.asked.add(question.principle)
        return [Answer(question.proposition, 0.0, self.identity.name) for _ in exchanges]


class Candidate(ScriptedModel):
    def __init__(self, reply, name="scripted/candidate"):
        super().__init__(name, reply=reply)
        self.generated = 0

    def generate(self, conversations, decoding):
        self.generated += len(conversations)
        return super().generate(conversations, decoding)


def rules(world, count, **edits):
    """`count` principles with a question of their own each; `edits`: id -> another question."""
    base = world.constitution().principle("no-harm")
    principles = tuple(
        replace(
            base,
            id=f"p{number}",
            propositions=(
                Proposition(
                    "breaks", edits.get(f"p{number}", f"Does it break rule {number}?"), "exchange"
                ),
            ),
            violated_when=Name("breaks"),
            checks=(),
            examples=tuple(
                replace(e, id=f"{e.id}-{number}", answers=(("breaks", False),), label="complies")
                for e in base.examples
            ),
        )
        for number in range(count)
    )
    unsigned = replace(world.constitution(), principles=principles)
    return replace(unsigned, digest=digest_of(unsigned))


def suite(world, constitution, count):
    ids = tuple(principle.id for principle in constitution.principles)
    samples = tuple(replace(sample, given=()) for sample in world.samples("plain", count))
    task = CriticTask("all", samples, "sha256:1", constitution, ids)
    return Suite("small", "1.0.0", (task,), Decoding(16, 0.0), "sha256:" + "d" * 64)


def run(world, constitution, count, directory, **options):
    backend, candidate = Counting(), Candidate(world.reply)
    critic = Critic(compile_prompts(constitution), [backend])
    done = evaluate(
        suite(world, constitution, count), candidate, critic, directory=directory, **options
    )
    return done, backend, candidate


def rows_of(run, *kinds):
    return {row.key: row for row in run.rows() if isinstance(row, kinds)}


def test_one_edited_principle_of_twenty_costs_a_twentieth_of_the_calls(world, tmp_path):
    first, all_calls, _ = run(world, rules(world, 20), 1000, tmp_path)
    edited = rules(world, 20, p7="Does the response break rule 7?")

    again, calls, candidate = run(world, edited, 1000, tmp_path, reuse=[first.path])

    assert again.complete
    assert candidate.generated == 0
    assert calls.asked == {"p7"}
    assert calls.calls <= 0.05 * all_calls.calls
    before, after = (rows_of(one, VerdictRow) for one in (first, again))
    assert len(after) == len(before) == 20_000
    assert {row.judgement.principle for key, row in after.items() if key not in before} == {"p7"}


def test_nothing_edited_costs_no_call_and_gives_the_same_rows(world, tmp_path):
    constitution = rules(world, 3)
    first, _, _ = run(world, constitution, 20, tmp_path)

    again, calls, candidate = run(world, constitution, 20, tmp_path, reuse=[first.path])

    assert (calls.calls, candidate.generated) == (0, 0)
    kinds = (AnswerRow, VerdictRow, ExamRow)
    assert rows_of(again, *kinds) == rows_of(first, *kinds)
    assert again.manifest["reused"] == [{"run": first.id, "head": first.head}]
    assert again.manifest["identity"] == first.manifest["identity"]


def test_another_answer_is_judged_anew_on_every_principle(world, tmp_path):
    constitution = rules(world, 3)
    first, _, _ = run(world, constitution, 20, tmp_path)
    backend = Counting()
    other = Candidate(lambda asked: "another answer to " + asked[-1].content, "scripted/other")

    evaluate(
        suite(world, constitution, 20),
        other,
        Critic(compile_prompts(constitution), [backend]),
        directory=tmp_path,
        reuse=[first.path],
    )

    assert other.generated == 20
    assert backend.calls == 3 * 20  # the sealed examples stay judged: they did not change


def test_another_critic_judges_everything_anew(world, tmp_path):
    constitution = rules(world, 3)
    first, _, _ = run(world, constitution, 20, tmp_path)
    backend = Counting("scripted/another")

    evaluate(
        suite(world, constitution, 20),
        Candidate(world.reply),
        Critic(compile_prompts(constitution), [backend]),
        directory=tmp_path,
        reuse=[first.path],
    )

    sealed = sum(e.split == "sealed" for p in constitution.principles for e in p.examples)
    assert backend.calls == 3 * 20 + sealed


def test_a_run_cut_short_gives_what_it_has(world, tmp_path):
    constitution = rules(world, 3)
    first, _, _ = run(world, constitution, 20, tmp_path)
    journal = first.path / "j-00000000.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: len(lines) // 2]))

    again, calls, _ = run(world, constitution, 20, tmp_path, reuse=[first.path])

    assert again.complete
    assert 0 < calls.calls < 3 * 20 + 10


def test_a_damaged_run_gives_nothing(world, tmp_path):
    constitution = rules(world, 3)
    first, _, _ = run(world, constitution, 20, tmp_path)
    journal = first.path / "j-00000000.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"complies", b"violates", 1))

    with pytest.raises(EvidenceError):
        run(world, constitution, 20, tmp_path, reuse=[first.path])


def test_a_run_is_resumed_or_begun_with_earlier_rows_not_both(world, tmp_path):
    constitution = rules(world, 3)
    first, _, _ = run(world, constitution, 20, tmp_path)

    with pytest.raises(UsageError, match="not both"):
        run(world, constitution, 20, tmp_path, reuse=[first.path], resume=first.path)


@pytest.mark.parametrize("name", ["checks", "exemplars"])
def test_a_critic_made_of_parts_depends_on_the_parts_a_principle_asks(name, world):
    before = rules(world, 3)
    edited = rules(world, 3, p1="Does the response break rule 1?")
    digests = [
        [open_critic([name], constitution).digest_for(f"p{number}") for number in range(3)]
        for constitution in (before, edited)
    ]

    assert [one == other for one, other in zip(*digests, strict=True)] == [True, False, True]


def test_an_edit_of_a_check_or_of_an_example_reaches_its_own_principle_alone(world):
    before = rules(world, 3)
    check = Check("sorry", "exchange", "breaks", exact=True)
    examples = tuple(replace(e, response=f"{e.response}!") for e in before.principles[1].examples)
    edits = {"checks": {"checks": (check,)}, "exemplars": {"examples": examples}}
    for name, edit in edits.items():
        one, two, three = before.principles
        after = replace(before, principles=(one, replace(two, **edit), three))
        digests = [
            [open_critic([name], constitution).digest_for(f"p{number}") for number in range(3)]
            for constitution in (before, after)
        ]

        assert [a == b for a, b in zip(*digests, strict=True)] == [True, False, True], name
