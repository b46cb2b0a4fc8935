"""What the review app shows, as pure functions of a runs folder: no page, no widget, no Streamlit.

A run is read once through `open_run`, which verifies its chain, and kept until its files change.
What cannot be read is shown as damaged with the reason; it never breaks a list and is never left
out. Missing answers and verdicts are rows like any other (outcome `missing`), because the gate
counts them too. Law (tested): for every principle, `flagged` rows are exactly those that are not
judged `complies`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lexgate.app._decisions import (
    DecisionRecord,
    check_moment,
    concerns_about,
    newest_first,
    read_decisions,
    worst_first,
)
from lexgate.app._items import Exam, Item, Tally, examine, itemise, matches, outcome_of, tally
from lexgate.errors import LexgateError
from lexgate.evals import open_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lexgate.critic import Exchange, Question

__all__ = [
    "OUTCOMES",
    "PAGE_SIZE",
    "Compiled",
    "DecisionRecord",
    "Exam",
    "Item",
    "OpenedRun",
    "Page",
    "RunLine",
    "Tally",
    "compiled_prompts",
    "concerns_about",
    "latest",
    "list_runs",
    "neighbours",
    "notes_of",
    "open_decision",
    "open_item",
    "opened",
    "outcome_of",
    "page_of",
    "select",
    "unreadable",
    "worst_first",
]

PAGE_SIZE = 50  # rows of one page of a table
OUTCOMES = ("flagged", "violates", "abstains", "missing", "complies", "wrong")  # to filter by
_KEPT = 4  # opened runs kept in memory
_READ_ERRORS = (LexgateError, OSError, ValueError, TypeError, KeyError, AttributeError)

State = Literal["complete", "cut", "damaged"]


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """One run read whole: identity, state and every declared sample with what came of it."""

    name: str  # of its folder; what permalinks carry
    manifest: dict[str, Any]  # empty where run.json is unreadable
    state: State
    problem: str  # why it is damaged; else empty
    head: str  # of its hash chain; empty where it is damaged
    rows: int
    items: tuple[Item, ...]
    tallies: tuple[Tally, ...]
    exams: tuple[Exam, ...]
    decisions: tuple[DecisionRecord, ...]

    def named(self, part: str) -> str:
        """The name of `candidate`, `critic` or `suite`, with its version; empty where none is."""
        value = self.manifest.get(part)
        if not isinstance(value, dict):
            return ""
        version = f"@{value['version']}" if "version" in value else ""
        return f"{value.get('name', '')}{version}"

    @property
    def created(self) -> str:
        return str(self.manifest.get("created", ""))

    @property
    def tasks(self) -> tuple[str, ...]:
        """Ids of its tasks, in order."""
        return tuple(dict.fromkeys(item.task for item in self.items))

    @property
    def principles(self) -> tuple[str, ...]:
        """Ids of the principles judged in it, in order."""
        return tuple(dict.fromkeys(name for item in self.items for name in item.principles))


@dataclass(frozen=True, slots=True)
class RunLine:
    """One line of the list of runs."""

    name: str
    suite: str
    candidate: str
    critic: str
    created: str
    rows: int
    state: State
    problem: str
    decisions: tuple[DecisionRecord, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of many."""

    items: tuple[Item, ...]
    number: int  # from 1
    pages: int  # at least 1
    total: int  # rows on all pages


@dataclass(frozen=True, slots=True)
class Compiled:
    """One question of a principle exactly as it was compiled for one exchange."""

    proposition: str
    sees: str
    ask: str  # the question alone
    text: str  # the whole prompt: role and content of each message


def list_runs(folder: Path) -> tuple[RunLine, ...]:
    """List the runs of a folder, newest first; an absent folder holds none."""
    lines = [_CACHE.line(folder / name) for name in _names(folder)]
    return tuple(sorted(lines, key=lambda line: (line.created, line.name), reverse=True))


