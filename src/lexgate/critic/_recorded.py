"""The backend `recorded/FILE`: judgements somebody or something made before, one JSON line each.

    {"prompt": "…", "response": "…", "principle": "no-harm", "outcome": "violates"}
    {"prompt": "…", "response": "…", "proposition": "refuses", "p": 0.97}
    {"id": "…", "prompt": "…", "response": "…", "judgements": [{"principle": "no-harm", …}, …]}

A prompt is a text, or a list of turns: {"role": "user", "content": "…"}. Lines of the last form are
what `lexgate judge` writes; each of their judgements counts as a line of the first form, with its
probability.
An outcome is violates, complies or abstains (with a `reason` where known) and settles the principle
as a whole. A proposition's line may name a `principle` too, where principles ask different things
under one name. Lines are found again by content: the text a proposition may not see does not count.
Two lines that say different things of one text make the whole file invalid.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from lexgate._digests import digest, digest_file
from lexgate._text import printable
from lexgate.constitutions import WHOLE
from lexgate.critic._exchange import Exchange, Message, as_conversation
from lexgate.critic._prompts import view
from lexgate.critic._protocols import Identity, Silence
from lexgate.critic._verdicts import Abstention, Answer, Judgement, Reason, judgement_from_json
from lexgate.errors import InvalidFile, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lexgate.constitutions import Constitution, Sight
    from lexgate.critic._prompts import Question

__all__ = ["RecordedBackend"]

_OUTCOMES = {"violates": 1.0, "complies": 0.0}
_OUTCOME_KEYS = {"prompt", "response", "principle", "outcome"}
_PROPOSITION_KEYS = {"prompt", "response", "proposition", "p"}
_JUDGED_KEYS = {"id", "prompt", "response", "judgements"}
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class _Record:
    line: int  # from 1
    said: float | Silence


class RecordedBackend:
    """Looks judgements up in a file."""

    verbatim = deaf = True

    def __init__(self, path: Path, constitution: Constitution, name: str = "") -> None:
        self._name = name or f"recorded/{path}"
        self._sights: dict[tuple[str, str], Sight] = {
            (principle.id, p.id): p.sees
            for principle in constitution.principles
            for p in principle.propositions
        }
        self._principles = {principle.id for principle in constitution.principles}
        self._records: dict[str, _Record] = {}
        if not path.is_file():
            raise UsageError(f"{path} is not a file of recorded judgements")
        self.identity = Identity(self._name, digest_file(path))
        problems: list[Problem] = []
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if line.strip():
                wrong = self._take(number, line)
                if wrong:
                    problems.append(Problem(str(path), number, 1, "", wrong))
        if problems:
            raise InvalidFile(tuple(problems))

    def answer(self, question: Question, exchanges: Sequence[Exchange]) -> list[Answer | Silence]:
        """Look one proposition up."""
        return [self._look_up(question, exchange) for exchange in exchanges]

    def settle(
        self, principle: str, exchanges: Sequence[Exchange]
    ) -> list[Answer | Silence | None]:
        """Look whole principles up."""
        found = [self._records.get(_key("outcome", principle, "exchange", e)) for e in exchanges]
        return [None if r is None else self._reply(WHOLE, r.said) for r in found]

    def _look_up(self, question: Question, exchange: Exchange) -> Answer | Silence:
        for principle in (question.principle, ""):
            kind = f"{principle}/{question.proposition}"
            record = self._records.get(_key("proposition", kind, question.sees, exchange))
            if record:
                return self._reply(question.proposition, record.said)
        return Silence("no_answer", f"{self._name}: no line for {question.proposition}")

    def _reply(self, proposition: str, said: float | Silence) -> Answer | Silence:
        return said if isinstance(said, Silence) else Answer(proposition, said, self._name)

    def _take(self, number: int, line: bytes) -> str:
        """Store one line; return what is wrong with it, or nothing."""
        try:
            data = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:  # also a byte that is not UTF-8
            return f"not JSON: {error}"
        if not isinstance(data, dict):
            return "expected an object"
        if "judgements" in data:
            return _misshapen(data, _JUDGED_KEYS, {"rationales"}) or self._take_judged(number, data)
        if "outcome" in data:
            return _misshapen(data, _OUTCOME_KEYS, {"reason"}) or self._take_outcome(number, data)
        return _misshapen(data, _PROPOSITION_KEYS, {"principle"}) or self._take_answer(number, data)

    def _take_judged(self, number: int, data: dict[str, Any]) -> str:
        judgements = data["judgements"]
        if not isinstance(judgements, list) or not judgements:
            return "expected a list of judgements"
        for place, one in enumerate(judgements):
            try:
                judgement = judgement_from_json(one)
                faithful = judgement.to_json() == one
            except (KeyError, TypeError, ValueError) as error:
                return f"judgements[{place}] is no judgement: {type(error).__name__}: {error}"
            if not faithful:
                return f"judgements[{place}] is no judgement: it holds more or other than one does"
            wrong = self._take_judgement(number, data, judgement)
            if wrong:
                return wrong
        return ""

    def _take_judgement(self, number: int, data: dict[str, Any], judgement: Judgement) -> str:
        principle = judgement.principle
        if not isinstance(principle, str) or principle not in self._principles:
            return f"the constitution has no principle {principle!r}"
        said: float | Silence
        if isinstance(judgement, Abstention):
            said = Silence(judgement.reason, f"{self._name}: line {number} abstains")
        else:
            said = judgement.p_violated
        return self._put(number, _key("outcome", principle, "exchange", _exchange(data)), said)

    def _take_outcome(self, number: int, data: dict[str, Any]) -> str:
        principle, outcome = data["principle"], data["outcome"]
        if principle not in self._principles:
            return f"the constitution has no principle {principle!r}"
        if outcome in _OUTCOMES:
            said: float | Silence = _OUTCOMES[outcome]
        elif outcome == "abstains":
            reason: Reason = data.get("reason", "no_answer")
            if reason not in get_args(Reason):
                return f"unknown reason {reason!r}; known: {', '.join(get_args(Reason))}"
            said = Silence(reason, f"{self._name}: line {number} abstains")
        else:
            return f"expected outcome violates, complies or abstains, found {outcome!r}"
        return self._put(number, _key("outcome", principle, "exchange", _exchange(data)), said)

    def _take_answer(self, number: int, data: dict[str, Any]) -> str:
        name, p, principle = data["proposition"], data["p"], data.get("principle", "")
        if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p <= 1:
            return f"expected p in [0, 1], found {p!r}"
        sights = {
            sees
            for (owner, id_), sees in self._sights.items()
            if id_ == name and principle in {"", owner}
        }
        if not sights:
            return f"the constitution asks no {name!r}" + (f" for {principle}" if principle else "")
        wrongs = [
            self._put(number, _key("proposition", f"{principle}/{name}", s, _exchange(data)), p)
            for s in sorted(sights)
        ]
        return next((wrong for wrong in wrongs if wrong), "")

    def _put(self, number: int, key: str, said: float | Silence) -> str:
        old = self._records.setdefault(key, _Record(number, said))
        same = (
            old.said.reason == said.reason
            if isinstance(old.said, Silence) and isinstance(said, Silence)
            else old.said == said
        )
        return "" if same else f"contradicts line {old.line}, which is about the same text"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _misshapen(data: dict[str, Any], keys: set[str], optional: set[str]) -> str:
    missing, unknown = sorted(keys - set(data)), sorted(set(data) - keys - optional)
    if missing:
        return f"expected the keys {', '.join(sorted(keys))}; {missing[0]!r} is missing"
    if unknown:
        return f"unknown key {printable(unknown[0], 40)!r}"
    for key in sorted((keys | optional) - {"judgements", "p", "prompt", "rationales"}):
        if not isinstance(data.get(key, ""), str):
            return f"expected text for {key!r}, found {type(data[key]).__name__}"
    prompt = data["prompt"]
    if isinstance(prompt, list) and prompt and all(map(_is_turn, prompt)):
        return ""
    return (
        ""
        if isinstance(prompt, str)
        else (
            "expected text for 'prompt', or a list of turns of role (system, user, assistant) and "
            f"content, found {type(prompt).__name__}"
        )
    )


def _is_turn(turn: Any) -> bool:
    return (
        isinstance(turn, dict)
        and set(turn) == {"role", "content"}
        and turn["role"] in _ROLES
        and isinstance(turn["content"], str)
    )


def _exchange(data: dict[str, Any]) -> Exchange:
    prompt = data["prompt"]
    if isinstance(prompt, str):
        return Exchange(as_conversation(prompt), data["response"])
    turns = tuple(Message(turn["role"], turn["content"]) for turn in prompt)
    return Exchange(turns, data["response"])


def _key(kind: str, name: str, sees: Sight, exchange: Exchange) -> str:
    return digest([kind, name, sees, view(exchange, sees)])
