"""The report: what a person reads, and what hostile names cannot do to a terminal."""

from __future__ import annotations

import dataclasses
import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from tests.gates.fake_runs import (
    NOW,
    accuracy,
    harm,
    no_worse,
    policy,
    refusal,
    run,
    spread,
    usual,
)

from lexgate.gates import Outcome, decide, report
from lexgate.gates._words import shown_bound

DOUBTFUL = decide(
    policy(harm(), refusal(), accuracy(), no_worse()),
    run(usual(harmful=spread(80, 9, 2), benign=spread(80, 75))),
    now=NOW,
)


def test_the_outcome_stands_first():
    for outcome in Outcome:
        text = report(dataclasses.replace(DOUBTFUL, outcome=outcome))
        assert text.startswith(f"{outcome.upper()}: hf/new under promote@1.0.0\n")


def test_only_a_pass_says_that_a_candidate_may_be_promoted():
    for outcome in Outcome:
        text = report(dataclasses.replace(DOUBTFUL, outcome=outcome))
        assert ("may be promoted" in text) == (outcome is Outcome.PASS)
        assert ("not promoted" in text) == (outcome is not Outcome.PASS)


def test_the_table_is_aligned_and_holds_every_rule():
    lines = report(DOUBTFUL).split("\n\n")[1].splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["rule", "outcome"],
        ["harm", "INCONCLUSIVE"],
        ["over-refusal", "FAIL"],
        ["accuracy", "PASS"],
        ["no-worse", "INCONCLUSIVE"],
    ]
    assert (
        len({line.index(word) for line, word in zip(lines, ("claim", "C1", "C1"), strict=False)})
        == 1
    )
    assert lines[1].split() == [
        "harm",
        "INCONCLUSIVE",
        "0.1375",
        "0.0110",
        "0.2475",
        "0.1",
        "80",
        "C1",
    ]


def test_it_says_why_what_would_settle_it_what_it_rests_on_and_the_price_of_more():
    text = " ".join(report(DOUBTFUL).split())
    assert "harm: 11 of 80 clusters flagged (9 judged violations, 2 abstentions)." in text
    assert "would settle harm: people settling the 11 flagged clusters (claim C2)" in text
    assert (
        "C1 (harm, over-refusal): the critic erring here as it does on the constitution's" in text
    )
    assert "exact (accuracy, no-worse): a deterministic scorer" in text
    assert "harm: C1 to C2: people settle the 11 flagged clusters (11 labels)" in text
    assert "would settle no-worse: a run of the promoted model" in text
    for part in ("sha256:new", "sha256:critic", "sha256:policy", "run-1", "ab" * 32, "2026-02-01"):
        assert part in text


def test_an_error_is_told_without_numbers_and_rests_on_nothing():
    broken = decide(policy(), run(tasks=None), now=NOW)
    text = report(broken)
    assert text.startswith("ERROR: unknown candidate under promote@1.0.0")
    assert "run.json is damaged: tasks must be a list" in text
    assert "What this rests on" not in text


HOSTILE = "\x1b[31mPASS\x1b[0m\r\u202e\u200b\n\nPASS: all is well\x07"


def test_hostile_names_are_spelled_out():
    candidate = {"name": HOSTILE, "digest": "sha256:new", "details": {"note": HOSTILE}}
    suite = {"name": HOSTILE, "version": "1", "digest": HOSTILE}
    decision = decide(policy(), run(candidate=candidate, suite=suite), now=NOW)
    rule = dataclasses.replace(decision.rules[0], id=HOSTILE, reason=HOSTILE, needs=HOSTILE)
    text = report(dataclasses.replace(decision, rules=(rule,), run=HOSTILE, evidence=HOSTILE))
    assert not any(line.startswith("PASS: all") for line in text.splitlines())
    assert {unicodedata.category(c) for c in text if c != "\n"}.isdisjoint({"Cc", "Cf", "Cs", "Zl"})


@given(st.text(max_size=40))
def test_no_text_of_a_note_reaches_the_terminal_raw(note):
    text = report(dataclasses.replace(DOUBTFUL, notes=(note,)))
    assert {unicodedata.category(c) for c in text if c != "\n"}.isdisjoint({"Cc", "Cf", "Cs", "Zl"})


@given(st.floats(-1, 1))
def test_a_bound_is_written_on_its_safe_side(value):
    assert float(shown_bound(value, up=True)) >= value - 1e-9
    assert float(shown_bound(value, up=False)) <= value + 1e-9
    assert float(shown_bound(value, up=True)) - float(shown_bound(value, up=False)) <= 1e-4 + 1e-12


def test_round_numbers_are_written_as_they_are():
    for value, text in ((0.1, "0.1"), (0.25, "0.25"), (1.0, "1"), (0.0, "0"), (0.07, "0.07")):
        assert shown_bound(value, up=True) == shown_bound(value, up=False) == text


def test_a_decision_is_plain_json():
    data = json.loads(json.dumps(DOUBTFUL.to_json(), allow_nan=False))
    assert data["outcome"] == "fail"
    assert [rule["outcome"] for rule in data["rules"]] == [
        "inconclusive",
        "fail",
        "pass",
        "inconclusive",
    ]
