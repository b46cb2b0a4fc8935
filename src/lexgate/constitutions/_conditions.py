"""The conditions of a document: what their names mean, and whether they decide anything.

A condition may name propositions of its own principle, shared ones, and derived names. Checks here
parse every condition, resolve every name, and prove what a person would have to try case by case:
that `violated_when` depends on the answers, and that the grades of a rubric exclude each other and
leave no answers out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.constitutions._dangling import dangling, duplicates, ids_of
from lexgate.constitutions._expression import (
    Expression,
    ExpressionError,
    Interval,
    Name,
    Not,
    expand,
    parse,
)
from lexgate.constitutions._model import WHOLE
from lexgate.constitutions._precedence import cycles
from lexgate.constitutions._proofs import constant, flaw_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from lexgate._documents import Document, KeyPath
    from lexgate.constitutions._proofs import Flaw
    from lexgate.errors import Problem

__all__ = [
    "Rule",
    "Vocabulary",
    "condition_problems",
    "decide",
    "read_vocabulary",
    "rule_of",
    "vocabulary_problems",
]

_RESERVED = {
    "and": "it is a word of violated_when",
    "or": "it is a word of violated_when",
    "not": "it is a word of violated_when",
    WHOLE: "it names the rule as a whole",
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LARGEST = 1_000  # names in a condition once derived ones are written out
_DEEPEST = 50  # nesting of the same
_SHOWN = 8  # answers of a counterexample that are printed


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What all conditions of a document may name."""

    shared: Mapping[str, str] | None  # id -> what it sees; None when that cannot be known
    derived: Mapping[str, Expression]  # the sound ones, free of cycles
    names: frozenset[str]  # of all derived ones, sound or not
    large: frozenset[str]  # derived ones that are too large once written out
    sizes: Mapping[str, _Size]  # of the sound derived ones

    def expand(self, expression: Expression) -> Expression | None:
        """Write derived names out; None where one of them has no sound meaning."""
        if expression.names() & (self.names - self.derived.keys()):
            return None
        return expand(expression, self.derived)


@dataclass(frozen=True, slots=True)
class Rule:
    """A principle's propositions and condition, as far as they are sound."""

    propositions: Mapping[str, str] | None  # id -> what it sees; those it uses; None: unknown
    violated_when: Expression | None  # expanded


def vocabulary_problems(document: Document, words: Vocabulary) -> Iterator[Problem]:
    """Tell what is wrong with the shared propositions and the derived names."""
    yield from _proposition_ids(document, ())
    found = document.get(("derived",)) or {}
    shared = set(ids_of(document, ("propositions",)).values())
    for name in found:
        path: KeyPath = ("derived", name)
        if not _NAME.fullmatch(name):
            message = f'expected a name that a condition can use, found "{printable(name, 60)}"'
            hint = "write lower-case letters, digits and underscores, such as gives_steps"
            yield document.problem(path, message, hint)
        if name in shared or name in _RESERVED:
            why = _RESERVED.get(name, "a proposition has it")
            yield document.problem(
                path, f'expected another name, found "{name}": {why}', "rename it"
            )
        expression = _parsed(document, path)
        if isinstance(expression, ExpressionError):
            yield _unreadable(document, path, expression)
        elif expression is not None and document.get(("propositions",)) is not None:
            yield from _strangers(document, path, expression, shared | found.keys())
    parsed = _parsed_derived(document)
    told: set[str] = set()
    for cycle in cycles({name: sorted(e.names() & parsed.keys()) for name, e in parsed.items()}):
        if told.isdisjoint(cycle):
            told.update(cycle)
            message = f"expected a meaning, found a circle: {' > '.join([*cycle, cycle[0]])}"
            hint = "a derived name cannot be explained by itself"
            yield document.problem(("derived", cycle[0]), message, hint)
    for name in sorted(words.large):
        yield _too_large(document, ("derived", name))


def read_vocabulary(document: Document) -> Vocabulary:
    """Collect what conditions may name; whatever is wrong with it is told elsewhere."""
    shared: dict[str, str] | None = {}
    if document.raw(("propositions",)) is not None:
        found = document.get(("propositions",))
        shared = None if found is None else {p["id"]: p["sees"] for p in found}
    names = document.raw(("derived",))
    sound, large, sizes = _meanings(_parsed_derived(document), frozenset(shared or ()))
    known = frozenset(names if isinstance(names, dict) else ())
    return Vocabulary(shared, sound, known, large, sizes)


