"""What may be loaded, decided before anything is."""

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lexgate._digests import manifest_of
from lexgate.critic.hf._checkpoint import inspect
from lexgate.errors import EvidenceError, UsageError


@pytest.fixture
def directory(tmp_path):
    """A directory that looks like a model; nothing here is ever loaded."""
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "llama"}')
    (path / "model.safetensors").write_bytes(b"weights")
    return path


def test_the_digest_is_of_bytes_and_never_of_times(directory):
    before = inspect(directory, allow_code=False)
    os.utime(directory / "config.json", (1, 1))
    assert inspect(directory, allow_code=False).digest == before.digest
    assert before.digest == manifest_of(directory).digest
    (directory / "model.safetensors").write_bytes(b"weighty")
    assert inspect(directory, allow_code=False).digest != before.digest


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "found an empty directory"),
        ({"run.json": "{}", "j-0.jsonl": ""}, "found a run of lexgate"),
        ({"adapter_config.json": "{}", "adapter_model.safetensors": ""}, "found an adapter"),
        ({"config.json": "{}"}, "expected config.json and *.safetensors, found config.json"),
        ({"model.safetensors": ""}, "found model.safetensors"),
        ({f"{i}.txt": "" for i in range(7)}, "found 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more"),
        ({"config.json": "{}", "deep/model.safetensors": ""}, "is not a model directory"),
    ],
)
def test_what_is_no_model_directory_is_told_what_it_is(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as caught:
        inspect(tmp_path, allow_code=False)
    assert message in str(caught.value)


def test_a_file_and_nothing_are_no_directories(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file is a file; expected a model directory"):
        inspect(tmp_path / "file", allow_code=False)
    with pytest.raises(UsageError, match="gone is not there; expected a model directory"):
        inspect(tmp_path / "gone", allow_code=False)


@pytest.mark.parametrize("suffix", ["bin", "pt", "pth", "ckpt", "pkl", "pickle"])
def test_pickled_weights_are_refused_unless_allowed(directory, suffix):
    (directory / "model.safetensors").rename(directory / f"weights.{suffix}")
    with pytest.raises(UsageError, match=rf"pickled weights only \(weights\.{suffix}\)"):
        inspect(directory, allow_code=False)
    allowed = inspect(directory, allow_code=True)
    assert (allowed.safetensors, allowed.runs_code) == (False, True)


def test_a_pickle_beside_safetensors_is_never_read_so_it_may_lie_there(directory):
    (directory / "training_args.bin").write_bytes(b"pickle")
    checkpoint = inspect(directory, allow_code=False)
    assert (checkpoint.safetensors, checkpoint.runs_code) == (True, False)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("modeling_x.py", "", "it holds modeling_x.py"),
        ("custom_generate/generate.py", "", "it holds custom_generate/generate.py"),
        ("config.json", {"auto_map": {"AutoModel": "m.X"}}, "config.json names modelling code"),
        ("config.json", {"text_config": {"auto_map": {"A": "m.X"}}}, "config.json names modelling"),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["t.T", None]}}, "(auto_map)"),
        ("config.json", {"attn_implementation": "evil/kernel"}, "names a kernel to download"),
        ("config.json", {"_attn_implementation": {"": "evil/kernel"}}, "names a kernel to"),
    ],
)
def test_code_of_the_model_s_own_is_refused_unless_allowed(directory, name, content, reason):
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UsageError) as caught:
        inspect(directory, allow_code=False)
    assert reason in str(caught.value)
    assert "Nothing was loaded. If you trust it, say --allow-code" in str(caught.value)
    assert inspect(directory, allow_code=True).runs_code


@pytest.mark.parametrize("allow_code", [False, True])
def test_an_adapter_beside_weights_is_refused_whatever_is_allowed(directory, allow_code):
    (directory / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="an adapter changes weights that stand elsewhere"):
        inspect(directory, allow_code=allow_code)


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_a_damaged_config_is_evidence_gone_bad(directory, text):
    (directory / "config.json").write_text(text)
    with pytest.raises(EvidenceError, match=r"config\.json is damaged: "):
        inspect(directory, allow_code=False)


def test_a_link_is_no_file_a_digest_can_stand_for(directory, tmp_path):
    shutil.move(directory / "model.safetensors", tmp_path / "elsewhere")
    (directory / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EvidenceError, match="is not a regular file"):
        inspect(directory, allow_code=False)


