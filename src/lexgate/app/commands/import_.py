"""`lexgate import FORMAT SRC…`: a constitution out of another system's files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexgate.app.commands._shared import answer, check_place, json_option, say
from lexgate.errors import InvalidFile, UsageError

if TYPE_CHECKING:
    from lexgate.constitutions import Constitution, Reading

__all__ = ["command"]

_SAME = {"model-spec": "markdown", "roost": "gpt-oss-safeguard", "constitutional-ai": "cai"}


@click.command(name="import")
@click.argument("format_", metavar="FORMAT")
@click.argument(
    "sources", metavar="SRC...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The YAML file to write; it must not exist yet. [default: stdout]",
)
@json_option
def command(format_: str, sources: tuple[Path, ...], output: Path | None, as_json: bool) -> int:
    """Read a constitution out of files of another system.

    FORMAT is markdown (also model-spec: OpenAI's Model Spec), rbr (propositions of rule-based
    rewards), cai (critique and revision pairs), or gpt-oss-safeguard (also roost: a policy text
    with its golden CSV). SRC are the files, or a directory that `lexgate compile --target FORMAT`
    wrote. What could not be taken over, and what had to be added, is listed on stderr.
    """
    from lexgate._files import write_atomic
    from lexgate._text import printable
    from lexgate.constitutions import write_yaml

    check_place(output, sources)
    if output is not None and os.path.lexists(output):
        raise UsageError(f"{output} exists already, and import overwrites nothing")
    if as_json and output is None:
        raise UsageError("--json prints a summary on stdout: say with -o where the file goes")
    reading = _read(_SAME.get(format_, format_), sources)
    text = write_yaml(reading.data)
    rules = _loaded(text, sources)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomic(output, text.encode("utf-8"))
    examples = sum(len(principle.examples) for principle in rules.principles)
    if as_json:
        answer(
            {
                "reference": rules.reference,
                "digest": rules.digest,
                "principles": len(rules.principles),
                "examples": examples,
                "lost": list(reading.lost),
                "added": list(reading.added),
                "output": str(output),
            }
        )
    for lost in reading.lost:
        say(printable(f"not taken over: {lost}", 1000))
    for added in reading.added:
        say(printable(f"added: {added}", 1000))
    principles = len(rules.principles)
    say(
        f"{rules.reference}: {principles} principle{'s' * (principles != 1)}, "
        f"{examples} example{'s' * (examples != 1)}"
    )
    return 0


def _read(format_: str, sources: tuple[Path, ...]) -> Reading:
    from lexgate.constitutions import read_format

    names: dict[str, Path] = {}
    for source in sources:  # files are told apart by their bare names
        if (twin := names.setdefault(source.name, source)) != source:
            raise UsageError(f"{twin} and {source} have the same name: rename one of them")
    try:
        return read_format(format_, sources)
    except OSError as error:
        where = error.filename or ", ".join(map(str, sources))
        raise UsageError(f"{where} cannot be read: {error.strerror}") from error


def _loaded(text: str, sources: tuple[Path, ...]) -> Constitution:
    """Read what would be written: it is a valid constitution, or nothing is written.

    Raises:
        InvalidFile: it is none; the lines of a file that nobody will see are left out.
    """
    import tempfile

    from lexgate.constitutions import load

    with tempfile.TemporaryDirectory(prefix="lexgate-") as scratch:
        draft = Path(scratch) / "imported.yaml"
        draft.write_text(text, encoding="utf-8")
        try:
            return load(draft)
        except InvalidFile as error:
            shown = str(sources[0])
            hint = "the constitution read from here would have this mistake"
            raise InvalidFile(
                tuple(
                    replace(p, file=shown, line=1, column=1, hint=p.hint or hint)
                    for p in error.problems
                )
            ) from error
