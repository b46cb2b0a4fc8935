"""Constitutions as data: their whole content for the digest, and as YAML a person can read.

Laws (tested): `load(dump(c)) == c`; two constitutions have one digest exactly when their content
is equal, however their files are laid out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate.constitutions._model import DEFAULT_CHOICES, WHOLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.constitutions._model import Check, Constitution, Exemplar, Principle, Proposition

__all__ = ["FORMAT", "as_file", "content", "digest_of", "dump", "write_yaml"]

FORMAT = "lexgate-constitution/1"  # of the content under the digest
_WIDTH = 100  # columns
_ORDER = (
    "constitution",
    "version",
    "title",
    "license",
    "supersedes",
    "changes",
    "authorities",
    "severities",
    "retired",
    "prompt_budget",
    "definitions",
    "propositions",
    "derived",
    "principles",
    "mappings",
)
_PRINCIPLE_ORDER = (
    "id",
    "title",
    "criterion",
    "polarity",
    "severity",
    "authority",
    "text",
    "rationale",
    "exceptions",
    "overrides",
    "propositions",
    "violated_when",
    "rubric",
    "critique",
    "revise",
    "checks",
    "examples",
)


def content(constitution: Constitution) -> dict[str, Any]:
    """Everything a constitution says, as JSON in the vocabulary of its file, defaults written out.

    What came into the language after the first version stands there only where it is used, so that
    older constitutions keep their digests.
    """
    shared = frozenset(p.id for p in constitution.propositions)
    later = {
        "authorities": list(constitution.authorities),
        "propositions": [_proposition(p) for p in constitution.propositions],
        "derived": {name: str(meaning) for name, meaning in constitution.derived},
        "retired": list(constitution.retired),
        "prompt_budget": constitution.prompt_budget,
    }
    return _used(later) | {
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
        "principles": [_principle(principle, shared) for principle in constitution.principles],
        "mappings": {
            taxonomy: {principle: list(categories) for principle, categories in entries}
            for taxonomy, entries in constitution.mappings
        },
    }


def digest_of(constitution: Constitution) -> str:
    """Digest all that has meaning: everything but comments, layout and the order of keys."""
    return digest([FORMAT, content(constitution)])


def as_file(constitution: Constitution) -> dict[str, Any]:
    """A constitution as the data of its file: everything written out, defaults left out."""
    said = content(constitution)
    data = {key: said[key] for key in _ORDER if said.get(key) not in (None, [], {})}
    data["principles"] = [_without_defaults(principle) for principle in data["principles"]]
    return data


def dump(constitution: Constitution) -> str:
    """Write a constitution as YAML: block style, defaults left out, long text in blocks.

    What it extends is written out, so the text needs no other file.
    """
    return write_yaml(as_file(constitution))


def write_yaml(data: Mapping[str, Any]) -> str:
    """Write the data of a file as YAML a person can read."""
    import yaml

    from lexgate.constitutions._yaml_style import Dumper

    text: str = yaml.dump(
        dict(data), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return text


def _used(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value not in (None, "", [], {})}


def _proposition(proposition: Proposition) -> dict[str, Any]:
    return {"id": proposition.id, "ask": proposition.ask, "sees": proposition.sees}


def _principle(principle: Principle, shared: frozenset[str]) -> dict[str, Any]:
    later = {
        "authority": principle.authority,
        "critique": principle.critique,
        "revise": principle.revise,
    }
    when = {choice: str(condition) for choice, condition in principle.rubric.when}
    return _used(later) | {
        "id": principle.id,
        "title": principle.title,
        "criterion": principle.criterion,
        "polarity": principle.polarity,
        "severity": principle.severity,
        "text": principle.text,
        "rationale": principle.rationale,
        "exceptions": list(principle.exceptions),
        "overrides": list(principle.overrides),
        "propositions": [_proposition(p) for p in principle.propositions if p.id not in shared],
        "violated_when": str(principle.violated_when),
        "rubric": {"choices": list(principle.rubric.choices)} | _used({"when": when}),
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
    short = _used({key: principle[key] for key in _PRINCIPLE_ORDER if key in principle})
    if [proposition["id"] for proposition in short.get("propositions", ())] == [WHOLE]:
        del short["propositions"], short["violated_when"]
    if short["rubric"] == {"choices": list(DEFAULT_CHOICES)}:
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
