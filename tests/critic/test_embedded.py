"""Building the embedded models: the cache, the lock and the processes, with trainers of one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lexgate.critic import embedded
from lexgate.critic.embedded import _build
from lexgate.errors import EvidenceError, UsageError

WRITE = """
import json, sys, pathlib
root, job, work = sys.argv[1:]
with open(pathlib.Path(work).parent / "trained", "a") as log: log.write(job + "\\n")
print("a line that is not ours")
print(json.dumps({"progress": f"{job}: step 1"}), flush=True)
names = ["critic"] if job == "critic" else ["careful", "reckless", "overcautious", "forgetful"]
for name in names:
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        path = pathlib.Path(work, name, file)
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
print(json.dumps({"cost": {"cpu_seconds": 1.0, "peak_mib": 10}}), flush=True)
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LEXGATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "embedded"


@pytest.fixture
def trainer(monkeypatch, cache):
    """Put Python code in the place of the trainer."""

    def put(code):
        monkeypatch.setattr(_build, "_START", code)

    put(WRITE)
    return put


def trained(cache):
    return sorted((cache / "trained").read_text().split())


def unfinished(cache):
    return list(cache.glob(".building-*"))


def test_importing_the_door_loads_no_heavy_library():
    code = (
        "import sys; import lexgate.critic.embedded as e; e.NAMES; "
        "print([m for m in ('torch', 'transformers', 'tokenizers', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match="no embedded model 'safe': there are careful, reckless"):
        embedded.directory("safe")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LEXGATE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"LEXGATE_CACHE": "", "XDG_CACHE_HOME": "/b"}, "/b/lexgate"),
        ({"HOME": "/c"}, "/c/.cache/lexgate"),
    ],
)
def test_the_cache_is_where_the_user_said(monkeypatch, environment, expected):
    for name in ("LEXGATE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _build.cache_directory() == Path(expected)


def test_the_models_are_trained_once_and_then_come_from_the_cache(cache, trainer):
    said = []
    directory = embedded.directory("careful", said.append)

    assert directory == cache / _build.key() / "careful"
    assert said[0].startswith("training the embedded models, once")
    assert sorted(said[1:]) == ["candidates: step 1", "critic: step 1"]
    for name in embedded.NAMES:
        assert (embedded.directory(name) / "model.safetensors").read_text() == name
    assert trained(cache) == ["candidates", "critic"]
    assert not unfinished(cache)
    assert not list(directory.parent.glob("*.log"))


def test_two_models_that_were_swapped_stay_swapped(cache, trainer):
    embedded.prepare()
    one, other = (embedded.directory(name) for name in ("careful", "reckless"))
    one.rename(one.with_name("swap"))
    other.rename(one)
    one.with_name("swap").rename(other)
    assert (embedded.directory("careful") / "config.json").read_text() == "reckless"


def test_a_build_with_a_file_missing_is_built_again(cache, trainer):
    broken = embedded.directory("critic")
    (broken / "model.safetensors").unlink()
    embedded.prepare()
    assert (broken / "model.safetensors").is_file()
    assert len(trained(cache)) == 4


def test_the_key_follows_the_questions_the_sources_and_the_versions(monkeypatch):
    key = _build.key()
    assert key == _build.key()
    with monkeypatch.context() as patch:
        patch.setattr(_build, "_version", lambda name: "0")
        assert _build.key() != key
    with monkeypatch.context() as patch:
        patch.setattr(_build, "_SOURCES", _build._SOURCES[1:])
        assert _build.key() != key
    asked = _build.questions()
    with monkeypatch.context() as patch:
        patch.setattr(_build, "questions", lambda: asked[:1])
        assert _build.key() != key
    assert _build.key() == key


def test_every_source_that_decides_the_bytes_is_part_of_the_key():
    folder = Path(_build.__file__).parent
    others = {"__init__.py", "_build.py", "_shipped.py"}
    assert {path.name for path in folder.glob("*.py")} - others == set(_build._SOURCES)


def test_two_builders_at_once_train_once(cache, trainer):
    trainer(WRITE.replace("names =", "import time; time.sleep(0.5)\nnames ="))
    said, found = [], []
    threads = [
        threading.Thread(target=lambda: found.append(embedded.directory("careful", said.append)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] == found[1]
    assert trained(cache) == ["candidates", "critic"]
    assert any("waiting for it" in line for line in said)


def test_a_killed_builder_leaves_nothing_that_looks_finished(cache, trainer):
    slow = WRITE.replace("names =", "import time; time.sleep(60)\nnames =")
    code = (
        "from lexgate.critic import embedded\nfrom lexgate.critic.embedded import _build\n"
        f"_build._START = {slow!r}\nembedded.prepare(lambda line: print(line, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as builder:
        said = [builder.stdout.readline() for _ in range(3)]
        os.killpg(builder.pid, signal.SIGKILL)
    assert said[2].endswith("step 1\n")
    assert unfinished(cache)
    assert not list(cache.glob("[0-9a-f]*/config.json"))

    began = time.monotonic()
    embedded.prepare()
    assert time.monotonic() - began < 30
    assert (embedded.directory("critic") / "config.json").is_file()
    assert not unfinished(cache)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import json; print(json.dumps({'error': 'each of 4 seeds missed a floor'}))",
            "each of 4 seeds missed a floor",
        ),
        (
            "raise RuntimeError('no more\\x1b[2J memory')",
            "ended with code 1: RuntimeError: no more",
        ),
        ("import os; os._exit(9)", "training the embedded candidates ended with code 9: "),
        ("pass", "training ended without all of careful, reckless"),
    ],
)
def test_a_trainer_that_fails_ends_in_its_own_words_and_leaves_nothing(
    cache, trainer, code, message
):
    trainer(code)
    with pytest.raises(EvidenceError) as caught:
        embedded.prepare()
    assert message in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_a_reporter_that_raises_stops_the_training(cache, trainer):
    trainer(WRITE.replace("names =", "import time; time.sleep(60)\nnames ="))

    def stop(line):
        if "step" in line:
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        embedded.prepare(stop)
    assert time.monotonic() - began < 30
    assert not unfinished(cache)


def test_a_cache_that_cannot_be_written_is_said_with_the_way_out(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LEXGATE_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match=r"cannot be kept in .*; set LEXGATE_CACHE to a directory"):
        embedded.prepare()


def test_a_missing_library_is_said_with_what_to_install(monkeypatch, cache):
    monkeypatch.setattr(_build, "_LIBRARIES", ("no-such-library",))
    with pytest.raises(UsageError, match=r"no-such-library, .*: pip install 'lexgate\[hf\]'"):
        embedded.prepare()


def test_a_trainer_imports_nothing_from_the_directory_it_was_started_in(
    tmp_path, monkeypatch, cache, trainer
):
    monkeypatch.chdir(tmp_path)
    for name in ("lexgate", "evals", "app", "torch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('shadowed')")
    (tmp_path / "random.py").write_text("raise SystemExit('shadowed')")
    real = "import sys; root = sys.argv[1]; root in sys.path or sys.path.insert(0, root)\n"
    trainer(f"{real}import random, lexgate.critic.embedded\n{WRITE}")
    embedded.prepare()
    assert trained(cache) == ["candidates", "critic"]


def test_a_build_whose_bytes_changed_is_no_build(tmp_path):
    from lexgate._digests import manifest_of

    model = tmp_path / "careful"
    model.mkdir()
    for file in _build._FILES:
        (model / file).write_bytes(b"{}")
    record = {"models": [manifest_of(model).digest]}
    (tmp_path / "build.json").write_text(json.dumps(record))
    assert _build.built(tmp_path, ["careful"])

    (model / "model.safetensors").write_bytes(b"[]")

    assert not _build.built(tmp_path, ["careful"])
