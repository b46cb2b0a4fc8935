"""The command line itself: start-up, help, names of verbs, and errors becoming exit codes."""

import json
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from lexgate import __version__
from lexgate.app.commands._shared import answer, find_run, json_option, pairs, split_names
from lexgate.app.main import VERBS, cli
from lexgate.app.reference import reference
from lexgate.errors import EvidenceError, InvalidFile, Problem, UsageError

ROOT = Path(__file__).parents[2]


def run(*args):
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="lexgate")


def lexgate(*args, **kwargs):
    command = [sys.executable, "-m", "lexgate", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)


@pytest.fixture
def verb(monkeypatch):
    """Put a verb `boom` into the table that does what a function says."""

    def put(act):
        @click.command()
        @json_option
        def command(as_json):
            return act()

        module = types.ModuleType("lexgate.app.commands.boom")
        module.command = command
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(VERBS, "boom", "Does as the test says.")

    return put


def raising(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_click_and_the_table_only(arguments):
    code = (
        "import sys, contextlib\n"
        f"sys.argv = ['lexgate', *{arguments!r}]\n"
        "from lexgate.app.main import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = done.stderr.split()
    heavy = {"torch", "transformers", "lm_eval", "streamlit", "scipy", "yaml", "jsonschema"}
    heavy |= {"rich", "sklearn", "numpy", "pandas", "asyncio", "dataclasses"}
    assert not heavy & set(loaded)
    ours = {name for name in loaded if name.startswith("lexgate")}
    assert ours == {"lexgate", "lexgate.app", "lexgate.app.main"}


def test_every_verb_of_the_table_is_a_command_and_help_lists_it():
    shown = run("--help").stdout

    for name, said in VERBS.items():
        assert isinstance(cli.get_command(None, name), click.Command)
        assert re.search(rf"^  {name} +{re.escape(said)}$", shown, re.MULTILINE)
        assert run(name, "--help").exit_code == 0


def test_the_reference_says_what_help_says():
    stands = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

    assert stands == reference(), "docs/cli.md is stale: make docs"


def test_version():
    assert run("--version").stdout == f"lexgate, version {__version__}\n"


def test_an_unknown_verb_is_answered_with_the_nearest():
    result = run("gaet")

    assert result.exit_code == 2
    assert result.stderr.startswith("error: no such verb 'gaet': did you mean 'gate'?\n")
    assert result.stdout == ""


def test_a_wrong_option_is_a_usage_error_that_names_the_help():
    result = run("gate", "demo")

    assert result.exit_code == 2
    assert "Missing option '--run'" in result.stderr
    assert "hint: lexgate gate --help" in result.stderr


def test_no_verb_at_all_shows_the_help_and_is_not_a_success():
    result = run()

    assert result.exit_code == 2
    assert "Verbs:" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (UsageError("no such model\n    hint: look again"), 2, "error: no such model\n    hint: "),
        (EvidenceError("the run is cut"), 4, "error: the run is cut\n"),
        (InvalidFile((Problem("a.yaml", 3, 5, "x/y", "bad", "good"),)), 2, "a.yaml:3:5: x/y: bad"),
        (PermissionError(13, "Permission denied", "runs"), 4, "error: runs: Permission denied\n"),
        (ModuleNotFoundError("no", name="torch"), 2, "hint: pip install 'lexgate[hf]'"),
        (ZeroDivisionError("by zero"), 4, "error: unexpected ZeroDivisionError: by zero\n"),
        (RecursionError("deep"), 4, "set LEXGATE_DEBUG=1 for the traceback"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_ends_a_verb_becomes_a_message_and_an_exit_code(verb, error, code, told):
    verb(raising(error))

    result = run("boom")

    assert result.exit_code == code
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_with_json_an_error_is_one_object_on_stdout_too(verb):
    verb(raising(EvidenceError("the run is cut")))

    result = run("boom", "--json")

    assert result.exit_code == 4
    assert json.loads(result.stdout) == {"error": {"message": "the run is cut", "exit_code": 4}}
    assert result.stderr == "error: the run is cut\n"


def test_terminal_escapes_in_an_error_are_spelled_out(verb):
    verb(raising(UsageError("found \x1b[2Jevil\n    hint: \x1b]0;x\x07")))

    result = run("boom")

    assert "\x1b" not in result.stderr
    assert "found \\x1b[2Jevil\n    hint: " in result.stderr


def test_the_traceback_is_one_variable_away(verb, monkeypatch):
    monkeypatch.setenv("LEXGATE_DEBUG", "1")
    verb(raising(ZeroDivisionError("by zero")))

    result = run("boom")

    assert result.exit_code == 4
    assert "Traceback" in result.stderr


@pytest.mark.parametrize("ended", [None, "done", 1.0])
def test_a_verb_that_forgets_its_exit_code_does_not_read_as_a_pass(verb, ended):
    verb(lambda: ended)

    result = run("boom")

    assert result.exit_code == 4
    assert "no exit code" in result.stderr


def test_the_answer_of_json_is_ascii_and_knows_no_nan(verb):
    verb(lambda: answer({"text": "\u202e\x1b[2J\ud800"}) or 0)
    assert run("boom", "--json").stdout.isascii()

    verb(lambda: answer({"rate": float("nan")}) or 0)
    assert run("boom", "--json").exit_code == 4


def test_a_reader_that_goes_away_is_neither_a_pass_nor_a_traceback():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "lexgate", "--help"]
    with os.fdopen(write, "wb") as stdout:
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False)

    assert done.returncode == 141
    assert done.stderr == b""


def test_the_installed_command_and_the_module_are_the_same():
    installed = Path(sys.executable).parent / "lexgate"
    done = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True)

    assert done.stdout == lexgate("--version").stdout


