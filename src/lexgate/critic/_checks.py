"""The backend `checks`: the constitution's regular expressions, no model.

A match shows the proposition to be true. The absence of an `exact` pattern shows it to be false;
the absence of any other shows nothing. Where patterns contradict each other, or one of them cannot
be searched for in bounded time, nothing is answered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexgate._digests import digest
from lexgate.critic._protocols import Identity, Silence
from lexgate.critic._questions import SEES, askers, seen
from lexgate.critic._search import search
from lexgate.critic._verdicts import Answer
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.constitutions import Check, Constitution, Principle, Sight
    from lexgate.critic._exchange import Exchange
    from lexgate.critic._prompts import Question

__all__ = ["ChecksBackend", "Pattern", "patterns_of"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A check, compiled."""

    regex: re.Pattern[str]
    sees: Sight
    exact: bool

    def found(self, exchange: Exchange) -> bool | Silence:
        """Say whether it matches; silence where that cannot be known in time."""
        return search(self.regex, seen(exchange, self.sees))


class ChecksBackend:
    """Answers the questions that the constitution has checks for."""

    deaf = True

    def __init__(self, constitution: Constitution) -> None:
        self._patterns = {
            key: [pattern for principle, name in pairs for pattern in patterns_of(principle, name)]
            for key, pairs in askers(constitution).items()
        }
        content = [
            [p.id, c.pattern, c.sees, c.shows, c.exact]
            for p in constitution.principles
            for c in p.checks
        ]
        self.identity = Identity("checks", digest(["checks", content]), (("light", "true"),))

    def digest_of(self, questions: Sequence[Question]) -> str:
        """Digest the patterns of these questions."""
        patterns = [
            [p.regex.pattern, p.sees, p.exact]
            for question in questions
            for p in self._patterns.get(question.digest, [])
        ]
        return digest(["checks", [q.digest for q in questions], patterns])

    def answer(self, question: Question, exchanges: Sequence[Exchange]) -> list[Answer | Silence]:
        """Search each exchange for the patterns of the question."""
        patterns = self._patterns.get(question.digest, [])
        if not patterns:
            return [Silence("no_answer", f"checks: none for {question.proposition}")] * len(
                exchanges
            )
        return [_decide(patterns, question, exchange) for exchange in exchanges]


def patterns_of(principle: Principle, proposition: str) -> list[Pattern]:
    """Compile the checks of one principle that show one proposition.

    Raises:
        UsageError: a check sees more than the proposition it shows.
    """
    sights = {p.id: p.sees for p in principle.propositions}
    checks = [check for check in principle.checks if check.shows == proposition]
    for check in checks:
        if check.sees not in SEES[sights[proposition]]:
            raise UsageError(
                f"a check of {principle.id} sees the {check.sees}, but {proposition!r}, which it "
                f"shows, sees only the {sights[proposition]}: give the check "
                f"`sees: {sights[proposition]}`"
            )
    return [_compile(principle, check) for check in checks]


def _compile(principle: Principle, check: Check) -> Pattern:
    try:
        return Pattern(re.compile(check.pattern, re.IGNORECASE), check.sees, check.exact)
    except re.error as error:
        raise UsageError(
            f"a check of {principle.id} is no regular expression: {check.pattern!r}: {error}"
        ) from error


def _decide(patterns: list[Pattern], question: Question, exchange: Exchange) -> Answer | Silence:
    found = [pattern.found(exchange) for pattern in patterns]
    for hit in found:
        if isinstance(hit, Silence):
            return hit  # what it would have said could contradict the others
    shown_false = any(p.exact and not hit for p, hit in zip(patterns, found, strict=True))
    if any(found) and shown_false:
        return Silence(
            "no_answer",
            f"checks: exact patterns of {question.proposition} contradict each other; join those "
            "that mean one thing with |",
        )
    if any(found) or shown_false:
        return Answer(question.proposition, 1.0 if any(found) else 0.0, "checks")
    return Silence("no_answer", f"checks: no pattern of {question.proposition} matches")
