"""Reading the data of a task: JSONL or CSV rows into samples, every mistake with `file:line`.

A row is `{"id", "prompt", "target", "cluster", "given"}`; other columns are left alone. What a
prompt says is data: nothing in it is expanded or followed. A sample without a cluster of its own
shares one with every sample of the same prompt (case, white space and Unicode form do not count),
since equal prompts are one observation however often they are listed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from lexgate._digests import digest
from lexgate._documents import did_you_mean
from lexgate._strict_json import NotJson, read_json
from lexgate._text import printable
from lexgate.critic import Conversation, Message, as_conversation
from lexgate.errors import InvalidFile, Problem
from lexgate.evals._suite import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lexgate.evals._scorers import Scorer

__all__ = ["DataFile", "clustered", "read_records", "read_samples"]

_MOST_PROBLEMS = 100  # a file with more is not the file that was meant
_LISTED = 20  # columns a message names
_COMMAS = "save the table as CSV whose cells are separated by commas"
_ONE_A_LINE = 'write one object a line, keys and text in double quotes: {"id": "1", "prompt": "…"}'
_ROLES = get_args(get_type_hints(Message)["role"])


@dataclass(frozen=True, slots=True)
class DataFile:
    """The samples of a data file and the digest of its bytes."""

    samples: tuple[Sample, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Record:
    """One row as it stands in the file."""

    line: int  # from 1
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Reader:
    """What a file is read with, and what was found wrong in it."""

    path: Path
    columns: Mapping[str, str]  # our field -> the file's column
    cluster: str | None  # a column that every row must then fill
    scorer: Scorer | None  # of an accuracy task: each row then needs a target
    givable: frozenset[str] | None  # propositions a row may state; None: rows state none
    problems: list[Problem] = field(default_factory=list)
    header: list[str] = field(default_factory=list)  # columns of the file, as far as known
    absent: set[str] = field(default_factory=set)  # needed columns no row has: told once

    def problem(self, line: int, column: int, at: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(str(self.path), line, column, at, message, hint))
        if len(self.problems) >= _MOST_PROBLEMS:
            raise InvalidFile(tuple(self.problems))

    def column(self, name: str) -> str:
        return self.columns.get(name, name)


def read_samples(
    path: Path,
    *,
    columns: Mapping[str, str],
    cluster: str | None,
    scorer: Scorer | None,
    givable: frozenset[str] | None,
) -> DataFile:
    """Read a data file.

    Args:
        path: A `.jsonl` or `.csv` file.
        columns: Which column holds which of our fields, where the names differ.
        cluster: The column that holds the cluster; every row must then have one.
        scorer: The scorer of an accuracy task; every row then needs a target it can score.
        givable: Propositions a row may state as `given`; None ignores what rows state.

    Raises:
        InvalidFile: with every mistake in the file, or its first hundred.
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    reader = _Reader(path, columns, cluster, scorer, givable)
    records = list(_records(reader, content))
    _find_absent(reader, records)
    samples = [sample for record in records if (sample := _sample(reader, record)) is not None]
    if not samples and not reader.problems:
        reader.problem(1, 1, "", "expected at least one sample, found none")
    if reader.problems:
        raise InvalidFile(tuple(reader.problems))
    file_digest = "sha256:" + hashlib.sha256(content).hexdigest()
    return DataFile(clustered(samples), file_digest)


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a data file as they stand.

    Raises:
        InvalidFile: a line is not a row, or there is none.
        OSError: the file cannot be read.
    """
    reader = _Reader(path, {}, None, None, None)
    records = [record.fields for record in _records(reader, path.read_bytes())]
    if not records and not reader.problems:
        reader.problem(1, 1, "", "expected at least one row, found none")
    if reader.problems:
        raise InvalidFile(tuple(reader.problems))
    return records


def clustered(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Give every sample its cluster: the stated one, or that of its prompt, or its own.

    Equal prompts are one observation whatever they state, so clusters that share one become one.
    """
    names = [_prompt_cluster(sample.prompt) for sample in samples]
    often = Counter(names)
    merged: dict[str, str] = {}  # a stated cluster: the one it was merged into

    def root(cluster: str) -> str:
        while (into := merged.get(cluster, cluster)) != cluster:
            cluster = into
        return cluster

    first: dict[str, str] = {}  # a prompt: the stated cluster it was first seen in
    for sample, name in zip(samples, names, strict=True):
        if sample.cluster:
            merged[root(sample.cluster)] = root(first.setdefault(name, sample.cluster))
    return tuple(
        replace(sample, cluster=root(stated))
        if (stated := sample.cluster or first.get(name, ""))
        else replace(sample, cluster=name if often[name] > 1 else sample.id)
        for sample, name in zip(samples, names, strict=True)
    )


