"""Cost of the main job: `lexgate demo` on an empty cache, then again on a filled one.

    python benchmarks/main_job.py [--json]

Prints wall and CPU seconds of the whole process tree and the peak resident memory of its largest
process, and, sampled ten times a second, of all its processes together.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

LEXGATE = str(Path(sys.executable).with_name("lexgate"))


def tree_of(root: int) -> list[int]:
    """Process ids of `root` and all its descendants."""
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                queue += [int(child) for child in tasks.read_text().split()]
            except OSError:
                continue
    return found


def proportional_kib(pid: int) -> int:
    """Resident memory of a process in KiB, shared pages divided among those who share them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def measure(command: list[str], cwd: Path, cache: Path) -> dict[str, Any]:
    """Run a command to its end and say what it cost."""
    environment = os.environ | {"LEXGATE_CACHE": str(cache)}
    started, before = time.monotonic(), os.times()
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    peaks = {"one": 0, "all": 0}

    def watch() -> None:
        while process.poll() is None:
            sizes = [proportional_kib(pid) for pid in tree_of(process.pid)]
            peaks["one"] = max(peaks["one"], *sizes)
            peaks["all"] = max(peaks["all"], sum(sizes))
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    watcher.join()
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return {
        "exit": process.returncode,
        "wall_s": round(time.monotonic() - started, 1),
        "cpu_s": round(cpu, 1),
        "largest_process_mib": round(peaks["one"] / 1024),
        "all_processes_mib": round(peaks["all"] / 1024),
        "outcomes": {
            name: decision["outcome"] for name, decision in json.loads(output)["decisions"].items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of `lexgate demo`, cold and warm.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    command = [LEXGATE, "demo", "--json"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            when: measure(command, folder, folder / "cache") for when in ("first run", "second run")
        }
    if arguments.json:
        print(json.dumps(result))
        return
    for when, row in result.items():
        print(
            f"{when:11} {row['wall_s']:6.1f} s wall  {row['cpu_s']:6.1f} s CPU  "
            f"{row['largest_process_mib']:5d} MiB in one process  "
            f"{row['all_processes_mib']:5d} MiB in all   {row['outcomes']}"
        )


if __name__ == "__main__":
    main()
