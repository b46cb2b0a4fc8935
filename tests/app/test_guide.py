"""`docs/suites-and-policies.md` says what is so: its files and commands, as they stand on the page."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from lexgate._documents import load_schema
from lexgate.app.commands import _shared
from lexgate.app.main import cli
from lexgate.critic import embedded
from lexgate.critic._scripted import SCRIPTS

PAGE = Path(__file__).parents[2] / "docs" / "suites-and-policies.md"
TEXT = PAGE.read_text("utf-8")
FILES = re.findall(r"^`([^`]+)`:\n\n```\w+\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
CONSOLES = re.findall(r"^```console\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMAND = re.compile(
    r"\$ (?:(?P<name>\w+)=\$\()?lexgate (?P<args>[^#]*?)\)?(?: +# exit code (?P<code>\d).*)?"
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with the files of the page, and nothing else."""
    for name, content in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follow(console):
    """Type the commands of one block, in order; each must end as the page says."""
    values = {}
    for line in console.splitlines():
        command = COMMAND.fullmatch(line)
        args = [values.get(word, word) for word in shlex.split(command["args"])]
        result = CliRunner().invoke(cli, args, prog_name="lexgate")
        assert result.exit_code == int(command["code"] or 0), (line, result.output)
        if command["name"]:
            values[f"${command['name']}"] = result.stdout.strip()


def test_every_example_is_found():
    assert len(FILES) == TEXT.count("```") // 2 - len(CONSOLES) == 9
    assert len(CONSOLES) == 3


@pytest.mark.parametrize("console", [c for c in CONSOLES if "demo/careful" not in c])
def test_the_commands_of_the_page_end_as_it_says(place, console):
    follow(console)


@pytest.mark.models
def test_the_lm_eval_example_runs(place):
    (console,) = [c for c in CONSOLES if "demo/careful" in c]

    follow(console)


def test_each_decision_of_the_page_is_made_for_the_reason_it_gives(place):
    def made(model):
        args = ["eval", "suites/desk.yaml", "--model", model]
        return CliRunner().invoke(cli, args, prog_name="lexgate").stdout.strip()

    def decided(*args):
        args = ["gate", "policies/desk.yaml", "--json", "--run", *args]
        decision = json.loads(CliRunner().invoke(cli, args, prog_name="lexgate").stdout)
        return {rule["id"]: rule["outcome"] for rule in decision["rules"]}

    first, refuser = made("scripted/echo"), made("scripted/refuse")

    assert set(decided(first).values()) == {"pass"}
    compared = decided(refuser, "--baseline", first)
    assert (compared["right"], compared["no-less-right"]) == ("fail", "inconclusive")


def keys(schema):
    """Every key that a schema lets a person write."""
    found = set()
    if isinstance(schema, dict):
        properties = schema.get("properties", {})
        found |= set(properties) | {key for part in schema.values() for key in keys(part)}
    elif isinstance(schema, list):
        found |= {key for part in schema for key in keys(part)}
    return found


@pytest.mark.parametrize(
    ("package", "name"),
    [("lexgate.evals", "suite.schema.json"), ("lexgate.gates", "policy.schema.json")],
)
def test_every_key_of_a_file_is_explained(package, name):
    assert [key for key in sorted(keys(load_schema(package, name))) if f"`{key}`" not in TEXT] == []


def test_help_and_page_name_every_model_there_is():
    scripts = set(SCRIPTS)
    built_in = set(embedded.NAMES) - {"critic"}

    for text in (_shared.MODELS, TEXT):
        assert {word for word in scripts | built_in if word not in text} == set()
    for text in (_shared.CRITICS, TEXT):
        assert {"checks", "exemplars", "recorded/FILE", "demo/critic"} <= set(
            re.findall(r"[\w/-]+", text)
        )
