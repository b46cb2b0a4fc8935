"""How long compiled prompts are: by a tokenizer at hand, or by an estimate that needs none.

The estimate counts what byte-pair tokenizers of some ten thousand entries split English into: words
in pieces of at most six letters, digits and marks one by one, every other character as two. It is
meant to be a little too high. Whatever is printed says which of the two it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexgate.critic._prompts import PREAMBLE
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lexgate.critic._prompts import Question

    Count = Callable[[str], int]

__all__ = ["Length", "estimate", "length_of", "token_counter"]

_WORD = 6  # letters of one token
_PIECES = re.compile(r"[A-Za-z]+|[\x21-\x7e]|\n+|[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Length:
    """Tokens of one compiled question, the exchange left out."""

    shared: int  # before the exchange; the same for every question
    own: int  # after it: what one more question costs

    @property
    def total(self) -> int:
        return self.shared + self.own


def estimate(text: str) -> int:
    """Estimate the tokens of a text without a tokenizer."""
    return sum(map(_tokens, _PIECES.findall(text)))


def _tokens(piece: str) -> int:
    if piece[0] > "\x7f":
        return 2
    return -(-len(piece) // _WORD) if piece.isalpha() else 1


def token_counter(path: Path) -> Count:
    """Make a counter of the tokenizer in a model's directory, or in a tokenizer.json.

    Raises:
        UsageError: there is none, or it cannot be read.
        ModuleNotFoundError: tokenizers is not installed.
    """
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"{path} holds no tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise UsageError(f"{file} is no tokenizer that can be read: {error}") from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def length_of(question: Question, count: Count = estimate) -> Length:
    """Measure a compiled question."""
    return Length(count(PREAMBLE + "\n"), count("\n" + question.ask))
