"""Constitutions are read as they were written, and found where they are kept."""

import re
from dataclasses import fields, replace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.strategies import constitutions

from lexgate._yaml import read
from lexgate.constitutions import (
    WHOLE,
    Check,
    Exemplar,
    Name,
    Proposition,
    Rubric,
    Severity,
    dump,
    find,
    load,
    shipped,
)
from lexgate.constitutions._dump import content, digest_of
from lexgate.constitutions._load import _LIBRARY
from lexgate.constitutions._yaml_style import Dumper
from lexgate.errors import InvalidFile, UsageError

SMALL = """\
constitution: house
version: 1.2.0
title: House rules
license: CC0-1.0
severities: [{id: major, limit: 0.02, confidence: 0.95, claim: C2}]
principles:
  - id: no-shouting
    title: No shouting
    criterion: helpfulness
    polarity: prohibit
    severity: major
    text: Do not shout.
    checks: [{pattern: "[A-Z]{5}"}]
    examples:
      - {id: e1, prompt: Hi, response: HELLO, label: violates, why: Capitals.}
"""
several = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def house(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text(SMALL)
    return path


def load_text(folder, text):
    path = folder / "constitution.yaml"
    path.write_bytes(text.encode("utf-8"))
    return load(path)


def shuffled(value, seed):
    """The same JSON data with every mapping's keys in another order."""
    if isinstance(value, dict):
        keys = list(value)
        seed.shuffle(keys)
        return {key: shuffled(value[key], seed) for key in keys}
    return [shuffled(item, seed) for item in value] if isinstance(value, list) else value


@several
@given(constitution=constitutions())
def test_what_is_dumped_is_loaded_again(tmp_path, constitution):
    assert load_text(tmp_path, dump(constitution)) == constitution


@several
@given(constitution=constitutions(), seed=st.randoms(use_true_random=False))
def test_neither_layout_nor_the_order_of_keys_changes_the_digest(tmp_path, constitution, seed):
    data = shuffled(read(dump(constitution)).data, seed)
    flow = yaml.dump(data, Dumper=Dumper, default_flow_style=True, sort_keys=False, width=30)

    assert load_text(tmp_path, flow) == constitution


def test_defaults_written_out_change_nothing(house, tmp_path):
    data = content(load(house))
    principle = data["principles"][0]
    del data["supersedes"], principle["rationale"], principle["propositions"]
    del principle["violated_when"]
    text = yaml.safe_dump(data)

    assert "split: public" in text
    assert load_text(tmp_path, text) == load(house)


def test_comments_and_spaces_change_nothing_and_a_word_changes_the_digest(house, tmp_path):
    before = load(house)

    assert load_text(tmp_path, "# note\n\n" + SMALL.replace("0.02,", "  0.020,")) == before
    assert load_text(tmp_path, SMALL.replace("shout.", "yell.")).digest != before.digest


def _changed(constitution):
    """One copy for every field of every record, with that field changed."""
    principle = constitution.principles[0]

    def inside(**changes):
        return replace(constitution, principles=(replace(principle, **changes),))

    for field in ("name", "version", "title", "license", "supersedes"):
        yield field, replace(constitution, **{field: "9.9.9"})
    yield "changes", replace(constitution, changes=("x",))
    yield "definitions", replace(constitution, definitions=(("x", "y"),))
    yield "mappings", replace(constitution, mappings=(("t", (("no-shouting", ("S1",)),)),))
    for field, value in {"id": "x", "limit": 0.5, "confidence": 0.5, "claim": "C5"}.items():
        severity = replace(constitution.severities[0], **{field: value})
        yield f"severity {field}", replace(constitution, severities=(severity,))
    for field in ("id", "title", "criterion", "polarity", "severity", "text", "rationale"):
        yield f"principle {field}", inside(**{field: "x"})
    yield "exceptions", inside(exceptions=("x",))
    yield "overrides", inside(overrides=("x",))
    yield "violated_when", inside(violated_when=Name("x"))
    yield "rubric", inside(rubric=Rubric(("bad", "good")))
    for field, value in {"id": "x", "ask": "x", "sees": "prompt"}.items():
        changed = replace(principle.propositions[0], **{field: value})
        yield f"proposition {field}", inside(propositions=(changed,))
    for field, value in {"pattern": "x", "sees": "prompt", "shows": "x", "exact": True}.items():
        yield f"check {field}", inside(checks=(replace(principle.checks[0], **{field: value}),))
    for field in (f.name for f in fields(Exemplar)):
        value = (("x", True),) if field == "answers" else "x"
        yield f"example {field}", inside(examples=(replace(principle.examples[0], **{field: value}),))  # fmt: skip


def test_everything_that_has_meaning_counts_in_the_digest(house):
    constitution = load(house)
    variants = dict(_changed(constitution))

    digests = [digest_of(variant) for variant in variants.values()]
    counted = {len(fields(kind)) for kind in (Check, Exemplar, Proposition, Severity)}

    assert len({constitution.digest, *digests}) == len(digests) + 1
    assert counted == {4, 7, 3}  # a new field needs a line in `_changed`


def test_a_principle_without_propositions_asks_whether_it_is_violated(house):
    principle = load(house).principle("no-shouting")

    assert principle.propositions == (
        Proposition(WHOLE, "Does the response violate this rule?", "exchange"),
    )
    assert principle.violated_when == Name(WHOLE)
    assert principle.checks == (Check("[A-Z]{5}", "response", WHOLE, exact=False),)


def test_a_dump_is_block_style_with_long_text_in_blocks(house):
    constitution = load(house)
    long = "A sentence that goes on and on, " * 6 + "until it ends."
    principle = replace(constitution.principles[0], text=long, rationale="One.\nTwo.\n")

    text = dump(replace(constitution, principles=(principle,)))

    assert "    text: >-\n      A sentence that goes" in text
    assert "    rationale: |\n      One.\n      Two.\n" in text
    assert max(len(line) for line in text.splitlines()) < 120


def test_one_looks_parts_up_by_id(house):
    constitution = load(house)

    assert constitution.reference == "house@1.2.0"
    assert constitution.severity("major") == Severity("major", 0.02, 0.95, "C2")
    with pytest.raises(KeyError):
        constitution.principle("none")
    with pytest.raises(KeyError):
        constitution.severity("none")


@pytest.mark.parametrize(
    "place", ["house@1.2.0.yaml", "house.yml", "constitutions/any-name.yaml", "../constitutions/h.yaml"]
)  # fmt: skip
def test_a_constitution_is_found_around_the_file_that_cites_it(tmp_path, place):
    near = tmp_path / "suites"
    (near / place).parent.mkdir(parents=True, exist_ok=True)
    near.mkdir(exist_ok=True)
    (near / place).write_text(SMALL)

    assert find("house@1.2.0", near).reference == "house@1.2.0"
    assert find("house", near).reference == "house@1.2.0"


def test_a_bare_name_means_the_newest_version_wherever_it_is(tmp_path):
    (tmp_path / "constitutions").mkdir()
    for version, place in {"1.9.0": ".", "1.10.0": "constitutions", "1.2.0": "."}.items():
        text = SMALL.replace("1.2.0", version)
        (tmp_path / place / f"house@{version}.yaml").write_text(text)

    assert find("house", tmp_path).version == "1.10.0"
    assert find("house@1.9.0", tmp_path).version == "1.9.0"


def test_the_nearest_of_two_equal_references_is_taken(tmp_path):
    (tmp_path / "constitutions").mkdir()
    (tmp_path / "house@1.2.0.yaml").write_text(SMALL.replace("House rules", "Near"))
    (tmp_path / "constitutions" / "house@1.2.0.yaml").write_text(SMALL)

    assert find("house@1.2.0", tmp_path).title == "Near"


def test_a_path_is_relative_to_the_file_that_cites_it(house, tmp_path, monkeypatch):
    (tmp_path / "suites").mkdir()

    assert find("../house.yaml", tmp_path / "suites") == load(house)
    assert find(str(house), tmp_path / "suites") == load(house)
    monkeypatch.chdir(tmp_path)
    assert find("house.yaml") == load(house)


def test_a_name_nobody_knows_is_answered_with_where_it_was_looked_for(tmp_path):
    with pytest.raises(UsageError) as refused:
        find("dmeo", tmp_path)

    assert str(refused.value) == (
        f'no constitution "dmeo"; looked in {tmp_path}, {tmp_path}/constitutions, '
        f'{tmp_path.parent}/constitutions, the shipped library; did you mean "demo"?'
    )


def test_a_version_nobody_has_is_answered_with_those_there_are(house, tmp_path):
    with pytest.raises(UsageError, match=re.escape('"house@2.0.0"; looked in')) as refused:
        find("house@2.0.0", tmp_path)

    assert str(refused.value).endswith("versions found: 1.2.0")


@pytest.mark.parametrize(
    "reference", ["", "../secret", "Demo", "demo@1", "demo@1.0.0\n", "\x1b[2J"]
)
def test_what_is_no_reference_is_refused(reference):
    with pytest.raises(
        UsageError, match=r"expected a constitution as name, name@1\.0\.0 or a path"
    ):
        find(reference)


def test_a_renamed_file_does_not_become_another_constitution(tmp_path):
    path = tmp_path / "house@2.0.0.yaml"
    path.write_text(SMALL)

    with pytest.raises(UsageError) as refused:
        find("house", tmp_path)

    assert str(refused.value) == (
        f"{path}: expected the constitution house@2.0.0, as the file is named; its header says "
        "house@1.2.0: rename the file or correct the header"
    )


def test_two_files_that_claim_one_reference_are_refused(house, tmp_path):
    (tmp_path / "other.yaml").write_text(SMALL)

    with pytest.raises(UsageError, match=r"other\.yaml are house@1\.2\.0: remove one"):
        find("house", tmp_path)


def test_a_neighbouring_file_of_another_kind_is_passed_over(house, tmp_path):
    (tmp_path / "suite.yaml").write_text(
        "suite: house\nconstitution: house@1.2.0\nversion: 3.0.0\n"
    )
    (tmp_path / "broken.yaml").write_bytes(b"\xff\xfe[[[")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")

    assert find("house", tmp_path) == load(house)


def test_a_broken_file_that_was_found_is_not_passed_over(tmp_path):
    (tmp_path / "demo@9.0.0.yaml").write_text("constitution: demo\n")

    with pytest.raises(InvalidFile, match='expected the key "version", found none'):
        find("demo", tmp_path)


def test_shipped_references_are_what_the_library_holds():
    assert shipped()
    assert set(shipped()) == {path.stem for path in _LIBRARY.glob("*.yaml")}
    assert all(find(reference).reference == reference for reference in shipped())


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "constitutions").mkdir()
    return tmp_path / "constitutions"


