"""Runs, constitutions and policies in memory, for tests that decide about them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lexgate.constitutions import (
    WHOLE,
    Claim,
    Constitution,
    Exemplar,
    Name,
    Principle,
    Proposition,
    Rubric,
    Severity,
)
from lexgate.critic import Abstention, Judgement, Verdict, compile_prompts
from lexgate.evals import AnswerRow, EndRow, ExamRow, SampleRow, ScoreRow, VerdictRow
from lexgate.gates import AtLeast, NonInferiority, Policy, RateLimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lexgate.constitutions import Label
    from lexgate.evals import Row
    from lexgate.gates import Rule

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HARM, REFUSAL = "no-harm", "no-refusal"
PASSED, VIOLATED, ABSTAINED = "complies", "violates", "abstains"


@dataclass(frozen=True)
class FakeRun:
    """A run that was never on a disk."""

    manifest: dict[str, Any]
    stored: tuple[Row, ...]
    complete: bool = True
    id: str = "run-1"
    head: str = "ab" * 32

    def rows(self) -> Iterator[Row]:
        yield from self.stored


def constitution(sealed: int = 60) -> Constitution:
    """Two principles, each with so many sealed violating and as many sealed complying examples."""
    principles = tuple(_principle(id_, sealed) for id_ in (HARM, REFUSAL))
    return Constitution(
        name="rules",
        version="1.0.0",
        title="Rules",
        license="CC0-1.0",
        supersedes=None,
        changes=(),
        severities=(Severity("major", 0.10, 0.95, "C1"),),
        definitions=(),
        principles=principles,
        mappings=(),
        digest="sha256:rules",
    )


def _principle(id_: str, sealed: int) -> Principle:
    labels: tuple[tuple[Label, int], ...] = (("violates", sealed), ("complies", sealed))
    examples = tuple(
        Exemplar(f"{id_}-{label}-{i}", "p", "r", label, "why", "sealed", ())
        for label, count in labels
        for i in range(count)
    )
    borderline = Exemplar(f"{id_}-between", "p", "r", "borderline", "why", "sealed", ())
    public = Exemplar(f"{id_}-public", "p", "r", "violates", "why", "public", ())
    return Principle(
        id=id_,
        title=id_,
        criterion="safety",
        polarity="prohibit",
        severity="major",
        text=f"The rule {id_}.",
        rationale="",
        exceptions=(),
        overrides=(),
        propositions=(Proposition(WHOLE, "Is it violated?", "exchange"),),
        violated_when=Name(WHOLE),
        rubric=Rubric(("violates", "borderline", "complies")),
        checks=(),
        examples=(*examples, borderline, public),
    )


def policy(*rules: Rule, rules_of: Constitution | None = None, light: bool = True) -> Policy:
    return Policy(
        name="promote",
        version="1.0.0",
        title="",
        constitution=rules_of or constitution(),
        alpha=0.05,
        rules=rules or (harm(), refusal(), accuracy()),
        validity_days=30,
        digest="sha256:policy",
        light=light,
    )


def harm(limit: float = 0.10, claim: Claim = "C1", **fields: Any) -> RateLimit:
    defaults: dict[str, Any] = {"task": None, "alpha": 0.05, "leniency": ()}
    return RateLimit("harm", HARM, limit=limit, claim=claim, **(defaults | fields))


def refusal(limit: float = 0.25) -> RateLimit:
    return RateLimit("over-refusal", REFUSAL, None, limit, 0.05, "C1", ())


def accuracy(value: float = 0.6) -> AtLeast:
    return AtLeast("accuracy", "facts", "exact_match", value, 0.05)


def no_worse(margin: float = 0.1, first: float | None = None) -> NonInferiority:
    return NonInferiority("no-worse", "facts", "exact_match", margin, first, 0.05)


def judgement(principle: str, kind: str) -> Judgement:
    if kind == ABSTAINED:
        return Abstention(principle, "tie", "cannot tell")
    return Verdict(principle, kind == VIOLATED, 0.99 if kind == VIOLATED else 0.01, ())


def critic_rows(
    task: str, principle: str, kinds: Sequence[str], clusters: Sequence[str] | None = None
) -> list[Row]:
    """Samples answered and judged as `kinds` say; `unanswered` and `unjudged` are kinds too."""
    rows: list[Row] = []
    for i, kind in enumerate(kinds):
        sample, cluster = f"s{i}", clusters[i] if clusters else f"c{i}"
        prompt = (("user", f"prompt {i}"),)
        rows.append(SampleRow(f"{task}/{i}", task, sample, cluster, prompt, None))
        if kind == "unanswered":
            continue
        rows.append(AnswerRow(f"{task}/a{i}", task, sample, f"answer {i}", "stop", 3, 4, 0.1))
        if kind != "unjudged":
            key = f"{task}/v{i}/{principle}"
            rows.append(VerdictRow(key, task, sample, judgement(principle, kind)))
    return rows


def exam_rows(task: str, principle: Principle, wrong: int = 0, kind: str = "") -> list[Row]:
    """The sealed examples, judged as labelled but for the first `wrong` of each label."""
    rows: list[Row] = []
    seen = {"violates": 0, "complies": 0, "borderline": 0}
    for example in principle.examples:
        if example.split != "sealed":
            continue
        seen[example.label] += 1
        right = VIOLATED if example.label == "violates" else PASSED
        other = PASSED if right == VIOLATED else VIOLATED
        said = (kind or other) if seen[example.label] <= wrong else right
        judged = judgement(principle.id, said)
        rows.append(ExamRow(f"x/{task}/{example.id}", task, example.id, example.label, judged))
    return rows


def fact_rows(scores: Sequence[float | None], task: str = "facts") -> list[Row]:
    """Samples scored as said; None is a missing score."""
    rows: list[Row] = []
    for i, score in enumerate(scores):
        prompt = (("user", f"fact {i}"),)
        rows.append(SampleRow(f"{task}/{i}", task, f"f{i}", f"c{i}", prompt, "yes"))
        rows.append(AnswerRow(f"{task}/a{i}", task, f"f{i}", "yes", "stop", 3, 4, 0.1))
        if score is not None:
            rows.append(ScoreRow(f"{task}/m{i}", task, f"f{i}", "exact_match", score))
    return rows


def spread(n: int, violated: int = 0, abstained: int = 0) -> list[str]:
    return [VIOLATED] * violated + [ABSTAINED] * abstained + [PASSED] * (n - violated - abstained)


def usual(
    harmful: Sequence[str] | None = None,
    benign: Sequence[str] | None = None,
    facts: Sequence[float | None] | None = None,
    rules: Constitution | None = None,
) -> list[Row]:
    """The rows of a run that passes the usual policy, but for what is said otherwise."""
    rules = rules or constitution()
    return [
        *critic_rows("harmful", HARM, spread(80) if harmful is None else harmful),
        *critic_rows("benign", REFUSAL, spread(80) if benign is None else benign),
        *fact_rows([1.0] * 40 if facts is None else facts),
        *exam_rows("harmful", rules.principle(HARM)),
        *exam_rows("benign", rules.principle(REFUSAL)),
    ]


def run(rows: Iterable[Row] | None = None, *, end: bool = True, **fields: Any) -> FakeRun:
    """A complete run of these rows whose manifest declares exactly the samples that are there.

    Fields of the manifest and of the run are replaced by name.
    """
    stored = list(usual() if rows is None else rows)
    declared = {
        task: sum(isinstance(row, SampleRow) and row.task == task for row in stored)
        for task in ("harmful", "benign", "facts")
    }
    own = {field.name for field in dataclasses.fields(FakeRun)} - {"manifest"}
    of_run = {name: fields.pop(name) for name in list(fields) if name in own}
    if end:
        stored.append(EndRow("end", len(stored)))
    return FakeRun(manifest(declared) | fields, tuple(stored), **of_run)


def manifest(declared: dict[str, int]) -> dict[str, Any]:
    rules = constitution()
    tasks = [
        {"id": task, "kind": "critic", "data_digest": f"sha256:{task}", "principles": [principle]}
        for task, principle in (("harmful", HARM), ("benign", REFUSAL))
    ]
    facts = {"id": "facts", "kind": "accuracy", "data_digest": "sha256:facts"}
    tasks.append(facts | {"metric": "exact_match"})
    backends = [{"name": "checks", "digest": "sha256:checks", "details": {}}]
    return {
        "suite": {"name": "suite", "version": "1.0.0", "digest": "sha256:suite"},
        "created": NOW.isoformat(),
        "limit": None,
        "tasks": [task | {"samples": declared[str(task["id"])]} for task in tasks],
        "constitution": {"reference": rules.reference, "digest": rules.digest},
        "prompts": {prompt.principle: prompt.digest for prompt in compile_prompts(rules)},
        "candidate": {"name": "hf/new", "digest": "sha256:new", "details": {}},
        "critic": {"name": "checks", "digest": "sha256:critic", "backends": backends},
        "decoding": {"max_new_tokens": 64, "temperature": 0.0},
    }
