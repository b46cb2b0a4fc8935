"""`lexgate check PATH…`: every mistake of every file, where an editor would point at it."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from lexgate.app.commands._shared import answer, json_option
from lexgate.errors import InvalidFile, Problem, UsageError

__all__ = ["Checked", "check_paths", "command"]

Kind = Literal["constitution", "suite", "policy"]
# A policy cites a constitution at top level too, so the word that only it has is looked for first.
_KINDS: tuple[Kind, ...] = ("policy", "suite", "constitution")
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Checked:
    """One file, or one shipped name, after its check."""

    path: str
    kind: Kind | None  # None where the file does not say what it is
    reference: str  # name@version; empty where there are problems
    digest: str  # of the meaning; empty where there are problems
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
def command(paths: tuple[str, ...], as_json: bool) -> int:
    """Check constitutions, suites and policies.

    PATH is a file, a directory (every YAML file below it that begins as one of the three does),
    or a shipped name such as demo. Prints each mistake as file:line:column, all at once.
    Exit code: 0 all are right, 2 a mistake was found.
    """
    checked = check_paths(paths)
    told: set[Problem] = set()
    for file in checked:
        _show(file, told, as_json=as_json)
    if as_json:
        answer({"ok": not told, "files": [file.to_json() for file in checked]})
    wrong = sum(1 for file in checked if file.problems)
    total = f"{len(checked)} checked, {wrong} wrong"
    click.echo(total + (f", {len(told)} problem{'s' * (len(told) != 1)}" if told else ""), err=True)
    return UsageError.exit_code if told else 0


def _show(file: Checked, told: set[Problem], *, as_json: bool) -> None:
    """Print what is new: a suite and a policy both stumble over their constitution's mistakes."""
    from lexgate._text import printable

    if not file.problems and not as_json:
        click.echo(printable(f"{file.path}: {file.kind} {file.reference} is right", 1000))
    same_file = {problem: _resolved(problem) for problem in file.problems}
    new = [problem for problem, resolved in same_file.items() if resolved not in told]
    for problem in new:
        for line in str(problem).split("\n"):
            click.echo(printable(line, 1000), err=True)
    if file.problems and not new:
        click.echo(printable(f"{file.path}: wrong because of what is told above", 1000), err=True)
    told.update(same_file.values())


def _resolved(problem: Problem) -> Problem:
    return dataclasses.replace(problem, file=str(Path(problem.file).resolve()))


def check_paths(references: tuple[str, ...]) -> tuple[Checked, ...]:
    """Check each file, directory or shipped name once, in the order given.

    Raises:
        UsageError: a reference is neither, or a directory holds nothing to check.
    """
    checked: dict[str, Checked] = {}
    for reference in references:
        path = Path(reference)
        if path.is_dir():
            found = [_check_file(file, kind) for file, kind in _below(path)]
            if not found:
                raise UsageError(
                    f"{reference} holds no constitution, suite or policy: "
                    f"no YAML file with one of these keys at its top"
                )
        elif path.is_file():
            found = [_check_file(path, _kind(path))]
        else:
            found = _check_shipped(reference)
        checked |= {f"{file.kind} {file.path}": file for file in found}
    return tuple(checked.values())


def _below(directory: Path) -> list[tuple[Path, Kind]]:
    """Find what can be checked; hidden directories hold caches and environments, not our files."""
    found: list[tuple[Path, Kind]] = []
    for place, below, names in os.walk(directory):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            file = Path(place, name)
            if file.suffix in _SUFFIXES and file.is_file() and (kind := _kind(file)):
                found.append((file, kind))
    return found


def _kind(path: Path) -> Kind | None:
    """Recognise a file by the key at its top, also when the rest of it is no YAML."""
    text = path.read_bytes().decode("utf-8", "replace")
    for kind in _KINDS:
        if re.search(rf"""^(?:\{{\s*)?["']?{kind}["']?\s*:""", text, re.MULTILINE):
            return kind
    return None


def _check_file(path: Path, kind: Kind | None) -> Checked:
    if kind is None:
        expected = "expected 'constitution:', 'suite:' or 'policy:' at the top, found none"
        return Checked(str(path), None, "", "", (Problem(str(path), 1, 1, "", expected),))
    return _check(kind, path, str(path))


def _check(kind: Kind, reference: Path | str, shown: str) -> Checked:
    try:
        name, digest = _load(kind, reference)
    except UsageError as error:
        if isinstance(error, InvalidFile) and error.problems:
            return Checked(shown, kind, "", "", error.problems)
        message, _, hint = str(error).partition("\n    hint: ")
        return Checked(shown, kind, "", "", (Problem(shown, 1, 1, "", message, hint),))
    return Checked(shown, kind, name, digest, ())


def _load(kind: Kind, reference: Path | str) -> tuple[str, str]:
    if kind == "constitution":
        from lexgate.constitutions import find, load

        rules = load(reference) if isinstance(reference, Path) else find(reference)
        return rules.reference, rules.digest
    if kind == "suite":
        from lexgate.evals import load_suite

        suite = load_suite(reference)
        return suite.reference, suite.digest
    from lexgate.gates import load_policy

    policy = load_policy(reference)
    return policy.reference, policy.digest


def _check_shipped(reference: str) -> list[Checked]:
    """Check whatever ships under this name: one name may be a constitution, a suite and a policy."""
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

        known = sorted({name for group in names.values() for name in group})
        near = get_close_matches(reference, known, 1) or known
        raise UsageError(
            f"no file, directory or shipped name '{reference}'\n"
            f"    hint: shipped are {', '.join(near)}"
        )
    return found
