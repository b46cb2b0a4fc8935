"""The target `inspect`: a scorer for Inspect AI that asks our compiled questions.

It asks each question by itself, shows it only what it may see, and computes verdicts from the
answers, as a critic of ours does. The grader is the model of the role `grader`; unbound, Inspect
would take the candidate itself, so that is an error. A reply counts only if the whole of it is yes
or no. What cannot be judged has the value of a violation, and no value is ever left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from lexgate.constitutions import And, Export, Name, Not, Or
from lexgate.critic._prompts import PREAMBLE, compile_prompts
from lexgate.critic.targets._tool_text import constitution_of, json_file, lost, script

if TYPE_CHECKING:
    from lexgate.constitutions import Constitution, Expression
    from lexgate.critic._prompts import CriticPrompt

__all__ = ["export"]

_ALSO = (
    "Probabilities are left out: the grader's word counts, yes or no.",
    "Reasons of abstentions are explanations only: the value is that of a violation.",
)


def export(rules: Constitution) -> Export:
    """Compile to `scorer.py` and the `rules.json` it reads."""
    data = {
        "constitution": constitution_of(rules),
        "format": "lexgate-inspect/1",
        "polarity": "1 complies, 0 is violated or could not be judged",
        "preamble": PREAMBLE,
        "principles": [_principle(prompt) for prompt in compile_prompts(rules)],
    }
    files = {"rules.json": json_file(data), "scorer.py": script("scorer.py")}
    return Export(files, lost(rules, kept=frozenset(), also=_ALSO))


def _principle(prompt: CriticPrompt) -> dict[str, Any]:
    return {
        "id": prompt.principle,
        "questions": [
            {"ask": q.ask, "id": q.proposition, "sees": q.sees} for q in prompt.questions
        ],
        "violated_when": tree(prompt.violated_when),
    }


def tree(expression: Expression) -> Any:
    """Write an expression as JSON: a name, or a list of `not`, `and` or `or` and its operands."""
    match expression:
        case Name(id_):
            return id_
        case Not(operand):
            return ["not", tree(operand)]
        case And(operands):
            return ["and", *map(tree, operands)]
        case Or(operands):
            return ["or", *map(tree, operands)]
        case _:
            assert_never(expression)
