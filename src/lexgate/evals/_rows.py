"""Rows: what a run is made of. Frozen, append-only, keyed by what they were computed from.

A `SampleRow` declares an item before anything is asked. An `AnswerRow` is one generated response,
a `VerdictRow` one principle judged on it, a `ScoreRow` one metric of it, an `ExamRow` one sealed
example of the constitution judged by the same critic in the same run, and an `EndRow` says that
nothing is missing. `key` is the digest of everything the row depends on, so "was this done
already?" is one look-up. Law (tested): `row_from_json(row.to_json()) == row`.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lexgate.critic import Judgement, judgement_from_json

if TYPE_CHECKING:
    from lexgate.constitutions import Label

__all__ = [
    "AnswerRow",
    "EndRow",
    "ExamRow",
    "Row",
    "SampleRow",
    "ScoreRow",
    "VerdictRow",
    "row_from_json",
]


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A declared item: every bound counts these, whether or not anything came of them."""

    key: str
    task: str
    sample: str
    cluster: str
    prompt: tuple[tuple[str, str], ...]  # (role, content)
    target: str | None
    kind: Literal["sample"] = "sample"

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One response of the candidate."""

    key: str
    task: str
    sample: str
    response: str
    finish: Literal["stop", "length"]
    prompt_tokens: int
    output_tokens: int
    seconds: float
    kind: Literal["answer"] = "answer"

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One principle judged on one response."""

    key: str
    task: str
    sample: str
    judgement: Judgement
    kind: Literal["verdict"] = "verdict"

    def to_json(self) -> dict[str, Any]:
        plain = {"kind": self.kind, "key": self.key, "task": self.task, "sample": self.sample}
        return plain | {"judgement": self.judgement.to_json()}


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One metric of one response (or of one lm-eval document)."""

    key: str
    task: str
    sample: str
    metric: str
    value: float  # finite
    kind: Literal["score"] = "score"

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            message = f"{self.task}/{self.metric} of {self.sample} is {self.value!r}, no number"
            raise ValueError(message)

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


@dataclass(frozen=True, slots=True)
class ExamRow:
    """One sealed example judged by this run's critic: where its error rates come from."""

    key: str
    task: str
    example: str
    label: Label
    judgement: Judgement
    kind: Literal["exam"] = "exam"

    def to_json(self) -> dict[str, Any]:
        plain = {"kind": self.kind, "key": self.key, "task": self.task, "example": self.example}
        return plain | {"label": self.label, "judgement": self.judgement.to_json()}


@dataclass(frozen=True, slots=True)
class EndRow:
    """The run is complete: `rows` rows stand before this one."""

    key: str
    rows: int
    kind: Literal["end"] = "end"

    def to_json(self) -> dict[str, Any]:
        return _plain(self)


Row = SampleRow | AnswerRow | VerdictRow | ScoreRow | ExamRow | EndRow

_KINDS: dict[str, type[Row]] = {
    "sample": SampleRow,
    "answer": AnswerRow,
    "verdict": VerdictRow,
    "score": ScoreRow,
    "exam": ExamRow,
    "end": EndRow,
}


def row_from_json(data: dict[str, Any]) -> Row:
    """Read a stored row back.

    Raises:
        ValueError: the kind, a field or a value is not one this version writes.
    """
    fields = dict(data)
    kind = _KINDS.get(fields.pop("kind", None))
    if kind is None:
        message = f"unknown kind of row: {data.get('kind')!r}"
        raise ValueError(message)
    try:
        if "judgement" in fields:
            fields["judgement"] = judgement_from_json(fields["judgement"])
        if "prompt" in fields:
            turns = fields["prompt"]
            fields["prompt"] = tuple((str(role), str(content)) for role, content in turns)
        _check_types(fields)
        return kind(**fields)
    except (TypeError, KeyError) as error:
        message = f"a {data['kind']} row has other fields than expected: {error}"
        raise ValueError(message) from error


_TEXTS = frozenset({"key", "task", "sample", "cluster", "response", "metric", "example"})
_COUNTS = frozenset({"prompt_tokens", "output_tokens", "rows"})
_NUMBERS = frozenset({"seconds", "value"})
_MENUS = {"finish": ("stop", "length"), "label": ("violates", "borderline", "complies")}


def _check_types(fields: dict[str, Any]) -> None:
    """Refuse what only looks like a row: a list for a name, text for a number, a boolean for one."""
    for name, value in fields.items():
        sound = True
        if name in _TEXTS:
            sound = isinstance(value, str)
        elif name == "target":
            sound = value is None or isinstance(value, str)
        elif name in _COUNTS:
            sound = type(value) is int
        elif name in _NUMBERS:
            sound = type(value) in {int, float}
        elif name in _MENUS:
            sound = value in _MENUS[name]
        if not sound:
            message = f"{name} is of another kind than expected: {type(value).__name__}"
            raise TypeError(message)


def _plain(row: SampleRow | AnswerRow | ScoreRow | EndRow) -> dict[str, Any]:
    return dataclasses.asdict(row)
