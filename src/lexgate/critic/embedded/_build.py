"""Building the embedded models once: a cache by content, two processes, one lock.

The five models are trained together, candidates and critic side by side, each process on one
thread. They are built beside the cache and renamed into it whole, so a killed build leaves nothing
that looks finished; whoever holds the lock sweeps up what it left. The key of a build is the
digest of everything it depends on: the sources of the world and of the trainer, the compiled
questions, and the versions of the libraries that train.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import queue
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest, digest_file, manifest_of
from lexgate._files import sync_directory
from lexgate._text import printable
from lexgate.constitutions import find
from lexgate.critic._exchange import Exchange, as_conversation
from lexgate.critic._prompts import compile_prompts
from lexgate.errors import EvidenceError, LexgateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lexgate.critic._prompts import Question

    Report = Callable[[str], None]

__all__ = ["build", "built", "cache_directory", "key", "questions"]

_CONSTITUTION = "demo@1.0.0"
_SOURCES = ("_facts.py", "_lessons.py", "_replies.py", "_train.py", "_world.py")
_LIBRARIES = ("tokenizers", "torch", "transformers")
_FILES = ("config.json", "model.safetensors", "tokenizer.json")
_RECORD = "build.json"
_JOBS = ("candidates", "critic")
_UNFINISHED = ".building-"
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",  # a model this small is trained alike on every machine
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
# transformers imports whatever it finds installed; the trainers need none of these, and two of them
# beside each other on a small machine are to leave room.
_START = (
    "import sys; root = sys.argv[1]; root in sys.path or sys.path.insert(0, root); "
    "sys.modules.update(dict.fromkeys(('pandas', 'scipy', 'sklearn'))); "
    "from lexgate.critic.embedded._build import main; sys.exit(main(sys.argv[2:]))"
)


def cache_directory() -> Path:
    """Where what can be made again is kept: `$LEXGATE_CACHE`, or the user's cache.

    Raises:
        UsageError: there is neither.
    """
    if own := os.environ.get("LEXGATE_CACHE"):
        return Path(own)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "lexgate"
    try:
        return Path.home() / ".cache" / "lexgate"
    except RuntimeError as error:
        message = "this user has no home directory: say where to keep models with LEXGATE_CACHE"
        raise UsageError(message) from error


def questions() -> tuple[Question, ...]:
    """Compile the distinct questions of the demo constitution, in order."""
    prompts = compile_prompts(find(_CONSTITUTION))
    distinct = {q.digest: q for prompt in prompts for q in prompt.questions}
    return tuple(distinct.values())


def key() -> str:
    """Digest what the trained bytes depend on, as 16 hex digits.

    Raises:
        UsageError: a library that trains is not installed.
    """
    probe = Exchange(as_conversation("prompt"), "response")
    asked = [[q.proposition, q.sees, q.render(probe)[0].content] for q in questions()]
    sources = [digest_file(Path(__file__).with_name(name)) for name in _SOURCES]
    versions = [[name, _version(name)] for name in _LIBRARIES]
    return digest([asked, sources, versions]).removeprefix("sha256:")[:16]


def built(directory: Path, names: Sequence[str]) -> bool:
    """Say whether every model of a build is there, undamaged.

    Which of its models stands under which name is its owner's affair: whoever swaps two directories
    is to see two decisions swap.
    """
    if not all((directory / name / file).is_file() for name in names for file in _FILES):
        return False
    try:
        written = json.loads((directory / _RECORD).read_bytes())["models"]
        return all(manifest_of(directory / name).digest in written for name in names)
    except (OSError, ValueError, KeyError, TypeError, EvidenceError):
        return False  # what is damaged is made again


def build(names: Sequence[str], report: Report) -> Path:
    """Return the directory that holds the models `names`, training them if they are not there.

    Raises:
        UsageError: the cache cannot be written, or a library is missing.
        EvidenceError: training failed.
    """
    home = cache_directory() / "embedded"
    target = home / key()
    if not built(target, names):
        with _lock(home, report):
            if not built(target, names):  # nobody did while we waited
                _build_into(home, target, names, report)
    return target


def main(arguments: Sequence[str]) -> int:
    """Train one job in this process: `candidates DIRECTORY` or `critic DIRECTORY`.

    What it says goes to stdout, one JSON object a line: `progress`, and last `cost` or `error`.
    """
    job, directory = arguments
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries print; the lines are ours alone

    def say(kind: str, what: Any) -> None:
        output.write(json.dumps({kind: what}) + "\n")
        output.flush()

    try:
        from lexgate.critic.embedded import _train

        if job == "critic":
            _train.train_critic(Path(directory), questions(), lambda text: say("progress", text))
        else:
            _train.train_candidates(Path(directory), lambda text: say("progress", text))
    except LexgateError as error:
        say("error", str(error))
        return error.exit_code
    say("cost", _cost())
    return 0


def _cost() -> dict[str, float]:
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {"cpu_seconds": round(time.process_time(), 1), "peak_mib": round(peak)}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError as error:
        message = (
            f"the embedded models are trained with {name}, which is not installed: "
            "pip install 'lexgate[hf]'"
        )
        raise UsageError(message) from error


@contextmanager
def _lock(home: Path, report: Report) -> Iterator[None]:
    """Hold the one lock of the cache; the system frees it when a holder dies."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        stream = (home / ".lock").open("w")
    except OSError as error:
        message = (
            f"the embedded models cannot be kept in {printable(str(home))}: {error.strerror}; set "
            "LEXGATE_CACHE to a directory that can be written"
        )
        raise UsageError(message) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another process is training the embedded models; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _build_into(home: Path, target: Path, names: Sequence[str], report: Report) -> None:
    for left in home.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=home))
    try:
        _train_all(work, report)
        if not built(work, names):
            raise EvidenceError(f"training ended without all of {', '.join(names)}")
        work.chmod(0o755)
        for path in work.rglob("*"):
            _sync(path)
        if target.exists():  # of these bytes' key, but with files missing
            shutil.rmtree(target)
        work.rename(target)
        sync_directory(home)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _sync(path: Path) -> None:
    """Make a file's content or a directory's entries survive a power cut before the rename does."""
    if path.is_dir():
        sync_directory(path)
        return
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _train_all(work: Path, report: Report) -> None:
    report("training the embedded models, once: two processes, about a minute")
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with ExitStack() as running:
        jobs = []
        for name in _JOBS:
            jobs.append(_Job(name, work / f"{name}.log", work, lines))
            running.callback(jobs[-1].stop)
        costs = _follow(lines, len(jobs), report)
        for job in jobs:
            job.check()
    models = [manifest_of(path).digest for path in sorted(work.iterdir()) if path.is_dir()]
    record = {"costs": costs, "models": models}
    (work / _RECORD).write_text(json.dumps(record) + "\n", encoding="utf-8")


