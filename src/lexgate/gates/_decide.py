"""The decision: a pure function of a policy, a run, a baseline's run and the time.

    checks of the run as a whole → per rule: count, bound, outcome → the worst outcome decides

What fails a check makes every rule an error; whatever breaks while a rule is decided makes that
rule an error. Nothing here can turn an exception, a missing row or an unknown name into a pass.
Laws (tested): removing rows, or turning verdicts into abstentions, never turns a block into a
pass; the same inputs give the same decision.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from lexgate import __version__
from lexgate._text import printable
from lexgate.critic import compile_prompts
from lexgate.errors import EvidenceError, LexgateError, UsageError
from lexgate.evals import AnswerRow, ScoreRow
from lexgate.gates._decision import Decision, Outcome, RuleOutcome
from lexgate.gates._evidence import Evidence, collect, count_pairs, count_rate, count_scores
from lexgate.gates._manifest import RunFacts, RunLike, TaskFacts, read_facts
from lexgate.gates._policy import AtLeast, NonInferiority, Policy, RateLimit, Rule
from lexgate.gates._rules import (
    at_least,
    first_promotion,
    non_inferiority,
    rate_limit,
    rule_error,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Any

__all__ = ["decide"]

_WORST_FIRST = (Outcome.ERROR, Outcome.FAIL, Outcome.INCONCLUSIVE)


def decide(
    policy: Policy, run: RunLike, *, baseline: RunLike | None = None, now: datetime
) -> Decision:
    """Decide whether a run's candidate may be promoted.

    Args:
        policy: What must be shown.
        run: The evidence about the candidate.
        baseline: The promoted model's run on the same suite, for non-inferiority.
        now: When it is decided; it needs a time zone.

    Raises:
        UsageError: `now` has no time zone. Whatever is wrong with the evidence is an outcome.
    """
    if now.tzinfo is None:
        raise UsageError("the time of a decision needs a time zone")
    case = _Case(policy, run, baseline)
    rules = tuple(case.rules())
    facts = case.facts
    return Decision(
        outcome=_overall(rules),
        policy=policy.reference,
        policy_digest=policy.digest,
        run=run.id,
        candidate=facts.candidate if facts else {},
        critic=(facts.critic or {}) if facts else {},
        constitution=policy.constitution.reference,
        constitution_digest=policy.constitution.digest,
        suite=facts.suite if facts else "unknown",
        suite_digest=facts.suite_digest if facts else "",
        baseline=baseline.id if baseline is not None else None,
        rules=rules,
        notes=tuple(dict.fromkeys(case.notes)),
        decided=_stamp(now),
        expires=_stamp(now + timedelta(days=policy.validity_days)),
        evidence=run.head,
        lexgate=__version__,
    )


def _overall(rules: tuple[RuleOutcome, ...]) -> Outcome:
    outcomes = {rule.outcome for rule in rules}
    for outcome in _WORST_FIRST:
        if outcome in outcomes:
            return outcome
    return Outcome.PASS if outcomes == {Outcome.PASS} else Outcome.ERROR


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


class _Case:
    """One decision being made: what was read, and what a reader must know about it."""

    def __init__(self, policy: Policy, run: RunLike, baseline: RunLike | None) -> None:
        self._policy = policy
        self._run = run
        self._baseline = baseline
        self._evidence = Evidence()
        self._before: Evidence | str | None = None  # a text is why there is none
        self.facts: RunFacts | None = None
        self.notes: list[str] = []

    def rules(self) -> Iterator[RuleOutcome]:
        """Decide every rule, in the policy's order."""
        for rule in self._policy.rules:
            said = rule.leniency if rule.type == "rate_limit" else ()
            self.notes += [f"rule {rule.id} {sentence}" for sentence in said]
        broken = self._read()
        for rule in self._policy.rules:
            if broken or self.facts is None:
                yield rule_error(rule, broken)
                continue
            try:
                yield self._rule(rule, self.facts)
            except Exception as error:  # noqa: BLE001  whatever breaks a rule never passes it
                yield rule_error(rule, _said(error))

    def _read(self) -> str:
        """Read the run and check it as a whole; return why it cannot be decided on."""
        try:
            facts = self.facts = read_facts(self._run.manifest)
            self.notes += _notes(self._policy, facts)
            reasons = list(_objections(self._policy, facts))
            if not self._run.complete:
                reasons.append(_cut(self._run, facts))
            if not reasons:
                self._evidence = collect(self._run, facts)
        except Exception as error:  # noqa: BLE001  whatever is wrong with a run is an outcome
            return _said(error)
        return "; ".join(reasons)

    def _rule(self, rule: Rule, facts: RunFacts) -> RuleOutcome:
        if isinstance(rule, RateLimit):
            return self._rate_limit(rule, facts)
        task = _measured(facts, rule.task, rule.metric)
        counts = count_scores(self._evidence, task.id, rule.metric, answers=_answers(task))
        if isinstance(rule, AtLeast):
            outcome = at_least(rule, counts)
        elif self._baseline is not None:
            outcome = self._compare(rule, task, facts)
        elif rule.first is not None:
            self.notes.append(
                f"rule {rule.id}: no baseline was given; decided as a first promotion, which "
                f"needs at least {rule.first:g}"
            )
            outcome = first_promotion(rule, counts)
        else:
            outcome = non_inferiority(rule, None)
        return replace(outcome, subject=f"metric/{task.id}/{rule.metric}")

    def _rate_limit(self, rule: RateLimit, facts: RunFacts) -> RuleOutcome:
        if facts.critic is None:
            message = f"the run has no critic: nothing was judged by {rule.principle}"
            raise EvidenceError(message)
        task = _judged(facts, rule)
        principle = self._policy.constitution.principle(rule.principle)
        counts = count_rate(self._evidence, task.id, principle)
        exam = counts.exam
        self.notes.append(
            f"rule {rule.id}: the critic's exam was {exam.violating} violating and "
            f"{exam.complying} complying sealed examples; {exam.hits} caught, "
            f"{exam.false_alarms} false alarms"
        )
        return replace(rate_limit(rule, counts), subject=f"principle/{task.id}/{principle.id}")

    def _compare(self, rule: NonInferiority, task: TaskFacts, facts: RunFacts) -> RuleOutcome:
        """Compare with the baseline, which is read once for all rules.

        Raises:
            EvidenceError: it cannot be compared with.
        """
        assert self._baseline is not None  # noqa: S101  the caller asked
        if self._before is None:
            self._before = _read_baseline(self._baseline, self._run, facts)
        if isinstance(self._before, str):
            message = f"the baseline cannot be compared with: {self._before}"
            raise EvidenceError(message)
        theirs = read_facts(self._baseline.manifest)
        if theirs.candidate["digest"] == facts.candidate["digest"]:
            self.notes.append(f"rule {rule.id}: the baseline is the same model as the candidate")
        if theirs.task(task.id).data_digest != task.data_digest:
            message = f"the baseline's data of task {task.id} are others"
            raise EvidenceError(message)
        pairs = count_pairs(
            self._evidence, self._before, task.id, rule.metric, answers=_answers(task)
        )
        return non_inferiority(rule, pairs)


