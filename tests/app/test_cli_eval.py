"""`lexgate eval` and `lexgate gate`: a run, its resumption, its decision; stdout holds answers only."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from click.testing import CliRunner

from lexgate.app.commands.init import workspace
from lexgate.app.main import cli
from lexgate.app.progress import Lines
from lexgate.critic import ScriptedModel
from lexgate.evals import AnswerRow, open_run


def run(*args):
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="lexgate")


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name, content in workspace().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scripted(monkeypatch):
    """Make `--model scripted/test` say what a function says."""

    def put(reply):
        model = ScriptedModel("scripted/test", reply=reply)
        monkeypatch.setattr("lexgate.critic.open_model", lambda *_args, **_kwargs: model)

    return put


SUITE = ("eval", "suites/my-suite.yaml")
GATE = ("gate", "policies/my-policy.yaml")


def test_stdout_is_the_id_of_a_complete_run_and_all_talk_is_on_stderr(place):
    result = run(*SUITE, "--model", "scripted/echo")

    assert result.exit_code == 0, result.stderr
    made = open_run(place / "runs" / result.stdout.strip())
    assert made.complete
    assert result.stdout == f"{made.id}\n"
    assert "everyday: 24 done" in result.stderr
    assert f"run: runs/{made.id}" in result.stderr


def test_json_is_one_object_with_counts(place):
    result = run(*SUITE, "--model", "scripted/refuse", "--json", "--limit", 5)

    answer = json.loads(result.stdout)
    assert answer["complete"] is True
    assert answer["limit"] == 5
    assert answer["samples"] == {"everyday": 5, "private": 5}
    assert answer["verdicts"]["everyday/no-over-refusal"] == {"violates": 5}
    assert answer["candidate"]["name"] == "scripted/refuse"
    assert answer["critic"]["name"] == "checks,exemplars"


def test_runs_may_be_kept_elsewhere(place):
    result = run(*SUITE, "--model", "scripted/echo", "--runs", "kept", "--limit", 2)
    decided = run(*GATE, "--run", result.stdout.strip(), "--runs", "kept")

    assert (place / "kept" / result.stdout.strip() / "run.json").is_file()
    assert decided.exit_code == 3  # two prompts show nothing
    assert not (place / "runs").exists()


def test_an_interrupted_run_prints_the_command_that_finishes_it(place, scripted):
    asked = []

    def reply(conversation):
        asked.append(conversation)
        if len(asked) == 30:
            raise KeyboardInterrupt
        return conversation[-1].content

    scripted(reply)
    first = run(*SUITE, "--model", "scripted/test", "--critic", "checks", "--critic", "exemplars")
    assert first.exit_code == 130
    assert first.stdout == ""
    assert "interrupted" in first.stderr
    command = next(line for line in first.stderr.splitlines() if " --resume " in line)
    assert "--critic checks,exemplars" in command

    second = run(*shlex.split(command)[1:])

    assert second.exit_code == 0, second.stderr
    made = open_run(place / "runs" / second.stdout.strip())
    assert command.endswith(f"--resume {made.id}")
    assert made.complete
    answers = Counter((row.task, row.sample) for row in made.rows() if isinstance(row, AnswerRow))
    assert len(answers) == 48
    assert set(answers.values()) == {1}


def test_a_candidate_that_fails_is_evidence_missing_and_its_run_can_go_on(place, scripted):
    def reply(conversation):
        if "bees" in conversation[-1].content or "paper boat" in conversation[-1].content:
            raise RuntimeError("out of memory\x1b[2J")
        return "Yes."

    scripted(reply)
    result = run(*SUITE, "--model", "scripted/test")

    assert result.exit_code == 4
    assert "--resume " in result.stderr
    assert "out of memory" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_run_can_only_go_on_with_what_it_began_with(place):
    made = run(*SUITE, "--model", "scripted/echo").stdout.strip()

    result = run(*SUITE, "--model", "scripted/refuse", "--resume", made)

    assert result.exit_code == 2
    assert "cannot be resumed" in result.stderr


def test_ctrl_c_on_a_real_process_leaves_a_run_that_its_own_advice_finishes(tmp_path):
    items = "".join(
        json.dumps({"id": f"i{n}", "prompt": f"say {n}", "target": f"say {n}"}) + "\n"
        for n in range(20_000)
    )
    (tmp_path / "data.jsonl").write_text(items)
    (tmp_path / "s.yaml").write_text(
        "suite: long\nversion: 1.0.0\n"
        "tasks: [{id: say, kind: accuracy, data: data.jsonl, scorer: exact_match}]\n"
    )
    command = [sys.executable, "-m", "lexgate", "eval", "s.yaml", "--model", "scripted/echo"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not any(p.stat().st_size > 5_000_000 for p in tmp_path.glob("runs/*/j-*.jsonl")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    advice = next(line for line in err.splitlines() if " --resume " in line)
    again = subprocess.run(
        [sys.executable, "-m", *shlex.split(advice)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    made = open_run(tmp_path / "runs" / again.stdout.strip())
    assert made.complete
    counted = Counter(row.sample for row in made.rows() if isinstance(row, AnswerRow))
    assert len(counted) == 20_000
    assert max(counted.values()) == 1


class TestGate:
    @pytest.fixture
    def refused(self, place):
        return run(*SUITE, "--model", "scripted/refuse").stdout.strip()

    def test_the_report_is_printed_the_record_written_and_the_exit_code_is_the_decisions(
        self, place, refused
    ):
        result = run(*GATE, "--run", refused)

        (record,) = (place / "runs" / refused / "decisions").glob("*.json")
        decision = json.loads(record.read_text())
        assert result.exit_code == 1
        assert decision["outcome"] == "fail"
        assert "over-refusal" in result.stdout
        assert f"record: runs/{refused}/decisions/{record.name}" in result.stderr
        assert record.name.startswith("my-policy@0.1.0-")

    def test_json_is_the_record_on_stdout_and_nothing_else(self, place, refused):
        result = run(*GATE, "--run", refused, "--json", "-o", "decision.json")

        assert json.loads(result.stdout) == json.loads((place / "decision.json").read_text())
        assert not (place / "runs" / refused / "decisions").exists()

    def test_a_misspelt_directory_is_refused_and_not_made(self, place, refused):
        result = run(*GATE, "--run", refused, "-o", "no/such/decision.json")

        assert result.exit_code == 2
        assert "-o no/such/decision.json: there is no directory no/such" in result.stderr
        assert not (place / "no").exists()

    def test_every_decision_is_kept(self, place, refused):
        run(*GATE, "--run", refused)
        run(*GATE, "--run", refused)

        assert len(list((place / "runs" / refused / "decisions").iterdir())) == 2

    def test_a_run_may_be_named_by_its_path_or_the_beginning_of_its_id(self, place, refused):
        by_path = run(*GATE, "--run", place / "runs" / refused)
        by_beginning = run(*GATE, "--run", refused[:-2])

        assert (by_path.exit_code, by_beginning.exit_code) == (1, 1)

    def test_where_no_record_can_be_written_the_decision_stands_and_says_so(self, place, refused):
        (place / "runs" / refused / "decisions").write_text("in the way")

        result = run(*GATE, "--run", refused)

        assert result.exit_code == 1
        assert "no record written" in result.stderr

    def test_a_place_that_was_asked_for_and_cannot_be_written_is_an_error(self, place, refused):
        (place / "file").write_text("")

        result = run(*GATE, "--run", refused, "-o", "file/decision.json")

        assert result.exit_code == 4
        assert "error: " in result.stderr


class TestLines:
    def test_a_line_every_ten_seconds_with_rate_and_time_left(self):
        clock = iter([0.0, 4.0, 10.0, 12.0, 20.0]).__next__
        told = []
        lines = Lines(told.append, clock)

        lines.start("harmful", 100, 20)
        lines.advance("harmful", 10, abstained=1)
        lines.advance("harmful", 30, abstained=0)
        lines.advance("harmful", 1, abstained=0)
        lines.finish("harmful")

        assert told == [
            "  harmful: 60 of 100, 4.0 a second, 10 s left, 1 abstained",
            "  harmful: 61 done in 20 s, 1 abstained",
        ]

    def test_a_stderr_that_is_gone_does_not_stop_a_run(self):
        def gone(_):
            raise BrokenPipeError

        lines = Lines(gone)
        lines.start("t", 0, 0)
        lines.advance("t", 1, abstained=0)
        lines.finish("t")
