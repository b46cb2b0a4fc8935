"""Versions and names: what `check` and `diff` say so that nobody is misled by them."""

import pytest
from click.testing import CliRunner
from tests.app.test_language_attacks import write

from lexgate.app.main import cli

ASKED = {
    "propositions": [{"id": "does_it", "ask": "Does it do it?", "sees": "response"}],
    "violated_when": "does_it",
}


def run(*args):
    return CliRunner().invoke(cli, [*map(str, args)], prog_name="lexgate")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_is_named_as_its_header_says(place):
    write(place, "t@1.1.0.yaml")

    result = run("check", "t@1.1.0.yaml")
    assert result.exit_code == 2
    assert "version: expected t@1.1.0, as the file is named; found t@1.0.0" in result.stderr


def test_two_contents_under_one_reference_are_refused(place):
    write(place, "a.yaml")
    write(place, "b.yaml", rule={"text": "Never, ever."})

    result = run("check", ".")
    assert result.exit_code == 2
    assert "expected another version than t@1.0.0, found that of a.yaml" in result.stderr


def test_what_was_compiled_for_other_tools_is_passed_over(place):
    write(place, "a.yaml")
    assert run("compile", "a.yaml", "--target", "promptfoo", "-o", "out").exit_code == 0

    assert "promptfooconfig" not in run("check", ".").stderr


def test_diff_says_when_the_text_changed_and_the_questions_did_not(place):
    write(place, "a.yaml", rule=ASKED)
    write(place, "b.yaml", rule={**ASKED, "text": "Never do it twice."}, version="1.0.1")

    result = run("diff", "a.yaml", "b.yaml")
    assert result.exit_code == 0
    assert "text or exceptions changed, the questions did not: p1" in result.stdout


def test_diff_says_when_words_that_a_critic_is_asked_changed(place):
    write(place, "a.yaml")
    write(place, "b.yaml", rule={"text": "Always do it."}, version="1.0.1")

    result = run("diff", "a.yaml", "b.yaml")
    assert "words that a critic is asked changed: p1" in result.stdout
    assert "only you can tell" in result.stdout
