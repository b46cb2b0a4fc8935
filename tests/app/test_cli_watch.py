"""`lexgate check --watch` as a real process; and `check --strict` and budgets, as one asks once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from click.testing import CliRunner

from lexgate.app.commands.init import workspace
from lexgate.app.main import cli

RULES = "constitutions/my-rules@0.1.0.yaml"
WAITING = "watching for changes; Ctrl-C ends it"
NO_LIMIT = 60  # seconds until a report must have come, on however slow a machine


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name, content in workspace().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


class Watch:
    """A running watch; gives what it says, report by report."""

    def __init__(self, *args, **options):
        command = [sys.executable, "-m", "lexgate", "check", "--watch", *map(str, args)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            **options,
        )
        self._lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        self._lines.extend(self.process.stdout)

    def report(self):
        """Wait for the first report."""
        return self.until("")

    def until(self, text):
        """Wait until the last whole report has this text in it."""
        deadline = time.monotonic() + NO_LIMIT
        while True:
            *reports, _ = "".join(self._lines).split(WAITING + "\n")
            if reports and text in reports[-1]:
                return reports[-1]
            assert self.process.poll() is None, reports
            assert time.monotonic() < deadline, reports
            time.sleep(0.02)

    def end(self, number=signal.SIGINT):
        """Send a signal; give the exit code and all that was said."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=NO_LIMIT)
        self._reader.join(timeout=NO_LIMIT)
        said = "".join(self._lines)
        assert "Traceback" not in said
        return code, said


@pytest.fixture
def watch(place):
    started = []

    def watch(*args, **options):
        started.append(Watch(*args, **{"cwd": place, **options}))
        return started[-1]

    yield watch
    for one in started:
        one.process.kill()
        one.process.wait()
        one.process.stdout.close()


def test_every_edit_is_reported_and_ctrl_c_ends_in_the_last_reports_exit_code(watch, place):
    path = place / RULES
    running = watch(RULES)
    assert f"{RULES}: constitution my-rules@0.1.0 is valid" in running.report()

    edit(path, "criterion: safety", "criterion: saftey")
    begun = time.monotonic()
    running.until("saftey")
    assert time.monotonic() - begun < 20  # a fraction of a second where nothing else runs
    edit(path, "criterion: saftey", "criterion: safety")
    running.until("1 checked, 0 wrong")

    code, said = running.end()
    assert code == 0
    assert said.count(WAITING) >= 3


def test_ctrl_c_after_a_mistake_ends_in_two(watch, place):
    edit(place / RULES, "criterion: safety", "criterion: saftey")
    running = watch(RULES)
    running.report()

    assert running.end()[0] == 2


def test_notes_count_as_they_do_without_watching(watch, place):
    edit(place / RULES, "confidence: 0.95, claim: C1", "confidence: 0.95, claim: C4")
    strict, lenient = watch(RULES, "--strict"), watch(RULES)
    strict.report()
    lenient.report()

    assert (strict.end()[0], lenient.end()[0]) == (1, 0)


def test_sigterm_ends_it_in_143(watch):
    running = watch(RULES)
    running.report()

    code, said = running.end(signal.SIGTERM)
    assert code == 143
    assert said.endswith("terminated\n")


def test_a_file_that_is_gone_for_a_moment_does_not_end_it(watch, place):
    running = watch(RULES)
    running.report()
    text = (place / RULES).read_text()

    (place / RULES).unlink()
    running.until(f"error: no file, directory or name '{RULES}'")
    (place / RULES).write_text(text)
    running.until("is valid\n1 checked, 0 wrong\n")
    (place / "constitutions").rename(place / "elsewhere")
    running.until("error: no file, directory or name")
    (place / "elsewhere").rename(place / "constitutions")
    running.until("is valid\n1 checked, 0 wrong\n")
    assert running.end()[0] == 0


def test_an_editor_that_renames_a_copy_over_the_file_is_noticed(watch, place):
    running = watch(RULES)
    running.report()
    old = (place / RULES).stat()
    copy = place / ".my-rules.swp"
    copy.write_text((place / RULES).read_text().replace("criterion: safety", "criterion: saftey"))
    os.utime(copy, ns=(old.st_atime_ns, old.st_mtime_ns))
    copy.rename(place / RULES)

    running.until("saftey")


@pytest.mark.parametrize(
    ("named", "cwd"),
    [
        ("my-rules", "."),
        (".", "."),
        ("suites/my-suite.yaml", "."),
        ("my-policy", "."),
        ("my-rules@0.1.0.yaml", "constitutions"),
        ("../constitutions/my-rules@0.1.0.yaml", "suites"),
        ("../../constitutions/my-rules@0.1.0.yaml", "suites/deep"),
        ("../suites", "policies"),
    ],
)
def test_a_change_is_noticed_however_the_file_is_named_and_in_what_it_cites(
    named, cwd, watch, place
):
    (place / cwd).mkdir(exist_ok=True)
    running = watch(named, cwd=place / cwd)
    running.report()
    edit(place / RULES, "criterion: safety", "criterion: saftey")

    running.until("saftey")


