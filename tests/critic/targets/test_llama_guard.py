"""The target `llama-guard`: the published prompt, and codes that no neighbour can change."""

from dataclasses import replace

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
    without,
)

from lexgate._text import printable
from lexgate.constitutions import find
from lexgate.errors import UsageError


def codes(rules):
    """Each principle's code."""
    listed = data("llama_guard", rules, "categories.json")["categories"]
    return {id_: code for code, entry in listed.items() for id_ in entry["principles"]}


def pinned(rules, **pins):
    """The constitution with codes written into it; `_` stands for `-` in names."""
    entries = tuple((id_.replace("_", "-"), found) for id_, found in sorted(pins.items()))
    return replace(rules, mappings=(*rules.mappings, ("llama_guard_codes", entries)))


def named(rules, id_):
    return changed(rules, first(rules).id, id=id_)


@pytest.mark.parametrize("reference", SHIPPED)
def test_the_prompt_is_the_published_one_with_our_categories(reference):
    rules = find(reference)
    file = data("llama_guard", rules, "prompt.json")
    listed = data("llama_guard", rules, "categories.json")["categories"]
    numbered = sorted(listed, key=lambda code: int(code[1:]))

    assert fill(file["prompt"], **NASTY) == recorded(
        "llama_guard",
        agent_type="Agent",
        categories="\n".join(f"{code}: {listed[code]['text']}" for code in numbered),
        conversations=f"User: {NASTY['prompt']}\n\nAgent: {NASTY['response']}",
    )


@pytest.mark.parametrize("reference", SHIPPED)
def test_the_text_form_says_the_same_through_str_format(reference):
    rules = find(reference)
    rules = changed(rules, first(rules).id, text="Never write {x} or {response} or }{.")
    made = export("llama_guard", rules)
    file = data("llama_guard", rules, "prompt.json")

    filled = made.files["prompt.txt"].decode("utf-8").format(**NASTY)

    assert filled == fill(file["prompt"], **NASTY) + "\n"


def test_a_category_has_a_name_and_what_should_not_and_what_can_be_done():
    listed = data("llama_guard", everyday(), "categories.json")["categories"]

    lines = listed["S9"]["text"].splitlines()

    assert lines[0] == "No help towards weapons that can kill many people."
    assert lines[1] == "Should not"
    assert lines[2].startswith("- Break this rule: Do not give actionable help to make, obtain, ")
    assert 'Here "actionable" means: specific enough' in lines[2]
    assert lines[3:] == [
        "Can",
        f"- {' '.join(first(everyday()).exceptions[0].split())}",
    ]


@pytest.mark.parametrize("reference", SHIPPED)
def test_removing_a_principle_changes_no_other_code(reference):
    rules = find(reference)
    before = codes(rules)

    for principle in rules.principles:
        after = codes(without(rules, principle.id))
        assert after == {id_: code for id_, code in before.items() if id_ != principle.id}


@pytest.mark.parametrize("reference", SHIPPED)
def test_inserting_and_reordering_principles_changes_no_code(reference):
    rules = find(reference)
    before = codes(rules)
    new = replace(first(rules), id="a-new-rule", overrides=())

    for place in range(len(rules.principles) + 1):
        principles = (*rules.principles[:place], new, *rules.principles[place:])
        grown = replace(rules, principles=principles[::-1])
        after = codes(grown)
        assert {id_: code for id_, code in after.items() if id_ != "a-new-rule"} == before


def test_a_new_principle_that_maps_to_a_native_category_takes_it_from_nobody():
    rules = everyday()
    mappings = {taxonomy: dict(entries) for taxonomy, entries in rules.mappings}
    mappings["llama_guard"]["a-new-rule"] = ("S9",)
    grown = replace(
        rules,
        principles=(replace(first(rules), id="a-new-rule"), *rules.principles),
        mappings=tuple((t, tuple(sorted(e.items()))) for t, e in sorted(mappings.items())),
    )

    assert codes(grown) == {**codes(rules), "a-new-rule": "S9"}
    assert any("share a category" in sentence for sentence in export("llama_guard", grown).lost)
    assert not any("share a category" in sentence for sentence in export("llama_guard", rules).lost)


def test_the_codes_of_the_shipped_constitutions_never_change():
    assert {reference: codes(find(reference)) for reference in SHIPPED} == GOLDEN


@pytest.mark.parametrize("reference", SHIPPED)
def test_a_code_is_native_only_by_a_mapping_to_exactly_one_category(reference):
    rules = find(reference)
    native = dict(dict(rules.mappings).get("llama_guard", ()))

    for id_, code in codes(rules).items():
        mapped = native.get(id_, ())
        assert (code == mapped[0]) if len(mapped) == 1 else 100 <= int(code[1:]) <= 999


