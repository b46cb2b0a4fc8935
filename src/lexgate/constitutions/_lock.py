"""The lock: which content a reference stood for when it was first used.

`lexgate.lock.json` lies beside constitutions or in a directory above, and maps `name@version` to
the digest of what it means. A reference means one thing for ever: content that changed under the
same version is a mistake, not an update. What ships with lexgate is locked for everybody.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate._files import write_atomic
from lexgate.errors import InvalidFile, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LOCK", "Lock", "lock_near", "read_lock", "shipped_lock", "write_lock"]

LOCK = "lexgate.lock.json"
_FORMAT = "lexgate-lock/1"
_LIBRARY = Path(__file__).parent / "library"
_REFERENCE = re.compile(r"[a-z][a-z0-9-]*@[0-9]+\.[0-9]+\.[0-9]+")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Lock:
    """What a lock file holds."""

    path: Path
    digests: Mapping[str, str]  # name@version -> digest

    def contradicts(self, reference: str, digest: str) -> bool:
        """Tell whether a reference stood for something else when it was locked."""
        return self.digests.get(reference, digest) != digest


def lock_near(path: Path) -> Lock | None:
    """Read the locks that cover a file, in its directory and above, as far as its repository goes.

    What several locks note counts; where two differ, the nearest.

    Raises:
        InvalidFile: one of them is damaged.
    """
    found: list[Lock] = []
    for place in path.resolve().parents:
        if os.path.lexists(place / LOCK):
            found.append(read_lock(place / LOCK))
        if (place / ".git").exists():
            break
    digests = {ref: digest for lock in reversed(found) for ref, digest in lock.digests.items()}
    return Lock(found[0].path, digests) if found else None


def shipped_lock() -> Lock:
    """Read the lock of the constitutions that ship with lexgate."""
    return read_lock(_LIBRARY / LOCK)


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        InvalidFile: it is no lock this version can read; a damaged lock is never an empty one.
    """
    line, column, found = 1, 1, "something else"
    try:
        data: Any = json.loads(path.read_bytes(), object_pairs_hook=_once)
        entries = data["constitutions"]
        sound = (
            data["format"] == _FORMAT
            and isinstance(entries, dict)
            and all(map(_REFERENCE.fullmatch, entries))
            and all(map(_DIGEST.fullmatch, entries.values()))
        )
    except json.JSONDecodeError as error:
        sound, line, column, found = False, error.lineno, error.colno, f"no JSON: {error.msg}"
    except OSError as error:
        sound, found = False, f"what cannot be read: {error.strerror}"
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        sound = False
        if isinstance(error, _TwiceError):
            found = f'"{error}" twice'
    if not sound:
        message = f'expected a lock ("format": "{_FORMAT}"), found {found}'
        hint = (
            "restore it from version control; `lexgate lock` writes a new one where there is none"
        )
        raise InvalidFile((Problem(str(path), line, column, "", message, hint),))
    return Lock(path, entries)


def write_lock(path: Path, digests: Mapping[str, str]) -> None:
    """Write a lock; its bytes depend on what it holds alone."""
    data = {"constitutions": dict(digests), "format": _FORMAT}
    write_atomic(path, (json.dumps(data, indent=2, sort_keys=True) + "\n").encode("ascii"))


class _TwiceError(ValueError):
    """A key stands twice: which of the two is meant is not guessed."""


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, value in members:
        if key in data:
            raise _TwiceError(key)
        data[key] = value
    return data
