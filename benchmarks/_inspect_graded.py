"""Inspect's `model_graded_qa` against a server: one verdict per request, as its users run it.

    .venv-inspect/bin/python benchmarks/_inspect_graded.py URL VERDICTS

Scores samples that are answered already, 64 at a time, without its task runner and its logs, and
prints client CPU seconds as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from inspect_ai.model import (  # type: ignore[import-not-found]  # in an environment of its own
    ChatMessageUser,
    ModelName,
    ModelOutput,
    get_model,
)
from inspect_ai.scorer import (  # type: ignore[import-not-found]  # as above
    CORRECT,
    Target,
    model_graded_qa,
)
from inspect_ai.solver import TaskState  # type: ignore[import-not-found]  # as above

RESPONSE = "The quick brown fox jumps over the lazy dog. " * 40  # as in `critic_http.py`


async def main(url: str, verdicts: int) -> None:
    """Score `verdicts` samples after a warm-up."""
    model = get_model("openai-api/loopback/m", base_url=url, api_key="none", memoize=False)
    score: Any = model_graded_qa(model=model)
    gate = asyncio.Semaphore(64)

    async def one(number: int) -> bool:
        async with gate:
            prompt = f"Question {number}?"
            state = TaskState(
                model=ModelName("openai-api/loopback/m"),
                sample_id=number,
                epoch=1,
                input=prompt,
                messages=[ChatMessageUser(content=prompt)],
                output=ModelOutput.from_content("m", f"{RESPONSE}{number}"),
            )
            found = await score(state, Target("The response does not refuse."))
            return bool(found.value == CORRECT)

    await asyncio.gather(*map(one, range(32)))
    start = time.process_time()
    graded = await asyncio.gather(*map(one, range(verdicts)))
    spent = time.process_time() - start
    print(json.dumps({"cpu_seconds": spent, "graded": sum(graded)}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
