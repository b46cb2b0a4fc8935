"""Our own target: a prompt per principle, rubrics, and the schema of every judgement.

Laws (tested): an edit of one principle changes that principle's prompt file and no other; every
judgement a critic of this version can write fits `verdict.schema.json`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from lexgate.constitutions import Export
from lexgate.critic._prompts import compile_prompts
from lexgate.critic._verdicts import Abstention

if TYPE_CHECKING:
    from lexgate.constitutions import Constitution, Principle

__all__ = ["export"]


def export(rules: Constitution) -> Export:
    """Compile to what critics read."""
    files = {f"prompts/{p.principle}.json": _json(p.to_json()) for p in compile_prompts(rules)}
    rubrics = {p.id: _rubric(rules, p) for p in rules.principles}
    files["rubrics.json"] = _json({"order": "worst to best", "rubrics": rubrics})
    files["verdict.schema.json"] = _json(_verdict_schema(rules))
    return Export(files)


def _rubric(rules: Constitution, principle: Principle) -> dict[str, Any]:
    when = {choice: str(rules.expand(e)) for choice, e in principle.rubric.when}
    rubric = {"text": principle.text, "choices": list(principle.rubric.choices)}
    return rubric | ({"when": when} if when else {})


def _json(data: Any) -> bytes:
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=2)
    return (text + "\n").encode("utf-8")


def _verdict_schema(rules: Constitution) -> dict[str, Any]:
    """Describe a judgement: a verdict with its probability, or an abstention with its reason."""
    asked = sorted({q.id for principle in rules.principles for q in principle.propositions})
    reasons = list(get_args(get_type_hints(Abstention)["reason"]))
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    answered = {
        "type": "array",
        # proposition, probability, source; where labels were scored: their mass, and whether one leads
        "prefixItems": [
            {"enum": asked},
            probability,
            {"type": "string"},
            probability,
            {"type": ["boolean", "null"]},
        ],
        "items": False,
        "minItems": 3,
    }
    common = {
        "principle": {"enum": [principle.id for principle in rules.principles]},
        "outcome": {"enum": ["violates", "complies", "abstains"]},
        "answers": {"type": "array", "items": answered},
    }
    abstains = {
        "properties": common | {"reason": {"enum": reasons}, "detail": True},
        "required": ["reason", "detail"],
        "additionalProperties": False,
    }
    decides = {
        "properties": common | {"p": probability},
        "required": ["p"],
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A judgement under {rules.reference}",
        "type": "object",
        "required": ["principle", "outcome", "answers"],
        "if": {"properties": {"outcome": {"const": "abstains"}}},
        "then": abstains,
        "else": decides,
    }
