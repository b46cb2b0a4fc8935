"""Constitutions as data: their whole content for the digest, and as YAML a person can read.

Laws (tested): `load(dump(c)) == c`; two constitutions have one digest exactly when their content
is equal, however their files are laid out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate.constitutions._model import DEFAULT_CHOICES, WHOLE

if TYPE_CHECKING:
    from lexgate.constitutions._model import Check, Constitution, Exemplar, Principle

__all__ = ["FORMAT", "content", "digest_of", "dump"]

FORMAT = "lexgate-constitution/1"  # of the content under the digest
_WIDTH = 100  # columns


def content(constitution: Constitution) -> dict[str, Any]:
    """Everything a constitution says, as JSON in the vocabulary of its file, defaults written out."""
    return {
        "constitution": constitution.name,
        "version": constitution.version,
        "title": constitution.title,
        "license": constitution.license,
        "supersedes": constitution.supersedes,
        "changes": list(constitution.changes),
        "severities": [
            {"id": s.id, "limit": s.limit, "confidence": s.confidence, "claim": s.claim}
            for s in constitution.severities
        ],
        "definitions": dict(constitution.definitions),
        "principles": [_principle(principle) for principle in constitution.principles],
        "mappings": {
            taxonomy: {principle: list(categories) for principle, categories in entries}
            for taxonomy, entries in constitution.mappings
        },
    }


def digest_of(constitution: Constitution) -> str:
    """Digest all that has meaning: everything but comments, layout and the order of keys."""
    return digest([FORMAT, content(constitution)])


def dump(constitution: Constitution) -> str:
    """Write a constitution as YAML: block style, defaults left out, long text in blocks."""
    import yaml

    from lexgate.constitutions._yaml_style import Dumper

    data = {key: value for key, value in content(constitution).items() if value not in ([], {})}
    if data["supersedes"] is None:
        del data["supersedes"]
    data["principles"] = [_without_defaults(principle) for principle in data["principles"]]
    text: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


def _principle(principle: Principle) -> dict[str, Any]:
    return {
        "id": principle.id,
        "title": principle.title,
        "criterion": principle.criterion,
        "polarity": principle.polarity,
        "severity": principle.severity,
        "text": principle.text,
        "rationale": principle.rationale,
        "exceptions": list(principle.exceptions),
        "overrides": list(principle.overrides),
        "propositions": [
            {"id": p.id, "ask": p.ask, "sees": p.sees} for p in principle.propositions
        ],
        "violated_when": str(principle.violated_when),
        "rubric": {"choices": list(principle.rubric.choices)},
        "checks": [_check(check) for check in principle.checks],
        "examples": [_example(example) for example in principle.examples],
    }


def _check(check: Check) -> dict[str, Any]:
    return {
        "pattern": check.pattern,
        "sees": check.sees,
        "shows": check.shows,
        "exact": check.exact,
    }


def _example(example: Exemplar) -> dict[str, Any]:
    return {
        "id": example.id,
        "prompt": example.prompt,
        "response": example.response,
        "label": example.label,
        "why": example.why,
        "split": example.split,
        "answers": dict(example.answers),
    }


def _without_defaults(principle: dict[str, Any]) -> dict[str, Any]:
    short = {key: value for key, value in principle.items() if value not in ([], "")}
    if [proposition["id"] for proposition in short["propositions"]] == [WHOLE]:
        del short["propositions"], short["violated_when"]
    if tuple(short["rubric"]["choices"]) == DEFAULT_CHOICES:
        del short["rubric"]
    if "checks" in short:
        plain = {"sees": "response", "shows": WHOLE, "exact": False}
        short["checks"] = [_unlike(check, plain) for check in short["checks"]]
    if "examples" in short:
        plain = {"split": "public", "answers": {}}
        short["examples"] = [_unlike(example, plain) for example in short["examples"]]
    return short


def _unlike(entries: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if (key, value) not in defaults.items()}
