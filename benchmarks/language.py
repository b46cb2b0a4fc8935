"""What the language costs: compiling to all targets, importing, comparing, proving.

    python benchmarks/language.py [--json] [--data DIRECTORY]

CPU seconds of this process. The data are OpenAI's Model Spec and rule-based rewards (`--data`, a
directory that holds `openai-model-spec/` and `rbr/`); without them their rows are left out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate.constitutions import diff, find, read_format, shipped
from lexgate.constitutions._build import from_data
from lexgate.constitutions._proofs import flaw_of
from lexgate.critic import TARGETS, compile_to, validity

if TYPE_CHECKING:
    from collections.abc import Callable

    from lexgate.constitutions import Constitution
    from lexgate.critic import Compiled

_DATA = Path(__file__).parents[2] / "shared" / "data"
_VERSIONS = ("2025-04-11", "2025-09-12")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    result = work()
    return result, round(time.process_time() - start, 3)


def everything(rules: Constitution) -> list[Compiled]:
    return [compile_to(target, rules) for target in TARGETS]


def compiling() -> dict[str, Any]:
    """Compile every shipped constitution to every target."""
    costs = {}
    for reference in shipped():
        _, costs[reference] = timed(partial(everything, find(reference)))
    return {"targets": len(TARGETS), "compile_all_targets_seconds": costs}


def rewards(data: Path) -> dict[str, Any]:
    """Import the propositions of rule-based rewards, and prove their classes a partition."""
    reading, cost = timed(
        lambda: read_format("rbr", [data / "rbr" / "config" / "proposition_prompts.yaml"])
    )
    rules = from_data(reading.data)
    grades = [{c: rules.expand(e) for c, e in p.rubric.when} for p in rules.principles]
    names = [frozenset[str]().union(*(e.names() for e in found.values())) for found in grades]
    flaws, proof = timed(lambda: [flaw_of(found) for found in grades])
    return {
        "rbr_import_seconds": cost,
        "rbr_assignments": sum(2 ** len(found) for found in names),
        "rbr_flaws": len([flaw for flaw in flaws if flaw is not None]),
        "rbr_proof_seconds": proof,
    }


def specification(data: Path) -> dict[str, Any]:
    """Import two versions of the Model Spec and compare them."""
    folder = data / "openai-model-spec" / "history"
    paths = [folder / f"model_spec-{version}.md" for version in _VERSIONS]
    readings, cost = timed(lambda: [read_format("markdown", [path]) for path in paths])
    old, new = (from_data(reading.data) for reading in readings)
    found, comparing = timed(lambda: diff(old, new))
    counts = Counter(change.kind for change in found.changes)
    kept = validity(old, new)
    return {
        "model_spec_import_seconds": cost,
        "model_spec_diff_seconds": comparing,
        "model_spec_diff": {kind: counts[kind] for kind in ("added", "removed", "authority")},
        "model_spec_bump": found.bump,
        "model_spec_verdicts_kept": len(kept.kept),
        "model_spec_judge_again": len(kept.again),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, default=_DATA, help="where the data are")
    options = parser.parse_args()
    figures = compiling()
    if options.data.is_dir():
        figures |= rewards(options.data) | specification(options.data)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:32} {value}")


if __name__ == "__main__":
    main()
