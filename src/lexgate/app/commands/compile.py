"""`lexgate compile CONSTITUTION`: files for critics, for other tools, or for people.

Laws (tested): every file's digest stands in `manifest.json`, and one root digest stands for all; a
directory that holds anything an earlier compilation did not write is left alone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lexgate.app.commands._pinned import refuse_changed
from lexgate.app.commands._shared import answer, json_option, say
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lexgate.critic import Compiled

__all__ = ["command", "write_compiled"]

_MANIFEST = "manifest.json"
_FORMATS = {"lexgate-compiled/1", "lexgate-compiled/2"}
# A manifest that lists anything else, such as ../x, is none of ours.
_ARTEFACT = re.compile(r"(?!\.)[A-Za-z0-9._-]+(?:/(?!\.)[A-Za-z0-9._-]+)*")


class _Targets(click.ParamType[str]):
    """One of the targets; they are looked up only when one is asked for, so that --help is quick."""

    name = "target"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from lexgate.critic import TARGETS

        if value != "all" and value not in TARGETS:
            from difflib import get_close_matches

            near = get_close_matches(value, TARGETS, 1)
            meant = f"did you mean {near[0]}? There" if near else "there"
            self.fail(f"no target '{value}'; {meant} are all, {', '.join(TARGETS)}.", param, ctx)
        return value


@click.command(name="compile")
@click.argument("constitution")
@click.option(
    "--target",
    type=_Targets(),
    metavar="TARGET",
    default="critic",
    show_default=True,
    help="critic, cai, deepeval, gpt-oss-safeguard, granite-guardian, inspect, llama-guard, "
    "lm-eval, markdown (for people), prometheus, promptfoo, rbr, shieldgemma, trl; or all, each "
    "into a directory of its own.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A directory: new, empty, or an earlier output of this verb.",
)
@click.option(
    "--sealed",
    is_flag=True,
    help="Put sealed examples in too, for a copy that `lexgate import` reads back whole. Never "
    "give such files to anything that trains or prompts.",
)
@json_option
def command(constitution: str, target: str, output: Path, sealed: bool, as_json: bool) -> int:
    """Compile a constitution, a file or a name such as everyday-assistant@1.0.0.

    Prints the root digest, which stands for every byte written, and says on stderr what the target
    has no place for.
    """
    from lexgate.constitutions import FORMATS, find
    from lexgate.critic import TARGETS, compile_to

    rules = find(constitution)
    refuse_changed(rules, constitution)
    wanted = tuple(TARGETS) if target == "all" else (target,)
    places = {name: output / name if target == "all" else output for name in wanted}
    # All are compiled before anything is written: what cannot be compiled leaves nothing behind.
    compiled = {
        name: compile_to(name, rules, sealed=sealed and (name in FORMATS or len(wanted) == 1))
        for name in wanted
    }
    for name, result in compiled.items():
        write_compiled(result, places[name])
    if as_json:
        manifests = {name: dict(result.manifest) for name, result in compiled.items()}
        answer({"targets": manifests} if target == "all" else manifests[target])
    for name, result in compiled.items():
        if not as_json:
            click.echo(result.root if target != "all" else f"{result.root}  {name}")
        say(f"{rules.reference}: {len(result.files) + 1} files in {places[name]}")
        for lost in result.manifest["lost"]:
            say(f"  {name}: {lost}")
    return 0


def write_compiled(compiled: Compiled, output: Path) -> None:
    """Write the files and their manifest; one that was interrupted is finished by the next.

    Raises:
        UsageError: `output` holds things that an earlier compilation did not write.
    """
    from lexgate._files import write_atomic

    manifest = dict(compiled.manifest)
    _refuse_links(output, [*compiled.files, _MANIFEST])
    stale = _stale(output, compiled)
    # Until all is done the manifest names whatever may lie here, so that nothing of it is foreign.
    named = [{"path": path.relative_to(output).as_posix()} for path in stale]
    begun = {**manifest, "artefacts": [*manifest["artefacts"], *named], "complete": False}
    write_atomic(output / _MANIFEST, _json(begun))
    for name, content in compiled.files.items():
        write_atomic(output / name, content)
    for path in stale:
        path.unlink(missing_ok=True)
    write_atomic(output / _MANIFEST, _json(manifest))


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, sort_keys=True, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def _refuse_links(output: Path, names: Iterable[str]) -> None:
    """Refuse places that lead elsewhere: what is written below `output` stays below it."""
    for name in names:
        for place in (output / name, *(output / name).parents):
            if place == output:
                break
            if place.is_symlink() or (place == output / name and place.is_dir()):
                raise UsageError(
                    f"{place} is no file that can be written: it is a link or a directory\n"
                    f"    hint: name a new directory with -o"
                )


def _stale(output: Path, compiled: Compiled) -> list[Path]:
    """Find files of an earlier compilation that this one does not write again.

    Only what its manifest lists is ours to replace or to remove, and only what still is as listed.
    """
    from lexgate._digests import digest_file

    if not any(not path.is_dir() for path in output.rglob("*")):
        return []
    earlier = _listed(output / _MANIFEST)
    if earlier is None:
        raise UsageError(
            f"{output} is not empty and holds no {_MANIFEST} of an earlier compilation\n"
            f"    hint: name a new directory with -o"
        )
    wanted = compiled.files.keys()
    foreign = sorted(name for name in wanted - earlier.keys() if (output / name).exists())
    if foreign:
        raise UsageError(
            f"{output / foreign[0]} was not written by the earlier compilation in {output}\n"
            f"    hint: name a new directory with -o, or move the file away"
        )
    fresh = {entry["path"]: entry["digest"] for entry in compiled.manifest["artefacts"]}
    for name, listed in earlier.items():
        path = output / name
        if listed and path.is_file() and digest_file(path) not in {listed, fresh.get(name)}:
            raise UsageError(
                f"{path} was written by an earlier compilation and changed since\n"
                f"    hint: name a new directory with -o, or move the file away"
            )
    stale = [output / name for name in sorted(earlier.keys() - wanted)]
    return [path for path in stale if path.is_file() and not path.is_symlink()]


def _listed(manifest: Path) -> Mapping[str, str] | None:
    """Read what an earlier compilation wrote: path -> digest, or '' where that was interrupted.

    None where this is no manifest of one.
    """
    try:
        data = json.loads(manifest.read_bytes())
        complete = data.get("complete", True)
        listed = {e["path"]: e["digest"] if complete else "" for e in data["artefacts"]}
        ours = data["format"] in _FORMATS and all(map(_ARTEFACT.fullmatch, listed))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return listed if ours else None
