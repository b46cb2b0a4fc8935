"""What the tests of exports to guard and judge models share: worlds, recordings, and filling."""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexgate.constitutions import find

if TYPE_CHECKING:
    from lexgate.constitutions import Constitution, Export, Principle

SHIPPED = ("agentic-worker@1.0.0", "demo@1.0.0", "everyday-assistant@1.0.0")
TARGETS = ("granite_guardian", "llama_guard", "prometheus", "shieldgemma")
# A judged text that every way of filling but the one pass would look into again.
NASTY = {"prompt": "P {response} $conversations %s", "response": "R {prompt} {0} \\1 {{}}"}


def export(target: str, rules: Constitution) -> Export:
    return importlib.import_module(f"lexgate.critic.targets._{target}").export(rules)


def data(target: str, rules: Constitution, path: str) -> Any:
    return json.loads(export(target, rules).files[path])


def recorded(name: str, **content: str) -> str:
    """A published template, its placeholders filled in one pass; its first line is its source."""
    source, template = (
        (Path(__file__).parent / "recorded" / f"{name}.txt")
        .read_text(encoding="utf-8")
        .removesuffix("\n")
        .split("\n", 1)
    )
    assert source.startswith("# Source: ")
    names = "|".join(content)
    return re.sub(rf"\{{({names})\}}|\$({names})\b", lambda m: content[m[1] or m[2]], template)


def fill(segments: list[dict[str, str]], **content: str) -> str:
    """Fill a template as the exports say."""
    return "".join(
        segment["text"] if "text" in segment else content[segment["slot"]] for segment in segments
    )


def read(reply: dict[str, str], text: str) -> str | None:
    """Read a model's reply as the exports say: None is an abstention."""
    found = re.fullmatch(reply["pattern"], text)
    return None if found is None else found.group(1) or "safe"


def changed(rules: Constitution, id_: str, **fields: Any) -> Constitution:
    """The constitution with one principle changed."""
    principles = tuple(replace(p, **fields) if p.id == id_ else p for p in rules.principles)
    return replace(rules, principles=principles)


def without(rules: Constitution, id_: str) -> Constitution:
    return replace(rules, principles=tuple(p for p in rules.principles if p.id != id_))


def first(rules: Constitution) -> Principle:
    return rules.principles[0]


def everyday() -> Constitution:
    return find("everyday-assistant@1.0.0")