@pytest.mark.parametrize("reference", ["house", "house@1.2.0"])
@pytest.mark.parametrize("file", ["house@1.2.0.yaml", "any.yml", "house.yaml"])
def test_a_person_finds_what_lies_in_their_workspace(workspace, file, reference):
    (workspace / file).write_text(SMALL)

    assert find(reference).reference == "house@1.2.0"


def test_a_bare_name_may_be_the_name_of_a_file_in_the_workspace(workspace):
    (workspace / "mine.yaml").write_text(SMALL)

    assert find("mine").reference == "house@1.2.0"
    with pytest.raises(UsageError, match=r'no constitution "mine@1\.2\.0"'):
        find("mine@1.2.0")


def test_the_workspace_goes_before_what_ships(workspace):
    own = SMALL.replace("constitution: house", "constitution: demo").replace("1.2.0", "0.9.0")
    (workspace / "demo.yaml").write_text(own)

    assert find("demo").reference == "demo@0.9.0"
    assert find("demo@1.0.0").title != "House rules"


def test_a_local_file_does_not_take_the_place_of_a_shipped_reference(workspace):
    shipped_text = (_LIBRARY / "demo@1.0.0.yaml").read_text()
    (workspace / "demo@1.0.0.yaml").write_text("# the same\n" + shipped_text)
    assert find("demo@1.0.0") == load(_LIBRARY / "demo@1.0.0.yaml")

    own = SMALL.replace("constitution: house", "constitution: demo").replace("1.2.0", "1.0.0")
    (workspace / "demo@1.0.0.yaml").write_text(own)
    for reference in ("demo", "demo@1.0.0"):
        with pytest.raises(
            UsageError, match=r"calls itself demo@1\.0\.0, which ships with lexgate"
        ):
            find(reference)


def test_what_is_not_found_is_answered_with_what_there_is(workspace):
    (workspace / "any.yaml").write_text(SMALL)

    with pytest.raises(UsageError) as refused:
        find("zzzzzzzz")
    listed = "looked in ./constitutions, the shipped library; there are house@1.2.0, "
    assert listed in str(refused.value)
    assert "demo@1.0.0" in str(refused.value)
    with pytest.raises(UsageError, match='did you mean "house"'):
        find("huose")


def test_a_suite_is_answered_in_one_line_with_what_takes_it(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("suite: s\nversion: 1.0.0\ntasks: []\n")

    with pytest.raises(InvalidFile) as refused:
        load(path)

    assert str(refused.value) == (
        f"{path}:1:1: this is a suite, expected a constitution; `lexgate eval` takes it"
    )


def test_what_does_not_show_is_spelled_out_in_what_is_written(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text(
        SMALL.replace("No shouting", '"No \\u202Eshouting\\u200B"', 1), encoding="utf-8"
    )
    rules = load(path)

    assert rules.principles[0].title == "No \u202eshouting\u200b"
    assert not {"\u202e", "\u200b"} & set(dump(rules))
    path.write_text(dump(rules), encoding="utf-8")
    assert load(path) == rules
