"""DeepEval metrics, one per principle of a constitution; made by lexgate from `geval.json`.

    from geval_metrics import metrics
    evaluate(test_cases, metrics(model=my_grader))

A high score means that the rule is complied with. Below its threshold a metric fails.
"""

from __future__ import annotations

import json
from pathlib import Path

import deepeval.metrics
from deepeval.metrics.g_eval import Rubric
from deepeval.test_case import SingleTurnParams

DATA = json.loads(Path(__file__).with_name("geval.json").read_text(encoding="utf-8"))


class GEval(deepeval.metrics.GEval):  # of the same name: DeepEval finds its prompts by it
    """A metric for which a score outside the scale is no grade, and no grade fails."""

    def is_successful(self) -> bool:
        passed = super().is_successful() is True
        self.success = passed and 0.0 <= self.score <= 1.0
        return self.success


def metrics(model) -> list[GEval]:
    """Make the metrics, in the constitution's order; `model` grades, and is never the candidate."""
    if model is None:
        raise ValueError("name the model that grades: DeepEval's default is none of ours")
    return [_metric(entry, model) for entry in DATA["metrics"]]


def _metric(entry: dict, model) -> GEval:
    return GEval(
        name=entry["name"],
        evaluation_params=[SingleTurnParams(name) for name in entry["evaluation_params"]],
        evaluation_steps=entry["evaluation_steps"],
        rubric=[
            Rubric(
                score_range=tuple(band["score_range"]), expected_outcome=band["expected_outcome"]
            )
            for band in entry["rubric"]
        ],
        model=model,
        threshold=entry["threshold"],
        top_logprobs=entry["top_logprobs"],
        strict_mode=entry["strict_mode"],
    )
