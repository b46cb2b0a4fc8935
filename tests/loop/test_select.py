"""What a model may learn from its own answers, and what never enters."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gates.fake_runs import (
    ABSTAINED,
    HARM,
    PASSED,
    REFUSAL,
    VIOLATED,
    critic_rows,
    judgement,
    run,
    usual,
)

from lexgate.critic import Abstention, Verdict
from lexgate.errors import EvidenceError, UsageError
from lexgate.evals import AnswerRow, VerdictRow
from lexgate.loop import prompt_digest, prompt_digests, select, write_jsonl

KINDS = [PASSED, VIOLATED, ABSTAINED, "unanswered", "unjudged", PASSED]


def counts(selection):
    return dict(selection.excluded)


def harmful(kinds=KINDS):
    return critic_rows("harmful", HARM, kinds)


def test_only_answers_judged_to_comply_enter_and_every_other_is_counted():
    selection = select(run(harmful()), principles=[HARM], held_out=())
    assert [example.sample for example in selection.examples] == ["s0", "s5"]
    assert counts(selection) == {
        "unanswered": 1,
        "truncated": 0,
        "unjudged": 1,
        "abstained": 1,
        "violates": 1,
    }


def test_an_answer_needs_a_verdict_on_every_principle():
    rows = harmful([PASSED] * 4)
    for i, kind in enumerate([PASSED, VIOLATED, ABSTAINED]):
        rows.append(VerdictRow(f"second/{i}", "harmful", f"s{i}", judgement(REFUSAL, kind)))
    selection = select(run(rows), principles=[HARM, REFUSAL], held_out=())
    assert [example.sample for example in selection.examples] == ["s0"]
    assert counts(selection) | {"unanswered": 0} == {
        "unanswered": 0,
        "truncated": 0,
        "unjudged": 1,
        "abstained": 1,
        "violates": 1,
    }


def test_an_answer_that_was_cut_short_teaches_nothing():
    rows = [
        dataclasses.replace(row, finish="length") if isinstance(row, AnswerRow) else row
        for row in harmful([PASSED])
    ]
    selection = select(run(rows), principles=[HARM], held_out=())
    assert selection.examples == ()
    assert counts(selection)["truncated"] == 1


def test_a_probability_that_is_no_number_does_not_enter():
    bad = Verdict(HARM, violated=False, p_violated=float("nan"), answers=())
    rows = [
        dataclasses.replace(row, judgement=bad) if isinstance(row, VerdictRow) else row
        for row in harmful([PASSED])
    ]
    assert select(run(rows), principles=[HARM], held_out=()).examples == ()


def test_an_example_says_where_it_came_from():
    source = run(harmful([PASSED]))
    (example,) = select(source, principles=[HARM], held_out=()).examples
    assert example.prompt == (("user", "prompt 0"),)
    assert example.response == "answer 0"
    assert (example.task, example.sample, example.run) == ("harmful", "s0", "run-1")
    assert (example.candidate, example.critic) == ("sha256:new", "sha256:critic")
    assert example.constitution == "sha256:rules"
    assert example.prompt_digest == prompt_digest((("user", "prompt 0"),))
    assert example.critic_prompts == ((HARM, source.manifest["prompts"][HARM]),)
    assert example.p_violated == ((HARM, 0.01),)
    assert example.rows == ("harmful/0", "harmful/a0", f"harmful/v0/{HARM}")


def test_held_out_prompts_are_refused_with_their_number():
    source = run(harmful())
    held_out = {prompt_digest((("user", f"prompt {i}"),)) for i in (1, 2, 77)}
    with pytest.raises(UsageError, match="2 of 6 prompts of the run run-1 are held out"):
        select(source, principles=[HARM], held_out=held_out)
    with pytest.raises(UsageError, match="6 of 6 prompts"):
        select(source, principles=[HARM], held_out=prompt_digests(source))
    assert select(source, principles=[HARM], held_out={"sha256:other"}).examples


@pytest.mark.parametrize(
    ("fields", "principles", "error", "said"),
    [
        ({"complete": False}, [HARM], EvidenceError, "the run run-1 was cut"),
        ({"critic": None}, [HARM], UsageError, "the run run-1 has no critic"),
        ({"constitution": None}, [HARM], UsageError, "the run run-1 has no critic"),
        ({"prompts": None}, [HARM], EvidenceError, "prompts must be a dict"),
        (
            {"candidate": {"name": "c", "digest": "sha256:checks"}},
            [HARM],
            UsageError,
            "is its own critic",
        ),
        ({}, [], UsageError, "a selection needs principles"),
        ({}, [HARM, HARM], UsageError, "each once"),
        ({}, ["kindness"], UsageError, "judges no principle 'kindness'; it judges no-harm, no-ref"),
    ],
)
def test_a_run_that_cannot_be_selected_from_is_refused(fields, principles, error, said):
    with pytest.raises(error, match=said):
        select(run(harmful(), **fields), principles=principles, held_out=())


def test_doubled_rows_are_damage():
    rows = harmful([PASSED])
    for row in rows:
        again = dataclasses.replace(row, key="another")
        with pytest.raises(EvidenceError, match=f"a second {row.kind} row, another"):
            select(run([*rows, again]), principles=[HARM], held_out=())


kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=12)


@settings(max_examples=200, deadline=None)
@given(kinds, st.data())
def test_examples_and_exclusions_add_up_and_abstentions_never_add_an_example(chosen, data):
    rows = harmful(chosen)
    before = select(run(rows), principles=[HARM], held_out=())
    assert len(before.examples) + sum(counts(before).values()) == len(chosen)
    judged = [i for i, row in enumerate(rows) if isinstance(row, VerdictRow)]
    flipped = data.draw(st.sets(st.sampled_from(judged))) if judged else set()
    after = select(
        run([
            dataclasses.replace(row, judgement=Abstention(HARM, "tie", ""))
            if i in flipped
            else row
            for i, row in enumerate(rows)
        ]),
        principles=[HARM],
        held_out=(),
    )  # fmt: skip
    kept = {example.sample for example in before.examples}
    assert {example.sample for example in after.examples} <= kept


def test_the_file_is_what_trl_reads_with_provenance_beside(tmp_path):
    path = tmp_path / "out" / "train.jsonl"
    selection = select(run(usual(harmful=[PASSED, VIOLATED])), principles=[HARM], held_out=())
    write_jsonl(selection, path)
    (line,) = path.read_text("utf-8").splitlines()
    data = json.loads(line)
    assert data["prompt"] == [{"role": "user", "content": "prompt 0"}]
    assert data["completion"] == [{"role": "assistant", "content": "answer 0"}]
    assert data["provenance"]["rows"] == ["harmful/0", "harmful/a0", f"harmful/v0/{HARM}"]
    assert data["provenance"]["p_violated"] == {HARM: 0.01}


def test_line_breaks_in_an_answer_stay_inside_their_line(tmp_path):
    rows = [
        dataclasses.replace(row, response="a\nb\u2028c\r") if isinstance(row, AnswerRow) else row
        for row in harmful([PASSED, PASSED])
    ]
    write_jsonl(select(run(rows), principles=[HARM], held_out=()), tmp_path / "t.jsonl")
    lines = (tmp_path / "t.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["completion"][0]["content"] for line in lines] == ["a\nb\u2028c\r"] * 2


def test_nothing_selected_writes_an_empty_file(tmp_path):
    write_jsonl(
        select(run(harmful([VIOLATED])), principles=[HARM], held_out=()), tmp_path / "t.jsonl"
    )
    assert (tmp_path / "t.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    "disguise",
    ["prompt 1 ", "PROMPT 1", "prompt\n1", "pro\u200bmpt 1", "\uff50rompt 1"],
)
def test_a_held_out_prompt_in_disguise_is_held_out(disguise):
    asked = prompt_digest((("user", "prompt 1"),))

    assert prompt_digest((("user", disguise),)) == asked
    assert prompt_digest((("system", "be brief"), ("user", disguise))) == asked
    assert prompt_digest((("user", "prompt 2"),)) != asked
