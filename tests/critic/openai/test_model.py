"""Candidates on a server, options, and names."""

import dataclasses
import json

import pytest
from aiohttp import web
from tests.critic.openai.conftest import KEY

from lexgate.critic import LABELS, Decoding, LabelScores, as_conversation, open_critic, open_model
from lexgate.critic.openai._model import OpenAiModel
from lexgate.critic.openai._settings import OPTIONS, read_settings
from lexgate.errors import EvidenceError, UsageError

TALKS = [as_conversation(text) for text in ("One?", "Two?", "Three?")]


@pytest.fixture
def model(client):
    return lambda **options: OpenAiModel(client(**options))


def answers(**fields):
    choice = {"finish_reason": "stop", "message": {"content": "Hi."}} | fields
    return lambda *_: web.json_response({"choices": [choice]})


def test_a_candidate_answers_in_order(model, server):
    found = model().generate(TALKS, Decoding(7, 0.5))
    assert [reply.text for reply in found] == ["Re: One?", "Re: Two?", "Re: Three"]
    body = server.seen[0][2]
    assert (body["max_tokens"], body["temperature"]) == (7, 0.5)


def test_a_server_that_counts_nothing_is_counted_for(model, server):
    server.respond = answers()
    reply = model().generate(TALKS[:1], Decoding())[0]
    assert reply.prompt_tokens > 0
    assert reply.output_tokens == 1


def test_a_candidate_that_refuses_has_answered(model, server):
    server.respond = answers(message={"content": None, "refusal": "I will not."})
    assert model().generate(TALKS[:1], Decoding())[0].text == "I will not."


@pytest.mark.parametrize(
    "fields", [{"finish_reason": "content_filter"}, {"message": {"content": None}}]
)
def test_a_candidate_that_gives_no_answer_is_missing_evidence(model, server, fields):
    server.respond = answers(**fields)
    with pytest.raises(EvidenceError, match="no answer from the candidate"):
        model().generate(TALKS, Decoding())


def test_a_text_that_quotes_the_key_is_kept_without_it(model, server):
    server.respond = answers(message={"content": f"It is {KEY}!"})
    assert model().generate(TALKS[:1], Decoding())[0].text == "It is [key]!"


def test_a_model_that_knows_a_field_by_another_name_is_asked_by_that(model, server):
    def respond(_, body):
        for field, said in (
            ("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'"),
            ("temperature", "Unsupported value: 'temperature' does not support 0.0"),
        ):
            if field in body:
                return web.json_response({"error": {"message": said}}, status=400)
        return None

    server.respond = respond
    one = model()
    assert len(one.generate(TALKS, Decoding())) == 3
    assert one.generate(TALKS[:1], Decoding())[0].text == "Re: One?"
    assert "max_completion_tokens" in server.seen[-1][2]


@pytest.mark.parametrize("wire", ["chat", "completions"])
def test_labels_are_scored_or_there_are_no_log_probabilities(model, server, wire):
    scores = model(wire=wire).score_labels(TALKS, LABELS)
    assert all(isinstance(score, LabelScores) and score.top for score in scores)
    server.logprobs = False
    if wire == "chat":
        with pytest.raises(EvidenceError, match="gives no log-probabilities"):
            model().score_labels(TALKS, LABELS)


def test_a_budget_ends_a_candidate(model):
    with pytest.raises(EvidenceError, match="the budget is spent"):
        model(budget_tokens=5).generate(TALKS, Decoding())


def test_a_critic_on_any_wire_is_known_for_the_candidate(server, demo):
    options = {"base_url": server.url}
    own = dict(open_model("openai/m", options).identity.details)["weights"]
    critics = [
        open_critic(["openai/m"], demo, options | {"wire": wire}).backends[0].identity
        for wire in ("chat", "decisions")
    ]
    assert {dict(each.details)["weights"] for each in critics} == {own}
    assert critics[0].digest != critics[1].digest
    assert KEY not in json.dumps([dataclasses.asdict(each) for each in critics])


WRONG = [
    ({"wires": "chat"}, "openai/m has no option 'wires'; it takes base_url"),
    ({"key": "x"}, "has no option 'key'; .*environment only"),
    ({"wire": "smoke"}, "wire=smoke is unknown; use one of auto, chat"),
    ({"concurrency": "0"}, "concurrency=0 must be a whole number of 1 or more"),
    ({"timeout": "0"}, "timeout=0 must be a number above 0"),
    ({"timeout": "nan"}, "timeout=nan must be"),
    ({"budget_usd": "1"}, "budget_usd needs price_in and price_out"),
    ({"base_url": "localhost:8000"}, "base_url must be a bare http or https address"),
    ({"base_url": "http://me:secret@x/v1"}, "without a user, a query or a fragment"),
    ({"base_url": "http://x/v1?key=secret"}, "without a user, a query or a fragment"),
    ({"key_env": "NO_SUCH_KEY"}, "environment variable NO_SUCH_KEY is not set"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[str(w[0]) for w in WRONG])
def test_a_wrong_option_is_answered_with_what_is_right(monkeypatch, options, message):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(UsageError, match=message) as raised:
        read_settings("m", options)
    assert "secret" not in str(raised.value)


def test_the_environment_is_read_and_options_go_before_it(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match="OPENAI_API_KEY is not set"):
        read_settings("m", {})
    monkeypatch.setenv("OPENAI_BASE_URL", "http://a/v1/")
    monkeypatch.setenv("MINE", KEY)
    assert read_settings("m", {}).base_url == "http://a/v1"  # a local server may need no key
    chosen = read_settings("m", {"base_url": "http://b", "key_env": "MINE"})
    assert (chosen.base_url, chosen.key) == ("http://b", KEY)
    assert KEY not in repr(chosen)
    monkeypatch.setenv("MINE", "a\nb: c")
    with pytest.raises(UsageError, match="MINE holds characters that no key has"):
        read_settings("m", {"key_env": "MINE"})
    assert list(OPTIONS) == sorted(OPTIONS)
