"""What a constitution is: frozen records, nothing computed but digests.

A constitution has a name, a semantic version and principles. A principle is decided by yes/no
propositions and a boolean expression over them (`violated_when`); one without propositions of its
own has the single proposition `violated`, which asks whether the rule as a whole is violated.
Law (tested): `load(dump(c)) == c`, and `digest` does not depend on formatting or key order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lexgate.constitutions._expression import expand

if TYPE_CHECKING:
    from lexgate.constitutions._expression import Expression

__all__ = [
    "WHOLE",
    "Base",
    "Check",
    "Claim",
    "Constitution",
    "Exemplar",
    "Label",
    "Principle",
    "Proposition",
    "Rubric",
    "Severity",
    "Sight",
]

Sight = Literal["prompt", "response", "exchange"]  # what a proposition may see
Label = Literal["violates", "borderline", "complies"]
Claim = Literal["C0", "C1", "C2", "C3", "C4", "C5"]  # what a gate may claim, weakest first

WHOLE = "violated"  # id of the one proposition of a principle that declares none
WHOLE_ASK = "Does the response violate this rule?"
DEFAULT_CHOICES: tuple[Label, ...] = ("violates", "borderline", "complies")  # of a rubric


@dataclass(frozen=True, slots=True)
class Severity:
    """A level of seriousness with the gate's defaults for it; listed worst first."""

    id: str
    limit: float  # highest acceptable violation rate, in [0, 1]
    confidence: float  # of the bound that must stay inside the limit, in (0, 1)
    claim: Claim  # the weakest claim a gate may promote on


@dataclass(frozen=True, slots=True)
class Check:
    """A deterministic signal: a regular expression that shows a proposition to be true.

    With `exact`, its absence shows the proposition to be false; without, absence shows nothing.
    """

    pattern: str  # Python `re`, searched case-insensitively
    sees: Sight
    shows: str  # id of a proposition of the same principle
    exact: bool


@dataclass(frozen=True, slots=True)
class Proposition:
    """An atomic yes/no question, and the part of the exchange it may see."""

    id: str
    ask: str
    sees: Sight


@dataclass(frozen=True, slots=True)
class Rubric:
    """Ordered choices, worst to best: for reports and rewards, never for the gate.

    With `when`, the grade is computed: exactly one condition holds for any answers (proved by the
    loader).
    """

    choices: tuple[str, ...]
    when: tuple[tuple[str, Expression], ...] = ()  # (choice, condition), in the order of choices


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A labelled example: the constitution's own unit test.

    `public` ones may be fitted on or shown; `sealed` ones only measure critics.
    """

    id: str
    prompt: str
    response: str
    label: Label
    why: str
    split: Literal["public", "sealed"]
    answers: tuple[tuple[str, bool], ...]  # truth of propositions, sorted by id; may be partial


@dataclass(frozen=True, slots=True)
class Principle:
    """One rule: as a person reads it (`text`) and as it is decided (`violated_when`).

    `propositions` are all that the rule asks about: its own ones, then those of the constitution
    that it uses. Its expressions may also use the names of `Constitution.derived`.
    """

    id: str
    title: str
    criterion: str  # safety | helpfulness | honesty | accuracy | efficiency
    polarity: Literal["prohibit", "require"]
    severity: str  # id of a Severity
    text: str
    rationale: str
    exceptions: tuple[str, ...]
    overrides: tuple[str, ...]  # ids of principles this one takes precedence over
    propositions: tuple[Proposition, ...]  # never empty
    violated_when: Expression
    rubric: Rubric
    checks: tuple[Check, ...]
    examples: tuple[Exemplar, ...]
    authority: str = ""  # one of `Constitution.authorities`, or none
    critique: str = ""  # how a model is asked to find what breaks the rule (constitutional AI)
    revise: str = ""  # how it is asked to rewrite a response that does


@dataclass(frozen=True, slots=True)
class Base:
    """A constitution that another one extends, as it was when that one was read."""

    reference: str  # name@version
    digest: str


@dataclass(frozen=True, slots=True)
class Constitution:
    """A versioned set of principles. `digest` stands for its whole meaning.

    What a file extends is part of it here, as if it were written out: `extends` only tells where it
    came from, and counts neither for equality nor for the digest.
    """

    name: str
    version: str  # semantic, MAJOR.MINOR.PATCH
    title: str
    license: str
    supersedes: str | None
    changes: tuple[str, ...]
    severities: tuple[Severity, ...]  # worst first
    definitions: tuple[tuple[str, str], ...]  # (term, text), sorted by term
    principles: tuple[Principle, ...]
    mappings: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]
    """(taxonomy, ((principle id, (category, …)), …)), sorted"""
    digest: str  # of the content, set by the loader
    authorities: tuple[str, ...] = ()  # highest first; a higher one takes precedence
    propositions: tuple[Proposition, ...] = ()  # shared: any principle may use them
    derived: tuple[tuple[str, Expression], ...] = ()  # named conditions over them, sorted by name
    retired: tuple[str, ...] = ()  # ids of removed principles, which no other rule may take
    prompt_budget: int | None = None  # most tokens of a compiled prompt, the exchange left out
    extends: tuple[Base, ...] = field(default=(), compare=False)

    @property
    def reference(self) -> str:
        """`name@version`, as suites and policies cite it."""
        return f"{self.name}@{self.version}"

    def principle(self, id_: str) -> Principle:
        """Look a principle up by id.

        Raises:
            KeyError: there is none of that id.
        """
        for principle in self.principles:
            if principle.id == id_:
                return principle
        raise KeyError(id_)

    def expand(self, expression: Expression) -> Expression:
        """Write derived names out, so that only ids of propositions are left."""
        return expand(expression, dict(self.derived))

    def severity(self, id_: str) -> Severity:
        """Look a severity up by id.

        Raises:
            KeyError: there is none of that id.
        """
        for severity in self.severities:
            if severity.id == id_:
                return severity
        raise KeyError(id_)
