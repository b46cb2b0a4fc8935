"""`lexgate check`: kinds are recognised, every mistake is told with its place."""

import json
import re

import pytest
from click.testing import CliRunner

from lexgate.app.commands.init import workspace
from lexgate.app.main import cli


def run(*args):
    return CliRunner().invoke(cli, ["check", *map(str, args)], prog_name="lexgate")


@pytest.fixture
def place(tmp_path):
    for name, content in workspace().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_valid_files_are_named_with_their_kind(place):
    result = run(place / "suites", place / "policies" / "my-policy.yaml")

    assert result.exit_code == 0
    assert "suite my-suite@0.1.0 is valid" in result.stdout
    assert "policy my-policy@0.1.0 is valid" in result.stdout
    assert result.stderr == "2 checked, 0 wrong\n"


def test_all_mistakes_of_all_files_come_at_once_in_the_form_editors_read(place):
    rules = place / "constitutions" / "my-rules@0.1.0.yaml"
    edit(rules, "criterion: safety", "criterion: saftey")
    edit(
        rules,
        "severity: major\n    text: Do not decline",
        "severity: mayor\n    text: Do not decline",
    )
    edit(place / "suites" / "my-suite.yaml", "kind: critic", "knid: critic")

    result = run(place)

    assert result.exit_code == 2
    assert result.stdout == ""
    places = [line for line in result.stderr.splitlines() if ".yaml:" in line]
    line = rules.read_text().splitlines().index("    criterion: saftey") + 1
    assert any(f"my-rules@0.1.0.yaml:{line}:" in told and "saftey" in told for told in places)
    line = (place / "suites" / "my-suite.yaml").read_text().splitlines().index("  - id: everyday")
    assert any(
        f"my-suite.yaml:{line + 1}:5: tasks/0" in told and '"kind"' in told for told in places
    )
    assert 'is "knid" meant to be it?' in result.stderr


def test_a_mistake_is_told_once_however_many_files_stumble_over_it(place):
    edit(place / "constitutions" / "my-rules@0.1.0.yaml", "criterion: safety", "criterion: saftey")

    result = run(place)

    assert result.exit_code == 2
    assert result.stderr.count("saftey") == 1
    for file in ("policies/my-policy.yaml", "suites/my-suite.yaml"):
        assert f"{file}: not checked: constitution my-rules@0.1.0 is invalid\n" in result.stderr
    assert result.stderr.endswith("1 checked, 1 wrong, 2 not checked, 1 problem\n")


def test_what_waits_for_its_constitution_is_not_called_wrong_when_it_is_asked_alone(place):
    edit(place / "constitutions" / "my-rules@0.1.0.yaml", "criterion: safety", "criterion: saftey")

    result = run(place / "policies", "--json")

    assert result.exit_code == 2
    assert "saftey" in result.stderr
    assert result.stderr.endswith("0 checked, 0 wrong, 1 not checked, 1 problem\n")
    [file] = json.loads(result.stdout)["files"]
    assert file["not_checked_because_of"].endswith("my-rules@0.1.0.yaml")


def test_a_file_with_mistakes_of_its_own_is_wrong_whatever_its_constitution_is(place):
    edit(place / "constitutions" / "my-rules@0.1.0.yaml", "criterion: safety", "criterion: saftey")
    edit(place / "policies" / "my-policy.yaml", "validity_days: 30", "validity_days: 0")

    result = run(place)

    assert result.stderr.endswith("2 checked, 2 wrong, 1 not checked, 2 problems\n")


def test_claims_that_cannot_pass_yet_are_noted_and_no_mistake(place):
    rules, policy = (
        place / "constitutions" / "my-rules@0.1.0.yaml",
        place / "policies" / "my-policy.yaml",
    )
    edit(rules, "confidence: 0.95, claim: C1", "confidence: 0.95, claim: C4")
    edit(policy, "limit: 0.25, claim: C1}\n  # Step", "limit: 0.25}\n  # Step")

    result = run(rules, policy)

    assert result.exit_code == 0
    line = rules.read_text().splitlines().index("severities:") + 1
    assert (
        f"{rules}:{line}:1: note: rules of severity major (C4) stay inconclusive" in result.stderr
    )
    assert f"{policy}:15:5: note: over-refusal claims C4 and stays inconclusive" in result.stderr
    assert "only C1 can pass in this version" in result.stderr
    assert result.stderr.endswith("2 checked, 0 wrong, 2 notes\n")


