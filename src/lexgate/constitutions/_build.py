"""From the data of a sound file to records: defaults filled in, conditions parsed, digest taken.

Law (tested): `from_data(as_file(c)) == c`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lexgate.constitutions._dump import digest_of
from lexgate.constitutions._expression import Expression, Name, expand, parse
from lexgate.constitutions._model import (
    DEFAULT_CHOICES,
    WHOLE,
    WHOLE_ASK,
    Check,
    Constitution,
    Exemplar,
    Principle,
    Proposition,
    Rubric,
    Severity,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["from_data"]


def from_data(data: Mapping[str, Any]) -> Constitution:
    """Make a constitution of the data of a file that is known to be sound and extends nothing."""
    shared = tuple(_proposition(p) for p in data.get("propositions", ()))
    derived = {name: parse(text) for name, text in data.get("derived", {}).items()}
    unsigned = Constitution(
        name=data["constitution"],
        version=data["version"],
        title=data["title"],
        license=data["license"],
        supersedes=data.get("supersedes"),
        changes=tuple(data.get("changes", ())),
        severities=tuple(
            # Adding 0.0 makes one zero of the two that floats have.
            Severity(s["id"], float(s["limit"]) + 0.0, float(s["confidence"]), s["claim"])
            for s in data["severities"]
        ),
        definitions=tuple(sorted(data.get("definitions", {}).items())),
        principles=tuple(_principle(entry, shared, derived) for entry in data["principles"]),
        mappings=tuple(
            (taxonomy, tuple((id_, tuple(entries[id_])) for id_ in sorted(entries)))
            for taxonomy, entries in sorted(data.get("mappings", {}).items())
        ),
        digest="",
        authorities=tuple(data.get("authorities", ())),
        propositions=shared,
        derived=tuple(sorted(derived.items())),
        retired=tuple(data.get("retired", ())),
        prompt_budget=data.get("prompt_budget"),
    )
    return replace(unsigned, digest=digest_of(unsigned))


def _proposition(data: Mapping[str, Any]) -> Proposition:
    return Proposition(data["id"], data["ask"], data["sees"])


def _principle(
    data: Mapping[str, Any], shared: Sequence[Proposition], derived: Mapping[str, Expression]
) -> Principle:
    condition = parse(data["violated_when"]) if "violated_when" in data else Name(WHOLE)
    rubric = data.get("rubric", {})
    choices = tuple(rubric.get("choices", DEFAULT_CHOICES))
    written = rubric.get("when", {})
    when = tuple((choice, parse(written[choice])) for choice in choices if choice in written)
    used = frozenset().union(
        *(expand(e, derived).names() for e in (condition, *dict(when).values()))
    )
    own = [_proposition(p) for p in data.get("propositions", ())]
    own += [Proposition(WHOLE, WHOLE_ASK, "exchange")] if "violated_when" not in data else []
    return Principle(
        id=data["id"],
        title=data["title"],
        criterion=data["criterion"],
        polarity=data["polarity"],
        severity=data["severity"],
        text=data["text"],
        rationale=data.get("rationale", ""),
        exceptions=tuple(data.get("exceptions", ())),
        overrides=tuple(data.get("overrides", ())),
        propositions=(*own, *(p for p in shared if p.id in used)),
        violated_when=condition,
        rubric=Rubric(choices, when),
        checks=tuple(_check(check) for check in data.get("checks", ())),
        examples=tuple(_example(example) for example in data.get("examples", ())),
        authority=data.get("authority", ""),
        critique=data.get("critique", ""),
        revise=data.get("revise", ""),
    )


def _check(data: Mapping[str, Any]) -> Check:
    return Check(
        pattern=data["pattern"],
        sees=data.get("sees", "response"),
        shows=data.get("shows", WHOLE),
        exact=data.get("exact", False),
    )


def _example(data: Mapping[str, Any]) -> Exemplar:
    return Exemplar(
        id=data["id"],
        prompt=data["prompt"],
        response=data["response"],
        label=data["label"],
        why=data["why"],
        split=data.get("split", "public"),
        answers=tuple(sorted(data.get("answers", {}).items())),
    )
