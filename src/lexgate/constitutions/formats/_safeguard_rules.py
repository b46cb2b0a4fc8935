"""A policy for gpt-oss-safeguard and its golden data as the data of a constitution.

A block that forbids is a principle, named after its code (SP2 becomes sp2) or with the id we wrote
beside it. Its text is what falls under it and what examples describe without quoting. What the policy
allows is an exception to each of its rules. Numbers are an order of severity, and of precedence, only
where the policy says so. What is said about the policy as a whole is the rationale of each rule.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.constitutions.formats._format import Reading
from lexgate.constitutions.formats._native import UNRATED, Cleaner, counted, header, name_of
from lexgate.constitutions.formats._safeguard_examples import WORKED, Book, said_in
from lexgate.constitutions.formats._safeguard_golden import CONTENT
from lexgate.constitutions.formats._safeguard_lines import plain
from lexgate.errors import InvalidFile

if TYPE_CHECKING:
    from lexgate.constitutions.formats._safeguard_golden import Golden
    from lexgate.constitutions.formats._safeguard_policy import Block, Item, Policy

__all__ = ["GOES_BEFORE", "SEVERITIES", "rules_of"]

GOES_BEFORE = "- `{code}` goes before {others}."
SEVERITIES = "- Severities, worst first: {ids}."
_BEFORE = re.compile(r"- `(?P<code>[A-Z]+\d+)` goes before (?P<others>.+)\.")
_LISTED = r"^- Severities, worst first: (.+)\.$"
_UNRATED = "unrated"
_TERM = re.compile(r"(?:- )?(?:\*\*(?P<bold>[^*]+):\*\*|(?P<term>[^:]+):) +(?P<text>.+)")
_ORDERED = re.compile(r"severity by \d|highest severity\b", re.IGNORECASE)
_ADDED = (
    "A name, after the title; the version 1.0.0; as licence NOASSERTION, for it names none.",
    "For each rule: safety as its criterion, prohibit as its polarity.",
    "For each severity: at most 5 in 100 may fail, at 95 % confidence, and C1 is enough.",
    f"For content that nobody asked for: {CONTENT} as its prompt.",
    "For examples that comply: the rule that their prompt's label names, else the first one.",
    "For each example: an id, made of its words.",
)


def rules_of(policy: Policy, golden: Golden | None) -> Reading:
    """Give the data of a constitution.

    Raises:
        InvalidFile: ids or terms stand twice, or something names what is not there.
    """
    cleaner, lost = Cleaner(), []
    ids = _ids(policy)
    definitions = _definitions(policy, cleaner)
    severities = _severities(policy)
    levels = dict.fromkeys([*_listed_levels(policy), *severities.values()])
    overrides = _overrides(policy, ids)
    examples: dict[str, list[dict[str, Any]]] = {id_: [] for id_ in ids.values()}
    book = Book(policy.letters, ids, examples)
    if golden:
        book.golden(golden)
        lost += golden.lost
    if book.problems:
        raise InvalidFile(tuple(book.problems))
    book.policy(policy)
    shared = _shared(policy, cleaner)
    data = header(name_of(policy.title, "policy"), policy.title)
    data["severities"] = [UNRATED | {"id": level} for level in levels]
    if definitions:
        data["definitions"] = definitions
    data["principles"] = []
    for block in policy.forbidden:
        id_ = ids[block.code]
        entry = {
            "id": id_,
            "title": block.title,
            "criterion": "safety",
            "polarity": "prohibit",
            "severity": severities[block.code],
            "text": cleaner.clean(_text(policy, block)),
            "exceptions": [cleaner.clean(plain(e)) for e in block.exceptions],
            "overrides": overrides.get(block.code, []),
            "examples": examples[id_],
        }
        entry["exceptions"] += shared.get("exceptions", [])
        entry["rationale"] = shared.get("rationale", "")
        data["principles"].append({key: value for key, value in entry.items() if value})
    lost += [*_lost(policy), *book.lost(), *cleaner.lost()]
    return Reading(data, tuple(lost), _ADDED)


def _ids(policy: Policy) -> dict[str, str]:
    """Name the rules: code -> id."""
    ids: dict[str, str] = {}
    for block in policy.forbidden:
        id_ = block.id or block.code.lower().replace(".", "-")
        if id_ in ids.values():
            message = f'expected every id once, found "{id_}" again'
            problem = policy.source.problem(block.offset, message, "write another one in `…`")
            raise InvalidFile((problem,))
        ids[block.code] = id_
    return ids


def _text(policy: Policy, block: Block) -> str:
    described = [line for item in block.items for line in _described(policy, item)]
    if not described:
        return block.text
    return f"{block.text}\n\nFor example:\n" + "\n".join(f"- {line}" for line in described)


def _described(policy: Policy, item: Item) -> list[str]:
    """What an example says without quoting anybody."""
    if said_in(item.text, policy.source, item.offset):
        return []
    below = [
        plain(line.text)
        for line in item.below
        if not said_in(line.text, policy.source, line.offset)
    ]
    return [plain(item.text), *below] if below or not item.below else []


def _shared(policy: Policy, cleaner: Cleaner) -> dict[str, Any]:
    """What a policy says that is not ours for all of its rules; ours says it for each."""
    if policy.ours:
        return {}
    exceptions = []
    for block in policy.allowed:
        if not block.items:  # it says only that what no other label covers is allowed
            continue
        exceptions.append(" ".join(block.text.split()))
        for item in block.items:
            said = said_in(item.text, policy.source, item.offset)
            exceptions += [said[0].why] if said and said[0].why else _described(policy, item)
    goal = [text for name in ("goal", "scope") if (text := policy.section(name))]
    return {
        "exceptions": [cleaner.clean(exception) for exception in exceptions if exception],
        "rationale": re.sub(r"\n{3,}", "\n\n", "\n\n".join(goal)),
    }


def _definitions(policy: Policy, cleaner: Cleaner) -> dict[str, str]:
    definitions: dict[str, str] = {}
    last = ""
    for line in policy.sections.get("definitions", ()):
        said = line.text.strip()
        match = _TERM.fullmatch(said)
        if match:
            last = plain(match["bold"] or match["term"])
            if not policy.ours:  # such as Facilitation (`HBI2`)
                last = re.sub(rf" \(`{policy.letters}\d+`\)$", "", last)
            if last in definitions:
                message = f'expected every term once, found "{printable(last, 60)}" again'
                problem = policy.source.problem(line.offset, message, "join the two")
                raise InvalidFile((problem,))
            definitions[last] = cleaner.clean(plain(match["text"]))
        elif said and last:
            more = cleaner.clean(plain(said.removeprefix("- ")))
            definitions[last] += f" {more}"
        elif said:
            message = f'expected a term and what it means, found "{printable(said, 60)}"'
            problem = policy.source.problem(line.offset, message, "write `- Term: meaning`")
            raise InvalidFile((problem,))
    return definitions


def _severities(policy: Policy) -> dict[str, str]:
    """Say how serious each rule is, worst first where that is known: code -> severity."""
    if policy.ours:
        return {block.code: block.severity or _UNRATED for block in policy.forbidden}
    blocks = sorted(policy.forbidden, key=lambda block: -block.number)
    if not _ordered(policy):
        return {block.code: _UNRATED for block in blocks}
    words = {block.code: re.findall(r"[a-z0-9-]+", block.title.casefold()) for block in blocks}
    common = set.intersection(*(set(said) for said in words.values()))
    names = {
        code: name_of("-".join(word for word in said if word not in common), code.lower())
        for code, said in words.items()
    }
    unique = len(set(names.values())) == len(names)
    return names if unique else {code: code.lower() for code in names}


def _listed_levels(policy: Policy) -> list[str]:
    """The severities that our own policy lists; rules may have others too, by an edit."""
    listed = re.search(_LISTED, _ambiguity(policy), re.MULTILINE) if policy.ours else None
    return re.findall(r"`([a-z][a-z0-9-]*)`", listed[1]) if listed else []


def _overrides(policy: Policy, ids: dict[str, str]) -> dict[str, list[str]]:
    """Say which rules each goes before: code -> ids."""
    if not policy.ours:
        blocks = sorted(policy.forbidden, key=lambda block: -block.number)
        below = {b.code: [ids[o.code] for o in blocks if o.number < b.number] for b in blocks}
        return below if _ordered(policy) else {}
    found: dict[str, list[str]] = {}
    for line in policy.sections.get("ambiguity", ()):
        if match := _BEFORE.fullmatch(line.text.strip()):
            codes = re.findall(r"`([A-Z]+\d+)`", match["others"])
            strange = next((code for code in (match["code"], *codes) if code not in ids), None)
            if strange:
                message = f"expected the code of a rule, found {strange}"
                problem = policy.source.problem(line.offset, message, f"one of {', '.join(ids)}")
                raise InvalidFile((problem,))
            found[match["code"]] = [ids[code] for code in codes]
    return found


def _ordered(policy: Policy) -> bool:
    """Tell whether the policy says that a higher number is worse, as OpenAI's does for spam."""
    return bool(_ORDERED.search(_ambiguity(policy)))


def _ambiguity(policy: Policy) -> str:
    return policy.section("ambiguity")


def _lost(policy: Policy) -> list[str]:
    """Say what a policy that is not ours holds beside rules."""
    if policy.ours:
        return []
    lost = []
    notes = [f"{b.code} ({printable(b.note, 80)})" for b in policy.blocks if b.note]
    if notes:
        lost.append(f"What stands beside the codes: {', '.join(notes)}.")
    for block in policy.blocks:
        usual = {"`VALID`", "VALID"} if block.allowed else {"`INVALID`", "INVALID"}
        if block.output and block.output not in usual:
            lost.append(f"The output of {block.code}: {printable(block.output, 200)}")
        if block.allowed and not block.items:
            lost.append(f"{block.code}, which says that what no other label covers is allowed.")
    for name, what in (
        ("labels", "how labels are written"),
        ("ambiguity", "how to decide between them"),
    ):
        said = [line.text.strip() for line in policy.sections.get(name, ())]
        lines = [line for line in said if line and not WORKED.fullmatch(line)]
        if lines:
            lost.append(f"The section on {what}, {counted(len(lines), 'line', 'lines')}.")
    return lost
