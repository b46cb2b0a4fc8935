"""Content digests: sha256 over canonical JSON, over files, and over directories.

Two values have one digest exactly when they are equal as JSON: key order and formatting never
count. A digest is written `sha256:<64 hex digits>`.
"""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileDigest", "Manifest", "canonical_json", "digest", "digest_file", "manifest_of"]

_CHUNK = 1 << 20


def canonical_json(value: Any) -> bytes:
    """Serialise JSON data to its one canonical form: sorted keys, no spaces, UTF-8, no NaN.

    Raises:
        ValueError: the value holds NaN or an infinity.
        TypeError: the value is not JSON data.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8", "surrogatepass")


def digest(value: Any) -> str:
    """Digest JSON data by its content: key order and formatting never count."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()


def digest_file(path: Path) -> str:
    """Digest a file's bytes; modification times never count."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
    return "sha256:" + state.hexdigest()


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One file of a directory: POSIX path relative to it, size in bytes, digest of its bytes."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All regular files of a directory, sorted by path; `digest` stands for the whole."""

    files: tuple[FileDigest, ...]

    @property
    def digest(self) -> str:
        return digest([[file.path, file.size, file.digest] for file in self.files])


def manifest_of(directory: Path) -> Manifest:
    """List a directory with the digest of each file.

    Raises:
        EvidenceError: it is no directory, or holds a symbolic link or another thing that is not a
            regular file.
    """
    if not directory.is_dir():
        message = f"{directory} is no directory: there is nothing a digest could stand for"
        raise EvidenceError(message)
    files = []
    for path in sorted(directory.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            message = f"{path} is not a regular file: a digest cannot stand for what it points at"
            raise EvidenceError(message)
        name = path.relative_to(directory).as_posix()
        files.append(FileDigest(name, path.stat().st_size, digest_file(path)))
    return Manifest(tuple(sorted(files, key=lambda file: file.path)))
