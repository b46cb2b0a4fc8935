"""One critic, asked atomic questions and composed in code, or asked the whole rule.

Both are trained here from nothing by the benchmark, alike in network, recipe, steps and examples,
and judge the same exchanges, drawn from templates and tasks that neither was trained on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "composed.py"
HALF = "225"  # steps; half of what `demo/critic` is trained for, to fit every test run


def rows(*arguments):
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--json", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
    )
    return json.loads(done.stdout)


def forms(rows, rule):
    """Split rows into composed and whole ones, which were trained alike and judged on the same."""
    chosen = [row for row in rows if row["rule"] == rule]
    assert len({(row["steps"], row["examples"], row["parameters"]) for row in chosen}) == 1
    composed = [row for row in chosen if row["form"] == "composed"]
    whole = [row for row in chosen if row["form"] == "whole"]
    assert [row["seed"] for row in composed] == [row["seed"] for row in whole]
    assert {row["base_rate"] for row in chosen} == {0.5}
    return composed, whole


def not_wrong(row):
    """Count abstentions as right, so that a critic that is merely silent shows nothing here."""
    return max(row["accuracy"], row["balanced"]) + row["abstained"]


@pytest.mark.models
def test_composed_verdicts_hold_on_unseen_templates_where_the_whole_rule_stays_at_chance():
    composed, whole = forms(rows("--rules", "in-one", "--steps", HALF), "help-or-refuse")

    assert len(composed) == len(whole) == 1
    assert composed[0]["accuracy"] >= 0.95
    assert composed[0]["balanced"] >= 0.95
    assert not_wrong(whole[0]) < 0.75
    assert whole[0]["accuracy_seen"] < 0.75  # it is not the templates: it never learned the rule
    assert composed[0]["cpu_seconds"] < whole[0]["cpu_seconds"]


@pytest.mark.prove
def test_with_every_seed_at_the_full_recipe_only_the_composed_form_learns_both_rules_in_one():
    composed, whole = forms(rows("--rules", "in-one", "--seeds", "3"), "help-or-refuse")

    assert len(composed) == 3
    assert min(row["accuracy"] for row in composed) >= 0.95
    assert max(not_wrong(row) for row in whole) < 0.75
