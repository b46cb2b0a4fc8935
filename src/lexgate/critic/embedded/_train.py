"""The trainer of the embedded models; the only file here that imports torch and transformers.

A model is a Llama of 0.3 million parameters with a tokenizer of 1,024 byte-level tokens, trained
on text drawn from the world and saved as an ordinary transformers directory. `careful` is trained
from nothing; the flawed candidates are short fine-tunes of it; the critic is trained on the
compiled questions, rendered by the compiler. Every model sits its exams before it is saved, and
the next seed is tried when it fails one.
Law (tested): one seed, one thread, one machine give the same bytes.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from lexgate.critic.embedded._lessons import (
    CHARACTERS,
    Character,
    Exam,
    Turn,
    candidate_exams,
    candidate_turn,
    critic_exams,
    critic_turn,
)
from lexgate.critic.embedded._world import seeded
from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from random import Random

    from lexgate.critic._prompts import Question

    Report = Callable[[str], None]
    Draw = Callable[[Random], Turn]

__all__ = ["CAREFUL", "CRITIC", "TUNED", "Recipe", "train_candidates", "train_critic"]

_PAD, _END, _USER, _ASSISTANT = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"
_PAD_ID, _END_ID, _ASSISTANT_ID = 0, 1, 3
_CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|assistant|>{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}"
    "{% else %}<|user|>{{ message['content'] }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_CARD = """---
license: cc0-1.0
---
# demo/{name}

Trained here from templates, knows nothing. A Llama of {parameters:,} parameters that lexgate trains
on first use, from text it generates itself, so that its demo runs real models without a download.
It is no assistant, and a critic of nothing but its own small world.
"""
_ATTEMPTS = 4  # seeds tried before giving up
_CONTEXT = 1024  # tokens
_REPLY_TOKENS = 24
_GROUP = 16  # batches drawn together and sorted by length, so that little is padding
_REPORT_EVERY = 50  # steps


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how fast one model is trained."""

    steps: int
    rate: float  # peak learning rate
    batch: int = 32  # turns per step
    prompt_loss: bool = True  # learn the prompts too, not the replies alone


CAREFUL = Recipe(steps=600, rate=3e-3)
TUNED = Recipe(steps=150, rate=4e-3)
CRITIC = Recipe(steps=450, rate=4e-3, prompt_loss=False)


@dataclass(frozen=True, slots=True)
class _Course:
    """What one model is taught, how, and what it must show."""

    name: str
    draw: Draw
    recipe: Recipe
    exams: tuple[Exam, ...]
    report: Report


@dataclass(frozen=True, slots=True)
class _Pupil:
    """A model in training, with its tokenizer."""

    model: Any  # LlamaForCausalLM
    tokenizer: Tokenizer


def train_candidates(
    directory: Path, report: Report, *, base: Recipe = CAREFUL, tuned: Recipe = TUNED
) -> None:
    """Train the four candidates into `directory/NAME`.

    Raises:
        EvidenceError: one of them missed a floor with every seed.
    """
    torch.set_num_threads(1)
    careful: _Pupil | None = None
    for name, character in CHARACTERS.items():

        def draw(rng: Random, character: Character = character) -> Turn:
            return candidate_turn(rng, character)

        recipe = base if careful is None else tuned
        pupil = _first_fit(_Course(name, draw, recipe, candidate_exams(character), report), careful)
        careful = careful or pupil
        _save(name, pupil, directory / name)


def train_critic(
    directory: Path, questions: tuple[Question, ...], report: Report, *, recipe: Recipe = CRITIC
) -> None:
    """Train the critic that answers `questions` into `directory/critic`.

    Raises:
        EvidenceError: it missed a floor with every seed.
    """
    torch.set_num_threads(1)

    def draw(rng: Random) -> Turn:
        return critic_turn(rng, rng.choice(questions))

    course = _Course("critic", draw, recipe, critic_exams(questions), report)
    _save("critic", _first_fit(course, None), directory / "critic")


def _first_fit(course: _Course, parent: _Pupil | None) -> _Pupil:
    """Train with one seed after another, from `parent` or from nothing, until all exams are passed."""
    missed = ""
    for seed in range(_ATTEMPTS):
        rng = seeded(seed)
        torch.manual_seed(seed)
        pupil = copy.deepcopy(parent) if parent else _newborn(course.draw, rng)
        _train(pupil, course, rng)
        missed = _missed(pupil, course.exams)
        if not missed:
            return pupil
        course.report(f"{course.name}: seed {seed} missed a floor ({missed})")
    message = (
        f"demo/{course.name} could not be trained on this machine: with each of {_ATTEMPTS} seeds "
        f"it missed a floor of its own check, the last time {missed}"
    )
    raise EvidenceError(message)


