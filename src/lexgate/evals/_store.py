"""The store: a run is a directory, its identity and one hash-chained journal of rows.

    RUN/run.json            what was run on what; written once, whole or absent
    RUN/j-00000000.jsonl    one line per row: {"h":"<64 hex>","row":{…canonical JSON…}}

`h` is the sha256 of the line before it (its `h`, in ASCII) followed by the row's bytes; before the
first line stands the sha256 of `run.json`. So the last `h`, the head, stands for the whole run.
Rows are acknowledged in groups (64 rows or 100 ms) after `fdatasync`. A tail torn by a crash is
never acknowledged: readers stop before it, and the next writer cuts it off. Anything else wrong in
the chain is damage, and damage is an error. Readers never write; there is one writer at a time.
Laws (tested): a run read back holds exactly the acknowledged rows, in order, each key once; no
changed byte goes unnoticed in a complete run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lexgate._digests import canonical_json, digest
from lexgate._files import sync_directory, write_atomic
from lexgate.errors import EvidenceError, UsageError
from lexgate.evals._rows import EndRow, Row, row_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

__all__ = ["FORMAT", "Run", "RunWriter", "create_run", "identity_of", "open_run", "resume_run"]

FORMAT = "lexgate-run/1"
_MANIFEST = "run.json"
_JOURNAL = "j-00000000.jsonl"
_GROUP_ROWS = 64
_GROUP_SECONDS = 0.1
_LINE = re.compile(rb'\{"h":"([0-9a-f]{64})","row":(\{.*\})\}\n')
_REQUIRED = (
    "candidate",
    "critic",
    "constitution",
    "decoding",
    "limit",
    "prompts",
    "suite",
    "tasks",
)
_NOT_IDENTITY = frozenset({"id", "created", "environment", "identity", "reused"})
_sync = getattr(os, "fdatasync", os.fsync)  # not every POSIX system has the cheaper one


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stood when it was opened; rows written since are not part of it."""

    path: Path
    manifest: dict[str, Any]  # run.json
    complete: bool  # its EndRow stands, so nothing is missing
    head: str  # last hash of the chain, 64 hex digits: stands for manifest and rows
    _size: int = field(repr=False)  # verified bytes of the journal

    @property
    def id(self) -> str:
        return str(self.manifest["id"])

    def rows(self) -> Iterator[Row]:
        """Read the rows in order, verifying the chain on the way.

        Raises:
            EvidenceError: the journal changed since the run was opened, or a row is not one.
        """
        keys: set[str] = set()
        head = _seed(self.path)
        for line in _lines(self.path, head):
            if line.end > self._size:
                break
            head = line.head
            row = _row(line, self.path)
            if row.key in keys:
                raise _damage(self.path, line.number, f"the key {row.key} stands twice")
            keys.add(row.key)
            yield row
        if head != self.head:
            message = f"the run {self.path} was changed while it was read: open it again"
            raise EvidenceError(message)


def open_run(path: Path) -> Run:
    """Open a run for reading and verify its whole chain.

    Raises:
        UsageError: there is no run at `path`.
        EvidenceError: its manifest or its journal is damaged (a torn tail is not damage: such a run
            reads up to the tear and is not complete).
    """
    manifest = _read_manifest(path)
    head, size, number, last = _seed(path), 0, 0, None
    for line in _lines(path, head):
        if last is not None and last.is_end:
            raise _damage(path, line.number, "rows stand after the end of the run")
        head, size, number, last = line.head, line.end, line.number, line
    complete = last is not None and last.is_end
    if last is not None and complete:
        row = _row(last, path)
        if not isinstance(row, EndRow) or row.rows != number - 1:
            raise _damage(path, number, f"{number - 1} rows stand before an end of another count")
        if (path / _JOURNAL).stat().st_size > size:
            raise _damage(path, number + 1, "bytes stand after the end of the run")
    return Run(path, manifest, complete, head, size)


