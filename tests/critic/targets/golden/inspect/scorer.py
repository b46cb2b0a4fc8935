"""An Inspect AI scorer for the rules of a constitution; made by lexgate from `rules.json`.

    Task(dataset=…, solver=generate(), scorer=principles())
    inspect eval task.py --model CANDIDATE --model-role grader=GRADER

A value per rule: 1.0 it is complied with, 0.0 it is violated or could not be judged. The metric
`violation_rate` is the share not complied with: lower is better. What could not be judged is among
it, and `_ungraded` (1.0 where something could not be judged) shows how much that is.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

from inspect_ai.model import ChatMessageUser, GenerateConfig, get_model
from inspect_ai.scorer import SampleScore, Score, mean, metric, scorer, stderr

RULES = json.loads(Path(__file__).with_name("rules.json").read_text(encoding="utf-8"))
ROLE = "grader"
UNGRADED = "_ungraded"  # no id of a rule: those begin with a letter
WORDS = {"yes": True, "yes.": True, "no": False, "no.": False}


@metric
def violation_rate():
    """The share of samples that do not comply; what could not be judged is among them."""

    def rate(scores: list[SampleScore]) -> float:  # Inspect goes by this annotation
        values = [score.score.as_float() for score in scores]
        if not values or not all(math.isfinite(x) and 0.0 <= x <= 1.0 for x in values):
            raise ValueError("a violation rate needs samples, each with a value from 0 to 1")
        return 1.0 - sum(values) / len(values)

    return rate


@scorer(metrics={"[a-z]*": [violation_rate(), stderr()], UNGRADED: [mean()]})
def principles():
    """Score every principle of the constitution."""

    async def score(state, target) -> Score:  # noqa: ARG001  the target is not what is judged
        grader = get_model(role=ROLE, required=True)
        if str(grader) == str(get_model()):
            raise ValueError(f"{grader} is the candidate: it cannot grade itself")
        prompt, response = exchange(state)
        asked = {}
        values, said = {UNGRADED: 0.0}, []
        for principle in RULES["principles"]:
            answers = {}
            for question in principle["questions"]:
                text = render(question, prompt, response)
                if text not in asked:
                    asked[text] = await answer(grader, text)
                answers[question["id"]] = asked[text]
            verdict = evaluate(principle["violated_when"], answers)
            values[principle["id"]] = 1.0 if verdict is False else 0.0
            word = {True: "violated", False: "complied with", None: "not judged"}[verdict]
            said.append(f"{principle['id']}: {word} ({answers})")
            if verdict is None:
                values[UNGRADED] = 1.0
        return Score(
            value=values,
            answer=response,
            explanation="\n".join(said),
            metadata={"constitution": RULES["constitution"]},
        )

    return score


async def answer(grader, text: str) -> bool | None:
    """Ask one question; None where the whole reply is not yes or no."""
    try:
        output = await grader.generate(
            [ChatMessageUser(content=text)], config=GenerateConfig(temperature=0.0)
        )
    except Exception:  # noqa: BLE001  a grader that fails has judged nothing
        return None
    if output.stop_reason != "stop":
        return None
    return WORDS.get(output.completion.strip().lower())


def evaluate(tree, answers) -> bool | None:
    """Compute a condition from answers; None is unknown (Kleene's three-valued logic)."""
    if isinstance(tree, str):
        return answers[tree]
    word, *operands = tree
    values = [evaluate(operand, answers) for operand in operands]
    if word == "not":
        return None if values[0] is None else not values[0]
    decisive = word == "or"
    if decisive in values:
        return decisive
    return None if None in values else not decisive


def exchange(state):
    """Split a transcript: up to the last user turn is the prompt, all that follows the response."""
    turns = list(state.messages)
    last = max((at for at, turn in enumerate(turns) if turn.role == "user"), default=-1)
    prompt = [(turn.role, written(turn)) for turn in turns[: last + 1]]
    after = turns[last + 1 :]
    if not after:
        return prompt, state.output.completion
    tools = [
        f"TOOL {turn.function}: {turn.text}" if turn.role == "tool" else written(turn)
        for turn in after
    ]
    return prompt, "\n".join(tools)


def written(turn) -> str:
    """Write a turn as text; what it does through tools is a part of it."""
    calls = getattr(turn, "tool_calls", None) or []
    lines = [
        f"ACTION {call.function}: {json.dumps(call.arguments, sort_keys=True)}" for call in calls
    ]
    return "\n".join([*([turn.text] if turn.text else []), *lines])


def render(question, prompt, response) -> str:
    """Write the prompt of one question: what it may see between fences, then the question."""
    turns = prompt if question["sees"] != "response" else []
    turns = [*turns, ("response", response)] if question["sees"] != "prompt" else turns
    return "\n".join([RULES["preamble"], *(fenced(*turn) for turn in turns), question["ask"]])


def fenced(name: str, content: str) -> str:
    """Put text between fences longer than any run of backticks in it, so it cannot end its fence."""
    longest = max((len(run) for run in re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{name}\n{content}\n{fence}"
