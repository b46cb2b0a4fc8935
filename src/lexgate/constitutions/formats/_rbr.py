"""OpenAI's Rule Based Rewards: the proposition file, read and written.

Each type of response (hard_refuse, comply, …) is a principle, its classes of completions are the
grades of a rubric, and its propositions are shared. What such a file has no place for stands under
the key `x-lexgate`, at its end. Example: OpenAI's own `config/proposition_prompts.yaml` becomes a
constitution of 4 principles over 23 shared propositions; loading it proves that its classes exclude
each other and leave nothing out.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.constitutions._dump import write_yaml
from lexgate.constitutions.formats._format import Format, Reading
from lexgate.constitutions.formats._native import Cleaner, name_of
from lexgate.constitutions.formats._rbr_check import (
    CLASSES,
    DERIVED,
    ORDER,
    PROMPT,
    SIMPLE,
    TEMPLATE,
)
from lexgate.constitutions.formats._rbr_file import as_data, opened, parsed
from lexgate.constitutions.formats._rbr_rules import ADDED, rules_of
from lexgate.constitutions.formats._rbr_show import TEMPLATE as OUR_TEMPLATE
from lexgate.constitutions.formats._rbr_show import shown
from lexgate.errors import InvalidFile

if TYPE_CHECKING:
    from lexgate._documents import Document
    from lexgate.constitutions._model import Constitution
    from lexgate.constitutions.formats._format import Files
    from lexgate.constitutions.formats._rbr_file import RbrFile

__all__ = ["RBR"]

_FILE = "proposition_prompts.yaml"
_NAME = "rbr"  # of a constitution whose file is named as OpenAI's is
_REST = "x-lexgate"
_KEYS = frozenset({TEMPLATE, ORDER, CLASSES, DERIVED, SIMPLE, _REST})


def _show(rules: Constitution) -> dict[str, bytes]:
    return {_FILE: write_yaml(as_data(shown(rules))).encode("utf-8")}


def _read(files: Files) -> Reading:
    document = opened(files)
    file = parsed(document)
    cleaner = Cleaner()
    data = rules_of(file, _name(document), cleaner)
    return Reading(data, (*cleaner.lost(), *_lost(document, file)), ADDED)


def _join(files: dict[str, bytes], rest: dict[str, Any]) -> dict[str, bytes]:
    # Written anew as a whole: what ends in blank lines ends a document, so nothing can follow it.
    return {_FILE: write_yaml({**opened(files).data, _REST: rest}).encode("utf-8")}


def _split(files: Files) -> tuple[Files, dict[str, Any] | None]:
    """Find the rest; it may stay where it is, since reading passes over its key."""
    document = opened(files)
    rest = document.data.get(_REST) if isinstance(document.data, dict) else None
    if rest is not None and not isinstance(rest, dict):
        message = "expected a mapping (key: value), found something else"
        hint = f"export it anew, or remove the key {_REST} with all that it says"
        raise InvalidFile((document.problem((_REST,), message, hint),))
    return files, rest


def _name(document: Document) -> str:
    """Name the constitution after its file, unless an export says its name or the file has none."""
    stem = PurePosixPath(document.path).stem
    nameless = _REST in document.data or stem == PurePosixPath(_FILE).stem
    return _NAME if nameless else name_of(stem, _NAME)


def _lost(document: Document, file: RbrFile) -> list[str]:
    lost = ["Comments, if the file has any."]
    if file.template not in {"", OUR_TEMPLATE}:
        lost.append(f"{TEMPLATE}: the prompts of critics are compiled from the rules.")
    if idle := [class_ for class_ in file.order if not file.classes.get(class_)]:
        lost.append(f"Classes that no type of response has: {_listed(idle)}.")
    if strange := [key for key in document.data if key not in _KEYS]:
        lost.append(f"Keys that are not known here: {_listed(strange)}.")
    about = {key for entry in document.data[SIMPLE].values() for key in entry} - {PROMPT}
    if about:
        lost.append(
            f"What simple propositions say besides their prompts: {_listed(sorted(about))}."
        )
    return lost


def _listed(names: list[str]) -> str:
    return ", ".join(printable(name, 60) for name in names[:8]) + ", …" * (len(names) > 8)


RBR = Format("rbr", _show, _read, _join, _split)
