"""What a verdict costs: one critic prompt's shared parts computed once, against the ways of others.

    python benchmarks/critic.py [--json] [--responses N] [--skip generate,decision,few_shot]

One random model of 75 M parameters, 16 principles, one thread, CPU seconds, all ways interleaved in
one process, with the machine's matrix rate measured beside them. Ratios are what carries over.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from _critic_peers import decision, few_shot  # type: ignore[import-not-found]  # beside this file
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from lexgate.critic.hf._layout import Row
from lexgate.critic.hf._scorer import Scorer
from lexgate.critic.hf._trie import plan, unique_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VOCABULARY = 32_000
LABELS = (1000, 1001)
BATCH = 16


def random_model(layers: int = 12, hidden: int = 768) -> Any:
    """Make a Qwen3-shaped model whose verdicts spread: random weights, doubled."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=hidden * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 192,
        head_dim=64,
        max_position_embeddings=8192,
        eos_token_id=None,
        pad_token_id=0,
    )
    network = Qwen3ForCausalLM(config).eval()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() > 1 and "embed" not in name and "lm_head" not in name:
                weight.mul_(2.0)
    return network


def prompts(
    draw: random.Random, responses: int, suffix: tuple[int, int], principles: int = 16
) -> list[list[tuple[int, ...]]]:
    """Draw token ids: a preamble of 200, responses of 300 to 600, and a suffix per principle."""

    def tokens(count: int) -> tuple[int, ...]:
        return tuple(draw.randrange(5000, VOCABULARY) for _ in range(count))

    preamble = tokens(200)
    suffixes = [tokens(draw.randint(*suffix)) for _ in range(principles)]
    judged = [tokens(draw.randint(300, 600)) for _ in range(responses)]
    return [[preamble + response + own for own in suffixes] for response in judged]


def rows(groups: Sequence[Sequence[tuple[int, ...]]]) -> list[Row]:
    """Lay prompts out as the scorer takes them: both labels read at the last token."""
    flat = [ids for group in groups for ids in group]
    reads = tuple((k, (label,)) for k, label in enumerate(LABELS))
    return [Row(i, ids, 1, reads) for i, ids in enumerate(flat)]


class Clock:
    """CPU seconds of one call after another."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, name: str, call: Callable[[], Any]) -> Any:
        """Run a call once and add its CPU time to its name's."""
        begin = time.process_time()
        result = call()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - begin
        return result


def batched_pairs(network: Any, asked: Sequence[Row]) -> list[list[float]]:
    """Score one prompt per pair in padded batches of 16, sorted by length: good common practice."""
    order = sorted(range(len(asked)), key=lambda i: len(asked[i].ids))
    found: dict[int, list[float]] = {}
    with torch.inference_mode():
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            width = max(len(asked[i].ids) for i in batch)
            ids = torch.tensor([[0] * (width - len(asked[i].ids)) + [*asked[i].ids] for i in batch])
            mask = (
                torch.arange(width) >= torch.tensor([[width - len(asked[i].ids)] for i in batch])
            ).long()
            places = (mask.cumsum(-1) - 1).clamp(min=0)
            logits = network(
                input_ids=ids, attention_mask=mask, position_ids=places, logits_to_keep=1
            ).logits[:, 0]
            table = torch.log_softmax(logits.float(), -1)[:, list(LABELS)].tolist()
            found.update(zip(batch, table, strict=True))
    return [found[i] for i in range(len(asked))]


def explain(network: Any, asked: Sequence[Row], tokens: int) -> None:
    """Have the model write so many tokens about each pair, in batches of 16."""
    with torch.inference_mode():
        for begin in range(0, len(asked), BATCH):
            batch = asked[begin : begin + BATCH]
            width = max(len(row.ids) for row in batch)
            ids = torch.tensor([[0] * (width - len(row.ids)) + [*row.ids] for row in batch])
            network.generate(
                input_ids=ids,
                attention_mask=(ids != 0).long(),
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                do_sample=False,
            )


