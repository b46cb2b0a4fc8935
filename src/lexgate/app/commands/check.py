"""`lexgate check PATH…`: every mistake of every file, where an editor would point at it."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lexgate._yaml_head import KINDS, Kind, heads, kind_in
from lexgate.app.commands._notes import notes_on
from lexgate.app.commands._pinned import pinned_problems
from lexgate.app.commands._shared import answer, json_option
from lexgate.app.commands._unrecognised import kind_at_top, what_it_is
from lexgate.app.commands._watch import watched
from lexgate.errors import InvalidFile, Problem, UsageError

if TYPE_CHECKING:
    from lexgate.app.commands._notes import Loaded

__all__ = ["Checked", "check_paths", "command"]

_FINDINGS = 1
_SUFFIXES = (".yaml", ".yml")
_FOLDERS: dict[Kind, Path] = {
    "constitution": Path("constitutions"),
    "suite": Path("suites"),
    "policy": Path("policies"),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """One file, or one shipped name, after its check."""

    path: str
    kind: Kind | None  # None where the file does not say what it is
    reference: str  # name@version; empty where there are problems
    digest: str  # of the meaning; empty where there are problems
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()  # what is valid, and worth a second look

    @property
    def waits_for(self) -> str:
        """The invalid constitution that kept this file from being checked, if that is all."""
        if self.kind not in {"suite", "policy"}:
            return ""
        files = {problem.file for problem in self.problems}
        yaml = [file for file in files if file.endswith(_SUFFIXES)]  # data may hold any words
        others = [file for file in yaml if _kind_of(Path(file)) == "constitution"]
        return others[0] if len(others) == len(files) == 1 else ""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"not_checked_because_of": self.waits_for or None}


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--strict", is_flag=True, help="Let notes count as findings: exit code 1.")
@click.option("--watch", is_flag=True, help="Check again whenever a file changes; Ctrl-C ends it.")
@json_option
def command(paths: tuple[str, ...], strict: bool, watch: bool, as_json: bool) -> int:
    """Check constitutions, suites and policies.

    PATH is a file, a directory (every YAML file below it that begins as one of the three does),
    or a name: of what lies in ./constitutions, ./suites and ./policies, or of what ships, such as
    demo. Prints each mistake as file:line:column, all at once. Notes are no mistakes. A
    constitution that changed since lexgate.lock.json noted it needs a new version.
    Exit code: 0 all are valid, 1 there are notes and --strict was given, 2 a mistake was found.
    """
    if watch and as_json:
        raise UsageError("--json prints one object, and --watch never ends: choose one of the two")
    if watch:
        return watched(paths, lambda: _check_once(paths, strict=strict, as_json=False))
    return _check_once(paths, strict=strict, as_json=as_json)


def _check_once(paths: tuple[str, ...], *, strict: bool, as_json: bool) -> int:
    checked = check_paths(paths)
    told: set[Problem] = set()
    for file in checked:
        _show(file, told, as_json=as_json)
    findings = strict and any(file.notes for file in checked)
    if as_json:
        ok = not (told or findings)
        answer({"ok": ok, "files": [file.to_json() for file in checked]})
    click.echo(_total(checked, len(told)), err=True)
    if told:
        return UsageError.exit_code
    return _FINDINGS if findings else 0


def _total(checked: tuple[Checked, ...], problems: int) -> str:
    waiting = sum(1 for file in checked if file.waits_for)
    wrong = sum(1 for file in checked if file.problems) - waiting
    notes = sum(len(file.notes) for file in checked)
    strange = sum(1 for file in checked if not (file.kind or file.problems))
    parts = [f"{len(checked) - waiting - strange} checked, {wrong} wrong"]
    parts += [f"{waiting} not checked"] if waiting else []
    parts += [f"{problems} problem{'s' * (problems != 1)}"] if problems else []
    parts += [f"{notes} note{'s' * (notes != 1)}"] if notes else []
    return ", ".join(parts)


def _show(file: Checked, told: set[Problem], *, as_json: bool) -> None:
    """Print what is new: a suite and a policy both stumble over their constitution's mistakes."""
    from lexgate._text import printable

    if file.kind and not file.problems and not as_json:
        click.echo(printable(f"{file.path}: {file.kind} {file.reference} is valid", 1000))
    lines = [line for note in file.notes for line in _note(note).split("\n")]
    same_file = {problem: _resolved(problem) for problem in file.problems}
    new = [problem for problem, resolved in same_file.items() if resolved not in told]
    lines += [line for problem in new for line in str(problem).split("\n")]
    if file.waits_for:
        of_it = Path(file.waits_for).stem
        lines.append(f"{file.path}: not checked: constitution {of_it} is invalid")
    elif file.problems and not new:
        lines.append(f"{file.path}: wrong because of the mistakes above")
    for line in lines:
        click.echo(printable(line, 1000), err=True)
    told.update(same_file.values())


