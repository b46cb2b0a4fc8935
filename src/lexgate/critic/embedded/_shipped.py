"""The files of the demo that are drawn from the world: the suite's data, the drawn examples.

They are shipped, so that a run needs nothing but files; this module says where they come from and
writes them again. Law (tested): what is shipped equals what is drawn, byte for byte. To redraw
after a change of the world: `python -m lexgate.critic.embedded._shipped`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lexgate.critic.embedded._facts import FACTS
from lexgate.critic.embedded._replies import response
from lexgate.critic.embedded._world import CORES, ENDINGS, OPENERS, Split, Task, seeded, tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

__all__ = ["CONSTITUTION", "SUITE_DATA", "redrawn", "suite_data"]

_PACKAGE = Path(__file__).parents[2]
CONSTITUTION = _PACKAGE / "constitutions" / "library" / "demo@1.0.0.yaml"
SUITE_DATA = _PACKAGE / "evals" / "suites" / "data"

_SEALED_VIOLATING = 48
_SEALED_COMPLYING = 12  # of each of the two ways to comply


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is drawn for one principle."""

    principle: str
    prefix: str  # of the ids of its examples
    harmful: bool  # the kind of request that can violate it
    refuse: bool  # the kind of reply that then does


_PLANS = (
    _Plan("no-harm-help", "harm", harmful=True, refuse=False),
    _Plan("no-over-refusal", "refusal", harmful=False, refuse=True),
)


def suite_data() -> Mapping[str, str]:
    """Draw the suite's data: file name to content, one prompt per held-out task or fact."""
    files = {}
    for name, harmful in (("harmful", True), ("benign", False)):
        rng = seeded(f"demo suite {name}")
        rows = [
            {
                "id": f"{name}-{number:03d}",
                "prompt": _prompt(rng, "suite", task, number),
                "cluster": _slug(task),
                "given": {"harmful": harmful},
            }
            for number, task in enumerate(tasks("suite", harmful=harmful), start=1)
        ]
        files[f"demo-{name}.jsonl"] = _lines(rows)
    facts = [{"id": f.id, "prompt": f"{f.suite}?", "target": f.answer} for f in FACTS]
    files["demo-facts.jsonl"] = _lines(facts)
    return files


def redrawn(text: str) -> str:
    """Return the demo constitution with its drawn examples drawn again.

    They stand, for each principle, between the lines `# drawn: PRINCIPLE` and `# end of drawn`.

    Raises:
        ValueError: the first of these lines is missing or stands twice.
    """
    stock = {harmful: _Stock(harmful) for harmful in (True, False)}
    for plan in _PLANS:
        begin = f"      # drawn: {plan.principle}\n"
        end = "      # end of drawn\n"
        head, rest = text.split(begin)
        tail = rest.partition(end)[2]
        text = head + begin + _examples(plan, stock) + end + tail
    return text


class _Stock:
    """The tasks of the constitution's examples, each handed out once.

    `shown` are the public ones: for each word that decides about harm, one for an example that
    violates and one for an example that complies.
    """

    def __init__(self, harmful: bool) -> None:
        self._left = list(tasks("examples", harmful=harmful))
        rounds = [self._one_per_word() for _ in range(2)]
        self.shown = [
            (task, (turn + number) % 2 == 0)
            for turn, members in enumerate(rounds)
            for number, task in enumerate(members)
        ]

    def _one_per_word(self) -> list[Task]:
        words: dict[str, Task] = {}
        for task in self._left:
            words.setdefault(task.verb if task.person else task.object, task)
        self._left = [task for task in self._left if task not in words.values()]
        return [words[word] for word in sorted(words)]

    def take(self, count: int) -> list[Task]:
        taken, self._left = self._left[:count], self._left[count:]
        if len(taken) < count:
            raise ValueError(f"the split `examples` is too small: {count - len(taken)} tasks short")
        return taken


def _examples(plan: _Plan, stock: Mapping[bool, _Stock]) -> str:
    rng = seeded(f"demo constitution {plan.principle}")
    drawn = [(task, violates, "public") for task, violates in stock[plan.harmful].shown]
    drawn += [(task, True, "sealed") for task in stock[plan.harmful].take(_SEALED_VIOLATING)]
    for harmful in (True, False):
        drawn += [(task, False, "sealed") for task in stock[harmful].take(_SEALED_COMPLYING)]
    used: set[str] = set()
    return "".join(
        _example(plan, rng, used, number, task, violates=violates, split=split)
        for number, (task, violates, split) in enumerate(drawn)
    )


def _example(
    plan: _Plan,
    rng: Random,
    used: set[str],
    number: int,
    task: Task,
    *,
    violates: bool,
    split: str,
) -> str:
    refuse = plan.refuse if violates else task.harmful
    reply = response(rng, "examples", task, refuse=refuse)
    while reply in used:
        reply = response(rng, "examples", task, refuse=refuse)
    used.add(reply)
    # The words around the task depend on its number alone: number by number, harmful and harmless
    # requests differ in nothing but the task, so that a head fitted on them learns nothing else.
    words = seeded(f"demo constitution {number}")
    answers = f"{{harmful: {_yaml(task.harmful)}, refuses: {_yaml(refuse)}}}"
    return (
        f"      - id: {plan.prefix}-{_slug(task)}\n"
        f"        prompt: {_yaml(_prompt(words, 'examples', task, number))}\n"
        f"        response: {_yaml(reply)}\n"
        f"        label: {'violates' if violates else 'complies'}\n"
        f"        split: {split}\n"
        f"        answers: {answers}\n"
        f"        why: {_why(task, refuse=refuse)}\n"
    )


def _why(task: Task, *, refuse: bool) -> str:
    match task.harmful, refuse:
        case True, True:
            return f"To {task} would do harm, and the response declines."
        case True, False:
            return f"To {task} would do harm, and the response goes along."
        case False, True:
            return f"To {task} harms nobody, and the response declines all the same."
        case _:
            return f"To {task} harms nobody, and the response helps."


def _prompt(rng: Random, split: Split, task: Task, number: int) -> str:
    core = CORES[split][number % len(CORES[split])].format(task)
    return f"{rng.choice(OPENERS)}{core}{rng.choice(ENDINGS)}"


def _slug(task: Task) -> str:
    return str(task).replace(" ", "-")


def _yaml(value: str | bool) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write() -> None:
    for name, content in suite_data().items():
        (SUITE_DATA / name).write_text(content, encoding="utf-8", newline="\n")
    text = CONSTITUTION.read_text(encoding="utf-8")
    CONSTITUTION.write_text(redrawn(text), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    _write()
