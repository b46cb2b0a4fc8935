"""What a run says it is: the parts of `run.json` that a gate holds it to, read strictly.

A field that is missing or of another type is damage, so a gate never fills one in by guessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from lexgate.evals import Row

__all__ = ["RunFacts", "RunLike", "TaskFacts", "read_facts"]

T = TypeVar("T")


class RunLike(Protocol):
    """What a gate needs of a run; `lexgate.evals.Run` is one."""

    @property
    def id(self) -> str: ...

    @property
    def manifest(self) -> dict[str, Any]: ...

    @property
    def complete(self) -> bool: ...

    @property
    def head(self) -> str: ...

    def rows(self) -> Iterator[Row]:
        """Read the rows in order.

        Raises:
            EvidenceError: they are damaged.
        """
        ...


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task as the run declares it."""

    id: str
    kind: str  # critic | accuracy | lm_eval
    samples: int | None  # declared, with the run's limit applied; None: lm-eval owns the data
    data_digest: str
    metric: str | None
    principles: tuple[str, ...]
    given: tuple[str, ...]  # propositions whose truth the data state for every sample


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run's identity, without what only describes the machine."""

    suite: str  # name@version
    suite_digest: str
    limit: int | None  # first samples of each task that were used; None: all
    tasks: tuple[TaskFacts, ...]
    constitution: str | None  # name@version
    constitution_digest: str | None
    prompts: tuple[tuple[str, str], ...]  # (principle, digest of its critic prompt), sorted
    candidate: dict[str, Any]
    critic: dict[str, Any] | None
    created: datetime  # with a time zone

    def task(self, id_: str) -> TaskFacts:
        """Look a task up by id.

        Raises:
            EvidenceError: the run has none of that id.
        """
        for task in self.tasks:
            if task.id == id_:
                return task
        known = ", ".join(task.id for task in self.tasks)
        message = f"the run has no task {id_!r}; it has {known}"
        raise EvidenceError(message)


def read_facts(manifest: Mapping[str, Any]) -> RunFacts:
    """Read a run's manifest.

    Raises:
        EvidenceError: a field is missing or is not what this version writes.
    """
    suite = _field(manifest, "suite", dict)
    limit = manifest.get("limit")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        message = f"run.json is damaged: limit is {limit!r}"
        raise EvidenceError(message)
    tasks = tuple(_task(task, limit) for task in _field(manifest, "tasks", list))
    if len({task.id for task in tasks}) != len(tasks):
        raise EvidenceError("run.json is damaged: two tasks have one id")
    constitution = _optional(manifest, "constitution")
    critic = _optional(manifest, "critic")
    return RunFacts(
        suite=f"{_field(suite, 'name', str)}@{_field(suite, 'version', str)}",
        suite_digest=_field(suite, "digest", str),
        limit=limit,
        tasks=tasks,
        constitution=_field(constitution, "reference", str) if constitution else None,
        constitution_digest=_field(constitution, "digest", str) if constitution else None,
        prompts=tuple(sorted(_field(manifest, "prompts", dict).items())),
        candidate=_identity(_field(manifest, "candidate", dict)),
        critic=_identity(critic) if critic else None,
        created=_time(_field(manifest, "created", str)),
    )


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        message = f"run.json is damaged: created is {text!r}, no time with a zone"
        raise EvidenceError(message)
    return time


def _task(task: Any, limit: int | None) -> TaskFacts:
    if not isinstance(task, Mapping):
        message = f"run.json is damaged: {task!r} is no task"
        raise EvidenceError(message)
    kind = _field(task, "kind", str)
    open_ended = kind == "lm_eval" and task.get("samples") is None
    samples = None if open_ended else _field(task, "samples", int)
    principles: Sequence[str] = task.get("principles") or ()
    return TaskFacts(
        id=_field(task, "id", str),
        kind=kind,
        samples=samples if samples is None or limit is None else min(samples, limit),
        data_digest=_field(task, "data_digest", str),
        metric=task.get("metric"),
        principles=tuple(principles),
        given=tuple(task.get("given") or ()),
    )


def _identity(identity: dict[str, Any]) -> dict[str, Any]:
    _field(identity, "name", str)
    _field(identity, "digest", str)
    return identity


def _optional(holder: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    return None if holder.get(name) is None else _field(holder, name, dict)


def _field(holder: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = holder.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        message = f"run.json is damaged: {name} must be a {kind.__name__}, found {value!r}"
        raise EvidenceError(message)
    return value
