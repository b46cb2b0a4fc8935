"""`lexgate lock`: write down what each reference stands for, once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexgate.app.commands._shared import answer, json_option, say
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lexgate.constitutions import Constitution

__all__ = ["command"]

_FINDINGS = 1


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--verify", is_flag=True, help="Write nothing; say what the lock lacks.")
@click.option(
    "--accept",
    metavar="NAME@VERSION",
    multiple=True,
    help="Lock the present content of this reference anew, though it stood for another. For a "
    "draft that nobody has run yet.",
)
@json_option
def command(directory: Path, verify: bool, accept: tuple[str, ...], as_json: bool) -> int:
    """Write lexgate.lock.json in DIRECTORY: the digest of every constitution below it.

    Covers what those extend and what suites and policies cite, shipped ones included. References
    already locked stay as they are, also those that are gone: a reference means one thing for
    ever. Exit code: 0 locked, 1 a content changed without a new version (or, with --verify, the
    lock lacks something).
    """
    from lexgate._text import printable
    from lexgate.constitutions import LOCK, lock_near, write_lock

    if not directory.is_dir():
        raise UsageError(f"{directory} is no directory")
    if verify and accept:
        raise UsageError("--verify writes nothing, and --accept says what to write: choose one")
    path = directory / LOCK
    own, known = _own(path), lock_near(path)
    locked = dict(known.digests) if known else {}
    present = _present(directory)
    _check_accepted(accept, present, directory)
    changed = sorted(
        reference
        for reference, digest in present.items()
        if locked.get(reference, digest) != digest and reference not in accept
    )
    new = sorted(present.keys() - locked.keys())
    for reference in changed:
        say(
            f"{reference} changed since it was locked, without a new version\n"
            f"    hint: raise its version; `lexgate diff FILE@HEAD FILE` says how far"
        )
    if changed and not verify:
        say("nothing was written")
    elif not verify:
        write_lock(path, own | present)
    for reference in new if verify else ():
        say(f"{reference} is not locked yet")
    ok = not changed and not (verify and new)
    if as_json:
        answer({"ok": ok, "lock": str(path), "changed": changed, "new": new, "locked": present})
    elif ok:
        many = "1 constitution" if len(present) == 1 else f"{len(present)} constitutions"
        say(f"{printable(str(path), 1000)}: {many}, {len(new)} new")
    return 0 if ok else _FINDINGS


def _own(path: Path) -> dict[str, str]:
    """Read the directory's own lock; those above are not copied into it."""
    from lexgate.constitutions import read_lock

    return dict(read_lock(path).digests) if os.path.lexists(path) else {}


def _check_accepted(accept: tuple[str, ...], present: dict[str, str], directory: Path) -> None:
    from lexgate._documents import did_you_mean

    for reference in accept:
        if reference not in present:
            hint = did_you_mean(reference, present) or f"there are {', '.join(sorted(present))}"
            raise UsageError(
                f"--accept {reference}: there is no such constitution below {directory}\n"
                f"    hint: {hint}"
            )


def _present(directory: Path) -> dict[str, str]:
    """Read every constitution below a directory, and all that is extended or cited there.

    Raises:
        InvalidFile: one of the files has mistakes: what is invalid is not locked.
        UsageError: there is none; or two claim one reference and say different things, of which
            one may be what ships.
    """
    from lexgate.constitutions import shipped_lock

    found: dict[str, str] = {}
    told_by: dict[str, Path] = {}
    ours = shipped_lock()
    for path, rules in _read(directory):
        cited = [(base.reference, base.digest) for base in rules.extends]
        for reference, digest in [(rules.reference, rules.digest), *cited]:
            if found.setdefault(reference, digest) != digest:
                raise UsageError(
                    f"{reference} is one thing in {told_by[reference]} and another in {path}\n"
                    f"    hint: raise the version of one of the two, or rename it"
                )
            if ours.contradicts(reference, digest):
                raise UsageError(
                    f"{path}: {reference} ships with lexgate and says something else there\n"
                    f"    hint: raise its version, or rename it"
                )
            told_by.setdefault(reference, path)
    if not found:
        raise UsageError(f"{directory} holds no constitution, and nothing that cites one")
    return found


def _read(directory: Path) -> Iterator[tuple[Path, Constitution]]:
    """Read each constitution, and each that a file cites, with the file that says so."""
    from lexgate._yaml_head import head_of
    from lexgate.app.commands._unrecognised import kind_at_top
    from lexgate.constitutions import load
    from lexgate.evals import load_suite
    from lexgate.gates import load_policy

    for path in _yaml_below(directory):
        head = head_of(path)
        kind = head.kind if head else kind_at_top(path)
        if kind == "constitution":
            yield path, load(path)
        elif kind == "policy":
            yield path, load_policy(path).constitution
        elif kind == "suite":
            for task in load_suite(path).tasks:
                if task.kind == "critic":
                    yield path, task.constitution


def _yaml_below(directory: Path) -> Iterator[Path]:
    """Find what `lexgate check DIRECTORY` checks; hidden directories hold nothing of ours."""

    def closed(error: OSError) -> None:
        raise UsageError(f"{error.filename} cannot be looked into: {error.strerror}") from error

    for place, below, names in os.walk(directory, onerror=closed):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for path in (Path(place, name) for name in sorted(names)):
            if path.suffix in {".yaml", ".yml"} and path.is_file():  # a pipe would wait for ever
                yield path
