"""Runs where vLLM is installed: what its engine says through our model, as one line of JSON.

python engine_cases.py DIRECTORY JOB.json
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from pathlib import Path

from lexgate.critic import Decoding, Message, Silence, open_model


def plain(score):
    return score.reason if isinstance(score, Silence) else dataclasses.asdict(score)


def main() -> None:
    import vllm

    directory, job = sys.argv[1], json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    talks = [tuple(Message(**turn) for turn in talk) for talk in job["talks"]]
    options = {"gpu_memory_utilization": "0.1"}  # of this machine's memory, where it has no GPU
    model = open_model(f"vllm/{directory}", options)
    found = {
        "by_id": [
            [plain(score) for score in model.score_labels(talks, labels)]
            for labels in job["labels"]
        ],
        "report": model.report(),
        "identity": dataclasses.asdict(model.identity),
        "generations": [
            dataclasses.asdict(reply)
            for reply in model.generate(talks[: job["asked"]], Decoding(8))
        ],
        "signatures": {
            "LLM": list(inspect.signature(vllm.LLM).parameters),
            "LLM.generate": list(inspect.signature(vllm.LLM.generate).parameters),
            "SamplingParams": list(inspect.signature(vllm.SamplingParams).parameters),
        },
    }
    model._by_id = False  # as an older engine is asked
    found["by_rank"] = [
        [plain(score) for score in model.score_labels(talks, labels)] for labels in job["labels"]
    ]
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