def identity_of(manifest: Mapping[str, Any]) -> str:
    """Digest what a run is about: equal identities mean that rows of one may stand in the other."""
    return digest({key: value for key, value in manifest.items() if key not in _NOT_IDENTITY})


def create_run(directory: Path, contents: Mapping[str, Any]) -> RunWriter:
    """Create a run below `directory` and open it for writing.

    Args:
        directory: The folder of runs; made where it is missing.
        contents: `run.json` but for `format`, `id`, `created` and `identity`, which are added here.

    Raises:
        UsageError: `directory` cannot be written.
    """
    missing = [key for key in _REQUIRED if key not in contents]
    if missing:
        message = f"a run's manifest needs {', '.join(missing)}"
        raise ValueError(message)
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%SZ}-{_slug(contents)}-{secrets.token_hex(3)}"
    manifest = {"environment": {}, **contents, "format": FORMAT, "id": name}
    manifest |= {"created": now.isoformat(timespec="seconds"), "identity": identity_of(manifest)}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # Filled under another name, so that no reader ever meets half a run.
        with tempfile.TemporaryDirectory(dir=directory, prefix=".new-") as scratch:
            new = Path(scratch) / name
            new.mkdir()
            write_atomic(new / _MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
            (new / _JOURNAL).touch(mode=0o644)
            sync_directory(new)
            new.rename(directory / name)
        sync_directory(directory)
    except OSError as error:
        message = f"cannot create a run in {directory}: {error.strerror}"
        raise UsageError(message) from error
    return RunWriter(directory / name)


def resume_run(path: Path) -> RunWriter:
    """Open a run for writing again, cutting off a torn tail.

    Raises:
        UsageError: there is no run at `path`, or another process is writing it.
        EvidenceError: the run is damaged.
    """
    _read_manifest(path)
    return RunWriter(path)


class RunWriter:
    """Appends rows to a run; the only way to write one. A context manager: leaving it commits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _lock(path)
        try:
            # Only under the lock can a tail that looks torn not be one that is just being written.
            run = open_run(path)
            self._standing = list(run.rows())
            os.ftruncate(self._descriptor, run._size)  # noqa: SLF001  both sides are this module
        except BaseException:
            os.close(self._descriptor)
            raise
        self.complete = run.complete
        self.manifest = run.manifest
        self._head, self._size = run.head, run._size  # noqa: SLF001
        self._keys = {row.key for row in self._standing}
        self._pending: list[bytes] = []
        self._since = 0.0
        self._open = True

    @property
    def standing(self) -> list[Row]:
        """The rows that stood when the run was opened."""
        return self._standing

    def __len__(self) -> int:
        """The number of rows, acknowledged or pending."""
        return len(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def append(self, row: Row) -> None:
        """Add a row; it is acknowledged by the `commit` that follows, here or later.

        Raises:
            ValueError: a row of this key stands already, or the run is complete or closed.
            EvidenceError: the row cannot be stored.
        """
        if not self._open or self.complete or row.key in self._keys:
            closed = "the run is complete" if self.complete else "the writer is closed"
            why = "a row of this key stands already" if row.key in self._keys else closed
            message = f"{row.kind} row {row.key}: {why}"
            raise ValueError(message)
        content = canonical_json(row.to_json())
        self._head = _chained(self._head, content)
        if not self._pending:
            self._since = time.monotonic()
        self._pending.append(b'{"h":"%s","row":%s}\n' % (self._head.encode(), content))
        self._keys.add(row.key)
        self.complete = isinstance(row, EndRow)
        if len(self._pending) >= _GROUP_ROWS or time.monotonic() - self._since >= _GROUP_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Make all rows appended so far durable; when this returns they are acknowledged.

        Raises:
            EvidenceError: they cannot be written; the run keeps what was acknowledged before.
        """
        if not self._pending:
            return
        data = b"".join(self._pending)
        try:
            # At a fixed offset: a commit that was interrupted and is repeated writes the same bytes.
            done = 0
            while done < len(data):
                done += os.pwrite(self._descriptor, data[done:], self._size + done)
            _sync(self._descriptor)
        except OSError as error:
            self._abandon()
            message = (
                f"the run {self.path} cannot be written: {error.strerror}. Its acknowledged rows are "
                "safe: make room and resume it"
            )
            raise EvidenceError(message) from error
        # One statement: an interrupt between the two would make `close` write the group twice.
        self._size, self._pending = self._size + done, []

    def close(self) -> None:
        """Commit and release the lock."""
        if not self._open:
            return
        try:
            self.commit()
        finally:
            self._release()

    def _abandon(self) -> None:
        self._pending.clear()
        with contextlib.suppress(OSError):  # left torn, the tail is cut off by the next writer
            os.ftruncate(self._descriptor, self._size)
        self._release()

    def _release(self) -> None:
        if self._open:
            self._open = False
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Line:
    """One verified line of a journal."""

    number: int  # from 1
    end: int  # offset of the byte after it
    head: str
    content: bytes  # the row

    @property
    def is_end(self) -> bool:
        # Inside a string the quotes would be escaped.
        return b'"kind":"end"' in self.content


def _lines(path: Path, head: str) -> Iterator[_Line]:
    """Walk the chain up to its end or to a torn tail."""
    end = 0
    if (path / _JOURNAL).exists() and not (path / _JOURNAL).is_file():
        raise EvidenceError(f"the journal of the run {path} is no regular file")
    try:
        with (path / _JOURNAL).open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                match = _LINE.fullmatch(line)
                if match is None or _chained(head, match[2]).encode() != match[1]:
                    if any(_LINE.fullmatch(later) for later in stream):
                        raise _damage(path, number, "its hash does not follow from the row before")
                    return
                head = match[1].decode()
                end += len(line)
                yield _Line(number, end, head, match[2])
    except OSError as error:
        message = f"the journal of the run {path} cannot be read: {error.strerror}"
        raise EvidenceError(message) from error


def _chained(previous: str, content: bytes) -> str:
    return hashlib.sha256(previous.encode() + content).hexdigest()


def _seed(path: Path) -> str:
    return hashlib.sha256((path / _MANIFEST).read_bytes()).hexdigest()


def _row(line: _Line, path: Path) -> Row:
    try:
        return row_from_json(json.loads(line.content))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise _damage(path, line.number, str(error)) from error


def _damage(path: Path, number: int, what: str) -> EvidenceError:
    return EvidenceError(f"the run {path} is damaged at line {number} of {_JOURNAL}: {what}")


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / _MANIFEST
    if not file.is_file():
        message = f"there is no run at {path}: a run is a directory that holds {_MANIFEST}"
        raise UsageError(message)
    try:
        manifest = json.loads(file.read_bytes())
        lacking = [key for key in ("id", "identity", *_REQUIRED) if key not in manifest]
        if manifest["format"] != FORMAT or lacking or manifest["identity"] != identity_of(manifest):
            message = f"its content is not a {FORMAT} of the identity it states"
            raise ValueError(message)  # noqa: TRY301  one sentence for all ways to be damaged
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"the run {path} is damaged: {_MANIFEST} cannot be used: {error}"
        raise EvidenceError(message) from error
    return dict(manifest)


def _lock(path: Path) -> int:
    journal = path / _JOURNAL
    try:
        descriptor = os.open(journal, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        message = f"the run {path} cannot be opened for writing: {error.strerror}"
        raise UsageError(message) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        message = f"the run {path} is being written by another process, which holds {journal}"
        raise UsageError(message) from error
    return descriptor


def _slug(contents: Mapping[str, Any]) -> str:
    text = f"{contents['suite']['name']}-{contents['candidate']['name']}".lower()
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")[:48].strip("-")
