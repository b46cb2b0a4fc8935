"""What holds for every export to another tool, without the tool."""

import ast
import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from tests.critic.targets.tool_worlds import HOSTILE, RULES, SEALED, hostile

TARGETS = ("deepeval", "promptfoo", "inspect", "lm_eval", "trl")
CARRY_THE_RULE = ("deepeval", "promptfoo")
NEVER = ("Checks", "Public", "Sealed", "Precedence", "Mappings", "Rubrics", "Texts", "Rationales")


def export(target, rules):
    return importlib.import_module(f"lexgate.critic.targets._{target}").export(rules)


@pytest.fixture
def rules(tmp_path):
    return hostile(tmp_path)


@pytest.mark.parametrize("target", TARGETS)
def test_bytes_depend_on_the_constitution_alone(target, tmp_path):
    (tmp_path / "hostile.yaml").write_text(RULES, encoding="utf-8")
    code = (
        "import hashlib, importlib, lexgate.constitutions as c\n"
        f"made = importlib.import_module('lexgate.critic.targets._{target}')"
        ".export(c.load(__import__('pathlib').Path('hostile.yaml')))\n"
        "print(hashlib.sha256(repr((sorted(made.files.items()), made.lost)).encode()).hexdigest())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "TZ": zone},
            check=True,
            capture_output=True,
        ).stdout
        for seed, locale, zone in [("1", "C", "UTC"), ("2", "C.UTF-8", "Asia/Tokyo")]
    }

    assert len(outputs) == 1


@pytest.mark.parametrize("target", TARGETS)
def test_files_are_utf8_with_line_feeds_and_a_newline_at_the_end(target, rules):
    for name, content in export(target, rules).files.items():
        text = content.decode("utf-8")

        assert text.endswith("\n"), name
        assert "\r" not in text, name
        assert not name.startswith("/"), name
        assert ".." not in name, name


@pytest.mark.parametrize("target", TARGETS)
def test_sealed_examples_are_nowhere(target, rules):
    made = export(target, rules)

    assert not [name for name, content in made.files.items() if SEALED.encode() in content]
    assert (target == "trl") != any("Sealed examples" in sentence for sentence in made.lost)


@pytest.mark.parametrize("target", TARGETS)
def test_scripts_hold_no_text_of_a_rule_and_data_hold_no_code(target, rules):
    for name, content in export(target, rules).files.items():
        if name.endswith((".py", ".mjs")):
            assert b"gadget" not in content, name
        if name.endswith(".py"):
            ast.parse(content)
        if name.endswith(".yaml"):
            assert b"!function" not in content, name
            yaml.safe_load(content)
        if name.endswith(".json"):
            assert content == (
                json.dumps(json.loads(content), sort_keys=True, ensure_ascii=False, indent=2) + "\n"
            ).encode("utf-8"), name


@pytest.mark.parametrize("target", CARRY_THE_RULE)
def test_a_rule_brings_its_exceptions_and_only_the_definitions_it_uses(target, rules):
    files = export(target, rules).files
    text = b"".join(files.values()).decode("utf-8")

    assert text.count("Definition of gadget: any device") == 1
    assert "unused term" not in text
    assert "Exception: A toy is allowed." in text
    assert "asks and builds" in text


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_constitution_does_not_have_is_not_called_lost(
    target, rules, principle, constitution
):
    full = export(target, rules).lost
    bare = export(target, constitution(principle("only"))).lost

    assert list(full) == sorted(full)
    assert all(sentence.endswith(".") for sentence in full)
    assert not [sentence for sentence in bare if sentence.startswith(NEVER)]


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_constitution_has_and_a_format_does_not_is_called_lost(target, rules):
    [first, second] = rules.principles
    fuller = dataclasses.replace(
        rules,
        principles=(dataclasses.replace(first, rationale="why", critique="Look."), second),
        mappings=(("mlcommons", (("no-gadget", ("S9",)),)),),
    )
    lost = " ".join(export(target, fuller).lost)
    kept = {"trl": {"Checks", "Public", "Sealed", "Mappings", "Texts", "Rationales"}}.get(
        target, set()
    )
    kept |= {"Public", "Precedence", "Texts"} if target == "lm_eval" else set()

    for word in set(NEVER) - {"Rubrics"}:
        assert (f"{word} " in lost) == (word not in kept), word


def test_text_of_a_rule_survives_every_file_format(rules):
    geval = json.loads(export("deepeval", rules).files["geval.json"])
    config = yaml.safe_load(export("promptfoo", rules).files["promptfooconfig.yaml"])

    assert any(step.endswith(HOSTILE) for step in geval["metrics"][0]["evaluation_steps"])
    value = config["defaultTest"]["assert"][0]["value"]
    assert HOSTILE in re.sub(r'\{\{ "([{}])" \}\}', r"\1", value)


def test_deepeval_gets_steps_that_end_in_the_polarity_and_bands_that_cover_the_scale(rules):
    metrics = json.loads(export("deepeval", rules).files["geval.json"])["metrics"]

    assert [metric["name"] for metric in metrics] == ["no-gadget", "be-kind"]
    for metric in metrics:
        covered = [
            score
            for band in metric["rubric"]
            for score in range(band["score_range"][0], band["score_range"][1] + 1)
        ]
        assert sorted(covered) == list(range(11))
        assert "criteria" not in metric
        assert metric["threshold"] * 10 == metric["rubric"][-1]["score_range"][0]
        assert "A high score never means a violation." in metric["evaluation_steps"][-1]


def test_deepeval_shows_the_grader_only_what_some_question_may_see(principle, constitution):
    from lexgate.constitutions import Proposition

    blind = principle("blind", "refuses", (Proposition("refuses", "Refuses?", "response"),))
    metrics = json.loads(export("deepeval", constitution(blind)).files["geval.json"])["metrics"]

    assert metrics[0]["evaluation_params"] == ["actual_output"]


def test_promptfoo_gets_a_threshold_and_is_told_what_pass_and_score_mean(rules):
    config = yaml.safe_load(export("promptfoo", rules).files["promptfooconfig.yaml"])

    for entry in config["defaultTest"]["assert"]:
        assert entry["threshold"] == 1
        assert '"pass": true if the rule is not violated' in entry["value"]
        assert '"score": 1 if "pass" is true' in entry["value"]
    assert config["defaultTest"]["options"]["provider"] == {"id": "file://grader.mjs"}


def test_inspect_gets_every_condition_as_a_tree(rules):
    data = json.loads(export("inspect", rules).files["rules.json"])

    assert [p["violated_when"] for p in data["principles"]] == [
        ["and", "asks", "builds"],
        "violated",
    ]
