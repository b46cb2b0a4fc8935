"""OpenAI's Model Spec: five dated versions, read as constitutions and compared."""

import html
import json
import time
from collections import Counter

import pytest

from lexgate.constitutions import diff, load, write_yaml
from lexgate.constitutions._build import from_data
from lexgate.constitutions.formats._format import read, write
from lexgate.constitutions.formats._markdown import MARKDOWN
from lexgate.errors import InvalidFile

VERSIONS = {  # file -> sections with an anchor, labelled answers
    "history/model_spec-2025-02-12.md": (71, 330),
    "history/model_spec-2025-04-11.md": (71, 330),
    "history/model_spec-2025-09-12.md": (77, 372),
    "history/model_spec-2025-10-27.md": (78, 388),
    "model_spec.md": (80, 389),
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


def test_every_answer_of_the_derived_table_is_attached_to_its_section(specs, shared_data):
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
        place = row["section"].replace("_", "-"), labels[row["label"]]
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


def test_an_example_put_in_before_the_others_changes_no_other_id():
    before = read(MARKDOWN, {"a.md": SMALL.encode()}).data["principles"][1]["examples"]
    other = SMALL.partition("**Example**")[2].replace("a greeting", "a farewell")
    text = SMALL.replace(
        "**Example**", "**Example**" + other.partition("\n!!!")[0] + "**Example**", 1
    )
    after = read(MARKDOWN, {"a.md": text.encode()}).data["principles"][1]["examples"]

    assert {e["id"] for e in before} <= {e["id"] for e in after} or len(after) == len(before)


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