def _note(note: Problem) -> str:
    place = str(note).partition(f" {note.path}:")[0] if note.path else f"{note.file}:"
    place = place if note.file.endswith(_SUFFIXES) else f"{note.file}:"  # a name has no lines
    return f"{place} note: {note.message}" + (f"\n    hint: {note.hint}" if note.hint else "")


def _resolved(problem: Problem) -> Problem:
    return dataclasses.replace(problem, file=str(Path(problem.file).resolve()))


def check_paths(references: tuple[str, ...]) -> tuple[Checked, ...]:
    """Check each file, directory or name once, in the order given.

    Raises:
        UsageError: a reference is neither, or a directory holds nothing to check.
    """
    files: dict[str, _File] = {}
    for reference in references:
        path = Path(reference)
        if path.is_dir():
            found = _check_below(path)
            if not any(file.checked.kind or file.checked.problems for file in found):
                raise UsageError(
                    f"{reference} holds no constitution, suite or policy: "
                    f"no YAML file with one of these keys at its top"
                )
        elif path.is_file():
            found = [_check_file(path, _kind_of(path))]
        else:
            found = _check_named(reference)
        files |= {f"{file.checked.kind} {file.checked.path}": file for file in found}
    told = _told_apart(tuple(files.values()))
    return tuple(_with_notes(file, told) for file in told)


def _told_apart(files: tuple[_File, ...]) -> tuple[_File, ...]:
    """Refuse a second content under a reference that another file has already."""
    first: dict[str, Checked] = {}
    told = []
    for file in files:
        checked = file.checked
        before = first.setdefault(checked.reference, checked) if file.loaded else checked
        twins = checked.kind == before.kind == "constitution" and checked.digest != before.digest
        if twins:
            message = (
                f"expected another version than {checked.reference}, found that of {before.path}"
            )
            problem = Problem(checked.path, 1, 1, "version", message, "raise the version of one")
            told.append(
                _File(dataclasses.replace(checked, problems=(problem,), reference="", digest=""))
            )
        else:
            told.append(file)
    return tuple(told)


@dataclass(frozen=True, slots=True)
class _File:
    """A file after its check, and what was read from it."""

    checked: Checked
    loaded: Loaded | None = None  # None where there are problems


def _with_notes(file: _File, all_files: tuple[_File, ...]) -> Checked:
    if file.loaded is None:
        return file.checked
    beside = [other for other in all_files if other.checked.kind == "suite"]
    # A suite that is wrong may measure anything: silence is better than a guess.
    read: list[Any] = [other.loaded for other in beside if other.loaded is not None]
    suites = read if len(read) == len(beside) else None
    notes = notes_on(file.loaded, file.checked.path, suites)
    return dataclasses.replace(file.checked, notes=notes)


