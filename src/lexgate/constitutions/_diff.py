"""What changed between two constitutions, by meaning, and the version bump that demands.

Wording is a patch; a new principle or example is minor; another severity, polarity, precedence or
logic, or a removal, is major. Conditions are compared by what they decide, not by how they are
written. Laws (tested): `diff(a, a)` is empty; it is empty only where both say the same; a part of a
diff never demands more than the whole; and going from a to c never demands more than going by b.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lexgate.constitutions._dump import as_file
from lexgate.constitutions._proofs import equivalent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lexgate.constitutions._expression import Expression
    from lexgate.constitutions._model import Constitution, Exemplar, Principle, Proposition

__all__ = ["Bump", "Change", "Diff", "demanded_version", "diff", "satisfies"]

Bump = Literal["none", "patch", "minor", "major"]
_RANK: dict[Bump, int] = {"none": 0, "patch": 1, "minor": 2, "major": 3}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different."""

    bump: Bump
    kind: str  # added | removed | renamed | severity | authority | polarity | … | wording
    principle: str  # id in the new constitution; "" where it concerns all
    what: str  # the part, such as `text`, `examples/bomb`; "" for the principle itself
    before: str  # "" where there was nothing
    after: str  # "" where nothing is left


@dataclass(frozen=True, slots=True)
class Diff:
    """All that is different, in the order of the new constitution."""

    old: str  # reference
    new: str
    changes: tuple[Change, ...]

    @property
    def bump(self) -> Bump:
        """The least bump of the version that tells a reader what to expect."""
        return max((c.bump for c in self.changes), key=_RANK.__getitem__, default="none")

    def of(self, kind: str) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.kind == kind)


def diff(old: Constitution, new: Constitution) -> Diff:
    """Compare two constitutions; their versions and lists of changes are not compared.

    Raises:
        ModuleNotFoundError: a condition has more than 20 propositions, and python-sat is missing.
    """
    changes = (*_header(old, new), *_shared(old, new), *_principles(old, new))
    return Diff(old.reference, new.reference, changes)


def demanded_version(version: str, bump: Bump) -> str:
    """The lowest version that follows `version` after changes of this weight."""
    major, minor, patch = map(int, version.split("."))
    following = {
        "none": (major, minor, patch),
        "patch": (major, minor, patch + 1),
        "minor": (major, minor + 1, 0),
        "major": (major + 1, 0, 0),
    }
    return ".".join(map(str, following[bump]))


def satisfies(old: str, new: str, bump: Bump) -> bool:
    """Tell whether the step from one version to another is at least the one demanded."""
    order = [tuple(map(int, version.split("."))) for version in (demanded_version(old, bump), new)]
    return order[0] <= order[1]


def _header(old: Constitution, new: Constitution) -> Iterator[Change]:
    def plain(bump: Bump, kind: str, what: str, before: object, after: object) -> Iterator[Change]:
        if before != after:
            yield Change(bump, kind, "", what, _shown(before), _shown(after))

    yield from plain("major", "name", "constitution", old.name, new.name)
    yield from plain("patch", "wording", "title", old.title, new.title)
    yield from plain("patch", "wording", "license", old.license, new.license)
    yield from plain("patch", "budget", "prompt_budget", old.prompt_budget, new.prompt_budget)
    yield from plain("patch", "supersedes", "supersedes", old.supersedes, new.supersedes)
    back = set(old.retired) - set(new.retired)
    yield from plain("major" if back else "patch", "retired", "retired", old.retired, new.retired)
    kept = [level for level in new.authorities if level in old.authorities]
    grown = kept == list(old.authorities)
    yield from plain(
        "minor" if grown else "major",
        "authorities",
        "authorities",
        old.authorities,
        new.authorities,
    )


def _shared(old: Constitution, new: Constitution) -> Iterator[Change]:
    yield from _named("", "definitions", dict(old.definitions), dict(new.definitions), "minor")
    yield from _severities(old, new)
    yield from _propositions("", old.propositions, new.propositions)
    before, after = dict(old.derived), dict(new.derived)
    for name in sorted({*before, *after}):
        texts = [str(found[name]) if name in found else "" for found in (before, after)]
        if texts[0] != texts[1]:  # what it does to rules is told there
            yield Change("patch", "wording", "", f"derived/{name}", *texts)
    taxonomies = dict(old.mappings), dict(new.mappings)
    for name in sorted({*taxonomies[0], *taxonomies[1]}):
        maps = [dict(found.get(name, ())) for found in taxonomies]
        for id_ in sorted({*maps[0], *maps[1]}):
            if maps[0].get(id_) != maps[1].get(id_):
                shown = [", ".join(found.get(id_, ())) for found in maps]
                bump: Bump = (
                    "minor" if set(maps[0].get(id_, ())) <= set(maps[1].get(id_, ())) else "major"
                )
                yield Change(bump, "mapping", id_, f"mappings/{name}", *shown)
        if not any(maps) and (name in taxonomies[0]) != (name in taxonomies[1]):
            yield Change("patch", "mapping", "", f"mappings/{name}", "", "")  # it maps nothing


