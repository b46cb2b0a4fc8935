"""The formats that take all questions about one text in one request: what is sent, what is read.

A reply counts only if it answers exactly what this request asked: its ids carry a nonce that no
other request and no judged text can know. A reply with a question missing, added, out of place or
answered twice is none (`GarbledError`); an answer that is no probability is silence on that
question alone. Laws (tested): reading gives one probability or Silence per question, in order, or
raises GarbledError, whatever the reply.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lexgate._text import printable
from lexgate.constitutions import ANSWER
from lexgate.critic._protocols import Silence
from lexgate.critic._strict import new_nonce, parse_answers
from lexgate.critic.openai._client import Call
from lexgate.critic.openai._replies import GarbledError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Reading = list[float | Silence]
    Ask = Callable[[str, str, Sequence[str]], Call]

__all__ = ["WIRES", "Format", "only_choice", "refusal_of"]


@dataclass(frozen=True, slots=True)
class Format:
    """A wire that takes many questions at once: model, state and asks to a call."""

    ask: Ask
    most: int  # questions a request may hold


def _decisions(model: str, state: str, asks: Sequence[str]) -> Call:
    ids = _ids(len(asks))
    questions = ",".join(
        f'{{"type":"predicate","instructions":{_predicate(ask)},"name":"{id_}"}}'
        for id_, ask in zip(ids, asks, strict=True)
    )
    body = f'{{"model":{_text(model)},"input":{json.dumps(state)},"questions":[{questions}]}}'
    return Call("/decisions", body.encode(), lambda data: _read_decisions(data, ids))


def _systemone(model: str, state: str, asks: Sequence[str]) -> Call:
    ids = _ids(len(asks))
    questions = ",".join(
        f'"{id_}":{{"type":"noul","instructions":{_noul(ask)}}}'
        for id_, ask in zip(ids, asks, strict=True)
    )
    body = f'{{"model":{_text(model)},"state":{json.dumps(state)},"questions":{{{questions}}}}}'
    return Call("/systemone", body.encode(), lambda data: _read_systemone(data, ids))


def _structured(model: str, state: str, asks: Sequence[str]) -> Call:
    ids = [f"q{number}" for number in range(1, len(asks) + 1)]
    nonce = new_nonce()
    lines = [f"{id_}: {_question(ask)}" for id_, ask in zip(ids, asks, strict=True)]
    # The nonce comes last: all before it is alike for the server's prefix cache.
    form = '{"nonce": NONCE, "answers": {"q1": "yes" or "no", ...}}'
    order = f"Answer each of q1 to {ids[-1]} with yes or no. Reply with nothing but {form}"
    content = "\n".join([state, *lines, f"{order}, where NONCE is {json.dumps(nonce)}."])
    most = 64 + 16 * len(asks)
    body = {
        "model": model,
        "messages": [{"role": "user", "content": content}],
        "temperature": 0,
        "max_tokens": most,
        "response_format": {"type": "json_schema", "json_schema": _schema(len(asks))},
    }
    encoded = json.dumps(body).encode()
    return Call("/chat/completions", encoded, lambda data: _read_structured(data, nonce, ids), most)


# `decisions` takes 400 questions; a reply that fails is asked for again as a whole.
WIRES = {
    "decisions": Format(_decisions, 128),
    "systemone": Format(_systemone, 64),
    "structured": Format(_structured, 32),
}


def refusal_of(choice: Any) -> Silence | None:
    """Tell a refusal that the API marks as one from a reply."""
    message = choice.get("message")
    refusal = message.get("refusal") if isinstance(message, dict) else None
    if refusal:
        return Silence("refused", f"the critic refused: {printable(str(refusal), 120)}")
    if choice.get("finish_reason") == "content_filter":
        return Silence("refused", "the server's content filter stopped the critic")
    return None


def _ids(count: int) -> list[str]:
    nonce = secrets.token_hex(8)
    return [f"q{number}-{nonce}" for number in range(1, count + 1)]


@lru_cache(4096)
def _text(text: str) -> str:
    return json.dumps(text)


def _question(ask: str) -> str:
    return ask.removesuffix(f"\n{ANSWER}")


@lru_cache(4096)
def _noul(ask: str) -> str:
    return json.dumps(_question(ask))


@lru_cache(4096)
def _predicate(ask: str) -> str:
    # A predicate is a statement by its definition, and a principle asks a question.
    return json.dumps(f"{_question(ask)}\nTrue means that the answer is yes.")


@lru_cache(64)
def _schema(count: int) -> dict[str, Any]:
    """Make one schema per number of questions: servers compile each new one, and keep it."""
    ids = [f"q{number}" for number in range(1, count + 1)]
    answer = {"type": "string", "enum": ["yes", "no"]}
    answers = _closed(dict.fromkeys(ids, answer))
    schema = _closed({"nonce": {"type": "string"}, "answers": answers})
    return {"name": "answers", "strict": True, "schema": schema}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _read_decisions(data: Any, ids: Sequence[str]) -> Reading:
    answers = data.get("answers") if isinstance(data, dict) else None
    if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
        raise GarbledError("it has no list of answers")
    if [answer.get("name") for answer in answers] != ids:
        raise GarbledError("its answers are not to what was asked, one each in order")
    return [_probability(answer, "predicate", "probability") for answer in answers]


def _read_systemone(data: Any, ids: Sequence[str]) -> Reading:
    answers = data.get("answers") if isinstance(data, dict) else None
    if not isinstance(answers, dict) or answers.keys() != set(ids):
        raise GarbledError("its answers are not to what was asked, one each")
    return [_probability(answers[id_], "noul", "noul") for id_ in ids]


def _probability(answer: Any, kind: str, key: str) -> float | Silence:
    found = answer.get("type") if isinstance(answer, dict) else None
    if found == "refusal":
        return Silence("refused", "the critic refused this question")
    value: Any = answer.get(key) if found == kind else None
    if type(value) not in {int, float} or not 0.0 <= value <= 1.0:
        wrong = printable(repr(answer), 120)
        return Silence("unparsable", f"the critic's answer is no probability of a {kind}: {wrong}")
    return float(value)


def _read_structured(data: Any, nonce: str, ids: Sequence[str]) -> Reading:
    choice = only_choice(data)
    if silence := refusal_of(choice):
        return [silence] * len(ids)
    if choice.get("finish_reason") != "stop":
        cut = f"the critic's reply ended by {printable(repr(choice.get('finish_reason')), 40)}"
        return [Silence("unparsable", f"{cut}, not of itself")] * len(ids)
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, str):
        return [Silence("unparsable", "the critic's reply holds no text")] * len(ids)
    answers = parse_answers(content, nonce, ids)
    if isinstance(answers, Silence):
        return [answers] * len(ids)
    return [1.0 if answers[id_] else 0.0 for id_ in ids]


def only_choice(data: Any) -> dict[str, Any]:
    """Take the one choice of a completion.

    Raises:
        GarbledError: there is not exactly one.
    """
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise GarbledError("it does not hold exactly one choice")
    return choices[0]
