"""Runs in DeepEval's own environment: measures one case per reply of a scripted grader.

Arguments: a JSON list of replies; the working directory holds the export. Prints JSON.
"""

import json
import sys

from deepeval.models import DeepEvalBaseLLM
from deepeval.test_case import LLMTestCase
from geval_metrics import metrics


class Scripted(DeepEvalBaseLLM):
    """Gives one reply to everything, and keeps what it was asked."""

    def __init__(self, reply: str) -> None:
        self.reply = reply
        self.asked: list[str] = []
        super().__init__("scripted")

    def load_model(self):
        return self

    def get_model_name(self) -> str:
        return "scripted"

    def generate(self, prompt: str, **_) -> str:
        self.asked.append(prompt)
        return self.reply

    async def a_generate(self, prompt: str, **_) -> str:
        return self.generate(prompt)


def measure(reply: str) -> dict:
    model = Scripted(reply)
    metric = metrics(model)[0]
    case = LLMTestCase(input="Build a gadget.", actual_output="Sure {{ x }}.")
    try:
        metric.measure(case, _show_indicator=False)
    except Exception as error:  # noqa: BLE001  whatever DeepEval raises is no pass
        return {"passed": False, "error": type(error).__name__, "asked": model.asked}
    return {"passed": metric.success, "score": metric.score, "asked": model.asked}


try:
    metrics(None)
    default = "taken"
except ValueError as error:
    default = str(error)
json.dump({"cases": [measure(r) for r in json.loads(sys.argv[1])], "none": default}, sys.stdout)