def latest(lines: Sequence[RunLine], count: int) -> tuple[DecisionRecord, ...]:
    """The last readable decisions over all runs, newest first: a damaged one has no time."""
    records = [record for line in lines for record in line.decisions if record.decision]
    return newest_first(records)[:count]


def unreadable(lines: Sequence[RunLine]) -> tuple[DecisionRecord, ...]:
    """The damaged decisions over all runs, in the order of the runs."""
    return tuple(r for line in lines for r in line.decisions if r.decision is None)


def opened(folder: Path, name: str) -> OpenedRun | None:
    """Read one run, damaged or not; None when the folder holds no run of that name."""
    if name not in _names(folder):  # the name comes from an address: it must never leave the folder
        return None
    return _CACHE.run(folder / name)


def open_decision(folder: Path, name: str, decision: str) -> DecisionRecord | None:
    """Read one decision of a run; None when there is none of that name, with or without `.json`."""
    run = opened(folder, name)
    records = () if run is None else run.decisions
    return next(
        (record for record in records if decision in {record.name, f"{record.name}.json"}), None
    )


def open_item(run: OpenedRun, task: str, sample: str) -> Item | None:
    """Find one sample of a run."""
    return next((i for i in run.items if (i.task, i.sample) == (task, sample)), None)


def select(
    run: OpenedRun, *, task: str = "", principle: str = "", outcome: str = ""
) -> tuple[Item, ...]:
    """The rows that match all filters; an empty filter matches all, an unknown value none."""
    return tuple(
        item
        for item in run.items
        if (not task or item.task == task) and matches(item, principle, outcome)
    )


