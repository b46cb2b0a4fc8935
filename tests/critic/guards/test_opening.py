"""A guard opens only on a model of its family, and says what is wrong otherwise."""

import json
import shutil

import pytest
from tests.critic.guards.worlds import FAMILIES

from lexgate.critic import Exchange, Identity, Silence, as_conversation, open_critic
from lexgate.errors import UsageError

pytestmark = pytest.mark.models


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_of_another_family_is_refused(name, guard_directory, rules):
    other = "wildguard" if name != "wildguard" else "shieldgemma"
    with pytest.raises(UsageError, match=f"is no {name}: its tokenizer has no token <"):
        open_critic([f"{name}/{guard_directory(other)}"], rules)


def test_llama_guard_4_has_other_tokens_than_3(guard_directory, rules):
    with pytest.raises(
        UsageError, match=r"is no llama-guard: its tokenizer has no token <\|header"
    ):
        open_critic([f"llama-guard/{guard_directory('llama-guard')}"], rules, {"version": "4"})
    with pytest.raises(UsageError, match="version must be 3 or 4, not '5'"):
        open_critic([f"llama-guard/{guard_directory('llama-guard')}"], rules, {"version": "5"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reasoning": "huge"}, "reasoning must be low, medium or high, not 'huge'"),
        ({"max_new_tokens": "0"}, "max_new_tokens must be a positive whole number, not '0'"),
        ({"version": "3"}, "has no option 'version'"),
    ],
)
def test_wrong_options_are_refused(options, message, guard_directory, rules):
    name = f"gpt-oss-safeguard/{guard_directory('gpt-oss-safeguard')}"
    with pytest.raises(UsageError, match=message):
        open_critic([name], rules, options)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "does not ask for 'Safety: Safe'"),
        ("{{ raise_exception('no') }}", "its chat template fails: no"),
        (None, "does not ask for 'Safety: Safe'"),
    ],
)
def test_a_model_without_qwen3guard_s_policy_is_refused(
    template, message, tmp_path, guard_directory, rules
):
    directory = shutil.copytree(guard_directory("qwen3guard"), tmp_path / "other")
    for path in directory.glob("*.jinja"):
        path.unlink()
    config = json.loads((directory / "tokenizer_config.json").read_text(encoding="utf-8"))
    config.pop("chat_template", None)
    if template is not None:
        config["chat_template"] = template
    (directory / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        open_critic([f"qwen3guard/{directory}"], rules)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_guard_is_known_by_its_model_and_its_template(name, guard_directory, rules):
    critic = f"{name}/{guard_directory(name)}"
    identity = open_critic([critic], rules).backends[0].identity
    model = open_critic([f"hf/{guard_directory(name)}"], rules).backends[0].identity
    assert isinstance(identity, Identity)
    assert identity.name == critic
    details = dict(identity.details)
    assert details["family"] == name
    # The candidate is recognised as its own critic by its weights.
    assert details["weights"] == dict(model.details)["weights"]
    assert identity.digest != model.digest


def test_a_guard_answers_no_single_question(guard_directory, rules):
    critic = open_critic([f"wildguard/{guard_directory('wildguard')}"], rules)
    question = critic.prompts["be-kind"].questions[0]
    exchanges = [Exchange(as_conversation("?"), "x")] * 2
    said = critic.backends[0].answer(question, exchanges)
    assert [type(reply) for reply in said] == [Silence, Silence]
    assert said[0].reason == "no_answer"
    assert critic.backends[0].settle("no-such", exchanges)[0].reason == "no_answer"
    assert critic.backends[0].settle("be-kind", []) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_guard_cannot_judge_is_an_abstention(name, guard_directory, rules):
    options = {"max_new_tokens": "4"} if name == "gpt-oss-safeguard" else {}
    critic = open_critic([f"{name}/{guard_directory(name)}"], rules, options)
    (judged,) = critic.judge([Exchange(as_conversation("?"), "x")], ["no-violence", "unmapped"])
    assert [judgement.to_json()["outcome"] for judgement in judged] == ["abstains", "abstains"]
