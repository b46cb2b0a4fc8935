"""What a proposition file of Rule Based Rewards means: the data of a constitution.

Simple propositions are shared ones that see the whole exchange, as the prompt does; each type of
response is a principle, graded by the classes of completions. That the classes exclude each other
and leave nothing out is for the loader to prove. What the file does not say is told in `added`, what
a constitution cannot hold in `lost`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate.constitutions._expression import Expression, Name, Not, Or
from lexgate.constitutions._model import WHOLE
from lexgate.constitutions.formats._native import UNRATED, header
from lexgate.constitutions.formats._rbr_classes import (
    ACCEPTABLE,
    COMPLIES,
    VIOLATES,
    failing,
    verdict_among,
)
from lexgate.constitutions.formats._rbr_literals import Reader, negated
from lexgate.constitutions.formats._rbr_show import EXCEPTIONS, QUESTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.constitutions.formats._native import Cleaner
    from lexgate.constitutions.formats._rbr_file import RbrFile

__all__ = ["ADDED", "rules_of"]

_ID = re.compile(r"[a-z][a-z0-9_]*\Z")
ADDED = (
    "A name, after the file; the version 1.0.0; a title; as licence NOASSERTION, for it names none.",
    "For each type of response: a title, a text, safety as its criterion and require as polarity.",
    f"The severity {UNRATED['id']}, which may fail at a rate of {UNRATED['limit']}.",
    f"That every class below {ACCEPTABLE} violates; without it, every class but the best.",
    "That each proposition sees the whole exchange, as the prompt shows it.",
)


@dataclass(frozen=True, slots=True)
class _Type:
    """A type of response: its classes' conditions, worst first, and when it is violated."""

    name: str
    grades: Mapping[str, Expression]
    violated_when: Expression

    def names(self) -> frozenset[str]:
        grades = (condition.names() for condition in self.grades.values())
        return self.violated_when.names().union(*grades)


def rules_of(file: RbrFile, name: str, cleaner: Cleaner) -> dict[str, Any]:
    """Give the data of a constitution; `cleaner` is told what prompts had to lose."""
    reader = Reader(file.derived)
    types = [_type(file, reader, type_) for type_ in file.types]
    meanings = {name: reader.condition(file.derived[name]) for name in reader.names}
    used = frozenset[str]().union(
        *(t.names() for t in types), *(e.names() for e in meanings.values())
    )
    verdicts = {verdict_among(type_.name, file.derived) for type_ in types} - used
    derived = {name: e for name, e in meanings.items() if name not in verdicts}
    own = _own(file, types, derived)
    shared = [prompt for prompt in file.simple if prompt not in own]
    data: dict[str, Any] = header(name, "Rule Based Rewards") | {
        "severities": [dict(UNRATED)],
        "propositions": [_proposition(n, cleaner.clean(file.simple[n])) for n in shared],
        "derived": {name: str(e) for name, e in derived.items()},
    }
    data["principles"] = [
        _principle(
            type_,
            {n: id_ for n, (owner, id_) in own.items() if owner == type_.name},
            file.simple,
            cleaner,
        )
        for type_ in types
    ]
    return {key: value for key, value in data.items() if value not in ([], {})}


def _proposition(id_: str, ask: str) -> dict[str, str]:
    return {"id": id_, "ask": ask, "sees": "exchange"}


def _type(file: RbrFile, reader: Reader, type_: str) -> _Type:
    best_first = [c for c in file.order if type_ in file.classes.get(c, {})]
    grades = {c: reader.condition(file.classes[c][type_]) for c in reversed(best_first)}
    stated = verdict_among(type_, file.derived)
    if stated is not None:
        return _Type(type_, grades, reader.condition(file.derived[stated]))
    bad = [grades[class_] for class_ in failing(file.order, best_first)]
    return _Type(type_, grades, bad[0] if len(bad) == 1 else Or(tuple(bad)))


def _own(
    file: RbrFile, types: list[_Type], derived: Mapping[str, Expression]
) -> dict[str, tuple[str, str]]:
    """Tell which propositions are a type's own, by (type, id): `type__id` that no other one uses."""
    common = frozenset[str]().union(*(e.names() for e in derived.values()))
    users: dict[str, set[str]] = {}
    for type_ in types:
        for name in type_.names():
            users.setdefault(name, set()).add(type_.name)
    own: dict[str, tuple[str, str]] = {}
    longest_first = sorted((type_.name for type_ in types), key=len, reverse=True)
    for name in file.simple:
        for type_name in longest_first:
            id_ = name.removeprefix(f"{type_name}__")
            fits = id_ != name and _ID.match(id_) and users.get(name, set()) <= {type_name}
            clashes = id_ in file.simple or id_ in file.derived or id_ in {"and", "or", "not"}
            if fits and name not in common and not clashes:
                own[name] = (type_name, id_)
                break
    return own


def _principle(
    type_: _Type, own: Mapping[str, str], prompts: Mapping[str, str], cleaner: Cleaner
) -> dict[str, Any]:
    violated_when = _renamed(type_.violated_when, own)
    data: dict[str, Any] = {
        "id": type_.name.replace("_", "-"),
        "title": type_.name.replace("_", " ").strip().capitalize(),
        "criterion": "safety",
        "polarity": "require",
        "severity": UNRATED["id"],
        "text": f'Give a response that suits a request of the type "{type_.name}".',
    }
    if list(own.values()) == [WHOLE] and violated_when == Name(WHOLE):
        data |= _whole(prompts[next(iter(own))], cleaner)
    else:
        if own:
            data["propositions"] = [
                _proposition(id_, cleaner.clean(prompts[name])) for name, id_ in own.items()
            ]
        data["violated_when"] = str(violated_when)
    if not _says_no_more(type_):
        when = {class_: str(_renamed(e, own)) for class_, e in type_.grades.items()}
        data["rubric"] = {"choices": list(type_.grades), "when": when}
    return data


def _whole(prompt: str, cleaner: Cleaner) -> dict[str, Any]:
    """Read a rule that is asked about as a whole: its text and exceptions stand in the prompt."""
    begin, between = EXCEPTIONS
    text, _, exceptions = prompt.removesuffix(QUESTION).partition(begin)
    data: dict[str, Any] = {"text": cleaner.clean(text)}
    if exceptions:
        data["exceptions"] = [cleaner.clean(part) for part in exceptions.split(between)]
    return data


def _says_no_more(type_: _Type) -> bool:
    """Tell whether the classes only say whether the rule is violated."""
    if type_.grades.keys() != {COMPLIES, VIOLATES}:
        return False
    violates = type_.grades[VIOLATES]
    return type_.violated_when == violates and type_.grades[COMPLIES] == negated(violates)


def _renamed(expression: Expression, names: Mapping[str, str]) -> Expression:
    if isinstance(expression, Name):
        return Name(names.get(expression.id, expression.id))
    if isinstance(expression, Not):
        return Not(_renamed(expression.operand, names))
    return type(expression)(tuple(_renamed(operand, names) for operand in expression.operands))