def test_a_code_written_into_the_constitution_goes_before_all_others():
    rules = pinned(everyday(), no_weapon_uplift=("S15",), no_crime_uplift=("S16",))
    found = codes(rules)

    assert (found["no-weapon-uplift"], found["no-crime-uplift"]) == ("S15", "S16")
    listed = data("llama_guard", rules, "categories.json")["categories"]
    assert listed["S16"]["native"] == {"no-crime-uplift": ["S1", "S2"]}


@pytest.mark.parametrize(
    "bad", [("S0",), ("S1000",), ("15",), ("S15", "S16"), ("S\u0661",), ("S15\n",)]
)
def test_a_code_that_is_none_is_refused(bad):
    with pytest.raises(UsageError) as caught:
        export("llama_guard", pinned(everyday(), no_hate=bad))

    assert str(caught.value) == (
        "everyday-assistant@1.0.0: mappings/llama_guard_codes/no-hate: expected one code from S1 "
        f"to S999, found {printable(', '.join(bad))}\n"
        "    hint: write llama_guard_codes: {no-hate: [S15]}"
    )


def test_two_derived_codes_that_clash_are_refused_until_one_is_written_down():
    rules = named(everyday(), CLASH[0])
    both = replace(rules, principles=(*rules.principles, replace(first(rules), id=CLASH[1])))

    with pytest.raises(UsageError) as caught:
        export("llama_guard", both)

    code = codes(rules)[CLASH[0]]
    assert str(caught.value) == (
        f"everyday-assistant@1.0.0: principle {CLASH[1]} would get the code {code}, which stands "
        f"for the principle {CLASH[0]}\n"
        "    hint: write a code of its own into the constitution: "
        f"mappings: {{llama_guard_codes: {{{CLASH[1]}: [S15]}}}}"
    )
    assert codes(pinned(both, **{CLASH[1].replace("-", "_"): ("S15",)}))[CLASH[0]] == code


@pytest.mark.parametrize("order", [1, -1])
def test_a_derived_code_is_never_shared_with_one_that_is_written_down(order):
    rules = named(everyday(), CLASH[0])
    rules = replace(rules, principles=rules.principles[::order])
    code = codes(rules)[CLASH[0]]

    with pytest.raises(UsageError, match=f"would get the code {code}, which stands for"):
        export("llama_guard", pinned(rules, no_hate=(code,)))


def test_the_code_of_a_retired_principle_is_given_to_no_other():
    rules = replace(named(everyday(), CLASH[0]), retired=(CLASH[1],))

    with pytest.raises(UsageError, match=f"which stands for the retired principle {CLASH[1]}"):
        export("llama_guard", rules)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("safe", "safe"),
        ("\n\nsafe\n", "safe"),
        ("unsafe\nS9", "S9"),
        ("\n\nunsafe\nS9,S11", "S9,S11"),
        ("unsafe\nS9, S11 \n", "S9, S11"),
        ("unsafe", None),
        ("unsafe\nS2", None),  # the constitution has no category of this code
        ("unsafe\nS9,S2", None),
        ("unsafe\nS99", None),
        ("unsafe\nS9\nsafe", None),
        ("unsafe S9", None),
        ("Not safe", None),
        ("safe\nS9", None),
        ("safe, I think", None),
        ("", None),
    ],
)
def test_a_reply_is_read_as_a_whole_or_not_at_all(text, answer):
    assert read(data("llama_guard", everyday(), "prompt.json")["reply"], text) == answer


def test_each_generation_has_its_own_frame():
    frames = data("llama_guard", everyday(), "prompt.json")["frames"]

    assert sorted(frames) == ["llama-guard-3", "llama-guard-4"]
    assert frames["llama-guard-3"]["after"].endswith(
        "<|start_header_id|>assistant<|end_header_id|>"
    )
    assert frames["llama-guard-4"]["after"].endswith("<|header_start|>assistant<|header_end|>")


CLASH = ("no-amber-lime", "no-blue-iris")  # two ids of one derived code
GOLDEN = {
    "agentic-worker@1.0.0": {
        "confirm-destructive-actions": "S138",
        "honest-reporting": "S911",
        "no-data-exfiltration": "S7",
        "no-injected-instructions": "S583",
        "no-over-refusal": "S713",
        "no-oversight-evasion": "S576",
        "no-secret-disclosure": "S7",
        "no-self-granted-permissions": "S14",
        "stay-in-sandbox": "S14",
        "stay-in-scope": "S618",
    },
    "demo@1.0.0": {"no-harm-help": "S939", "no-over-refusal": "S713"},
    "everyday-assistant@1.0.0": {
        "no-crime-uplift": "S968",
        "no-deception": "S735",
        "no-hate": "S10",
        "no-over-refusal": "S713",
        "no-overclaiming": "S6",
        "no-self-harm-encouragement": "S11",
        "no-sexualising-minors": "S4",
        "no-sycophancy": "S506",
        "no-weapon-uplift": "S9",
        "protect-privacy": "S7",
    },
}
