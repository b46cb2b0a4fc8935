"""Selection: the answers of a finished run that a loop may train its next candidate on.

An answer enters only when the critic said of every asked principle that it complies. Whatever was
not said (an abstention, a missing verdict, no answer) keeps it out, and each reason is counted.
Every example carries where it came from, so that a trained checkpoint can be traced to verdicts.
Laws (tested): examples and exclusions add up to the samples declared; turning a verdict into an
abstention never adds an example; no held-out prompt ever enters.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from lexgate._digests import canonical_json, digest
from lexgate._files import write_atomic
from lexgate.critic import Abstention
from lexgate.errors import EvidenceError, UsageError
from lexgate.evals import AnswerRow, SampleRow, VerdictRow
from lexgate.gates import RunFacts, read_facts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from lexgate.evals import Row
    from lexgate.gates import RunLike

__all__ = [
    "Exclusion",
    "Selection",
    "TrainingExample",
    "prompt_digest",
    "prompt_digests",
    "select",
    "write_jsonl",
]

Exclusion = Literal[
    "unanswered",  # the candidate gave no answer
    "truncated",  # the answer was cut at max_new_tokens
    "unjudged",  # no verdict on one of the principles
    "abstained",  # the critic could not judge one of the principles
    "violates",  # the critic judged that one of the principles is violated
]


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One answer worth learning from, with all it rests on."""

    prompt: tuple[tuple[str, str], ...]  # (role, content)
    response: str
    task: str
    sample: str
    run: str
    candidate: str  # digest of the model that answered
    critic: str  # digest of the critic that judged
    constitution: str  # digest of the rules it was judged by
    prompt_digest: str  # of `prompt`, see `prompt_digest`
    critic_prompts: tuple[tuple[str, str], ...]  # (principle, digest of what the critic was asked)
    p_violated: tuple[tuple[str, float], ...]  # (principle, probability), each below one half
    rows: tuple[str, ...]  # keys of the rows: sample, answer, then one verdict per principle

    def to_json(self) -> dict[str, Any]:
        """Give it as TRL reads it (conversational prompt and completion), with `provenance`."""
        return {
            "prompt": [{"role": role, "content": content} for role, content in self.prompt],
            "completion": [{"role": "assistant", "content": self.response}],
            "provenance": {
                "run": self.run,
                "task": self.task,
                "sample": self.sample,
                "candidate": self.candidate,
                "critic": self.critic,
                "constitution": self.constitution,
                "prompt_digest": self.prompt_digest,
                "critic_prompts": dict(self.critic_prompts),
                "p_violated": dict(self.p_violated),
                "rows": list(self.rows),
            },
        }


@dataclass(frozen=True, slots=True)
class Selection:
    """What was selected from a run, and how many samples were not, by reason."""

    run: str
    principles: tuple[str, ...]
    examples: tuple[TrainingExample, ...]  # in the run's order
    excluded: tuple[tuple[Exclusion, int], ...]  # every reason, zeros included


def prompt_digest(prompt: Sequence[tuple[str, str]]) -> str:
    """Digest what a prompt, given as (role, content) turns, asks: what `held_out` is made of.

    Only the user's turns count, and neither case, white space, Unicode form nor invisible
    characters do: a prompt that merely looks another is the same to whoever trains on it.
    """
    return digest([_plain(content) for role, content in prompt if role == "user"])


def _plain(text: str) -> str:
    seen = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return " ".join("".join(seen).casefold().split())


def prompt_digests(run: RunLike) -> frozenset[str]:
    """Digest every prompt of a run, so that what a gate measures on can be held out.

    Raises:
        EvidenceError: its rows are damaged.
    """
    return frozenset(prompt_digest(r.prompt) for r in run.rows() if isinstance(r, SampleRow))


def select(run: RunLike, *, principles: Sequence[str], held_out: Collection[str]) -> Selection:
    """Select the answers of a finished run that comply with every principle.

    Args:
        run: A complete run with a critic that is not its candidate.
        principles: Ids; an answer needs a verdict on each.
        held_out: Digests of prompts that may never be trained on (`prompt_digests` of a run of the
            suite the gate uses). Asked for, since forgetting it would blind the gate.

    Raises:
        UsageError: the run holds held-out prompts, judges itself, or does not judge a principle.
        EvidenceError: the run is cut or damaged.
    """
    if not run.complete:
        message = f"the run {run.id} was cut: only a finished run is selected from; resume it"
        raise EvidenceError(message)
    origin = _origin(run, tuple(principles))
    rows = _read(run)
    _check_held_out(run, rows, held_out)
    examples: list[TrainingExample] = []
    excluded: Counter[Exclusion] = Counter()
    for place in rows.samples:
        found = _example(origin, rows, place)
        if isinstance(found, TrainingExample):
            examples.append(found)
        else:
            excluded[found] += 1
    counts = tuple((reason, excluded[reason]) for reason in get_args(Exclusion))
    return Selection(run.id, tuple(principles), tuple(examples), counts)


