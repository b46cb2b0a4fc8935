"""How many requests a server takes at once, found by asking: additive increase, halving.

Until the server first objects the limit grows by one with every success, so it doubles each round;
after that by one a round. Objections to requests that were sent before the last halving are about
the old rate and do not count again. Law (tested): never more in flight than the limit, never a
limit below one, and waiters are served in the order they came.
"""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Rate"]

_FIRST = 8.0


class Rate:
    """A limit of requests in flight, for one event loop."""

    def __init__(self, most: int) -> None:
        self.limit = min(_FIRST, float(most))
        self.flying = 0
        self.objections = 0
        self._most = float(most)
        self._round = 0  # counts halvings
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> int:
        """Wait for a place; returns the round the request belongs to."""
        if self._waiting or self.flying >= int(self.limit):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self.flying -= 1  # the place was given and nobody is there to take it
                    self._admit()
                raise
        else:
            self.flying += 1
        return self._round

    def leave(self, entered: int, *, objected: bool | None) -> None:
        """Give the place back; `objected` is None where the outcome says nothing of the rate."""
        self.flying -= 1
        if objected:
            self.objections += 1
            if entered == self._round:
                self._round += 1
                self.limit = max(1.0, self.limit / 2)
        elif objected is False:
            step = 1.0 / self.limit if self._round else 1.0
            self.limit = min(self._most, self.limit + step)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.flying < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                self.flying += 1
                place.set_result(None)
