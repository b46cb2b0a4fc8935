"""Loading a suite: the YAML people write, its data, and the constitution it cites.

All mistakes are collected and reported at once, each with `file:line:column`. Paths in a suite are
relative to its file. Law (tested): the digest of a suite changes exactly when something it
measures with changes: a task, a byte of data, the constitution, the decoding.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest, digest_file
from lexgate._documents import Document, did_you_mean, load_schema, read_document
from lexgate._text import printable
from lexgate._yaml_head import heads
from lexgate.constitutions import Constitution, find
from lexgate.critic import Decoding
from lexgate.errors import InvalidFile, Problem, UsageError
from lexgate.evals._read_data import DataFile, read_records, read_samples
from lexgate.evals._scorers import Scorer, scorer
from lexgate.evals._suite import AccuracyTask, CriticTask, LmEvalTask, Suite, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate._yaml_head import Head

__all__ = ["lm_eval_digest", "load_suite", "shipped_suites"]

_SHIPPED = Path(__file__).parent / "suites"
_WORKSPACE = Path("suites")  # of a person who asks from the directory of their work
_LOCAL_LOADERS = frozenset({"json", "csv", "parquet", "arrow", "text", "pandas"})
_SPLITS = ("test_split", "validation_split")
_FOREIGN = {
    "include": "name one file that stands alone",
    "class": "a file never names code to run",
    "group": "give each task of the group a task of its own",
    "custom_dataset": "a file never names code to run",
}


def shipped_suites() -> tuple[str, ...]:
    """Names of the suites that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def load_suite(reference: str | Path) -> Suite:
    """Load a suite from a file, or by name: first from `./suites`, then a shipped one.

    Args:
        reference: A path; or `name` (the newest) or `name@version`, as the header of a suite
            says, or `name` as a file in `./suites` is called.

    Raises:
        UsageError: there is no such suite; says where it was looked for and what is there.
        InvalidFile: the suite, its data or its constitution is wrong; carries every problem.
    """
    path = _locate(reference)
    loaders: list[_Loader] = []

    def check(document: Document) -> list[Problem]:
        loaders.append(_Loader(document, path.parent))
        return loaders[-1].collect()

    read_document(path, load_schema("lexgate.evals", "suite.schema.json"), check)
    suite = loaders[-1].suite()
    if path.parent == _WORKSPACE and not isinstance(reference, Path) and reference != str(path):
        _refuse_imposter(suite, path)
    return suite


def _locate(reference: str | Path) -> Path:
    path, text = Path(reference), str(reference)
    if isinstance(reference, Path) or path.suffix in {".yaml", ".yml"} or path.is_file():
        return path
    for folder in (_WORKSPACE, _SHIPPED):
        found = [head for head in heads(folder, "suite") if head.answers(text)]
        if found:
            return _newest(found)
        named = [head for head in heads(folder, "suite") if head.path.stem == text]
        if named:
            return named[0].path
    if path.exists():
        return path  # a directory, and told so
    raise _not_found(text)


def _newest(found: list[Head]) -> Path:
    """Choose the newest version; two files of one version are a question only a person settles."""
    best = max(found, key=lambda head: _order(head.version))
    for other in found:
        if other.version == best.version and other.path != best.path:
            both = f"both {best.path} and {other.path} are {best.reference}"
            raise UsageError(f"{both}: remove one, or name the suite by its path")
    return best.path


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if version else ()


def _not_found(reference: str) -> UsageError:
    local = [f"{head.reference} ({head.path})" for head in heads(_WORKSPACE, "suite")]
    known = [head for folder in (_WORKSPACE, _SHIPPED) for head in heads(folder, "suite")]
    there = [*local, *(f"{head.reference} (shipped)" for head in heads(_SHIPPED, "suite"))]
    meant = did_you_mean(reference.partition("@")[0], [head.name for head in known])
    hint = f"\n    hint: {meant}" if meant and reference.partition("@")[0] not in meant else ""
    return UsageError(
        f"no suite {printable(reference, 100)!r}; looked in ./{_WORKSPACE} and among the shipped "
        f"ones; there are {', '.join(there)}; or give the path of a .yaml file{hint}"
    )


def _refuse_imposter(suite: Suite, path: Path) -> None:
    """Refuse a local file with a shipped reference and another content: one name, one meaning."""
    for head in heads(_SHIPPED, "suite"):
        if head.reference == suite.reference and load_suite(head.path).digest != suite.digest:
            raise UsageError(
                f"{path} calls itself {suite.reference}, which ships with lexgate and measures "
                f"something else\n    hint: raise its version or rename it; or name it by its path"
            )