def write_jsonl(selection: Selection, path: Path) -> None:
    """Write the examples, one JSON object a line; the file is whole or absent."""
    lines = (canonical_json(example.to_json()) + b"\n" for example in selection.examples)
    write_atomic(path, b"".join(lines))


@dataclass(frozen=True, slots=True)
class _Rows:
    """A run's rows by place, a place being (task, sample)."""

    samples: dict[tuple[str, str], SampleRow] = field(default_factory=dict)
    answers: dict[tuple[str, str], AnswerRow] = field(default_factory=dict)
    verdicts: dict[tuple[str, str, str], VerdictRow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Origin:
    """What all examples of a run have in common."""

    run: str
    candidate: str
    critic: str
    constitution: str
    critic_prompts: tuple[tuple[str, str], ...]  # one per asked principle


def _origin(run: RunLike, principles: tuple[str, ...]) -> _Origin:
    if not principles or len(set(principles)) != len(principles):
        raise UsageError("a selection needs principles, each once")
    facts = read_facts(run.manifest)
    if facts.critic is None or facts.constitution_digest is None:
        message = f"the run {run.id} has no critic: nothing in it was judged"
        raise UsageError(message)
    own = facts.candidate["digest"]
    critics = (facts.critic, *facts.critic.get("backends", ()))
    if any(critic.get("digest") == own for critic in critics):
        message = f"the candidate of {run.id} is its own critic: its verdicts select nothing"
        raise UsageError(message)
    return _Origin(
        run=run.id,
        candidate=own,
        critic=facts.critic["digest"],
        constitution=facts.constitution_digest,
        critic_prompts=_asked(run.id, facts, principles),
    )


def _asked(run: str, facts: RunFacts, principles: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    prompts = dict(facts.prompts)
    judged = {id_ for task in facts.tasks for id_ in task.principles} & prompts.keys()
    for principle in principles:
        if principle not in judged:
            known = ", ".join(sorted(judged))
            message = f"the run {run} judges no principle {principle!r}; it judges {known}"
            raise UsageError(message)
    return tuple((id_, prompts[id_]) for id_ in principles)


def _read(run: RunLike) -> _Rows:
    rows = _Rows()
    for row in run.rows():
        if not _add(rows, row):
            message = f"the run {run.id} is damaged: a second {row.kind} row, {row.key}"
            raise EvidenceError(message)
    return rows


def _add(rows: _Rows, row: Row) -> bool:
    """File a row; False where one stands already."""
    if isinstance(row, SampleRow):
        return rows.samples.setdefault((row.task, row.sample), row) is row
    if isinstance(row, AnswerRow):
        return rows.answers.setdefault((row.task, row.sample), row) is row
    if isinstance(row, VerdictRow):
        place = (row.task, row.sample, row.judgement.principle)
        return rows.verdicts.setdefault(place, row) is row
    return True


def _check_held_out(run: RunLike, rows: _Rows, held_out: Collection[str]) -> None:
    barred = frozenset(held_out)
    count = sum(prompt_digest(sample.prompt) in barred for sample in rows.samples.values())
    if count:
        message = (
            f"{count} of {len(rows.samples)} prompts of the run {run.id} are held out: training on "
            "what a gate measures with would make the gate blind. Select from a run on other "
            "prompts"
        )
        raise UsageError(message)


def _example(origin: _Origin, rows: _Rows, place: tuple[str, str]) -> TrainingExample | Exclusion:
    """Make the example of one sample, or say why there is none."""
    sample, answer = rows.samples[place], rows.answers.get(place)
    if answer is None:
        return "unanswered"
    if answer.finish != "stop":
        return "truncated"
    keys, beliefs = [sample.key, answer.key], []
    for principle, _ in origin.critic_prompts:
        row = rows.verdicts.get((*place, principle))
        if row is None:
            return "unjudged"
        judgement = row.judgement
        if isinstance(judgement, Abstention):
            return "abstained"
        # Said the safe way round: a probability that is no number is not below one half.
        if judgement.violated or not judgement.p_violated < 0.5:
            return "violates"
        keys.append(row.key)
        beliefs.append((principle, judgement.p_violated))
    return TrainingExample(
        prompt=sample.prompt,
        response=answer.response,
        task=sample.task,
        sample=sample.sample,
        run=origin.run,
        candidate=origin.candidate,
        critic=origin.critic,
        constitution=origin.constitution,
        prompt_digest=prompt_digest(sample.prompt),
        critic_prompts=origin.critic_prompts,
        p_violated=tuple(beliefs),
        rows=tuple(keys),
    )
