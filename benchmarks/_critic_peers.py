"""The same scoring engine on others' own jobs: lm-eval's few-shot tasks, transformers' decisions.

Each peer gets its own request format and its own code; both sides run on one model, one thread, in
one process. What a run pays once (our first checks against single rows) is reported apart.
"""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, pipeline
from transformers.decision import DecisionConfig

from lexgate.critic import Identity
from lexgate.critic.hf._layout import Row
from lexgate.critic.hf._model import HfModel
from lexgate.critic.hf._scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Pairs = list[tuple[tuple[str, str], list[int], list[int]]]

PREAMBLE, QUESTIONS, CHOICES = 700, 16, 4
STATE = 300  # words, a message of half a page
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def lexicon() -> list[str]:
    """Make up 2 000 words."""
    draw = random.Random(11)
    return [
        "".join(draw.choice("bdfgklmnprstvz") + draw.choice("aeiou") for _ in range(k % 4 + 1))
        for k in range(2000)
    ]


LEXICON = lexicon()


def few_shot(network: Any, seed: int = 0) -> dict[str, Any]:
    """Score a few-shot multiple-choice task as lm-eval does, and by lm-eval on our engine."""
    from lm_eval.models.huggingface import HFLM

    from lexgate.evals._lm_eval_trie import TrieLM

    draw, tokenizer = random.Random(seed), chat_tokenizer()
    candidate = HfModel(network, tokenizer, Identity("benchmark", "", ()))
    ours = TrieLM(candidate, tokenizer, batch_size=16)
    first, asked = task(draw), task(draw)
    cold, _ = timed(lambda: score(ours, first))
    seconds, found = timed(lambda: score(ours, asked))
    theirs: dict[int, float] = {}
    for size in (1, 16):  # whichever suits the machine
        lm = HFLM(pretrained=network, tokenizer=tokenizer, batch_size=size)
        theirs[size], expected = timed(partial(score, lm, asked))
    return {
        "requests": len(asked),
        "cpu_s": {"ours": seconds, "ours_first_call": cold, "lm_eval_by_batch_size": theirs},
        "few_shot_vs_lm_eval": min(theirs.values()) / seconds,
        "few_shot_vs_lm_eval_first_call": min(theirs.values()) / cold,
        "largest_difference": max(
            abs(a[0] - b[0]) for a, b in zip(found, expected, strict=True)
        ),
        "greedy_flags_differ": sum(a[1] != b[1] for a, b in zip(found, expected, strict=True)),
        "path": candidate.scorer.path,
    }  # fmt: skip


def task(draw: random.Random) -> Pairs:
    """Draw questions of 30 to 60 tokens after one preamble, each with four choices of one token."""
    preamble = [draw.randrange(5000, 30_000) for _ in range(PREAMBLE)]
    choices = draw.sample(range(1000, 5000), CHOICES)
    asked: Pairs = []
    for i in range(QUESTIONS):
        question = [draw.randrange(5000, 30_000) for _ in range(draw.randint(30, 60))]
        asked += [((f"{i}", f"{c}"), preamble + question, [c]) for c in choices]
    return asked


def score(lm: Any, asked: Pairs) -> list[tuple[float, bool]]:
    found: list[tuple[float, bool]] = lm._loglikelihood_tokens(asked, disable_tqdm=True)  # noqa: SLF001
    return found


def decision(network: Any, seed: int = 0) -> dict[str, Any]:
    """Answer sixteen typed questions about one state: `pipeline("decision")`, and our scorer."""
    draw, tokenizer = random.Random(seed), chat_tokenizer()
    config = DecisionConfig()  # what the pipeline takes where a model ships none
    decide = pipeline("decision", model=network, tokenizer=tokenizer, decision_config=config)
    scorer = Scorer(network, 0, 64, "benchmark")
    first, asked = request(draw), request(draw)
    decide(first)
    cold, _ = timed(lambda: answers(scorer, config, tokenizer, first))
    theirs, expected = timed(lambda: decide(asked))
    ours, found = timed(lambda: answers(scorer, config, tokenizer, asked))
    flat, flat_expected = list(probabilities(found)), list(probabilities(expected))
    lengths = [int(inputs["marks"][-1]) for inputs, _ in config.prepare_inputs(asked, tokenizer)]
    return {
        "questions": len(found),
        "tokens": [min(lengths), max(lengths)],
        "cpu_s": {"ours": ours, "ours_first_call": cold, "decision_pipeline": theirs},
        "vs_decision_pipeline": theirs / ours,
        "vs_decision_pipeline_first_call": theirs / cold,
        "largest_difference": max(
            abs(a - b) for a, b in zip(flat, flat_expected, strict=True)
        ),
        "choices_differ": sum(
            found[name].get("choice") != each.get("choice") for name, each in expected.items()
        ),
        "path": scorer.path,
    }  # fmt: skip


def answers(scorer: Scorer, config: Any, tokenizer: Any, asked: Any) -> dict[str, dict[str, Any]]:
    """Answer a request in its own format, from the pipeline's own prompts."""
    prompts, rows, questions = config.prepare_inputs(asked, tokenizer), [], []
    for i, (inputs, (question,)) in enumerate(prompts):
        labels = tokenizer.convert_tokens_to_ids(question.labels)
        reads = tuple((k, (label,)) for k, label in enumerate(labels))
        rows.append(Row(i, tuple(inputs["input_ids"][0].tolist()), 1, reads))
        questions.append(question)
    with torch.inference_mode():
        scored = scorer.score(rows)
    return {
        question.name: question.answer(
            torch.tensor([read.logprob for read in reads]).softmax(-1).tolist()
        )
        for question, reads in zip(questions, scored, strict=True)
    }


def probabilities(found: dict[str, dict[str, Any]]) -> Iterable[float]:
    for _, answer in sorted(found.items()):
        yield from (
            answer["probabilities"].values() if "probabilities" in answer else [answer["noul"]]
        )


def request(draw: random.Random) -> dict[str, Any]:
    """Draw a state and questions, half of them yes or no, half with four described options."""
    questions: dict[str, Any] = {}
    for i in range(QUESTIONS):
        instructions = sentence(draw, 12) + "?"
        if i % 2:
            criteria = {word(draw): sentence(draw, 6) for _ in range(4)}
            questions[f"q{i}"] = {
                "type": "choice",
                "instructions": instructions,
                "criteria": criteria,
            }
        else:
            questions[f"q{i}"] = {"type": "noul", "instructions": instructions}
    return {"state": sentence(draw, STATE), "questions": questions}


def word(draw: random.Random) -> str:
    return draw.choice(LEXICON)


def sentence(draw: random.Random, words: int) -> str:
    return " ".join(word(draw) for _ in range(words))


def chat_tokenizer() -> Any:
    """Train a byte-level tokenizer on such text; its chat template marks turns as Qwen's does."""
    draw = random.Random(7)
    boilerplate = "Answer Yes or No only. with the letter of the option that fits best (A to D)"
    text = [f"{sentence(draw, 20)} {boilerplate}" for _ in range(2000)]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    ends = ["<|im_start|>", "<|im_end|>", "<|pad|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=4000,
        special_tokens=ends,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([*text, *["Yes", "No", "user"] * 2000], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, chat_template=TEMPLATE, eos_token=ends[1], pad_token=ends[2]
    )


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Run a call; return its CPU seconds and its result."""
    begin = time.process_time()
    result = call()
    return time.process_time() - begin, result
