"""lm-eval's tasks as tasks of ours; only this file and `_lm_eval_trie` import lm_eval.

The candidate is the network that is already loaded, so what lm-eval measures are the weights whose
digest stands in the run. Local data is read by us, from its bytes, and handed over in memory: the
cache of `datasets`, which goes by modification times, never sees it. lm-eval's own caches are off,
its output and logs are kept away from ours, and templates run in Jinja's sandbox.
Law (tested): on the same data, lm-eval's accuracy and that of our scorer are equal.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import math
import os
import random
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate._documents import read_document
from lexgate._text import printable
from lexgate.critic import as_conversation
from lexgate.errors import EvidenceError, LexgateError, UsageError
from lexgate.evals._load_suite import lm_eval_digest
from lexgate.evals._read_data import clustered, read_records
from lexgate.evals._suite import LmEvalTask, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lexgate.critic import Decoding
    from lexgate.evals._protocols import HasNetwork

__all__ = ["Harness", "ItemScore"]

_SEED = 1234  # lm-eval's own
_SMALL = 20_000_000  # parameters; below, starting a second thread costs more than it computes
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True, slots=True)
class ItemScore:
    """One document of a task as lm-eval measured it."""

    sample: str
    value: float  # finite
    key: str  # lm-eval's hashes of what it measured: document, prompt, target; and its version


@dataclass(slots=True)
class Harness:
    """lm-eval on one candidate: tasks and the wrapped model are made once."""

    candidate: HasNetwork
    name: str  # of the candidate, for messages
    decoding: Decoding  # for task files of the user's that do not say how to generate
    _tasks: dict[str, Any] = field(default_factory=dict)
    _wrapped: Any = None

    def samples(self, task: LmEvalTask, limit: int | None) -> tuple[Sample, ...]:
        """List what a task will ask, without asking it.

        Raises:
            UsageError: there is no such task, or its file asks for something not supported.
            EvidenceError: its data cannot be had.
        """
        with self._guarded(task):
            loaded = self._task(task)
            documents = list(loaded.doc_iterator(rank=0, limit=limit, world_size=1))
            samples = [_sample(loaded, number, document) for number, document in documents]
        ids = {sample.id for sample in samples}
        if not samples or len(ids) < len(samples):
            message = f"the lm-eval task {task.task!r} has " + (
                "documents of one id" if samples else "no documents"
            )
            raise EvidenceError(message)
        return clustered(samples)

    def measure(self, task: LmEvalTask, limit: int | None) -> list[ItemScore]:
        """Run a task.

        Raises:
            UsageError, EvidenceError: as `samples`; also, lm-eval failed, or gave no number.
        """
        with self._guarded(task):
            from lm_eval import __version__
            from lm_eval.evaluator import evaluate

            loaded = self._task(task)
            model = self._model()
            _seed()
            chat = bool(getattr(self.candidate.tokenizer, "chat_template", None))
            results = evaluate(
                lm=model,
                task_dict={"tasks": {task.task: loaded}, "groups": {}},
                limit=limit,
                bootstrap_iters=0,
                log_samples=True,
                cache_requests=False,
                apply_chat_template=chat,
                fewshot_as_multiturn=chat,
            )
            documents = results["samples"][task.task]
        # Of several filters the first is the task's own reading of an answer.
        first = [document for document in documents if document["filter"] == documents[0]["filter"]]
        scores = [_score(task, document, __version__) for document in first]
        wanted = {sample.id for sample in self.samples(task, limit)}
        if {score.sample for score in scores} != wanted or len(scores) != len(wanted):
            message = f"lm-eval scored {len(scores)} of {len(wanted)} documents of {task.task!r}"
            raise EvidenceError(message)
        return scores

    def _task(self, task: LmEvalTask) -> Any:
        if task.id not in self._tasks:
            if lm_eval_digest(task.task, task.include, task.data) != task.data_digest:
                message = (
                    f"the files of the lm-eval task {task.task!r} changed since they were read"
                )
                raise EvidenceError(message)
            loaded = self._own(task) if task.include is not None else _shipped(task.task)
            loaded.set_config(key="num_fewshot", value=task.num_fewshot)
            loaded.set_fewshot_seed(seed=_SEED)
            self._tasks[task.id] = loaded
        return self._tasks[task.id]

    def _own(self, task: LmEvalTask) -> Any:
        """Make a task of the user's file, on data read here."""
        from datasets import Dataset
        from lm_eval.api.task import ConfigurableTask

        assert task.include is not None  # noqa: S101  by the caller
        config = dict(read_document(task.include, {"type": "object"}).data)
        _check_metrics(config)
        if config.get("output_type") == "generate_until":
            # A cap is needed anyway; lm-eval's is 256 whatever the suite says.
            own = {"max_gen_toks": self.decoding.max_new_tokens, "do_sample": False}
            config["generation_kwargs"] = own | config.get("generation_kwargs", {})
        if task.data is not None:
            records = Dataset.from_list(read_records(task.data))
            keys = [key for key in config if key.endswith("_split")]
            splits = {config[key]: records for key in keys}
            for key in ("dataset_path", "dataset_name", "dataset_kwargs"):
                config.pop(key, None)
            config["custom_dataset"] = lambda **_: splits
        elif Path(str(config.get("dataset_path"))).exists():
            message = (
                f"{task.include}: the data set {config['dataset_path']!r} lies on this disk: name "
                "its file as `data` in the suite"
            )
            raise UsageError(message)
        return ConfigurableTask(config=config)

    def _model(self) -> Any:
        if self._wrapped is None:
            from lexgate.evals._lm_eval_trie import TrieLM

            # A copy, because lm-eval gives a tokenizer without padding a token for it.
            tokenizer = copy.deepcopy(self.candidate.tokenizer)
            self._wrapped = TrieLM(self.candidate, tokenizer, batch_size=16)
        return self._wrapped

    @contextlib.contextmanager
    def _guarded(self, task: LmEvalTask) -> Iterator[None]:
        """Keep lm-eval quiet, offline where it can be, and give its failures our shape."""
        try:
            with (
                _quiet(),
                _environment(offline=task.data is not None),
                _sandboxed(),
                self._threads(),
            ):
                yield
        except LexgateError:
            raise
        except Exception as error:
            what = printable(f"{type(error).__name__}: {error}", 400)
            message = f"lm-eval failed at the task {task.task!r} on {self.name}: {what}"
            raise EvidenceError(message) from error

    @contextlib.contextmanager
    def _threads(self) -> Iterator[None]:
        import torch

        before = torch.get_num_threads()
        if self.candidate.network.num_parameters() < _SMALL:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _shipped(name: str) -> Any:
    """Load one of lm-eval's own tasks; its data comes from the hub."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager()
    if name not in manager.all_subtasks:
        group = " (it is a group: name one of its tasks)" if name in manager.all_groups else ""
        message = f"lm-eval has no task {name!r}{group}"
        raise UsageError(message)
    return manager.load([name])["tasks"][name]


def _check_metrics(config: dict[str, Any]) -> None:
    """Refuse metrics that lm-eval would fetch as code from the hub."""
    import lm_eval.api.metrics  # noqa: F401  fills the registry
    from lm_eval.api.registry import metric_registry

    for entry in config.get("metric_list") or ():
        name = entry.get("metric") if isinstance(entry, dict) else entry
        if not isinstance(entry, dict) or name not in metric_registry or "hf_evaluate" in entry:
            message = (
                f"the lm-eval task {config.get('task')!r} names the metric {printable(str(name))!r}, "
                "which is not one of lm-eval's own"
            )
            raise UsageError(message)


def _sample(task: Any, number: int, document: dict[str, Any]) -> Sample:
    """Describe a document; the prompt is the bare question, the same for every candidate."""
    cluster = document.get("cluster")
    return Sample(
        id=_id(number, document),
        prompt=as_conversation(str(task.doc_to_text(document))),
        cluster="" if cluster is None else str(cluster),
        target=str(task.doc_to_target(document)),
        given=(),
    )


def _id(number: int, document: dict[str, Any]) -> str:
    own = document.get("id")
    return own if isinstance(own, str) and own else str(number)


def _score(task: LmEvalTask, document: dict[str, Any], version: str) -> ItemScore:
    id_ = _id(document["doc_id"], document["doc"])
    if task.metric not in document["metrics"]:
        known = ", ".join(sorted(document["metrics"]))
        message = f"the lm-eval task {task.task!r} has no metric {task.metric!r}: it has {known}"
        raise EvidenceError(message)
    try:
        value = float(document[task.metric])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        found = printable(repr(document[task.metric]), 60)
        message = (
            f"lm-eval gave {found} as {task.metric} of {task.task}/{printable(id_)}, no number"
        )
        raise EvidenceError(message)
    hashes = [document[key] for key in ("doc_hash", "prompt_hash", "target_hash")]
    return ItemScore(id_, value, json.dumps([version, task.metric, task.num_fewshot, *hashes]))


def _seed() -> None:
    import numpy as np
    import torch

    random.seed(_SEED)
    np.random.seed(_SEED)  # noqa: NPY002  the generator lm-eval's tasks draw from
    torch.manual_seed(_SEED)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing of lm-eval's may reach our streams: stdout may be a machine's."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


@contextlib.contextmanager
def _sandboxed() -> Iterator[None]:
    """Run templates of task files where they cannot reach Python's internals."""
    import lm_eval.utils
    from jinja2 import BaseLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    plain = lm_eval.utils.env
    sandbox = ImmutableSandboxedEnvironment(
        loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True
    )
    sandbox.filters.update(plain.filters)
    lm_eval.utils.env = sandbox
    try:
        yield
    finally:
        lm_eval.utils.env = plain


@contextlib.contextmanager
def _environment(*, offline: bool) -> Iterator[None]:
    wanted = _OFFLINE if offline else {"TOKENIZERS_PARALLELISM": "false"}
    before = dict(os.environ)  # whole: lm-eval sets variables of its own when it is imported
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
