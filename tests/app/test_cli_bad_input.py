"""Bad input, through the command line: each mistake has its exit code and a sentence, no traceback."""

import json
import pickle

import pytest
from click.testing import CliRunner

from lexgate.app.commands.init import workspace
from lexgate.app.main import cli

SUITE = "suites/my-suite.yaml"
POLICY = "policies/my-policy.yaml"
RULES = "constitutions/my-rules@0.1.0.yaml"


def run(*args):
    result = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="lexgate")
    assert "Traceback" not in result.stderr
    assert "unexpected" not in result.stderr
    return result


def refused(code, told, *args):
    """Assert the exit code, the message, and that stdout holds no answer."""
    result = run(*args)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    assert told in result.stderr
    return result


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name, content in workspace().items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


@pytest.fixture
def made(place):
    """A complete run of a model that passes."""
    return place / "runs" / run("eval", SUITE, "--model", "scripted/echo").stdout.strip()


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def evaluated(*args):
    return ("eval", SUITE, "--model", "scripted/echo", *args)


@pytest.mark.parametrize("file", [SUITE, RULES])
def test_invalid_yaml_stops_an_evaluation_at_its_line_and_column(place, file):
    (place / file).write_text((place / file).read_text() + "\nbroken: [1, 2\n")
    line = len((place / file).read_text().splitlines())

    result = refused(2, "error: ", *evaluated())

    assert f"{file.rpartition('/')[2]}:{line}:" in result.stderr or f":{line + 1}:" in result.stderr
    assert not (place / "runs").exists()


def test_invalid_yaml_in_a_policy_stops_a_decision(place, made):
    edit(place / POLICY, "rules:", "rules: [")

    refused(2, "my-policy.yaml:", "gate", POLICY, "--run", made)


@pytest.mark.parametrize(
    ("file", "old", "new", "verb"),
    [
        (SUITE, "generation:", "genration:", "eval"),
        (RULES, "polarity: prohibit", "polartiy: prohibit", "eval"),
        (POLICY, "validity_days:", "valid_days:", "gate"),
    ],
)
def test_unknown_keys_are_named_with_their_place(place, made, file, old, new, verb):
    edit(place / file, old, new)
    args = evaluated() if verb == "eval" else ("gate", POLICY, "--run", made)

    result = refused(2, new.partition(":")[0], *args)

    assert f"{file.rpartition('/')[2]}:" in result.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("eval", "suites/none.yaml", "--model", "scripted/echo"), "none.yaml"),
        (("eval", "nosuite", "--model", "scripted/echo"), "nosuite"),
        (("gate", "policies/none.yaml", "--run", "RUN"), "none.yaml"),
        (("gate", "nopolicy", "--run", "RUN"), "nopolicy"),
        (("gate", POLICY, "--run", "norun"), "no run 'norun'"),
        (("gate", POLICY, "--run", "RUN", "--baseline", "norun"), "no run 'norun'"),
        (("compile", "none@1.0.0", "-o", "out"), "none@1.0.0"),
        (("judge", "constitutions/none.yaml", "--input", "x"), "none.yaml"),
        (("eval", SUITE, "--model", "scripted/echo", "--resume", "norun"), "no run 'norun'"),
        (("review", "--runs", SUITE), "is no directory"),
    ],
)
def test_missing_files_and_names_are_usage_errors(place, made, args, told):
    args = [made if arg == "RUN" else arg for arg in args]

    refused(2, told, *args)


def test_a_missing_data_file_is_told_at_the_line_of_the_suite_that_names_it(place):
    (place / "data" / "private.jsonl").unlink()
    text = (place / SUITE).read_text().splitlines()
    line = text.index("    data: ../data/private.jsonl") + 1

    refused(2, f"my-suite.yaml:{line}:", *evaluated())


def test_a_suite_without_tasks_is_refused(place):
    (place / SUITE).write_text("suite: my-suite\nversion: 0.1.0\ntasks: []\n")

    result = refused(2, "my-suite.yaml:3:", *evaluated())

    assert "tasks" in result.stderr


def test_a_task_without_samples_is_refused(place):
    (place / "data" / "everyday.jsonl").write_text("")

    refused(2, "expected at least one sample, found none", *evaluated())


def test_a_directory_that_is_no_model_is_refused(place):
    (place / "weights").mkdir()
    (place / "weights" / "notes.txt").write_text("later")

    told = "is not a model directory: expected config.json and *.safetensors, found notes.txt"
    refused(2, told, "eval", SUITE, "--model", "hf/weights")
    refused(2, "found a run of lexgate", "eval", SUITE, "--model", f"hf/{_a_run(place)}")


def _a_run(place):
    run("eval", SUITE, "--model", "scripted/echo", "--limit", "1")
    return next((place / "runs").iterdir())


