"""The line: rates, retries, waits, bounds, connections and their end."""

import asyncio
import datetime as dt
import gc
import subprocess
import sys
import threading
import time
from email.utils import format_datetime

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.critic.openai.conftest import KEY

from lexgate.critic import Answer
from lexgate.critic.openai import _client
from lexgate.critic.openai._client import Call, Failure
from lexgate.critic.openai._rate import Rate
from lexgate.critic.openai._replies import GarbledError, parse, usage_of, wish_of

CALL = Call("/x", b"{}", lambda data: data)


def ok(*_):
    return web.json_response({"n": 1})


def test_outcomes_come_in_the_order_of_the_calls(client, server):
    server.respond = lambda _, body: web.json_response(body)
    calls = [Call("/x", b'{"n":%d}' % n, lambda data: data["n"]) for n in range(200)]
    assert client().send(calls) == list(range(200))
    assert client().send([]) == []


def test_connections_stay_alive_between_calls(client, server):
    server.respond = ok
    one = client(concurrency=1)
    for _ in range(5):
        one.send([CALL, CALL])
    assert len(server.connections) == 1
    one.close()
    one.close()
    assert one.send([CALL]) == [{"n": 1}]  # a closed client opens again


def test_never_more_are_in_flight_than_allowed(client, server):
    server.respond, server.delay = ok, 0.01
    client(concurrency=5).send([CALL] * 40)
    assert server.most_flying == 5


def test_the_rate_grows_where_nobody_objects_and_is_told(client, server):
    server.respond, server.delay = ok, 0.005
    one = client(concurrency=64)
    one.send([CALL] * 300)
    assert one.report()["in_flight"] == 64
    assert server.most_flying > 32


def test_the_rate_that_a_server_bears_is_found(client, server):
    def respond(*_):
        return web.Response(status=429) if server.flying > 12 else ok()

    server.respond, server.delay = respond, 0.01
    one = client(concurrency=256, retries=20)
    outcomes = one.send([CALL] * 400)
    assert all(outcome == {"n": 1} for outcome in outcomes)
    report = one.report()
    assert report["objections"] > 0
    assert 1 <= report["in_flight"] <= 20
    assert report["retries"] < 200


@pytest.mark.parametrize("wish", ["1", "date"])
def test_a_wish_to_wait_is_honoured(client, server, wish):
    def respond(*_):
        if len(server.seen) > 1:
            return ok()
        later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
        stated = wish if wish == "1" else format_datetime(later, usegmt=True)
        return web.Response(status=429, headers={"Retry-After": stated})

    server.respond = respond
    start = time.monotonic()
    assert client().send([CALL]) == [{"n": 1}]
    assert 0.9 < time.monotonic() - start < 4


FAR = [("06", "9" * 30, "GMT"), ("9" * 30, "2024", "GMT"), ("06", "2024", "+" + "9" * 30)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("99999999999", 60), ("", 0), ("soon", 0), ("-3", 0), ("1.5", 0)]
    + [(f"Sun, {day} Nov {year} 08:49:37 {zone}", 0) for day, year, zone in FAR],
)
def test_a_wish_is_bounded_and_nonsense_is_none(text, seconds):
    assert wish_of(text) == seconds
    assert wish_of("Sun, 06 Nov 1994 08:49:37 GMT") == 0
    assert wish_of("Sun, 06 Nov 2094 08:49:37 GMT") == 60


def test_a_reply_without_end_is_cut_off(client, server, monkeypatch):
    monkeypatch.setattr("lexgate.critic.openai._replies._LARGEST", 1000)
    server.respond = lambda *_: web.Response(text="[" + "1," * 5000 + "1]")
    outcome = client(retries=0).send([CALL])[0]
    assert "more than 1000 bytes" in outcome.silence.detail


def test_a_reply_that_breaks_its_reader_costs_no_other(client, server):
    server.respond = lambda _, body: web.json_response(body)
    calls = [Call("/x", b'{"n":%d}' % n, lambda data: 1 / data["n"]) for n in range(3)]
    first, *others = client().send(calls)
    assert "ZeroDivisionError" in first.silence.detail
    assert others == [1.0, 0.5]


def test_a_server_that_is_not_there_is_a_failure(client):
    outcome = client(base_url="http://127.0.0.1:9/v1", retries=1).send([CALL])[0]
    assert isinstance(outcome, Failure)
    assert (outcome.status, outcome.silence.reason) == (0, "failed")


