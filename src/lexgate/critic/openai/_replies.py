"""What a server's replies say, whatever shape they have: nothing here trusts a byte of them."""

from __future__ import annotations

import datetime as dt
import json
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

__all__ = [
    "GarbledError",
    "body_of",
    "disguised_error",
    "message_of",
    "parse",
    "usage_of",
    "wish_of",
]

_LARGEST = 4 << 20  # bytes of a reply
_LONGEST_WISH = 60.0  # seconds


class GarbledError(ValueError):
    """A reply that is not the one to this request, or none at all; the message says why."""


def parse(body: bytes) -> Any:
    """Read JSON in which no key stands twice.

    Raises:
        GarbledError: it is none.
    """
    try:
        return json.loads(body, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        message = f"no JSON ({error}): {body[:80]!r}"
        raise GarbledError(message) from None


async def body_of(response: aiohttp.ClientResponse) -> bytes:
    """Read a body of bounded size.

    Raises:
        GarbledError: it is larger.
    """
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > _LARGEST:
            response.close()
            message = f"more than {_LARGEST} bytes"
            raise GarbledError(message)
        parts.append(part)
    return b"".join(parts)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise GarbledError("a key stands twice")
    return found


def usage_of(data: Any) -> dict[str, int] | None:
    """Read what a reply says it cost; nonsense counts as unsaid, so it cannot refill a budget."""
    usage = data.get("usage") if isinstance(data, dict) else None
    if not isinstance(usage, dict):
        return None
    found = {}
    for ours, theirs in (("in", "prompt_tokens"), ("out", "completion_tokens")):
        count = usage.get(
            theirs, usage.get(theirs.replace("prompt", "input").replace("completion", "output"))
        )
        if type(count) is not int or not 0 <= count < 1 << 40:
            return None
        found[ours] = count
    return found


def message_of(body: bytes) -> str:
    """Find the sentence in an error's body, whose shape every server chooses for itself."""
    text = body[:20_000].decode("utf-8", "replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return text
    error = data.get("error", data) if isinstance(data, dict) else data
    if isinstance(error, dict):
        said = [error.get(key) for key in ("message", "code", "detail")]
        return " ".join(str(part) for part in said if part) or text
    return str(error)


def disguised_error(data: Any) -> int:
    """Find the status that an error should have come with that came as a success; 0: it is none.

    OpenRouter sends what goes wrong upstream as 200 with a code inside, LM Studio whatever it does
    not know with the words alone.
    """
    error = data.get("error") if isinstance(data, dict) else None
    if not error or "choices" in data or "answers" in data:
        return 0
    code = error.get("code") if isinstance(error, dict) else None
    if type(code) is int and 400 <= code < 600:
        return code
    return 404 if isinstance(error, str) and error.startswith("Unexpected endpoint") else 0


def wish_of(text: str) -> float:
    """Read Retry-After, in seconds or as a date; nothing where it is neither."""
    if text.strip().isdecimal():
        return min(float(text[:9]), _LONGEST_WISH)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    wait = (when - dt.datetime.now(dt.UTC)).total_seconds()
    return min(max(wait, 0.0), _LONGEST_WISH)
