"""`lexgate show PRINCIPLE`: what a critic is asked about it, word for word, and how long that is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lexgate.app.commands._shared import answer, json_option
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lexgate.constitutions import Constitution, Principle
    from lexgate.critic import CriticPrompt, Exchange, Length

__all__ = ["command"]

_WORKSPACE = Path("constitutions")


@click.command()
@click.argument("principle")
@click.option(
    "--in",
    "constitution",
    metavar="CONSTITUTION",
    help="A file or a name. [default: what ./constitutions holds, else what ships]",
)
@click.option("--example", metavar="ID", help="Fill the prompts with this public example.")
@click.option(
    "--tokenizer",
    type=click.Path(path_type=Path),
    help="A model's directory: count tokens as it does. [default: an estimate]",
)
@json_option
def command(
    principle: str,
    constitution: str | None,
    example: str | None,
    tokenizer: Path | None,
    as_json: bool,
) -> int:
    """Show the compiled prompts of PRINCIPLE as a critic sees them, with their token counts.

    "shared" tokens stand before the exchange and are the same for every question; "own" ones come
    after it, and are what one more question about an exchange costs.
    """
    from lexgate.critic import compile_prompts, estimate, length_of, token_counter

    rules = _constitution_of(principle, constitution)
    found = rules.principle(principle)
    prompt = next(p for p in compile_prompts(rules) if p.principle == principle)
    count = estimate if tokenizer is None else token_counter(tokenizer)
    lengths = {q.proposition: length_of(q, count) for q in prompt.questions}
    exchange = _exchange(found, example)
    if as_json:
        answer(_plain(rules, prompt, lengths, exchange) | {"estimated": tokenizer is None})
    else:
        for line in _lines(rules, found, prompt, lengths, exchange, exact=tokenizer is not None):
            _echo(line)
    return 0


def _echo(line: str) -> None:
    from lexgate._text import printable

    click.echo(printable(line, len(line)))  # whole, however long: it is shown word for word


def _constitution_of(principle: str, named: str | None) -> Constitution:
    from lexgate._documents import did_you_mean
    from lexgate.constitutions import find

    places = [[find(named)]] if named is not None else [list(_local()), list(_shipped())]
    for place in places:
        holders = [rules for rules in place if any(p.id == principle for p in rules.principles)]
        if len(holders) == 1:
            return holders[0]
        if holders:
            listed = ", ".join(rules.reference for rules in holders)
            raise UsageError(
                f"several constitutions have a principle '{principle}': {listed}\n"
                f"    hint: say which one with --in"
            )
    known = {p.id: rules.reference for place in places for rules in place for p in rules.principles}
    hint = did_you_mean(principle, known) or f"there are {', '.join(sorted(known)[:20])}"
    looked = named or "./constitutions and what ships"
    raise UsageError(f"no principle '{principle}' in {looked}\n    hint: {hint}")


def _local() -> Iterator[Constitution]:
    """Read the newest version of each constitution in the workspace."""
    from lexgate._yaml_head import heads
    from lexgate.constitutions import load

    newest: dict[str, tuple[tuple[int, ...], Path | None]] = {}
    for head in heads(_WORKSPACE, "constitution"):
        order = tuple(map(int, head.version.split("."))) if head.version else ()
        if order >= newest.get(head.name, ((), None))[0]:
            newest[head.name] = (order, head.path)
    for _, path in newest.values():
        if path is not None:
            yield load(path)


def _shipped() -> Iterator[Constitution]:
    from lexgate.constitutions import find, shipped

    for name in dict.fromkeys(reference.partition("@")[0] for reference in shipped()):
        yield find(name, Path(__file__).parent)  # not from the workspace: that was looked through


def _exchange(principle: Principle, example: str | None) -> Exchange:
    from lexgate.critic import Exchange, as_conversation

    if example is None:
        return Exchange(as_conversation("<the prompt>"), "<the response>")
    public = {e.id: e for e in principle.examples if e.split == "public"}
    if example not in public:
        raise UsageError(
            f"{principle.id} has no public example '{example}'\n"
            f"    hint: it has {', '.join(public) or 'none'}"
        )
    return Exchange(as_conversation(public[example].prompt), public[example].response)


def _plain(
    rules: Constitution, prompt: CriticPrompt, lengths: dict[str, Length], exchange: Exchange
) -> dict[str, Any]:
    return {
        "constitution": {"reference": rules.reference, "digest": rules.digest},
        "principle": prompt.principle,
        "digest": prompt.digest,
        "violated_when": str(prompt.violated_when),
        "cost": {
            "questions": len(lengths),
            "question_tokens": sum(length.own for length in lengths.values()),
        },
        "questions": [
            {
                "proposition": q.proposition,
                "sees": q.sees,
                "digest": q.digest,
                "tokens": {
                    "shared": lengths[q.proposition].shared,
                    "own": lengths[q.proposition].own,
                },
                "prompt": [{"role": m.role, "content": m.content} for m in q.render(exchange)],
            }
            for q in prompt.questions
        ],
    }


def _lines(
    rules: Constitution,
    principle: Principle,
    prompt: CriticPrompt,
    lengths: dict[str, Length],
    exchange: Exchange,
    *,
    exact: bool,
) -> Iterator[str]:
    about = "" if exact else "about "
    yield f"{rules.reference} {principle.id}: {principle.title}"
    yield f"violated when: {prompt.violated_when}"
    yield f"prompt digest: {prompt.digest}"
    for question in prompt.questions:
        length = lengths[question.proposition]
        yield ""
        yield (
            f"{question.proposition} (sees the {question.sees}): {about}{length.total} tokens "
            f"without the exchange, {length.shared} shared, {length.own} own"
        )
        for message in question.render(exchange):
            yield from (f"  | {line}" for line in message.content.split("\n"))
    own = sum(length.own for length in lengths.values())
    count = len(lengths)
    yield ""
    yield (
        f"cost of a verdict: the exchange + {count} x {about}{own / count:.0f} tokens, "
        f"{about}{own} of questions in all; whatever else is asked shares the exchange"
    )
    if not exact:
        yield "tokens are estimated; --tokenizer DIR counts them as a model does"
