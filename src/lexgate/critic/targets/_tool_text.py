"""What the exports to other tools share: the words of a rule, file formats, and what is lost.

Bytes depend on the constitution alone: UTF-8, LF, sorted keys, a newline at the end. Text of a rule
reaches a generated script only as data beside it, never as source. Sealed examples are nowhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lexgate.constitutions import uses_term

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.constitutions import Constitution, Principle, Sight

__all__ = ["condition", "constitution_of", "json_file", "lost", "rule", "script", "yaml_file"]

_TEMPLATES = Path(__file__).with_name("templates")
_GRADES = ("violates", "borderline", "complies")  # a rubric that says no more than a verdict


def rule(principle: Principle, rules: Constitution) -> list[str]:
    """Write a rule out: the definitions it uses, its text, its exceptions; one line each."""
    lines = [f"Rule: {principle.text}"]
    lines += [f"Exception: {exception}" for exception in principle.exceptions]
    used = " ".join([*lines, *(question.ask for question in principle.propositions)])
    found = [pair for pair in rules.definitions if uses_term(pair[0], used)]
    return [f"Definition of {term}: {meaning}" for term, meaning in found] + lines


def condition(principle: Principle, rules: Constitution, names: Mapping[Sight, str]) -> list[str]:
    """Write out how a rule is decided: each question with what it may see, then the condition."""
    lines = [
        f"Question {question.id} (look only at {names[question.sees]}): {question.ask} "
        "Answer yes or no."
        for question in principle.propositions
    ]
    expression = rules.expand(principle.violated_when)
    return [*lines, f"The rule is violated exactly when this is true: {expression}"]


def constitution_of(rules: Constitution) -> dict[str, str]:
    """Say which constitution an export was made of."""
    return {"digest": rules.digest, "reference": rules.reference}


def json_file(data: Any) -> bytes:
    """Write JSON as a file."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=2)
    return (text + "\n").encode("utf-8")


class _Dumper(yaml.SafeDumper):
    """Text of several lines is a block, a single line is quoted, keys are plain; no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        del data  # an alias saves nothing here and hides what a person looks for
        return True

    def represent_mapping(
        self, tag: str, mapping: Any, flow_style: bool | None = None
    ) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        for key, _ in node.value:
            key.style = None
        return node


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # PyYAML quotes what cannot stand in a block. A single line is quoted here, for tools that read
    # YAML 1.2 take other plain words than PyYAML for numbers or booleans.
    block = "\n" in text.strip("\n")
    style = "|" if block else '"' if "\n" in text else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_file(data: Any, head: str) -> bytes:
    """Write YAML as a file, below the lines of `head` as comments."""
    text = yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=True, width=10_000)
    comments = "".join(f"# {line}".rstrip() + "\n" for line in head.splitlines())
    return (comments + text).encode("utf-8")


def script(name: str, **values: str) -> bytes:
    """Read a template of a script and put literals in the place of `@NAME@`."""
    text = (_TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f'"@{key.upper()}@"', json.dumps(value))
    return text.encode("utf-8")


def lost(
    rules: Constitution, *, kept: frozenset[str], also: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """List what an export leaves out, of what this constitution has.

    Args:
        rules: The constitution.
        kept: What the format does carry: keys of the table below.
        also: Sentences that only this format needs.
    """
    said = dict(zip(_PARTS, _has(rules), strict=True))
    sentences = [_PARTS[part] for part, has in said.items() if has and part not in kept]
    return tuple(sorted([*sentences, *also]))


_PARTS = {
    "checks": "Checks (regular expressions) are left out: every answer comes from the grader.",
    "critique": "Texts that ask a model to criticise or to revise are left out.",
    "examples": "Public examples are left out.",
    "mappings": "Mappings to other taxonomies are left out.",
    "precedence": "Precedence between principles is left out: each is judged on its own.",
    "rationales": "Rationales are left out.",
    "rubrics": "Rubrics with grades of their own are left out: a verdict is violated or not.",
    "sealed": "Sealed examples are left out: they only measure critics.",
    "severities": "Severities with their limits, confidences and claims are left out: a gate uses them.",
}


def _has(rules: Constitution) -> tuple[bool, ...]:
    principles = rules.principles
    splits = {example.split for principle in principles for example in principle.examples}
    return (
        any(principle.checks for principle in principles),
        any(principle.critique or principle.revise for principle in principles),
        "public" in splits,
        bool(rules.mappings),
        any(principle.overrides or principle.authority for principle in principles),
        any(principle.rationale for principle in principles),
        any(p.rubric.when or p.rubric.choices != _GRADES for p in principles),
        "sealed" in splits,
        bool(rules.severities),
    )
