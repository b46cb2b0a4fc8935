"""A server on loopback that speaks every wire, answers by a rule, and can be made to fail."""

import asyncio
import hashlib
import json
import math
import random
import re
import threading

from aiohttp import web

from lexgate.constitutions import ANSWER
from lexgate.critic import PREAMBLE, view

PATHS = {
    "decisions": "/v1/decisions",
    "systemone": "/v1/systemone",
    "chat": "/v1/chat/completions",
    "structured": "/v1/chat/completions",
    "completions": "/v1/completions",
}
FAULTS = ("500", "429", "stall", "garbage", "truncated", "swapped")
TRUE = "\nTrue means that the answer is yes."


def rule(state, ask):
    """What the server thinks: a probability of yes that only these two texts decide."""
    byte = hashlib.sha256(f"{state}\n{ask}".encode()).digest()[0]
    return 0.9 + byte / 5000 if byte % 2 else 0.1 - byte / 5000


def expected(question, exchange):
    state = "\n".join([PREAMBLE, *view(exchange, question.sees)])
    return rule(state, question.ask.removesuffix(f"\n{ANSWER}"))


def usage(body, key="prompt", other="completion"):
    return {"usage": {f"{key}_tokens": len(body) // 4, f"{other}_tokens": 1}}


class Loopback:
    """Runs in a thread; `with Loopback() as server: server.url`."""

    def __init__(self, *speaks, logprobs=True):
        self.speaks = set(speaks or PATHS)
        self.logprobs = logprobs
        self.faults = {}  # share of requests, by fault
        self.seen = []  # (path, headers, body)
        self.flying = self.most_flying = 0
        self.connections = set()
        self.respond = None  # (path, body) -> Response | None: takes over from the rule
        self.edit = lambda reply: reply
        self.delay = 0.0
        self.retry_after = "0"
        self._random = random.Random(7)
        self._last = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)

    def count(self, wire):
        return sum(path == PATHS[wire] for path, _, _ in self.seen)

    def _serve(self):
        asyncio.run(self._main())

    async def _main(self):
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=1 << 24)
        app.router.add_post("/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._ready.set()
        await self._done.wait()
        await runner.cleanup()

    async def _handle(self, request):
        body = await request.json()
        self.seen.append((request.path, dict(request.headers), body))
        self.connections.add(id(request.transport))
        self.flying += 1
        self.most_flying = max(self.flying, self.most_flying)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            return await self._reply(request.path, body)
        finally:
            self.flying -= 1

    async def _reply(self, path, body):
        if self.respond and (response := self.respond(path, body)):
            return response
        wire = self._wire(path, body)
        if wire is None:
            return web.json_response({"error": {"message": "no such thing"}}, status=404)
        text = json.dumps(self.edit(getattr(self, f"_{wire}")(body)))
        last, self._last[wire] = self._last.get(wire), text
        match self._draw():
            case "500":
                return web.Response(status=500, text="<html>down</html>")
            case "429":
                headers = {"Retry-After": self.retry_after}
                return web.json_response({"error": "slow"}, status=429, headers=headers)
            case "stall":
                await asyncio.sleep(30)
            case "garbage":
                text = "\x00\xff not json"
            case "truncated":
                text = text[: len(text) * 2 // 3]
            case "swapped" if last and wire not in {"chat", "completions"}:
                text = last
        return web.Response(text=text, content_type="application/json")

    def _draw(self):
        at = self._random.random()
        for fault, share in self.faults.items():
            at -= share
            if at < 0:
                return fault
        return None

    def _wire(self, path, body):
        wire = path.removeprefix("/v1/").removeprefix("chat/")
        if path == PATHS["chat"]:
            wire = "structured" if "response_format" in body else "chat"
        return wire if wire in self.speaks else None

    def _decisions(self, body):
        answers = [
            {
                "type": question["type"],
                "name": question["name"],
                "probability": rule(body["input"], question["instructions"].removesuffix(TRUE)),
            }
            for question in body["questions"]
        ]
        return {"answers": answers, "model": body["model"]} | usage(str(body), "input", "output")

    def _systemone(self, body):
        answers = {
            name: {"type": "noul", "noul": rule(body["state"], question["instructions"])}
            for name, question in body["questions"].items()
        }
        return {"answers": answers, "model": body["model"]} | usage(str(body), "input", "output")

    def _chat(self, body):
        content = body["messages"][-1]["content"]
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": f"Re: {content}"[:9]}}
        if body.get("logprobs"):
            top = [{"token": t, "logprob": x} for t, x in self._top(content).items()]
            choice["logprobs"] = {"content": [{"top_logprobs": top}]} if self.logprobs else None
        return {"choices": [choice]} | usage(content)

    def _completions(self, body):
        choices = [
            {
                "index": index,
                "text": "",
                "logprobs": {"top_logprobs": [self._top(prompt.removesuffix("\n"))]},
            }
            for index, prompt in enumerate(body["prompt"])
        ]
        return {"choices": choices[::-1]} | usage(str(body))

    def _top(self, content):
        p = 0.98 * split_rule(content)
        shares = {"yes": p, "no": 0.98 - p, "The": 0.01} | {f"w{i}": 1e-4 for i in range(17)}
        return {token: math.log(share) for token, share in shares.items()}

    def _structured(self, body):
        content = body["messages"][0]["content"]
        state, *rest = re.split(r"\n(q\d+): ", content.partition("\nAnswer each of q1 ")[0])
        asks = zip(rest[::2], rest[1::2], strict=True)
        nonce = re.search(r'NONCE is "([0-9a-f]+)"\.$', content)[1]
        answers = {id_: "yes" if rule(state, ask) > 0.5 else "no" for id_, ask in asks}
        text = json.dumps({"nonce": nonce, "answers": answers})
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": text}}
        return {"choices": [choice]} | usage(content)


def split_rule(content):
    """The rule of a whole prompt: the state ends with the last fence."""
    state, fence, ask = content.removesuffix(f"\n{ANSWER}").rpartition("\n```\n")
    return rule(state + fence.removesuffix("\n"), ask)