def test_packages_of_the_working_directory_are_not_ours(tmp_path):
    for name in ("evals", "app", "critic", "gates"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not ours')")

    done = lexgate("check", "demo", "--json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True


def test_lists_of_names_may_be_repeated_or_separated_by_commas():
    assert split_names(["checks, exemplars", "hf/a"]) == ("checks", "exemplars", "hf/a")


def test_pairs_are_key_and_value_once_each():
    assert pairs(["dtype=float32", "x=a=b"]) == {"dtype": "float32", "x": "a=b"}
    with pytest.raises(UsageError, match="-M takes key=value, found 'dtype'"):
        pairs(["dtype"])
    with pytest.raises(UsageError, match="-M a stands twice: '1' and '2'"):
        pairs(["a=1", "a=2"])


class TestFindingRuns:
    @pytest.fixture
    def runs(self, tmp_path):
        for name in ("20260101-a", "20260101-b", "20260202-c"):
            (tmp_path / "runs" / name).mkdir(parents=True)
            (tmp_path / "runs" / name / "run.json").write_text("{}")
        return tmp_path / "runs"

    @pytest.mark.parametrize("reference", ["20260202-c", "202602"])
    def test_by_id_and_by_the_beginning_of_an_id(self, runs, reference):
        assert find_run(reference, runs) == runs / "20260202-c"

    def test_by_path(self, runs):
        assert find_run(str(runs / "20260101-a"), Path("elsewhere")) == runs / "20260101-a"

    def test_a_beginning_that_fits_several_is_refused(self, runs):
        with pytest.raises(UsageError, match="several runs begin with '2026': 20260101-a, "):
            find_run("2026", runs)

    def test_one_that_is_not_there_names_those_that_are(self, runs):
        with pytest.raises(UsageError, match=r"no run 'x': .*\n    hint: the last ones are "):
            find_run("x", runs)

    def test_no_runs_at_all_says_how_to_make_one(self, tmp_path):
        with pytest.raises(UsageError, match="lexgate eval SUITE"):
            find_run("x", tmp_path / "none")

    def test_a_directory_that_is_no_run_is_refused(self, tmp_path):
        with pytest.raises(UsageError, match=r"is not a run: it holds no run\.json"):
            find_run(str(tmp_path), tmp_path)
