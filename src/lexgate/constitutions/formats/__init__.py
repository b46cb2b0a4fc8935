"""Formats of other systems that are read and written: one module each, loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lexgate.constitutions.formats import _format
from lexgate.constitutions.formats._format import Reading
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lexgate.constitutions._export import Export
    from lexgate.constitutions._model import Constitution
    from lexgate.constitutions.formats._format import Format

__all__ = ["FORMATS", "Reading", "read_format", "write_format"]

_TABLE = {  # name -> (module, object in it, what it is)
    "cai": ("_cai", "CAI", "critique and revision pairs of constitutional AI (JSON)"),
    "gpt-oss-safeguard": (
        "_safeguard",
        "SAFEGUARD",
        "a policy text with its golden CSV (also ROOST's)",
    ),
    "markdown": ("_markdown", "MARKDOWN", "Markdown in the manner of OpenAI's Model Spec"),
    "rbr": ("_rbr", "RBR", "propositions of rule-based rewards (YAML)"),
}
FORMATS = {name: about for name, (_, _, about) in _TABLE.items()}
_LARGEST = 16 << 20  # bytes of one file


def read_format(name: str, paths: Iterable[Path]) -> Reading:
    """Read a constitution out of files of another format.

    Args:
        name: one of FORMATS.
        paths: the files, or one directory that an export was written to.

    Raises:
        UsageError: there is no such format or file, or one is too large.
        InvalidFile: they are not of the format; carries every mistake found.
    """
    return _format.read(_open(name), _contents(list(paths)))


def write_format(name: str, rules: Constitution, *, sealed: bool = False) -> Export:
    """Write a constitution in another format; sealed examples only where they are asked for."""
    return _format.write(_open(name), rules, sealed=sealed)


def _open(name: str) -> Format:
    if name not in _TABLE:
        raise UsageError(f"no format '{name}'; there are {', '.join(FORMATS)}")
    module, object_, _ = _TABLE[name]
    found: Format = getattr(import_module(f"lexgate.constitutions.formats.{module}"), object_)
    return found


def _contents(paths: list[Path]) -> dict[str, bytes]:
    if len(paths) == 1 and paths[0].is_dir():
        folder = paths[0]
        # What a compilation, or a desktop, puts beside the files themselves says nothing of rules.
        found = (path for path in sorted(folder.iterdir()) if path.name != "manifest.json")
        paths = [path for path in found if path.is_file() and not path.name.startswith(".")]
        if not paths:
            below = sorted(path.name for path in folder.iterdir() if path.is_dir())
            hint = f"\n    hint: did you mean {folder / below[0]}?" if below else ""
            raise UsageError(f"{folder} holds no file to read{hint}")
    contents: dict[str, bytes] = {}
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path} is no file")
        if path.name in contents:
            raise UsageError(f"two files are called {path.name}: rename one of them")
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path} is larger than {_LARGEST >> 20} MiB, the most that is read")
        contents[path.name] = path.read_bytes()
    return contents