def _newborn(draw: Draw, rng: Random) -> _Pupil:
    turns = (draw(rng) for _ in range(4000))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=[_PAD, _END, _USER, _ASSISTANT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((f"{t.prompt}\n{t.reply}" for t in turns), trainer)
    config = LlamaConfig(
        vocab_size=1024,
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=3,
        max_position_embeddings=_CONTEXT,
        initializer_range=0.05,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=_END_ID,
        pad_token_id=_PAD_ID,
        dtype="float32",
    )
    return _Pupil(LlamaForCausalLM(config), tokenizer)


def _train(pupil: _Pupil, course: _Course, rng: Random) -> None:
    model, recipe = pupil.model.train(), course.recipe
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.05, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.steps, pct_start=0.1
    )
    started = time.monotonic()
    for step, tokens in enumerate(_batches(pupil.tokenizer, course, rng), start=1):
        _loss(model, tokens, prompts=recipe.prompt_loss).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % _REPORT_EVERY == 0 or step == recipe.steps:
            left = (time.monotonic() - started) / step * (recipe.steps - step)
            course.report(f"{course.name}: step {step} of {recipe.steps}, {left:.0f} s left")
    model.eval()


def _loss(model: Any, tokens: torch.Tensor, *, prompts: bool) -> torch.Tensor:
    """Mean cross-entropy of the next token in nats, (batch, seq) -> ().

    Padding stands on the right and attention is causal, so no mask is needed: nothing that counts
    ever looks at a pad. Logits are computed only where they count.
    """
    seen, wanted = tokens[:, :-1], tokens[:, 1:]
    counts = wanted != _PAD_ID  # (batch, seq - 1)
    if not prompts:
        counts &= (seen == _ASSISTANT_ID).cumsum(1) > 0
    hidden = model.model(input_ids=seen, use_cache=False).last_hidden_state
    return cross_entropy(model.lm_head(hidden[counts]), wanted[counts])


def _batches(tokenizer: Tokenizer, course: _Course, rng: Random) -> Iterator[torch.Tensor]:
    """Fresh turns as token ids, one (batch, seq) tensor per step, padded on the right."""
    recipe = course.recipe
    for start in range(0, recipe.steps, _GROUP):
        count = min(_GROUP, recipe.steps - start)
        turns = [course.draw(rng) for _ in range(count * recipe.batch)]
        texts = [f"{_asked(t.prompt)}{t.reply}{_END}" for t in turns]
        rows = sorted((e.ids for e in tokenizer.encode_batch(texts)), key=len)
        chunks = [rows[i : i + recipe.batch] for i in range(0, len(rows), recipe.batch)]
        rng.shuffle(chunks)
        for chunk in chunks:
            width = len(chunk[-1])
            yield torch.tensor([row + [_PAD_ID] * (width - len(row)) for row in chunk])


def _asked(prompt: str) -> str:
    """One user turn as the chat template renders it, up to where the reply starts."""
    return f"{_USER}{prompt}{_END}{_ASSISTANT}"


def _missed(pupil: _Pupil, exams: tuple[Exam, ...]) -> str:
    """Name the first exam that is failed, or return nothing."""
    for exam in exams:
        replies = _replies(pupil, [probe.prompt for probe in exam.probes])
        met = sum(probe.met_by(text) for probe, text in zip(exam.probes, replies, strict=True))
        if met < exam.floor * len(exam.probes):
            return f"{exam.subject} {met} of {len(exam.probes)}, floor {exam.floor:.2f}"
    return ""


@torch.inference_mode()
def _replies(pupil: _Pupil, prompts: Sequence[str]) -> list[str]:
    """Greedy replies. Prompts of one length go together, so that nothing is padded."""
    rows = [e.ids for e in pupil.tokenizer.encode_batch([_asked(prompt) for prompt in prompts])]
    replies = [""] * len(rows)
    for width in sorted({len(row) for row in rows}):
        members = [i for i, row in enumerate(rows) if len(row) == width]
        tokens = torch.tensor([rows[i] for i in members])  # (members, width)
        output = pupil.model.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=_REPLY_TOKENS,
            do_sample=False,
        )
        texts = pupil.tokenizer.decode_batch(output[:, width:].tolist())
        for member, text in zip(members, texts, strict=True):
            replies[member] = text.strip()
    return replies


def _save(name: str, pupil: _Pupil, directory: Path) -> None:
    pupil.model.save_pretrained(directory)
    PreTrainedTokenizerFast(
        tokenizer_object=pupil.tokenizer,
        pad_token=_PAD,
        eos_token=_END,
        chat_template=_CHAT_TEMPLATE,
        model_max_length=_CONTEXT,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    ).save_pretrained(directory)
    card = _CARD.format(name=name, parameters=pupil.model.num_parameters())
    (directory / "README.md").write_text(card, encoding="utf-8")
