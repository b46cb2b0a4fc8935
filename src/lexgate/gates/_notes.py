"""What a reader of a decision must know beside its numbers, and what tells two models apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgate.critic import GIVEN, Verdict, compile_prompts
from lexgate.gates._words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from lexgate.gates._evidence import Evidence
    from lexgate.gates._manifest import RunFacts
    from lexgate.gates._policy import Policy

__all__ = [
    "critics",
    "light_alone",
    "notes_of_run",
    "notes_on_answers",
    "prints",
    "ran_code",
    "resting_on_light",
    "same_rules",
]

_LIGHT = frozenset({"checks", "exemplars", "exemplars+encoder"})


def notes_of_run(policy: Policy, facts: RunFacts) -> Iterator[str]:
    """Say what a reader of the decision must know beside its numbers."""
    named = [("candidate", facts.candidate)]
    named += [("critic", critic) for critic in critics(facts)]
    for role, identity in named:
        details = identity.get("details") or {}
        if ran_code(identity):
            yield f"{role} {identity['name']}: its own code was run (--allow-code)"
        if details.get("note"):
            yield f"{role} {identity['name']}: {details['note']}"
    yield from _on_light(policy, facts)
    for task in facts.tasks:
        if task.principles and task.given:
            stated = ", ".join(task.given)
            yield (
                f"task {task.id}: the data state the truth of {stated} for every prompt, and the "
                "critic took it from there, in its exam too"
            )
    yield (
        f"the policy names neither suite nor critic: who evaluated chose {facts.suite}"
        + (f" and {facts.critic['name']}" if facts.critic else "")
    )
    yield f"each bound is wrong with probability {_alphas(policy)} at most"
    if facts.limit is not None:
        yield f"only the first {facts.limit} samples of each task were used (--limit)"
    if not same_rules(policy, facts):
        return  # its prompts are others too, and why is told already
    asked = dict(facts.prompts)
    compiled = {prompt.principle: prompt.digest for prompt in compile_prompts(policy.constitution)}
    for principle, prompt in asked.items():
        if compiled.get(principle, prompt) != prompt:
            yield f"the critic was asked about {principle} as another version of lexgate words it"


def _on_light(policy: Policy, facts: RunFacts) -> Iterator[str]:
    if facts.critic is not None and policy.light and light_alone(facts):
        yield (
            "the policy allows a pass to rest on light critics alone, and here it does: "
            f"{facts.critic['name']}, patterns and heads fitted on examples"
        )


def notes_on_answers(evidence: Evidence) -> Iterator[str]:
    for task, cut in evidence.cut.items():
        if cut:
            total = len(evidence.samples[task])
            yield (
                f"task {task}: {cut} of {counted(total, 'response')} cut at max_new_tokens; what "
                "would have followed was never seen"
            )


def _alphas(policy: Policy) -> str:
    return " or ".join(f"{alpha:g}" for alpha in sorted({rule.alpha for rule in policy.rules}))


def same_rules(policy: Policy, facts: RunFacts) -> bool:
    rules = policy.constitution
    return (rules.reference, rules.digest) == (facts.constitution, facts.constitution_digest)


def ran_code(identity: dict[str, Any]) -> bool:
    said = (identity.get("details") or {}).get("allow_code", "false")
    return str(said).lower() not in {"false", "0", ""}


def critics(facts: RunFacts) -> list[dict[str, Any]]:
    if facts.critic is None:
        return []
    return [facts.critic, *facts.critic.get("backends", ())]


def light_alone(facts: RunFacts) -> bool:
    """Tell whether nothing but patterns and fitted heads judged; missing information excuses none.

    A backend is light that says so or is named so. The list of backends may be missing: then the
    critic's own name, its parts joined by `,` or `>`, decides.
    """
    if facts.critic is None:
        return False
    return all(_light(identity) for identity in facts.critic.get("backends") or [facts.critic])


def resting_on_light(evidence: Evidence, facts: RunFacts, task: str, principle: str) -> int:
    """Count the samples found to comply by light critics alone, whoever else was named.

    A critic that was named and never asked, or was silent, has no part in a verdict.
    """
    named = [facts.critic or {}, *((facts.critic or {}).get("backends") or ())]
    light = {str(identity.get("name", "")) for identity in named if _light(identity)}
    count = 0
    for (of_task, _, of_principle), judgement in evidence.verdicts.items():
        if (of_task, of_principle) != (task, principle) or not isinstance(judgement, Verdict):
            continue
        sources = {answer.source for answer in judgement.answers} - {GIVEN}
        count += bool(
            not judgement.violated
            and sources
            and all(source in light or _light({"name": source}) for source in sources)
        )
    return count


def _light(identity: dict[str, Any]) -> bool:
    if str((identity.get("details") or {}).get("light", "")).lower() == "true":
        return True
    parts = str(identity.get("name", "")).replace(">", ",").split(",")
    return all(part.strip() in _LIGHT or part.startswith("scripted/") for part in parts)


def prints(identity: dict[str, Any]) -> frozenset[str]:
    """Collect what tells a model again: its digest, and its weights' whatever lies beside them."""
    weights = (identity.get("details") or {}).get("weights")
    return frozenset(str(print_) for print_ in (identity.get("digest"), weights) if print_)
