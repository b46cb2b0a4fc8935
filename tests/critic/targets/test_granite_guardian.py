"""The target `granite-guardian`: the published block, and one polarity for every rule."""

import pytest
from tests.critic.targets.guard_worlds import NASTY, SHIPPED, data, export, fill, read, recorded

from lexgate.constitutions import find


def files(reference):
    rules = find(reference)
    return [(p, data("granite_guardian", rules, f"criteria/{p.id}.json")) for p in rules.principles]


@pytest.mark.parametrize("reference", SHIPPED)
def test_there_is_one_file_for_each_principle(reference):
    rules = find(reference)

    made = export("granite_guardian", rules)

    assert set(made.files) == {f"criteria/{p.id}.json" for p in rules.principles}


@pytest.mark.parametrize("reference", SHIPPED)
def test_the_last_turn_is_the_published_block_with_our_criterion(reference):
    for _, file in files(reference):
        user, assistant, guardian = file["messages"]

        assert fill(guardian["content"]) == recorded(
            "granite_guardian", criteria_text=file["criterion_text"]
        )
        assert [user["role"], assistant["role"], guardian["role"]] == ["user", "assistant", "user"]
        assert fill(user["content"], **NASTY) == NASTY["prompt"]
        assert fill(assistant["content"], **NASTY) == NASTY["response"]


def test_yes_is_a_violation_also_where_the_rule_requires_something():
    seen = set()
    for principle, file in files("agentic-worker@1.0.0"):
        says = {
            "prohibit": "The last assistant's text breaks the following rule. Rule: ",
            "require": "The last assistant's text does not do what the following rule requires. ",
        }[principle.polarity]
        assert file["criterion_text"].startswith(says)
        assert (file["yes_means"], file["no_means"]) == ("violated", "not violated")
        seen.add(principle.polarity)

    assert seen == {"prohibit", "require"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<score>yes</score>", "yes"),
        ("<think>\n</think>\n<score> no </score>\n", "no"),
        ("<think>yes, or no?</think><score>yes</score>", "yes"),
        ("yes", None),
        ("<score>yes</score> <score>no</score>", None),
        ("I would say <score>no</score>", None),
        ("<score>no", None),
        ("<score>not yes</score>", None),
        ("<score>Yes</score>", None),
        ("<think><score>no</score>", None),
        ("<think>a<think>b</think><score>no</score>", None),
        ("", None),
    ],
)
def test_a_reply_that_is_not_a_score_and_nothing_else_is_an_abstention(text, answer):
    _, file = files("demo@1.0.0")[0]

    found = read(file["reply"], text)

    assert found == answer
    assert file["reply"]["otherwise"] == "abstention"
