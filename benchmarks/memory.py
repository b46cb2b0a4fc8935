"""How much memory 100,000 judged exchanges take, by `checks` and by a tiny model.

    python benchmarks/memory.py [--json] [--exchanges N]

`lexgate judge` in a process of its own, start to end; the figure is its largest resident size.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WORDS = [
    "how",
    "what",
    "why",
    "can",
    "you",
    "tell",
    "me",
    "about",
    "the",
    "best",
    "way",
    "to",
    "bake",
    "grow",
    "mend",
    "paint",
    "plan",
    "a",
    "garden",
    "cake",
    "bicycle",
    "fence",
    "trip",
    "please",
    "sure",
    "here",
    "is",
    "step",
    "first",
    "then",
    "mix",
    "wait",
    "turn",
    "cut",
    "rest",
    "it",
    "for",
    "an",
    "hour",
    "because",
    "it",
    "could",
    "hurt",
    "somebody",
    "sorry",
]


def exchanges(path: Path, count: int) -> None:
    """Write distinct exchanges of ordinary length."""
    draw = random.Random(0)
    with path.open("w", encoding="ascii") as file:
        for number in range(count):
            prompt, response = (" ".join(draw.choices(WORDS, k=n)) for n in (12, 40))
            if number % 3 == 0:
                response = f"I can't help with that. {response}"
            line = {"id": str(number), "prompt": prompt, "response": response}
            file.write(json.dumps(line) + "\n")


def measure(critic: str, source: Path, output: Path) -> dict[str, Any]:
    """Judge a file and tell memory, time and what came of it."""
    code = (
        "import resource, sys\n"
        "from lexgate.app.main import main\n"
        "try:\n    main()\nfinally:\n"
        "    usage = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    print('PEAK', usage.ru_maxrss, usage.ru_utime + usage.ru_stime, file=sys.stderr)\n"
    )
    arguments = ["judge", "demo", "--input", str(source), "--critic", critic, "-o", str(output)]
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    _, peak, cpu = done.stderr.strip().splitlines()[-1].split()
    summary = json.loads(done.stdout)
    return {
        "exchanges": summary["exchanges"],
        "peak_mib": round(int(peak) / 1024),
        "cpu_s": round(float(cpu), 1),
        "wall_s": round(time.perf_counter() - begin, 1),
        "judgements": summary["judgements"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--exchanges", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        exchanges(source, arguments.exchanges)
        result = {name: measure(name, source, output) for name in ("checks", "demo/critic")}
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
