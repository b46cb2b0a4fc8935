"""One suite for all wires: each verdict is what the server says of that text, all else is silence."""

import math

import pytest
from aiohttp import web
from tests.critic.openai.conftest import KEY
from tests.critic.openai.loopback import FAULTS, PATHS, expected

from lexgate.critic import Answer, Silence
from lexgate.errors import EvidenceError

WIRES = sorted(PATHS)
TYPED = ("decisions", "systemone")
every_wire = pytest.mark.parametrize("wire", WIRES)


def says(reply, question, exchange):
    assert isinstance(reply, Answer)
    p = expected(question, exchange)
    assert (reply.p > 0.5) == (p > 0.5)
    assert reply.p in {0.0, 1.0} or reply.p == pytest.approx(p, abs=2e-3)
    return True


@every_wire
def test_every_answer_is_what_the_server_says_of_that_text(critic, asked, wire):
    backend = critic(wire=wire)
    replies = backend.answer_together(asked)
    assert len(replies) == len(asked)
    assert all(says(reply, *ask) for reply, ask in zip(replies, asked, strict=True))
    assert {reply.p > 0.5 for reply in replies} == {True, False}
    assert backend.report()["wire"] == wire
    assert backend.report()["tokens_in"] > 0
    assert backend.answer_together([]) == []


@every_wire
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_loses_no_verdict_and_invents_none(critic, server, asked, wire, fault):
    server.faults = {fault: 0.1}
    backend = critic(wire=wire, timeout=0.4, concurrency=16)
    for reply, ask in zip(backend.answer_together(asked), asked, strict=True):
        # A reply in text is not asked for again: a sampler's slip is no fault of the line.
        if not (wire == "structured" and fault == "swapped" and isinstance(reply, Silence)):
            assert says(reply, *ask)


@every_wire
def test_all_faults_together_invent_no_verdict(critic, server, asked, wire):
    server.faults = dict.fromkeys(FAULTS, 0.1)
    backend = critic(wire=wire, timeout=0.4, concurrency=16, retries=2)
    replies = backend.answer_together(asked)
    for reply, ask in zip(replies, asked, strict=True):
        if isinstance(reply, Silence):
            assert reply.reason in {"failed", "unparsable"}
        else:
            assert says(reply, *ask)
    assert sum(isinstance(reply, Answer) for reply in replies) > len(asked) / 2
    assert backend.report()["retries"] > 0


@every_wire
def test_a_dead_server_is_silence_on_each_question(critic, server, asked, wire):
    server.faults = {"500": 1.0}
    replies = critic(wire=wire, retries=1).answer_together(asked)
    assert {reply.reason for reply in replies} == {"failed"}
    assert all("HTTP 500" in reply.detail for reply in replies)


@every_wire
def test_a_key_that_is_not_accepted_names_its_variable_and_is_asked_for_once(
    critic, server, asked, wire
):
    echo = {"error": {"message": f"Incorrect API key provided: {KEY}."}}
    server.respond = lambda *_: web.json_response(echo, status=401)
    with pytest.raises(EvidenceError, match="environment variable OPENAI_API_KEY") as raised:
        critic(wire=wire, concurrency=1).answer_together(asked)
    assert KEY not in str(raised.value)
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 302])
def test_what_a_retry_cannot_mend_is_not_retried(critic, server, asked, status):
    server.respond = lambda *_: web.Response(status=status, text=f"key {KEY}")
    backend = critic(wire="decisions")
    replies = backend.answer_together(asked[:1])
    assert replies[0].reason == "failed"
    assert f"HTTP {status}" in replies[0].detail
    assert KEY not in replies[0].detail
    assert len(server.seen) == 1
    assert KEY not in str((backend.report(), backend.identity, backend.client.settings))


@every_wire
def test_a_reply_that_quotes_the_key_shows_it_nowhere(critic, server, asked, wire):
    server.edit = lambda reply: (
        {"key": KEY, "choices": [{"message": {"refusal": KEY}}]}
        | ({"answers": KEY} if wire in TYPED else {})
    )
    replies = critic(wire=wire, retries=0).answer_together(asked[:4])
    assert all(isinstance(reply, Silence) for reply in replies)
    assert KEY not in str(replies)
    assert KEY[:12] not in str(replies)


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize("key", [KEY, "sk-a/b+c/0123"])
@pytest.mark.parametrize("shape", ['{{"error":{{"message":"{}"}}}}', '{{"odd":"{}"}}', "<p>{}</p>"])
def test_a_key_that_is_echoed_in_escapes_is_shown_nowhere(
    critic, server, asked, monkeypatch, status, key, shape
):
    spelled = "".join(f"\\u{ord(c):04X}" if c == "-" else "\\/" if c == "/" else c for c in key)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    server.respond = lambda *_: web.Response(text=shape.format(spelled), status=status)
    for wire in ("decisions", "chat"):
        try:
            found = str(critic(wire=wire, retries=0).answer_together(asked[:1]))
        except EvidenceError as error:
            found = str(error)
        assert status == 200 or "[key]" in found
        assert key not in found
        assert spelled not in found


