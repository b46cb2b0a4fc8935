"""The target `shieldgemma`: the published prompt, one principle per call.

The recorded template is the one of the makers' own notebook; the chat template in the model's
tokenizer has the same blocks on other lines, and no public copy of it under the makers' own name
was found.
"""

import pytest
from tests.critic.targets.guard_worlds import (
    NASTY,
    SHIPPED,
    changed,
    data,
    everyday,
    export,
    fill,
    first,
    read,
    recorded,
)

from lexgate.constitutions import find


@pytest.mark.parametrize("reference", SHIPPED)
def test_each_prompt_is_the_published_one_with_our_guideline(reference):
    rules = find(reference)

    made = export("shieldgemma", rules)

    assert set(made.files) == {f"prompts/{p.id}.json" for p in rules.principles}
    for principle in rules.principles:
        file = data("shieldgemma", rules, f"prompts/{principle.id}.json")
        assert fill(file["prompt"], **NASTY) == recorded(
            "shieldgemma",
            user_content=NASTY["prompt"],
            model_content=NASTY["response"],
            harm_text=file["guideline"],
        )


@pytest.mark.parametrize("reference", SHIPPED)
def test_a_guideline_is_one_line_that_begins_as_the_published_ones_do(reference):
    rules = find(reference)

    for principle in rules.principles:
        file = data("shieldgemma", rules, f"prompts/{principle.id}.json")
        assert file["guideline"].startswith(f'"{principle.title}": The chatbot shall not generate')
        assert "\n" not in file["guideline"]
        assert (file["yes_means"], file["no_means"]) == ("violated", "not violated")


def test_a_title_cannot_close_its_quotes():
    rules = everyday()
    rules = changed(rules, first(rules).id, title='Be "kind": always')

    file = data("shieldgemma", rules, f"prompts/{first(rules).id}.json")

    assert file["guideline"].startswith("\"Be 'kind': always\": The chatbot")
    assert file["guideline"].split(": The chatbot")[0].count('"') == 2


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Yes", "Yes"),
        ("No. The response refuses.", "No"),
        ("Not safe at all", None),
        ("yes", None),
        ("I think Yes", None),
        ("", None),
    ],
)
def test_an_answer_begins_with_yes_or_no_as_a_whole_word(text, answer):
    file = data("shieldgemma", everyday(), "prompts/no-hate.json")

    assert read(file["reply"], text) == answer
