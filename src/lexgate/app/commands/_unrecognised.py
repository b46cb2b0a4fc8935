"""YAML files that do not begin as one of ours: looked at once more, so that none is passed over.

A file whose top mapping is indented, or whose lines end in a bare CR, is one of ours all the same
and is checked as such. Whatever else cannot be read is a problem of that file; what can be read is
somebody else's, and named in a note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgate._yaml_head import KINDS, Kind
from lexgate.errors import Problem

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["kind_at_top", "what_it_is"]

_LARGEST = 4 << 20  # bytes, as for the files we read


def what_it_is(path: Path) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Give the problems and the notes of a file that is none of the three kinds."""
    import yaml

    shown = str(path)

    def wrong(message: str, line: int = 1, column: int = 1, hint: str = "") -> Problem:
        return Problem(shown, line, column, "", f"not recognised: {message}", hint)

    try:
        content = _read(path)
        _top_keys(content.decode("utf-8"))
    except OSError as error:
        return (wrong(f"cannot be read: {error.strerror}"),), ()
    except UnicodeDecodeError as error:
        found = f"expected UTF-8, found the byte 0x{content[error.start]:02x}"
        return (wrong(found, hint="save the file as UTF-8"),), ()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return (wrong(f"no YAML: {error.problem or error.context}", line, column),), ()
    except yaml.YAMLError as error:
        return (wrong(f"no YAML: {str(error).partition(chr(10))[0]}"),), ()
    expected = "it has no 'constitution:', 'suite:' or 'policy:' at its top"
    return (), (wrong(expected),)


def kind_at_top(path: Path) -> Kind | None:
    """Recognise a file by the keys of its top mapping, wherever its lines begin and end."""
    import yaml

    try:
        keys = _top_keys(_read(path).decode("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return next((kind for kind in KINDS if kind in keys), None)


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise OSError(0, f"it is larger than {_LARGEST >> 20} MiB, the most that is read")
    return content


def _top_keys(text: str) -> set[str]:
    """Collect the keys of the mappings at the top; parses all, by events, which never recurse.

    Raises:
        yaml.YAMLError: the text is no YAML.
    """
    import yaml

    keys: set[str] = set()
    depth, is_key, is_mapping = 0, False, False
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if (
            depth == 1
            and is_mapping
            and isinstance(event, (yaml.NodeEvent, yaml.CollectionEndEvent))
        ):
            if is_key and isinstance(event, yaml.ScalarEvent):
                keys.add(event.value)
            if not isinstance(event, yaml.CollectionStartEvent):
                is_key = not is_key
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth == 1:
                is_mapping = is_key = isinstance(event, yaml.MappingStartEvent)
    return keys
