"""The server of `critic_http.py`, in a process of its own: answers at once, and always the same.

Prints its port, then serves until its standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import sys

from aiohttp import web


async def decisions(request: web.Request) -> web.Response:
    """Answer each question with the same probability."""
    body = json.loads(await request.read())
    answers = [
        {"type": "predicate", "name": question["name"], "probability": 0.125}
        for question in body["questions"]
    ]
    usage = {"input_tokens": 900, "output_tokens": 0, "total_tokens": 900}
    return _json({"model": body["model"], "answers": answers, "usage": usage})


async def chat(request: web.Request) -> web.Response:
    """Grade, with log-probabilities where they are asked for."""
    body = json.loads(await request.read())
    top = [{"token": "no", "logprob": -0.1, "bytes": None}] + [
        {"token": f"w{number}", "logprob": -9.0, "bytes": None} for number in range(19)
    ]
    first = {"token": "no", "logprob": -0.1, "bytes": None, "top_logprobs": top}
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "logprobs": {"content": [first]} if body.get("logprobs") else None,
        "message": {"role": "assistant", "content": "It meets the criterion.\n\nGRADE: C"},
    }
    usage = {"prompt_tokens": 900, "completion_tokens": 9, "total_tokens": 909}
    reply = {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"]}
    return _json(reply | {"choices": [choice], "usage": usage})


def _json(data: object) -> web.Response:
    return web.Response(text=json.dumps(data), content_type="application/json")


async def main() -> None:
    """Serve on a free port."""
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/v1/decisions", decisions)
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