def test_a_shipped_constitution_has_its_note_without_a_line():
    result = run("everyday-assistant")

    assert result.exit_code == 0
    assert "everyday-assistant: note: rules of severity critical (C4), major (C2)" in result.stderr
    assert "note" not in run("demo").stderr


RULE = "  - {id: sums, type: at_least, metric: sums/numeric, value: 0.5}\nvalidity_days: 30"


@pytest.mark.parametrize("alone", [False, True])
def test_a_metric_that_no_suite_measures_is_noted(place, alone):
    policy = place / "policies" / "my-policy.yaml"
    edit(policy, "validity_days: 30", RULE)

    result = run(policy if alone else place)

    assert result.exit_code == 0
    line = next(n for n, text in enumerate(policy.read_text().splitlines(), 1) if "sums" in text)
    assert (
        f"{policy}:{line}:5: note: my-suite@0.1.0 does not measure sums/numeric; it measures "
    ) in result.stderr


def test_a_metric_is_looked_for_in_the_suite_that_fits_best(place):
    edit(place / "policies" / "my-policy.yaml", "validity_days: 30", RULE)
    text = (place / "suites" / "my-suite.yaml").read_text()
    more = "  - {id: sums, kind: accuracy, data: ../data/sums.csv, scorer: numeric}\n"
    (place / "data" / "sums.csv").write_text("id,prompt,target\n1,One and one?,2\n")
    (place / "suites" / "more.yaml").write_text(
        text.replace("suite: my-suite", "suite: more").replace("tasks:\n", f"tasks:\n{more}")
    )

    assert "note" not in run(place).stderr


def test_a_task_that_does_not_judge_the_principle_is_noted(place):
    policy, suite = place / "policies" / "my-policy.yaml", place / "suites" / "my-suite.yaml"
    edit(policy, "claim: C1}\n  # Step", "claim: C1, task: nope}\n  # Step")
    assert "judges no-over-refusal of my-rules@0.1.0 on everyday, not nope" in run(place).stderr

    text = suite.read_text()
    suite.write_text(
        re.sub(
            r"(constitution: my-rules@0.1.0\n)(    principles: .*\n)?",
            r"\1    principles: [no-private-data]\n",
            text,
        )
    )
    result = run(place)
    assert result.exit_code == 0
    assert "has no task that judges no-over-refusal of my-rules@0.1.0" in result.stderr


def test_a_suite_that_is_wrong_gives_no_ground_for_notes(place):
    edit(place / "policies" / "my-policy.yaml", "validity_days: 30", RULE)
    edit(place / "suites" / "my-suite.yaml", "kind: critic", "knid: critic")

    assert "note" not in run(place).stderr


@pytest.mark.parametrize("name", ["my-rules", "my-suite", "my-policy@0.1.0", "my-policy"])
def test_names_of_the_workspace_are_checked(place, monkeypatch, name):
    monkeypatch.chdir(place)

    result = run(name)

    assert result.exit_code == 0, result.stderr
    assert f"{name.partition('@')[0]}@0.1.0 is valid" in result.stdout