def _prompt_cluster(prompt: Conversation) -> str:
    """Name the cluster of all prompts that are equal but for case, white space and Unicode form."""
    plain = [[m.role, _normal(m.content)] for m in prompt]
    return "prompt-" + digest(plain).removeprefix("sha256:")[:16]


def _normal(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _records(reader: _Reader, content: bytes) -> Iterator[Record]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        reader.problem(line, 1, "", f"expected UTF-8, found the byte 0x{content[error.start]:02x}")
        return
    unique: set[str] = set()
    kind = _csv_records if reader.path.suffix.lower() == ".csv" else _json_records
    for record in kind(reader, text):
        column = reader.column("id")
        id_ = record.fields.get(column)
        if isinstance(id_, str) and id_ in unique:
            reader.problem(record.line, 1, column, f"the id {printable(id_)!r} stands twice")
        elif isinstance(id_, str):
            unique.add(id_)
        yield record


def _find_absent(reader: _Reader, records: Sequence[Record]) -> None:
    """Tell each needed column that the whole file lacks, once instead of in every row."""
    table = bool(reader.header)
    keys = reader.header or list(dict.fromkeys(key for r in records for key in r.fields))
    if not records or (not table and len(records) < 2):
        return
    needed = {name: reader.column(name) for name in ("id", "prompt")}
    needed |= {"target": reader.column("target")} if reader.scorer else {}
    needed |= {"cluster": reader.cluster} if reader.cluster else {}
    for name, column in needed.items():
        if column in keys:
            continue
        reader.absent.add(column)
        listed = ", ".join(printable(key, 60) for key in keys[:_LISTED])
        what = "column" if table else "row has the key"
        message = f'no {what} "{printable(column, 60)}"; the {"columns" if table else "keys"} are {listed}'
        own = name != "cluster" and column == name
        write = f"write columns: {{{name}: …}} in the suite, or add the column"
        stated = f"cluster: {column}" if name == "cluster" else f"columns: {{{name}: {column}}}"
        hint = write if own else f"correct {printable(stated, 100)} in the suite"
        near = did_you_mean(column, keys)
        hint = "; ".join(filter(None, (near, hint)))
        reader.problem(1 if table else records[0].line, 1, "", message, hint)


def _json_records(reader: _Reader, text: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = read_json(line)
        except NotJson as error:
            reader.problem(number, error.position + 1, "", str(error), _ONE_A_LINE)
        else:
            if isinstance(fields, dict):
                yield Record(number, fields)
            else:
                found = type(fields).__name__
                reader.problem(number, 1, "", f"expected a JSON object, found {found}", _ONE_A_LINE)


def _csv_records(reader: _Reader, text: str) -> Iterator[Record]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    before = 0
    try:
        header = next(rows, [])
        if len(header) == 1 and (mark := re.search("[;\t|]", header[0])):
            found = f"found a header that looks separated by {json.dumps(mark[0])}"
            reader.problem(1, 1, "", f"expected commas between columns, {found}", _COMMAS)
            return
        reader.header.extend(header)
        for name in sorted({name for name in header if header.count(name) > 1}):
            reader.problem(1, 1, name, "this column stands twice in the header")
        for row in rows:
            line, before = max(before, 1) + 1, rows.line_num
            if len(row) == len(header):
                # CSV has no null: an empty cell is a field left out.
                cells = {k: v for k, v in zip(header, row, strict=True) if v}
                yield Record(line, _typed(reader, line, cells))
            elif row:
                message = f"expected {len(header)} cells, found {len(row)}"
                reader.problem(line, 1, "", message)
    except csv.Error as error:
        reader.problem(max(before, 1) + 1, 1, "", f"expected a row of CSV: {error}")


def _typed(reader: _Reader, line: int, cells: dict[str, str]) -> dict[str, Any]:
    """Read the one column that is not text: `given` is a JSON object in its cell."""
    column = reader.column("given")
    if reader.givable is None or column not in cells:
        return dict(cells)
    try:
        return cells | {column: read_json(cells[column])}
    except NotJson as error:
        reader.problem(line, 1, column, str(error), 'write {"NAME": true} with double quotes')
        return {k: v for k, v in cells.items() if k != column}


def _sample(reader: _Reader, record: Record) -> Sample | None:
    before = len(reader.problems)
    id_ = _text(reader, record, "id", required=True)
    prompt = _prompt(reader, record)
    target = _target(reader, record)
    cluster = _cluster(reader, record)
    given = _given(reader, record)
    if id_ is None or prompt is None or len(reader.problems) > before:
        return None
    return Sample(id_, prompt, cluster, target, given)


def _text(reader: _Reader, record: Record, name: str, *, required: bool) -> str | None:
    column = reader.column(name)
    value = record.fields.get(column)
    if value is None or value == "":
        if required and column not in reader.absent:
            unnamed = column == name and column not in reader.header
            hint = f"name the column that holds it: columns: {{{name}: …}}" if unnamed else ""
            message = f"expected the sample's {name}, found none"
            reader.problem(record.line, 1, column, message, hint)
        return None
    if not isinstance(value, str):
        found = printable(json.dumps(value), 60)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        hint = f'put it in quotes: "{printable(column, 60)}": "{found}"' if number else ""
        reader.problem(record.line, 1, column, f"expected text, found {found}", hint)
        return None
    return value if _is_unicode(reader, record, column, value) else None


def _is_unicode(reader: _Reader, record: Record, column: str, value: str) -> bool:
    if any("\ud800" <= character <= "\udfff" for character in value):
        message = "expected Unicode text, found half of a surrogate pair"
        reader.problem(record.line, 1, column, message)
        return False
    return True


def _prompt(reader: _Reader, record: Record) -> Conversation | None:
    value = record.fields.get(reader.column("prompt"))
    if isinstance(value, list):
        return _conversation(reader, record, value)
    text = _text(reader, record, "prompt", required=True)
    return None if text is None else as_conversation(text)


def _conversation(reader: _Reader, record: Record, turns: list[Any]) -> Conversation | None:
    column = reader.column("prompt")
    messages = []
    for index, turn in enumerate(turns):
        at = f"{column}/{index}"
        if not isinstance(turn, dict) or set(turn) != {"role", "content"}:
            reader.problem(record.line, 1, at, "expected an object of role and content")
        elif turn["role"] not in _ROLES:
            roles = ", ".join(_ROLES)
            found = printable(json.dumps(turn["role"]), 60)
            reader.problem(record.line, 1, f"{at}/role", f"expected one of {roles}, found {found}")
        elif not isinstance(turn["content"], str):
            reader.problem(record.line, 1, f"{at}/content", "expected text")
        elif _is_unicode(reader, record, f"{at}/content", turn["content"]):
            messages.append(Message(turn["role"], turn["content"]))
    if len(messages) < len(turns):
        return None
    if not messages or messages[-1].role != "user":
        reader.problem(record.line, 1, column, "expected a conversation that ends with a user turn")
        return None
    return tuple(messages)


def _target(reader: _Reader, record: Record) -> str | None:
    if reader.scorer is None:
        value = record.fields.get(reader.column("target"))
        return value if isinstance(value, str) else None
    target = _text(reader, record, "target", required=True)
    if target is not None and reader.scorer.score(target, target) != 1.0:
        message = f"expected a target that {reader.scorer.name} can score, found {printable(target, 60)!r}"
        reader.problem(record.line, 1, reader.column("target"), message)
    return target


def _cluster(reader: _Reader, record: Record) -> str:
    """Return the cluster a row states; empty where it is to be found from the prompts."""
    column = reader.cluster or "cluster"
    if column in reader.absent:
        return ""
    value = record.fields.get(column, "")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and (value or reader.cluster is None):
        return value
    found = printable(json.dumps(value), 60)
    reader.problem(record.line, 1, column, f"expected the sample's cluster, found {found}")
    return ""


def _given(reader: _Reader, record: Record) -> tuple[tuple[str, bool], ...]:
    column = reader.column("given")
    value = record.fields.get(column)
    if reader.givable is None or value is None:
        return ()
    if not isinstance(value, dict):
        reader.problem(
            record.line, 1, column, "expected an object of propositions and true or false"
        )
        return ()
    for name, truth in value.items():
        at = f"{column}/{printable(name, 60)}"
        if name not in reader.givable:
            known = ", ".join(sorted(reader.givable)) or "none"
            hint = f"those that see only the prompt: {known}"
            reader.problem(record.line, 1, at, "no data set can state this proposition", hint)
        elif not isinstance(truth, bool):
            found = printable(json.dumps(truth), 60)
            reader.problem(record.line, 1, at, f"expected true or false, found {found}")
    return tuple(sorted(value.items()))
