"""`lexgate init`: a workspace whose gate blocks for a visible reason, and says what to do next.

The files it writes are the ones in `lexgate/app/templates`, and the schemas that this version
checks files against, so that an editor says what `lexgate check` would say.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import click

from lexgate import __version__
from lexgate.app.commands._shared import answer, json_option, say
from lexgate.errors import UsageError

__all__ = ["command", "workspace"]

_TEMPLATES = {
    "README.md": "readme.md",
    ".gitignore": "gitignore",
    ".github/workflows/lexgate.yml": "workflow.yml",
    ".vscode/lexgate.code-snippets": "snippets.json",
    "constitutions/my-rules@0.1.0.yaml": "my-rules.yaml",
    "data/everyday.jsonl": "everyday.jsonl",
    "data/facts.jsonl": "facts.jsonl",
    "data/private.jsonl": "private.jsonl",
    "policies/my-policy.yaml": "my-policy.yaml",
    "suites/my-suite.yaml": "my-suite.yaml",
}
_SCHEMAS = {
    "constitution.schema.json": "lexgate.constitutions",
    "suite.schema.json": "lexgate.evals",
    "policy.schema.json": "lexgate.gates",
}


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path())
@json_option
def command(directory: Path, as_json: bool) -> int:
    """Write a workspace into DIRECTORY (here, if none is named).

    Existing files are never overwritten: where one is in the way, nothing is written.
    """
    from lexgate._files import write_atomic

    wanted = workspace()
    if present := sorted(name for name in wanted if (directory / name).exists()):
        raise UsageError(
            f"{directory / present[0]} exists already, and init overwrites nothing\n"
            f"    hint: name a new directory: lexgate init my-gate"
        )
    for name, content in wanted.items():
        write_atomic(directory / name, content)
    if as_json:
        answer({"directory": str(directory), "files": sorted(wanted)})
    else:
        for name in sorted(wanted):
            click.echo(str(directory / name))
    there = "" if directory == Path() else f"cd {directory} && "
    say(f"next: {there}lexgate check .   (README.md: the first five minutes)")
    return 0


def workspace() -> dict[str, bytes]:
    """Give the workspace's files: path -> content."""
    templates = files("lexgate.app") / "templates"
    written = {name: (templates / source).read_bytes() for name, source in _TEMPLATES.items()}
    job = ".github/workflows/lexgate.yml"
    written[job] = written[job].replace(b"LEXGATE_VERSION", __version__.encode("ascii"))
    for name, package in _SCHEMAS.items():
        schema = json.loads((files(package) / name).read_bytes())
        # A copy in a workspace is no longer what the identifier names, and editors would fetch it.
        schema.pop("$id", None)
        written[f".lexgate/schemas/{name}"] = json.dumps(schema, indent=1).encode() + b"\n"
    return written
