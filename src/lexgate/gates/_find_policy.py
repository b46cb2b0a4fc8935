"""Where a policy is kept: in the workspace's `policies` folder first, then in the package.

A name is that of a header or of a file. Two files that answer to one name are refused, since a
gate that picks one of them would decide by a policy nobody chose.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lexgate._documents import did_you_mean
from lexgate._text import printable
from lexgate._yaml_head import heads
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from lexgate._yaml_head import Head

__all__ = ["locate", "shipped_policies"]

_SHIPPED = Path(__file__).parent / "policies"
_WORKSPACE = Path("policies")  # of the current directory


def shipped_policies() -> tuple[str, ...]:
    """List the names of the policies that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def locate(reference: str | Path) -> Path:
    """Find the file of a policy: a path as it is, or a name, or name@version.

    Raises:
        UsageError: no policy, or more than one, is called so; says what there is.
    """
    text = str(reference)
    if isinstance(reference, Path) or "/" in text or text.endswith((".yaml", ".yml")):
        return Path(reference)
    for place in (_WORKSPACE, _SHIPPED):
        found = [head for head in heads(place, "policy") if _answers(head, text)]
        if len(found) > 1:
            message = f"more than one policy is called {text!r}: {_listed(found)}; cite one by "
            raise UsageError(message + "its version or its path")
        if found:
            return found[0].path
    raise UsageError(_nowhere(text))


def _answers(head: Head, reference: str) -> bool:
    """Tell whether a reference means this file, by the name in its header or of the file."""
    if head.path.stem == reference:
        return True
    name, at, version = reference.partition("@")
    if not name or name not in {head.name, head.path.stem}:
        return False
    return not at or (version != "" and version == head.version)


def _listed(found: list[Head]) -> str:
    return ", ".join(f"{head.reference} ({printable(str(head.path))})" for head in found)


def _nowhere(text: str) -> str:
    ours, shipped = list(heads(_WORKSPACE, "policy")), list(heads(_SHIPPED, "policy"))
    names = [name for head in [*ours, *shipped] for name in (head.name, head.path.stem) if name]
    name = text.partition("@")[0]
    near = did_you_mean(name, names) if name not in names else ""
    return (
        f"no policy is called {text!r}: expected a path to a .yaml file, or a name; in "
        f"./{_WORKSPACE}: {_listed(ours) or 'none'}; shipped policies: "
        f"{', '.join(head.reference for head in shipped)}" + (f"; {near}" if near else "")
    )