_OPEN = """
import sys
from lexgate.critic.hf._checkpoint import hub_snapshot
from lexgate.errors import LexgateError
try:
    found = hub_snapshot(sys.argv[1], sys.argv[2] or None, allow_code=sys.argv[3] == "yes")
    print(found.digest, dict(found.details)["commit"], found.runs_code)
except LexgateError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def hub(tmp_path, directory):
    """A hub cache with one model in it, and a process that may only read that cache."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "hub" / "models--org--tiny"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for number, path in enumerate(sorted(directory.iterdir())):
        shutil.copy(path, repository / "blobs" / str(number))
        (snapshot / path.name).symlink_to(repository / "blobs" / str(number))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)

    def run(name, revision="", allow_code="no"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", _OPEN, name, revision, allow_code],
            env=os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    run.snapshot = snapshot
    return run


def test_a_cached_hub_model_is_opened_offline_and_pinned_by_its_commit(hub, directory):
    digest, commit, runs_code = hub("org/tiny").split()
    assert digest == manifest_of(directory).digest  # of the bytes that the cache's links lead to
    assert (commit, runs_code) == (hub.snapshot.name, "False")
    assert hub("org/tiny", commit).split()[0] == digest


def test_a_hub_model_s_identity_leaves_out_what_is_not_read(hub):
    before = hub("org/tiny")
    (hub.snapshot / "README.md").write_text("hello")
    assert hub("org/tiny") == before


def test_code_in_a_hub_model_is_refused_like_anywhere(hub):
    (hub.snapshot / "modeling_x.py").write_text("")
    assert hub("org/tiny").startswith("UsageError ")
    assert "it holds modeling_x.py" in hub("org/tiny")
    assert hub("org/tiny", allow_code="yes").split()[2] == "True"


@pytest.mark.parametrize(("name", "revision"), [("org/gone", ""), ("org/tiny", "v2")])
def test_what_neither_disk_nor_cache_has_is_a_plain_mistake(hub, name, revision):
    said = hub(name, revision)
    at = " at revision v2" if revision else ""
    assert said.startswith(
        f"UsageError {name} is no directory here, and not obtainable in the offline cache{at}: "
    )


@pytest.fixture
def online(tmp_path):
    """A process that asks a hub at some address, from a directory that holds `mymodel`."""
    (tmp_path / "here" / "mymodel").mkdir(parents=True)

    def run(name, revision="", endpoint="http://127.0.0.1:9"):
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        environment |= {"HF_HOME": str(tmp_path / "cache"), "HF_ENDPOINT": endpoint}
        environment |= {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0"}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", _OPEN, name, revision, "no"],
            env=environment,
            cwd=tmp_path / "here",
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    return run


def test_a_directory_misspelt_is_a_plain_mistake_whatever_becomes_of_the_hub(online):
    assert online("mymodl") == (
        "UsageError mymodl is no directory here (did you mean mymodel?), and the Hugging Face hub "
        "cannot be reached"
    )
    assert online("mymodel/gone").startswith("UsageError mymodel/gone is no directory here, and")
    assert online("./mymodl") == (
        "UsageError ./mymodl is not there (did you mean mymodel?); expected a model directory"
    )


def test_a_hub_that_cannot_be_reached_is_evidence_not_obtainable(online):
    said = online("org/tiny")
    start = (
        "EvidenceError org/tiny is no directory here, and the Hugging Face hub cannot be reached"
    )
    assert said.startswith(f"{start}: ")
    assert online("tiny", "v2").startswith(
        "EvidenceError tiny is no directory here, and the Hugging Face hub cannot be reached at "
        "revision v2: "
    )


class _Empty(BaseHTTPRequestHandler):
    """A hub that holds nothing."""

    def do_GET(self):
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815  http.server finds it by this name

    def log_message(self, *_):
        """Say nothing on stderr."""


def test_what_a_hub_does_not_know_is_a_plain_mistake(online):
    with ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            said = online("org/tiny", endpoint=f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert said.startswith(
        "UsageError org/tiny is no directory here, and not obtainable from the Hugging Face hub: "
        "RepositoryNotFoundError"
    )


@pytest.mark.parametrize("name", ["./models/gone", "/gone", "a/b/c", "~/gone", "org/"])
def test_a_path_is_never_looked_for_on_the_hub(hub, name):
    assert hub(name) == f"UsageError {name} is not there; expected a model directory\n"