def _read_baseline(baseline: RunLike, run: RunLike, facts: RunFacts) -> Evidence | str:
    """Read a baseline's rows, or say why they cannot be compared with."""
    try:
        theirs = read_facts(baseline.manifest)
        if baseline.id == run.id:
            return f"{run.id} is the run that is decided about; a run cannot be its own baseline"
        if not baseline.complete:
            return _cut(baseline, theirs)
        if theirs.suite_digest != facts.suite_digest:
            return (
                f"it was measured on {theirs.suite} ({theirs.suite_digest}), the candidate on "
                f"{facts.suite} ({facts.suite_digest})"
            )
        return collect(baseline, theirs)
    except LexgateError as error:
        return str(error)


def _objections(policy: Policy, facts: RunFacts) -> Iterator[str]:
    """Say why no rule can be decided on this run, whatever its rows say."""
    rules = policy.constitution
    wanted = (rules.reference, rules.digest)
    found = (facts.constitution, facts.constitution_digest)
    needed = any(rule.type == "rate_limit" for rule in policy.rules)
    if found != wanted and (needed or facts.constitution is not None):
        has = f"{found[0]} ({found[1]})" if facts.constitution else "no constitution"
        yield (
            f"the run was judged by {has}, the policy {policy.reference} is about {wanted[0]} "
            f"({wanted[1]}): evaluate the candidate again"
        )
    own = facts.candidate["digest"]
    for critic in _critics(facts):
        if critic.get("digest") == own:
            yield (
                f"the critic {critic.get('name')} is the candidate {facts.candidate['name']} "
                f"itself ({own}): a model cannot judge itself"
            )
            break


