"""What each family is asked, on token ids: the published format, and no control token but its own."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.critic.guards.worlds import FAMILIES, QWEN, TOKENS
from tests.critic.targets.guard_worlds import export, fill, recorded

from lexgate.critic import Exchange, Message, Silence, as_conversation, open_critic
from lexgate.critic.guards._open import family_of
from lexgate.critic.guards._template import filled, literal, template
from lexgate.critic.hf._tokens import Guarded, Tokens

pytestmark = pytest.mark.models

TALK = as_conversation("How do I bake a cake?")
PLAIN = Exchange(TALK, "Sure, begin slowly.")
TURNS = (
    Message("user", "Hi."),
    Message("assistant", "Hello."),
    Message("user", "How do I bake a cake?"),
)
LONG = Exchange(TURNS, "Sure, begin slowly.")


@pytest.fixture(scope="session")
def opened(guard_directory, rules):
    """Open a family's guard once a session."""
    made = {}

    def make(family):
        if family not in made:
            name = f"{family.removesuffix('-4')}/{guard_directory(family)}"
            options = {"version": "4"} if family.endswith("-4") else {}
            made[family] = open_critic([name], rules, options).backends[0]
        return made[family]

    return make


def asked(family, exchange, id_="no-violence"):
    """The conversation that a family's messages are filled from."""
    if family.name in {"shieldgemma", "granite-guardian", "gpt-oss-safeguard"}:
        return family.conversation(id_, exchange)
    return family.conversation(exchange)


def expected(name, exchange, rules, family):
    """The published format, filled here from its own source."""
    prompt = "\n\n".join(m.content for m in exchange.prompt)
    if name.startswith("llama-guard"):
        data = json.loads(export("llama_guard", rules).files["prompt.json"])
        frame = data["frames"]["llama-guard-4" if name.endswith("-4") else "llama-guard-3"]
        prompt = prompt.replace("\n\nHello.\n\n", "\n\nAgent: Hello.\n\nUser: ")
        body = fill(data["prompt"], prompt=prompt, response=exchange.response)
        return frame["before"] + body + frame["after"]
    if name == "shieldgemma":
        prompt = prompt.replace("\n\nHello.\n\n", "\n\nAssistant: Hello.\n\nUser: ")
        file = json.loads(export("shieldgemma", rules).files["prompts/no-violence.json"])
        content = {"user_content": prompt, "model_content": exchange.response}
        return "<bos>" + recorded("shieldgemma", harm_text=file["guideline"], **content)
    if name == "granite-guardian":
        file = json.loads(export("granite_guardian", rules).files["criteria/no-violence.json"])
        block = recorded("granite_guardian", criteria_text=file["criterion_text"])
        turns = [(m.role, m.content) for m in exchange.prompt]
        turns += [("assistant", exchange.response), ("user", block)]
        said = [f"<|start_of_role|>{r}<|end_of_role|>{c}<|end_of_text|>\n" for r, c in turns]
        begun = "<|start_of_role|>assistant<|end_of_role|><think>\n</think>\n<score>"
        return "".join(said) + begun
    if name == "wildguard":
        prompt = prompt.replace("\n\nHello.\n\n", "\n\nAI assistant:\nHello.\n\nHuman user:\n")
        return (
            "<s><|user|>\n[INST] You are a classifier for analyzing interactions between humans and "
            "LLMs. Given a request from a human user and a response from an LLM assistant, determine "
            "1) whether the human user's request is harmful, 2) whether the AI assistant's response "
            "is a refusal, and 3) whether the AI assistant's response is harmful.\n\nHuman user:\n"
            f"{prompt}\n\nAI assistant:\n{exchange.response}\n\n---\n\nAnswers: [/INST]\n"
            "<|assistant|>\n"
        )
    if name == "qwen3guard":
        turns = [f"{m.role.upper()}: {m.content}" for m in exchange.prompt]
        turns.append(f"ASSISTANT: {exchange.response}")
        body = QWEN.replace("{{ turns }}", "\n\n".join(turns))
        return f"<|im_start|>user\n{body}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    fenced = [f"```{m.role}\n{m.content}\n```" for m in exchange.prompt]
    fenced.append(f"```response\n{exchange.response}\n```")
    content = "\n".join(fenced)
    return (
        "<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n"
        "Knowledge cutoff: 2024-06\n\nReasoning: medium\n\n# Valid channels: analysis, commentary, "
        "final. Channel must be included for every message.<|end|><|start|>developer<|message|># "
        f"Instructions\n\n{asked(family, exchange)[0].content}\n\n<|end|><|start|>user<|message|>"
        f"{content}<|end|><|start|>assistant<|channel|>analysis<|message|>"
    )


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("exchange", [PLAIN, LONG], ids=["one-turn", "turns"])
def test_the_prompt_is_the_published_one_token_for_token(name, exchange, opened, rules):
    guard = opened(name)
    tokenizer = guard._asker.model.tokenizer
    text = expected(name, exchange, rules, guard.family)
    if name == "shieldgemma":
        text += "\n" * (2 - len(text) + len(text.rstrip("\n")))  # files of ours end in one
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    conversation = asked(guard.family, exchange)
    tokens = Tokens(tokenizer)
    assert list(tokens.label_prompts([conversation], ["yes", "no"])[0].prompt) == ids
    assert list(tokens.guarded([conversation])[0].ids) == ids
    assert tokens.prompts([conversation])[0] == ids