@pytest.mark.parametrize("wire", TYPED)
def test_questions_on_one_view_share_a_request(critic, server, asked, wire):
    critic(wire=wire).answer_together(asked)
    assert server.count(wire) == 12 * 3  # prompt, response, both
    many = [asked[0]] * 130
    assert len(critic(wire=wire).answer_together(many)) == 130
    assert server.count(wire) == 36 + {"decisions": 2, "systemone": 3}[wire]


def entries(reply):
    answers = reply["answers"]
    return list(answers.values()) if isinstance(answers, dict) else answers


WRONG = ["0.9", None, True, math.nan, math.inf, -0.01, 1.01, 10**400, [], {}]


@pytest.mark.parametrize("wire", TYPED)
@pytest.mark.parametrize("value", WRONG, ids=str)
def test_what_is_no_probability_is_silence_on_that_question_alone(
    critic, server, asked, wire, value
):
    def edit(reply):
        answer = entries(reply)[0]
        answer["noul" if wire == "systemone" else "probability"] = value
        return reply

    server.edit = edit
    pair = [asked[2], asked[3]]
    first, second = critic(wire=wire).answer_together(pair)
    assert isinstance(first, Silence)
    assert first.reason == "unparsable"
    assert says(second, *pair[1])
    assert len(server.seen) == 1


@pytest.mark.parametrize("wire", TYPED)
def test_a_refusal_is_of_one_question(critic, server, asked, wire):
    def edit(reply):
        answer = entries(reply)[0]
        answer["type"] = "refusal"
        return reply

    server.edit = edit
    first, second = critic(wire=wire).answer_together([asked[2], asked[3]])
    assert (first.reason, type(second)) == ("refused", Answer)


MISMATCHED = {
    "missing": lambda a: a[1:],
    "surplus": lambda a: [*a, a[0] | {"name": "x"}],
    "doubled": lambda a: [a[0], a[0]],
    "turned": lambda a: a[::-1],
    "unnamed": lambda a: [x | {"name": None} for x in a],
    "none": lambda a: [],
    "no list": lambda a: "yes",
    "no objects": lambda a: [0.9, 0.9],
}


@pytest.mark.parametrize("wire", TYPED)
@pytest.mark.parametrize("change", MISMATCHED.values(), ids=MISMATCHED)
def test_answers_to_something_else_are_silence_on_all(critic, server, asked, wire, change):
    def edit(reply):
        answers = reply["answers"]
        if isinstance(answers, dict):
            named = [answer | {"name": name} for name, answer in answers.items()]
            changed = change(named)
            if isinstance(changed, list) and all(isinstance(each, dict) for each in changed):
                changed = {each["name"]: each for each in changed}
        else:
            changed = change(answers)
        return reply | {"answers": changed}

    server.edit = edit
    pair = [asked[2], asked[3]]
    replies = critic(wire=wire, retries=1).answer_together(pair)
    if wire == "systemone" and change is MISMATCHED["turned"]:
        assert all(says(reply, *ask) for reply, ask in zip(replies, pair, strict=True))
    else:
        assert {reply.reason for reply in replies} == {"unparsable"}
        assert len(server.seen) == 2


def test_a_key_that_stands_twice_makes_a_reply_none(critic, server, asked):
    def twice(_, body):
        answers = ",".join(f'"{name}":{{"type":"noul","noul":0.9}}' for name in body["questions"])
        return web.Response(text=f'{{"answers":{{{answers},{answers}}}}}')

    server.respond = twice
    reply = critic(wire="systemone", retries=0).answer_together(asked[:1])[0]
    assert "a key stands twice" in reply.detail


STRUCTURED = {
    "length": ({"finish_reason": "length"}, "unparsable"),
    "filter": ({"finish_reason": "content_filter"}, "refused"),
    "refusal": ({"message": {"refusal": "I will not."}}, "refused"),
    "empty": ({"message": {"content": None}}, "unparsable"),
    "prose": ({"message": {"content": "Yes, it does."}}, "unparsable"),
    "guessed": ({"message": {"content": '{"nonce":"0","answers":{"q1":"no"}}'}}, "unparsable"),
}


@pytest.mark.parametrize(("change", "reason"), STRUCTURED.values(), ids=STRUCTURED)
def test_a_text_that_is_not_exactly_the_verdict_is_silence(critic, server, asked, change, reason):
    server.edit = lambda reply: reply | {"choices": [reply["choices"][0] | change]}
    replies = critic(wire="structured").answer_together(asked[:2])
    assert {reply.reason for reply in replies} == {reason}


def test_too_long_a_text_is_told_apart_from_a_failure(critic, server, asked):
    wrong = {"error": {"message": "This model's maximum context length is 8", "code": None}}
    server.respond = lambda *_: web.json_response(wrong, status=400)
    replies = critic(wire="chat").answer_together(asked[:2])
    assert {reply.reason for reply in replies} == {"too_long"}