@dataclass(frozen=True, slots=True)
class _Loader:
    """One suite file being loaded."""

    document: Document
    folder: Path
    tasks: list[Task] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    constitutions: dict[str, Constitution | None] = field(default_factory=dict)

    def collect(self) -> list[Problem]:
        """Load every task that fits the schema; return what is wrong beyond the schema."""
        data = self.document.data
        entries = data.get("tasks") if isinstance(data, dict) else None
        seen: set[str] = set()
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if not self.document.sound(("tasks", index)):
                continue
            if entry["id"] in seen:
                self.problem(("tasks", index, "id"), f"the id {entry['id']!r} stands twice")
            seen.add(entry["id"])
            task = self._task(entry, index)
            self.tasks.extend([] if task is None else [task])
        return list(dict.fromkeys(self.problems))  # two tasks may read one broken file

    def suite(self) -> Suite:
        """Return the suite; only after `collect` found nothing and the schema fits."""
        data, tasks = self.document.data, self.tasks
        generation = data.get("generation", {})
        default = Decoding()
        decoding = Decoding(
            int(generation.get("max_new_tokens", default.max_new_tokens)),
            float(generation.get("temperature", default.temperature)),
        )
        name, version = str(data["suite"]), str(data["version"])
        meaning: list[Any] = [name, version, list(map(_meaning, tasks))]
        meaning += [decoding.max_new_tokens, decoding.temperature]
        return Suite(name, version, tuple(tasks), decoding, digest(meaning))

    def problem(self, path: tuple[str | int, ...], message: str, hint: str = "") -> None:
        self.problems.append(self.document.problem(path, message, hint))

    def _task(self, entry: Mapping[str, Any], index: int) -> Task | None:
        at = ("tasks", index)
        if entry["kind"] == "critic":
            return self._critic_task(entry, at)
        if entry["kind"] == "accuracy":
            return self._accuracy_task(entry, at)
        return self._lm_eval_task(entry, at)

    def _critic_task(self, entry: Mapping[str, Any], at: tuple[str, int]) -> CriticTask | None:
        constitution = self._constitution(entry["constitution"], (*at, "constitution"))
        if constitution is None:
            return None
        known = [principle.id for principle in constitution.principles]
        chosen = entry.get("principles", known)
        for index, id_ in enumerate(chosen):
            if id_ not in known:
                message = f"{constitution.reference} has no principle {id_!r}"
                hint = f"it has {', '.join(known)}"
                self.problem((*at, "principles", index), message, hint)
        principles = tuple(id_ for id_ in known if id_ in chosen)
        asked = [p for id_ in principles for p in constitution.principle(id_).propositions]
        later = {proposition.id for proposition in asked if proposition.sees != "prompt"}
        givable = frozenset(proposition.id for proposition in asked) - later
        data = self._data(entry, at, None, givable)
        if data is None:
            return None
        return CriticTask(entry["id"], data.samples, data.digest, constitution, principles)

    def _accuracy_task(self, entry: Mapping[str, Any], at: tuple[str, int]) -> AccuracyTask | None:
        data = self._data(entry, at, scorer(entry["scorer"]), None)
        if data is None:
            return None
        return AccuracyTask(entry["id"], data.samples, data.digest, entry["scorer"])

    def _data(
        self,
        entry: Mapping[str, Any],
        at: tuple[str, int],
        by: Scorer | None,
        givable: frozenset[str] | None,
    ) -> DataFile | None:
        path = self._file(entry["data"], (*at, "data"), {".jsonl", ".csv"})
        if path is None:
            return None
        columns = entry.get("columns", {})
        try:
            return read_samples(
                path, columns=columns, cluster=entry.get("cluster"), scorer=by, givable=givable
            )
        except InvalidFile as error:
            self.problems.extend(error.problems)
        return None

    def _file(self, name: str, at: tuple[str | int, ...], endings: set[str]) -> Path | None:
        path = self.folder / name
        if path.suffix.lower() not in endings:
            self.problem(
                at, f"expected a file ending in {' or '.join(sorted(endings))}, found {name!r}"
            )
            return None
        try:
            if path.exists() and not path.is_file():  # a pipe would wait, a device never end
                reason = "is a directory" if path.is_dir() else "it is no regular file"
                self.problem(at, f"cannot read {name!r}: {reason}", f"looked for {path}")
                return None
            with path.open("rb"):
                return path
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            self.problem(at, f"cannot read {name!r}: {reason}", f"looked for {path}")
        except ValueError:
            self.problem(at, f"{name!r} is no file name: it holds a NUL character")
        return None

    def _constitution(self, reference: str, at: tuple[str | int, ...]) -> Constitution | None:
        if reference not in self.constitutions:
            self.constitutions[reference] = None
            try:
                self.constitutions[reference] = find(reference, near=self.folder)
            except InvalidFile as error:
                self.problems.extend(error.problems)
            except UsageError as error:
                self.problem(at, str(error))
        constitution = self.constitutions[reference]
        found = {c.digest: c.reference for c in self.constitutions.values() if c is not None}
        if constitution is not None and len(found) > 1:
            first = next(iter(found.values()))
            message = f"expected one constitution in a suite, found {first} and {reference}"
            self.problem(at, message, "write a suite for each constitution")
        return constitution

    def _lm_eval_task(self, entry: Mapping[str, Any], at: tuple[str, int]) -> LmEvalTask | None:
        before = len(self.problems)
        include = self._lm_eval_file(entry, at, "include", {".yaml", ".yml"})
        data = self._lm_eval_file(entry, at, "data", {".jsonl"})
        name = entry.get("task")
        if "include" not in entry:
            if name is None:
                self.problem(
                    at, "expected `task` or `include`", "name a task of lm-eval, or give one"
                )
            if "data" in entry:
                self.problem((*at, "data"), "`data` is for a task file given by `include`")
        elif include is not None:
            name = self._included_name(entry, include, at)
        if data is not None:
            self._check_records(data)
        if len(self.problems) > before or name is None:
            return None
        return LmEvalTask(
            id=entry["id"],
            task=name,
            num_fewshot=entry.get("num_fewshot", 0),
            metric=entry["metric"],
            include=include,
            data=data,
            data_digest=lm_eval_digest(name, include, data),
            limit=entry.get("limit"),
        )

    def _lm_eval_file(
        self, entry: Mapping[str, Any], at: tuple[str, int], key: str, endings: set[str]
    ) -> Path | None:
        return self._file(entry[key], (*at, key), endings) if key in entry else None

    def _check_records(self, data: Path) -> None:
        try:
            read_records(data)
        except InvalidFile as error:
            self.problems.extend(error.problems)

    def _included_name(
        self, entry: Mapping[str, Any], include: Path, at: tuple[str, int]
    ) -> str | None:
        """Check a task file in lm-eval's format, and return the name it gives its task."""
        try:
            document = read_document(include, {"type": "object", "required": ["task"]})
        except InvalidFile as error:
            self.problems.extend(error.problems)
            return None
        task = document.data
        name = task["task"]
        found = len(self.problems)
        if not isinstance(name, str):
            self.problems.append(document.problem(("task",), "expected the name of one task"))
        elif entry.get("task", name) != name:
            self.problem((*at, "task"), f"the file {entry['include']!r} holds the task {name!r}")
        for key, hint in _FOREIGN.items():
            if key in task:
                self.problems.append(document.problem((key,), "this key is not supported", hint))
        if not any(split in task for split in _SPLITS):
            message = "expected `test_split`: the split that is measured"
            self.problems.append(document.problem((), message))
        local = str(task.get("dataset_path", "json")) in _LOCAL_LOADERS
        if local != ("data" in entry):
            message = "a data set on this disk needs `data` in the suite, and only such a one"
            self.problems.append(document.problem(("dataset_path",), message))
        return name if len(self.problems) == found else None


def lm_eval_digest(name: str, include: Path | None, data: Path | None) -> str:
    """Digest what an lm-eval task is made of: its name and the bytes of its files."""
    return digest([name, *(digest_file(path) if path else None for path in (include, data))])


def _meaning(task: Task) -> list[Any]:
    """Everything of a task that counts, as JSON."""
    if isinstance(task, LmEvalTask):
        own = [task.task, task.num_fewshot, task.metric, task.limit]
    else:
        own = [[s.id, s.cluster, s.target, list(map(list, s.given))] for s in task.samples]
        own += [[[m.role, m.content] for m in s.prompt] for s in task.samples]
        if isinstance(task, CriticTask):
            own += [task.constitution.reference, task.constitution.digest, list(task.principles)]
        else:
            own += [task.scorer, scorer(task.scorer).version]
    return [task.id, task.kind, task.data_digest, *own]
