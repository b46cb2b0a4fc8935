"""Every error a person can meet, each with the exit code it ends in.

LexgateError
├── UsageError            2  what was asked for is not possible
│   └── InvalidFile       2  a file people write is wrong; carries every problem found in it
└── EvidenceError         4  evidence is missing, damaged or not obtainable

Refusals by a gate are not errors: they are outcomes of a decision (see `lexgate.gates`).
The command line prints `str(error)` and ends with `error.exit_code`; nothing else maps codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["EvidenceError", "InvalidFile", "LexgateError", "Problem", "UsageError"]


class LexgateError(Exception):
    """Base of all errors of this package; the message is a sentence for the person who caused it."""

    exit_code: ClassVar[int] = 4


class UsageError(LexgateError):
    """What was asked for is not possible: a wrong name, a missing file, options that clash."""

    exit_code: ClassVar[int] = 2


class EvidenceError(LexgateError):
    """Evidence is missing, damaged or not obtainable: a cut run, a broken chain, a dead model."""

    exit_code: ClassVar[int] = 4


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a file, as an editor would point at it.

    `line` and `column` count from 1. `path` is the key path, such as `principles/2/severity`.
    """

    file: str
    line: int
    column: int
    path: str
    message: str  # what was expected and what was found
    hint: str = ""  # what to do about it

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        at = f" {self.path}:" if self.path else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{where}:{at} {self.message}{hint}"


class InvalidFile(UsageError):  # noqa: N818  reads as what it is; `InvalidFileError` says no more
    """A file people write is wrong. `problems` holds all mistakes found, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))
