"""Whole-output parsing: a reply is a verdict only if it is nothing but the verdict.

A parser that searches takes the first or the last thing that looks like a verdict, and the judged
text can put one before or after the critic's own. Here the output, stripped of ASCII whitespace, is
the one expected text or it is silence. In JSON the object must also carry the nonce of this call,
which no judged text can know. Laws (tested): nothing raises on any output; whatever is not exactly
a verdict is Silence, never an answer.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from lexgate._text import printable
from lexgate.critic._protocols import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["bare", "match_whole", "new_nonce", "parse_answers", "parse_choice", "unread"]

T = TypeVar("T")

_SPACE = " \t\n\r\v\f"  # str.strip() would also take NBSP and its like, which no model is asked for
_WORDS = {"yes": True, "no": False}
_LONGEST = 65_536  # characters; no verdict comes near, and a parser's work stays bounded
_SHOWN = 120  # characters of an output that a detail quotes
# Only what a reply opens with: it chooses between two silences and can never make a verdict.
_APOSTROPHES = str.maketrans("\u2018\u2019", "''")
_REFUSAL = re.compile(
    r"(?:i'?m (?:very |so )?sorry|i am sorry|sorry\b|i apologi[sz]e|unfortunately\b"
    r"|i (?:can ?not|can'?t|won'?t|will not|must decline|do not|don'?t feel)\b"
    r"|i(?:'m| am) (?:unable|not able|not comfortable)\b|as an ai\b)",
    re.IGNORECASE,
)


class _NoVerdictError(ValueError):
    """Some JSON that is not what was asked for; the message says why."""


def new_nonce() -> str:
    """Draw 128 bits that no judged text can have known."""
    return secrets.token_hex(16)


def parse_answers(text: str, nonce: str, ids: Sequence[str]) -> dict[str, bool] | Silence:
    """Read `{"nonce": NONCE, "answers": {id: "yes" | "no"}}`, which must be the whole output.

    Args:
        text: The critic's output, hostile.
        nonce: The one this call was made with.
        ids: What was asked; each must be answered once and nothing else.

    Raises:
        ValueError: the caller gave no nonce or no ids.
    """
    if not nonce or not ids:
        raise ValueError("a reply is read with a nonce and the ids that were asked")
    whole = bare(text)
    if not whole.startswith("{") or len(whole) > _LONGEST:
        return unread(text)
    try:
        # Integers and fractions have no place in the object: not even their parsing is needed.
        data = json.loads(
            whole,
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_int=_no_number,
            parse_float=_no_number,
        )
        return _answers(data, nonce, ids)
    except json.JSONDecodeError as error:
        return unread(text, f"no JSON object: {error.msg}")
    except _NoVerdictError as error:
        return unread(text, str(error))
    except RecursionError:
        return unread(text, "nested too deeply")


def parse_choice(text: str, menu: Mapping[str, T]) -> T | Silence:
    """Read the one entry of a menu that is the whole output, letter by letter.

    Raises:
        ValueError: an entry could never be a whole output, or an empty one would be a verdict.
    """
    wrong = [entry for entry in menu if not entry or entry != bare(entry)]
    if wrong or not menu:
        message = f"no menu to read a verdict from: {wrong or 'it is empty'}"
        raise ValueError(message)
    whole = bare(text)
    return menu[whole] if whole in menu else unread(text)


def match_whole(text: str, pattern: re.Pattern[str]) -> re.Match[str] | Silence:
    """Match a format's grammar against the whole output; `$` before a line break does not count."""
    whole = bare(text)
    if len(whole) > _LONGEST:
        return unread(text)
    return pattern.fullmatch(whole) or unread(text)


def bare(text: str) -> str:
    """Strip ASCII whitespace and nothing else."""
    return text.strip(_SPACE)


def unread(text: str, why: str = "") -> Silence:
    """Make the silence for an output that is no verdict: a plain refusal, or unparsable."""
    whole = bare(text)
    if not whole:
        return Silence("unparsable", "the critic's reply is empty")
    if _REFUSAL.match(whole[:_SHOWN].translate(_APOSTROPHES)):
        return Silence("refused", f"the critic refused: {printable(whole, _SHOWN)}")
    if len(whole) > _LONGEST:
        why = why or f"{len(whole)} characters are no verdict"
    reason = f" ({printable(why, _SHOWN)})" if why else ""
    return Silence("unparsable", f"not exactly a verdict{reason}: {printable(whole, _SHOWN)}")


def _answers(data: object, nonce: str, ids: Sequence[str]) -> dict[str, bool]:
    found = _object(data, {"nonce", "answers"}, "the reply")
    if found["nonce"] != nonce:
        raise _NoVerdictError("it does not carry the nonce of this call")
    answers = _object(found["answers"], set(ids), "answers")
    for id_, word in answers.items():
        if not isinstance(word, str) or word not in _WORDS:
            message = f"{id_} is answered {word!r}, neither yes nor no"
            raise _NoVerdictError(message)
    return {id_: _WORDS[answers[id_]] for id_ in ids}


def _object(data: object, keys: set[str], name: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        message = f"{name} is no object"
        raise _NoVerdictError(message)
    if data.keys() != keys:
        strange = sorted(data.keys() ^ keys)
        message = f"{name} lacks or adds {strange[0]!r}"
        raise _NoVerdictError(message)
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NoVerdictError("a key stands twice")
    return found


def _no_number(text: str) -> NoReturn:
    message = f"{text[:20]} is neither yes nor no"
    raise _NoVerdictError(message)