def test_a_redirect_is_not_followed_with_the_key(client, server):
    server.respond = lambda *_: web.Response(status=307, headers={"Location": "/v1/y"})
    outcome = client().send([CALL])[0]
    assert "redirects are not followed" in outcome.silence.detail
    assert [path for path, _, _ in server.seen] == ["/v1/x"]


def test_the_key_travels_in_its_header_only(client, server):
    server.respond = ok
    client().send([CALL])
    _, headers, body = server.seen[0]
    assert headers.pop("Authorization") == f"Bearer {KEY}"
    assert KEY not in str((headers, body))


def test_callers_with_a_loop_and_callers_in_threads_are_served(client, server):
    server.respond = ok
    one = client()

    async def inside():
        return one.send([CALL])

    assert asyncio.run(inside()) == [{"n": 1}]
    found = []
    threads = [threading.Thread(target=lambda: found.extend(one.send([CALL]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert found == [{"n": 1}] * 8


def test_a_client_that_nobody_holds_ends_its_thread(server, client):
    from lexgate.critic.openai._settings import read_settings

    server.respond = ok
    one = _client.Client(read_settings("unheld", {"base_url": server.url}))
    one.send([CALL])
    assert any(thread.name == "openai/unheld" for thread in threading.enumerate())
    del one
    gc.collect()
    assert not any(thread.name == "openai/unheld" for thread in threading.enumerate())


def test_a_program_that_forgets_to_close_ends_without_a_word(server):
    server.respond = ok
    code = (
        "from lexgate.critic.openai._client import Call, Client\n"
        "from lexgate.critic.openai._settings import read_settings\n"
        f"c = Client(read_settings('m', {{'base_url': {server.url!r}}}))\n"
        "print(c.send([Call('/x', b'{}', lambda d: d)]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("[{'n': 1}]\n", "")


def test_opening_a_critic_by_name_loads_the_client_only_then():
    code = "import sys, lexgate.critic; assert 'aiohttp' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b'{"a":1,"a":1}', b"[" * 99999, b"9" * 9999])
def test_what_is_no_json_is_no_reply(body):
    with pytest.raises(GarbledError):
        parse(body)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["usage", "prompt_tokens", "completion_tokens", "input_tokens"]), x
            )
        ),
    )
)
def test_a_cost_is_two_whole_numbers_or_unsaid(data):
    usage = usage_of(data)
    assert usage is None or all(type(n) is int and n >= 0 for n in usage.values())


@given(st.lists(st.sampled_from([True, False, None]), max_size=300), st.integers(1, 40))
def test_a_rate_stays_within_its_bounds(outcomes, most):
    async def run():
        rate = Rate(most)
        for objected in outcomes:
            entered = await asyncio.wait_for(rate.enter(), 1)
            assert rate.flying == 1 <= rate.limit <= most
            rate.leave(entered, objected=objected)
        assert rate.flying == 0

    asyncio.run(run())


def test_one_burst_of_objections_halves_once_and_waiters_keep_their_order():
    async def run():
        rate, order = Rate(8), []
        entered = [await rate.enter() for _ in range(8)]

        async def wait(number):
            order.append((number, await rate.enter()))

        tasks = [asyncio.create_task(wait(number)) for number in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        for each in entered:
            rate.leave(each, objected=True)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert rate.limit == 4
        assert [number for number, _ in order] == [0, 2, 3]
        assert rate.flying == 3

    asyncio.run(run())


def test_a_failed_call_beside_good_ones_stands_alone(critic, server, asked):
    marked = asked[5][1].response

    def respond(_, body):
        return web.Response(status=500) if marked in body["input"] else None

    server.respond = respond
    replies = critic(wire="decisions", retries=1).answer_together(asked)
    assert any(isinstance(reply, Answer) for reply in replies)
    for reply, (question, exchange) in zip(replies, asked, strict=True):
        hit = exchange.response == marked and question.sees != "prompt"
        assert isinstance(reply, Answer) != hit


@pytest.mark.parametrize(
    "spelt",
    ["http://H:80/v1", "http://h/v1/", "http://h/./v1", "HTTP://h/a/../v1", "http://h//v1"],
)
def test_one_server_has_one_address(spelt):
    from lexgate.critic.openai._settings import read_settings

    plain, other = (read_settings("m", {"base_url": url}) for url in ("http://h/v1", spelt))

    assert plain.base_url == other.base_url