def _notes(policy: Policy, facts: RunFacts) -> Iterator[str]:
    """Say what a reader of the decision must know beside its numbers."""
    named = [("candidate", facts.candidate)]
    named += [("critic", critic) for critic in _critics(facts)]
    for role, identity in named:
        details = identity.get("details") or {}
        if str(details.get("allow_code", "false")).lower() not in {"false", "0", ""}:
            yield f"{role} {identity['name']}: its own code was run (--allow-code)"
        if details.get("note"):
            yield f"{role} {identity['name']}: {details['note']}"
    if facts.limit is not None:
        yield f"only the first {facts.limit} samples of each task were used (--limit)"
    asked = dict(facts.prompts)
    compiled = {prompt.principle: prompt.digest for prompt in compile_prompts(policy.constitution)}
    for principle, prompt in asked.items():
        if compiled.get(principle, prompt) != prompt:
            yield f"the critic was asked about {principle} as another version of lexgate words it"


def _critics(facts: RunFacts) -> list[dict[str, Any]]:
    if facts.critic is None:
        return []
    return [facts.critic, *facts.critic.get("backends", ())]


def _cut(run: RunLike, facts: RunFacts) -> str:
    done = {(row.task, row.sample) for row in run.rows() if isinstance(row, AnswerRow | ScoreRow)}
    declared = [task.samples for task in facts.tasks]
    total = str(sum(n or 0 for n in declared)) + (" or more" if None in declared else "")
    return (
        f"the run {run.id} was cut: {len(done)} of {total} samples were answered; resume it with "
        "`lexgate eval --resume`"
    )


def _measured(facts: RunFacts, task_id: str, metric: str) -> TaskFacts:
    task = facts.task(task_id)
    if task.metric != metric:
        has = f"its metric is {task.metric}" if task.metric else f"it is of kind {task.kind}"
        message = f"the run's task {task_id} does not measure {metric}: {has}"
        raise EvidenceError(message)
    return task


def _judged(facts: RunFacts, rule: RateLimit) -> TaskFacts:
    judging = [task for task in facts.tasks if rule.principle in task.principles]
    if rule.task is not None:
        task = facts.task(rule.task)
        if task not in judging:
            message = f"the run's task {task.id} does not judge the principle {rule.principle}"
            raise EvidenceError(message)
        return task
    if not judging:
        message = f"no task of the run judges the principle {rule.principle}"
        raise EvidenceError(message)
    if len(judging) > 1:
        names = ", ".join(task.id for task in judging)
        message = f"the tasks {names} all judge {rule.principle}: name one with `task:` in the rule"
        raise EvidenceError(message)
    return judging[0]


def _answers(task: TaskFacts) -> bool:
    """Tell whether a score needs an answer row: lm-eval keeps the responses to itself."""
    return task.kind != "lm_eval"


def _said(error: Exception) -> str:
    if isinstance(error, LexgateError):
        return str(error)
    return printable(f"the evidence broke the gate: {type(error).__name__}: {error}", 400)
