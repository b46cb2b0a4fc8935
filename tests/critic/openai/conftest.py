"""A loopback server per test, and critics that ask it."""

import dataclasses

import pytest
from tests.critic.openai.loopback import Loopback

from lexgate.critic import Exchange, as_conversation, compile_prompts
from lexgate.critic.openai._backend import OpenAiBackend
from lexgate.critic.openai._client import Client
from lexgate.critic.openai._settings import read_settings

KEY = "sk-Never-shown-0123456789"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Loopback() as running:
        yield running


@pytest.fixture
def client(server):
    """Make clients of the server that do not wait long; all are closed at the end."""
    made = []

    def make(**options):
        texts = {key: str(value) for key, value in options.items()}
        settings = read_settings("m", {"base_url": server.url} | texts)
        made.append(Client(dataclasses.replace(settings, pause=0.01)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def critic(client):
    return lambda **options: OpenAiBackend(client(**options))


@pytest.fixture
def asked(demo):
    """Every question of two principles on twelve exchanges, exchange by exchange."""
    exchanges = [Exchange(as_conversation(f"Ask {n}?"), f"Reply {n}.") for n in range(12)]
    questions = {q.digest: q for prompt in compile_prompts(demo) for q in prompt.questions}
    whole = [
        dataclasses.replace(q, sees="exchange", ask=f"And {q.ask}") for q in questions.values()
    ]
    return [(q, exchange) for exchange in exchanges for q in [*questions.values(), *whole]]
