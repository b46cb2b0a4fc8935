"""What a schema cannot say about a constitution: names that must exist, rules that must make sense.

Every check reads through `Document.get`, so it stays silent where the schema found the file wrong
already, and speaks about the rest: a person sees all mistakes of a file at once.
"""

from __future__ import annotations

import itertools
import unicodedata
from typing import TYPE_CHECKING, Any

from lexgate._documents import did_you_mean
from lexgate._text import printable
from lexgate.constitutions._expression import Expression, ExpressionError, Interval, parse
from lexgate.constitutions._model import WHOLE
from lexgate.constitutions._patterns import complaint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from lexgate._documents import Document, KeyPath
    from lexgate.errors import Problem

__all__ = ["problems_of"]

_RESERVED = {
    "and": "it is a word of violated_when",
    "or": "it is a word of violated_when",
    "not": "it is a word of violated_when",
    WHOLE: "it names the rule as a whole",
}
_LISTED = 20  # ids a hint names
_ENUMERABLE = 12  # propositions of an expression whose 2**n cases are tried one by one


def problems_of(document: Document) -> Iterator[Problem]:
    """Find every semantic mistake in a constitution's document."""
    principles = _ids(document, ("principles",))
    yield from _duplicates(document, principles, "principle")
    severities = _ids(document, ("severities",))
    yield from _duplicates(document, severities, "severity")
    yield from _duplicates(document, _examples(document), "example")
    yield from _twins(document)
    yield from _supersession(document)
    yield from _precedence_cycles(document, principles)
    yield from _mappings(document, principles)
    for index in range(_length(document, ("principles",))):
        at: KeyPath = ("principles", index)
        yield from _severity(document, at, severities)
        yield from _overrides(document, at, principles)
        propositions = _propositions(document, at)
        yield from _proposition_ids(document, at)
        yield from _checks(document, at, propositions)
        yield from _expression(document, at, propositions)
        if propositions is not None:
            yield from _answers(document, at, propositions)


def _raw(document: Document, path: KeyPath) -> Any:
    """Look up a value whether it is sound or not."""
    value = document.data
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _length(document: Document, path: KeyPath) -> int:
    """Count the items of a list, sound or not: they are looked at one by one."""
    value = _raw(document, path)
    return len(value) if isinstance(value, list) else 0


def _ids(document: Document, path: KeyPath) -> dict[KeyPath, str]:
    """The ids of a list's items, by the path of the id."""
    paths = [(*path, index, "id") for index in range(_length(document, path))]
    found = {at: document.get(at) for at in paths}
    return {at: id_ for at, id_ in found.items() if isinstance(id_, str)}


def _examples(document: Document) -> dict[KeyPath, str]:
    found: dict[KeyPath, str] = {}
    for index in range(_length(document, ("principles",))):
        found |= _ids(document, ("principles", index, "examples"))
    return found


def _duplicates(document: Document, ids: Mapping[KeyPath, str], kind: str) -> Iterator[Problem]:
    first: dict[str, KeyPath] = {}
    for path, id_ in ids.items():
        if id_ in first:
            line = document.positions[first[id_]][0]
            yield document.problem(
                path,
                f'expected every {kind} to have an id of its own, found "{id_}" again '
                f"(first in line {line})",
                "rename one of the two",
            )
        first.setdefault(id_, path)


def _twins(document: Document) -> Iterator[Problem]:
    """Find sealed examples that measure nothing new: copies of one another, or of public ones."""
    public: dict[str, KeyPath] = {}
    sealed: dict[tuple[object, str], KeyPath] = {}
    examples = [path[:-1] for path in _examples(document)]
    texts = {at: _said(document, at) for at in examples}
    for at in examples:
        if document.get((*at, "split")) != "sealed":
            public.setdefault(texts[at], at)
    for at in examples:
        if document.get((*at, "split")) != "sealed":
            continue
        other = public.get(texts[at]) or sealed.setdefault((at[1], texts[at]), at)
        if other != at:
            line = document.positions[other][0]
            yield document.problem(
                at,
                f"expected a sealed example to differ from all others, found that of line {line} again",
                "a critic is measured by it, so it must be an exchange of its own",
            )


def _said(document: Document, at: KeyPath) -> str:
    parts = [str(document.get((*at, key)) or "") for key in ("prompt", "response")]
    return "\n".join(" ".join(unicodedata.normalize("NFKC", t).casefold().split()) for t in parts)


