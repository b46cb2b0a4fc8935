"""What `-M key=value` and the environment say about a server.

The key comes from the environment only. It is in no representation, no digest and no error: what a
server says goes through `Settings.redact` before anybody may see it.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from posixpath import normpath
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import urlsplit

from lexgate._text import printable
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OPTIONS", "Settings", "Wire", "read_settings"]

Wire = Literal["auto", "chat", "completions", "structured", "decisions", "systemone"]

_HOME = "https://api.openai.com/v1"
_KEY_ENV = "OPENAI_API_KEY"
_HIDDEN = "[key]"
_PORTS = {"http": 80, "https": 443}
_TELLING = 8  # letters a key has before a reply that holds it is taken to quote it
OPTIONS = (
    "base_url",
    "budget_tokens",
    "budget_usd",
    "concurrency",
    "key_env",
    "price_in",
    "price_out",
    "retries",
    "timeout",
    "wire",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server is reached and what may be spent on it."""

    model: str
    base_url: str = _HOME
    wire: Wire = "auto"
    concurrency: int = 64  # most requests in flight; the server's own limit is found below it
    timeout: float = 60.0  # seconds a request may take
    retries: int = 6  # after the first attempt
    budget_tokens: int | None = None
    budget_usd: float | None = None
    price_in: float | None = None  # USD for a million tokens
    price_out: float | None = None
    key_env: str = _KEY_ENV
    key: str = field(default="", repr=False, compare=False)
    pause: float = 0.5  # seconds; the first retry waits up to this, each later one up to twice more

    @property
    def name(self) -> str:
        return f"openai/{self.model}"

    def redact(self, text: str) -> str:
        """Make what a server said printable, without the key wherever it echoed that."""
        shown = _quoted(self.key).sub(_HIDDEN, text) if self.key else text
        return printable(shown, 300)

    def unkeyed(self, body: bytes) -> bytes:
        """Take the key out of a reply: a text that quotes it goes into rows and reports."""
        if len(self.key) < _TELLING:
            return body
        if b"\\" in body:  # Latin-1 keeps every byte, and a key is ASCII
            return _quoted(self.key).sub(_HIDDEN, body.decode("latin-1")).encode("latin-1")
        return body.replace(self.key.encode(), _HIDDEN.encode())

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Price tokens in USD; nothing where no prices were given."""
        return (tokens_in * (self.price_in or 0.0) + tokens_out * (self.price_out or 0.0)) / 1e6


def read_settings(model: str, options: Mapping[str, str]) -> Settings:
    """Read the options of `openai/NAME`.

    Raises:
        UsageError: an unknown option, a wrong value, a budget without prices, or no key.
    """
    strange = sorted(set(options) - set(OPTIONS))
    if strange:
        raise UsageError(
            f"openai/{model} has no option {strange[0]!r}; it takes {', '.join(OPTIONS)} "
            "(the key is read from the environment only)"
        )
    base_url = _url(options.get("base_url") or os.environ.get("OPENAI_BASE_URL") or _HOME)
    key_env = options.get("key_env", _KEY_ENV)
    settings = Settings(
        model,
        base_url,
        _wire(options.get("wire", "auto")),
        concurrency=_whole(options, "concurrency", 64, least=1),
        timeout=_number(options, "timeout", above_zero=True) or 60.0,
        retries=_whole(options, "retries", 6, least=0),
        budget_tokens=_whole(options, "budget_tokens", 0, least=1) or None,
        budget_usd=_number(options, "budget_usd", above_zero=True),
        price_in=_number(options, "price_in"),
        price_out=_number(options, "price_out"),
        key_env=key_env,
        key=_key(key_env, needed="key_env" in options or base_url == _HOME),
    )
    if settings.budget_usd is not None and None in {settings.price_in, settings.price_out}:
        raise UsageError(
            "budget_usd needs price_in and price_out, in USD for a million tokens; "
            "or limit the tokens with budget_tokens"
        )
    return settings


@lru_cache(8)
def _quoted(key: str) -> re.Pattern[str]:
    """Match a key in plain letters and in every spelling that JSON has for them."""
    letters = []
    for letter in key:
        escaped = rf"|\\{re.escape(letter)}" if letter in '"\\/' else ""
        letters.append(rf"(?:{re.escape(letter)}|\\u(?i:{ord(letter):04x}){escaped})")
    return re.compile("".join(letters))


def _wire(text: str) -> Wire:
    wires: tuple[Wire, ...] = get_args(Wire)
    for wire in wires:
        if wire == text:
            return wire
    raise UsageError(f"wire={printable(text)} is unknown; use one of {', '.join(wires)}")


def _key(name: str, *, needed: bool) -> str:
    key = os.environ.get(name, "").strip()
    if needed and not key:
        raise UsageError(
            f"the environment variable {name} is not set: put the key there, or name another "
            "variable with the option key_env=NAME, or another server with base_url=URL (-M of a "
            "candidate and in judge, -C of a critic in eval)"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(f"the environment variable {name} holds characters that no key has")
    return key


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
        bare = not (parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        sound = bare = False
    if sound and bare and text.isascii() and text.isprintable() and " " not in text:
        # One address in one spelling: by it a server's model is told again.
        port = f":{parts.port}" if parts.port not in {None, _PORTS[parts.scheme]} else ""
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        path = normpath(parts.path).strip("/.") if parts.path else ""
        return f"{parts.scheme}://{host}{port}" + (f"/{path}" if path else "")
    # Not quoted: an address with a password or a query in it may hold a secret.
    raise UsageError(
        "base_url must be a bare http or https address such as http://localhost:8000/v1, "
        "without a user, a query or a fragment"
    )


def _whole(options: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 16 and int(text) >= least:
        return int(text)
    raise UsageError(f"{name}={printable(text)} must be a whole number of {least} or more")


def _number(options: Mapping[str, str], name: str, *, above_zero: bool = False) -> float | None:
    text = options.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and (value > 0 or (value == 0 and not above_zero)):
        return value
    least = "above 0" if above_zero else "of 0 or more"
    raise UsageError(f"{name}={printable(text)} must be a number {least}")
