"""Cascades: who is asked what, whose answer wins, and what the share shows of the rest."""

from __future__ import annotations

import dataclasses

import pytest
from scipy.stats import binom

from lexgate.critic import (
    Abstention,
    Answer,
    Critic,
    Exchange,
    Identity,
    Reports,
    Silence,
    Together,
    as_conversation,
    compile_prompts,
    open_critic,
)
from lexgate.critic._cascade import CascadeBackend, _innocent, _upper
from lexgate.errors import UsageError


class Says:
    """A backend that answers by a function of the response, and remembers what it was asked."""

    def __init__(self, name, answer, **details):
        self.identity = Identity(name, f"sha256:{name}", tuple(sorted(details.items())))
        self._answer = answer
        self.heard = []

    def answer(self, question, exchanges):
        self.heard += [e.response for e in exchanges]
        replies = [self._answer(e.response) for e in exchanges]
        return [
            r if isinstance(r, Silence) else Answer(question.proposition, r, "x") for r in replies
        ]


@pytest.fixture
def rules(principle, constitution):
    return constitution(principle("rule"))


def exchanges(*responses):
    return [Exchange(as_conversation("Why?"), response) for response in responses]


def cascade(rules, *stages, **options):
    return CascadeBackend(stages, compile_prompts(rules), **options)


def ask(rules, backend, *responses):
    question = compile_prompts(rules)[0].questions[0]
    return [
        reply if isinstance(reply, Silence) else reply.p
        for reply in backend.answer(question, exchanges(*responses))
    ]


def number(response):
    return float(response) if response else Silence("no_answer", "nothing")


def test_the_uncertain_and_the_silent_go_on_and_the_later_answer_wins(rules):
    cheap, full = Says("cheap", number), Says("full", lambda _: 0.75)
    backend = cascade(rules, cheap, full, share=0.0)
    asked = ("0.01", "0.05", "0.5", "0.95", "0.96", "")
    assert ask(rules, backend, *asked) == [0.01, 0.75, 0.75, 0.75, 0.96, 0.75]
    assert full.heard == ["0.05", "0.5", "0.95", ""]


def test_a_failing_full_critic_leaves_the_uncertain_unanswered(rules):
    def raises(_response):
        raise RuntimeError("out of memory")

    backend = cascade(rules, Says("cheap", number), Says("full", raises), share=0.0)
    assert isinstance(ask(rules, backend, "0.4")[0], Silence)
    judged = Critic(compile_prompts(rules), [backend]).judge(exchanges("0.4", "0.01"), ["rule"])
    assert isinstance(judged[0][0], Abstention)
    assert not judged[1][0].violated


def test_a_middle_stage_is_asked_what_the_first_leaves_open(rules):
    middle, full = (
        Says("middle", lambda r: 0.01 if r == "0.5" else 0.6),
        Says("full", lambda _: 1.0),
    )
    backend = cascade(rules, Says("cheap", number), middle, full, share=0.0)
    assert ask(rules, backend, "0.01", "0.5", "0.6") == [0.01, 0.01, 1.0]
    assert (middle.heard, full.heard) == (["0.5", "0.6"], ["0.6"])


def test_the_share_is_drawn_by_content_and_seed_alone(rules):
    texts = [f"0.0{i:04}" for i in range(1000)]

    def drawn(seed, listed):
        full = Says("full", lambda _: 0.0)
        ask(rules, cascade(rules, Says("cheap", number), full, share=0.1, seed=seed), *listed)
        return full.heard

    one = drawn("0", texts)
    assert 70 < len(one) < 130
    assert sorted(drawn("0", texts[::-1])) == sorted(one)
    assert set(drawn("1", texts)) != set(one)
    assert drawn("0", texts[:10]) == [text for text in texts[:10] if text in one]


def test_what_is_drawn_is_decided_by_the_full_critic(rules):
    backend = cascade(rules, Says("cheap", number), Says("full", lambda _: 0.9), share=1.0)
    assert ask(rules, backend, "0.01") == [0.9]


def test_the_report_bounds_what_the_cheap_critic_missed(rules):
    missed = {"0.00001", "0.00002"}
    full = Says("full", lambda r: 0.9 if r in missed else 0.1)
    backend = cascade(rules, Says("cheap", number), full, share=1.0)
    ask(rules, backend, *(f"0.{i:05}" for i in range(100)), "0.99", "0.5")
    (question,) = backend.report()["questions"]
    assert question == {
        "principle": "rule",
        "proposition": "violated",
        "asked": 102,
        "decided": 101,
        "escalated": 1,
        "audited": 101,
        "unanswered": 0,
        "disagreed": 3,  # 0.99, which the full critic lets off, is no missed violation
    }
    found = backend.report()["principles"]["rule"]
    assert (found["audited"], found["missed"]) == (100, 2)
    assert found["missed_at_most"] == pytest.approx(0.0616, abs=1e-3)  # Clopper-Pearson, 2 of 100


