"""`extends`: one set of entries, each standing once, and nothing changed behind a reader's back."""

import itertools
import re

import pytest
import yaml

from lexgate.constitutions import Base, dump, find, load
from lexgate.errors import InvalidFile

BASE = {
    "constitution": "base",
    "version": "1.0.0",
    "title": "Base",
    "license": "CC0-1.0",
    "severities": [{"id": "major", "limit": 0.02, "confidence": 0.95, "claim": "C2"}],
    "definitions": {"harm": "what hurts."},
    "propositions": [{"id": "refuses", "ask": "Does it refuse?", "sees": "response"}],
    "derived": {"answers": "not refuses"},
    "mappings": {"mlcommons": {"no-harm": ["vcr"], "no-lies": ["dfm"]}},
    "principles": [
        {
            "id": name,
            "title": name,
            "criterion": "safety",
            "polarity": "prohibit",
            "severity": "major",
            "text": f"The rule {name}.",
            "violated_when": "answers",
            "overrides": overrides,
        }
        for name, overrides in (("no-harm", ["no-lies"]), ("no-lies", []))
    ],
}
OWN = {
    "constitution": "own",
    "version": "2.0.0",
    "title": "Own",
    "license": "CC0-1.0",
    "extends": ["base@1.0.0"],
}
RULE = {
    "id": "be-kind",
    "title": "Kind",
    "criterion": "helpfulness",
    "polarity": "require",
    "severity": "major",
    "text": "Be kind.",
    "violated_when": "refuses",
}


@pytest.fixture
def write(tmp_path):
    def write(data, name=None):
        path = tmp_path / f"{name or data['constitution']}@{data['version']}.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path

    write(BASE)
    return write


def problems(path):
    with pytest.raises(InvalidFile) as refused:
        load(path)
    return [re.sub(r"^.*?:(\d+:\d+:)", r"\1", str(p)) for p in refused.value.problems]


def test_everything_of_a_base_is_part_of_the_constitution(write):
    rules = load(write({**OWN, "principles": [RULE]}))

    assert [p.id for p in rules.principles] == ["be-kind", "no-harm", "no-lies"]
    assert [s.id for s in rules.severities] == ["major"]
    assert dict(rules.definitions) == {"harm": "what hurts."}
    assert str(rules.expand(rules.principle("no-lies").violated_when)) == "not refuses"
    assert [p.id for p in rules.principle("be-kind").propositions] == ["refuses"]
    assert dict(rules.mappings)["mlcommons"] == (("no-harm", ("vcr",)), ("no-lies", ("dfm",)))


def test_it_says_what_it_came_from_with_the_digest_of_that(write, tmp_path):
    rules = load(write(OWN))

    assert rules.extends == (Base("base@1.0.0", load(tmp_path / "base@1.0.0.yaml").digest),)


def test_the_digest_is_that_of_the_same_rules_written_out(write, tmp_path):
    rules = load(write({**OWN, "principles": [RULE]}))
    alone = tmp_path / "alone.yaml"
    alone.write_text(dump(rules), encoding="utf-8")

    assert load(alone) == rules
    assert load(alone).digest == rules.digest


def test_a_changed_base_changes_the_digest(write):
    before = load(write(OWN)).digest
    write({**BASE, "definitions": {"harm": "what hurts somebody."}})

    assert load(write(OWN)).digest != before


def test_an_inherited_principle_is_left_out_by_name_with_all_that_points_at_it(write):
    rules = load(write({**OWN, "without": ["no-lies"]}))

    assert [p.id for p in rules.principles] == ["no-harm"]
    assert rules.principle("no-harm").overrides == ()
    assert dict(rules.mappings)["mlcommons"] == (("no-harm", ("vcr",)),)


def test_a_principle_is_written_anew_once_the_inherited_one_is_left_out(write):
    anew = {**RULE, "id": "no-lies"}

    told = problems(write({**OWN, "principles": [anew]}))
    assert len(told) == 1
    assert (
        'expected an id that no inherited principle has, found "no-lies" of base@1.0.0' in told[0]
    )
    assert "leave the inherited one out: `without: [no-lies]`" in told[0]
    rules = load(write({**OWN, "without": ["no-lies"], "principles": [anew]}))
    assert rules.principle("no-lies").text == "Be kind."
    assert rules.principle("no-harm").overrides == ("no-lies",)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("severities", [{"id": "major", "limit": 0.2, "confidence": 0.95, "claim": "C2"}]),
        ("definitions", {"harm": "nothing much."}),
        ("propositions", [{"id": "refuses", "ask": "Is it short?", "sees": "response"}]),
        ("derived", {"answers": "refuses"}),
        ("mappings", {"mlcommons": {"no-harm": ["ncr"]}}),
    ],
)
def test_no_entry_says_something_else_than_the_base_says_of_it(key, value, write):
    told = problems(write({**OWN, key: value}))

    assert len(told) == 1
    assert "to say what base@1.0.0 says of it, found something else" in told[0]


def test_two_bases_that_share_a_base_agree(write):
    write({**OWN, "constitution": "left"})
    write({**OWN, "constitution": "right"})
    both = {**OWN, "constitution": "both", "extends": ["left@2.0.0", "right@2.0.0"]}

    assert [p.id for p in load(write(both)).principles] == ["no-harm", "no-lies"]


def test_levels_of_authority_are_never_put_in_an_order_that_nobody_wrote(write):
    write({**BASE, "authorities": ["law", "house"]})

    longer = load(write({**OWN, "authorities": ["law", "city", "house"]}))
    assert longer.authorities == ("law", "city", "house")
    assert (
        "expected an order that agrees with base@1.0.0 (law > house), found house > law"
        in (problems(write({**OWN, "authorities": ["house", "law"]}))[0])
    )


def test_the_smaller_budget_and_all_retired_ids_are_inherited(write):
    write({**BASE, "prompt_budget": 300, "retired": ["old"]})
    rules = load(write({**OWN, "retired": ["older"]}))

    assert rules.prompt_budget == 300
    assert rules.retired == ("older", "old")
    assert "a retired one" in problems(write({**OWN, "principles": [{**RULE, "id": "old"}]}))[0]


def test_a_constitution_cannot_extend_itself(write, tmp_path):
    for one, other in itertools.pairwise(("a", "b", "a")):
        write({**OWN, "constitution": one, "extends": [f"{other}@2.0.0"]})

    told = problems(tmp_path / "a@2.0.0.yaml")
    assert len(told) == 1
    assert 'expected a constitution that can be read, found "b@2.0.0"' in told[0]
    assert "cannot extend itself: a@2.0.0.yaml > b@2.0.0.yaml > a@2.0.0.yaml" in told[0]


def test_mistakes_of_a_base_are_told_where_it_is_cited(write):
    write(
        {
            **BASE,
            "principles": [{**BASE["principles"][0], "severity": "mild"}, BASE["principles"][1]],
        }
    )

    told = problems(write(OWN))
    assert len(told) == 1
    assert 'extends/0: expected a constitution that can be read, found "base@1.0.0"' in told[0]
    assert 'expected the id of a severity, found "mild"' in told[0]


def test_a_base_may_be_a_shipped_one(write):
    rules = load(write({**OWN, "extends": ["demo@1.0.0"]}))

    assert rules.principles == find("demo@1.0.0").principles


def test_only_the_exact_version_is_taken(write):
    write({**BASE, "version": "1.0.1"})

    assert load(write(OWN)).extends[0].reference == "base@1.0.0"
    assert 'found "base@1.0.2"' in problems(write({**OWN, "extends": ["base@1.0.2"]}))[0]
