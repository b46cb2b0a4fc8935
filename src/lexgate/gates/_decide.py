"""The decision: a pure function of a policy, a run, a baseline's run and the time.

    checks of the run as a whole → per rule: count, bound, outcome → the worst outcome decides

What fails a check makes every rule an error; whatever breaks while a rule is decided makes that
rule an error. Nothing here can turn an exception, a missing row or an unknown name into a pass.
Laws (tested): removing rows, or turning verdicts into abstentions, never turns a block into a
pass; the same inputs give the same decision.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, NamedTuple

from lexgate import __version__
from lexgate._text import printable
from lexgate.errors import EvidenceError, LexgateError, UsageError
from lexgate.evals import AnswerRow, Run, ScoreRow
from lexgate.gates._decision import Decision, Outcome, RuleOutcome
from lexgate.gates._evidence import Evidence, collect, count_pairs, count_rate, count_scores
from lexgate.gates._manifest import RunFacts, RunLike, TaskFacts, read_facts
from lexgate.gates._notes import (
    critics,
    light_alone,
    notes_of_run,
    notes_on_answers,
    prints,
    ran_code,
    resting_on_light,
    same_rules,
)
from lexgate.gates._policy import AtLeast, NonInferiority, Policy, RateLimit, Rule
from lexgate.gates._rules import (
    at_least,
    first_promotion,
    non_inferiority,
    on_light_critics,
    rate_limit,
    rule_error,
)
from lexgate.gates._words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

__all__ = ["decide"]

_CLOCK_SKEW = timedelta(minutes=5)  # between the machine that evaluated and the one that decides
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
    case = _Case(policy, run, baseline, now)
    rules = tuple(case.rules())
    facts = case.facts
    start = facts.created if facts else now
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
        expires=_stamp(start + timedelta(days=policy.validity_days)),
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


class _Objection(NamedTuple):
    """Why nothing can be decided on a run, and what could be."""

    reason: str
    needs: str = ""


class _Case:
    """One decision being made: what was read, and what a reader must know about it."""

    def __init__(
        self, policy: Policy, run: RunLike, baseline: RunLike | None, now: datetime
    ) -> None:
        self._policy = policy
        self._run = run
        self._baseline = baseline
        self._now = now
        self._evidence = Evidence()
        self._before: Evidence | str | None = None  # a text is why there is none
        self.facts: RunFacts | None = None
        self.notes: list[str] = []

    def rules(self) -> Iterator[RuleOutcome]:
        """Decide every rule, in the policy's order."""
        for rule in self._policy.rules:
            said = rule.leniency if rule.type == "rate_limit" else ()
            self.notes += [f"rule {rule.id} {sentence}" for sentence in said]
        self._note_unused_baseline()
        broken = self._read()
        for rule in self._policy.rules:
            if broken is not None or self.facts is None:
                yield rule_error(rule, *(broken or _Objection("the run was not read")))
                continue
            try:
                yield self._rule(rule, self.facts)
            except Exception as error:  # noqa: BLE001  whatever breaks a rule never passes it
                yield rule_error(rule, _said(error))

    def _note_unused_baseline(self) -> None:
        compares = any(rule.type == "non_inferiority" for rule in self._policy.rules)
        if self._baseline is not None and not compares:
            self.notes.append(
                f"no rule compares with the baseline: {self._baseline.id} had no part in this"
            )

    def _read(self) -> _Objection | None:
        """Read the run and check it as a whole; return why it cannot be decided on."""
        try:
            facts = self.facts = read_facts(self._run.manifest)
            self.notes += notes_of_run(self._policy, facts)
            found = list(_objections(self._policy, facts, self._now))
            if not self._run.complete:
                found.append(_Objection(_cut(self._run, facts)))
            if not found:
                self._evidence = collect(self._run, facts)
                self.notes += notes_on_answers(self._evidence)
        except Exception as error:  # noqa: BLE001  whatever is wrong with a run is an outcome
            return _Objection(_said(error))
        if not found:
            return None
        needs = "; ".join(each.needs for each in found if each.needs)
        return _Objection("; ".join(each.reason for each in found), needs)

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
            f"{counted(exam.false_alarms, 'false alarm')}"
            + (f", {exam.silent} not answered" if exam.silent else "")
        )
        outcome = rate_limit(rule, counts)
        light = resting_on_light(self._evidence, facts, task.id, principle.id)
        critic, alone = facts.critic["name"], light_alone(facts)
        if not self._policy.light and (alone or light):
            outcome = on_light_critics(outcome, critic, 0 if alone else light)
        elif light and not alone:
            self.notes.append(
                f"rule {rule.id}: {counted(light, 'sample')} found to comply by light critics "
                f"alone ({critic}), as the policy allows"
            )
        return replace(outcome, subject=f"principle/{task.id}/{principle.id}")

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
        self.notes.append(
            f"the baseline {self._baseline.id} is of {theirs.candidate['name']} "
            f"({theirs.candidate['digest']}); its evidence is {self._baseline.head}"
        )
        if prints(theirs.candidate) & prints(facts.candidate):
            message = "the baseline is the same model as the candidate, so it shows nothing"
            outcome = non_inferiority(rule, None)
            return replace(outcome, reason=message, needs="a run of the promoted model")
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


