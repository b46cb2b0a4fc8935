"""The proposition file of OpenAI's Rule Based Rewards, as it stands: nothing interpreted.

It has simple propositions (each a prompt), derived ones (each an AND of literals, resting on those
above it), and classes of completions: for each class and type of response an AND of literals.
`completion_class_order` ranks the classes, best first. What `parsed` returns is sound: every name
that is used is defined, and no meaning rests on itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate import _yaml
from lexgate._documents import Document
from lexgate._text import printable
from lexgate.constitutions.formats._native import decoded
from lexgate.constitutions.formats._rbr_check import (
    CLASSES,
    DERIVED,
    ORDER,
    PROMPT,
    SIMPLE,
    TEMPLATE,
    problems_of,
)
from lexgate.errors import InvalidFile, Problem, UsageError

if TYPE_CHECKING:
    from lexgate._documents import KeyPath
    from lexgate.constitutions.formats._format import Files

__all__ = ["Literals", "RbrFile", "as_data", "opened", "parsed"]

Literals = Mapping[str, bool]  # name -> whether it is to be true; all of them together


@dataclass(frozen=True, slots=True)
class RbrFile:
    """What the file says. Mappings keep its order."""

    template: str
    order: tuple[str, ...]  # best class first
    classes: Mapping[str, Mapping[str, Literals]]  # class -> type of response -> condition
    derived: Mapping[str, Literals]  # each rests on those above it
    simple: Mapping[str, str]  # name -> prompt

    @property
    def types(self) -> tuple[str, ...]:
        """The types of response, as they come."""
        return tuple(dict.fromkeys(type_ for types in self.classes.values() for type_ in types))


def as_data(file: RbrFile) -> dict[str, Any]:
    """Lay the file out as OpenAI does."""
    return {
        TEMPLATE: file.template,
        ORDER: list(file.order),
        CLASSES: {
            class_: {type_: dict(literals) for type_, literals in types.items()}
            for class_, types in file.classes.items()
        },
        DERIVED: {name: dict(literals) for name, literals in file.derived.items()},
        SIMPLE: {name: {PROMPT: prompt} for name, prompt in file.simple.items()},
    }


def opened(files: Files) -> Document:
    """Read the one YAML file there is, strictly.

    Raises:
        InvalidFile: it is no YAML that every reader understands alike.
        UsageError: there is no such file, or there are several.
    """
    found = [path for path in files if path.endswith((".yaml", ".yml"))]
    if len(found) != 1:
        names = f": {printable(', '.join(sorted(found)))}" if found else ""
        raise UsageError(
            f"expected the one YAML file of a Rule Based Reward, such as proposition_prompts.yaml; "
            f"found {len(found)}{names}"
        )
    source = decoded(found[0], files[found[0]])
    name, tree = source.name, _yaml.read(source.text)
    document = Document(name, tree.data, tree.positions)
    if tree.faults:
        raise InvalidFile(
            tuple(
                Problem(name, *fault.position, _shown(fault.path), fault.message, fault.hint)
                for fault in tree.faults
            )
        )
    return document


def parsed(document: Document) -> RbrFile:
    """Hold the file against what it must be.

    Raises:
        InvalidFile: it has mistakes; carries all of them.
    """
    if problems := problems_of(document):
        raise InvalidFile(problems)
    data = document.data
    return RbrFile(
        data.get(TEMPLATE, ""),
        tuple(data[ORDER]),
        data[CLASSES],
        data.get(DERIVED, {}),
        {name: entry[PROMPT] for name, entry in data[SIMPLE].items()},
    )


def _shown(path: KeyPath) -> str:
    return "/".join(printable(str(part), 60) for part in path)