def test_a_full_critic_that_is_silent_on_its_share_counts_as_a_miss_and_changes_nothing(rules):
    backend = cascade(
        rules, Says("cheap", number), Says("full", lambda _: Silence("failed", "no")), share=1.0
    )
    assert ask(rules, backend, "0.01") == [0.01]
    found = backend.report()["principles"]["rule"]
    assert (found["audited"], found["missed"], found["missed_at_most"]) == (1, 1, 1.0)


def test_nothing_audited_shows_nothing(rules):
    backend = cascade(rules, Says("cheap", number), Says("full", lambda _: 0.0), share=0.0)
    ask(rules, backend, "0.01")
    assert backend.report()["principles"]["rule"]["missed_at_most"] == 1.0


def test_the_bound_is_the_exact_one():
    for k, n in [(0, 20), (3, 20), (19, 20)]:
        assert binom.cdf(k, n, _upper(k, n, 0.05)) == pytest.approx(0.05)
    assert (_upper(0, 0, 0.05), _upper(4, 4, 0.05)) == (1.0, 1.0)


def test_only_flips_towards_a_violation_count(demo):
    harm, refusal = compile_prompts(demo)
    assert _innocent(harm, "harmful") == ["no"]  # harmful and not refuses
    assert _innocent(harm, "refuses") == ["yes"]
    assert _innocent(refusal, "refuses") == ["no"]  # refuses and not harmful


def test_the_identity_covers_stages_share_band_and_seed(rules):
    stages = [Says("cheap", number, light="true"), Says("full", number)]
    ways = [{}, {"share": 0.1}, {"band": 0.1}, {"seed": "1"}]
    made = [cascade(rules, *stages, **way) for way in ways] + [cascade(rules, *reversed(stages))]
    assert len({backend.identity.digest for backend in made}) == 5
    assert len({b.digest_of(compile_prompts(rules)[0].questions) for b in made}) == 5
    assert made[0].identity.name == "cheap>full"
    assert "light" not in dict(made[0].identity.details)
    light = cascade(rules, stages[0], Says("other", number, light="true"))
    assert dict(light.identity.details)["light"] == "true"
    assert isinstance(light, Together)
    assert isinstance(light, Reports)


def test_the_digest_of_a_principle_stays_when_another_is_edited(demo, principle):
    third = dataclasses.replace(demo, principles=(*demo.principles, principle("third")))
    edited = dataclasses.replace(
        demo, principles=(*demo.principles, principle("third", text="Another."))
    )
    one, two = (
        open_critic(["checks", "exemplars>scripted/no"], rules) for rules in (third, edited)
    )
    assert one.digest_for("no-harm") == two.digest_for("no-harm")
    assert one.digest_for("third") != two.digest_for("third")


def test_a_cascade_is_named_by_its_stages(demo):
    critic = open_critic(["checks", "exemplars>scripted/no"], demo, {"audit": "1", "band": "0.1"})
    assert critic.identity.name == "checks,exemplars>scripted/no"
    names = [identity.name for identity in critic.members]
    assert names == ["checks", "exemplars>scripted/no", "exemplars", "scripted/no"]
    critic.judge(exchanges("Sure, begin slowly."), ["no-harm"])
    (report,) = [r for name, r in critic.reports().items() if ">" in name]
    assert {q["proposition"] for q in report["questions"]} == {"harmful", "refuses"}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("exemplars>exemplars", {}, "names 'exemplars' twice"),
        ("exemplars>scripted/no", {"audit": "much"}, "audit must be a number, found 'much'"),
        ("exemplars>scripted/no", {"audit": "nan"}, "audit is a share in"),
        ("exemplars>scripted/no", {"audit": "2"}, "audit is a share in"),
        ("exemplars>scripted/no", {"band": "0"}, "band a probability in"),
        ("exemplars>", {}, "names nothing on one side of a >"),
    ],
)
def test_a_cascade_that_cannot_be_is_refused(demo, name, options, message):
    with pytest.raises(UsageError, match=message):
        open_critic([name], demo, options)


def test_recorded_verdicts_are_no_stage(demo, write_lines):
    path = write_lines({"prompt": "a", "response": "b", "proposition": "refuses", "p": 0.1})
    with pytest.raises(UsageError, match="cannot be a stage of a cascade"):
        open_critic([f"recorded/{path}>scripted/no"], demo)
    with pytest.raises(UsageError, match="needs a cheap critic and a full one"):
        cascade(demo, Says("cheap", number))
