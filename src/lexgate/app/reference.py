"""`docs/cli.md`, written from the help texts of the verbs themselves.

    python -m lexgate.app.reference docs/cli.md

A test fails where the file no longer says what `--help` says.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from lexgate.app.main import VERBS, cli

__all__ = ["reference"]

_WIDTH = 88
_HEADER = """\
# The command line

Written by `make docs` from the commands' own help; edit those.
"""


def reference() -> str:
    """Give the reference as Markdown: the group, then each verb in the table's order."""
    parts = [_HEADER, _section("lexgate", cli, None)]
    with _context("lexgate", cli, None) as parent:
        for verb in VERBS:
            command = cli.get_command(parent, verb)
            assert command is not None  # noqa: S101  the table's own names
            parts.append(_section(verb, command, parent))
    return "\n".join(parts)


def _section(name: str, command: click.Command, parent: click.Context | None) -> str:
    with _context(name, command, parent) as context:
        heading = context.command_path
        return f"## {heading}\n\n```text\n{command.get_help(context)}\n```\n"


def _context(name: str, command: click.Command, parent: click.Context | None) -> click.Context:
    # Fixed, so that the text does not depend on anybody's terminal.
    width = {"terminal_width": _WIDTH, "max_content_width": _WIDTH}
    settings = {**command.context_settings, **width}
    return click.Context(command, info_name=name, parent=parent, **settings)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
