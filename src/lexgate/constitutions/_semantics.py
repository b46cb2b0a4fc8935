"""What a schema cannot say about a constitution: names that must exist, rules that must make sense.

Every check reads through `Document.get`, so it stays silent where the schema found the file wrong
already, and speaks about the rest: a person sees all mistakes of a file at once.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from lexgate._documents import did_you_mean
from lexgate.constitutions._conditions import (
    condition_problems,
    decide,
    read_vocabulary,
    rule_of,
    vocabulary_problems,
)
from lexgate.constitutions._dangling import dangling, duplicates, ids_of
from lexgate.constitutions._model import WHOLE
from lexgate.constitutions._patterns import complaint
from lexgate.constitutions._precedence import Order, precedence_problems
from lexgate.constitutions._reserved import FENCE, reserved_in
from lexgate.constitutions._taxonomies import TAXONOMIES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from lexgate._documents import Document, KeyPath
    from lexgate.constitutions._conditions import Rule
    from lexgate.errors import Problem

__all__ = ["problems_of"]

_NEEDED = {
    "severities": "Levels of seriousness, worst first, each with the gate's defaults for it.",
    "principles": "The rules.",
}


def problems_of(document: Document) -> Iterator[Problem]:
    """Find every semantic mistake in a constitution's document, what it inherits included."""
    principles = ids_of(document, ("principles",))
    severities = ids_of(document, ("severities",))
    order = Order(document, principles)
    words = read_vocabulary(document)
    yield from _needed(document)
    yield from duplicates(document, principles, "principle")
    yield from _retired(document, principles)
    yield from duplicates(document, severities, "severity")
    yield from duplicates(document, _examples(document), "example")
    yield from _twins(document)
    yield from _opposites(document, order)
    yield from _supersession(document)
    yield from precedence_problems(document, order)
    yield from _mappings(document, principles)
    yield from _frame_words(document)
    yield from vocabulary_problems(document, words)
    asked = _asked(document)
    for index in range(document.length(("principles",))):
        at: KeyPath = ("principles", index)
        yield from _level(document, (*at, "severity"), severities.values(), "severity")
        yield from _level(document, (*at, "authority"), order.levels, "authority")
        yield from _overrides(document, at, principles)
        yield from condition_problems(document, at, words)
        rule = rule_of(document, at, words)
        yield from _checks(document, at, rule.propositions)
        yield from _answers(document, at, rule, asked)


def _asked(document: Document) -> dict[str, str]:
    """Say where each proposition is declared: in a principle, or for all."""
    holders: dict[KeyPath, str] = {("propositions",): "the shared ones"}
    for path, id_ in ids_of(document, ("principles",)).items():
        holders[*path[:-1], "propositions"] = id_
    return {
        proposition: holder
        for place, holder in holders.items()
        for proposition in ids_of(document, place).values()
    }


def _needed(document: Document) -> Iterator[Problem]:
    """Ask for what a constitution cannot be without, unless it inherits it."""
    root = document.raw(())
    for key, about in _NEEDED.items():
        if isinstance(root, dict) and key not in root:
            meant = any(did_you_mean(other, [key]) for other in root)
            if not meant:  # else the schema tells the misspelt one
                yield document.problem((), f'expected the key "{key}", found none', about)


def _retired(document: Document, principles: Mapping[KeyPath, str]) -> Iterator[Problem]:
    retired = document.get(("retired",)) or ()
    for path, id_ in principles.items():
        if id_ in retired:
            message = f'expected an id that no removed principle had, found "{id_}", a retired one'
            hint = "stored verdicts cite it for the old rule: choose another id"
            yield document.problem(path, message, hint)


def _examples(document: Document) -> dict[KeyPath, str]:
    found: dict[KeyPath, str] = {}
    for index in range(document.length(("principles",))):
        found |= ids_of(document, ("principles", index, "examples"))
    return found


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
            place = document.line(other).replace("in line", "of line")
            yield document.problem(
                at,
                f"expected a sealed example to differ from all others, found that {place} again",
                "a critic is measured by it, so it must be an exchange of its own",
            )


def _said(document: Document, at: KeyPath) -> str:
    parts = [str(document.get((*at, key)) or "") for key in ("prompt", "response")]
    return "\n".join(" ".join(unicodedata.normalize("NFKC", t).casefold().split()) for t in parts)


def _opposites(document: Document, order: Order) -> Iterator[Problem]:
    """Find exchanges that violate one principle and comply with another, none going before the other.

    Whoever is to obey both needs to know which one goes first.
    """
    said: dict[str, list[tuple[str, str, KeyPath]]] = {}
    for at in (path[:-1] for path in _examples(document)):
        id_, label = document.get((*at[:2], "id")), document.get((*at, "label"))
        if isinstance(id_, str) and label in {"violates", "complies"}:
            said.setdefault(_said(document, at), []).append((id_, label, at))
    for labels in said.values():
        for place, (id_, label, at) in enumerate(labels):
            for other, its_label, its_place in labels[:place]:
                if label != its_label and id_ != other and not order.settles(id_, other):
                    yield document.problem(
                        (*at, "label"),
                        f'expected an order of precedence between "{other}" and "{id_}", found none; '
                        f"one exchange {its_label} by the one (first {document.line(its_place)}) "
                        f"and {label} by the other",
                        "write in the one that goes first: overrides: [the other]",
                    )
                    break  # one word for an exchange is enough


