"""Searching hostile text for a pattern, in bounded time.

Some patterns take years on some texts, and a candidate writes the texts. So a text that is longer
than `LONGEST` is not searched at all (half of it would say nothing of a pattern's absence), and a
search that takes more than `SECONDS` of processor time is interrupted: matching looks for signals
as it goes. Either way there is no answer, never a false one. Signals reach the main thread only,
and all judging is done there; in another thread a search cannot be bounded, so it is not begun.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from lexgate._text import printable
from lexgate.critic._protocols import Silence

if TYPE_CHECKING:
    import re
    from types import FrameType

__all__ = ["LONGEST", "SECONDS", "search"]

LONGEST = 100_000  # characters
SECONDS = 0.5  # of processor time; a harmless pattern reads the longest text in a hundredth


class _TimeUp(Exception):  # noqa: N818  never leaves this file
    pass


def search(regex: re.Pattern[str], text: str) -> bool | Silence:
    """Say whether the pattern occurs in the text, or why that cannot be known."""
    if len(text) > LONGEST:
        detail = f"patterns read at most {LONGEST} characters, here are {len(text)}"
        return Silence("too_long", f"checks: {detail}")
    if threading.current_thread() is not threading.main_thread():
        return Silence("failed", "checks: patterns are searched for in the main thread only")
    previous = signal.signal(signal.SIGVTALRM, _interrupt)
    try:
        return _timed(regex, text)
    except _TimeUp:
        shown = printable(regex.pattern, 60)
        return Silence("failed", f"checks: {shown} took longer than {SECONDS:g} s on this text")
    finally:
        signal.signal(signal.SIGVTALRM, previous or signal.SIG_DFL)


def _timed(regex: re.Pattern[str], text: str) -> bool:
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        return regex.search(text) is not None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise _TimeUp
