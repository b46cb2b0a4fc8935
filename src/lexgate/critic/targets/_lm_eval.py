"""The target `lm-eval`: a task per question, to measure how well any model answers as a critic.

Each public example that says how a question is answered is one item: the prompt is the one our
critic sends, the choices are its labels, and `acc` is the share answered right. A rule that is one
question takes its answer from the example's label. Nothing in the files is code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate.constitutions import WHOLE, Export
from lexgate.critic._exchange import Exchange, as_conversation
from lexgate.critic._prompts import LABELS, compile_prompts
from lexgate.critic.targets._tool_text import lost, yaml_file

if TYPE_CHECKING:
    from lexgate.constitutions import Constitution, Exemplar, Principle
    from lexgate.critic._prompts import Question

__all__ = ["export"]

_KEPT = frozenset({"critique", "examples", "precedence", "rubrics"})
_HEAD = """\
Made by lexgate from {reference} ({digest}).
The path of the data is relative: run lm_eval in this directory, with --include_path .
{polarity}"""
_POLARITY = (
    "`acc` is the share of questions answered as the constitution's examples say: 1 is best."
)
_ABSTENTIONS = (
    "Abstentions are left out: lm-eval takes the likelier label, however little of the probability "
    "both have."
)
_VERDICTS = "How a verdict is computed from several answers is left out: each question is an item."
_UNSAID = (
    "Examples that do not say how a question is answered, such as borderline ones, are left out."
)
_UNASKED = "Questions that no public example answers are left out."


@dataclass(frozen=True, slots=True)
class _Task:
    name: str
    question: Question
    items: tuple[dict[str, Any], ...]  # never empty


def export(rules: Constitution) -> Export:
    """Compile to a group of tasks, `lexgate-NAME.yaml`, with a task and a JSONL file for each."""
    group = f"lexgate-{rules.name}"
    head = _HEAD.format(reference=rules.reference, digest=rules.digest, polarity=_POLARITY)
    tasks: list[_Task] = []
    also = {_ABSTENTIONS}
    for principle, prompt in zip(rules.principles, compile_prompts(rules), strict=True):
        if len(prompt.questions) > 1:
            also.add(_VERDICTS)
        for question in prompt.questions:
            items, unsaid = _items(principle, question)
            also |= {_UNSAID} if unsaid else set()
            also |= set() if items else {_UNASKED}
            name = f"{group}-{principle.id}-{question.proposition}"
            tasks += [_Task(name, question, items)] if items else []
    files: dict[str, bytes] = {}
    for task in tasks:
        files[f"{task.name}.yaml"] = yaml_file(_task(task, rules), head)
        files[f"docs/{task.name}.jsonl"] = _lines(task.items)
    if tasks:
        files[f"{group}.yaml"] = yaml_file(_group(group, tasks, rules), head)
    return Export(files, lost(rules, kept=_KEPT, also=tuple(also)))


def _items(principle: Principle, question: Question) -> tuple[tuple[dict[str, Any], ...], bool]:
    """List the items of a question, and whether some example does not say its answer."""
    public = [example for example in principle.examples if example.split == "public"]
    said = [(example, _answer(example, question.proposition)) for example in public]
    items = tuple(
        {
            "id": example.id,
            "label": example.label,
            "prompt": question.render(Exchange(as_conversation(example.prompt), example.response))[
                0
            ].content,
            "target": LABELS.index("yes" if answer else "no"),
        }
        for example, answer in said
        if answer is not None
    )
    return items, any(answer is None for _, answer in said)


def _answer(example: Exemplar, proposition: str) -> bool | None:
    told = dict(example.answers).get(proposition)
    if told is None and proposition == WHOLE and example.label != "borderline":
        return example.label == "violates"
    return told


def _task(task: _Task, rules: Constitution) -> dict[str, Any]:
    return {
        "dataset_kwargs": {"data_files": {"test": f"docs/{task.name}.jsonl"}},
        "dataset_path": "json",
        "doc_to_choice": list(LABELS),
        "doc_to_target": "target",
        "doc_to_text": "prompt",
        "metadata": {
            "constitution": rules.reference,
            "digest": rules.digest,
            "question": task.question.digest,
            "version": 1,
        },
        "metric_list": [{"aggregation": "mean", "higher_is_better": True, "metric": "acc"}],
        "num_fewshot": 0,
        "output_type": "multiple_choice",
        # With a chat template lm-eval puts nothing there; without one, a label is a line.
        "target_delimiter": "\n",
        "task": task.name,
        "test_split": "test",
    }


def _group(group: str, tasks: list[_Task], rules: Constitution) -> dict[str, Any]:
    return {
        "aggregate_metric_list": [
            {
                "aggregation": "mean",
                "filter_list": ["none"],
                "metric": "acc",
                "weight_by_size": True,
            }
        ],
        "group": group,
        "metadata": {"constitution": rules.reference, "digest": rules.digest, "version": 1},
        "task": [task.name for task in tasks],
    }


def _lines(items: tuple[dict[str, Any], ...]) -> bytes:
    # ASCII, for a line separator inside a text must not end the line.
    return "".join(json.dumps(item, sort_keys=True) + "\n" for item in items).encode("ascii")
