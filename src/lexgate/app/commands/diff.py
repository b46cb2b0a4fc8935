"""`lexgate diff OLD NEW`: what changed by meaning, the bump it demands, and what to judge again."""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lexgate.app.commands._shared import answer, json_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lexgate.constitutions import Change, Constitution, Diff
    from lexgate.critic import Validity

__all__ = ["command"]

_FINDINGS = 1
_AROUND = 6  # unchanged words shown on either side of a change
_LONGEST = 400  # characters of a text shown whole
_MOST = (
    4_000_000  # pairs of words that are compared; beyond, both texts are shown by their beginning
)
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--summary", is_flag=True, help="Only the counts, the bump and the verdicts.")
@json_option
def command(old: str, new: str, summary: bool, as_json: bool) -> int:
    """Tell what changed from the constitution OLD to NEW, by meaning.

    OLD and NEW are files, names such as demo@1.0.0, or files in a git revision:
    constitutions/my-rules@1.0.0.yaml@HEAD~1. Changes of a condition that decide nothing else are
    wording. Exit code: 0 the version of NEW says enough, 1 it must be raised.
    """
    from lexgate.constitutions import demanded_version, diff, find_revision, satisfies
    from lexgate.critic import validity

    before, after = find_revision(old), find_revision(new)
    found = diff(before, after)
    kept = validity(before, after)
    enough = satisfies(before.version, after.version, found.bump)
    demanded = demanded_version(before.version, found.bump)
    if as_json:
        answer(_plain(before, after, found, kept) | {"demands": demanded, "satisfied": enough})
    else:
        for line in _lines(before, after, found, kept, summary=summary):
            _echo(line)
        _echo(_verdict(found, before, after, demanded, enough=enough))
    return 0 if enough else _FINDINGS


def _echo(line: str) -> None:
    from lexgate._text import printable

    click.echo(printable(line, 4000))


def _plain(
    before: Constitution, after: Constitution, found: Diff, kept: Validity
) -> dict[str, Any]:
    return {
        "old": {"reference": before.reference, "digest": before.digest},
        "new": {"reference": after.reference, "digest": after.digest},
        "counts": _counts(found),
        "bump": found.bump,
        "changes": [asdict(change) for change in found.changes],
        "verdicts": {
            "stay_valid": list(kept.kept),
            "judge_again": list(kept.again),
            "gone": list(kept.gone),
        },
    }


def _counts(found: Diff) -> dict[str, int]:
    counts: dict[str, int] = {}
    for change in found.changes:
        counts[change.kind] = counts.get(change.kind, 0) + 1
    return counts


def _lines(
    before: Constitution, after: Constitution, found: Diff, kept: Validity, *, summary: bool
) -> Iterator[str]:
    yield f"{before.reference} -> {after.reference}"
    counts = _counts(found)
    yield "  " + (", ".join(_count(kind, n) for kind, n in counts.items()) or "nothing changed")
    if not summary:
        yield from _details(found)
    yield from _remarks(found, kept)
    yield ""
    yield f"stored verdicts: {_counted(len(kept.kept), 'principle keeps its', 'principles keep theirs')}"
    if kept.again:
        yield f"  judge again: {', '.join(kept.again)}"
    if kept.gone:
        yield f"  gone: {', '.join(kept.gone)}"
    left = [c.principle for c in found.of("removed")] + [c.before for c in found.of("renamed")]
    if free := [id_ for id_ in left if id_ not in after.retired]:
        yield f"add to `retired`, so that no other rule takes these ids: {', '.join(free)}"


def _count(kind: str, number: int) -> str:
    if kind in {"added", "removed", "renamed"}:
        return f"{number} {kind}"
    return f"{number} {kind} change{'s' * (number != 1)}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _remarks(found: Diff, kept: Validity) -> Iterator[str]:
    """Say what a bump cannot: which words reach a critic, and that only a person can weigh them."""
    read = [c.principle for c in found.changes if c.what in {"text", "exceptions"}]
    deaf = [id_ for id_ in dict.fromkeys(read) if id_ in kept.kept]
    if deaf:
        yield ""
        yield f"text or exceptions changed, the questions did not: {', '.join(deaf)}"
        yield "  the critic is still asked the same; change a question if the rule is to be judged anew"
    asked = {
        c.principle
        for c in found.changes
        if c.kind == "wording" and c.principle in kept.again and c.what != "title"
    }
    if asked:
        yield ""
        yield f"words that a critic is asked changed: {', '.join(sorted(asked))}"
        yield "  this counts as wording; whether the meaning changed too, only you can tell"


def _details(found: Diff) -> Iterator[str]:
    last = None
    for change in found.changes:
        if change.principle != last:
            last = change.principle
            yield ""
            yield last or "(the whole constitution)"
        yield from _change(change)


def _change(change: Change) -> Iterator[str]:
    what = change.what or "principle"
    sign = "~" if bool(change.before) == bool(change.after) else "-" if change.before else "+"
    head = f"  {sign} {change.bump}: {change.kind}" + (f" ({what})" if change.what else "")
    before, after = (" ".join(text.split()) for text in (change.before, change.after))
    if not (before or after):
        yield head
    elif not before or not after or change.kind in {"added", "removed"}:
        yield f"{head}: {_cut(before or after)}"
    elif len(before) + len(after) < _AROUND * 12 and "\n" not in change.before + change.after:
        yield f"{head}: {before} -> {after}"
    else:
        yield head
        yield f"      {_words(before, after)}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _words(before: str, after: str) -> str:
    """Show which words changed: [-gone-] and {+new+}, with a few of their neighbours."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if len(old) * len(new) > _MOST:
        return f"[-{_cut(before)}-]{{+{_cut(after)}+}}"
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    parts: list[str] = []
    blocks = matcher.get_opcodes()
    for place, (kind, a, b, c, d) in enumerate(blocks):
        if kind == "equal":
            parts.append(_neighbours(old[a:b], first=not place, last=place == len(blocks) - 1))
            continue
        parts.append(f"[-{''.join(old[a:b])}-]" if b > a else "")
        parts.append(f"{{+{''.join(new[c:d])}+}}" if d > c else "")
    return "".join(parts)


def _neighbours(words: Sequence[str], *, first: bool, last: bool) -> str:
    around = 2 * _AROUND  # words and the blanks between them
    if len(words) <= 2 * around:
        return "".join(words)
    head = "" if first else "".join(words[:around])
    tail = "" if last else "".join(words[-around:])
    return f"{head} … {tail}"


def _verdict(
    found: Diff, before: Constitution, after: Constitution, demanded: str, *, enough: bool
) -> str:
    if found.bump == "none" and enough:
        return "no bump is demanded"
    if found.bump == "none":
        return f"no bump is demanded, but the version goes back from {before.version} to {after.version}"
    asks = f"these changes demand a {found.bump} bump: {demanded} or later"
    if enough:
        return f"{asks}; {after.version} is enough"
    return f"{asks}; {after.version} is not enough after {before.version}"
