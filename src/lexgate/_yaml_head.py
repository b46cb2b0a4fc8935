"""What a file says it is: its kind, name and version, without reading the rest of it.

Three kinds of file say what they are by the key at their top. Files are found by these words, and
a file of another kind is recognised before it is held against a schema that was not meant for it.
Nothing here decides what a file means: whoever takes one still reads it as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["KINDS", "VERBS", "Head", "Kind", "head_of", "heads", "kind_in", "stranger"]

Kind = Literal["policy", "suite", "constitution"]
# A policy cites a constitution at top level too, so the word that only it has is looked for first.
KINDS: tuple[Kind, ...] = ("policy", "suite", "constitution")
VERBS: dict[str, str] = {
    "policy": "`lexgate gate` takes it",
    "suite": "`lexgate eval` takes it",
    "constitution": "`lexgate compile` takes it",
}
_BODY = {"policy": "rules", "suite": "tasks", "constitution": "principles"}
_HEAD = 1 << 16  # bytes in which a name and a version are looked for
_VERSION = re.compile(
    r"""^version:[ ]+["']?([0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9})["']?\s*(?:\#.*)?$""", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Head:
    """A file and what it says of itself; name and version are empty where it does not say them."""

    path: Path
    kind: Kind
    name: str
    version: str

    @property
    def reference(self) -> str:
        """`name@version`, or what is known of it."""
        return "@".join(filter(None, (self.name or self.path.stem, self.version)))

    def answers(self, reference: str) -> bool:
        """Tell whether somebody who writes `name` or `name@version` means this file."""
        name, _, version = reference.partition("@")
        return name == self.name and version in {"", self.version}


def kind_in(text: str) -> Kind | None:
    """Recognise a file by the key at its top, also when the rest of it is no YAML."""
    for kind in KINDS:
        if re.search(rf"""^(?:\{{\s*)?["']?{kind}["']?\s*:""", text, re.MULTILINE):
            return kind
    return None


def head_of(path: Path) -> Head | None:
    """Peek at a file; None when it is none of the three kinds, or cannot be read."""
    try:
        if not path.is_file():  # a pipe would wait for ever
            return None
        with path.open("rb") as stream:
            text = stream.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return None
    kind = kind_in(text)
    if kind is None:
        return None
    title = rf"""^{kind}:[ ]+["']?([a-z][a-z0-9-]*)["']?\s*(?:\#.*)?$"""
    named, versioned = re.search(title, text, re.MULTILINE), _VERSION.search(text)
    return Head(path, kind, named[1] if named else "", versioned[1] if versioned else "")


def heads(folder: Path, kind: Kind) -> Iterator[Head]:
    """Peek at every file of one kind in a folder, sorted; a folder that is not there holds none."""
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        head = head_of(path)
        if head is not None and head.kind == kind:
            yield head


def stranger(data: Any, wanted: str) -> Kind | None:
    """Name the kind that plain data is when it is clearly not the wanted one."""
    if not isinstance(data, dict) or wanted not in _BODY or _BODY[wanted] in data:
        return None
    if wanted in data and wanted != "constitution":
        return None
    return next((kind for kind in KINDS if kind != wanted and kind in data), None)
