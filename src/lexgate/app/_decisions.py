"""Decision records as the review app reads them: strictly, because a wrong pass is the worst thing.

A record that is not exactly what `Decision.to_json` writes, or whose outcome is milder than what
its own rules come to, is damaged and is never shown as an outcome.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lexgate.gates import RESTS_ON, Decision, Outcome, RuleOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "DecisionRecord",
    "check_moment",
    "concerns_about",
    "newest_first",
    "read_decisions",
    "worst_first",
]

_WORST_FIRST = (Outcome.ERROR, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS)
_LIMIT = 16 << 20  # bytes; a decision is some kilobytes


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One file of a run's `decisions` folder: a decision, or why it cannot be read as one."""

    run: str  # name of the run's folder
    name: str  # the file's name without `.json`
    decision: Decision | None
    problem: str  # empty exactly when `decision` is there
    raw: str  # the file as text


def read_decisions(run: Path) -> tuple[DecisionRecord, ...]:
    """Read all decision files of a run, newest first; damaged ones come first of all."""
    try:
        files = sorted((run / "decisions").glob("*.json"))
    except OSError:
        return ()
    return newest_first([_read(run, file) for file in files])


def newest_first(records: Sequence[DecisionRecord]) -> tuple[DecisionRecord, ...]:
    """Order decisions by time, damaged ones before all others: somebody has to look at them."""
    return tuple(
        sorted(records, key=lambda r: (r.decision is None, _decided(r), r.name), reverse=True)
    )


def worst_first(rules: tuple[RuleOutcome, ...]) -> tuple[RuleOutcome, ...]:
    """Order rules for reading: what blocks first, else in the policy's order."""
    return tuple(sorted(rules, key=lambda rule: _WORST_FIRST.index(rule.outcome)))


def concerns_about(
    decision: Decision, manifest: Mapping[str, Any], head: str, now: datetime
) -> tuple[str, ...]:
    """Say why a decision may no longer stand for the run beside it; empty when it does.

    Args:
        decision: the record.
        manifest: the run's `run.json`.
        head: the run's chain head as read now, empty where the run is damaged.
        now: aware UTC time.
    """
    found = []
    if decision.run != manifest.get("id"):
        found.append(f"It was made about another run: {decision.run}.")
    if decision.evidence != head:
        found.append(
            "The run's rows are not the ones this decision was made on: its evidence is "
            f"{decision.evidence or 'not named'}, the run now ends in {head or 'nothing readable'}."
        )
    for part, said in _identities(decision).items():
        stands = manifest.get(part)
        if ((stands.get("digest") if isinstance(stands, dict) else None) or "") != (said or ""):
            found.append(f"The run's {part} has another digest than the decision names.")
    expires = _time(decision.expires)
    if expires is None:
        found.append(f"Its expiry is not a time: {decision.expires!r}.")
    elif expires <= now:
        found.append(f"It expired at {decision.expires}.")
    return tuple(found)


def _identities(decision: Decision) -> dict[str, Any]:
    return {
        "candidate": decision.candidate.get("digest"),
        "critic": decision.critic.get("digest"),
        "constitution": decision.constitution_digest,
        "suite": decision.suite_digest,
    }


def _read(run: Path, file: Path) -> DecisionRecord:
    raw = ""
    try:
        if not file.is_file():  # a pipe would wait for ever
            return DecisionRecord(run.name, file.stem, None, "It is not a regular file.", raw)
        if file.stat().st_size > _LIMIT:
            return DecisionRecord(run.name, file.stem, None, "The file is over 16 MiB.", raw)
        raw = file.read_text("utf-8")
        decision = _decision(json.loads(raw))
        check_moment(decision.decided)
        check_moment(decision.expires)
        return DecisionRecord(run.name, file.stem, decision, "", raw)
    except Exception as error:  # noqa: BLE001  whatever one file holds, the list must stand
        problem = str(error) or type(error).__name__
        return DecisionRecord(run.name, file.stem, None, problem, raw)


def _decision(data: Any) -> Decision:
    """Rebuild a decision; raises ValueError, TypeError or KeyError where it is none."""
    fields = _fields(data, Decision, "the decision")
    fields["outcome"] = Outcome(fields["outcome"])
    fields["rules"] = tuple(_rule(rule) for rule in fields["rules"])
    fields["notes"] = tuple(fields["notes"])
    for part in (fields["candidate"], fields["critic"]):
        if not isinstance(part, dict):
            message = f"candidate and critic must be objects, found {type(part).__name__}"
            raise TypeError(message)
    decision = Decision(**fields)
    _texts(decision, decision.notes, ("outcome", "rules", "notes", "candidate", "critic"))
    own = {rule.outcome for rule in decision.rules}
    comes_to = next((outcome for outcome in _WORST_FIRST if outcome in own), Outcome.ERROR)
    if _WORST_FIRST.index(decision.outcome) > _WORST_FIRST.index(comes_to):
        message = f"it says {decision.outcome}, but its rules come to {comes_to}"
        raise ValueError(message)
    return decision


def _rule(data: Any) -> RuleOutcome:
    fields = _fields(data, RuleOutcome, "a rule")
    fields["outcome"] = Outcome(fields["outcome"])
    rule = RuleOutcome(**fields)
    for name in ("estimate", "low", "high", "limit", "n", "clusters"):
        value = getattr(rule, name)
        absent = value is None and name in {"estimate", "low", "high"}
        if not absent and (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            message = f"{name} of rule {rule.id} must be a number, found {value!r}"
            raise ValueError(message)
    if rule.claim not in RESTS_ON:
        message = f"claim of rule {rule.id} is of no known level: {rule.claim!r}"
        raise ValueError(message)
    numbers = ("estimate", "low", "high", "limit", "n", "clusters")
    _texts(rule, (), ("outcome", *numbers))
    return rule


def _fields(data: Any, kind: type[Any], what: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        message = f"{what} must be an object, found {type(data).__name__}"
        raise TypeError(message)
    declared = dataclasses.fields(kind)
    known = {field.name for field in declared}
    required = {f.name for f in declared if f.default is dataclasses.MISSING}
    if not required <= set(data) <= known:
        wrong = sorted(required - set(data)) + sorted(set(data) - known)
        message = f"{what} has other fields than this version writes: {', '.join(wrong)}"
        raise ValueError(message)
    return dict(data)


def _texts(record: Any, more: tuple[Any, ...], skipped: tuple[str, ...]) -> None:
    named = [
        (field.name, getattr(record, field.name))
        for field in dataclasses.fields(record)
        if field.name not in skipped
    ]
    for name, value in [*named, *(("notes", note) for note in more)]:
        if not isinstance(value, str) and not (name == "baseline" and value is None):
            message = f"{name} must be text, found {value!r}"
            raise TypeError(message)


def check_moment(text: str) -> None:
    """Raise OverflowError where a time cannot be told in UTC; what is no time at all may stand."""
    time = _time(text)
    if time is not None:
        time.astimezone(UTC)


def _decided(record: DecisionRecord) -> datetime:
    floor = datetime.min.replace(tzinfo=UTC)
    return floor if record.decision is None else _time(record.decision.decided) or floor


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
