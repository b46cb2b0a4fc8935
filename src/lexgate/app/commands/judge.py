"""`lexgate judge CONSTITUTION --input rows.jsonl --critic C`: judges exchanges that already exist.

One line in: `{"id": …, "prompt": "…" or [{"role", "content"}, …], "response": "…"}`. One line out
for each: the same, and `judgements`, one per principle in the order asked. Nothing is dropped: what
a critic cannot judge is an abstention with its reason. Law (tested): the critic `recorded/FILE`
reads what this verb writes, and gives the same judgements again.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lexgate._text import printable
from lexgate.app.commands._shared import (
    ARGUMENTS,
    CRITICS,
    answer,
    check_place,
    json_option,
    pairs,
    quiet,
    say,
    split_names,
)
from lexgate.app.commands._summary import report_lines
from lexgate.errors import EvidenceError, InvalidFile, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lexgate.constitutions import Constitution
    from lexgate.critic import (
        Conversation,
        Critic,
        Exchange,
        Judgement,
        Model,
        Rationale,
        Silence,
    )

    Explainer = Callable[
        [Sequence[Exchange], Sequence[Sequence[Judgement]]], list[list[dict[str, Any]]]
    ]

__all__ = ["Judged", "command", "read_exchanges"]

_BATCH = 64  # exchanges judged between two lines of progress
_KEYS = frozenset({"id", "prompt", "response"})
_ROLES = frozenset({"system", "user", "assistant"})


@dataclass(frozen=True, slots=True)
class Judged:
    """One exchange to judge, with the id its judgements carry."""

    id: str
    exchange: Exchange


@click.command()
@click.argument("constitution")
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    required=True,
    help='JSONL of {"id", "prompt", "response"}.',
)
@click.option("--critic", "critics", metavar="C", multiple=True, help=CRITICS)
@click.option(
    "--principle", "wanted", metavar="ID", multiple=True, help="Only these. [default: all]"
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where judgements go; --json needs it. [default: stdout]",
)
@click.option(
    "--rationale",
    metavar="MODEL",
    help="Have this model explain each verdict after it was read; quotes are checked.",
)
@click.option(
    "-R",
    "rationale_options",
    metavar="K=V",
    multiple=True,
    help="An argument of that model. [default: those of -M, if a critic is of the same provider]",
)
@click.option("--allow-code", is_flag=True, help="Let a critic model run code of its own.")
@click.option(
    "-M",
    "options",
    metavar="K=V",
    multiple=True,
    help=f"An argument of a critic that is a model: {ARGUMENTS}.",
)
@json_option
def command(
    *,
    constitution: str,
    source: Path,
    critics: tuple[str, ...],
    wanted: tuple[str, ...],
    output: Path | None,
    rationale: str | None,
    rationale_options: tuple[str, ...],
    allow_code: bool,
    options: tuple[str, ...],
    as_json: bool,
) -> int:
    """Judge the exchanges of a JSONL file; print each with a judgement per principle.

    The output can be given to the critic recorded/FILE. With --json, judgements go to the file of
    -o, and a summary is the one object on stdout.

    Exit code: 0 judged (also where some are abstentions), 4 the critic failed on every one.
    """
    if as_json and output is None:
        raise UsageError("--json prints the summary on stdout: say with -o where judgements go")
    names = split_names(critics) or ("checks", "exemplars")
    recorded = [name.removeprefix("recorded/") for name in names if name.startswith("recorded/")]
    check_place(output, [source, constitution, *recorded])
    quiet()
    from lexgate.constitutions import find
    from lexgate.critic import open_critic, open_model

    rules = find(constitution)
    principles = _principles(rules, split_names(wanted))
    judged = read_exchanges(source)
    critic = open_critic(names, rules, pairs(options), allow_code=allow_code)
    explained = None
    if rationale:
        provider = rationale.partition("/")[0]
        same = any(part.partition("/")[0] == provider for n in names for part in n.split(">"))
        own = rationale_options or (options if same else ())
        model = open_model(rationale, pairs(own, "-R"), allow_code=allow_code)
        explained = _explainer(rules, model)
    lines, counts, failure = _judge(critic, judged, principles, explained)
    if output:
        from lexgate._files import write_atomic

        write_atomic(output, "".join(line + "\n" for line in lines).encode("ascii"))
    else:
        for line in lines:
            click.echo(line)
    summary = _summary(
        rules, critic, exchanges=len(judged), counts=counts, failure=failure, output=output
    )
    if as_json:
        answer(summary)
    _tell(summary)
    if failure:
        say(printable(f"  the critic failed, first so: {failure}", 600))
    for line in report_lines(critic.reports()):
        say(f"  {line}")
    return _exit_code(counts)


def _summary(
    rules: Constitution,
    critic: Critic,
    *,
    exchanges: int,
    counts: dict[str, dict[str, int]],
    failure: str,
    output: Path | None,
) -> dict[str, Any]:
    return {
        "constitution": {"reference": rules.reference, "digest": rules.digest},
        "critic": {"name": critic.identity.name, "digest": critic.identity.digest},
        "exchanges": exchanges,
        "judgements": counts,
        "failure": failure or None,
        "reports": critic.reports(),
        "output": str(output) if output else None,
    }


def _principles(rules: Constitution, wanted: Sequence[str]) -> tuple[str, ...]:
    known = tuple(principle.id for principle in rules.principles)
    if unknown := [id_ for id_ in wanted if id_ not in known]:
        raise UsageError(
            f"{rules.reference} has no principle '{unknown[0]}'\n"
            f"    hint: it has {', '.join(known)}"
        )
    return tuple(wanted) or known


def _explainer(rules: Constitution, model: Model) -> Explainer:
    """Make what adds rationales to the lines of a batch; verdicts stand before it is asked."""
    from lexgate.critic import Rationale, Silence, explain

    def explained(
        exchanges: Sequence[Exchange], judged: Sequence[Sequence[Judgement]]
    ) -> list[list[dict[str, Any]]]:
        found: list[list[dict[str, Any]]] = [[] for _ in exchanges]
        for place, judgement in enumerate(judged[0]):
            principle = rules.principle(judgement.principle)
            replies: Sequence[Rationale | Silence]
            try:
                replies = explain(model, principle, exchanges, [each[place] for each in judged])
            except EvidenceError as error:  # verdicts stand without it
                replies = [Silence("failed", printable(str(error), 300))] * len(exchanges)
            for into, reply in zip(found, replies, strict=True):
                if isinstance(reply, Rationale):
                    into.append(reply.to_json())
                else:
                    into.append({"principle": principle.id, "none": reply.detail})
        return found

    return explained


def _judge(
    critic: Critic,
    judged: Sequence[Judged],
    principles: Sequence[str],
    explained: Explainer | None = None,
) -> tuple[list[str], dict[str, dict[str, int]], str]:
    lines: list[str] = []
    failure = ""
    counts: dict[str, Counter[str]] = {principle: Counter() for principle in principles}
    for start in range(0, len(judged), _BATCH):
        batch = judged[start : start + _BATCH]
        exchanges = [item.exchange for item in batch]
        replies = critic.judge(exchanges, principles)
        rationales = explained(exchanges, replies) if explained else None
        for place, (item, judgements) in enumerate(zip(batch, replies, strict=True)):
            for judgement in judgements:
                counts[judgement.principle][_word(judgement)] += 1
                failure = failure or _failure(judgement)
            line = _line(item, judgements)
            if rationales:
                line["rationales"] = rationales[place]
            lines.append(json.dumps(line, allow_nan=False))
        say(f"judged {start + len(batch)} of {len(judged)}")
    told = {principle: dict(sorted(found.items())) for principle, found in counts.items()}
    return lines, told, failure


def _failure(judgement: Judgement) -> str:
    """Return why a critic failed, where it did."""
    row = judgement.to_json()
    return str(row["detail"]) if row.get("reason") in {"failed", "budget"} else ""


def _line(item: Judged, judgements: Sequence[Judgement]) -> dict[str, Any]:
    turns = item.exchange.prompt
    # As it was given: text for one turn of a user, else the turns.
    alone = len(turns) == 1 and turns[0].role == "user"
    prompt = turns[0].content if alone else [{"role": m.role, "content": m.content} for m in turns]
    judged = [judgement.to_json() for judgement in judgements]
    return {
        "id": item.id,
        "prompt": prompt,
        "response": item.exchange.response,
        "judgements": judged,
    }


def _word(judgement: Judgement) -> str:
    row = judgement.to_json()
    outcome = str(row["outcome"])
    return f"abstains: {row['reason']}" if outcome == "abstains" else outcome


def _exit_code(counts: Mapping[str, Mapping[str, int]]) -> int:
    words = {word for found in counts.values() for word in found}
    return EvidenceError.exit_code if words == {"abstains: failed"} else 0


def _tell(summary: Mapping[str, Any]) -> None:
    say(f"{summary['constitution']['reference']} by {summary['critic']['name']}")
    for principle, found in summary["judgements"].items():
        say(f"  {principle}: " + ", ".join(f"{count} {word}" for word, count in found.items()))


def read_exchanges(path: Path) -> tuple[Judged, ...]:
    """Read the exchanges of a JSONL file.

    Raises:
        UsageError: the file is missing, is not UTF-8 or holds no line.
        InvalidFile: lines are not exchanges; carries a problem for every one.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        kind = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "is no file"
        raise UsageError(f"{path} {kind}: expected JSONL of id, prompt and response") from error
    judged: list[Judged] = []
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = _exchange(line)
        except ValueError as error:
            problems.append(Problem(str(path), number, 1, "", str(error)))
            continue
        if item.id in first:
            message = f"the id '{item.id}' stands on line {first[item.id]} already"
            problems.append(Problem(str(path), number, 1, "id", message))
        first.setdefault(item.id, number)
        judged.append(item)
    if problems:
        raise InvalidFile(tuple(problems))
    if not judged:
        raise UsageError(f"{path} holds no exchange: expected a line of JSON for each")
    return tuple(judged)