def _severities(old: Constitution, new: Constitution) -> Iterator[Change]:
    before = {s.id: s for s in old.severities}
    after = {s.id: s for s in new.severities}
    for id_ in dict.fromkeys([*after, *before]):
        texts = [
            f"limit {s.limit:g}, confidence {s.confidence:g}, claim {s.claim}" if s else ""
            for s in (before.get(id_), after.get(id_))
        ]
        if before.get(id_) != after.get(id_):
            bump: Bump = "minor" if id_ not in before else "major"
            yield Change(bump, "severities", "", f"severities/{id_}", *texts)
    common = [
        [id_ for id_ in one if id_ in other] for one, other in ((before, after), (after, before))
    ]
    if common[0] != common[1]:
        shown = [" > ".join(found) for found in common]
        yield Change("major", "severities", "", "severities", *shown)


def _principles(old: Constitution, new: Constitution) -> Iterator[Change]:
    before = {p.id: p for p in old.principles}
    after = {p.id: p for p in new.principles}
    renamed = _renamed(old, new)
    for id_, principle in after.items():
        was = before.get(renamed.get(id_, id_))
        if was is None:
            yield Change("minor", "added", id_, "", "", principle.title)
            continue
        if was.id != id_:
            yield Change("major", "renamed", id_, "id", was.id, id_)
        yield from _principle(was, principle, old, new)
    for id_, principle in before.items():
        if id_ not in after and id_ not in renamed.values():
            yield Change("major", "removed", id_, "", principle.title, "")
    orders = [
        [id_ for id_ in one if id_ in other] for one, other in ((before, after), (after, before))
    ]
    if orders[0] != orders[1]:
        yield Change("patch", "order", "", "principles", *(", ".join(found) for found in orders))


def _renamed(old: Constitution, new: Constitution) -> dict[str, str]:
    """Find principles that say the same under another id: new id -> old id."""
    data = [{p["id"]: p for p in as_file(c)["principles"]} for c in (old, new)]
    gone = {id_: _meaning(p) for id_, p in data[0].items() if id_ not in data[1]}
    found: dict[str, str] = {}
    for id_, principle in data[1].items():
        if id_ not in data[0]:
            meaning = _meaning(principle)
            twin = next((other for other in gone if gone[other] == meaning), None)
            if twin is not None:
                found[id_] = twin
                del gone[twin]
    return found


def _meaning(principle: Mapping[str, Any]) -> list[Any]:
    return [principle.get(key) for key in ("text", "propositions", "violated_when")]


def _principle(
    was: Principle, now: Principle, old: Constitution, new: Constitution
) -> Iterator[Change]:
    def tell(bump: Bump, kind: str, what: str, before: str, after: str) -> Iterator[Change]:
        if before != after:
            yield Change(bump, kind, now.id, what, before, after)

    for what in ("severity", "authority", "polarity", "criterion"):
        yield from tell("major", what, what, getattr(was, what), getattr(now, what))
    over = [", ".join(sorted(p.overrides)) for p in (was, now)]
    yield from tell("major", "precedence", "overrides", *over)
    if was.overrides != now.overrides and over[0] == over[1]:
        orders = [", ".join(p.overrides) for p in (was, now)]
        yield Change("patch", "order", now.id, "overrides", *orders)
    for what in ("title", "text", "rationale", "critique", "revise"):
        yield from tell("patch", "wording", what, getattr(was, what), getattr(now, what))
    yield from _exceptions(was, now)
    shared = [{p.id for p in c.propositions} for c in (old, new)]
    own = [
        [p for p in principle.propositions if p.id not in known]
        for principle, known in zip((was, now), shared, strict=True)
    ]
    yield from _propositions(now.id, *own)
    conditions = old.expand(was.violated_when), new.expand(now.violated_when)
    forms = str(was.violated_when), str(now.violated_when)
    yield from _logic(now.id, "violated_when", conditions, forms)
    yield from _rubric(was, now, old, new)
    checks = [
        [f"{c.pattern} -> {c.shows} ({c.sees}, exact {c.exact})" for c in p.checks]
        for p in (was, now)
    ]
    if was.checks != now.checks:
        fewer: Bump = "minor" if set(was.checks) <= set(now.checks) else "major"
        yield Change(fewer, "checks", now.id, "checks", *("\n".join(found) for found in checks))
    yield from _examples(now.id, was.examples, now.examples)