def test_a_path_through_a_hidden_directory_is_watched_too(watch, place):
    hidden = place / ".work" / "deep"
    hidden.mkdir(parents=True)
    (place / RULES).rename(hidden / "rules.yaml")
    for named in (hidden, hidden / "rules.yaml"):
        running = watch(named)
        running.report()
        edit(hidden / "rules.yaml", "criterion: safety", "criterion: saftey")
        running.until("saftey")
        edit(hidden / "rules.yaml", "criterion: saftey", "criterion: safety")


def test_the_lock_is_watched_too(watch, place):
    running = watch(RULES)
    running.report()
    (place / "lexgate.lock.json").write_text("garbage")

    running.until("expected a lock")
    assert running.end()[0] == 2


def test_watching_and_one_object_do_not_go_together(place):
    result = check(RULES, "--watch", "--json")

    assert result.exit_code == 2
    assert "--json prints one object, and --watch never ends" in result.stderr
    assert json.loads(result.stdout)["error"]["exit_code"] == 2


def check(*args):
    result = CliRunner().invoke(cli, ["check", *map(str, args)], prog_name="lexgate")
    assert "Traceback" not in result.output
    return result


TWO = """constitution: two
version: 1.0.0
title: Two
license: CC0-1.0
severities: [{id: major, limit: 0.25, confidence: 0.95, claim: C1}]
propositions:
  - {id: polite, ask: "Is the response polite?", sees: response}
  - {id: short, ask: "Is the response short?", sees: response}
principles:
  - id: be-polite
    title: Polite
    criterion: helpfulness
    polarity: require
    severity: major
    text: Be polite.
    violated_when: not polite
"""


def test_notes_are_findings_only_when_strict(place):
    path = place / "two.yaml"
    path.write_text(TWO)

    assert check(path).exit_code == 0
    result = check(path, "--strict")
    assert result.exit_code == 1
    assert (
        "two.yaml:10:5: note: fewer than 3 examples of a kind: be-polite (0 that violate, 0 that comply)"
        in (result.stderr)
    )
    assert "two.yaml: note: no condition uses short" in result.stderr
    assert result.stderr.endswith("1 checked, 0 wrong, 2 notes\n")
    told = json.loads(check(path, "--strict", "--json").stdout)
    assert told["ok"] is False
    assert json.loads(check(path, "--json").stdout)["ok"] is True
    edit(path, "severity: major", "severity: mojor")
    assert check(path, "--strict").exit_code == 2


def test_the_demo_and_what_init_writes_have_no_findings(place):
    for name in (".", "demo"):
        result = check(name, "--strict")
        assert (name, result.exit_code) == (name, 0), result.stderr


def test_a_prompt_over_its_budget_is_a_mistake_of_its_principle(place):
    path = place / "two.yaml"
    path.write_text(TWO + "prompt_budget: 5\n")

    result = check(path)

    assert result.exit_code == 2
    assert "two.yaml:10:5: principles/0: expected prompts of at most 5 tokens without the" in (
        result.stderr
    )
    assert 'in the question "polite" of be-polite' in result.stderr
    assert "hint: lexgate show be-polite: shorten it, or raise prompt_budget" in result.stderr
    edit(path, "prompt_budget: 5", "prompt_budget: 500")
    assert check(path).exit_code == 0


def test_an_inherited_principle_over_the_budget_points_at_what_this_file_says(place):
    (place / "constitutions/two@1.0.0.yaml").write_text(TWO)
    own = place / "constitutions/own.yaml"
    head = "constitution: own\nversion: 1.0.0\ntitle: Own\nlicense: CC0-1.0\n"
    own.write_text(head + "extends: [two@1.0.0]\nprompt_budget: 5\n")

    result = check(own)
    assert result.exit_code == 2
    assert "own.yaml:6:1: prompt_budget: expected prompts of at most 5 tokens" in result.stderr
    assert "of be-polite" in result.stderr
    (place / "constitutions/two@1.0.0.yaml").write_text(TWO + "prompt_budget: 5\n")
    own.write_text(head + "extends: [two@1.0.0]\n")
    assert "own.yaml:5:1: extends: expected prompts of at most 5" in check(own).stderr


@pytest.mark.parametrize("budget", ["0", "-1", "1.5", "many", "true", "''"])
def test_a_budget_is_a_whole_number_of_tokens(budget, place):
    (place / "two.yaml").write_text(TWO + f"prompt_budget: {budget}\n")

    result = check(place / "two.yaml")
    assert result.exit_code == 2
    assert "prompt_budget: expected " in result.stderr