def _level(
    document: Document, path: KeyPath, known: Collection[str], kind: str
) -> Iterator[Problem]:
    """Hold the severity or authority a principle names against the declared ones."""
    named = document.get(path)
    declared = {"severity": "severities", "authority": "authorities"}[kind]
    if not isinstance(named, str) or (document.raw((declared,)) and not document.get((declared,))):
        return
    if not known and kind == "authority":
        message = f'expected no authority where none is declared, found "{named}"'
        yield document.problem(
            path, message, "list the levels at the top: authorities: [highest, …]"
        )
    elif known:
        yield from dangling(document, path, named, known, kind)


def _overrides(
    document: Document, at: KeyPath, principles: Mapping[KeyPath, str]
) -> Iterator[Problem]:
    own = document.get((*at, "id"))
    for index in range(document.length((*at, "overrides"))):
        path = (*at, "overrides", index)
        named = document.get(path)
        if not isinstance(named, str):
            continue
        if named == own:
            message = f'expected another principle, found "{named}" itself'
            yield document.problem(path, message, "a principle cannot override itself: remove it")
        elif _all_ids_known(document, principles):
            yield from dangling(document, path, named, principles.values(), "principle")


def _all_ids_known(document: Document, principles: Mapping[KeyPath, str]) -> bool:
    """Tell whether no id is unreadable: a name that is missed may be that one's."""
    return len(principles) == document.length(("principles",)) > 0


def _supersession(document: Document) -> Iterator[Problem]:
    version, older = document.get(("version",)), document.get(("supersedes",))
    if isinstance(version, str) and isinstance(older, str) and _order(older) >= _order(version):
        message = f"expected a version before {version}, found {older}"
        yield document.problem(("supersedes",), message, "name the version this one replaces")


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _mappings(document: Document, principles: Mapping[KeyPath, str]) -> Iterator[Problem]:
    mappings = document.get(("mappings",)) or {}
    for taxonomy, entries in mappings.items():
        codes = TAXONOMIES.get(taxonomy, ())
        for id_, categories in entries.items():
            path = ("mappings", taxonomy, id_)
            if _all_ids_known(document, principles):
                yield from dangling(document, path, id_, principles.values(), "principle")
            for category in categories if codes else ():
                yield from dangling(document, path, category, codes, "category")


def _frame_words(document: Document) -> Iterator[Problem]:
    """Refuse texts that would be read as part of a compiled prompt's frame."""
    for path in _texts(document):
        text = document.get(path)
        if path[0] == "definitions" and isinstance(text, str):
            text = f"{path[1]}: {text}"  # a term begins the line in a prompt
        if isinstance(text, str) and (found := reserved_in(text)):
            message = f'expected text without the words of our own prompts, found "{found}"'
            hint = "quote without backticks" if found == FENCE else "begin the line another way"
            yield document.problem(path, message, hint)


def _texts(document: Document) -> Iterator[KeyPath]:
    """Walk the places whose text gets into a critic's prompt."""
    yield from (("definitions", term) for term in document.get(("definitions",)) or {})
    holders: list[KeyPath] = [()]
    for index in range(document.length(("principles",))):
        at: KeyPath = ("principles", index)
        holders.append(at)
        yield (*at, "text")
        yield from ((*at, "exceptions", n) for n in range(document.length((*at, "exceptions"))))
    for at in holders:
        for number in range(document.length((*at, "propositions"))):
            yield (*at, "propositions", number, "ask")


def _checks(
    document: Document, at: KeyPath, propositions: Mapping[str, str] | None
) -> Iterator[Problem]:
    for index in range(document.length((*at, "checks"))):
        path = (*at, "checks", index)
        check = document.get(path)
        pattern = document.get((*path, "pattern"))
        if isinstance(pattern, str) and (wrong := complaint(pattern)):
            yield document.problem((*path, "pattern"), wrong.message, wrong.hint)
        if check is None or propositions is None:
            continue
        shows = check.get("shows", WHOLE)
        if "shows" not in check and WHOLE not in propositions:
            message = 'expected the key "shows" in a principle with propositions, found none'
            yield document.problem(path, message, f"name one of: {', '.join(sorted(propositions))}")
        elif shows not in propositions:
            yield from dangling(document, (*path, "shows"), shows, propositions, "proposition")
        elif propositions[shows] not in {"exchange", sees := check.get("sees", "response")}:
            yield document.problem(
                (*path, "sees") if "sees" in check else path,
                f'expected a check that sees what "{shows}" may see, the {propositions[shows]}; '
                f"found one that sees the {sees}",
                f"write `sees: {propositions[shows]}`",
            )


def _answers(
    document: Document, at: KeyPath, rule: Rule, asked: Mapping[str, str]
) -> Iterator[Problem]:
    """Hold examples against the rule: they answer what it asks, and their labels follow."""
    if rule.propositions is None:
        return
    for index in range(document.length((*at, "examples"))):
        path = (*at, "examples", index)
        answers = document.get((*path, "answers")) or {}
        for name in answers:
            named = (*path, "answers", name)
            if name not in rule.propositions and name in asked:
                asks = document.get((*at, "id"))
                message = (
                    f'expected a proposition that {asks} uses, found "{name}" of {asked[name]}'
                )
                hint = f"an example of {asks} is labelled by what {asks} asks: move or remove it"
                yield document.problem(named, message, hint)
            else:
                yield from dangling(document, named, name, rule.propositions, "proposition")
        label = document.get((*path, "label"))
        if rule.violated_when is None:
            continue
        violated = decide(rule.violated_when, answers)
        computed = {True: "violates", False: "complies", None: label}[violated]
        if isinstance(label, str) and label not in {computed, "borderline"}:
            yield document.problem(
                (*path, "label"),
                f"expected {computed}, which the answers mean by "
                f"`{document.get((*at, 'violated_when')) or WHOLE}`; found {label}",
                "correct the label or the answers",
            )