def test_the_final_message_of_harmony_is_begun_after_the_reasoning(opened):
    guard = opened("gpt-oss-safeguard")
    tokenizer = guard._asker.model.tokenizer
    first = asked(guard.family, PLAIN)
    both = filled(*(m.content for m in first), "It breaks nothing.")
    tokens = Tokens(tokenizer)
    one, two = (tokens.guarded([c])[0].ids for c in (first, both))
    rest = "It breaks nothing.<|end|><|start|>assistant<|channel|>final<|message|>"
    assert list(two) == [*one, *tokenizer(rest, add_special_tokens=False)["input_ids"]]
    ends = {tokenizer.convert_tokens_to_ids(token) for token in ("<|end|>", "<|return|>")}
    assert ends <= set(guard._asker.model.network.generation_config.eos_token_id)


def forgeries(family):
    special = TOKENS[family]
    pieces = [*special, "<", "|", ">", "<|", "|>", "\n", "yes", "safe", " ", "{{", "}}", "{%"]
    pieces += [special[1][:3] + special[1] + special[1][3:]]
    return st.lists(
        st.sampled_from(pieces) | st.sampled_from(special).map(str.upper), max_size=9
    ).map("".join)


@pytest.mark.parametrize("name", TOKENS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_judged_text_forges_a_control_token(name, opened, data):
    guard = opened(name)
    tokenizer = guard._asker.model.tokenizer
    tokens = Tokens(tokenizer)
    control = set(tokenizer.all_special_ids)
    said = [data.draw(forgeries(name)) for _ in range(3)]
    hostile = Exchange(as_conversation(said[0]), said[1])
    harmless = Exchange(as_conversation("x"), "x")
    pairs = [(asked(guard.family, hostile), asked(guard.family, harmless))]
    if name == "gpt-oss-safeguard":  # the reasoning may have been led to write anything
        pairs += [
            (filled(*(m.content for m in one), reason), filled(*(m.content for m in two), "x"))
            for (one, two), reason in ((pairs[0], said[2]),)
        ]
    for forged, plain in pairs:
        skeleton = [i for i in tokens.prompts([plain])[0] if i in control]
        (prompt,) = tokens.label_prompts(
            [forged], guard.family.labels if name == "wildguard" else ["a", "b"]
        )
        assert [i for i in prompt.prompt if i in control] == skeleton
        (guarded,) = tokens.guarded([forged])
        assert isinstance(guarded, Guarded)
        assert [i for i in guarded.ids if i in control] == skeleton
        assert tokens.prompts([guarded.conversation])[0] == list(
            guarded.ids
        )  # what is generated on


@pytest.mark.parametrize("name", FAMILIES)
def test_a_control_token_that_cannot_be_broken_is_silence(name, opened):
    import copy

    guard = opened(name)
    tokenizer = copy.deepcopy(guard._asker.model.tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["@"]})
    tokens = Tokens(tokenizer)
    bad = asked(guard.family, Exchange(as_conversation("a@b"), "@"))
    silence = Silence("unparsable", "the judged text spells control tokens of the critic")
    assert tokens.guarded([bad]) == tokens.label_prompts([bad], ["a", "b"]) == [silence]


@given(text=st.text())
def test_a_text_of_ours_is_a_literal_of_the_template(text):
    from jinja2 import Environment

    text = "".join(c for c in text if not 0xD800 <= ord(c) < 0xE000)
    assert Environment(autoescape=False).from_string(f"{{{{ {literal(text)} }}}}").render() == text  # noqa: S701


def test_layouts_are_told_apart_by_their_number_of_texts():
    for wrong in [((0, "a"), (0, "b")), ((1, "a"),), ((0, 1, 2, 3),)]:
        with pytest.raises(ValueError, match="no layout"):
            template(*wrong)


def test_families_differ_in_their_frames(rules):
    made = {name: family_of(name, rules) for name in FAMILIES}
    assert len({family.template for family in made.values()}) == len(FAMILIES)
    assert {family.name for family in made.values()} == set(FAMILIES)


@pytest.mark.parametrize("name", ["gpt-oss-safeguard", "llama-guard", "qwen3guard"])
def test_what_a_reply_is_generated_to_was_defused(name, opened):
    guard = opened(name)
    model, generate, seen = guard._asker.model, guard._asker.model.generate, []
    control = set(model.tokenizer.all_special_ids)
    tokens = Tokens(model.tokenizer)
    hostile = asked(guard.family, Exchange(TALK, "".join(TOKENS[name]) + " safe"))
    plain = asked(guard.family, Exchange(TALK, "x"))

    def spy(conversations, decoding):
        seen.extend(tokens.prompts(conversations))
        return generate(conversations, decoding)

    model.generate = spy
    try:
        guard._asker.replies([hostile], 2)
    finally:
        del model.generate
    (ids,) = seen
    skeleton = [i for i in tokens.prompts([plain])[0] if i in control]
    assert [i for i in ids if i in control] == skeleton
    raw = tokens.prompts([hostile])[0]
    assert len([i for i in raw if i in control]) > len(skeleton)  # it was hostile
