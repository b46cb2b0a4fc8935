"""What is ended from outside: SIGTERM is Ctrl-C, the run is named exactly, and refusals say why."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from lexgate.app.main import cli
from lexgate.critic import Identity, ScriptedModel
from lexgate.evals import open_run

LONG = (sys.executable, "-m", "lexgate", "eval", "s.yaml", "--model", "scripted/echo")


def run(*args):
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="lexgate")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A suite whose evaluation lasts long enough to be ended."""
    items = "".join(
        json.dumps({"id": f"i{n}", "prompt": f"say {n}", "target": f"say {n}"}) + "\n"
        for n in range(20_000)
    )
    (tmp_path / "data.jsonl").write_text(items)
    (tmp_path / "s.yaml").write_text(
        "suite: long\nversion: 1.0.0\n"
        "tasks: [{id: say, kind: accuracy, data: data.jsonl, scorer: exact_match}]\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begun(place, seen=()):
    """Start an evaluation; give the process and its run once it has written rows."""
    process = subprocess.Popen(
        LONG, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while True:
        journals = [
            path
            for path in place.glob("runs/*/j-*.jsonl")
            if path.parent not in seen and path.stat().st_size > 5_000_000
        ]
        if journals:
            return process, journals[0].parent
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_sigterm_prints_the_command_that_goes_on_and_ends_in_143(place):
    process, made = begun(place)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (143, "")
    assert "Traceback" not in err
    assert err.endswith("terminated\n")
    advice = next(line for line in err.splitlines() if " --resume " in line)
    assert shlex.split(advice)[-1] == made.name


def test_two_evaluations_in_one_folder_never_name_each_others_run(place):
    first, made = begun(place)
    second, later = begun(place, seen={made})
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=60)
    second.send_signal(signal.SIGINT)
    _, other = second.communicate(timeout=60)

    assert made != later
    assert f"--resume {made.name}\n" in err
    assert f"--resume {later.name}\n" in other


def test_a_refusal_to_resume_shows_what_was_and_what_is(place):
    made = run("eval", "s.yaml", "--model", "scripted/echo", "--limit", 5).stdout.strip()
    suite = place / "s.yaml"
    suite.write_text(suite.read_text() + "generation: {max_new_tokens: 7}\n")

    refused = run("eval", "s.yaml", "--model", "scripted/echo", "--limit", 9, "--resume", made)

    assert refused.exit_code == 2
    assert "the limit (5 then, 9 now)" in refused.stderr
    assert "the decoding's max_new_tokens (256 then, 7 now)" in refused.stderr
    assert "the suite (still long@1.0.0, with other content)" in refused.stderr


def test_a_candidate_opened_in_another_way_is_told_by_its_settings(place, monkeypatch):
    def opened(name, dtype):
        model = ScriptedModel("scripted/test", reply=lambda _: "yes")
        model.identity = Identity(name, model.identity.digest, (("dtype", dtype),))
        monkeypatch.setattr("lexgate.critic.open_model", lambda *_args, **_kwargs: model)

    opened("hf/one", "float32")
    made = run("eval", "s.yaml", "--model", "hf/one", "--limit", 3).stdout.strip()
    opened("hf/two", "bfloat16")

    refused = run("eval", "s.yaml", "--model", "hf/two", "--resume", made)

    assert "the candidate's name (hf/one then, hf/two now)" in refused.stderr
    assert "the candidate's dtype (float32 then, bfloat16 now)" in refused.stderr


def test_the_first_line_says_what_is_loaded_and_the_summary_repeats_nothing(place):
    result = run("eval", "s.yaml", "--model", "scripted/echo", "--limit", 3)

    lines = result.stderr.splitlines()
    assert lines[0] == "loading scripted/echo …"
    assert "3 of 3 answered" not in result.stderr
    assert open_run(Path("runs", result.stdout.strip())).complete
