"""JSON as people write it into data files: read strictly, its mistakes told in our own words."""

from __future__ import annotations

import json
from typing import Any

from lexgate._text import printable

__all__ = ["NotJson", "read_json"]


class NotJson(ValueError):  # noqa: N818  reads as what it is
    """Text is not the JSON that is wanted; says where, as an offset into it."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


def read_json(text: str) -> Any:
    """Read JSON strictly; its mistakes are told in our words, which stay when Python's change."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except NotJson as error:
        raise NotJson(f"expected a JSON object: {error}") from error
    except json.JSONDecodeError as error:
        rest = printable(text[error.pos :].strip(), 40)
        found = f"`{rest}` at this place" if rest else "the end of the line in the midst of it"
        raise NotJson(f"expected a JSON object, found {found}", error.pos) from error
    except RecursionError as error:
        raise NotJson("expected a JSON object: it is nested too deep") from error
    except ValueError as error:  # of all the rest only the length of a number is limited
        raise NotJson("expected a JSON object: a number has too many digits") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotJson("a key stands twice")
    return fields


def _no_constant(name: str) -> float:
    raise NotJson(f"{name} is not JSON")
