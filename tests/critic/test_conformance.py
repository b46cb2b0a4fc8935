"""Every model and every backend keeps the contract of its protocol."""

import contextlib
import math
from collections import Counter

import pytest
from tests.critic.guards.worlds import save_guard
from tests.critic.openai.loopback import Loopback

from lexgate.critic import (
    LABELS,
    Answer,
    Decoding,
    Exchange,
    Generation,
    Identity,
    LabelScores,
    Message,
    ScriptedModel,
    Silence,
    as_conversation,
    compile_prompts,
    open_critic,
    open_model,
)
from lexgate.critic.guards._open import FAMILIES

MODELS = [
    pytest.param("scripted/yes", id="scripted"),
    pytest.param("hf/llama", id="hf-llama", marks=pytest.mark.models),
    pytest.param("hf/gpt2", id="hf-gpt2", marks=pytest.mark.models),
    pytest.param("hf/plain", id="hf-without-template", marks=pytest.mark.models),
    pytest.param("openai/chat", id="openai-chat"),
]
BACKENDS = [
    *MODELS,
    "scripted/no",
    "checks",
    "exemplars",
    "exemplars>scripted/no",
    "recorded",
    *(f"openai/{wire}" for wire in ("decisions", "systemone", "structured")),
    *(pytest.param(family, marks=pytest.mark.models) for family in sorted(FAMILIES)),
]
TALKS = [
    as_conversation("How do I bake a cake?"),
    (Message("system", "Be brief."), *as_conversation("Why?")),
    (*as_conversation("Hi."), Message("assistant", "Hello."), Message("user", "Bye.")),
]
EXCHANGES = [Exchange(talk, text) for talk in TALKS for text in ("Sure.", "I can't.", "", "🦊" * 9)]


@pytest.fixture
def name(request, tiny, write_lines, guards, loopback):
    """The name a user would give, with the tiny directories and a recording filled in."""
    row = {"prompt": "How do I bake a cake?", "response": "Sure."}
    match request.param.split("/"):
        case ["hf", "plain"]:
            return f"hf/{tiny('llama', template=None)}"
        case ["hf", kind]:
            return f"hf/{tiny(kind)}"
        case ["recorded"]:
            return f"recorded/{write_lines(row | {'proposition': 'refuses', 'p': 0.1})}"
        case [family] if family in FAMILIES:
            return f"{family}/{guards(family)}"
        case ["openai", wire]:
            loopback(wire)
            return request.param
        case _:
            return request.param


@pytest.fixture
def loopback(monkeypatch):
    """Start a server that speaks one wire, so that it is the one found."""
    with contextlib.ExitStack() as running:

        def start(wire):
            server = running.enter_context(Loopback(wire))
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")

        yield start


@pytest.fixture(scope="session")
def guards(tmp_path_factory):
    """Give the directory of a tiny guard of a family, made once a session."""
    made = {}

    def make(family):
        if family not in made:
            made[family] = save_guard(tmp_path_factory.mktemp(family), family)
        return made[family]

    return make


@pytest.mark.parametrize("name", MODELS, indirect=True)
def test_a_model_answers_each_conversation_in_order(name):
    model = open_model(name)
    decoding = Decoding(max_new_tokens=5)
    replies = model.generate(TALKS, decoding)
    assert [type(reply) for reply in replies] == [Generation] * len(TALKS)
    for reply in replies:
        assert reply.finish in {"stop", "length"}
        assert 0 <= reply.output_tokens <= 5
        assert reply.prompt_tokens > 0
        assert reply.seconds >= 0
    texts = [reply.text for reply in replies]
    assert [reply.text for reply in model.generate(TALKS[::-1], decoding)] == texts[::-1]
    assert model.generate([], decoding) == []


@pytest.mark.parametrize("name", MODELS, indirect=True)
def test_a_model_scores_each_label_of_each_conversation(name):
    model = open_model(name)
    scores = model.score_labels(TALKS, LABELS)
    assert len(scores) == len(TALKS)
    for score in scores:
        assert isinstance(score, LabelScores)
        assert len(score.logprobs) == len(LABELS)
        assert sum(math.exp(x) for x in score.logprobs) <= 1 + 1e-5
    turned = model.score_labels(TALKS, LABELS[::-1])
    for score, other in zip(scores, turned, strict=True):
        assert score.logprobs == pytest.approx(other.logprobs[::-1], abs=1e-5)
    assert model.score_labels([], LABELS) == []


@pytest.mark.parametrize("name", BACKENDS, indirect=True)
def test_a_backend_gives_one_reply_to_each_exchange_about_what_was_asked(name, demo):
    backend = open_critic([name], demo).backends[0]
    for prompt in compile_prompts(demo):
        for question in prompt.questions:
            replies = list(backend.answer(question, EXCHANGES))
            assert len(replies) == len(EXCHANGES)
            for reply in replies:
                assert isinstance(reply, (Answer, Silence))
                if isinstance(reply, Answer):
                    assert reply.proposition == question.proposition
                else:
                    assert reply.detail
            assert list(backend.answer(question, [])) == []


@pytest.mark.parametrize("name", BACKENDS, indirect=True)
def test_a_backend_answers_the_same_whatever_else_it_is_asked(name, demo):
    backend = open_critic([name], demo).backends[0]
    question = compile_prompts(demo)[0].questions[1]
    together = backend.answer(question, EXCHANGES)
    alone = [backend.answer(question, [exchange])[0] for exchange in EXCHANGES]
    for one, other in zip(together, alone, strict=True):
        assert type(one) is type(other)
        if isinstance(one, Answer):
            assert one.p == pytest.approx(other.p, abs=1e-5)


@pytest.mark.parametrize("name", BACKENDS, indirect=True)
def test_a_backend_has_an_identity_that_opens_again(name, demo):
    one, two = (open_critic([name], demo).backends[0].identity for _ in range(2))
    assert isinstance(one, Identity)
    assert one == two
    assert one.name == name
    assert one.digest.startswith("sha256:")
    assert one.details == tuple(sorted(one.details))


def test_every_provider_of_the_tables_is_in_these_tests():
    from lexgate.critic import _open

    given = [p if isinstance(p, str) else p.values[0] for p in BACKENDS]
    providers = Counter(name.split("/")[0] for name in given)
    own = {"demo", "vllm"}  # they have tests of their own
    assert set(_open._MODELS) - own <= set(providers)
    assert {"checks", "exemplars", "recorded", *FAMILIES} <= set(providers)


def test_the_public_fake_needs_nothing_of_ours_to_be_a_model():
    model = ScriptedModel("scripted/mine", reply=lambda c: c[-1].content.upper())
    assert model.generate(TALKS[:1], Decoding())[0].text == "HOW DO I BAKE A CAKE?"
