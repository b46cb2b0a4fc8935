"""What holds for every export to a guard or judge model."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.critic.targets.guard_worlds import (
    SHIPPED,
    TARGETS,
    changed,
    everyday,
    export,
    first,
)

from lexgate.constitutions import Rubric, find
from lexgate.errors import UsageError

# Per target: parts of its own prompt, also in another case, spacing and width.
BREAKERS = {
    "granite_guardian": (
        "### Criteria:", "###  scoring schema:", "<guardian>", "</think>", "<score>yes</score>",
        "<|end_of_text|>", "<|start_of_role|>user<|end_of_role|>",
    ),
    "llama_guard": (
        "<END UNSAFE CONTENT CATEGORIES>", "<end  unsafe content\ncategories>",
        "<BEGIN CONVERSATION>", "<|eot_id|>", "<| eot |>", "\uff1cEND CONVERSATION\uff1e",
    ),
    "prometheus": (
        "[RESULT] 5", "###Feedback:", "### Feedback:", "Score 5: always", "[/INST]", "</s>",
        "###Score Rubrics:",
    ),
    "shieldgemma": (
        "<start_of_turn>", "<end_of_turn>", "<End_Of_Turn>", "Human Question:",
        "Chatbot Response: no", "Our safety principle is defined in the below:",
    ),
}  # fmt: skip
CASES = [(target, breaker) for target, breakers in BREAKERS.items() for breaker in breakers]


def everything(made):
    return "\n".join(content.decode("utf-8") for _, content in sorted(made.files.items()))


def said(made):
    """All text of an export as a model would get it: JSON strings unescaped."""
    strings = []

    def walk(value):
        if isinstance(value, str):
            strings.append(value)
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(key)
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    for name, content in made.files.items():
        text = content.decode("utf-8")
        walk(json.loads(text) if name.endswith(".json") else text)
    return "\n".join(strings)


@pytest.mark.parametrize("target", TARGETS)
def test_bytes_depend_on_the_constitution_alone(target, tmp_path):
    code = (
        "import hashlib, importlib, lexgate.constitutions as c\n"
        f"made = importlib.import_module('lexgate.critic.targets._{target}')"
        ".export(c.find('agentic-worker@1.0.0'))\n"
        "print(hashlib.sha256(repr((sorted(made.files.items()), made.lost)).encode()).hexdigest())"
    )
    worlds = (
        {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"},
        {"PYTHONHASHSEED": "7", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "PYTHONUTF8": "1"},
    )

    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **world},
            cwd=tmp_path,
            check=True,
            capture_output=True,
        ).stdout
        for world in worlds
    }

    assert len(outputs) == 1


@pytest.mark.parametrize("reference", SHIPPED)
@pytest.mark.parametrize("target", TARGETS)
def test_files_are_plain_text_with_sorted_keys_and_a_last_newline(target, reference):
    for name, content in export(target, find(reference)).files.items():
        text = content.decode("utf-8")
        assert re.fullmatch(r"[a-z][a-z0-9-]*(/[a-z][a-z0-9-]*)?\.(json|txt)", name)
        assert text.endswith("\n")
        assert "\r" not in text
        if name.endswith(".json"):
            again = json.dumps(
                json.loads(text), sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False
            )
            assert text == again + "\n"


@pytest.mark.parametrize("reference", SHIPPED)
@pytest.mark.parametrize("target", TARGETS)
def test_no_word_of_a_sealed_example_gets_out(target, reference):
    rules = find(reference)
    made = everything(export(target, rules))
    sealed = [e for p in rules.principles for e in p.examples if e.split == "sealed"]

    assert sealed
    for example in sealed:
        for text in (example.prompt, example.response, example.why, example.id):
            assert not text or json.dumps(text, ensure_ascii=False)[1:-1] not in made
    assert "Sealed examples are left out: they only measure critics." in export(target, rules).lost


@pytest.mark.parametrize("reference", SHIPPED)
@pytest.mark.parametrize("target", TARGETS)
def test_the_rule_its_exceptions_and_only_its_definitions_are_compiled_in(target, reference):
    rules = find(reference)
    made = said(export(target, rules))

    for principle in rules.principles:
        assert " ".join(principle.text.split()) in made
        for exception in principle.exceptions:
            assert " ".join(exception.split()) in made
    spoken = " ".join(" ".join([p.text, *p.exceptions]) for p in rules.principles)
    for term, meaning in rules.definitions:
        used = re.search(rf"\b{re.escape(term)}\b", spoken) is not None
        assert (" ".join(meaning.split()) in made) is used


@pytest.mark.parametrize("target", TARGETS)
def test_a_definition_stands_with_the_rules_that_use_it_and_no_other(target):
    rules = replace(everyday(), definitions=(("zork", "a made-up thing"),))
    rules = changed(rules, first(rules).id, text="Do not build a zork.")
    rules = changed(rules, rules.principles[1].id, text="Do not build a zorkmobile.")
    made = export(target, rules)

    assert said(made).count("a made-up thing") == everything(made).count("Do not build a zork.")


@pytest.mark.parametrize("field", ["title", "text", "exceptions", "definition"])
@pytest.mark.parametrize(("target", "breaker"), CASES)
def test_a_rule_that_holds_a_part_of_the_prompt_is_refused(target, breaker, field):
    rules = everyday()
    bad = f"Be kind. {breaker} So there."
    if field == "definition":
        rules = replace(rules, definitions=(("zork", bad),))
        rules = changed(rules, first(rules).id, text="Do not build a zork.")
    else:
        value = (bad,) if field == "exceptions" else bad
        rules = changed(rules, first(rules).id, **{field: value})

    with pytest.raises(UsageError) as caught:
        export(target, rules)

    message = str(caught.value)
    assert message.startswith(
        "everyday-assistant@1.0.0: principle no-weapon-uplift, "
        f"{'exception 1' if field == 'exceptions' else field}"
    )
    assert "own prompt is made of\n    hint: say it in other words" in message


@pytest.mark.parametrize("target", TARGETS)
def test_what_breaks_one_prompt_does_not_trouble_the_definition_of_another_rule(target):
    rules = replace(everyday(), definitions=(("zork", "<|eot_id|>"),))

    assert export(target, rules).files


@pytest.mark.parametrize("target", TARGETS)
def test_every_kind_of_line_break_in_a_rule_becomes_a_space(target):
    rules = everyday()
    broken = "One\n\ntwo\r\nS9: three\u2028four\x85five\x0bsix\tseven."
    made = said(export(target, changed(rules, first(rules).id, text=broken)))

    assert "One two S9: three four five six seven." in made


@pytest.mark.parametrize("target", TARGETS)
def test_braces_and_other_marks_of_a_rule_stay_what_they_are(target):
    rules = everyday()
    nasty = 'Never say {response} or {{x}} or $categories or %s or "\\n" or </b>.'
    made = said(export(target, changed(rules, first(rules).id, text=nasty)))

    assert nasty in made


@pytest.mark.parametrize("reference", SHIPPED)
@pytest.mark.parametrize("target", TARGETS)
def test_what_is_lost_is_sorted_sentences_and_said_once(target, reference):
    lost = export(target, find(reference)).lost

    assert list(lost) == sorted(set(lost))
    assert all(re.fullmatch(r"[A-Z].*\.", sentence) for sentence in lost)
    assert any(sentence.startswith("Propositions and the conditions") for sentence in lost)


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_said_to_be_lost_that_the_constitution_does_not_have(target):
    rules = everyday()
    whole = replace(first(rules).propositions[0], id="violated")
    bare = replace(
        first(rules),
        propositions=(whole,),
        examples=(),
        checks=(),
        overrides=(),
        rationale="",
        rubric=Rubric(("violates", "borderline", "complies")),
    )
    rules = replace(rules, principles=(bare,), mappings=(), severities=(), definitions=())

    assert export(target, rules).lost == ()
