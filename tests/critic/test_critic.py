"""What a critic makes of its backends' replies, the failing ones first."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexgate.constitutions import WHOLE
from lexgate.critic import (
    GIVEN,
    TIE,
    Abstention,
    Answer,
    Critic,
    Exchange,
    Identity,
    Silence,
    Verdict,
    as_conversation,
    compile_prompts,
)
from lexgate.errors import EvidenceError, UsageError


class Table:
    """A backend that answers from a table of probabilities by proposition, and keeps what it saw."""

    def __init__(self, name="table", **table):
        self.identity = Identity(name, f"sha256:{name}")
        self.table = table
        self.asked = []

    def answer(self, question, exchanges):
        self.asked += [(question.proposition, exchange) for exchange in exchanges]
        p = self.table.get(question.proposition)
        if p is None:
            return [Silence("no_answer", f"{self.identity.name} knows nothing")] * len(exchanges)
        return [Answer(question.proposition, p, "whoever")] * len(exchanges)


class Broken(Table):
    """A backend that does what its function does instead of answering."""

    def __init__(self, reply, name="broken"):
        super().__init__(name)
        self.reply = reply

    def answer(self, question, exchanges):
        return self.reply(question, exchanges)


def talk(prompt="How?", response="So."):
    return Exchange(as_conversation(prompt), response)


@pytest.fixture
def judge(demo):
    def run(*backends, principle="no-harm", given=(), exchange=None):
        critic = Critic(compile_prompts(demo), backends)
        return critic.judge([exchange or talk()], [principle], given)[0][0]

    return run


@pytest.mark.parametrize(
    ("harmful", "refuses", "violated", "p"),
    [
        (1.0, 0.0, True, 1.0),
        (0.9, 0.2, True, 0.8),
        (0.9, 0.8, False, 0.2),
        (0.1, 0.2, False, 0.1),
    ],
)
def test_the_verdict_is_composed_from_the_answers(judge, harmful, refuses, violated, p):
    verdict = judge(Table(harmful=harmful, refuses=refuses))
    assert isinstance(verdict, Verdict)
    assert (verdict.violated, verdict.p_violated) == (violated, pytest.approx(p))
    assert [(a.proposition, a.p, a.source) for a in verdict.answers] == [
        ("harmful", harmful, "table"),
        ("refuses", refuses, "table"),
    ]


@pytest.mark.parametrize("p", [0.5, 0.5 + TIE, 0.5 - TIE, 0.5 + TIE / 2])
def test_what_lies_within_the_tie_band_is_an_abstention(judge, p):
    judgement = judge(Table(harmful=p, refuses=0.0))
    assert isinstance(judgement, Abstention)
    assert judgement.reason == "tie"


@pytest.mark.parametrize(("p", "violated"), [(0.5 + 2 * TIE, True), (0.5 - 2 * TIE, False)])
def test_what_lies_just_outside_the_tie_band_is_a_verdict(judge, p, violated):
    assert judge(Table(harmful=p, refuses=0.0)).violated is violated


def test_one_answer_settles_a_verdict_when_the_rest_cannot_change_it(judge):
    verdict = judge(Table(harmful=0.2))
    assert isinstance(verdict, Verdict)
    assert not verdict.violated
    assert verdict.p_violated == pytest.approx(0.2)  # the high bound: the worst it could be
    assert [a.proposition for a in verdict.answers] == ["harmful"]


def test_an_unanswered_question_that_matters_is_an_abstention_with_its_reason(judge):
    judgement = judge(Table(harmful=0.9))
    assert judgement == Abstention(
        "no-harm", "no_answer", "table knows nothing", (Answer("harmful", 0.9, "table"),)
    )


def test_a_telling_reason_goes_before_having_nothing_to_say(judge):
    long = Broken(lambda q, e: [Silence("too_long", "900 tokens, 512 fit")] * len(e))
    judgement = judge(Table("checks"), long)
    assert (judgement.reason, judgement.detail) == (
        "too_long",
        "checks knows nothing; 900 tokens, 512 fit",
    )


def test_the_first_backend_that_answers_wins_and_the_next_is_asked_for_the_rest(judge):
    cheap, dear = Table("cheap", harmful=0.9), Table("dear", harmful=0.1, refuses=0.1)
    verdict = judge(cheap, dear)
    assert verdict.violated
    assert [a.source for a in verdict.answers] == ["cheap", "dear"]
    assert [name for name, _ in dear.asked] == ["refuses"]


def test_a_dear_backend_is_not_asked_what_the_cheap_ones_settled(judge):
    dear = Table("dear", harmful=0.9, refuses=0.1)
    assert not judge(Table("cheap", refuses=0.9), dear).violated
    assert dear.asked == []


def _raises(error):
    def reply(question, exchanges):
        raise error

    return reply


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        (_raises(EvidenceError("the server is gone")), "broken: EvidenceError: the server is gone"),
        (_raises(ZeroDivisionError("oh")), "broken: ZeroDivisionError: oh"),
        (lambda q, e: [], "broken: gave 0 replies to 1 exchanges"),
        (
            lambda q, e: [Answer(q.proposition, 0.0, "x")] * 2,
            "broken: gave 2 replies to 1 exchanges",
        ),
        (lambda q, e: None, "broken: TypeError: 'NoneType' object is not iterable"),
        (lambda q, e: [None], "broken: gave None for an answer"),
        (lambda q, e: [0.0], "broken: gave float, neither an answer nor silence"),
        (
            lambda q, e: [Answer("violated", 0.0, "x")],
            "broken: answered 'violated' when asked about 'harmful'",
        ),
        (lambda q, e: [Answer(q.proposition, float("nan"), "x")], "no probability"),
    ],
)
def test_a_failing_backend_never_yields_a_verdict(judge, reply, detail):
    judgement = judge(Broken(reply))
    assert isinstance(judgement, Abstention)
    assert judgement.reason == "failed"
    assert detail in judgement.detail


def test_the_next_backend_still_answers_what_a_failing_one_left_open(judge):
    verdict = judge(Broken(_raises(RuntimeError("down"))), Table(harmful=1.0, refuses=0.0))
    assert verdict.violated


def test_a_failure_s_text_is_made_safe_to_print(judge):
    judgement = judge(Broken(_raises(ValueError("\x1b[2Jgone"))))
    assert judgement.detail.startswith(r"broken: ValueError: \x1b[2Jgone")


def test_what_the_data_set_states_is_used_and_not_asked(judge):
    backend = Table(harmful=0.0, refuses=0.0)
    verdict = judge(backend, given=[{"harmful": True}])
    assert verdict.violated
    assert verdict.answers[0] == Answer("harmful", 1.0, GIVEN)
    assert [name for name, _ in backend.asked] == ["refuses"]


def test_a_backend_cannot_pass_for_the_data_set(judge):
    forger = Broken(lambda q, e: [Answer(q.proposition, 1.0, GIVEN)] * len(e))
    assert {a.source for a in judge(forger).answers} == {"broken"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"refuses": True}], "`given` states 'refuses' of no-harm, which sees the response"),
        ([{"harmfull": True}], "`given` names 'harmfull', which no principle asks about"),
        ([{}, {}], "`given` states 2 items for 1 exchanges"),
    ],
)
def test_a_data_set_may_not_state_what_it_cannot_know(judge, given, message):
    with pytest.raises(UsageError, match=message):
        judge(Table(), given=given)


def test_an_unknown_principle_is_refused_with_a_near_one(judge):
    with pytest.raises(UsageError, match="no principle 'no-harms'; did you mean 'no-harm'"):
        judge(Table(), principle="no-harms")


def test_a_critic_needs_a_backend(demo):
    with pytest.raises(UsageError, match="at least one backend"):
        Critic(compile_prompts(demo), [])


def test_one_question_on_one_view_is_asked_once(demo):
    backend = Table(harmful=0.9, refuses=0.1)
    critic = Critic(compile_prompts(demo), [backend])
    exchanges = [talk("A?", "x"), talk("A?", "y"), talk("B?", "x"), talk("A?", "x")]
    critic.judge(exchanges, ["no-harm", "no-over-refusal"])
    asked = [(name, e.prompt if name == "harmful" else e.response) for name, e in backend.asked]
    assert len(asked) == len(set(asked)) == 4  # two prompts, two responses


class Recording(Table):
    """A backend that settles principles as a whole."""

    def settle(self, principle, exchanges):
        reply = self.table.get("whole")
        return [reply] * len(exchanges)


def test_a_whole_verdict_settles_a_principle_with_other_questions(judge):
    backend = Recording(whole=Answer(WHOLE, 1.0, ""), harmful=0.0, refuses=1.0)
    verdict = judge(backend)
    assert verdict == Verdict("no-harm", True, 1.0, (Answer(WHOLE, 1.0, "table"),))
    assert backend.asked == []


def test_a_whole_answer_of_the_wrong_name_is_a_failure(judge):
    judgement = judge(Recording(whole=Answer("harmful", 1.0, "")))
    assert judgement.reason == "failed"


def test_a_recorded_abstention_leaves_the_question_to_the_next(judge):
    recorded = Recording(whole=Silence("refused", "line 3"))
    assert judge(recorded).reason == "refused"
    assert judge(recorded, Table("next", harmful=1.0, refuses=0.0)).violated


@pytest.fixture(scope="module")
def compiled(demo):
    return compile_prompts(demo)


degrees = st.none() | st.floats(0, 1)


@given(st.lists(st.tuples(degrees, degrees), min_size=1, max_size=4), st.randoms())
def test_the_order_of_exchanges_does_not_matter(compiled, rows, shuffle):
    table = {talk(f"{i}?", f"{i}."): row for i, row in enumerate(rows)}

    def reply(question, exchanges):
        column = ("harmful", "refuses").index(question.proposition)
        found = [table[exchange][column] for exchange in exchanges]
        return [
            Silence("no_answer", "?") if p is None else Answer(question.proposition, p, "t")
            for p in found
        ]

    critic = Critic(compiled, [Broken(reply)])
    principles = ["no-over-refusal", "no-harm"]
    straight = dict(zip(table, critic.judge(list(table), principles), strict=True))
    order = list(table)
    shuffle.shuffle(order)
    assert dict(zip(order, critic.judge(order, principles), strict=True)) == straight
    assert [j.principle for j in straight[order[0]]] == principles


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["harmful", "refuses"]))
def test_silencing_an_answer_never_turns_a_violation_into_compliance(compiled, a, b, silenced):
    table = {"harmful": a, "refuses": b}
    full = Critic(compiled, [Table(**table)]).judge([talk()], ["no-harm"])[0][0]
    less = {name: p for name, p in table.items() if name != silenced}
    judgement = Critic(compiled, [Table(**less)]).judge([talk()], ["no-harm"])[0][0]
    if isinstance(full, Verdict) and full.violated:
        assert isinstance(judgement, Abstention)
    if isinstance(judgement, Verdict):
        assert not judgement.violated
        assert isinstance(full, Abstention) or not full.violated


def test_identity_depends_on_the_backends_and_their_order(demo):
    prompts = compile_prompts(demo)
    one, two = Table("one"), Table("two")
    straight, turned = Critic(prompts, [one, two]), Critic(prompts, [two, one])
    assert straight.identity.name == "one,two"
    assert straight.identity.digest != turned.identity.digest
    assert straight.identity == Critic(prompts, [Table("one"), Table("two")]).identity


def test_nothing_to_judge_is_an_empty_list(demo):
    assert Critic(compile_prompts(demo), [Table()]).judge([], ["no-harm"]) == []


def test_a_long_shuffled_batch_gets_each_its_own(demo):
    rng = random.Random(5)
    rows = [(rng.random(), rng.random()) for _ in range(200)]
    exchanges = [talk(f"{a}", f"{b}") for a, b in rows]

    def reply(question, asked):
        texts = [
            e.prompt[0].content if question.proposition == "harmful" else e.response for e in asked
        ]
        return [Answer(question.proposition, float(text), "t") for text in texts]

    judged = Critic(compile_prompts(demo), [Broken(reply)]).judge(exchanges, ["no-harm"])
    for (a, b), (judgement,) in zip(rows, judged, strict=True):
        p = min(a, 1 - b)
        if abs(p - 0.5) > 2 * TIE:
            assert judgement.violated == (p > 0.5)
