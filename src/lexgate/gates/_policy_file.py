"""Reading gate policies: schema first, then what a schema cannot say, all mistakes at once.

A policy that could promote without evidence, or that nothing could ever satisfy, is refused here:
no rules, claim C0, a limit of 0 (no bound is ever 0) or 1 (every bound is inside it).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate._documents import Document, did_you_mean, load_schema, read_document
from lexgate._text import printable
from lexgate.constitutions import Constitution, Severity, find
from lexgate.errors import InvalidFile, Problem, UsageError
from lexgate.gates._find_policy import locate
from lexgate.gates._policy import AtLeast, NonInferiority, Policy, RateLimit, Rule, rules_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.constitutions import Claim

__all__ = ["load_policy"]

_ALPHA = 0.05
_VALIDITY_DAYS = 30
_LATER = {
    "waivers": "this version has no waivers: remove the key; a blocked candidate stays blocked",
    "controls": "this version plants no controls: remove the key",
}


def load_policy(reference: str | Path) -> Policy:
    """Load a policy from a YAML file, or by `name` or `name@version`.

    A name is looked for in `./policies`, then among those that come with the package. The
    constitution it names is looked for near the file first, then among the shipped ones.

    Raises:
        UsageError: there is no such file or name.
        InvalidFile: the file is wrong; carries every problem found, or the one that it is a
            file of another kind.
    """
    path = locate(reference)
    reader = _Reader(path.parent)
    try:
        document = read_document(
            path, load_schema("lexgate.gates", "policy.schema.json"), reader.check
        )
    except InvalidFile as error:
        problems = (_later(problem) for problem in error.problems)
        raise InvalidFile(tuple(problems)) from error
    policy = _policy(document.data, reader)
    _require_version(reference, policy, path)
    return policy


def _require_version(reference: str | Path, policy: Policy, path: Path) -> None:
    """Hold the header against a cited version: a file that was renamed is no other policy."""
    if isinstance(reference, Path) or str(path) == reference:
        return
    version = reference.partition("@")[2]
    if version and version != policy.version:
        message = (
            f"{printable(str(path), 4096)}: expected the policy {reference}, as the file is named; "
            f"its header says {policy.reference}: rename the file or correct the header"
        )
        raise UsageError(message)


def _later(problem: Problem) -> Problem:
    return dataclasses.replace(problem, hint=_LATER.get(problem.path, problem.hint))


def _policy(data: Mapping[str, Any], reader: _Reader) -> Policy:
    constitution = reader.constitution
    assert constitution is not None  # noqa: S101  a policy without one was a problem
    rules = tuple(reader.rules)
    days = data.get("validity_days", _VALIDITY_DAYS)
    light = (data.get("critic") or {}).get("light") == "allowed"
    content: dict[str, Any] = {
        "policy": data["policy"],
        "version": data["version"],
        "constitution": [constitution.reference, constitution.digest],
        "alpha": reader.alpha,
        "rules": rules_json(rules),
        "validity_days": days,
    }
    if light:  # said only where it holds, so that digests of all other policies stay what they were
        content["critic"] = {"light": "allowed"}
    return Policy(
        name=data["policy"],
        version=data["version"],
        title=data.get("title", ""),
        constitution=constitution,
        alpha=reader.alpha,
        rules=rules,
        validity_days=days,
        digest=digest(content),
        light=light,
    )


class _Reader:
    """Turns the sound rules of a document into records, and collects what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._document: Document
        self.constitution: Constitution | None = None
        self.alpha = _ALPHA
        self.rules: list[Rule] = []
        self.problems: list[Problem] = []

    def check(self, document: Document) -> list[Problem]:
        """Read everything the schema left sound; return what it could not see."""
        self._document = document
        self.alpha = float(document.get(("error_budget", "alpha")) or _ALPHA)
        self.constitution = self._find(document.get(("constitution",)))
        entries = document.data.get("rules") if isinstance(document.data, dict) else None
        if entries == []:
            self._problem(("rules",), "a policy without rules would pass everything", "write one")
        seen: set[str] = set()
        for index in range(len(entries) if isinstance(entries, list) else 0):
            entry = document.get(("rules", index))
            if entry is None:
                continue
            if entry["id"] in seen:
                self._problem(("rules", index, "id"), f'the id "{entry["id"]}" is used twice')
            seen.add(entry["id"])
            rule = self._rule(index, entry)
            if rule is not None:
                self.rules.append(rule)
        return self.problems

    def _find(self, reference: str | None) -> Constitution | None:
        if reference is None:
            return None
        try:
            return find(reference, near=self._folder)
        except InvalidFile as error:
            self.problems += error.problems
        except UsageError as error:
            self._problem(("constitution",), str(error))
        return None

    def _rule(self, index: int, entry: Mapping[str, Any]) -> Rule | None:
        if entry["type"] == "rate_limit":
            return self._rate_limit(index, entry)
        task, _, metric = entry["metric"].partition("/")
        if entry["type"] == "at_least":
            value = self._reachable(("rules", index, "value"), float(entry["value"]))
            return AtLeast(entry["id"], task, metric, value, self.alpha)
        margin, first = float(entry["margin"]), None
        if margin >= 1.0:
            path = ("rules", index, "margin")
            self._problem(path, "a margin of 1 lets a candidate be wrong everywhere")
        if "first" in entry:
            path = ("rules", index, "first")
            first = self._reachable((*path, "at_least"), float(entry["first"]["at_least"]))
        return NonInferiority(entry["id"], task, metric, margin, first, self.alpha)

    def _rate_limit(self, index: int, entry: Mapping[str, Any]) -> RateLimit | None:
        path, constitution = ("rules", index), self.constitution
        if constitution is None:
            return None
        try:
            principle = constitution.principle(entry["principle"])
        except KeyError:
            known = [principle.id for principle in constitution.principles]
            message = f'{constitution.reference} has no principle "{entry["principle"]}"'
            near = did_you_mean(entry["principle"], known)
            self._problem((*path, "principle"), message, near or f"it has {', '.join(known)}")
            return None
        severity = constitution.severity(principle.severity)
        limit = float(entry.get("limit", severity.limit))
        claim: Claim = entry.get("claim", severity.claim)
        confidence = float(entry.get("confidence", severity.confidence))
        if not 0.0 < limit < 1.0:
            why = "no bound is ever 0: it can never pass" if limit <= 0.0 else "every rate passes"
            at = (*path, "limit") if "limit" in entry else path
            self._problem(at, f"a limit of {limit:g} decides nothing: {why}")
        if claim == "C0":
            at = (*path, "claim") if "claim" in entry else path
            message = "claim C0 is a count of what the critic flagged; it never promotes"
            self._problem(at, message, "write `claim: C1` or stronger")
        return RateLimit(
            id=entry["id"],
            principle=principle.id,
            task=entry.get("task"),
            limit=limit,
            alpha=self._alpha((*path, "confidence"), confidence, written="confidence" in entry),
            claim=claim,
            leniency=_leniency(entry, severity),
        )

    def _alpha(self, path: tuple[str | int, ...], confidence: float, *, written: bool) -> float:
        """Give the stricter of confidence and error budget; refuse to overspend it in words."""
        spent = round(1.0 - confidence, 12)
        if spent <= 0.0:
            found = f"a confidence of {confidence!r} is certainty, which no evidence gives"
            self._problem(path, found, "0.95 to 0.999 are usual")
            return self.alpha
        if written and spent > self.alpha:
            message = f"confidence {confidence:g} spends {spent:g} of an error budget"
            self._problem(path, f"{message} of {self.alpha:g}", "raise it, or raise the budget")
        return min(spent, self.alpha)

    def _reachable(self, path: tuple[str | int, ...], value: float) -> float:
        if not 0.0 < value < 1.0:
            why = "no evidence can show it" if value >= 1.0 else "everything reaches it"
            self._problem(path, f"a value of {value:g} decides nothing: {why}")
        return value

    def _problem(self, path: tuple[str | int, ...], message: str, hint: str = "") -> None:
        self.problems.append(self._document.problem(path, message, hint))


def _leniency(entry: Mapping[str, Any], severity: Severity) -> tuple[str, ...]:
    """Say where a rule asks for less than the severity of its principle does."""
    said = []
    if entry.get("claim", severity.claim) < severity.claim:
        said.append(f"claims {entry['claim']} where severity {severity.id} asks {severity.claim}")
    if entry.get("limit", severity.limit) > severity.limit:
        said.append(
            f"allows {entry['limit']:g} where severity {severity.id} allows {severity.limit:g}"
        )
    if entry.get("confidence", severity.confidence) < severity.confidence:
        said.append(
            f"is held with confidence {entry['confidence']:g} where severity {severity.id} asks "
            f"{severity.confidence:g}"
        )
    return tuple(said)