def _check_below(directory: Path) -> list[_File]:
    """Check every YAML file; hidden directories hold caches and environments, not our files."""
    found: list[_File] = []

    def closed(error: OSError) -> None:
        place = str(error.filename)
        problem = Problem(place, 1, 1, "", f"cannot be looked into: {error.strerror}")
        found.append(_File(Checked(place, None, "", "", (problem,))))

    for place, below, names in os.walk(directory, onerror=closed):
        below[:] = sorted(name for name in below if not name.startswith("."))
        if _is_compiled(Path(place)):
            below.clear()
            continue  # what `lexgate compile` wrote for other tools
        for name in sorted(names):
            file = Path(place, name)
            if file.suffix not in _SUFFIXES or (file.exists() and not file.is_file()):
                continue  # a pipe would wait for ever
            if kind := _kind_of(file):
                found.append(_check_file(file, kind))
            else:
                problems, notes = what_it_is(file)
                found.append(_File(Checked(str(file), None, "", "", problems, notes)))
    return found


def _is_compiled(folder: Path) -> bool:
    try:
        return b'"lexgate-compiled/' in (folder / "manifest.json").read_bytes()
    except OSError:
        return False


def _kind_of(path: Path) -> Kind | None:
    """Recognise a file by the key at its top, also when the rest of it is no YAML."""
    try:
        return kind_in(path.read_bytes().decode("utf-8", "replace")) or kind_at_top(path)
    except OSError:
        return None


def _check_file(path: Path, kind: Kind | None) -> _File:
    if kind is None:
        expected = "expected 'constitution:', 'suite:' or 'policy:' at the top, found none"
        problem = Problem(str(path), 1, 1, "", expected)
        return _File(Checked(str(path), None, "", "", (problem,)))
    return _check(kind, path, str(path))


def _check(kind: Kind, reference: Path | str, shown: str) -> _File:
    try:
        loaded = _load(kind, reference)
    except UsageError as error:
        if isinstance(error, InvalidFile) and error.problems:
            return _File(Checked(shown, kind, "", "", error.problems))
        message, _, hint = str(error).partition("\n    hint: ")
        return _File(Checked(shown, kind, "", "", (Problem(shown, 1, 1, "", message, hint),)))
    except OSError as error:  # of the file, or of data it names
        where = f"{error.filename} " if error.filename else ""
        message = f"{where}cannot be read: {error.strerror}"
        return _File(Checked(shown, kind, "", "", (Problem(shown, 1, 1, "", message),)))
    if wrong := pinned_problems(loaded, shown):
        return _File(Checked(shown, kind, "", "", wrong))
    return _File(Checked(shown, kind, loaded.reference, loaded.digest, ()), loaded)


def _load(kind: Kind, reference: Path | str) -> Loaded:
    if kind == "constitution":
        from lexgate.constitutions import find, load

        return load(reference) if isinstance(reference, Path) else find(reference)
    if kind == "suite":
        from lexgate.evals import load_suite

        return load_suite(reference)
    from lexgate.gates import load_policy

    return load_policy(reference)


def _check_named(reference: str) -> list[_File]:
    """Check whatever has this name: one may be a constitution, a suite and a policy.

    What lies in the directories of the workspace goes before what ships.
    """
    local = {kind: list(heads(_FOLDERS[kind], kind)) for kind in KINDS}
    found = [
        _check(head.kind, head.path, str(head.path))
        for kind in KINDS
        for head in local[kind]
        if head.answers(reference) or head.path.stem == reference
    ]
    if found:
        return found
    here = [head.reference for group in local.values() for head in group]
    return _check_shipped(reference, here)


def _check_shipped(reference: str, here: list[str]) -> list[_File]:
    from lexgate.constitutions import shipped
    from lexgate.evals import shipped_suites
    from lexgate.gates import shipped_policies

    names: dict[Kind, tuple[str, ...]] = {
        "constitution": shipped(),
        "suite": shipped_suites(),
        "policy": shipped_policies(),
    }
    found = [
        _check(kind, reference, reference)
        for kind, known in names.items()
        if any(reference in {name, name.partition("@")[0]} for name in known)
    ]
    if not found:
        from difflib import get_close_matches

        known = sorted({*here, *(name for group in names.values() for name in group)})
        near = get_close_matches(reference, known, 1) or known
        raise UsageError(
            f"no file, directory or name '{reference}' here, in ./constitutions, ./suites, "
            f"./policies or among what ships\n"
            f"    hint: there are {', '.join(near)}"
        )
    return found