def _objections(policy: Policy, facts: RunFacts, now: datetime) -> Iterator[_Objection]:
    """Say why no rule can be decided on this run, whatever its rows say."""
    age = now - facts.created
    if age < -_CLOCK_SKEW:
        yield _Objection(f"the run is from the future: it was created {_stamp(facts.created)}")
    if age > timedelta(days=policy.validity_days):
        yield _Objection(
            f"the run is of {_stamp(facts.created)}, and evidence counts for "
            f"{counted(policy.validity_days, 'day')}",
            "a new run: evaluate the candidate again",
        )
    needed = any(rule.type == "rate_limit" for rule in policy.rules)
    if not same_rules(policy, facts) and (needed or facts.constitution is not None):
        yield _other_rules(policy, facts)
    own = facts.candidate["digest"]
    for critic in critics(facts):
        if prints(critic) & prints(facts.candidate):
            yield _Objection(
                f"the critic {critic.get('name')} is the candidate {facts.candidate['name']} "
                f"itself ({own}): a model cannot judge itself"
            )
            break


def _other_rules(policy: Policy, facts: RunFacts) -> _Objection:
    ours, theirs = policy.constitution, facts.constitution
    if theirs == ours.reference:
        digests = f"{_short(facts.constitution_digest or '')} then, {_short(ours.digest)} now"
        return _Objection(
            f"the constitution {theirs} was edited since the run was judged by it ({digests})",
            "a run judged by it as it stands now: evaluate the candidate again",
        )
    about = f"the policy {policy.reference} is about {ours.reference}"
    if theirs is None:
        reason = f"the run was judged by no constitution, {about}"
        return _Objection(reason, f"a run of a suite that judges by {ours.reference}")
    return _Objection(
        f"the run was judged by {theirs}, {about}",
        f"a policy for {theirs}, or a run of a suite that judges by {ours.reference}",
    )


def _short(digest: str) -> str:
    algorithm, colon, value = digest.partition(":")
    return f"{algorithm}{colon}{value[:12]}"


def _cut(run: RunLike, facts: RunFacts) -> str:
    done = {(row.task, row.sample) for row in run.rows() if isinstance(row, AnswerRow | ScoreRow)}
    declared = [task.samples for task in facts.tasks]
    total = str(sum(n or 0 for n in declared)) + (" or more" if None in declared else "")
    return (
        f"the run {run.id} was cut: {len(done)} of {total} samples were answered; resume it with "
        f"`{_resume_command(run, facts)}`"
    )


def _resume_command(run: RunLike, facts: RunFacts) -> str:
    words = ["lexgate", "eval", facts.suite.partition("@")[0], "--model", facts.candidate["name"]]
    if facts.critic is not None:
        words += ["--critic", facts.critic["name"]]
    if any(ran_code(identity) for identity in (facts.candidate, *critics(facts))):
        words.append("--allow-code")
    return shlex.join([*words, "--resume", str(run.path) if isinstance(run, Run) else run.id])


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
