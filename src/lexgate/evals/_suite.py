"""What a suite is: tasks over samples, and how responses are generated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from lexgate.constitutions import Constitution
    from lexgate.critic import Conversation, Decoding

__all__ = ["AccuracyTask", "CriticTask", "LmEvalTask", "Sample", "Suite", "Task"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task."""

    id: str  # unique within the task, stable across versions of the data
    prompt: Conversation
    cluster: str  # paraphrases of one prompt share it; the unit every bound counts
    target: str | None  # the expected answer of an accuracy task
    given: tuple[tuple[str, bool], ...]  # truth of propositions that see only the prompt, sorted


@dataclass(frozen=True, slots=True)
class CriticTask:
    """Responses judged by the critic against principles of a constitution."""

    id: str
    samples: tuple[Sample, ...]
    data_digest: str
    constitution: Constitution
    principles: tuple[str, ...]  # ids judged on this task, in the constitution's order
    kind: Literal["critic"] = "critic"


@dataclass(frozen=True, slots=True)
class AccuracyTask:
    """Responses scored against targets by a deterministic scorer."""

    id: str
    samples: tuple[Sample, ...]
    data_digest: str
    scorer: str  # name of a scorer; also the metric's name
    kind: Literal["accuracy"] = "accuracy"


@dataclass(frozen=True, slots=True)
class LmEvalTask:
    """A task that lm-eval runs, its per-item results kept as rows of ours."""

    id: str
    task: str  # lm-eval's name of it
    num_fewshot: int
    metric: str  # one of lm-eval's metrics for the task, without its filter
    include: Path | None  # a task YAML of the user's; without, lm-eval's own task of that name
    data: Path | None  # local JSONL that the task YAML reads
    data_digest: str  # of task YAML and data, or of the task's name where lm-eval owns both
    limit: int | None
    kind: Literal["lm_eval"] = "lm_eval"


Task = CriticTask | AccuracyTask | LmEvalTask


@dataclass(frozen=True, slots=True)
class Suite:
    """Everything a candidate is measured on. `digest` covers tasks, data bytes and decoding."""

    name: str
    version: str
    tasks: tuple[Task, ...]
    decoding: Decoding
    digest: str

    @property
    def reference(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"
