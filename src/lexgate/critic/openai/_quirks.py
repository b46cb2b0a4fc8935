"""Fields that some models of this API know by another name, or not at all.

Learnt from the server's refusal, once; a refusal that teaches nothing stands.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lexgate.critic.openai._client import Call, Client, Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["send"]

_THOUGHT = 4096  # tokens a model that thinks before it writes may need besides
_RENAMED = "max_completion_tokens"
_DROPPED = "temperature"


def send(client: Client, calls: Sequence[Call]) -> list[Any]:
    """Send calls, in the words that the server understands; see `Client.send`."""
    results = client.send([_worded(call, client.quirks) for call in calls])
    for _ in range(2):  # there are two things to learn
        again = [
            place
            for place, result in enumerate(results)
            if isinstance(result, Failure) and result.status == 400 and _teaches(client, result)
        ]
        if not again:
            break
        retold = client.send([_worded(calls[place], client.quirks) for place in again])
        for place, result in zip(again, retold, strict=True):
            results[place] = result
    return results


def _teaches(client: Client, failure: Failure) -> bool:
    detail = failure.silence.detail.lower()
    quirks = {_RENAMED} if _RENAMED in detail else set()
    if _DROPPED in detail and "support" in detail:
        quirks.add(_DROPPED)
    client.quirks |= quirks
    return bool(quirks)


def _worded(call: Call, quirks: set[str]) -> Call:
    if not quirks or not call.path.endswith("completions"):
        return call
    body = json.loads(call.body)
    if _DROPPED in quirks:
        body.pop(_DROPPED, None)
    if _RENAMED in quirks and "max_tokens" in body:
        most = body.pop("max_tokens")
        body[_RENAMED] = most if most == 1 else most + _THOUGHT
    return replace(call, body=json.dumps(body).encode())
