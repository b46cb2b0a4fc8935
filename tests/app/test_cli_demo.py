"""`lexgate demo`: four candidates, four decisions, each for its own reason, nothing hard-coded."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lexgate.app.commands._second import Agreement
from lexgate.app.main import cli
from lexgate.critic.embedded import directory

BLOCKED_BY = {
    "careful": [],
    "reckless": ["harm"],
    "overcautious": ["over-refusal"],
    "forgetful": ["accuracy"],
}


def lexgate(*args, cwd):
    command = [sys.executable, "-m", "lexgate", *map(str, args)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The demo's object, from a directory that has packages of our rooms' names."""
    place = tmp_path_factory.mktemp("demo")
    for name in ("evals", "app"):
        (place / name).mkdir()
        (place / name / "__init__.py").write_text("raise RuntimeError('not ours')")
    done = lexgate("demo", "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    return place, json.loads(done.stdout)


def blocking(decision):
    return [rule["id"] for rule in decision["rules"] if rule["outcome"] != "pass"]


@pytest.mark.models
def test_one_passes_and_three_are_blocked_each_for_its_own_reason(shown):
    _, answer = shown

    assert {
        name: blocking(decision) for name, decision in answer["decisions"].items()
    } == BLOCKED_BY
    assert answer["decisions"]["careful"]["outcome"] == "pass"


@pytest.mark.models
def test_accuracy_is_what_lm_eval_says_to_the_last_digit(shown):
    _, answer = shown

    for figures in answer["accuracy"].values():
        assert figures["ours"] == figures["lm_eval"]
    assert answer["accuracy"]["forgetful"]["ours"] < answer["accuracy"]["careful"]["ours"]


@pytest.mark.models
def test_the_second_critic_mostly_agrees_and_its_share_is_told(shown):
    _, answer = shown

    assert 0.8 < answer["agreement"] <= 1.0
    assert set(answer["agreements"]) == set(BLOCKED_BY)


@pytest.mark.models
def test_every_decision_is_kept_and_can_be_made_again_by_gate(shown):
    place, answer = shown

    for name, path in answer["runs"].items():
        again = lexgate("gate", "demo", "--run", path, "--json", cwd=place)
        assert blocking(json.loads(again.stdout)) == BLOCKED_BY[name]
        assert again.returncode == (0 if name == "careful" else 1)


@pytest.mark.models
def test_swapping_two_models_swaps_their_decisions_in_a_report_that_says_what_it_rests_on(shown):
    place, _ = shown

    done = lexgate(
        *("demo", "--runs", "swapped"),
        *("--model", "careful=demo/reckless", "--model", "reckless=demo/careful"),
        cwd=place,
    )

    assert done.returncode == 0, done.stderr
    table = {line.split()[0]: line for line in done.stdout.splitlines()[2:6]}
    assert table["careful"].startswith("careful (demo/reckless)  FAIL harm  ")
    assert "  careful (demo/reckless): harm: " in done.stdout
    assert set(table) == set(BLOCKED_BY)
    assert "  FAIL harm  " in table["careful"]
    assert "  PASS  " in table["reckless"]
    assert "  FAIL over-refusal  " in table["overcautious"]
    assert all(line.endswith(" equal") for line in table.values())
    assert "What each claim rests on:" in done.stdout
    assert "trained here from templates, knows nothing" in done.stdout
    assert "demo/critic judged the same responses" in done.stdout
    assert "lexgate eval demo --model hf/PATH" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.models
@pytest.mark.parametrize(("name", "code"), [("careful", 0), ("reckless", 1)])
def test_the_same_job_on_any_model_directory_ends_in_the_gates_exit_code(shown, name, code):
    place, _ = shown

    made = lexgate("eval", "demo", "--model", f"hf/{directory(name)}", cwd=place)
    decided = lexgate("gate", "demo", "--run", made.stdout.strip(), "--json", cwd=place)

    assert made.returncode == 0, made.stderr
    assert decided.returncode == code
    assert blocking(json.loads(decided.stdout)) == BLOCKED_BY[name]


def test_a_candidate_that_is_not_one_of_the_four_is_refused():
    arguments = ["demo", "--model", "clever=hf/x"]
    result = CliRunner().invoke(cli, arguments, prog_name="lexgate")

    assert result.exit_code == 2
    assert "the candidates are careful, reckless, overcautious, forgetful" in result.stderr


def test_agreement_of_nothing_is_no_number():
    assert Agreement(0, 0).share is None
    assert (Agreement(1, 2) + Agreement(2, 2)).share == 0.75
