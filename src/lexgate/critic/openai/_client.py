"""One server over HTTP: many requests at once, each answered by its own reply or by a `Failure`.

The event loop runs in a thread of its own, so that connections stay alive between calls and callers
may have a loop themselves. What a `Call.read` does not recognise as the reply to this very request
counts as no reply and is asked for again. Laws (tested): every call gets exactly one outcome, in
order; nothing is retried that a retry cannot mend; what is spent never passes the budget by more
than the estimate of one request was wrong.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
import weakref
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import aiohttp

from lexgate.critic._protocols import Silence
from lexgate.critic.openai._rate import Rate
from lexgate.critic.openai._replies import (
    GarbledError,
    body_of,
    disguised_error,
    message_of,
    parse,
    usage_of,
    wish_of,
)
from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lexgate.critic.openai._settings import Settings

__all__ = ["Call", "Client", "Failure"]

_LONGEST_PAUSE = 30.0  # seconds, of our own choice
_MENDED_BY_TIME = frozenset({408, 425, 429})
_LENGTH = ("context_length_exceeded", "maximum context length", "context window")
_FILTER = ("content_filter", "content_policy", "content management policy")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and how its reply is read."""

    path: str
    body: bytes
    read: Callable[[Any], Any]  # raises GarbledError for what is not the reply to this request
    output: int = 0  # tokens the reply may take, for the budget


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call has no outcome; `status` is 0 where no server spoke."""

    status: int
    silence: Silence
    retry: bool = False
    wish: float = 0.0  # seconds the server asked to wait
    billed: bool = False  # the server may have done the work


class Client:
    """Sends calls to one server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()  # requests, retries, by failure, tokens
        self.rate = Rate(settings.concurrency)
        self.quirks: set[str] = set()  # see `_quirks`
        self._reserved = Counter[str]()
        self._busy = 0.0
        self._lock = threading.Lock()
        self._worker: _Worker | None = None

    def send(self, calls: Sequence[Call]) -> list[Any]:
        """Give each call what its reader returned, or a `Failure`.

        Raises:
            EvidenceError: the server does not accept the key.
        """
        if not calls:
            return []
        with self._lock:
            if self._worker is None:
                self._worker = _Worker(self.settings)
                weakref.finalize(self, self._worker.stop)
        start = time.perf_counter()
        future = asyncio.run_coroutine_threadsafe(
            self._send_all(self._worker, calls), self._worker.loop
        )
        try:
            return future.result()
        finally:
            future.cancel()
            self._busy += time.perf_counter() - start

    def close(self) -> None:
        """End the thread and its connections; a later `send` starts anew."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker:
            worker.stop()

    def report(self) -> dict[str, Any]:
        """Tell what was sent and spent, and the rate the server bore."""
        counts, settings = self.counts, self.settings
        told: dict[str, Any] = {
            "requests": counts["requests"],
            "retries": counts["retries"],
            "failures": {
                key.removeprefix("failed:"): counts[key]
                for key in sorted(counts)
                if key.startswith("failed:")
            },
            "tokens_in": counts["in"],
            "tokens_out": counts["out"],
            "in_flight": int(self.rate.limit),
            "objections": self.rate.objections,
            "requests_per_second": round(counts["requests"] / self._busy, 1) if self._busy else 0.0,
        }
        if settings.price_in is not None or settings.price_out is not None:
            told["spent_usd"] = round(settings.cost(counts["in"], counts["out"]), 6)
        return told

    async def _send_all(self, worker: _Worker, calls: Sequence[Call]) -> list[Any]:
        session = worker.session()
        results: list[Any] = [None] * len(calls)
        places = iter(range(len(calls)))  # shared: taken in order, so neighbours stay neighbours

        async def work() -> None:
            try:
                for place in places:
                    results[place] = await self._outcome(session, calls[place])
            finally:
                deque(places, maxlen=0)  # where one ends before the last, all do

        many = min(len(calls), self.settings.concurrency)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_unwrapped(work())) for _ in range(many)]
        for task in tasks:
            if error := task.result():
                raise error
        return results

    async def _outcome(self, session: aiohttp.ClientSession, call: Call) -> Any:
        attempt = 0
        while True:
            outcome = await self._attempt(session, call)
            if not isinstance(outcome, Failure):
                return outcome
            if outcome.status == 401:
                self._refused_key(outcome)
            if not outcome.retry or attempt >= self.settings.retries:
                return outcome
            self.counts["retries"] += 1
            longest = min(_LONGEST_PAUSE, self.settings.pause * 2**attempt)
            attempt += 1
            await asyncio.sleep(outcome.wish + random.uniform(0, longest))  # noqa: S311  jitter

    def _refused_key(self, failure: Failure) -> NoReturn:
        settings = self.settings
        raise EvidenceError(
            f"{settings.name}: {settings.base_url} does not accept the key in the environment "
            f"variable {settings.key_env}"
            f"{'' if settings.key else ', which is not set'} ({failure.silence.detail})"
        )

    async def _attempt(self, session: aiohttp.ClientSession, call: Call) -> Any:
        entered = await self.rate.enter()
        estimate = {"in": len(call.body) // 3 + 1, "out": call.output}
        objected: bool | None = None
        try:
            if self._spent(estimate):
                return Failure(0, Silence("budget", f"{self.settings.name}: the budget is spent"))
            self._reserved.update(estimate)
            self.counts["requests"] += 1
            try:
                outcome, usage = await self._exchange(session, call)
            finally:
                self._reserved.subtract(estimate)
            failed = isinstance(outcome, Failure)
            objected = failed and (outcome.status in {0, 429} or outcome.status >= 500)
            if failed:
                self.counts[f"failed:{outcome.status or 'no reply'}"] += 1
            if not failed or outcome.billed:
                self.counts.update(usage or estimate)
            return outcome
        finally:
            self.rate.leave(entered, objected=objected)

    def _spent(self, estimate: dict[str, int]) -> bool:
        settings = self.settings
        if settings.budget_tokens is None and settings.budget_usd is None:
            return False
        sent, received = (self.counts[k] + self._reserved[k] + estimate[k] for k in ("in", "out"))
        if settings.budget_tokens is not None and sent + received > settings.budget_tokens:
            return True
        limit = settings.budget_usd
        return limit is not None and settings.cost(sent, received) > limit

    async def _exchange(
        self, session: aiohttp.ClientSession, call: Call
    ) -> tuple[Any, dict[str, int] | None]:
        name, redact = self.settings.name, self.settings.redact
        url = self.settings.base_url + call.path
        usage = None
        try:
            async with session.post(url, data=call.body, allow_redirects=False) as response:
                body = await body_of(response)
                wish = response.headers.get("Retry-After", "")
            status = response.status
            data = parse(self.settings.unkeyed(body)) if status == 200 else None
            status = disguised_error(data) or status
            if status != 200:
                return self._failure(status, body, wish), None
            usage = usage_of(data)
            return call.read(data), usage
        except GarbledError as error:
            wrong = f"{name}: not a reply to this request: {redact(str(error))}"
            return Failure(200, Silence("unparsable", wrong), retry=True, billed=True), usage
        except TimeoutError:
            wrong = f"{name}: no reply within {self.settings.timeout:g} seconds"
            return Failure(0, Silence("failed", wrong), retry=True, billed=True), None
        except (aiohttp.ClientError, OSError) as error:
            wrong = f"{name}: {redact(f'{type(error).__name__}: {error}')}"
            billed = not isinstance(error, aiohttp.ClientConnectorError)
            return Failure(0, Silence("failed", wrong), retry=True, billed=billed), None
        except Exception as error:  # noqa: BLE001  one strange reply must not cost all the others
            wrong = (
                f"{name}: reading the reply failed: {redact(f'{type(error).__name__}: {error}')}"
            )
            return Failure(200, Silence("failed", wrong), billed=True), usage

    def _failure(self, status: int, body: bytes, wish: str) -> Failure:
        said = message_of(body)
        detail = f"{self.settings.name}: HTTP {status}: {self.settings.redact(said)}"
        if 300 <= status < 400:
            detail += " (redirects are not followed: give the final address as base_url)"
        lower = said.lower()
        if status in {400, 413, 422} and any(sign in lower for sign in _LENGTH):
            return Failure(status, Silence("too_long", detail))
        if status in {400, 403} and any(sign in lower for sign in _FILTER):
            return Failure(status, Silence("refused", detail))
        retry = status in _MENDED_BY_TIME or (status >= 500 and status != 501)
        wait = wish_of(wish) if retry else 0.0
        return Failure(status, Silence("failed", detail), retry=retry, wish=wait)


class _Worker:
    """A thread with an event loop and one session, which end together."""

    def __init__(self, settings: Settings) -> None:
        self.loop = asyncio.new_event_loop()
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._thread = threading.Thread(target=self._serve, name=settings.name, daemon=True)
        self._thread.start()

    def session(self) -> aiohttp.ClientSession:
        """Open the session; only ever called inside the loop."""
        if self._session is None:
            headers = {
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # a small reply costs more to unpack than to send
                "User-Agent": "lexgate",
            }
            if self._settings.key:
                headers["Authorization"] = f"Bearer {self._settings.key}"
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # the rate is the limit
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout),
            )
        return self._session

    def stop(self) -> None:
        """End the thread; harmless when it has ended."""
        if self._thread.is_alive() and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            # The collector may run this in the very thread that is to end.
            if threading.current_thread() is not self._thread:
                self._thread.join(timeout=10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self._leave())
            self.loop.close()

    async def _leave(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)


async def _unwrapped(work: Any) -> EvidenceError | None:
    # A task group would wrap it, and its message is for a person.
    try:
        await work
    except EvidenceError as error:
        return error
    return None
