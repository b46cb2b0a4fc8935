"""OpenAI's Model Spec: five dated versions, read as constitutions and compared."""

import html
import json
import re
import time
from collections import Counter

import pytest

from lexgate.constitutions import diff, load, write_yaml
from lexgate.constitutions._build import from_data
from lexgate.constitutions.formats._format import read, write
from lexgate.constitutions.formats._markdown import MARKDOWN
from lexgate.errors import InvalidFile

VERSIONS = {  # file -> sections with an anchor that are about behaviour, labelled answers
    "history/model_spec-2025-02-12.md": (66, 337),
    "history/model_spec-2025-04-11.md": (66, 337),
    "history/model_spec-2025-09-12.md": (72, 379),
    "history/model_spec-2025-10-27.md": (73, 396),
    "model_spec.md": (75, 397),
}
SMALL = """\
# Rules {#rules}

Obey.[^ab12]

## Be kind {#be_kind authority=user}

Be kind.

**Example**: a greeting

~~~xml
<user>
Hello
</user>
<comparison>
<assistant> <!-- GOOD: it greets -->
Hello!
</assistant>
<assistant> <!-- BAD -->
What?
</assistant>
</comparison>
~~~

!!! meta "Commentary"
    Kindness costs nothing.
"""


@pytest.fixture(scope="module")
def specs(shared_data):
    """Every version, as it was read: file -> (reading, CPU seconds)."""
    found = {}
    for name in VERSIONS:
        path = shared_data / "openai-model-spec" / name
        start = time.process_time()
        reading = read(MARKDOWN, {path.name: path.read_bytes()})
        found[name] = reading, time.process_time() - start
    return found


@pytest.mark.parametrize("name", VERSIONS)
def test_a_version_imports_as_a_valid_constitution(name, specs, tmp_path):
    reading, seconds = specs[name]
    path = tmp_path / "spec.yaml"
    path.write_text(write_yaml(reading.data), encoding="utf-8")
    rules = load(path)

    answers = sum(len(principle.examples) for principle in rules.principles)
    assert (len(rules.principles), answers) == VERSIONS[name]
    assert seconds < 1


@pytest.mark.parametrize("name", VERSIONS)
def test_a_version_survives_being_written_and_read(name, specs):
    rules = from_data(specs[name][0].data)
    files = write(MARKDOWN, rules).files

    assert from_data(read(MARKDOWN, files).data).digest == rules.digest


def told(text):
    """The words of an answer; the table has the escapes of the source still in it."""
    return " ".join(html.unescape(text).split())


def rule_of(row):
    """The section whose rule a row's label is about: that of its comment, else its own."""
    other = re.match(r"\[#(\w+)\]", row["comment"])
    return (other[1] if other else row["section"]).replace("_", "-")


def test_every_answer_of_the_derived_table_is_attached_to_the_rule_it_is_about(specs, shared_data):
    rules = from_data(specs["model_spec.md"][0].data)
    table = shared_data / "openai-model-spec" / "derived_examples.jsonl"
    rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    labels = {"GOOD": "complies", "BAD": "violates"}
    attached = [
        (principle.id, example.label, told(example.response))
        for principle in rules.principles
        for example in principle.examples
    ]

    assert len(rows) == 375
    for row in rows:
        place = rule_of(row), labels[row["label"]]
        # An answer that goes to a tool keeps the tag that says so around it.
        there = [text for *at, text in attached if tuple(at) == place]
        assert [text for text in there if told(row["response"]) in text], row


def test_from_april_to_september_2025_the_diff_is_the_known_one(specs):
    old, new = (
        from_data(specs[f"history/model_spec-{date}.md"][0].data)
        for date in ("2025-04-11", "2025-09-12")
    )
    found = diff(old, new)
    counts = Counter(change.kind for change in found.changes)

    assert (counts["added"], counts["removed"], counts["authority"]) == (11, 5, 19)
    assert found.bump == "major"


def test_a_dated_file_is_a_major_version_of_its_own(specs):
    versions = [reading.data["version"] for reading, _ in specs.values()]

    assert versions == ["20250212.0.0", "20250411.0.0", "20250912.0.0", "20251027.0.0", "0.1.0"]


def test_a_date_in_the_text_is_a_version_too():
    text = SMALL.replace("Obey.", "Version of 2025/12/18. Obey.")

    assert read(MARKDOWN, {"model_spec.md": text.encode()}).data["version"] == "20251218.0.0"