class _Job:
    """One training process and the thread that reads what it says."""

    def __init__(
        self, name: str, log: Path, work: Path, lines: queue.SimpleQueue[str | None]
    ) -> None:
        self._name = name
        self._log = log
        root = str(Path(__file__).parents[3])
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                # -P: no file of the current directory shadows a library.
                [sys.executable, "-P", "-c", _START, root, name, str(work)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **_ENVIRONMENT},
                text=True,
                encoding="utf-8",
            )
        self._reader = threading.Thread(target=self._read, args=(lines,), daemon=True)
        self._reader.start()

    def check(self) -> None:
        """Wait for the end.

        Raises:
            EvidenceError: it was not a good one.
        """
        if code := self._process.wait():
            said = self._log.read_text(encoding="utf-8", errors="replace")
            last = printable(said.strip().rpartition("\n")[2])
            message = f"training the embedded {self._name} ended with code {code}: {last}"
            raise EvidenceError(message)

    def stop(self) -> None:
        """End it, if it has not ended, and leave nothing open."""
        self._process.kill()
        self._reader.join()
        with self._process:  # closes the pipe
            pass
        self._log.unlink(missing_ok=True)

    def _read(self, lines: queue.SimpleQueue[str | None]) -> None:
        """Hand on what the process says; None when it has ended, whatever became of it."""
        try:
            for line in self._process.stdout or ():
                lines.put(line)
        finally:
            lines.put(None)


def _follow(
    lines: queue.SimpleQueue[str | None], running: int, report: Report
) -> list[dict[str, float]]:
    """Report what the jobs say, from this thread, until all have ended; return what they cost.

    Raises:
        EvidenceError: a job says that it failed.
    """
    costs = []
    while running:
        line = lines.get()
        if line is None:
            running -= 1
            continue
        if not line.startswith("{"):
            continue  # something that starts with every Python here printed it
        said = json.loads(line)
        if "error" in said:
            raise EvidenceError(said["error"])
        if "cost" in said:
            costs.append(said["cost"])
        else:
            report(said["progress"])
    return costs