def rule_of(document: Document, at: KeyPath, words: Vocabulary) -> Rule:
    """Read what is sound of a principle's rule."""
    own = _own(document, at)
    if own is None or words.shared is None:
        return Rule(None, None)
    whole = not _has_condition(document, at)
    everything = {**words.shared, **own, **({WHOLE: "exchange"} if whole else {})}
    expression = Name(WHOLE) if whole else _parsed(document, (*at, "violated_when"))
    if expression is None or isinstance(expression, ExpressionError):
        return Rule(everything, None)
    conditions = [words.expand(e) for e in (expression, *_grades(document, at).values())]
    known = [condition for condition in conditions if condition is not None]
    if len(known) < len(conditions):
        return Rule(everything, None)
    asked = frozenset(own).union(*(condition.names() for condition in known))
    return Rule({id_: sees for id_, sees in everything.items() if id_ in asked}, known[0])


def condition_problems(document: Document, at: KeyPath, words: Vocabulary) -> Iterator[Problem]:
    """Tell what is wrong with a principle's propositions, its condition and its grades."""
    yield from _proposition_ids(document, at)
    own = _own(document, at)
    if own is not None and words.shared is not None:
        for path, id_ in ids_of(document, (*at, "propositions")).items():
            if id_ in words.shared or id_ in words.names:
                message = f'expected an id that nothing shared has, found "{id_}"'
                hint = "rename it, or remove it here and use the shared one"
                yield document.problem(path, message, hint)
    known = None if own is None or words.shared is None else {**words.shared, **own}
    if not _has_condition(document, at) and known is not None:
        known = {**known, WHOLE: "exchange"}
    yield from _violated_when(document, at, words, known)
    yield from _grade_problems(document, at, words, known)


def decide(expression: Expression, answers: Mapping[str, bool]) -> bool | None:
    """Evaluate over known answers; None when the unknown ones still matter."""
    low, high = expression.evaluate({k: Interval(float(v), float(v)) for k, v in answers.items()})
    return None if low != high else low == 1.0


def _own(document: Document, at: KeyPath) -> dict[str, str] | None:
    """What each proposition of a principle's own sees; None when that cannot be known."""
    principle = document.raw(at)
    if not isinstance(principle, dict):
        return None
    if "propositions" not in principle:
        return {}
    found = document.get((*at, "propositions"))
    return None if found is None else {p["id"]: p["sees"] for p in found}


def _has_condition(document: Document, at: KeyPath) -> bool:
    principle = document.raw(at)
    return isinstance(principle, dict) and not principle.keys().isdisjoint(
        {"violated_when", "propositions"}
    )


def _proposition_ids(document: Document, at: KeyPath) -> Iterator[Problem]:
    ids = ids_of(document, (*at, "propositions"))
    yield from duplicates(document, ids, "proposition")
    for path, id_ in ids.items():
        if id_ in _RESERVED:
            message = f'expected another id, found "{id_}": {_RESERVED[id_]}'
            yield document.problem(path, message, "rename the proposition")


def _parsed(document: Document, path: KeyPath) -> Expression | ExpressionError | None:
    text = document.get(path)
    if not isinstance(text, str):
        return None
    try:
        return parse(text)
    except ExpressionError as error:
        return error


def _parsed_derived(document: Document) -> dict[str, Expression]:
    found = document.get(("derived",)) or {}
    parsed = {name: _parsed(document, ("derived", name)) for name in found}
    return {n: e for n, e in parsed.items() if e and not isinstance(e, ExpressionError)}


def _unreadable(document: Document, path: KeyPath, error: ExpressionError) -> Problem:
    message = f"{error} (character {error.position + 1})"
    return document.problem(
        path, message, "join ids of propositions by and, or, not and parentheses"
    )


def _strangers(
    document: Document, path: KeyPath, expression: Expression, known: Any
) -> Iterator[Problem]:
    for name in sorted(expression.names() - set(known)):
        yield from dangling(document, path, name, known, "proposition")


def _too_large(document: Document, path: KeyPath) -> Problem:
    message = (
        f"expected at most {_LARGEST} names and {_DEEPEST} levels once derived names are written "
        f"out, found more"
    )
    return document.problem(path, message, "break it into several principles")


def _meanings(
    parsed: Mapping[str, Expression], shared: frozenset[str]
) -> tuple[dict[str, Expression], frozenset[str], dict[str, _Size]]:
    """Give the derived names whose meaning rests on shared propositions alone, and what is too large.

    A name comes in once all it rests on is in, so what leads into a circle never does.
    """
    sound: dict[str, Expression] = {}
    sizes: dict[str, _Size] = {}
    large: set[str] = set()
    missing = {name: set(e.names() - shared) for name, e in parsed.items()}
    users: dict[str, list[str]] = {}
    for name, parts in missing.items():
        for part in parts:
            users.setdefault(part, []).append(name)
    ready = [name for name, parts in missing.items() if not parts]
    while ready:
        name = ready.pop()
        size = _size(parsed[name], sizes)
        if size.names > _LARGEST or size.depth > _DEEPEST:
            large.add(name)
            continue
        sound[name], sizes[name] = parsed[name], size
        for user in users.get(name, ()):
            missing[user].discard(name)
            if not missing[user]:
                ready.append(user)
    return sound, frozenset(large), sizes


