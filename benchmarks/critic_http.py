"""What a verdict over HTTP costs the client in processor time, against Inspect's graded scorer.

    python benchmarks/critic_http.py [--json] [--exchanges 2000] [--questions 16] [--inspect 500]

The server runs in a process of its own and answers at once. Ours asks through `answer_together`, so
rendering, parsing and checking count; Inspect's model_graded_qa asks the same server in
`.venv-inspect`, which also needs the `openai` package (or has it on PYTHONPATH). Both are measured
warm, and ours is the median of five rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate.critic import Answer, Exchange, Question, as_conversation
from lexgate.critic.openai._backend import open_backend

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
INSPECT = HERE.parent / ".venv-inspect" / "bin" / "python"
RESPONSE = "The quick brown fox jumps over the lazy dog. " * 40


@contextmanager
def server() -> Iterator[str]:
    """Run the loopback server; gives its base address."""
    command = [sys.executable, str(HERE / "_loopback.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the server has no pipes")
        port = int(process.stdout.readline())
        yield f"http://127.0.0.1:{port}/v1"
        process.stdin.close()


def asked(exchanges: int, questions: int) -> list[tuple[Question, Exchange]]:
    """Make questions of one view each on new exchanges."""
    made = []
    for number in range(questions):
        ask = f"Question: Does the response break rule {number} of the house?\nAnswer yes or no."
        made.append(Question(f"p{number}", f"q{number}", "exchange", ask, digest(ask)))
    talks = [
        Exchange(as_conversation(f"Question {number}?"), f"{RESPONSE}{number}")
        for number in range(exchanges)
    ]
    return [(question, exchange) for exchange in talks for question in made]


def ours(url: str, wire: str, exchanges: int, questions: int) -> dict[str, float]:
    """Measure the median of five rounds."""
    backend = open_backend("m", {"base_url": url, "wire": wire})
    spent, walls = [], []
    load = asked(exchanges, questions)
    for _ in range(6):
        start, wall = time.process_time(), time.perf_counter()
        replies = backend.answer_together(load)
        spent.append(time.process_time() - start)
        walls.append(time.perf_counter() - wall)
        if not all(isinstance(reply, Answer) for reply in replies):
            raise RuntimeError(f"the server was not understood: {replies[0]}")
    report = backend.report()
    backend.close()
    if report["retries"]:
        raise RuntimeError("requests had to be repeated")
    verdicts = len(load)
    return {
        "cpu_ms_per_verdict": 1000 * statistics.median(spent[1:]) / verdicts,
        "verdicts_per_second": verdicts / statistics.median(walls[1:]),
    }


def inspect(url: str, verdicts: int) -> float | str:
    """Measure Inspect's CPU-ms per verdict, or say why that is not possible here."""
    if not INSPECT.exists():
        return "there is no .venv-inspect: make it with `sh .ci/tools inspect`"
    command = [str(INSPECT), str(HERE / "_inspect_graded.py"), url, str(verdicts)]
    environment = {**os.environ, "INSPECT_DISPLAY": "none", "INSPECT_LOG_LEVEL": "error"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed"])[-1]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["graded"] != verdicts:
        return f"it graded {found['graded']} of {verdicts}"
    return float(1000 * found["cpu_seconds"] / verdicts)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--exchanges", type=int, default=2000)
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--inspect", type=int, default=500)
    given = parser.parse_args()
    with server() as url:
        typed = ours(url, "decisions", given.exchanges, given.questions)
        single = ours(url, "chat", max(1, given.exchanges // 16), given.questions)
        theirs = inspect(url, given.inspect)
    mine = typed["cpu_ms_per_verdict"]
    found: dict[str, Any] = {
        "client_cpu_ms_per_verdict": round(mine, 4),
        "verdicts_per_second": round(typed["verdicts_per_second"]),
        "chat_cpu_ms_per_verdict": round(single["cpu_ms_per_verdict"], 4),
        "inspect_cpu_ms_per_verdict": theirs if isinstance(theirs, str) else round(theirs, 3),
        "vs_inspect": None if isinstance(theirs, str) else round(theirs / mine, 1),
        "chat_vs_inspect": None
        if isinstance(theirs, str)
        else round(theirs / single["cpu_ms_per_verdict"], 1),
    }
    if given.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
