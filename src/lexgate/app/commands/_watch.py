"""Doing something again whenever a file changes: by looking, several times a second."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexgate.errors import LexgateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["watched"]

_PAUSE = 0.3  # seconds between two looks
_PARTS = ("constitutions", "suites", "policies", "data")  # of a workspace
_LOCK = "lexgate.lock.json"
_MOST = 20_000  # files looked at; a directory with more is no workspace


def watched(paths: tuple[str, ...], act: Callable[[], int]) -> int:
    """Act once, then again after every change of a file named or beside it, until Ctrl-C.

    Returns:
        The exit code of the last time.
    """
    code: int | None = None
    seen = None
    try:
        while True:
            state = _state(paths)
            if state != seen:
                seen = state
                click.clear()
                code = _tried(act)
                click.echo("watching for changes; Ctrl-C ends it", err=True)
            time.sleep(_PAUSE)
    except KeyboardInterrupt as ended:
        # SIGTERM is no wish of the person at the keyboard; and before the first time there is no
        # exit code: 0 would say that all is well.
        if code is None or type(ended) is not KeyboardInterrupt:
            raise
    return code


def _tried(act: Callable[[], int]) -> int:
    """Act; a file that is gone for a moment must not end the watch."""
    from lexgate._text import printable

    try:
        return act()
    except LexgateError as error:
        for line in f"error: {error}".split("\n"):
            click.echo(printable(line, 1000), err=True)
        return error.exit_code


def _state(paths: tuple[str, ...]) -> frozenset[tuple[str, int, int, int]]:
    """What can be seen of a change without reading: name, file, size and time of all around."""
    found: set[tuple[str, int, int, int]] = set()
    for file in itertools.islice(_around(paths), _MOST):
        try:
            status = file.stat()
        except OSError:
            continue  # between two saves
        if stat.S_ISREG(status.st_mode):
            found.add((str(file), status.st_ino, status.st_size, status.st_mtime_ns))
    return frozenset(found)


def _around(paths: tuple[str, ...]) -> Iterator[Path]:
    """Find the files that a check of these paths may read: what they name, cite, and are locked by.

    All below a directory. Around a file, or a name of the workspace here, the directories in which
    what it cites is looked for. Hidden files are caches and half-written saves.
    """
    for name in dict.fromkeys(paths):
        path = Path(name)
        folder = path.resolve() if path.is_dir() else path.parent.resolve()
        yield from _below(folder) if path.is_dir() else _files_in(folder)
        yield from (above / _LOCK for above in folder.parents)
        for place in (up / part for up in (folder, folder.parent) for part in _PARTS):
            yield from _files_in(place)


def _below(directory: Path) -> Iterator[Path]:
    for place, below, names in os.walk(directory):
        below[:] = [name for name in below if not name.startswith(".")]
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _files_in(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (path for path in directory.iterdir() if not path.name.startswith("."))
