"""The compiler: a constitution and a target in, files, their digests and one root digest out.

Laws (tested): the bytes depend on the constitution's meaning alone, so compiling twice, on another
machine or under another Python gives the same root; the root stands for every byte of every file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate.constitutions import FORMATS, Export, write_format
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.constitutions import Constitution

__all__ = ["TARGETS", "Compiled", "compile_to", "root_of"]

_FORMAT = "lexgate-compiled/2"
_MODULES = {  # target -> (module, what it gives)
    "critic": ("_critic", "critic prompts, rubrics and a verdict schema of our own"),
    "deepeval": ("_deepeval", "GEval metrics"),
    "granite-guardian": ("_granite_guardian", "criteria for Granite Guardian"),
    "inspect": ("_inspect", "a scorer for Inspect"),
    "llama-guard": ("_llama_guard", "categories for Llama Guard"),
    "lm-eval": ("_lm_eval", "tasks that measure a model as critic on the public examples"),
    "prometheus": ("_prometheus", "rubrics for Prometheus 2"),
    "promptfoo": ("_promptfoo", "llm-rubric assertions"),
    "shieldgemma": ("_shieldgemma", "prompts for ShieldGemma"),
    "trl": ("_trl", "a reward function for TRL"),
}
_OWN = {name: about for name, (_, about) in _MODULES.items()}
TARGETS: dict[str, str] = dict(sorted({**_OWN, **FORMATS}.items()))


@dataclass(frozen=True, slots=True)
class Compiled:
    """Files of one target, and the manifest that lists them with their digests."""

    files: Mapping[str, bytes]
    manifest: Mapping[str, Any]

    @property
    def root(self) -> str:
        """The digest that stands for every byte of every file, and for the rules behind them."""
        return str(self.manifest["root"])


def compile_to(target: str, rules: Constitution, *, sealed: bool = False) -> Compiled:
    """Compile a constitution for a target.

    `sealed` puts sealed examples into the targets that are also read back (FORMATS); no other
    target ever holds them.

    Raises:
        UsageError: there is no such target, it cannot hold sealed examples, or a text of the
            constitution would break the target's own frame.
    """
    export = _export(target, rules, sealed=sealed)
    files = {name: export.files[name] for name in sorted(export.files)}
    listed = [
        {
            "path": name,
            "size": len(content),
            "digest": "sha256:" + hashlib.sha256(content).hexdigest(),
        }
        for name, content in files.items()
    ]
    manifest = {
        "format": _FORMAT,
        "target": target,
        "constitution": {
            "reference": rules.reference,
            "digest": rules.digest,
            "extends": [{"reference": b.reference, "digest": b.digest} for b in rules.extends],
        },
        "artefacts": listed,
        "lost": list(export.lost),
        "root": digest([rules.digest, target, listed]),
    }
    return Compiled(files, manifest)


def root_of(rules: Constitution) -> str:
    """The root digest of the `critic` target: what runs and verdicts cite."""
    return compile_to("critic", rules).root


def _export(target: str, rules: Constitution, *, sealed: bool) -> Export:
    if target in FORMATS:
        return write_format(target, rules, sealed=sealed)
    if target not in _MODULES:
        raise UsageError(f"no target '{target}'; there are {', '.join(TARGETS)}")
    if sealed:
        raise UsageError(
            f"the target {target} never holds sealed examples: they only measure critics\n"
            f"    hint: {', '.join(FORMATS)} can, for they are read back by `lexgate import`"
        )
    module = import_module(f"lexgate.critic.targets.{_MODULES[target][0]}")
    export: Export = module.export(rules)
    return export
