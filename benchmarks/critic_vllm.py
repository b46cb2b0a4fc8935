"""The same verdicts by vLLM's engine on a CPU and by our own scorer.

    sh .ci/tools vllm  # an unofficial rebuild of vLLM for CPUs, in an environment of its own
    python benchmarks/critic_vllm.py [--json] [--responses N]

The model and the prompts of `critic.py`, float32, one thread, CPU seconds. The engine runs in a
process of its own, compiled and with its prefix cache on; both sides keep the preamble from the
warm-up before. `vs_vllm_cpu` is against the faster of its blocks. Blocks of 32 tokens are the smallest that it has on a CPU, 128 its default.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ENGINE = ROOT / ".venv-vllm/bin/python"
BLOCKS = (128, 32)
LABELS = (1000, 1001)  # those of `critic.py`, which the engine's environment cannot import
WARM = 2  # responses before those that count


def engine(job: dict[str, Any]) -> dict[str, Any]:
    """Score in vLLM's process: all questions of a response in one call, as our model does."""
    import torch
    import vllm

    llm = vllm.LLM(
        model=job["directory"],
        dtype="float32",
        block_size=job["block"],
        enable_prefix_caching=True,
        gpu_memory_utilization=0.2,
        skip_tokenizer_init=True,
        disable_log_stats=True,
    )
    torch.set_num_threads(1)
    sampling = vllm.SamplingParams(
        max_tokens=1, temperature=0.0, detokenize=False, logprob_token_ids=list(LABELS)
    )
    read: list[list[float]] = []
    seconds, wall, cached = 0.0, 0.0, 0
    for k, group in enumerate(job["groups"]):
        begin, started = time.process_time(), time.perf_counter()
        outputs = llm.generate([{"prompt_token_ids": p} for p in group], sampling, use_tqdm=False)
        if k >= WARM:
            seconds += time.process_time() - begin
            wall += time.perf_counter() - started
            cached += sum(output.num_cached_tokens or 0 for output in outputs)
            tables = [output.outputs[0].logprobs[0] for output in outputs]
            read += [[float(table[label].logprob) for label in LABELS] for table in tables]
    return {"cpu_s": seconds, "wall_s": wall, "cached": cached, "read": read}


def asked(directory: Path, block: int, groups: Any) -> dict[str, Any]:
    """Run `engine` where vLLM is installed."""
    job = directory / "job.json"
    job.write_text(json.dumps({"directory": str(directory), "block": block, "groups": groups}))
    quiet = {
        "OMP_NUM_THREADS": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_LOGGING_STREAM": "ext://sys.stderr",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [str(ENGINE), __file__, "--engine", str(job)],
        env={**os.environ, **quiet},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def compare(directory: Path, responses: int) -> dict[str, Any]:
    """Time both sides on the same pairs, ours before and after the engine."""
    import torch
    from critic import (  # type: ignore[attr-defined]  # beside this file
        body,
        difference,
        gemm_rate,
        prompts,
        random_model,
        rows,
        scorers,
        warm,
    )

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    network = random_model()
    network.save_pretrained(directory)
    groups = prompts(random.Random(150), responses + WARM, (60, 90))
    made, pairs = scorers(network), rows(groups[WARM:])
    warm(made, groups[:WARM])
    times: dict[str, list[float]] = {name: [] for name in made}
    read: dict[str, list[list[float]]] = {}
    rates = [gemm_rate(network)]

    def ours() -> None:
        for name, scorer in made.items():
            begin = time.process_time()
            found = [each for group in groups[WARM:] for each in scorer.score(rows([group]))]
            times[name].append(time.process_time() - begin)
            read[name] = [[one.logprob for one in each] for each in found]
        rates.append(gemm_rate(network))

    ours()
    theirs = {block: asked(directory, block, groups) for block in BLOCKS}
    ours()
    best = min(sum(each) / len(each) for each in times.values())
    fastest = min(each["cpu_s"] for each in theirs.values())
    return {
        "body_parameters": body(network),
        "pairs": len(pairs),
        "tokens_given": sum(len(row.ids) for row in pairs),
        "cpu_s": times | {f"vllm_block_{b}": each["cpu_s"] for b, each in theirs.items()},
        "wall_s": {f"vllm_block_{b}": each["wall_s"] for b, each in theirs.items()},
        "tokens_cached": {f"vllm_block_{b}": each["cached"] for b, each in theirs.items()},
        "vs_vllm_cpu": fastest / best,
        "gemm_gflops": [round(rate / 1e9, 1) for rate in rates],
        "largest_difference": {
            f"vllm_block_{b}": difference(each["read"], read["trie"]) for b, each in theirs.items()
        },
        "verdicts_differ": sum(
            (a[0] > a[1]) != (b[0] > b[1])
            for each in theirs.values()
            for a, b in zip(each["read"], read["trie"], strict=True)
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--responses", type=int, default=2)
    parser.add_argument("--engine", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine:
        print(json.dumps(engine(json.loads(arguments.engine.read_text()))))
        return
    if not ENGINE.exists():
        sys.exit("vLLM is not installed: `sh .ci/tools vllm` makes .venv-vllm")
    with tempfile.TemporaryDirectory() as place:
        result = compare(Path(place), arguments.responses)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
