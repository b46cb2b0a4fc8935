"""gpt-oss-safeguard: a policy text with its golden data, read and written.

Written are `policy.md` (the prompt), `golden.csv` (exchanges with their labels) and `lexgate.json`,
which keeps what the two have no place for and is no part of any prompt. Read is one policy, as OpenAI
(spam), ROOST (teen safety, terrorist content) or we write it, and at most one table of golden data.
Examples that are sealed never get into the policy, even where they are asked for by name.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.constitutions.formats import _safeguard_golden as golden
from lexgate.constitutions.formats import _safeguard_policy as policy
from lexgate.constitutions.formats._format import Format
from lexgate.constitutions.formats._native import decoded, json_of
from lexgate.constitutions.formats._safeguard_rules import rules_of
from lexgate.constitutions.formats._safeguard_show import golden_of, policy_of
from lexgate.errors import InvalidFile, UsageError

if TYPE_CHECKING:
    from lexgate.constitutions._model import Constitution
    from lexgate.constitutions.formats._format import Files, Reading

__all__ = ["SAFEGUARD"]

_POLICY, _GOLDEN, _REST = "policy.md", "golden.csv", "lexgate.json"
_POLICIES = {".md", ".txt", ""}


def _show(rules: Constitution) -> dict[str, bytes]:
    return {_POLICY: policy_of(rules), _GOLDEN: golden_of(rules)}


def _read(files: Files) -> Reading:
    tables = sorted(path for path in files if _suffix(path) == ".csv")
    texts = sorted(path for path in files if _suffix(path) in _POLICIES)
    strange = sorted(files.keys() - {*tables, *texts})
    if strange:
        message = f"expected a policy and its golden data, found {_names(strange)}"
        raise UsageError(f"{message}; a policy ends in .md, .txt or nothing, golden data in .csv")
    if len(texts) != 1:
        found = f"{len(texts)}: {_names(texts)}" if texts else "none"
        raise UsageError(f"expected one policy (.md, .txt or no ending), found {found}")
    if len(tables) > 1:
        raise UsageError(f"expected golden data in one .csv, found {len(tables)}: {_names(tables)}")
    source = decoded(texts[0], files[texts[0]])
    source = replace(source, text=source.text.replace("\r\n", "\n"))
    table = golden.parsed(decoded(tables[0], files[tables[0]])) if tables else None
    return rules_of(policy.parsed(source), table)


def _join(files: dict[str, bytes], rest: dict[str, Any]) -> dict[str, bytes]:
    text = json.dumps(rest, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    return files | {_REST: text.encode("utf-8")}


def _split(files: Files) -> tuple[Files, dict[str, Any] | None]:
    kept = [path for path in files if PurePosixPath(path).name == _REST]
    if not kept:
        return files, None
    source = decoded(kept[0], files[kept[0]])
    rest = json_of(source)
    if len(kept) > 1 or not isinstance(rest, dict):
        message = f"expected one {_REST} as it was written, found another"
        raise InvalidFile((source.problem(0, message, "restore it, or remove it"),))
    return {path: content for path, content in files.items() if path not in kept}, rest


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.casefold()


def _names(paths: list[str]) -> str:
    return printable(", ".join(paths))


SAFEGUARD = Format("gpt-oss-safeguard", _show, _read, _join, _split)
