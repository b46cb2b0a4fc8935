"""CPU time of start-up, as a ratio to a bare interpreter's, all in one run.

    python benchmarks/startup.py [--json] [--repeats 15]

Prints, for each command, user+system CPU milliseconds (median) and `of_bare`: how many times a
bare `python -c pass` it costs.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
from pathlib import Path

LEXGATE = str(Path(sys.executable).with_name("lexgate"))
COMMANDS = {
    "bare": [sys.executable, "-c", "pass"],
    "lexgate --help": [LEXGATE, "--help"],
    "lexgate --version": [LEXGATE, "--version"],
    "lexgate check demo": [LEXGATE, "check", "demo"],
    "import lexgate.gates": [sys.executable, "-c", "import lexgate.gates"],
}


def cpu_of(command: list[str]) -> float:
    """User and system CPU seconds of one run of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time of start-up against a bare interpreter.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    for command in COMMANDS.values():
        cpu_of(command)  # fills byte-code and disk caches
    order = [name for name in COMMANDS for _ in range(arguments.repeats)]
    random.Random(0).shuffle(order)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for name in order:
        times[name].append(cpu_of(COMMANDS[name]))
    medians = {name: statistics.median(values) for name, values in times.items()}
    result = {
        name: {"cpu_ms": round(value * 1000, 1), "of_bare": round(value / medians["bare"], 2)}
        for name, value in medians.items()
    }
    if arguments.json:
        print(json.dumps(result))
        return
    for name, row in result.items():
        print(f"{name:24} {row['cpu_ms']:8.1f} ms CPU   {row['of_bare']:6.2f} x bare python")


if __name__ == "__main__":
    main()
