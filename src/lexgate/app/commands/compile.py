"""`lexgate compile CONSTITUTION`: artefacts for critics and for other tools, or text for people.

Laws (tested): the bytes depend on the constitution's meaning alone, so compiling twice gives the
same root digest; every artefact's digest stands in `manifest.json`; every judgement a critic of
this version can write fits `verdict.schema.json`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import click

from lexgate.app.commands._shared import answer, json_option, say
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.constitutions import Constitution, Exemplar, Principle

__all__ = ["artefacts", "command", "markdown", "write_artefacts"]

_MANIFEST = "manifest.json"
_FORMAT = "lexgate-compiled/1"
# What this verb ever wrote: a manifest that lists anything else, such as ../x, is none of ours.
_ARTEFACT = re.compile(
    r"prompts/[a-z][a-z0-9-]*\.json|rubrics\.json|verdict\.schema\.json|constitution\.md"
)


@click.command(name="compile")
@click.argument("constitution")
@click.option(
    "--target",
    type=click.Choice(["critic", "markdown"]),
    default="critic",
    show_default=True,
    help="critic: prompts, rubrics, verdict schema, manifest. markdown: a text for people.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A directory: new, empty, or an earlier output of this verb.",
)
@json_option
def command(constitution: str, target: str, output: Path, as_json: bool) -> int:
    """Compile a constitution, a file or a name such as everyday-assistant@1.0.0."""
    from lexgate.constitutions import find

    rules = find(constitution)
    files = artefacts(rules) if target == "critic" else {"constitution.md": markdown(rules)}
    manifest = write_artefacts(rules, target, files, output)
    if as_json:
        answer(manifest)
    else:
        click.echo(manifest["root"])
    say(f"{rules.reference}: {len(files) + 1} files in {output}")
    return 0


def write_artefacts(
    rules: Constitution, target: str, files: Mapping[str, bytes], output: Path
) -> dict[str, Any]:
    """Write the files and their manifest; give the manifest.

    Raises:
        UsageError: `output` holds things that an earlier compilation did not write.
    """
    from lexgate._digests import digest, digest_file
    from lexgate._files import write_atomic

    stale = _stale(output, set(files))
    for name, content in files.items():
        write_atomic(output / name, content)
    listed = [
        {"path": name, "size": len(files[name]), "digest": digest_file(output / name)}
        for name in sorted(files)
    ]
    manifest = {
        "format": _FORMAT,
        "target": target,
        "constitution": {"reference": rules.reference, "digest": rules.digest},
        "artefacts": listed,
        "root": digest([rules.digest, target, listed]),
    }
    write_atomic(output / _MANIFEST, _json(manifest))
    for path in stale:
        path.unlink()
    return manifest


def _stale(output: Path, wanted: set[str]) -> list[Path]:
    """Find files of an earlier compilation that this one does not write again.

    Only what its manifest lists is ours to replace or to remove.
    """
    if not any(not path.is_dir() for path in output.rglob("*")):
        return []
    earlier = _listed(output / _MANIFEST)
    if earlier is None:
        raise UsageError(
            f"{output} is not empty and holds no {_MANIFEST} of an earlier compilation\n"
            f"    hint: name a new directory with -o"
        )
    foreign = sorted(name for name in wanted - earlier if (output / name).exists())
    if foreign:
        raise UsageError(
            f"{output / foreign[0]} was not written by the earlier compilation in {output}\n"
            f"    hint: name a new directory with -o, or move the file away"
        )
    return [output / name for name in sorted(earlier - wanted) if (output / name).is_file()]


def _listed(manifest: Path) -> set[str] | None:
    """Read what an earlier compilation wrote; None where this is no manifest of one."""
    try:
        data = json.loads(manifest.read_bytes())
        listed = {entry["path"] for entry in data["artefacts"]}
        ours = data["format"] == _FORMAT and all(map(_ARTEFACT.fullmatch, listed))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return listed if ours else None


def artefacts(rules: Constitution) -> dict[str, bytes]:
    """Compile to what critics and other tools read: path within the output -> bytes."""
    from lexgate.critic import compile_prompts

    files = {f"prompts/{p.principle}.json": _json(p.to_json()) for p in compile_prompts(rules)}
    rubrics = {p.id: {"text": p.text, "choices": list(p.rubric.choices)} for p in rules.principles}
    files["rubrics.json"] = _json({"order": "worst to best", "rubrics": rubrics})
    files["verdict.schema.json"] = _json(_verdict_schema(rules))
    return files


def _json(data: Any) -> bytes:
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=2)
    return (text + "\n").encode("utf-8")


def _verdict_schema(rules: Constitution) -> dict[str, Any]:
    """Describe a judgement: a verdict with its probability, or an abstention with its reason."""
    from lexgate.critic import Abstention

    asked = sorted({q.id for principle in rules.principles for q in principle.propositions})
    reasons = list(get_args(get_type_hints(Abstention)["reason"]))
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    answered = {
        "type": "array",
        "prefixItems": [{"enum": asked}, probability, {"type": "string"}],
        "items": False,
        "minItems": 3,
    }
    common = {
        "principle": {"enum": [principle.id for principle in rules.principles]},
        "outcome": {"enum": ["violates", "complies", "abstains"]},
        "answers": {"type": "array", "items": answered},
    }
    abstains = {
        "properties": common | {"reason": {"enum": reasons}, "detail": True},
        "required": ["reason", "detail"],
        "additionalProperties": False,
    }
    decides = {
        "properties": common | {"p": probability},
        "required": ["p"],
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A judgement under {rules.reference}",
        "type": "object",
        "required": ["principle", "outcome", "answers"],
        "if": {"properties": {"outcome": {"const": "abstains"}}},
        "then": abstains,
        "else": decides,
    }


def markdown(rules: Constitution) -> bytes:
    """Write the constitution as a text for people; sealed examples are counted, never shown."""
    lines = [f"# {rules.title}", "", f"`{rules.reference}` · {rules.license} · `{rules.digest}`"]
    lines += ["", "| severity | limit | confidence | claim |", "| --- | --- | --- | --- |"]
    lines += [f"| {s.id} | {s.limit:g} | {s.confidence:g} | {s.claim} |" for s in rules.severities]
    if rules.definitions:
        lines += ["", "## Definitions", ""]
        lines += [f"- **{term}**: {_line(text)}" for term, text in rules.definitions]
    for principle in rules.principles:
        lines += _section(principle)
    if rules.changes:
        lines += ["", "## Changes", "", *(f"- {_line(change)}" for change in rules.changes)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _section(principle: Principle) -> list[str]:
    lines = ["", f"## {principle.title}", "", f"`{principle.id}` · {principle.criterion} · "]
    lines[-1] += f"{principle.polarity} · {principle.severity}"
    lines += ["", principle.text.strip()]
    lines += ["", f"Why: {_line(principle.rationale)}"] if principle.rationale else []
    if principle.exceptions:
        lines += ["", "Except:", "", *(f"- {_line(text)}" for text in principle.exceptions)]
    if principle.overrides:
        lines += ["", f"Takes precedence over: {', '.join(principle.overrides)}."]
    lines += ["", f"Violated when: `{principle.violated_when}`, where", ""]
    lines += [f"- `{q.id}` (sees the {q.sees}): {_line(q.ask)}" for q in principle.propositions]
    public = [example for example in principle.examples if example.split == "public"]
    sealed = len(principle.examples) - len(public)
    for example in public:
        lines += _example(example)
    if sealed:
        lines += ["", f"{sealed} more examples are sealed: they measure critics."]
    return lines


def _example(example: Exemplar) -> list[str]:
    from lexgate.critic import Exchange, as_conversation, view

    # `view` fences text so that it cannot close its fence: an example may hold Markdown of its own.
    exchange = view(Exchange(as_conversation(example.prompt), example.response), "exchange")
    heading = f"### {example.label}: `{example.id}`"
    return ["", heading, "", *exchange, *(["", _line(example.why)] if example.why else [])]


def _line(text: str) -> str:
    return " ".join(text.split())
