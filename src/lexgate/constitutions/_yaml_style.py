"""How `dump` writes YAML: text in blocks where it is long, in quotes where a reader could err."""

from __future__ import annotations

import re
from typing import Any

import yaml

from lexgate._text import has_hidden
from lexgate._yaml_scalars import reads_as_text

__all__ = ["Dumper"]

_LONG = 80  # characters that still read well on one line
_BREAKS = re.compile("[\x85\u2028\u2029]")  # line breaks to YAML 1.1: only escapes keep them


class Dumper(yaml.SafeDumper):
    """Block style, list items indented below their key, no aliases."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002
        return super().increase_indent(flow, indentless=False)

    def write_double_quoted(self, text: str, split: bool = True) -> None:
        """Spell out what would not show: a reader, or a terminal, must not be led astray by it."""
        allowed = self.allow_unicode
        self.allow_unicode = allowed and not has_hidden(text)
        try:
            super().write_double_quoted(text, split)
        finally:
            self.allow_unicode = allowed

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  the same text twice is no alias
        return True


def _text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if _BREAKS.search(text) or has_hidden(text) or not reads_as_text(text):
        style = '"'
    elif "\n" in text:
        style = "|"  # the emitter falls back to quotes where a block would change the text
    elif len(text) > _LONG:
        style = ">"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _text)
