"""`lexgate doctor`: what is there, what is missing, and what to do about it."""

import json

import pytest
from click.testing import CliRunner

from lexgate.app.commands import doctor
from lexgate.app.commands.doctor import examine
from lexgate.app.main import cli


def run(*args):
    return CliRunner().invoke(cli, ["doctor", *map(str, args)], prog_name="lexgate")


@pytest.fixture
def absent(monkeypatch):
    """Make packages look as if they were not installed."""
    installed = doctor._version

    def hide(*names):
        monkeypatch.setattr(doctor, "_version", lambda n: "" if n in names else installed(n))

    return hide


def found(runs, what):
    return next(finding for finding in examine(runs) if finding.what == what)


def test_a_machine_that_can_run_the_core_is_well(tmp_path):
    result = run("--runs", tmp_path, "--json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert answer["ok"] is True
    assert {"versions", "scipy", "extra hf", "processor", "disk", "fsync", "runs"} <= {
        finding["what"] for finding in answer["findings"]
    }


def test_a_missing_core_library_is_exit_code_1_with_the_command_that_installs_it(absent, tmp_path):
    absent("scipy")

    result = run("--runs", tmp_path)

    assert result.exit_code == 1
    assert "missing  scipy" in result.stdout
    assert "-> pip install 'scipy>=" in result.stdout


def test_a_missing_extra_is_a_note_that_says_what_it_is_for(absent, tmp_path):
    absent("streamlit")

    finding = found(tmp_path, "extra app")

    assert (finding.state, finding.found) == ("note", "streamlit not installed")
    assert finding.hint == "pip install 'lexgate[app]'  for lexgate review"


def test_a_torch_that_does_not_load_is_told_apart_from_one_that_is_absent(monkeypatch, tmp_path):
    def broken(name):
        raise OSError(f"lib{name}.so: cannot open shared object file")

    monkeypatch.setattr(doctor, "import_module", broken)

    finding = found(tmp_path, "device")

    assert finding.state == "note"
    assert "torch does not load: libtorch.so" in finding.found


def test_a_disk_that_is_full_is_missing_something(monkeypatch, tmp_path):
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)

    finding = found(tmp_path, "disk")

    assert finding.state == "missing"
    assert "free 1.1 GB" in finding.hint


def test_a_directory_of_runs_that_is_not_there_yet_is_measured_where_it_would_be(tmp_path):
    finding = found(tmp_path / "not" / "yet", "fsync")

    assert finding.state in {"ok", "note"}
    assert "ms (median of 15)" in finding.found


def test_a_damaged_run_is_named(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{")

    finding = found(tmp_path, "runs")

    assert finding.state == "note"
    assert "0 cut, 1 damaged" in finding.found
    assert "bad is damaged" in finding.hint


def test_the_built_in_models_are_looked_for_where_they_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("LEXGATE_CACHE", str(tmp_path / "cache"))
    assert found(tmp_path, "built-in models").hint.startswith("the first lexgate demo")

    (tmp_path / "cache" / "careful").mkdir(parents=True)
    (tmp_path / "cache" / "careful" / "config.json").write_text("{}")
    assert found(tmp_path, "built-in models").found.startswith("1 at ")