def _dangling(
    document: Document, path: KeyPath, name: str, known: Collection[str], kind: str
) -> Iterator[Problem]:
    if name not in known:
        ids = sorted(set(known))
        listed = f"the ids here are: {', '.join(ids[:_LISTED])}{' …' * (len(ids) > _LISTED)}"
        yield document.problem(
            path,
            f'expected the id of a {kind}, found "{printable(name, 60)}"',
            did_you_mean(name, known) or listed,
        )


def _severity(
    document: Document, at: KeyPath, severities: Mapping[KeyPath, str]
) -> Iterator[Problem]:
    named = document.get((*at, "severity"))
    if isinstance(named, str) and document.get(("severities",)) is not None:
        yield from _dangling(document, (*at, "severity"), named, severities.values(), "severity")


def _overrides(
    document: Document, at: KeyPath, principles: Mapping[KeyPath, str]
) -> Iterator[Problem]:
    own = document.get((*at, "id"))
    for index in range(_length(document, (*at, "overrides"))):
        path = (*at, "overrides", index)
        named = document.get(path)
        if not isinstance(named, str):
            continue
        if named == own:
            message = f'expected another principle, found "{named}" itself'
            yield document.problem(path, message, "a principle cannot override itself: remove it")
        elif _all_ids_known(document, principles):
            yield from _dangling(document, path, named, principles.values(), "principle")


def _all_ids_known(document: Document, principles: Mapping[KeyPath, str]) -> bool:
    """Tell whether no id is unreadable: a name that is missed may be that one's."""
    return len(principles) == _length(document, ("principles",)) > 0


def _supersession(document: Document) -> Iterator[Problem]:
    version, older = document.get(("version",)), document.get(("supersedes",))
    if isinstance(version, str) and isinstance(older, str) and _order(older) >= _order(version):
        message = f"expected a version before {version}, found {older}"
        yield document.problem(("supersedes",), message, "name the version this one replaces")


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _precedence_cycles(document: Document, principles: Mapping[KeyPath, str]) -> Iterator[Problem]:
    """Tell cycles of `overrides`, each at the principle of it that stands first in the file."""
    places = {id_: path[:-1] for path, id_ in reversed([*principles.items()])}
    ids = list(dict.fromkeys(principles.values()))
    graph = {
        id_: [other for other in document.get((*places[id_], "overrides")) or () if other != id_]
        for id_ in ids
    }
    rank = {id_: number for number, id_ in enumerate(ids)}
    told: set[str] = set()
    for cycle in _cycles(graph):
        if told.isdisjoint(cycle):
            told.update(cycle)
            start = cycle.index(min(cycle, key=rank.__getitem__))
            way = [*cycle[start:], *cycle[: start + 1]]
            yield document.problem(
                (*places[way[0]], "overrides"),
                f"expected an order of precedence, found a cycle: {' > '.join(way)}",
                "remove one of these overrides",
            )


def _cycles(graph: Mapping[str, list[str]]) -> Iterator[list[str]]:
    """Walk depth first, without recursion; yield a cycle for every edge that leads back."""
    done: set[str] = set()
    for start in graph:
        way = {} if start in done else {start: iter(graph[start])}
        while way:
            node = next(reversed(way))
            following = next(way[node], None)
            if following is None:
                done.add(node)
                del way[node]
            elif following in way:
                nodes = list(way)
                yield nodes[nodes.index(following) :]
            elif following in graph and following not in done:
                way[following] = iter(graph[following])


def _mappings(document: Document, principles: Mapping[KeyPath, str]) -> Iterator[Problem]:
    mappings = document.get(("mappings",)) or {}
    if _all_ids_known(document, principles):
        for taxonomy, entries in mappings.items():
            for id_ in entries:
                path = ("mappings", taxonomy, id_)
                yield from _dangling(document, path, id_, principles.values(), "principle")


def _propositions(document: Document, at: KeyPath) -> dict[str, str] | None:
    """What each proposition sees, by id; None when that cannot be known."""
    principle = _raw(document, at)
    if not isinstance(principle, dict):
        return None
    if principle.keys().isdisjoint({"propositions", "violated_when"}):
        return {WHOLE: "exchange"}
    found = document.get((*at, "propositions"))
    return None if found is None else {p["id"]: p["sees"] for p in found}


