"""Properties: nothing that is taken away from the evidence, or muddied in it, makes a pass."""

from __future__ import annotations

import dataclasses
import os

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gates.fake_runs import (
    ABSTAINED,
    HARM,
    NOW,
    PASSED,
    REFUSAL,
    VIOLATED,
    accuracy,
    constitution,
    critic_rows,
    exam_rows,
    fact_rows,
    harm,
    no_worse,
    policy,
    refusal,
    run,
)

from lexgate.critic import Abstention
from lexgate.evals import EndRow, ExamRow, VerdictRow
from lexgate.gates import Outcome, decide, report

RULES = constitution(sealed=8)
# Limits that samples this small can keep, so that passes, failures and doubts all occur.
POLICY = policy(harm(0.8), refusal(0.8), accuracy(0.4), no_worse(0.7), rules_of=RULES)
# `make prove` asks for more than every run does.
WHOLE = settings(max_examples=20_000 if "LEXGATE_PROVE" in os.environ else 500, deadline=None)

BAD = st.sampled_from([VIOLATED, ABSTAINED, "unanswered", "unjudged"])
CLUSTERS = st.lists(st.sampled_from([f"c{i}" for i in range(12)]), min_size=14, max_size=14)


@st.composite
def evidence(draw):
    """The rows of a small run: a few things wrong, so that it passes about as often as not."""
    rows = []
    for task, principle in (("harmful", HARM), ("benign", REFUSAL)):
        bad = draw(st.lists(BAD, max_size=4))
        rows += critic_rows(task, principle, bad + [PASSED] * (14 - len(bad)), draw(CLUSTERS))
        wrong = draw(st.integers(0, 2))
        rows += exam_rows(
            task, RULES.principle(principle), wrong, draw(st.sampled_from(["", ABSTAINED]))
        )
    wrong_scores = st.sampled_from([0.0, None])
    few, most = st.lists(wrong_scores, max_size=4), st.lists(wrong_scores, min_size=12, max_size=14)
    scores = draw(st.one_of(few, few, most))
    return rows + fact_rows(scores + [1.0] * (14 - len(scores)))


BASELINE = run(
    fact_rows([1.0] * 10 + [0.0] * 4), id="run-0", candidate={"name": "b", "digest": "b"}
)  # fmt: skip
TASKS = run([
    *critic_rows("harmful", HARM, [PASSED] * 14),
    *critic_rows("benign", REFUSAL, [PASSED] * 14),
    *fact_rows([1.0] * 14),
]).manifest["tasks"]  # fmt: skip


def decided(rows):
    return decide(POLICY, run(rows, tasks=TASKS), baseline=BASELINE, now=NOW)


def outcome(rows):
    return decided(rows).outcome


def assert_no_better(before, after):
    """Neither the decision nor any rule passes anew, and no bound moves in the candidate's favour."""
    assert after.outcome is not Outcome.PASS or before.outcome is Outcome.PASS
    for old, new in zip(before.rules, after.rules, strict=True):
        assert new.outcome is not Outcome.PASS or old.outcome is Outcome.PASS
        if Outcome.ERROR in {old.outcome, new.outcome}:
            continue
        if old.id == "accuracy":
            assert new.low <= old.low
        else:
            assert new.high >= old.high


def abstaining(row):
    judgement = Abstention(row.judgement.principle, "failed", "out of memory", ())
    return dataclasses.replace(row, judgement=judgement)


@WHOLE
@given(evidence(), st.data())
def test_turning_verdicts_into_abstentions_never_turns_a_block_into_a_pass(rows, data):
    judged = [i for i, row in enumerate(rows) if isinstance(row, VerdictRow | ExamRow)]
    flipped = data.draw(st.sets(st.sampled_from(judged)))
    after = [abstaining(row) if i in flipped else row for i, row in enumerate(rows)]
    assert_no_better(decided(rows), decided(after))


@WHOLE
@given(evidence(), st.data())
def test_removing_rows_never_turns_a_block_into_a_pass(rows, data):
    # Without its declaration a sample is an error at once; mostly it is the other rows that go.
    kinds = data.draw(st.sampled_from(["answer verdict score exam", "verdict exam", "sample exam"]))
    removable = [i for i, row in enumerate(rows) if row.kind in kinds]
    removed = data.draw(st.sets(st.sampled_from(removable), max_size=40))
    after = [row for i, row in enumerate(rows) if i not in removed]
    assert_no_better(decided(rows), decided(after))


@WHOLE
@given(evidence(), st.data())
def test_removing_all_rows_of_a_kind_never_turns_a_block_into_a_pass(rows, data):
    kinds = data.draw(st.sets(st.sampled_from(["answer", "verdict", "score", "exam", "sample"])))
    task = data.draw(st.sampled_from(["harmful", "benign", "facts", None]))
    kept = [row for row in rows if row.kind not in kinds or (task and row.task != task)]
    assert_no_better(decided(rows), decided(kept))


@WHOLE
@given(evidence(), st.data())
def test_doubling_rows_never_passes(rows, data):
    again = data.draw(st.sampled_from(rows))
    assert outcome([*rows, again]) is Outcome.ERROR
    assert outcome([*rows, dataclasses.replace(again, key="another")]) is Outcome.ERROR


@WHOLE
@given(evidence(), st.data())
def test_rows_of_unknown_places_never_pass(rows, data):
    place = data.draw(st.sampled_from(["task", "sample", "example"]))
    row = data.draw(st.sampled_from([row for row in rows if hasattr(row, place)]))
    strange = dataclasses.replace(row, **{place: "unheard-of", "key": "another"})
    assert outcome([*rows, strange]) is Outcome.ERROR


@settings(max_examples=60, deadline=None)
@given(evidence())
def test_equal_inputs_give_equal_decisions_and_reports(rows):
    first = decide(POLICY, run(rows, tasks=TASKS), baseline=BASELINE, now=NOW)
    again = decide(POLICY, run(list(rows), tasks=TASKS), baseline=BASELINE, now=NOW)
    assert first == again
    assert report(first) == report(again)


@settings(max_examples=60, deadline=None)
@given(evidence(), st.data())
def test_the_order_of_rows_within_a_run_decides_nothing_but_declared_before_used(rows, data):
    """Samples first, as a run writes them; the rest in any order."""
    samples = [row for row in rows if row.kind == "sample"]
    rest = [row for row in rows if row.kind != "sample"]
    shuffled = samples + data.draw(st.permutations(rest))
    assert outcome(shuffled) == outcome(rows)


def test_the_small_runs_of_these_properties_do_pass_when_they_are_good():
    rows = [
        *critic_rows("harmful", HARM, [PASSED] * 14),
        *critic_rows("benign", REFUSAL, [PASSED] * 14),
        *exam_rows("harmful", RULES.principle(HARM)),
        *exam_rows("benign", RULES.principle(REFUSAL)),
        *fact_rows([1.0] * 14),
    ]
    assert outcome(rows) is Outcome.PASS
    assert outcome([*rows[:-1]]) is Outcome.PASS  # one wrong answer of fourteen is still enough
    assert outcome([]) is Outcome.ERROR
    assert isinstance(run(rows).stored[-1], EndRow)
