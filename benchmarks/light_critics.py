"""What light critics are worth on people's labels, and what an edit of an example costs.

    python benchmarks/light_critics.py [--json]

XSTest: 2,250 responses of five models; refusal, whole or partial, against full compliance. A head is
fitted on four models and asked about the fifth, on prompts of which it has seen no response: every
figure is a mean over five held-out models, each over five folds of prompts.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lexgate.constitutions import Constitution, find
from lexgate.critic import Answer, Exchange, as_conversation, compile_prompts
from lexgate.critic._checks import Pattern
from lexgate.critic._exemplars import ExemplarsBackend
from lexgate.critic._heads import Head, Lesson, fitted

XSTEST = Path(__file__).resolve().parents[2] / "shared/data/xstest/model_completions"
FOLDS = 5
# Stock phrases of refusals anywhere in the response, as a check of a constitution could give them.
REFUSAL = re.compile(
    r"\bi(?: can ?not|[ '\u2019]?(?:can['\u2019]t|am sorry|['\u2019]?m sorry|am (?:not able|unable)|apologi[sz]e))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One response and what people say of it."""

    model: str
    fold: int  # of its prompt
    exchange: Exchange
    refuses: bool


def read() -> list[Row]:
    """Read XSTest's responses with the label that settled the annotators' disagreements."""
    rows = []
    for path in sorted(XSTEST.glob("*.csv")):
        model = path.stem.removeprefix("xstest_v2_completions_")
        with path.open(newline="", encoding="utf-8", errors="replace") as stream:
            for line in csv.DictReader(stream):
                fold = int(hashlib.sha256(line["prompt"].encode()).hexdigest(), 16) % FOLDS
                exchange = Exchange(as_conversation(line["prompt"]), line["completion"])
                rows.append(Row(model, fold, exchange, not line["final_label"].startswith("1")))
    return rows


def unseen(rows: list[Row], patterns: tuple[Pattern, ...]) -> dict[str, list[tuple[float, bool]]]:
    """Answer every row by a head that saw neither its model nor its prompt."""
    said: dict[str, list[tuple[float, bool]]] = {}
    for model in sorted({row.model for row in rows}):
        for fold in range(FOLDS):
            taught = [r for r in rows if r.model != model and r.fold != fold]
            asked = [r for r in rows if r.model == model and r.fold == fold]
            # As a constitution gives them: the response alone, each once, sorted.
            texts = sorted({(row.exchange.response, row.refuses) for row in taught})
            examples = tuple((Exchange(as_conversation(""), text), truth) for text, truth in texts)
            head = fitted(Lesson("response", examples, patterns))
            if not isinstance(head, Head):
                raise SystemExit(f"too few examples: {head}")
            answers = head.probabilities([row.exchange for row in asked])
            said.setdefault(model, []).extend(
                (p if isinstance(p, float) else 0.5, row.refuses)
                for p, row in zip(answers, asked, strict=True)
            )
    return said


def accuracy(pairs: list[tuple[float, bool]]) -> float:
    """Compute the share of right answers; silence, which is 0.5 here, is wrong."""
    return sum(p != 0.5 and (p > 0.5) == truth for p, truth in pairs) / len(pairs)


def brier(pairs: list[tuple[float, bool]]) -> float:
    """Compute the mean squared error of the probabilities."""
    return sum((p - truth) ** 2 for p, truth in pairs) / len(pairs)


def calibration_error(pairs: list[tuple[float, bool]], bins: int = 10) -> float:
    """Compute the expected calibration error over equal bins of the probability."""
    error = 0.0
    for k in range(bins):
        inside = [(p, t) for p, t in pairs if min(int(p * bins), bins - 1) == k]
        error += abs(sum(p for p, _ in inside) - sum(t for _, t in inside))
    return error / len(pairs)


def figures(said: dict[str, list[tuple[float, bool]]]) -> dict[str, Any]:
    """Sum up per model and over all."""
    by_model = {model: round(accuracy(pairs), 4) for model, pairs in said.items()}
    everything = [pair for pairs in said.values() for pair in pairs]
    return {
        "mean": round(sum(accuracy(pairs) for pairs in said.values()) / len(said), 4),
        "by_model": by_model,
        "brier": round(brier(everything), 4),
        "ece": round(calibration_error(everything), 4),
    }


def refit(reference: str) -> dict[str, float]:
    """Measure the CPU seconds of all answers again after an edit of one example."""
    rules = find(reference)
    ask_all(rules)
    seconds = []
    for place, principle in enumerate(rules.principles[:5]):
        teaching = [e for e in principle.examples if e.split == "public" and e.answers]
        if not teaching:
            continue
        first, *rest = teaching
        edited = dataclasses.replace(first, response=first.response + " Edited.")
        one = dataclasses.replace(principle, examples=(edited, *rest))
        others = (*rules.principles[:place], one, *rules.principles[place + 1 :])
        began = time.process_time()
        ask_all(dataclasses.replace(rules, principles=others))
        seconds.append(time.process_time() - began)
    return {"median": round(sorted(seconds)[len(seconds) // 2], 3), "worst": round(max(seconds), 3)}


def ask_all(rules: Constitution) -> int:
    """Have every question answered once; count the answers."""
    backend = ExemplarsBackend(rules)
    asked = Exchange(as_conversation("How do I bake a cake?"), "Sorry, I can't help with that.")
    questions = {q.digest: q for prompt in compile_prompts(rules) for q in prompt.questions}
    replies = [backend.answer(question, [asked])[0] for question in questions.values()]
    return sum(isinstance(reply, Answer) for reply in replies)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    shipped = ("demo@1.0.0", "everyday-assistant@1.0.0", "agentic-worker@1.0.0")
    found: dict[str, Any] = {"refit_cpu_s": {name: refit(name) for name in shipped}}
    if XSTEST.is_dir():
        rows = read()
        plain = figures(unseen(rows, ()))
        helped = figures(unseen(rows, (Pattern(REFUSAL, "response", exact=False),)))
        found["xstest_unseen_model_and_prompts"] = plain["mean"]
        found["xstest_unseen_model_and_prompts_with_pattern"] = helped["mean"]
        found["xstest"] = {"rows": len(rows), "plain": plain, "with_pattern": helped}
    else:
        found["skipped"] = f"xstest: no data at {XSTEST}"
    if as_json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
