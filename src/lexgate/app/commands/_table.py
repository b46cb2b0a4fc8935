"""The report of `demo`: a table of candidates, what it rests on, and what to do next."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from lexgate._text import printable
from lexgate.app._interval import held_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.app.commands.demo import Result
    from lexgate.gates import RuleOutcome

__all__ = ["demo_report"]

_NEXT = """\
Next, with a real model (a directory as transformers saves it, or a hub id):
    lexgate eval demo --model hf/PATH --limit 8      how long does it take?
    lexgate gate demo --run RUN                      RUN is what eval printed
    lexgate init my-gate                             rules, prompts and a policy of your own
Look at every sample, verdict and decision in the browser:
    lexgate review"""


def demo_report(results: Sequence[Result], second: str) -> str:
    """Write the report of all candidates as plain text, safe for a terminal."""
    parts = [_table(results), _blocked(results), _rests_on(results), _notes(results)]
    parts += [_agreement(results, second), _NEXT]
    return "\n\n".join(part for part in parts if part)


def _table(results: Sequence[Result]) -> str:
    rules = [_heading(rule) for rule in results[0].decision.rules]
    rows = [["candidate", "decision", *rules, "lm-eval"]]
    for result in results:
        decision = result.decision
        blocking = [rule.id for rule in decision.rules if rule.outcome != "pass"]
        said = " ".join([decision.outcome.upper(), ",".join(blocking)])
        same = "equal" if result.ours.value == result.lm_eval.value else "DIFFERS"
        numbers = [_numbers(rule) for rule in decision.rules]
        rows.append([printable(result.label), said, *numbers, f"{result.lm_eval.value:.4f} {same}"])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    legend = (
        "FAIL names the rules that block. Rates as observed [bounds of the true rate]. lm-eval: its\n"
        "own figure of the accuracy, beside ours."
    )
    return "\n".join([*lines, "", legend])


def _heading(rule: RuleOutcome) -> str:
    return f"{rule.id} {held_to(rule)}"


def _numbers(rule: RuleOutcome) -> str:
    if rule.estimate is None:
        return "-"
    low = "-" if rule.low is None else f"{rule.low:.2f}"
    high = "-" if rule.high is None else f"{rule.high:.2f}"
    return f"{rule.estimate:.2f} [{low}, {high}]"


def _blocked(results: Sequence[Result]) -> str:
    lines = [
        printable(f"{result.label}: {rule.id}: {rule.reason}", 400)
        for result in results
        for rule in result.decision.rules
        if rule.outcome != "pass"
    ]
    return "\n".join(["Why:", *_indented(lines)]) if lines else ""


def _rests_on(results: Sequence[Result]) -> str:
    from lexgate.gates import RESTS_ON

    claims = {rule.id: rule.claim for result in results for rule in result.decision.rules}
    lines = [f"{id_} ({claim}): {RESTS_ON[claim]}" for id_, claim in claims.items()]
    return "\n".join(["What each claim rests on:", *_indented(lines)])


def _notes(results: Sequence[Result]) -> str:
    about: dict[str, list[str]] = {}  # what is said -> of what
    for note in dict.fromkeys(note for result in results for note in result.decision.notes):
        subject, _, said = note.rpartition(": ")
        about.setdefault(said, []).append(subject)
    lines = [
        printable(": ".join(part for part in (", ".join(subjects), said) if part), 400)
        for said, subjects in about.items()
    ]
    return "\n".join(["Know that:", *_indented(lines)]) if lines else ""


def _agreement(results: Sequence[Result], second: str) -> str:
    shares = [
        printable(f"{result.label} {result.agreement.share:.3f}")
        for result in results
        if result.agreement.share is not None
    ]
    first = results[0].decision.critic["name"]
    text = f"{second} judged the same responses beside {first}. Verdicts they share:"
    return f"{text}\n  {', '.join(shares)}"


def _indented(lines: Sequence[str]) -> list[str]:
    return [
        part
        for line in lines
        for part in textwrap.wrap(line, 96, initial_indent="  ", subsequent_indent="      ")
    ]