AUTO = [
    (("decisions", "systemone", "chat"), "decisions", 1),
    (("systemone", "chat"), "systemone", 2),
    (("chat", "structured"), "chat", 3),
    (("structured",), "structured", 4),
]


@pytest.mark.parametrize(("speaks", "wire", "tries"), AUTO, ids=[a[1] for a in AUTO])
def test_the_best_format_is_found_once_and_told(critic, server, asked, speaks, wire, tries):
    server.speaks = set(speaks)
    backend = critic()
    assert backend.report()["wire"] is None
    replies = backend.answer_together(asked)
    assert all(says(reply, *ask) for reply, ask in zip(replies, asked, strict=True))
    report = backend.report()
    assert report["wire"] == wire
    assert report["failures"].get("404", 0) == tries - 1
    assert ("HTTP 404" in report["reason"]) == (tries > 1)
    before = len(server.seen)
    backend.answer_together(asked[:1])
    assert len(server.seen) == before + 1


def test_a_server_without_log_probabilities_is_asked_for_text(critic, server, asked):
    server.speaks, server.logprobs = {"chat", "structured"}, False
    backend = critic()
    replies = backend.answer_together(asked)
    assert all(says(reply, *ask) for reply, ask in zip(replies, asked, strict=True))
    assert backend.report()["wire"] == "structured"
    assert "chat: the server gives no log-probabilities" in backend.report()["reason"]


def test_a_server_that_greets_what_it_does_not_know_is_asked_for_what_it_does(
    critic, server, asked
):
    def respond(path, _):
        if path == PATHS["chat"]:
            return None
        return web.json_response({"error": f"Unexpected endpoint or method. (POST {path})"})

    server.respond = respond  # as LM Studio
    backend = critic()
    replies = backend.answer_together(asked)
    assert all(says(reply, *ask) for reply, ask in zip(replies, asked, strict=True))
    assert backend.report()["wire"] == "chat"
    assert backend.report()["retries"] == 0


@pytest.mark.parametrize(("code", "tries"), [(502, 2), (429, 2), (402, 1), (403, 1)])
def test_an_error_in_a_success_counts_as_the_error_it_is(critic, server, asked, code, tries):
    said = {"error": {"code": code, "message": "upstream"}}
    server.respond = lambda *_: web.json_response(said)  # as OpenRouter
    reply = critic(wire="chat", retries=1).answer_together(asked[:1])[0]
    assert reply.reason == "failed"
    assert f"HTTP {code}: upstream" in reply.detail
    assert len(server.seen) == tries


def test_an_outage_decides_no_format(critic, server, asked):
    backend = critic(retries=0)
    server.faults = {"500": 1.0}
    assert {reply.reason for reply in backend.answer_together(asked)} == {"failed"}
    assert backend.report()["wire"] is None
    server.faults = {}
    assert all(isinstance(reply, Answer) for reply in backend.answer_together(asked))


def test_a_server_that_speaks_nothing_known_is_said_so(critic, server, asked):
    server.speaks = set()
    with pytest.raises(EvidenceError, match=r"speaks no format known here: decisions: .*HTTP 404"):
        critic().answer_together(asked)


@every_wire
def test_what_is_over_budget_is_silence_and_the_rest_is_answered(critic, server, asked, wire):
    backend = critic(wire=wire, budget_tokens=1500, concurrency=4)
    replies = backend.answer_together(asked)
    silent = [reply for reply in replies if isinstance(reply, Silence)]
    assert {reply.reason for reply in silent} == {"budget"}
    assert 0 < len(silent) < len(replies)
    report = backend.report()
    assert report["tokens_in"] + report["tokens_out"] <= 1500


def test_a_budget_in_money_is_kept_and_told(critic, asked):
    backend = critic(wire="decisions", budget_usd=0.001, price_in=1, price_out=2)
    replies = backend.answer_together(asked)
    assert any(isinstance(reply, Silence) and reply.reason == "budget" for reply in replies)
    assert 0 < backend.report()["spent_usd"] <= 0.001


def test_a_server_that_counts_backwards_refills_no_budget(critic, server, asked):
    server.edit = lambda reply: reply | {"usage": {"input_tokens": -9999, "output_tokens": 0}}
    backend = critic(wire="decisions", budget_tokens=1500)
    assert any(isinstance(reply, Silence) for reply in backend.answer_together(asked))
    assert backend.report()["tokens_in"] > 0


@pytest.mark.models
def test_transformers_itself_reads_our_questions_and_answers_as_we_read(critic, server, asked):
    from transformers.decision import DecisionConfig, parse_questions

    def respond(_, body):
        assert set(body) == {"model", "state", "questions"}  # its server forbids any other
        parsed = parse_questions(body["questions"], DecisionConfig())
        assert [question.options[0] for question in parsed] == ["true"] * len(parsed)
        answers = {question.name: question.answer([0.75, 0.25]) for question in parsed}
        return web.json_response({"model": "m", "answers": answers, "usage": {}})

    server.respond = respond
    replies = critic(wire="systemone").answer_together(asked[:4])
    assert [reply.p for reply in replies] == [0.75] * 4
