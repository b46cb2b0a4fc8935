"""Decisions about runs that really stood on a disk, whole, cut and damaged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.gates.fake_runs import NOW, policy, run, spread, usual

from lexgate.errors import EvidenceError
from lexgate.evals import EndRow, create_run, open_run
from lexgate.gates import Outcome, decide, report


def store(folder, rows, *, end=True):
    with create_run(folder, run(rows).manifest) as writer:
        for row in rows:
            writer.append(row)
        if end:
            writer.append(EndRow("end", len(rows)))
    return writer.path


def test_a_stored_run_is_decided_as_the_same_run_in_memory(tmp_path):
    for rows in (usual(), usual(harmful=spread(80, 70)), usual(harmful=spread(80, 2, 5))):
        stored = decide(policy(), open_run(store(tmp_path, rows)), now=datetime.now(UTC))
        assert stored.rules == decide(policy(), run(rows), now=NOW).rules
        assert len(stored.evidence) == 64


def test_a_stored_run_that_was_cut_is_an_error_that_says_how_to_go_on(tmp_path):
    path = store(tmp_path, usual()[:-200], end=False)
    decision = decide(policy(), open_run(path), now=NOW)
    assert decision.outcome is Outcome.ERROR
    assert "was cut" in decision.rules[0].reason
    command = f"`lexgate eval suite --model hf/new --critic checks --resume {path}`"
    assert command in decision.rules[0].reason
    # Once in the report, and in one line, so that it can be copied.
    assert report(decision).count("was cut") == report(decision).count(command) == 1


def test_a_run_that_changes_while_it_is_decided_about_is_an_error(tmp_path):
    path = store(tmp_path, usual())
    opened = open_run(path)
    journal = path / "j-00000000.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"complies"', b'"violates"', 1))
    with pytest.raises(EvidenceError):
        list(opened.rows())
    decision = decide(policy(), opened, now=NOW)
    assert decision.outcome is Outcome.ERROR