def plain_tokenizer() -> PreTrainedTokenizerFast:
    """Make a tokenizer of the model's size: words w0, w1 and so on."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {f"w{i}": i for i in range(VOCABULARY)}
    made = Tokenizer(models.WordLevel(words, unk_token="w1"))  # noqa: S106
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="w0", eos_token="w2")  # noqa: S106


def gemm_rate(network: Any) -> float:
    """Measure the machine's rate on this model's own shapes, in operations per CPU second."""
    hidden, wide = int(network.config.hidden_size), int(network.config.intermediate_size)
    x, w = torch.randn(1024, hidden), torch.randn(hidden, wide)
    for _ in range(5):
        x @ w
    begin = time.process_time()
    for _ in range(40):
        x @ w
    return 40 * 2 * 1024 * hidden * wide / (time.process_time() - begin)


def body(network: Any) -> int:
    """Count the parameters that every token passes through."""
    return sum(
        w.numel()
        for name, w in network.named_parameters()
        if "embed" not in name and "lm_head" not in name
    )


def scorers(network: Any) -> dict[str, Scorer]:
    """Make the two shared ways, so that each is timed by itself."""
    made = {}
    for path in ("packed", "trie"):
        scorer = Scorer(network, 0, 64, path)
        scorer.path = path
        made[path] = scorer
    return made


def warm(made: dict[str, Scorer], groups: Sequence[Sequence[tuple[int, ...]]]) -> None:
    """Have each way pass its first checks and keep the preamble, which a run pays once."""
    with torch.inference_mode():
        for path, scorer in made.items():
            for group in groups:
                scorer.score(rows([group]))
            if scorer.path != path:
                raise SystemExit(f"{path} is not taken here: {scorer.report()['reason']}")


def compare(
    network: Any, responses: int, suffix: tuple[int, int], skip: set[str]
) -> dict[str, Any]:
    """Time all ways on the same pairs."""
    draw = random.Random(sum(suffix))
    groups = prompts(draw, responses + 2, suffix)
    made, asked = scorers(network), rows(groups[2:])
    warm(made, groups[:2])
    clock, rates = Clock(), [gemm_rate(network)]
    found: dict[str, list[list[float]]] = {}
    lm_eval = None if "lm_eval" in skip else harness(network)
    per = len(asked) // responses
    for k in range(responses):
        part = asked[k * per : (k + 1) * per]
        with torch.inference_mode():
            for name, scorer in made.items():
                read = clock.time(name, partial(scorer.score, part))
                found.setdefault(name, []).extend([[r.logprob for r in each] for each in read])
        rates.append(gemm_rate(network))
        pairs = clock.time("batched_pairs", partial(batched_pairs, network, part))
        found.setdefault("batched_pairs", []).extend(pairs)
        if lm_eval:
            found.setdefault("lm_eval", []).extend(clock.time("lm_eval", partial(lm_eval, part)))
        if "generate" not in skip:
            clock.time("generate_128", partial(explain, network, part, 128))
        rates.append(gemm_rate(network))
    unique = unique_tokens(plan(asked, 8.0), asked) - (200 if responses else 0)  # preamble: cached
    limit = 2 * body(network) * unique / (sum(rates) / len(rates))
    seconds = clock.seconds
    best = min(seconds["packed"], seconds["trie"])
    return {
        "pairs": len(asked),
        "tokens_given": sum(len(row.ids) for row in asked),
        "tokens_unique": unique,
        "cpu_s": {name: round(value, 2) for name, value in seconds.items()},
        "verdicts_per_cpu_s": len(asked) / best,
        "vs_batched_pairs": seconds["batched_pairs"] / best,
        "vs_lm_eval": seconds["lm_eval"] / best if lm_eval else None,
        "vs_generate_128": seconds["generate_128"] / best if "generate" not in skip else None,
        "of_physical_limit": limit / seconds["packed"],
        "of_physical_limit_trie": limit / seconds["trie"],
        "gemm_gflops": [round(rate / 1e9, 1) for rate in rates],
        "largest_difference": {
            name: difference(values, found["batched_pairs"]) for name, values in found.items()
        },
    }


def difference(one: list[list[float]], other: list[list[float]]) -> float:
    """Find the largest difference of log-probabilities, in nats."""
    return max(
        abs(a - b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True)
    )


def harness(network: Any) -> Callable[[Sequence[Row]], list[list[float]]]:
    """Score pairs as lm-eval's own model class does: one request per label."""
    from lm_eval.models.huggingface import HFLM

    model = HFLM(pretrained=network, tokenizer=plain_tokenizer(), batch_size=BATCH)

    def score(asked: Sequence[Row]) -> list[list[float]]:
        requests = [
            ((str(row.item), str(label)), list(row.ids), [label])
            for row in asked
            for label in LABELS
        ]
        done = [value for value, _ in model._loglikelihood_tokens(requests, disable_tqdm=True)]  # noqa: SLF001
        return [done[i : i + 2] for i in range(0, len(done), 2)]

    return score


def agree(network: Any, pairs: int) -> dict[str, Any]:
    """Compare both shared ways with single rows on many random pairs, in three orders and batches."""
    draw = random.Random(1)
    groups = [
        [base + tuple(draw.randrange(5000, VOCABULARY) for _ in range(draw.randint(1, 12))) for _ in range(8)]
        for base in (tuple(draw.randrange(5000, VOCABULARY) for _ in range(draw.randint(5, 60)))
                     for _ in range(-(-pairs // 8)))
    ]  # fmt: skip
    asked = rows(groups)
    made = scorers(network)
    walk = Scorer(network, 0, 64, "single")
    walk.path = "single"
    with torch.inference_mode():
        truth = [[r.logprob for r in each] for each in walk.score(asked)]
        worst, flips = 0.0, 0
        for scorer in made.values():
            for size in (16, 128, len(asked)):
                order = draw.sample(range(len(asked)), len(asked))
                got: dict[int, list[float]] = {}
                for begin in range(0, len(order), size):
                    part = order[begin : begin + size]
                    read = scorer.score([asked[i] for i in part])
                    got.update((i, [r.logprob for r in e]) for i, e in zip(part, read, strict=True))
                worst = max(worst, difference([got[i] for i in range(len(asked))], truth))
                flips += sum(
                    (got[i][0] > got[i][1]) != (truth[i][0] > truth[i][1])
                    and abs(truth[i][0] - truth[i][1]) > 1e-4
                    for i in range(len(asked))
                )
    return {"pairs": len(asked), "largest_difference": worst, "flips_outside_tie_band": flips}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--responses", type=int, default=1)
    parser.add_argument("--skip", default="")
    arguments = parser.parse_args()
    skip = set(arguments.skip.split(","))
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    network = random_model()
    result: dict[str, Any] = {"body_parameters": body(network)}
    result |= compare(network, arguments.responses, (60, 90), skip)
    short = compare(network, arguments.responses, (14, 24), {*skip, "generate", "lm_eval"})
    result["short_suffix"] = short
    if "agree" not in skip:
        result["agreement"] = agree(random_model(4, 384), 1000)
    result |= {
        name: run(network)
        for name, run in (("few_shot", few_shot), ("decision", decision))
        if name not in skip
    }
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        for name, value in result.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
