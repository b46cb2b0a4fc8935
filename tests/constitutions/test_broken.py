"""Broken files: each says in its first lines (`#! …`) what a person must be told about it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lexgate.app.main import cli
from lexgate.constitutions import load
from lexgate.errors import InvalidFile

FILES = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


def test_there_are_enough_of_them():
    assert len(FILES) >= 30


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_mistake_is_told_with_its_place_what_was_expected_and_what_was_found(file):
    wanted = [
        f"{file}:{line.removeprefix('#! ')}"
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("#! ")
    ]

    with pytest.raises(InvalidFile) as refused:
        load(file)

    told = refused.value.problems
    assert [str(problem).split("\n")[0] for problem in told] == wanted
    assert all("expected " in p.message and " found " in p.message for p in told)
    assert all(p.line > 1 and p.column >= 1 for p in told)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_broken_file_ends_in_exit_code_2_and_no_traceback(file):
    result = CliRunner().invoke(cli, ["check", str(file)], prog_name="lexgate")

    assert result.exit_code == 2
    assert f"{file}:" in result.stderr
    assert "Traceback" not in result.output