def test_levels_of_authority_stand_in_the_order_that_the_version_gives_them(specs):
    levels = {name: reading.data["authorities"] for name, (reading, _) in specs.items()}

    assert levels["history/model_spec-2025-04-11.md"] == [
        "platform", "developer", "user", "guideline",
    ]  # fmt: skip
    assert levels["model_spec.md"] == ["root", "system", "developer", "user", "guideline"]


def test_what_speaks_of_the_document_is_no_rule_and_its_terms_are_defined(specs):
    reading, _ = specs["model_spec.md"]
    ids = {principle["id"] for principle in reading.data["principles"]}

    assert not ids & {"overview", "structure", "definitions", "levels-of-authority"}
    assert {"Assistant", "Conversation", "Tool", "Token", "Developer", "User"} <= set(
        reading.data["definitions"]
    )
    assert reading.data["definitions"]["Assistant"].startswith("the entity that the end user")
    assert "- `role`: specifies the source" in reading.data["definitions"]["Conversation"]
    assert reading.lost[0].startswith("What speaks of the document itself: Overview, Structure of")
    assert reading.lost[1] == "What is said of a defined term after its first paragraph."


def test_a_section_becomes_a_rule_and_its_answers_become_examples():
    reading = read(MARKDOWN, {"model_spec-2026-01-02.md": SMALL.encode()})
    rules = from_data(reading.data)
    kind = rules.principle("be-kind")

    assert rules.reference == "openai-model-spec@20260102.0.0"
    assert [p.id for p in rules.principles] == ["rules", "be-kind"]
    assert (kind.text, kind.authority, kind.rationale) == (
        "Be kind.",
        "user",
        "Kindness costs nothing.",
    )
    assert [(e.prompt, e.response, e.label, e.why) for e in kind.examples] == [
        ("Hello", "Hello!", "complies", "it greets"),
        ("Hello", "What?", "violates", "a greeting"),
    ]
    assert reading.lost[0] == "1 reference to an evaluation prompt."


def test_the_current_version_has_the_known_labels(specs):
    rules = from_data(specs["model_spec.md"][0].data)
    labels = Counter(e.label for p in rules.principles for e in p.examples)

    assert labels == {"complies": 193, "violates": 196, "borderline": 8}


def test_an_answer_that_is_bad_by_another_section_is_an_example_of_that_one():
    text = SMALL.replace("<!-- BAD -->", "<!-- BAD[#rules]: it obeys nobody -->")
    rules, kind = read(MARKDOWN, {"a.md": text.encode()}).data["principles"]

    assert [(e["label"], e["why"]) for e in rules["examples"]] == [("violates", "it obeys nobody")]
    assert [e["label"] for e in kind["examples"]] == ["complies"]


def test_comments_say_labels_in_every_way_the_spec_writes_them():
    text = SMALL.replace("<!-- BAD -->", "<!-- OK, in haste: see [?](#rules) -->")
    reading = read(MARKDOWN, {"a.md": text.encode()})

    assert [(e["label"], e["why"]) for e in reading.data["principles"][1]["examples"]] == [
        ("complies", "it greets"),
        ("borderline", "in haste: see Rules"),
    ]
    assert "1 link to another section, now its text or title." in reading.lost


def test_an_example_put_in_before_the_others_changes_no_other_id():
    before = read(MARKDOWN, {"a.md": SMALL.encode()}).data["principles"][1]["examples"]
    other = (
        SMALL.partition("**Example**")[2]
        .replace("a greeting", "a farewell")
        .replace("Hello", "Bye")
    )
    text = SMALL.replace(
        "**Example**", "**Example**" + other.partition("\n!!!")[0] + "**Example**", 1
    )
    after = read(MARKDOWN, {"a.md": text.encode()}).data["principles"][1]["examples"]

    assert {e["id"] for e in before} <= {e["id"] for e in after}


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("{#be_kind ", "{#rules ", "expected every anchor once, found rules again"),
        ("authority=user", "authority=king", "expected an authority of platform, root"),
        ("</user>", "</usr>", "expected </user>, found"),
        ("~~~\n\n!!!", "\n\n!!!", "expected a closing ~~~, found the end"),
    ],
)
def test_a_mistake_is_told_with_its_line(right, wrong, told):
    with pytest.raises(InvalidFile) as refused:
        read(MARKDOWN, {"spec.md": SMALL.replace(right, wrong, 1).encode()})

    assert told in str(refused.value)