@pytest.mark.parametrize("critic", [False, True])
def test_pickled_weights_are_refused_and_never_loaded(place, critic):
    class Bomb:
        def __reduce__(self):
            return (open, (str(place / "exploded"), "w"))

    (place / "weights").mkdir()
    (place / "weights" / "config.json").write_text('{"model_type": "llama"}')
    (place / "weights" / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    args = (
        evaluated("--critic", "hf/weights") if critic else ("eval", SUITE, "--model", "hf/weights")
    )

    result = refused(2, "pickled weights only (pytorch_model.bin)", *args)

    assert "--allow-code" in result.stderr
    assert not (place / "exploded").exists()


def test_custom_modelling_code_is_refused_and_never_run(place):
    (place / "weights").mkdir()
    (place / "weights" / "model.safetensors").write_bytes(b"")
    config = {"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "mine.Mine"}}
    (place / "weights" / "config.json").write_text(json.dumps(config))
    (place / "weights" / "mine.py").write_text(f"open({str(place / 'exploded')!r}, 'w')")

    refused(2, "names modelling code (auto_map)", "eval", SUITE, "--model", "hf/weights")

    assert not (place / "exploded").exists()


@pytest.mark.parametrize("name", ["nothing", "hff/x", "scripted/none", "demo/none", "openai"])
def test_an_unknown_model_is_answered_with_those_there_are(place, name):
    refused(2, "error: unknown ", "eval", SUITE, "--model", name)


def test_a_candidate_cannot_be_its_own_critic(place):
    refused(
        2,
        "the candidate scripted/yes is also the critic (scripted/yes): a model cannot judge itself",
        *("eval", SUITE, "--model", "scripted/yes", "--critic", "checks,scripted/yes"),
    )
    assert not (place / "runs").exists()


def test_a_critic_for_a_suite_that_judges_nothing_is_refused(place):
    (place / SUITE).write_text(
        "suite: facts\nversion: 0.1.0\n"
        "tasks: [{id: facts, kind: accuracy, data: ../data/facts.jsonl, scorer: exact_match}]\n"
    )

    refused(2, "has no critic task: leave --critic and -C out", *evaluated("--critic", "checks"))


def test_a_run_that_was_cut_is_never_a_pass(place, made):
    (journal,) = made.glob("j-*.jsonl")
    journal.write_bytes(journal.read_bytes()[:-40])

    result = run("gate", POLICY, "--run", made, "--json")

    assert result.exit_code == 4
    assert json.loads(result.stdout)["outcome"] == "error"
    assert "was cut: 48 of 48 samples were answered; resume it" in result.stdout


def test_a_run_in_which_one_byte_was_changed_is_damaged(place, made):
    (journal,) = made.glob("j-*.jsonl")
    content = bytearray(journal.read_bytes())
    content[len(content) // 2] ^= 1
    journal.write_bytes(content)

    refused(4, "is damaged at line", "gate", POLICY, "--run", made)


def test_a_policy_for_another_version_of_the_constitution_does_not_decide(place, made):
    text = (place / RULES).read_text().replace("version: 0.1.0", "version: 0.2.0")
    (place / "constitutions" / "my-rules@0.2.0.yaml").write_text(text)
    edit(place / POLICY, "my-rules@0.1.0", "my-rules@0.2.0")

    result = run("gate", POLICY, "--run", made, "--json")

    assert result.exit_code == 4
    assert json.loads(result.stdout).get("outcome", "error") == "error"
    assert "my-rules@0.2.0" in result.stdout
    assert "my-rules@0.1.0" in result.stdout


def test_a_policy_for_a_constitution_that_is_not_there_is_invalid(place, made):
    edit(place / POLICY, "my-rules@0.1.0", "my-rules@0.9.0")

    refused(2, "my-rules@0.9.0", "gate", POLICY, "--run", made)


def test_a_constitution_that_was_edited_since_the_run_does_not_decide(place, made):
    edit(place / RULES, "Does the response decline the request?", "Does the response say no?")

    result = run("gate", POLICY, "--run", made, "--json")

    assert result.exit_code == 4


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--limit", "0"), "--limit"),
        (("-M", "dtype"), "-M takes key=value, found 'dtype'"),
        (("-M", "dtype=float32"), "scripted/echo takes no options"),
        (("--critic", "checks,checks"), "the critic names 'checks' twice"),
        (("--critic", "scripted/refuse"), "scores no labels"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_runs(place, args, told):
    refused(2, told, *evaluated(*args))
    assert not (place / "runs").exists()


def test_an_empty_reference_to_a_run_is_never_taken_for_none(made):
    refused(2, "--baseline is empty", "gate", POLICY, "--run", made, "--baseline", "")
    refused(2, "--run is empty", "gate", POLICY, "--run", "")
    refused(2, "--resume is empty", "eval", SUITE, "--model", "scripted/echo", "--resume", "")


def test_a_decision_is_not_written_over_evidence_or_inputs(made):
    for place, told in (
        (made / "run.json", "is a run"),
        (made / "new.json", "is a run"),
        (POLICY, f"would overwrite {POLICY}"),
        (RULES, "would overwrite the constitution my-rules@0.1.0"),
    ):
        refused(2, told, "gate", POLICY, "--run", made, "-o", place)

    (made / "decisions").mkdir()
    assert run("gate", POLICY, "--run", made, "-o", made / "decisions" / "d.json").exit_code != 2


def test_a_copy_of_a_run_is_no_run_of_that_id(made):
    made.rename(made.parent / "other")

    told = f"the folder runs/other holds the run {made.name}: it was copied or renamed"
    refused(4, told, "gate", POLICY, "--run", "other")
    refused(4, told, "gate", POLICY, "--run", "oth")
    assert run("gate", POLICY, "--run", "runs/other").exit_code != 4


def test_a_doctor_without_a_home_says_what_to_set(monkeypatch, tmp_path):
    def homeless(_cls):
        raise RuntimeError("Could not determine home directory.")

    for name in ("LEXGATE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.home", classmethod(homeless))

    result = run("doctor", "--runs", tmp_path)

    assert "their place is unknown: no home" in result.stdout
    assert "set LEXGATE_CACHE" in result.stdout


def test_the_demo_is_not_replaced_by_files_of_its_name(place):
    from lexgate.app.commands.demo import _job

    (place / SUITE).rename(place / "suites" / "demo.yaml")
    (place / POLICY).rename(place / "policies" / "demo.yaml")

    job = _job(place / "runs")

    assert (job.suite.reference, job.policy.reference) == ("demo@1.0.0", "demo@1.0.0")