@dataclass(frozen=True, slots=True)
class _Size:
    names: int
    depth: int


def _size(expression: Expression, sizes: Mapping[str, _Size]) -> _Size:
    """Measure an expression as if derived names were written out, without writing them out."""
    if isinstance(expression, Name):
        size = sizes.get(expression.id)  # writing a name out is a level too
        return _Size(1, 0) if size is None else _Size(size.names, size.depth + 1)
    operands = (expression.operand,) if isinstance(expression, Not) else expression.operands
    found = [_size(operand, sizes) for operand in operands]
    return _Size(sum(size.names for size in found), 1 + max(size.depth for size in found))


def _violated_when(
    document: Document, at: KeyPath, words: Vocabulary, known: Mapping[str, str] | None
) -> Iterator[Problem]:
    path = (*at, "violated_when")
    expression = yield from _resolved(document, path, words, known)
    if expression is not None and (value := constant(expression)) is not None:
        kind = "always" if value else "never"
        yield document.problem(
            path,
            f"expected a condition that depends on the answers, found one that is {kind} true",
            f"a rule that is {kind} violated decides nothing: correct the expression",
        )


def _resolved(
    document: Document, path: KeyPath, words: Vocabulary, known: Mapping[str, str] | None
) -> Generator[Problem, None, Expression | None]:
    """Tell what is wrong with a condition's words and names; return it written out if nothing is."""
    expression = _parsed(document, path)
    if isinstance(expression, ExpressionError):
        yield _unreadable(document, path, expression)
        return None
    if expression is None or known is None:
        return None
    strange = sorted(expression.names() - known.keys() - words.names)
    for name in strange:
        yield from dangling(document, path, name, [*known, *words.names], "proposition")
    if strange or expression.names() & (words.names - words.derived.keys()):
        return None
    size = _size(expression, words.sizes)
    if size.names > _LARGEST or size.depth > _DEEPEST:
        yield _too_large(document, path)
        return None
    return words.expand(expression)


def _grades(document: Document, at: KeyPath) -> dict[str, Expression]:
    """The sound conditions of a rubric, by grade."""
    found = document.get((*at, "rubric", "when")) or {}
    parsed = {grade: _parsed(document, (*at, "rubric", "when", grade)) for grade in found}
    return {g: e for g, e in parsed.items() if e and not isinstance(e, ExpressionError)}


def _grade_problems(
    document: Document, at: KeyPath, words: Vocabulary, known: Mapping[str, str] | None
) -> Iterator[Problem]:
    path = (*at, "rubric", "when")
    found, choices = document.get(path), document.get((*at, "rubric", "choices"))
    if found is None or choices is None:
        return
    if missing := [choice for choice in choices if choice not in found]:
        message = f'expected a condition for every choice, found none for "{missing[0]}"'
        yield document.problem(path, message, "with conditions, every grade is computed")
    for grade in found:
        if grade not in choices:
            yield from dangling(document, (*path, grade), grade, choices, "choice")
    conditions: dict[str, Expression] = {}
    for choice in choices:
        if choice in found:
            condition = yield from _resolved(document, (*path, choice), words, known)
            if condition is not None:
                conditions[choice] = condition
    if len(conditions) == len(choices) == len(found) and (flaw := flaw_of(conditions)):
        yield _no_partition(document, path, flaw)


def _no_partition(document: Document, path: KeyPath, flaw: Flaw) -> Problem:
    said = [f"{name} {'yes' if truth else 'no'}" for name, truth in flaw.answers]
    case = ", ".join(said[:_SHOWN]) + (", …" if len(said) > _SHOWN else "")
    found = " and ".join(f'"{printable(choice, 60)}"' for choice in flaw.hold) or "none"
    wrong = "exclude" if flaw.hold else "miss"
    hints = {
        "exclude": "let one of the two say `and not …` what the other says",
        "miss": "give the worst grade what all others leave over",
    }
    message = f"expected exactly one grade for all answers, found {found} for: {case}"
    return document.problem((*path, flaw.hold[-1]) if flaw.hold else path, message, hints[wrong])
