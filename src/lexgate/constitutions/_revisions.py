"""A constitution as it was: a file, a version, or a file in a revision of its git repository.

`path.yaml@REV` is read with all that lay around it in that revision, so that what it extends is
taken from the same revision too. Nothing is checked out, and nothing in the repository changes.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lexgate._documents import did_you_mean
from lexgate._text import printable
from lexgate.constitutions._load import find, load
from lexgate.errors import InvalidFile, UsageError

if TYPE_CHECKING:
    import subprocess

    from lexgate.constitutions._model import Constitution

__all__ = ["find_revision"]

_REVISION = re.compile(r"(?P<path>.+\.ya?ml)@(?P<rev>[^@].*)", re.DOTALL)
# Git sets these for hooks, as seen from the top of the repository; we run in the file's directory.
_OF_HOOKS = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}


def find_revision(reference: str) -> Constitution:
    """Read the constitution somebody cites: a path, `name`, `name@version`, or `path.yaml@REV`.

    Raises:
        InvalidFile: it was found and has mistakes.
        UsageError: there is none, or git cannot give that revision.
    """
    named = _REVISION.fullmatch(reference)
    if named is None or os.path.lexists(reference):
        return find(reference)
    import tempfile

    path, revision = Path(named["path"]), named["rev"]
    with tempfile.TemporaryDirectory(prefix="lexgate-") as scratch:
        around = Path(scratch).resolve()
        copy = around / (path.parent.resolve().name or "top")
        _extract(path, revision, copy)
        if not (copy / path.name).is_file():
            near = did_you_mean(path.name, [other.name for other in copy.iterdir()])
            hint = f"\n    hint: {near}" if near else ""
            raise UsageError(
                f"{path} does not stand in the revision {printable(revision, 60)}{hint}"
            )

        def told(text: str) -> str:
            """Name the places a person knows, not those where the copy lies for a moment."""
            above = os.path.normpath(path.parent / "..")
            return text.replace(str(copy), str(path.parent)).replace(str(around), above)

        try:
            return load(copy / path.name)
        except InvalidFile as error:
            problems = [
                replace(
                    problem,
                    file=f"{path.parent / Path(problem.file).name}@{revision}",
                    message=told(problem.message),
                    hint=told(problem.hint),
                )
                for problem in error.problems
            ]
            raise InvalidFile(tuple(problems)) from error
        except UsageError as error:
            raise UsageError(told(str(error))) from error


def _extract(path: Path, revision: str, target: Path) -> None:
    """Write the YAML files around `path` in a revision: what a constitution there may extend."""
    folder = path.parent
    if not folder.is_dir():
        raise UsageError(f"{path}: there is no directory {folder}")
    place = _git(folder, "rev-parse", "--show-toplevel", "--show-prefix")
    if place.returncode:
        said = os.fsdecode(place.stderr).strip().partition("\n")[0]
        raise UsageError(
            f"{path}@{printable(revision, 60)}: git finds no repository in {folder}: {said}"
        )
    top, prefix = os.fsdecode(place.stdout).removesuffix("\n").split("\n", 1)
    wanted = f"{revision}^{{commit}}"
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    if found.returncode:
        raise UsageError(
            f"the repository of {folder} has no revision '{printable(revision, 60)}'\n"
            f"    hint: a branch, a tag, a commit, or HEAD~1 for the one before the last"
        )
    commit = found.stdout.decode("ascii").strip()
    inside = os.path.normpath(prefix or ".")
    beside = os.path.normpath(Path(inside, "..", "constitutions"))
    places = {Path(inside): target, Path(inside, "constitutions"): target / "constitutions"}
    if inside != ".":
        places.setdefault(Path(beside), target.parent / "constitutions")
    target.mkdir()
    for source, copy in places.items():
        _unpack(Path(top), commit, source, copy)


def _unpack(top: Path, commit: str, source: Path, target: Path) -> None:
    """Write the YAML files of one directory of a commit; nothing where there is no such one.

    Blobs are read as they were committed: an archive or a checkout would run them through filters
    that a repository may configure, and a filter is a program.
    """
    tree = f"{commit}:{'' if source == Path() else source.as_posix()}"
    listing = _git(top, "ls-tree", "-z", tree)
    if listing.returncode:  # there is no such directory
        return
    target.mkdir(exist_ok=True)
    for entry in listing.stdout.split(b"\0"):
        about, _, raw = entry.partition(b"\t")
        mode, kind, blob = [*about.decode("ascii").split(), "", "", ""][:3]
        name = Path(os.fsdecode(raw))
        # Only regular files of the directory itself, by their bare names: nothing lands elsewhere.
        if kind != "blob" or mode == "120000" or len(name.parts) != 1:
            continue
        if name.suffix in {".yaml", ".yml"}:
            (target / name.name).write_bytes(_git(top, "cat-file", "blob", blob).stdout)


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, whatever comes of it."""
    import shutil
    import subprocess

    git = shutil.which("git")
    if git is None:
        raise UsageError("this needs git, which is not installed")
    return subprocess.run(
        [git, *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name not in _OF_HOOKS},
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