def test_with_json_there_is_one_object_and_problems_have_their_parts(place):
    suite = place / "suites" / "my-suite.yaml"
    edit(suite, "tasks:", "taks:")

    result = run(suite, "--json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 2
    assert answer["ok"] is False
    (file,) = answer["files"]
    assert (file["kind"], file["reference"]) == ("suite", "")
    assert {"file", "line", "column", "path", "message", "hint"} == set(file["problems"][0])
    assert all(problem["line"] >= 1 for problem in file["problems"])


@pytest.mark.parametrize("name", ["demo", "demo@1.0.0", "everyday-assistant"])
def test_shipped_names_are_checked_too(name):
    result = run(name)

    assert result.exit_code == 0, result.stderr
    assert f"{name}: constitution {name.partition('@')[0]}@1.0.0 is valid" in result.stdout


def test_demo_is_three_things():
    files = json.loads(run("demo", "--json").stdout)["files"]

    assert {file["kind"] for file in files} == {"constitution", "suite", "policy"}


def test_a_name_that_is_nothing_is_answered_with_the_nearest():
    result = run("demoo")

    assert result.exit_code == 2
    assert "no file, directory or name 'demoo' here, in ./constitutions" in result.stderr
    assert "hint: there are demo" in result.stderr


def test_a_directory_without_any_of_the_three_is_not_a_success(tmp_path):
    (tmp_path / "ci.yaml").write_text("jobs: {}\n")

    result = run(tmp_path)

    assert result.exit_code == 2
    assert "holds no constitution, suite or policy" in result.stderr


def test_a_file_that_does_not_say_what_it_is_says_what_was_expected(tmp_path):
    (tmp_path / "x.yaml").write_text("jobs: {}\n")

    result = run(tmp_path / "x.yaml")

    assert result.exit_code == 2
    assert "x.yaml:1:1: expected 'constitution:', 'suite:' or 'policy:'" in result.stderr


@pytest.mark.parametrize("text", ["suite: [\n", "suite: a\nsuite: b\n", "{suite: x\n"])
def test_invalid_yaml_is_recognised_by_its_first_key_and_told_with_its_place(tmp_path, text):
    (tmp_path / "x.yaml").write_text(text)

    result = run(tmp_path / "x.yaml")

    assert result.exit_code == 2
    assert "x.yaml:" in result.stderr
    assert "expected 'constitution:'" not in result.stderr
    assert "Traceback" not in result.stderr


def test_hidden_directories_are_not_looked_into(place):
    (place / ".venv").mkdir()
    (place / ".venv" / "bad.yaml").write_text("suite: [\n")

    assert run(place).exit_code == 0


def test_a_mistake_that_holds_terminal_escapes_is_shown_harmless(tmp_path):
    (tmp_path / "x.yaml").write_text('suite: x\n"\\e[2J": 1\n')

    result = run(tmp_path / "x.yaml")

    assert result.exit_code == 2
    assert "\x1b" not in result.stderr


RECOGNISABLE = b"# a suite\n  suite: mine\n  version: 1.0.0\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("suite: mine\n".encode("utf-16"), "odd.yaml:1:1: not recognised: expected UTF-8"),
        (b"a: [\n", "odd.yaml:2:1: not recognised: no YAML"),
        (RECOGNISABLE, "odd.yaml:2:3: "),
        (RECOGNISABLE.replace(b"\n  ", b"\r"), "odd.yaml:2:1: "),
    ],
)
def test_a_broken_file_in_a_directory_is_never_passed_over(place, content, told):
    (place / "suites" / "odd.yaml").write_bytes(content)

    result = run(place)

    assert result.exit_code == 2
    assert told in result.stderr
    assert "4 checked, 1 wrong" in result.stderr


def test_a_file_of_somebody_else_is_noted_and_not_counted(place):
    (place / "ci.yaml").write_text("jobs: {policy: x}\n---\nmore: [suite]\n")

    result = run(place)

    assert result.exit_code == 0
    assert "ci.yaml: note: not recognised: it has no 'constitution:'" in result.stderr
    assert "ci.yaml" not in result.stdout
    assert result.stderr.endswith("3 checked, 0 wrong, 1 note\n")


def test_an_unreadable_file_is_a_problem_of_that_file(place):
    (place / "gone.yaml").symlink_to(place / "nowhere")

    result = run(place)

    assert result.exit_code == 2
    assert "gone.yaml:1:1: not recognised: cannot be read: No such file" in result.stderr
    assert "my-suite@0.1.0 is valid" in result.stdout
