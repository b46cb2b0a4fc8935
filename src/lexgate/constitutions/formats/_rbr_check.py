"""What can be wrong with a proposition file of Rule Based Rewards, told at its place in the file.

Checks go in rounds, each on what the one before found sound: shapes, then names, then references
and grades. That classes exclude each other is no matter of the file: the loader proves it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate._documents import did_you_mean
from lexgate._text import printable
from lexgate.constitutions._model import WHOLE
from lexgate.constitutions._precedence import cycles
from lexgate.constitutions.formats._rbr_classes import ACCEPTABLE, failing, verdict_among

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate._documents import Document, KeyPath
    from lexgate.errors import Problem

__all__ = ["CLASSES", "DERIVED", "ORDER", "PROMPT", "SIMPLE", "TEMPLATE", "problems_of"]

TEMPLATE, ORDER, CLASSES = "prompt_template", "completion_class_order", "completion_classes"
DERIVED, SIMPLE, PROMPT = "derived_propositions", "simple_propositions", "prompt"
_NEEDED = {
    ORDER: "the classes of completions, best first",
    CLASSES: "for each class, what it asks of each type of response",
    SIMPLE: "the yes/no questions, each with its prompt",
}
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_DERIVED_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TAKEN = frozenset({"and", "or", "not", WHOLE})  # these mean something else in our conditions
_FORM = "write lower-case letters, digits and underscores, such as correct_refusal"
_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def problems_of(document: Document) -> tuple[Problem, ...]:
    """Find what is wrong with a file; the round that finds something is the last."""
    check = _Check(document, [])
    for rounds in ((check.shapes,), (check.names,), (check.references, check.grades)):
        for part in rounds:
            part()
        if check.problems:
            break
    return tuple(check.problems)


@dataclass(frozen=True, slots=True)
class _Check:
    document: Document
    problems: list[Problem]

    def shapes(self) -> None:
        if not self._is(dict, ()):
            return
        data = self.document.data
        known = {*_NEEDED, TEMPLATE, DERIVED}
        for key, about in _NEEDED.items():
            if key not in data:
                strange = [other for other in data if other not in known]
                near = did_you_mean(key, strange).removeprefix("did you mean ").removesuffix("?")
                hint = f"is {near} meant to be it?" if near else about
                self._tell((), f'expected the key "{key}", which is missing', hint)
        if TEMPLATE in data:
            self._is(str, (TEMPLATE,))
        self._order()
        for class_ in self._entries((CLASSES,)):
            for type_ in self._entries((CLASSES, class_)):
                self._literals((CLASSES, class_, type_))
        for name in self._entries((DERIVED,)):
            self._literals((DERIVED, name))
        for name in self._entries((SIMPLE,)):
            self._prompt((SIMPLE, name))

    def names(self) -> None:
        """Names become ids: they must be fit for it, and mean one thing each."""
        data = self.document.data
        for name in data[SIMPLE]:
            self._name((SIMPLE, name), name, _NAME)
        for name in data.get(DERIVED, {}):
            self._name((DERIVED, name), name, _DERIVED_NAME)
            if name in data[SIMPLE]:
                message = f'expected a name of its own, found "{name}", a simple proposition\'s'
                self._tell((DERIVED, name), message, "rename one of the two")
        for class_, types in data[CLASSES].items():
            if class_ not in data[ORDER]:
                hint = did_you_mean(class_, data[ORDER]) or f"add it to {ORDER}"
                found = printable(class_, 60)
                message = f'expected a class of {ORDER}, found "{found}"'
                self._tell((CLASSES, class_), message, hint)
            for type_ in types:
                if not _NAME.match(type_):  # no condition names a type, so any word will do
                    self._misnamed((CLASSES, class_, type_), type_)

    def references(self) -> None:
        data = self.document.data
        derived = data.get(DERIVED, {})
        circling = self._circles(derived)
        above: set[str] = set()
        for name, literals in derived.items():
            for used in literals:
                path = (DERIVED, name, used)
                if used not in derived:
                    self._known(path, used)
                elif used not in above and name not in circling:
                    message = f'expected what is defined above, found "{used}", which stands in '
                    message += f"line {self.document.positions[DERIVED, used][0]}"
                    self._tell(path, message, f"move {used} up, above {name}")
            above.add(name)
        for class_, types in data[CLASSES].items():
            for type_, literals in types.items():
                for used in literals:
                    self._known((CLASSES, class_, type_, used), used)

    def _circles(self, derived: Mapping[str, Mapping[str, bool]]) -> set[str]:
        """Tell which meanings rest on themselves; give all names that are part of that."""
        graph = {name: [n for n in uses if n in derived] for name, uses in derived.items()}
        circling: set[str] = set()
        for cycle in cycles(graph):
            if circling.isdisjoint(cycle):
                message = f"expected a meaning, found a circle: {' > '.join([*cycle, cycle[0]])}"
                hint = "a derived proposition cannot be explained by itself"
                self._tell((DERIVED, cycle[0]), message, hint)
            circling.update(cycle)
        return circling

    def grades(self) -> None:
        """Every type of response needs classes to choose from, and some that violate it."""
        data = self.document.data
        stated = data.get(DERIVED, {})
        if not data[CLASSES] or not any(data[CLASSES].values()):
            hint = "name a class, in it a type of response, and in that its propositions"
            self._tell((CLASSES,), "expected a type of response, found none", hint)
        ranked = {class_: data[CLASSES].get(class_, {}) for class_ in data[ORDER]}
        for type_ in dict.fromkeys(type_ for types in ranked.values() for type_ in types):
            classes = [class_ for class_, types in ranked.items() if type_ in types]
            path = (CLASSES, classes[0], type_)
            if len(classes) < 2:
                message = f'expected two classes of {type_} at least, found "{classes[0]}" alone'
                self._tell(path, message, "say what every other completion is")
            elif not failing(data[ORDER], classes) and verdict_among(type_, stated) is None:
                message = f"expected a class of {type_} below {ACCEPTABLE}, found none"
                self._tell(path, message, "a rule that nothing violates decides nothing")

    def _order(self) -> None:
        if not self._is(list, (ORDER,)):
            return
        seen: set[str] = set()
        for place, class_ in enumerate(self.document.data[ORDER]):
            if self._is(str, (ORDER, place)) and class_ in seen:
                message = f'expected every class once, found "{printable(class_, 60)}" again'
                self._tell((ORDER, place), message, "remove one of the two")
            elif isinstance(class_, str):
                seen.add(class_)
                if not class_:
                    self._tell((ORDER, place), "expected a name, found an empty text")

    def _literals(self, path: KeyPath) -> None:
        literals = self._entries(path)
        if self.document.raw(path) == {}:
            message = "expected one proposition at least, found none"
            self._tell(path, message, "write `name: true` or `name: false`")
        for name, value in literals.items():
            if not isinstance(value, bool):
                meant = _BOOLEANS.get(str(value).lower(), str(value).lower())
                hint = f"write {meant}" if meant in {"true", "false"} else "write one of them"
                self._tell((*path, name), f"expected true or false, found {_said(value)}", hint)

    def _prompt(self, path: KeyPath) -> None:
        if not self._is(dict, path):
            return
        if PROMPT not in self.document.raw(path):
            message = f'expected the key "{PROMPT}", which is missing'
            self._tell(path, message, "the question, answered by yes or no")
        elif self._is(str, (*path, PROMPT)) and not self.document.raw((*path, PROMPT)):
            self._tell((*path, PROMPT), "expected text, found an empty text", "write the question")

    def _entries(self, path: KeyPath) -> dict[str, Any]:
        """Look a mapping up; what is missing altogether is told elsewhere, or nothing wrong."""
        if path[-1] not in self.document.raw(path[:-1]) or not self._is(dict, path):
            return {}
        return dict(self.document.raw(path))

    def _is(self, kind: type, path: KeyPath) -> bool:
        value = self.document.raw(path)
        missing = (
            path and isinstance(path[-1], str) and path[-1] not in self.document.raw(path[:-1])
        )
        if isinstance(value, kind) or missing:
            return not missing
        expected = {"dict": "a mapping (key: value)", "list": "a list"}.get(kind.__name__, "text")
        self._tell(path, f"expected {expected}, found {_said(value)}")
        return False

    def _name(self, path: KeyPath, name: str, form: re.Pattern[str]) -> None:
        if not form.match(name):
            self._misnamed(path, name)
        elif name in _TAKEN:
            message = f'expected another name, found "{name}", a word of our conditions'
            self._tell(path, message, "rename it")

    def _misnamed(self, path: KeyPath, name: str) -> None:
        self._tell(path, f'expected another name, found "{printable(name, 60)}"', _FORM)

    def _known(self, path: KeyPath, name: str) -> None:
        known = {*self.document.data[SIMPLE], *self.document.data.get(DERIVED, {})}
        if name not in known:
            message = f'expected a proposition, found "{printable(name, 60)}"'
            hint = did_you_mean(name, known) or f"define it under {SIMPLE} or {DERIVED}"
            self._tell(path, message, hint)

    def _tell(self, path: KeyPath, message: str, hint: str = "") -> None:
        self.problems.append(self.document.problem(path, message, hint))


def _said(value: Any) -> str:
    """Describe what was found, in the words of a person who writes YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{printable(value, 60)}"' if value else "an empty text"
    if isinstance(value, list):
        return "a list"
    return "a mapping" if isinstance(value, dict) else f"the number {value}"
