"""Floor 5, the loop: what a model may learn from its own answers, and only through the gate."""

from lexgate.loop._select import (
    Exclusion,
    Selection,
    TrainingExample,
    prompt_digest,
    prompt_digests,
    select,
    write_jsonl,
)

__all__ = [
    "Exclusion",
    "Selection",
    "TrainingExample",
    "prompt_digest",
    "prompt_digests",
    "select",
    "write_jsonl",
]
