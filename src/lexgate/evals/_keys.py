"""Keys of rows: the digest of everything a row depends on, and of where it stands.

Task and sample are part of a key, so that two samples of one prompt have rows of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgate._digests import digest
from lexgate.evals._rows import SampleRow
from lexgate.evals._scorers import scorer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.constitutions import Exemplar
    from lexgate.critic import Conversation, Critic, Decoding, Identity
    from lexgate.evals._lm_eval import ItemScore
    from lexgate.evals._suite import AccuracyTask, Sample

__all__ = ["answer_key", "declared", "exam_key", "lm_eval_key", "score_key", "verdict_key"]


def declared(task: str, sample: Sample) -> SampleRow:
    """Make the row that declares a sample."""
    key = digest(["sample", task, sample.id, sample.cluster, _plain(sample.prompt), sample.target])
    prompt = tuple((message.role, message.content) for message in sample.prompt)
    return SampleRow(key, task, sample.id, sample.cluster, prompt, sample.target)


def answer_key(task: str, sample: Sample, candidate: Identity, decoding: Decoding) -> str:
    settings = [decoding.max_new_tokens, decoding.temperature]
    return digest(["answer", task, sample.id, candidate.opened, settings, _plain(sample.prompt)])


def verdict_key(task: str, sample: Sample, response: str, critic: Critic, principle: str) -> str:
    own = [_plain(sample.prompt), response, dict(sample.given)]
    return digest(["verdict", task, sample.id, _asked(critic, principle), own])


def score_key(task: AccuracyTask, sample: Sample, response: str) -> str:
    by = scorer(task.scorer)
    return digest(["score", task.id, sample.id, by.name, by.version, sample.target, response])


def lm_eval_key(task: str, candidate: Identity, score: ItemScore) -> str:
    return digest(["score", task, score.sample, candidate.opened, score.key])


def exam_key(
    task: str, example: Exemplar, given: Mapping[str, bool], critic: Critic, principle: str
) -> str:
    own = [example.prompt, example.response, example.label, dict(given)]
    return digest(["exam", task, example.id, _asked(critic, principle), own])


def _asked(critic: Critic, principle: str) -> list[str]:
    return [principle, critic.digest_for(principle)]


def _plain(prompt: Conversation) -> list[list[str]]:
    return [[message.role, message.content] for message in prompt]