def _exchange(line: str) -> Judged:
    from lexgate.critic import Exchange

    try:
        data = json.loads(line, object_pairs_hook=_once)
    except RecursionError as error:
        message = "the JSON is nested too deep: expected an object of id, prompt and response"
        raise ValueError(message) from error
    if not isinstance(data, dict) or set(data) != _KEYS:
        found = ", ".join(map(str, data)) if isinstance(data, dict) else type(data).__name__
        message = f"expected an object of id, prompt and response, found {found or 'none of them'}"
        raise ValueError(message)
    if not (isinstance(data["id"], str) and data["id"] and isinstance(data["response"], str)):
        message = "expected text as id and as response"
        raise ValueError(message)
    return Judged(data["id"], Exchange(_prompt(data["prompt"]), data["response"]))


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(members)
    if len(data) < len(members):
        message = "a key stands twice"
        raise ValueError(message)
    return data


def _prompt(data: Any) -> Conversation:
    from lexgate.critic import Message, as_conversation

    if isinstance(data, str):
        return as_conversation(data)
    turns = data if isinstance(data, list) else []
    if not turns or not all(
        isinstance(turn, dict)
        and set(turn) == {"role", "content"}
        and isinstance(turn["role"], str)
        and turn["role"] in _ROLES
        and isinstance(turn["content"], str)
        for turn in turns
    ):
        message = (
            "expected as prompt a text, or turns of role (system, user, assistant) and content"
        )
        raise ValueError(message)
    return tuple(Message(turn["role"], turn["content"]) for turn in turns)
