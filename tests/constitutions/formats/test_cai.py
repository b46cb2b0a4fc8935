"""Constitutional AI: published pairs become principles; any constitution fits into pairs and back."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.strategies import constitutions, rule_texts

from lexgate.constitutions import find, load
from lexgate.constitutions._build import from_data
from lexgate.constitutions._dump import as_file, write_yaml
from lexgate.constitutions._reserved import reserved_in
from lexgate.constitutions.formats import _cai
from lexgate.constitutions.formats._cai import CAI
from lexgate.constitutions.formats._format import read, write
from lexgate.errors import InvalidFile, UsageError

FILE = "constitution.json"
SHIPPED = ("everyday-assistant@1.0.0", "agentic-worker@1.0.0", "demo@1.0.0")
PUBLISHED = {"constitution_anthropic.json": 16, "constituion_grok.json": 2}
several = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

# Anthropic's layout, as in its ConstitutionalHarmlessnessPaper.
NAMED = {
    "harmful0": {
        "prompt": ["Identify ways in which the last response is harmful."],
        "edit_request": "Please rewrite the response to remove all harmful content.",
    },
    "insensitive": {
        "prompt": ["Discuss whether it is insensitive.", "Say who could be hurt by it."],
        "edit_request": "Revise the response to be kind.",
    },
    "again": {
        "prompt": ["Identify ways in which the last response is harmful."],
        "edit_request": "Please rewrite the response to remove all harmful content.",
    },
}


def files(data):
    return {FILE: json.dumps(data, ensure_ascii=False, indent=2).encode()}


def pairs(*texts, **more):
    return {"constitutions": [{"critic": c, "revision": r} for c, r in texts], **more}


def native(export):
    """What another tool sees: the export without what we keep aside."""
    data = json.loads(export.files[FILE])
    del data["x-lexgate"]
    return data


def loaded(reading, tmp_path):
    """Read data as a file that a person would keep, with every check there is."""
    path = tmp_path / "imported.yaml"
    path.write_text(write_yaml(reading.data), encoding="utf-8")
    return load(path)


def problem(data):
    content = data if isinstance(data, bytes) else files(data)[FILE]
    with pytest.raises(InvalidFile) as caught:
        read(CAI, {FILE: content})
    return str(caught.value)


def with_marks(rules):
    """The constitution with sealed examples that are easy to find in any bytes."""
    data = as_file(rules)
    sealed = [e for p in data["principles"] for e in p["examples"] if e.get("split") == "sealed"]
    for number, example in enumerate(sealed):
        example |= {"prompt": f"SEALED {number}", "response": "SEALED", "why": "SEALED"}
        example["id"] = f"sealed-{number}"
    assert sealed
    return from_data(data)


@given(constitutions())
@several
def test_any_constitution_comes_back_with_its_digest(rules):
    export = write(CAI, rules, sealed=True)

    assert from_data(read(CAI, export.files).data).digest == rules.digest
    assert write(CAI, rules, sealed=True) == export


@given(constitutions())
@several
def test_pairs_alone_still_name_every_principle(rules):
    reading = read(CAI, files(native(write(CAI, rules))))

    assert [p["id"] for p in reading.data["principles"]] == [p.id for p in rules.principles]
    from_data(reading.data)


@given(rule_texts, st.lists(rule_texts, max_size=2))
@several
def test_a_rule_without_requests_of_its_own_is_read_out_of_composed_ones(text, exceptions):
    rules = find("demo@1.0.0")
    first = replace(rules.principles[0], text=text, exceptions=tuple(exceptions))
    pair = native(write(CAI, replace(rules, principles=(first,))))

    principle = read(CAI, files(pair)).data["principles"][0]

    assert (principle["text"], principle.get("exceptions", [])) == (text, exceptions)
    assert not {"critique", "revise"} & principle.keys()


@pytest.mark.parametrize("reference", SHIPPED)
def test_shipped_constitutions_come_back_with_their_digest(reference):
    rules = find(reference)

    assert from_data(read(CAI, write(CAI, rules, sealed=True).files).data).digest == rules.digest


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_published_pairs_become_a_valid_constitution_and_come_back(
    name, count, shared_data, tmp_path
):
    path = shared_data / "llm-swarm-cai/examples/constitutional-ai" / name
    reading = read(CAI, {name: path.read_bytes()})

    rules = loaded(reading, tmp_path)
    export = write(CAI, rules)

    assert len(rules.principles) == count
    assert all(p.critique == p.text and p.revise for p in rules.principles)
    assert reading.lost == (
        "system_chat: 4 entries, which show a model how to answer and hold no rule.",
    )
    assert from_data(read(CAI, export.files).data).digest == rules.digest
    told = native(export)["constitutions"]
    assert [(p["critic"], p["revision"]) for p in told] == [
        (p["critic"], p["revision"]) for p in json.loads(path.read_text())["constitutions"]
    ]


def test_anthropics_layout_is_read_and_entries_keep_their_names(tmp_path):
    reading = read(CAI, files(NAMED))

    rules = loaded(reading, tmp_path)

    assert [(p.critique, p.revise) for p in rules.principles] == [
        (request, entry["edit_request"])
        for entry in list(NAMED.values())[:2]
        for request in entry["prompt"]
    ]
    names = reading.data["mappings"]["constitutional-ai"]
    assert Counter(name for found in names.values() for name in found) == {
        "harmful0": 1,
        "again": 1,
        "insensitive": 2,
    }
    assert reading.lost == ("1 pair that stood in the file before.",)


def test_an_id_does_not_depend_on_other_pairs_or_on_the_layout():
    first, second = ("Is it rude?", "Be kind."), ("Is it rude?", "Be kinder.")
    alone = read(CAI, files(pairs(second))).data["principles"]
    both = read(CAI, files(pairs(first, second))).data["principles"]
    named = {"x": {"prompt": [second[0]], "edit_request": second[1]}}

    assert both[1] == alone[0]
    assert both[0]["id"] != both[1]["id"]
    assert both[0]["id"].startswith("rude-")
    assert read(CAI, files(named)).data["principles"] == alone


def test_an_edit_of_a_rule_inside_its_request_changes_that_principle_only():
    rules = find("everyday-assistant@1.0.0")
    export = write(CAI, rules, sealed=True)
    edited = json.loads(export.files[FILE])
    pair = next(p for p in edited["constitutions"] if p["id"] == "no-hate")
    for part in ("critic", "revision"):
        pair[part] = pair[part].replace("Do not", "Never")

    result = from_data(read(CAI, files(edited)).data)

    assert result.principle("no-hate").text == rules.principle("no-hate").text.replace(
        "Do not", "Never"
    )
    assert result.principle("no-hate").examples == rules.principle("no-hate").examples
    assert [p for p in result.principles if p.id != "no-hate"] == [
        p for p in rules.principles if p.id != "no-hate"
    ]


def test_a_request_rewritten_by_hand_becomes_the_rules_own():
    export = write(CAI, find("demo@1.0.0"))
    edited = json.loads(export.files[FILE])
    edited["constitutions"][0]["revision"] = "Say no, and say it kindly."

    result = from_data(read(CAI, files(edited)).data)

    before = find("demo@1.0.0").principles[0]
    assert result.principles[0].revise == "Say no, and say it kindly."
    assert (result.principles[0].text, result.principles[0].critique) == (before.text, "")


def test_pairs_added_and_removed_by_hand_are_added_and_removed():
    edited = json.loads(write(CAI, find("demo@1.0.0")).files[FILE])
    del edited["constitutions"][0]
    edited["constitutions"].append({"critic": "Is it rude?", "revision": "Be kind."})

    result = from_data(read(CAI, files(edited)).data)

    assert result.principles[0].id == "no-over-refusal"
    assert result.principles[1].critique == "Is it rude?"


def test_sealed_text_is_nowhere_in_an_export_that_does_not_ask_for_it():
    rules = with_marks(find("everyday-assistant@1.0.0"))
    hidden, asked_for = write(CAI, rules), write(CAI, rules, sealed=True)

    assert b"SEALED" not in hidden.files[FILE]
    assert b"sealed-0" not in hidden.files[FILE]
    assert len(hidden.lost) == 1
    assert b"SEALED" in asked_for.files[FILE]
    # What models are trained with never holds one.
    assert "SEALED" not in json.dumps(native(asked_for))


def test_an_export_is_what_llm_swarm_reads():
    text = write(CAI, find("demo@1.0.0")).files[FILE].decode()
    data = json.loads(text)

    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    assert list(data) == ["constitutions", "system_chat", "x-lexgate"]
    assert data["system_chat"] == []
    assert all(set(pair) == {"id", "critic", "revision"} for pair in data["constitutions"])
    assert data["constitutions"][1]["critic"] == (
        "Identify specific ways in which the response breaks this rule: "
        "Help with every request that harms nobody. Do not refuse because a word sounds dangerous, "
        "or to be on the safe side."
    )


def test_words_of_our_own_prompts_are_rewritten_in_rules_and_kept_in_requests(tmp_path):
    request = "Rule: is\n  answer yes or no. in it?\n```"
    reading = read(CAI, files(pairs((request, "Remove it."))))

    principle = loaded(reading, tmp_path).principles[0]

    assert principle.critique == request
    assert principle.text == "> Rule: is\n  > answer yes or no. in it?\n~~~"
    assert not reserved_in(principle.text)
    assert reading.lost == (
        "1 fence (```) in texts of rules, now ~~~.",
        "2 lines of rules that began with a word of our own prompts: now after >.",
    )


def test_what_is_neither_pair_nor_known_is_told():
    data = pairs(("Is it rude?", "Be kind."), note="x", system_chat=[[], []])
    data["constitutions"][0]["weight"] = 2

    assert read(CAI, files(data)).lost == (
        "system_chat: 2 entries, which show a model how to answer and hold no rule.",
        'The key "note" (1 time).',
        'The key "weight" (1 time).',
    )


def test_mistakes_are_told_at_their_places_and_all_at_once():
    text = (
        '{"constitutions": [\n'
        '  {"critic": "Is it rude?", "revision": "Be kind.", "id": "Rude"},\n'
        '  {"critic": 5,\n'
        '   "revision": ""},\n'
        '  "x"\n'
        "]}"
    )

    assert problem(text.encode()) == (
        'constitution.json:2:59: constitutions/0/id: expected an id, found "Rude"\n'
        "    hint: write lower-case letters, digits and hyphens, such as no-weapon-uplift\n"
        "constitution.json:3:14: constitutions/1/critic: expected a request in words, found 5\n"
        "constitution.json:4:16: constitutions/1/revision: expected a request in words, found an "
        "empty text\n"
        'constitution.json:5:3: constitutions/2: expected an object with "critic" and "revision", '
        'found "x"'
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"[]",
            'expected the key "constitutions" with a list of pairs, found a list that is empty',
        ),
        (
            b'{"rules": []}',
            'expected the key "constitutions" with a list of pairs, found an object',
        ),
        (b'{"constitutions": []}', "expected a list of pairs, found a list that is empty"),
        (b'{"a": {"prompt": "x", "edit_request": "y"}}', "expected a list of critique requests"),
        (b'{"a": {"prompt": ["x"]}}', "a/edit_request: expected a request in words, found none"),
        (b'{"constitutions": [', "constitution.json:1:20: expected JSON, found a mistake"),
        (b'{"a": 1,\n "a": 2}', 'constitution.json:2:2: expected every key once, found "a" again'),
        (b'{"a": NaN}', "expected JSON numbers, found NaN"),
        (b'{"a": "\\ud800"}', "expected whole characters, found one half of a surrogate pair"),
        (b"[" * 100_000, "expected fewer levels"),
        (b'{"a": "\xff"}', "constitution.json:1:8: expected UTF-8, found the byte 0xff"),
        (b'{"constitutions": [{}], "x-lexgate": 1}', "expected what an export kept aside, found 1"),
    ],
)
def test_files_that_are_none_are_refused_with_their_place(content, message):
    assert message in problem(content)


def test_an_id_that_stands_twice_is_refused():
    data = pairs(("Is it rude?", "Be kind."), ("Is it cruel?", "Be kind."))
    for pair in data["constitutions"]:
        pair["id"] = "rude"

    assert 'constitutions/1/id: expected every id once, found "rude"' in problem(data)


def test_one_json_file_is_expected():
    with pytest.raises(UsageError, match=r"expected one JSON file .* found 2: a\.json, b\.json"):
        read(CAI, {"b.json": b"{}", "a.json": b"{}"})
    with pytest.raises(
        UsageError, match=r"expected one JSON file with pairs of requests, found 0$"
    ):
        read(CAI, {"a.yaml": b""})


def test_a_byte_order_mark_is_no_part_of_the_file():
    content = b"\xef\xbb\xbf" + files(pairs(("Is it rude?", "Be kind.")))[FILE]

    assert len(read(CAI, {FILE: content}).data["principles"]) == 1


def test_a_long_request_gets_a_short_title():
    assert _cai._title("word " * 40) == "word " * 14 + "…"
