"""Labels that people settled, one JSON object a line: more examples for the light heads.

A label is on a principle; it teaches a proposition exactly where it leaves that proposition no
other value. Laws (tested): a file with a bad line teaches nothing and names every such line; what
is a sealed example is refused, for sealed examples only examine critics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexgate._strict_json import read_json
from lexgate._text import printable
from lexgate.constitutions import Interval
from lexgate.critic._heads import words
from lexgate.errors import InvalidFile, Problem, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from lexgate.constitutions import Constitution, Expression

__all__ = ["Settled", "implied", "read_labels"]

_KEYS = ("prompt", "response", "principle", "label")
_LABELS = {"violates": True, "complies": False}


@dataclass(frozen=True, slots=True)
class Settled:
    """One exchange settled by people for one principle."""

    prompt: str
    response: str
    principle: str
    violates: bool


def implied(violated_when: Expression, proposition: str, violates: bool) -> bool | None:
    """Give the one value a label leaves a proposition; None where it leaves both, or neither."""
    fitting = []
    for value in (True, False):
        low, high = violated_when.evaluate({proposition: Interval(float(value), float(value))})
        if (high > 0.5) if violates else (low < 0.5):
            fitting.append(value)
    return fitting[0] if len(fitting) == 1 else None


def read_labels(path: Path, constitution: Constitution) -> tuple[Settled, ...]:
    """Read a file of labels; the order of lines and lines that stand twice make no difference.

    Raises:
        UsageError: there is no such file.
        InvalidFile: lines are wrong; carries all of them.
    """
    if not path.is_file():
        raise UsageError(f"labels={path} is not a file of settled labels")
    known = {principle.id for principle in constitution.principles}
    sealed = {
        _print(example.prompt, example.response): principle.id
        for principle in constitution.principles
        for example in principle.examples
        if example.split == "sealed"
    }
    found: dict[tuple[str, str, str], tuple[int, Settled]] = {}
    problems = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        settled = _settled(line, known)
        if isinstance(settled, Settled):
            settled = _fits(settled, number, found, sealed)
        if settled:
            problems.append(Problem(str(path), number, 1, "", settled))
    if problems:
        raise InvalidFile(tuple(problems))
    ordered = sorted(found.items())
    return tuple(settled for _, (_, settled) in ordered)


def _fits(
    settled: Settled,
    number: int,
    found: dict[tuple[str, str, str], tuple[int, Settled]],
    sealed: dict[tuple[str, ...], str],
) -> str:
    """Take a label in, or say what it clashes with."""
    owner = sealed.get(_print(settled.prompt, settled.response))
    if owner:
        return f"this is a sealed example of {owner}: sealed examples only examine critics"
    key = (settled.principle, settled.prompt, settled.response)
    first, other = found.setdefault(key, (number, settled))
    if other.violates != settled.violates:
        return f"line {first} says the opposite about the same exchange"
    return ""


def _print(prompt: str, response: str) -> tuple[str, ...]:
    return (*words(prompt), "\n", *words(response))


def _settled(line: bytes, known: set[str]) -> Settled | str:
    try:
        data = read_json(line.decode())
    except ValueError as error:  # also a byte that is not UTF-8
        return printable(str(error), 200)
    if not isinstance(data, dict) or set(data) != set(_KEYS):
        said = printable(", ".join(sorted(data)), 200) if isinstance(data, dict) else "no object"
        return f"expected an object of {', '.join(_KEYS)}; found {said}"
    wrong = [key for key in _KEYS if not isinstance(data[key], str)]
    if wrong:
        return f"expected text for {wrong[0]!r}, found {type(data[wrong[0]]).__name__}"
    if data["principle"] not in known:
        return f"the constitution has no principle {printable(data['principle'], 60)!r}"
    if data["label"] not in _LABELS:
        return f"expected violates or complies, found {printable(data['label'], 40)!r}"
    return Settled(data["prompt"], data["response"], data["principle"], _LABELS[data["label"]])
