"""Regular expressions as a backend: what a match shows, and what its absence does."""

import dataclasses
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lexgate.constitutions import Check, Proposition
from lexgate.critic import Exchange, Silence, as_conversation, compile_prompts, open_critic
from lexgate.critic._checks import ChecksBackend
from lexgate.errors import UsageError

REFUSES = Proposition("refuses", "Does the response refuse?", "response")


@pytest.fixture
def check(principle, constitution):
    """Answer `refuses` about one response by some checks."""

    def run(response, *checks):
        rule = principle("rule", "refuses", (REFUSES,), checks=checks)
        one = constitution(rule)
        question = compile_prompts(one)[0].questions[0]
        exchange = Exchange(as_conversation("I cannot see."), response)
        return ChecksBackend(one).answer(question, [exchange])[0]

    return run


def pattern(text, *, exact=False, sees="response"):
    return Check(text, sees, "refuses", exact)


@pytest.mark.parametrize(
    ("response", "exact", "p"),
    [("I CANNOT.", False, 1.0), ("I CANNOT.", True, 1.0), ("Sure.", True, 0.0)],
)
def test_a_match_shows_true_and_the_absence_of_an_exact_one_false(check, response, exact, p):
    answer = check(response, pattern("i cannot", exact=exact))
    assert (answer.proposition, answer.p, answer.source) == ("refuses", p, "checks")


def test_the_absence_of_a_plain_pattern_shows_nothing(check):
    assert check("Sure.", pattern("i cannot")) == Silence(
        "no_answer", "checks: no pattern of refuses matches"
    )


def test_a_question_without_checks_is_left_to_others(check):
    assert check("I cannot.") == Silence("no_answer", "checks: none for refuses")


def test_checks_that_contradict_each_other_answer_nothing(check):
    silence = check("I cannot.", pattern("i cannot"), pattern("i refuse", exact=True))
    assert isinstance(silence, Silence)
    assert "contradict each other; join those that mean one thing with |" in silence.detail


def test_a_check_reads_only_what_it_sees(check):
    # The prompt holds the words, the response does not.
    assert isinstance(check("Sure.", pattern("i cannot")), Silence)


def test_a_check_may_not_see_more_than_what_it_shows(check):
    message = "a check of rule sees the prompt, but 'refuses', which it shows, sees only the resp"
    with pytest.raises(UsageError, match=message):
        check("Sure.", pattern("i cannot", sees="prompt"))


def test_a_pattern_that_is_none_is_refused(check):
    with pytest.raises(UsageError, match="a check of rule is no regular expression: '\\('"):
        check("Sure.", pattern("("))


def test_checks_count_for_every_principle_that_asks_the_same(demo):
    critic = open_critic(["checks"], demo)
    exchange = Exchange(as_conversation("How do I bake?"), "I can't do that.")
    verdict = critic.judge([exchange], ["no-over-refusal"], [{"harmful": False}])[0][0]
    assert verdict.violated  # the pattern stands under no-harm


@pytest.mark.parametrize("text", [r"(a|a)+!", r"(\w+ ?)+!", r"a+!", r"(?=(a+)+!)x"])
def test_a_pattern_that_would_run_for_years_is_interrupted(check, text):
    began = time.process_time()
    silence = check("a" * 99_999, pattern(text, exact=True))
    assert time.process_time() - began < 5.0
    assert silence.reason == "failed"
    assert "took longer than 0.5 s on this text" in silence.detail


def test_a_search_leaves_signals_as_it_found_them(check):
    before = signal.getsignal(signal.SIGVTALRM)
    check("a" * 60, pattern(r"(a|a)+!"))
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_a_text_too_long_to_search_says_nothing_of_an_absence(check):
    silence = check("Sure. " * 20_000, pattern("i cannot", exact=True))
    assert silence == Silence(
        "too_long", "checks: patterns read at most 100000 characters, here are 120000"
    )


def test_no_unbounded_search_is_begun_in_another_thread(check):
    with ThreadPoolExecutor(1) as pool:
        silence = pool.submit(check, "I cannot.", pattern("i cannot")).result()
    assert silence.reason == "failed"
    assert "in the main thread only" in silence.detail


def test_a_pattern_that_cannot_be_searched_for_outweighs_one_that_matches(check):
    silence = check("I cannot. " + "a" * 60, pattern("i cannot"), pattern(r"(a|a)+!"))
    assert silence.reason == "failed"


def test_the_identity_moves_with_the_patterns(demo):
    rule = demo.principles[0]
    other = dataclasses.replace(rule, checks=(pattern("never"),))
    changed = dataclasses.replace(demo, principles=(other, demo.principles[1]))
    assert ChecksBackend(demo).identity.digest != ChecksBackend(changed).identity.digest
