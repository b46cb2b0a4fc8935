"""`lexgate check`: kinds are recognised, every mistake is told with its place."""

import json

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


def test_files_that_are_right_are_named_with_their_kind(place):
    result = run(place / "suites", place / "policies" / "my-policy.yaml")

    assert result.exit_code == 0
    assert "suite my-suite@0.1.0 is right" in result.stdout
    assert "policy my-policy@0.1.0 is right" in result.stdout
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
    assert "my-policy.yaml: wrong because of what is told above" in result.stderr
    assert result.stderr.endswith("3 checked, 3 wrong, 1 problem\n")


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
    assert f"{name}: constitution {name.partition('@')[0]}@1.0.0 is right" in result.stdout


def test_demo_is_three_things():
    files = json.loads(run("demo", "--json").stdout)["files"]

    assert {file["kind"] for file in files} == {"constitution", "suite", "policy"}


def test_a_name_that_is_nothing_is_answered_with_the_nearest():
    result = run("demoo")

    assert result.exit_code == 2
    assert "no file, directory or shipped name 'demoo'" in result.stderr
    assert "hint: shipped are demo" in result.stderr


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
