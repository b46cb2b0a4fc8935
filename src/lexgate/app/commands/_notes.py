"""What `lexgate check` says of files that are valid and still cannot do what they seem to promise.

Notes are no mistakes: the exit code stays 0. Told now, they spare a run that no gate could pass.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lexgate.app.commands._pinned import places_in, unlocked
from lexgate.errors import LexgateError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lexgate.app.commands._pinned import Places
    from lexgate.constitutions import Constitution
    from lexgate.evals import Suite
    from lexgate.gates import Policy

    Loaded = Constitution | Suite | Policy

__all__ = ["notes_on"]

_LISTED = 5  # principles one note names
_LONG = 40  # tokens of a question; of what a critic computes, long questions are most
_FEW = 3  # examples of each plain label that a rule needs
_ONLY_C1 = (
    "only C1 can pass in this version; C2 and above need people's labels, which it cannot read"
)


def notes_on(loaded: Loaded, shown: str, suites: Sequence[Suite] | None) -> tuple[Problem, ...]:
    """Give the notes on a valid file.

    Args:
        loaded: what was read from it.
        shown: its path, or the name it ships under.
        suites: the suites checked beside it; None where not all of them could be read.
    """
    from lexgate.constitutions import Constitution
    from lexgate.gates import Policy

    if isinstance(loaded, Constitution):
        return (
            *_on_severities(loaded, shown),
            *_on_examples(loaded, shown),
            *_on_unused(loaded, shown),
            *_on_lengths(loaded, shown),
            *_on_lock(loaded, shown),
        )
    if isinstance(loaded, Policy):
        places = places_in(shown)
        unmeasured = [] if suites is None else _unmeasured(loaded, shown, suites, places)
        return (*_on_claims(loaded, shown, places), *unmeasured)
    return ()


def _on_severities(constitution: Constitution, shown: str) -> Iterator[Problem]:
    strict = [f"{s.id} ({s.claim})" for s in constitution.severities if s.claim > "C1"]
    if strict:
        line, column = places_in(shown).get(("severities",), (1, 1))
        message = f"rules of severity {', '.join(strict)} stay inconclusive: {_ONLY_C1}"
        hint = "until then a policy may ask for `claim: C1`; every decision repeats that it does"
        yield Problem(shown, line, column, "severities", message, hint)


def _on_lengths(rules: Constitution, shown: str) -> Iterator[Problem]:
    """Tell which questions are dear: each is read anew for every exchange, unlike the exchange."""
    from lexgate.critic import compile_prompts, length_of

    long: dict[int, str] = {}
    for index, prompt in enumerate(compile_prompts(rules)):
        for question in prompt.questions:
            if (own := length_of(question).own) > _LONG:
                long[index] = f"{prompt.principle} ({question.proposition}: about {own})"
    if long:
        line, column = places_in(shown).get(("principles", next(iter(long))), (1, 1))
        more = f" and {len(long) - _LISTED} more" if len(long) > _LISTED else ""
        message = (
            f"questions of more than {_LONG} tokens: {', '.join([*long.values()][:_LISTED])}{more}"
        )
        hint = (
            "a verdict costs the exchange once and every question anew, with the definitions of the "
            "terms it uses: short atomic questions are cheapest"
        )
        yield Problem(shown, line, column, "principles", message, hint)


def _on_examples(rules: Constitution, shown: str) -> Iterator[Problem]:
    few: dict[int, str] = {}
    for index, principle in enumerate(rules.principles):
        labels = [example.label for example in principle.examples]
        violating, complying = labels.count("violates"), labels.count("complies")
        if min(violating, complying) < _FEW:
            few[index] = f"{principle.id} ({violating} that violate, {complying} that comply)"
    if few:
        first = next(iter(few))
        line, column = places_in(shown).get(("principles", first), (1, 1))
        more = f" and {len(few) - _LISTED} more" if len(few) > _LISTED else ""
        message = (
            f"fewer than {_FEW} examples of a kind: {', '.join([*few.values()][:_LISTED])}{more}"
        )
        hint = "examples are the unit test of a rule, and the exam of its critic"
        yield Problem(shown, line, column, f"principles/{first}", message, hint)


def _on_unused(rules: Constitution, shown: str) -> Iterator[Problem]:
    from lexgate.constitutions import impossible_grades, unused
    from lexgate.critic import compile_prompts

    for principle in rules.principles:
        if grades := impossible_grades(rules, principle):
            message = f"no answers earn the grade {', '.join(grades)} of {principle.id}"
            yield Problem(shown, 1, 1, "", message, "its condition is never true: correct it")
    asked = [
        line for p in compile_prompts(rules) for q in p.questions for line in q.ask.split("\n")
    ]
    mute = [t for t, _ in rules.definitions if not any(li.startswith(f"{t}: ") for li in asked)]
    if mute:
        message = f"no question uses the defined terms {', '.join(mute)}"
        hint = "a definition reaches the critic only with a question that uses exactly its word"
        yield Problem(shown, 1, 1, "", message, hint)
    if names := unused(rules):
        message = f"no condition uses {', '.join(names)}"
        yield Problem(shown, 1, 1, "", message, "remove them, or use them in a violated_when")


def _on_lock(rules: Constitution, shown: str) -> Iterator[Problem]:
    if unlocked(rules, shown):
        message = f"{rules.reference} is not locked yet"
        yield Problem(shown, 1, 1, "", message, "`lexgate lock` notes what it means now")


def _on_claims(policy: Policy, shown: str, places: Places) -> Iterator[Problem]:
    for index, rule in enumerate(policy.rules):
        if rule.type == "rate_limit" and rule.claim > "C1":
            line, column = places.get(("rules", index), (1, 1))
            message = f"{rule.id} claims {rule.claim} and stays inconclusive: {_ONLY_C1}"
            hint = "until then `claim: C1` is the strongest that can pass"
            yield Problem(shown, line, column, f"rules/{index}", message, hint)


def _unmeasured(
    policy: Policy, shown: str, suites: Sequence[Suite], places: Places
) -> Iterator[Problem]:
    """Tell the rules that the suite which fits the policy best has no evidence for."""
    around = suites or _workspace(shown)
    if not around:
        return
    lacking = {suite.reference: _lacking(policy, suite) for suite in around}
    best = min(lacking, key=lambda reference: len(lacking[reference]))
    for index, message in lacking[best].items():
        line, column = places.get(("rules", index), (1, 1))
        where = best if len(lacking) == 1 else f"{best}, the nearest of {len(lacking)} suites,"
        yield Problem(shown, line, column, f"rules/{index}", f"{where} {message}")


def _lacking(policy: Policy, suite: Suite) -> dict[int, str]:
    """Say what each rule misses in a suite, by the rule's index."""
    metrics = _metrics(suite)
    listed = ", ".join(sorted(metrics)) or "none"
    found: dict[int, str] = {}
    for index, rule in enumerate(policy.rules):
        if rule.type != "rate_limit":
            if (wanted := f"{rule.task}/{rule.metric}") not in metrics:
                found[index] = f"does not measure {wanted}; it measures {listed}"
            continue
        judged = [
            task.id
            for task in suite.tasks
            if task.kind == "critic"
            and task.constitution.digest == policy.constitution.digest
            and rule.principle in task.principles
        ]
        where = f" of {policy.constitution.reference}"
        if not judged:
            found[index] = f"has no task that judges {rule.principle}{where}"
        elif rule.task is not None and rule.task not in judged:
            found[index] = f"judges {rule.principle}{where} on {', '.join(judged)}, not {rule.task}"
        elif rule.task is None and len(judged) > 1:
            found[index] = f"judges {rule.principle} on {', '.join(judged)}: name one as `task`"
    return found


def _metrics(suite: Suite) -> set[str]:
    metrics = {f"{task.id}/{task.scorer}" for task in suite.tasks if task.kind == "accuracy"}
    return metrics | {f"{task.id}/{task.metric}" for task in suite.tasks if task.kind == "lm_eval"}


def _workspace(shown: str) -> list[Suite]:
    """Read the suites beside a policy's directory; those that cannot be read leave no guess."""
    from lexgate._yaml_head import heads
    from lexgate.evals import load_suite

    path = Path(shown)
    if not path.is_file():
        return []
    try:
        folder = path.resolve().parent.parent / "suites"
        return [load_suite(head.path) for head in heads(folder, "suite")]
    except LexgateError:
        return []
