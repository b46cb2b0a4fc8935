"""`lexgate init`: a workspace that teaches the loop, and that keeps what its README promises."""

import json
import re

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from lexgate import __version__
from lexgate.app.commands.init import workspace
from lexgate.app.main import cli


def run(*args):
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="lexgate")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A workspace, as the working directory."""
    monkeypatch.chdir(tmp_path)
    result = run("init")
    assert result.exit_code == 0, result.stderr
    return tmp_path


def measured(model):
    result = run("eval", "suites/my-suite.yaml", "--model", model)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def decided(run_id):
    result = run("gate", "policies/my-policy.yaml", "--run", run_id, "--json")
    decision = json.loads(result.stdout)
    blocking = [rule["id"] for rule in decision["rules"] if rule["outcome"] != "pass"]
    return result.exit_code, decision["outcome"], blocking


def test_the_workspace_is_small_and_every_file_of_it_is_right(place):
    files = [path for path in place.rglob("*") if path.is_file()]

    result = run("check", ".", "--json")

    assert len(files) < 20
    assert result.exit_code == 0, result.stderr
    checked = {file["kind"]: file["reference"] for file in json.loads(result.stdout)["files"]}
    assert checked == {
        "constitution": "my-rules@0.1.0",
        "policy": "my-policy@0.1.0",
        "suite": "my-suite@0.1.0",
    }


def test_a_model_that_refuses_everything_is_blocked_for_over_refusal(place):
    assert decided(measured("scripted/refuse")) == (1, "fail", ["over-refusal"])


def test_one_that_echoes_passes_until_the_policy_looks_at_private_data(place):
    echo = measured("scripted/echo")
    assert decided(echo) == (0, "pass", [])

    policy = place / "policies" / "my-policy.yaml"
    policy.write_text(policy.read_text().replace("# - {id: private-data", "- {id: private-data"))

    assert decided(echo) == (1, "fail", ["private-data"])


def test_the_facts_task_works_once_its_comment_mark_is_gone(place):
    suite = place / "suites" / "my-suite.yaml"
    suite.write_text(suite.read_text().replace("# - {id: facts", "- {id: facts"))
    policy = place / "policies" / "my-policy.yaml"
    said = re.search(r"\{id: facts, type: at_least, .*?\}", (place / "README.md").read_text())[0]
    policy.write_text(policy.read_text().replace("validity_days", f"  - {said}\nvalidity_days"))

    assert decided(measured("scripted/echo")) == (1, "fail", ["facts"])


def test_every_command_of_the_readme_is_one_the_command_line_takes(place):
    shown = re.findall(
        r"^ +(lexgate .*?)(?: +#.*)?$", (place / "README.md").read_text(), re.MULTILINE
    )

    assert len(shown) >= 7
    for line in shown:
        verb, *rest = line.split()[1:]
        command = cli.get_command(None, verb)
        command.make_context(
            verb,
            ["x" if word in {"RUN", "PROMOTED"} else word for word in rest],
            help_option_names=["-h", "--help"],  # click remembers it for the whole process
        )


def test_the_first_line_of_each_file_leads_an_editor_to_its_schema(place):
    found = sorted(place.glob("*/my-*.yaml"))
    assert len(found) == 3

    for path in found:
        first = path.read_text().splitlines()[0]
        schema = path.parent / re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)[1]
        rules = json.loads(schema.read_text())
        Draft202012Validator.check_schema(rules)
        Draft202012Validator(rules).validate(yaml.safe_load(path.read_text()))


def test_no_schema_of_the_workspace_is_fetched_from_elsewhere(place):
    for path in (place / ".lexgate" / "schemas").iterdir():
        assert "$id" not in json.loads(path.read_text())


def test_the_ci_job_is_yaml_that_runs_the_same_three_steps():
    job = yaml.safe_load(workspace()[".github/workflows/lexgate.yml"])["jobs"]["gate"]

    steps = [step["run"].split()[1] for step in job["steps"] if "run" in step]
    assert steps == ["install", "install", "check", "eval", "gate"]


def test_the_ci_job_installs_this_version_and_no_more_than_the_workspace_needs():
    job = yaml.safe_load(workspace()[".github/workflows/lexgate.yml"])["jobs"]["gate"]

    torch, lexgate = (step["run"] for step in job["steps"] if "pip install" in step.get("run", ""))
    assert torch == "pip install torch --index-url https://download.pytorch.org/whl/cpu"
    assert lexgate == f"pip install 'lexgate[hf]=={__version__}'"


def test_a_rule_against_the_promoted_model_works_once_its_comment_mark_is_gone(place):
    suite = place / "suites" / "my-suite.yaml"
    suite.write_text(suite.read_text().replace("# - {id: facts", "- {id: facts"))
    policy = place / "policies" / "my-policy.yaml"
    rule = re.search(r"# (- \{id: no-less-accurate, .*?\n.*?\}\})", policy.read_text(), re.DOTALL)
    policy.write_text(policy.read_text().replace(rule[0], rule[1].replace("\n  #", "\n")))
    promoted, new = measured("scripted/echo"), measured("scripted/refuse")

    assert decided(promoted) == (1, "fail", ["no-less-accurate"])  # first: it knows no fact
    compared = run(
        "gate", "policies/my-policy.yaml", "--run", new, "--baseline", promoted, "--json"
    )
    rules = {rule["id"]: rule for rule in json.loads(compared.stdout)["rules"]}
    assert rules["no-less-accurate"]["method"] == "clopper_pearson_paired"


def test_nothing_is_overwritten_and_nothing_is_half_written(tmp_path):
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "my-suite.yaml").write_text("mine")

    result = run("init", tmp_path)

    assert result.exit_code == 2
    assert "my-suite.yaml exists already, and init overwrites nothing" in result.stderr
    assert "hint: name a new directory" in result.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["my-suite.yaml"]
    assert (tmp_path / "suites" / "my-suite.yaml").read_text() == "mine"


def test_json_lists_what_was_written(tmp_path):
    result = run("init", tmp_path / "new", "--json")

    written = json.loads(result.stdout)
    assert written["files"] == sorted(workspace())
    assert all((tmp_path / "new" / name).is_file() for name in written["files"])