def _proposition_ids(document: Document, at: KeyPath) -> Iterator[Problem]:
    ids = _ids(document, (*at, "propositions"))
    yield from _duplicates(document, ids, "proposition")
    for path, id_ in ids.items():
        if id_ in _RESERVED:
            message = f'expected another id, found "{id_}": {_RESERVED[id_]}'
            yield document.problem(path, message, "rename the proposition")


def _checks(
    document: Document, at: KeyPath, propositions: Mapping[str, str] | None
) -> Iterator[Problem]:
    for index in range(_length(document, (*at, "checks"))):
        path = (*at, "checks", index)
        check = document.get(path)
        pattern = document.get((*path, "pattern"))
        if isinstance(pattern, str) and (wrong := complaint(pattern)):
            yield document.problem((*path, "pattern"), wrong.message, wrong.hint)
        if check is None or propositions is None:
            continue
        shows = check.get("shows", WHOLE)
        if "shows" not in check and WHOLE not in propositions:
            message = 'expected the key "shows" in a principle with propositions, which is missing'
            yield document.problem(path, message, f"name one of: {', '.join(sorted(propositions))}")
        elif shows not in propositions:
            yield from _dangling(document, (*path, "shows"), shows, propositions, "proposition")
        elif propositions[shows] not in {"exchange", sees := check.get("sees", "response")}:
            yield document.problem(
                (*path, "sees") if "sees" in check else path,
                f'expected a check that sees what "{shows}" may see, the {propositions[shows]}; '
                f"found one that sees the {sees}",
                f"write `sees: {propositions[shows]}`",
            )


def _parsed(document: Document, at: KeyPath) -> Expression | ExpressionError | None:
    text = document.get((*at, "violated_when"))
    if not isinstance(text, str):
        return None
    try:
        return parse(text)
    except ExpressionError as error:
        return error


def _expression(
    document: Document, at: KeyPath, propositions: Mapping[str, str] | None
) -> Iterator[Problem]:
    """Tell what is wrong with the words; with the names in them only where all ids are known."""
    path = (*at, "violated_when")
    expression = _parsed(document, at)
    if isinstance(expression, ExpressionError):
        message = f"{expression} (character {expression.position + 1})"
        hint = "join ids of propositions by and, or, not and parentheses"
        yield document.problem(path, message, hint)
    if expression is None or isinstance(expression, ExpressionError) or propositions is None:
        return
    strange = sorted(expression.names() - propositions.keys())
    for name in strange:
        yield from _dangling(document, path, name, propositions, "proposition")
    if not strange and (constant := _constant(expression)) is not None:
        kind = "always" if constant else "never"
        yield document.problem(
            path,
            f"expected a condition that depends on the answers, found one that is {kind} true",
            f"a rule that is {kind} violated decides nothing: correct the expression",
        )


def _constant(expression: Expression) -> bool | None:
    """The value an expression has for all answers, or None when it depends on them."""
    names = sorted(expression.names())
    if len(names) > _ENUMERABLE:
        return None
    outcomes = {
        _decide(expression, dict(zip(names, truths, strict=True)))
        for truths in itertools.product((False, True), repeat=len(names))
    }
    return outcomes.pop() if len(outcomes) == 1 else None


def _decide(expression: Expression, answers: Mapping[str, bool]) -> bool | None:
    """Evaluate over known answers; None when the unknown ones still matter."""
    low, high = expression.evaluate({k: Interval(float(v), float(v)) for k, v in answers.items()})
    return None if low != high else low == 1.0


def _answers(document: Document, at: KeyPath, propositions: Mapping[str, str]) -> Iterator[Problem]:
    declared = _length(document, (*at, "propositions")) > 0
    expression = _parsed(document, at) if declared else parse(WHOLE)
    for index in range(_length(document, (*at, "examples"))):
        path = (*at, "examples", index)
        answers = document.get((*path, "answers")) or {}
        for name in answers:
            named = (*path, "answers", name)
            yield from _dangling(document, named, name, propositions, "proposition")
        label = document.get((*path, "label"))
        if expression is None or isinstance(expression, ExpressionError):
            continue
        violated = _decide(expression, answers)
        computed = {True: "violates", False: "complies", None: label}[violated]
        if isinstance(label, str) and label not in {computed, "borderline"}:
            yield document.problem(
                (*path, "label"),
                f"expected {computed}, which the answers mean by `{expression}`; found {label}",
                "correct the label or the answers",
            )
