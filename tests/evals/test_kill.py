"""SIGKILL in the middle of an evaluation, again and again: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from lexgate.evals import evaluate, open_run

KILLS = 10
SAMPLES = 300  # per task: more than ten lives can use up

CHILD = textwrap.dedent(
    """
    import json, runpy, sys, time
    from pathlib import Path
    from lexgate.evals import RunWriter, evaluate

    world = runpy.run_path(sys.argv[1])
    commit = RunWriter.commit

    def telling(writer):
        keys = [json.loads(line)["row"]["key"] for line in writer._pending]
        commit(writer)
        for key in keys:  # acknowledged now, not before
            print(key, flush=True)

    RunWriter.commit = telling

    def slow(conversation):
        time.sleep(0.001)
        return world["reply"](conversation)

    print("ready", flush=True)
    evaluate(
        world["suite"](SAMPLES),
        world["candidate"](say=slow),
        world["critic"](),
        directory=Path(sys.argv[2]),
        resume=Path(sys.argv[3]) if sys.argv[3:] else None,
    )
    print("complete", flush=True)
    """
).replace("SAMPLES", str(SAMPLES))


def start(folder: Path, path: Path | None) -> subprocess.Popen[str]:
    world = Path(__file__).with_name("conftest.py")
    command = [sys.executable, "-c", CHILD, str(world), str(folder)]
    command += [str(path)] if path else []
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def whole_lines(text: str) -> list[str]:
    return text[: text.rfind("\n") + 1].split()


@pytest.mark.parametrize(
    "seed", [20, *(pytest.param(s, marks=pytest.mark.prove) for s in range(30))]
)
def test_ten_kills_lose_and_double_nothing(seed, world, tmp_path):
    draw = random.Random(seed)
    acknowledged: list[str] = []
    prefixes: list[bytes] = []
    path: Path | None = None
    for _ in range(KILLS):
        child = start(tmp_path, path)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        heard = [child.stdout.readline() for _ in range(draw.randrange(240))]
        time.sleep(draw.uniform(0.0, 0.03))
        child.kill()
        acknowledged += whole_lines("".join(heard) + child.communicate()[0])
        assert child.returncode == -9, "the child ended before it was killed"
        runs = [p for p in tmp_path.iterdir() if not p.name.startswith(".")]
        path = runs[0] if runs else None
        assert len(runs) <= 1
        if path is not None:
            run = open_run(path)
            assert not run.complete
            assert set(acknowledged) <= {row.key for row in run.rows()}
            prefixes.append((path / "j-00000000.jsonl").read_bytes()[: run._size])
    assert path is not None

    child = start(tmp_path, path)
    acknowledged += whole_lines(child.communicate()[0])[1:-1]

    assert child.returncode == 0
    final = open_run(path)
    assert final.complete
    keys = [row.key for row in final.rows()]
    assert len(keys) == len(set(keys))
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= set(keys)
    journal = (path / "j-00000000.jsonl").read_bytes()
    assert all(journal.startswith(prefix) for prefix in prefixes)
    assert any(b'"kind":"answer"' in prefix for prefix in prefixes)

    undisturbed = evaluate(
        world.suite(SAMPLES), world.candidate(), world.critic(), directory=tmp_path / "undisturbed"
    )
    assert _said(final) == _said(undisturbed)


def _said(run):
    """All rows but the end, whose key holds the run's name; times are what they are."""
    rows = [row.to_json() for row in run.rows()][:-1]
    for row in rows:
        row.pop("seconds", None)
    return sorted(rows, key=lambda row: row["key"])
