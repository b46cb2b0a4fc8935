r"""Where the examples of a policy and its golden data go: each to one principle, once.

These policies classify content, and every quoted utterance is content of its own: it is judged as a
response that nobody asked for (CONTENT). A golden row with a response is an exchange with the label of
the response. XXn violates the principle of XXn. XX0 complies, and is attached to the principle that
the label of the prompt names, else to the first one: an example must be of one rule. An exchange that
was labelled before is not taken again, so that no two rules can contradict each other on it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.constitutions.formats._native import counted, id_of
from lexgate.constitutions.formats._safeguard_golden import CONTENT
from lexgate.errors import InvalidFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lexgate.constitutions.formats._native import Source
    from lexgate.constitutions.formats._safeguard_golden import Golden, Row
    from lexgate.constitutions.formats._safeguard_policy import Policy
    from lexgate.errors import Problem

__all__ = ["WORKED", "Book", "Said", "said_in"]

_JSON = r'"(?:[^"\\]|\\.)*"'
_OURS = re.compile(
    rf"(?:prompt (?P<prompt>{_JSON}); response (?P<response>{_JSON})|content (?P<content>{_JSON}))"
    r"(?: \(not (?P<tests>[A-Z]+\d+)\))?"
)
_BEGUN = re.compile(r'(?:prompt|content) "')
_QUOTE = '[\u201c"][^\u201c\u201d"]*[\u201d"]'
_QUOTED = re.compile(
    rf"(?:(?P<title>.+?)(?::| [-\u2013\u2014]) )?"
    rf"(?P<quotes>{_QUOTE}(?:(?:;|,| or) {_QUOTE})*)[.,;]?"
)
WORKED = re.compile(r"- (?P<body>.+) -> `(?P<code>[A-Z]+\d+)`")
_ID = re.compile(r"[a-z][a-z0-9-]*\Z")


@dataclass(frozen=True, slots=True)
class Said:
    """An exchange in the text of a policy. `why` is what stands beside it, or empty."""

    prompt: str
    response: str
    why: str = ""
    tests: str = ""  # the code of the rule that an allowed one is an example for


def said_in(text: str, source: Source, offset: int) -> tuple[Said, ...]:
    """Find the utterances that an example quotes; none where it only describes.

    Raises:
        InvalidFile: it begins as one of ours and does not go on so.
    """
    if match := _OURS.fullmatch(text):
        parts = {name: _value(part, source, offset) for name, part in _written(match)}
        tests = match["tests"] or ""
        if "content" in parts:
            return (Said(CONTENT, parts["content"], "", tests),)
        return (Said(parts["prompt"], parts["response"], "", tests),)
    if _BEGUN.match(text):
        message = f"expected text in quotes, found {printable(text, 60)}"
        hint = 'write: prompt "what is asked"; response "what is answered"'
        raise InvalidFile((source.problem(offset, message, hint),))
    if match := _QUOTED.fullmatch(text):
        quotes = re.findall(_QUOTE, match["quotes"])
        return tuple(Said(CONTENT, quote[1:-1], match["title"] or "") for quote in quotes)
    return ()


@dataclass(slots=True)
class Book:
    """Attaches examples; `of` holds them as data, by principle."""

    letters: str
    principles: Mapping[str, str]  # code -> id
    of: dict[str, list[dict[str, Any]]]
    problems: list[Problem] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _labels: dict[tuple[str, str], str] = field(default_factory=dict)
    _left: Counter[str] = field(default_factory=Counter)

    def golden(self, golden: Golden) -> None:
        """Attach the rows of golden data."""
        self._ids |= {row.id for row in golden.rows}
        seen: set[str] = set()
        for row in golden.rows:
            reason = self._unfit(row, seen)
            if reason and golden.ours:  # written for us: a mistake of whoever edited it
                self.problems.append(golden.source.problem(row.offset, *reason))
            elif reason:
                self._left[f"in {golden.source.name}, {reason[0]}"] += 1
            else:
                seen.add(row.id)
                self._row(golden, row)

    def policy(self, policy: Policy) -> None:
        """Attach what blocks and worked examples of a policy quote."""
        for block in policy.blocks:
            for item in block.items:
                for said in said_in(item.text, policy.source, item.offset):
                    self._said(said, block.code if not block.allowed else "")
                for line in item.below:
                    why = item.text.rstrip(" :,")
                    for said in said_in(line.text, policy.source, line.offset):
                        found = Said(said.prompt, said.response, said.why or why, said.tests)
                        self._said(found, block.code if not block.allowed else "")
        for line in policy.sections.get("labels", ()):
            if match := WORKED.fullmatch(line.text.strip()):
                code = match["code"]
                if code in self.principles or code == f"{self.letters}0":
                    for said in said_in(match["body"], policy.source, line.offset):
                        self._said(said, code if code in self.principles else "")

    def lost(self) -> list[str]:
        """Say what was not attached, how often and why."""
        return [
            f"{counted(count, 'example', 'examples')}: {reason}."
            for reason, count in sorted(self._left.items())
        ]

    def _unfit(self, row: Row, seen: set[str]) -> tuple[str, str] | None:
        """Say what keeps a row from being an example, and what to do about it."""
        if not row.prompt:
            return "expected text, found none", "write what is asked, or the content"
        if not row.label:
            return "expected a label, found none", f"write {self.letters}0 or another code"
        if row.label not in {*self.principles, f"{self.letters}0"}:
            known = ", ".join([f"{self.letters}0", *self.principles])
            found = printable(row.label, 20)
            return f"expected a label of the policy, found {found}", f"the labels are {known}"
        if row.id and not _ID.match(row.id):
            hint = "write lower-case letters, digits and hyphens, or leave it empty"
            return f"expected an id, found {printable(row.id, 40)}", hint
        if row.id and row.id in seen:
            return f"expected every id once, found {row.id} again", "leave it empty in a new row"
        return None

    def _row(self, golden: Golden, row: Row) -> None:
        asked = "" if row.prompt_label == row.label else f", and the prompt {row.prompt_label}"
        asked = asked if row.prompt_label else ", and the prompt nothing"
        why = f"{golden.source.name} labels it {row.label}{asked}."
        code = row.label if row.label in self.principles else ""
        said = Said(row.prompt, row.response, why, row.prompt_label)
        self._attach(said, code, row.id, f"in {golden.source.name}, ")

    def _said(self, said: Said, code: str) -> None:
        why = said.why or f"The policy gives it as an example of {code or f'{self.letters}0'}."
        self._attach(Said(said.prompt, said.response, why, said.tests), code, "", "in the policy, ")

    def _attach(self, said: Said, code: str, id_: str, place: str) -> None:
        """Attach an exchange: it violates the principle of `code`; without one, it complies."""
        key = (_same(said.prompt), _same(said.response))
        if not id_ and key in self._labels:
            other = "" if self._labels[key] == code else ", with another label"
            self._left[f"{place}labelled before{other}"] += 1
            return
        self._labels.setdefault(key, code)
        first = next(iter(self.principles.values()))
        owner = self.principles[code] if code else self.principles.get(said.tests, first)
        exchange = (said.prompt, said.response)
        words = said.response if said.prompt == CONTENT else said.prompt
        id_ = id_ or id_of(owner[:24], words, exchange, self._ids)
        self._ids.add(id_)
        self.of[owner].append(
            {
                "id": id_,
                "prompt": said.prompt,
                "response": said.response,
                "label": "violates" if code else "complies",
                "why": said.why,
            }
        )


def _written(match: re.Match[str]) -> Iterator[tuple[str, str]]:
    for name in ("prompt", "response", "content"):
        if match[name] is not None:
            yield name, match[name]


def _value(text: str, source: Source, offset: int) -> str:
    try:
        value: str = json.loads(text)
        value.encode("utf-8")
    except ValueError as error:  # of JSON, or half a character
        message = f"expected text as JSON quotes it, found {printable(text, 60)}"
        hint = 'a quote inside is written \\", a backslash \\\\'
        raise InvalidFile((source.problem(offset, message, hint),)) from error
    return value


def _same(text: str) -> str:
    """What two texts share that say the same to a reader."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