def page_of(items: Sequence[Item], number: int) -> Page:
    """Cut out one page; a number out of range gives the nearest page."""
    pages = max(1, -(-len(items) // PAGE_SIZE))
    number = min(max(number, 1), pages)
    cut = items[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    return Page(tuple(cut), number, pages, len(items))


def neighbours(items: Sequence[Item], item: Item) -> tuple[Item | None, Item | None]:
    """The rows before and after one row among those selected."""
    if item not in items:
        return None, None
    at = items.index(item)
    return items[at - 1] if at else None, items[at + 1] if at + 1 < len(items) else None


def notes_of(identity: Any) -> tuple[str, ...]:
    """What a reader must know about a candidate or a critic: its own notes and its backends'."""
    if not isinstance(identity, dict):
        return ()
    backends = identity.get("backends")
    found: list[str] = []
    for part in [identity, *(backends if isinstance(backends, list | tuple) else ())]:
        details = part.get("details") if isinstance(part, dict) else None
        if isinstance(details, dict) and "note" in details:
            found.append(f"{part.get('name', '')}: {details['note']}")
    return tuple(dict.fromkeys(found))


def compiled_prompts(
    folder: Path, run: OpenedRun, item: Item
) -> dict[str, tuple[Compiled, ...] | str]:
    """Compile each principle's questions for one exchange, exactly as the critic was asked them.

    The constitution is found again by its reference; only where a compiled prompt has the digest
    the run recorded is it the same text, else the reason stands in its place.
    """
    from lexgate.constitutions import find
    from lexgate.critic import Exchange, Message, compile_prompts

    stated = run.manifest.get("constitution")
    reference = stated.get("reference") if isinstance(stated, dict) else None
    if item.declared is None or item.answer is None:
        return dict.fromkeys(item.principles, "No response stands in the run to ask about.")
    try:
        prompts = {p.principle: p for p in compile_prompts(find(str(reference), near=folder))}
    except _READ_ERRORS as error:
        reason = f"The constitution {reference} cannot be read here: {error}"
        return dict.fromkeys(item.principles, reason)
    turns = tuple(Message(role, content) for role, content in item.declared.prompt)  # type: ignore[arg-type]
    exchange = Exchange(turns, item.answer.response)
    found: dict[str, tuple[Compiled, ...] | str] = {}
    for principle in item.principles:
        prompt = prompts.get(principle)
        if prompt is None or prompt.digest != run.manifest["prompts"].get(principle):
            found[principle] = (
                f"The constitution {reference} found here compiles to another prompt than the run's."
            )
        else:
            found[principle] = tuple(_compiled(q, exchange) for q in prompt.questions)
    return found


def _compiled(question: Question, exchange: Exchange) -> Compiled:
    messages = question.render(exchange)
    text = "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)
    return Compiled(question.proposition, question.sees, question.ask, text)


def _names(folder: Path) -> frozenset[str]:
    """Names of the folders that are, or were, runs; the writer's scratch folders begin with a dot."""
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return frozenset()
    return frozenset(entry.name for entry in entries if _is_run(entry))


def _is_run(entry: Path) -> bool:
    try:
        return (entry / "run.json").exists() or any(entry.glob("j-*.jsonl"))
    except OSError:  # a folder nobody may look into can be a run: shown as damaged, not left out
        return True


def _read(path: Path) -> OpenedRun:
    decisions = read_decisions(path)
    try:
        return _sound(path, decisions)
    except Exception as error:  # noqa: BLE001  whatever one folder holds, the list must stand
        problem = str(error) or type(error).__name__
        return OpenedRun(path.name, _stated(path), "damaged", problem, "", 0, (), (), (), decisions)


def _sound(path: Path, decisions: tuple[DecisionRecord, ...]) -> OpenedRun:
    run = open_run(path)
    rows = tuple(run.rows())
    items = itemise(run.manifest, rows)
    _check_shown(run.manifest)
    return OpenedRun(
        path.name,
        run.manifest,
        "complete" if run.complete else "cut",
        "",
        run.head,
        len(rows),
        items,
        tally(items),
        examine(rows),
        decisions,
    )


def _stated(path: Path) -> dict[str, Any]:
    """What a damaged run says it is: shown beside the damage, never computed with."""
    file = path / "run.json"
    try:
        if not file.is_file():  # a pipe would wait for ever
            return {}
        stated = json.loads(file.read_bytes())
        if not isinstance(stated, dict):
            return {}
        _check_shown(stated)
    except Exception:  # noqa: BLE001  the damage itself is told already
        return {}
    return stated


def _check_shown(manifest: dict[str, Any]) -> None:
    """Raise what a page would run into that shows this manifest."""
    json.dumps(manifest, indent=2)
    check_moment(str(manifest.get("created", "")))


def _line(run: OpenedRun) -> RunLine:
    return RunLine(
        run.name,
        run.named("suite"),
        run.named("candidate"),
        run.named("critic"),
        run.created,
        run.rows,
        run.state,
        run.problem,
        run.decisions,
    )


class _Cache:
    """Runs and their lines, read again as soon as a file of theirs changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[Path, tuple[object, OpenedRun]] = OrderedDict()
        self._lines: dict[Path, tuple[object, RunLine]] = {}

    def run(self, path: Path) -> OpenedRun:
        with self._lock:
            return self._run(path, _signature(path))

    def line(self, path: Path) -> RunLine:
        with self._lock:
            signature = _signature(path)
            known = self._lines.get(path)
            if known is None or known[0] != signature:
                known = (signature, _line(self._run(path, signature)))
                self._lines[path] = known
            return known[1]

    def _run(self, path: Path, signature: object) -> OpenedRun:
        known = self._runs.pop(path, None)
        if known is None or known[0] != signature:
            known = (signature, _read(path))
        self._runs[path] = known
        while len(self._runs) > _KEPT:
            self._runs.popitem(last=False)
        return known[1]


def _signature(path: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Change times, not modification times: those can be set back by whoever edits a file."""
    found = []
    for file in sorted([*path.glob("*.json*"), *path.glob("decisions/*.json")]):
        with contextlib.suppress(OSError):
            state = file.stat()
            found.append((str(file), state.st_ino, state.st_size, state.st_ctime_ns))
    return tuple(found)


_CACHE = _Cache()