def _exceptions(was: Principle, now: Principle) -> Iterator[Change]:
    if was.exceptions == now.exceptions:
        return
    before, after = set(was.exceptions), set(now.exceptions)
    same_number = len(was.exceptions) == len(now.exceptions)
    bump: Bump = "patch" if same_number else "major"
    kind = "wording" if same_number else "exceptions"
    shown = ["\n".join(texts) for texts in (was.exceptions, now.exceptions)]
    if not same_number and before != after:
        shown = [
            "\n".join(sorted(one - other)) for one, other in ((before, after), (after, before))
        ]
    yield Change(bump, kind, now.id, "exceptions", *shown)


def _propositions(
    principle: str, before: Iterable[Proposition], after: Iterable[Proposition]
) -> Iterator[Change]:
    known = [{p.id: p for p in found} for found in (before, after)]
    for id_ in dict.fromkeys([*known[1], *known[0]]):
        was, now = known[0].get(id_), known[1].get(id_)
        what = f"propositions/{id_}"
        if was is None or now is None:  # what it does to the verdict is told by the logic
            bump: Bump = "minor" if was is None else "major"
            yield Change(bump, "proposition", principle, what, *_asks(was, now))
            continue
        if was.sees != now.sees:
            yield Change("major", "sight", principle, f"{what}/sees", was.sees, now.sees)
        if was.ask != now.ask:
            yield Change("patch", "wording", principle, f"{what}/ask", was.ask, now.ask)
    orders = [[id_ for id_ in one if id_ in other] for one, other in itertools.permutations(known)]
    if orders[0] != orders[1]:
        yield Change("patch", "order", principle, "propositions", *map(", ".join, orders))


def _asks(*propositions: Proposition | None) -> list[str]:
    return ["" if p is None else p.ask for p in propositions]


def _logic(
    principle: str,
    what: str,
    conditions: tuple[Expression, Expression],
    forms: tuple[str, str],
) -> Iterator[Change]:
    if conditions[0] != conditions[1] and not equivalent(*conditions):
        yield Change("major", "logic", principle, what, *map(str, conditions))
    elif forms[0] != forms[1]:
        yield Change("patch", "wording", principle, what, *forms)


def _rubric(
    was: Principle, now: Principle, old: Constitution, new: Constitution
) -> Iterator[Change]:
    choices = [" < ".join(p.rubric.choices) for p in (was, now)]
    if was.rubric.choices != now.rubric.choices:
        yield Change("major", "rubric", now.id, "rubric/choices", *choices)
        return
    before, after = dict(was.rubric.when), dict(now.rubric.when)
    if before.keys() != after.keys():
        shown = ["computed" if found else "not computed" for found in (before, after)]
        yield Change("major", "rubric", now.id, "rubric/when", *shown)
        return
    for choice, condition in after.items():
        conditions = old.expand(before[choice]), new.expand(condition)
        forms = str(before[choice]), str(condition)
        yield from _logic(now.id, f"rubric/when/{choice}", conditions, forms)


def _examples(
    principle: str, before: Iterable[Exemplar], after: Iterable[Exemplar]
) -> Iterator[Change]:
    known = [{e.id: e for e in found} for found in (before, after)]
    for id_ in dict.fromkeys([*known[1], *known[0]]):
        was, now = known[0].get(id_), known[1].get(id_)
        what = f"examples/{id_}"
        if was is None or now is None:
            bump: Bump = "minor" if was is None else "major"
            labels = ["" if e is None else e.label for e in (was, now)]
            yield Change(
                bump, f"example {'added' if was is None else 'removed'}", principle, what, *labels
            )
            continue
        truths = [f"{e.label} ({e.split}) {_answers(e)}".strip() for e in (was, now)]
        if truths[0] != truths[1]:
            yield Change("major", "example relabelled", principle, what, *truths)
        hidden = "sealed" in {was.split, now.split}
        for part in ("prompt", "response", "why"):
            texts = [getattr(e, part) for e in (was, now)]
            if texts[0] != texts[1]:
                # What is printed gets into logs and comments, and the exam must not.
                texts = ["(sealed)", "(sealed, reworded)"] if hidden else texts
                yield Change("patch", "example reworded", principle, f"{what}/{part}", *texts)
    orders = [[id_ for id_ in one if id_ in other] for one, other in itertools.permutations(known)]
    if orders[0] != orders[1]:
        yield Change("patch", "order", principle, "examples", *map(", ".join, orders))


def _answers(example: Exemplar) -> str:
    return ", ".join(f"{name} {'yes' if truth else 'no'}" for name, truth in example.answers)


def _named(
    principle: str, what: str, before: Mapping[str, str], after: Mapping[str, str], bump: Bump
) -> Iterator[Change]:
    for name in dict.fromkeys([*after, *before]):
        texts = before.get(name, ""), after.get(name, "")
        if texts[0] != texts[1] or (name in before) != (name in after):
            both = name in before and name in after
            kind = "wording" if both else "definition"
            weight: Bump = "patch" if both else bump if name in after else "major"
            yield Change(weight, kind, principle, f"{what}/{name}", *texts)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)
