"""Our Markdown: pleasant to read, safe to show, and read back to the same digest."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from tests.strategies import constitutions

from lexgate.constitutions import find, shipped
from lexgate.constitutions._build import from_data
from lexgate.constitutions._dump import as_file
from lexgate.constitutions.formats._format import read, write
from lexgate.constitutions.formats._markdown import MARKDOWN
from lexgate.errors import InvalidFile, UsageError

FILE = "constitution.md"


def written(rules, **options):
    return write(MARKDOWN, rules, **options).files[FILE].decode("utf-8")


def reread(text):
    return from_data(read(MARKDOWN, {FILE: text.encode("utf-8")}).data)


def native(text):
    return text.partition("\n<!-- lexgate: ")[0] + "\n"


@pytest.mark.parametrize("reference", shipped())
def test_what_is_written_is_read_back(reference):
    rules = find(reference)

    assert reread(written(rules, sealed=True)) == rules
    assert reread(written(rules, sealed=True)).digest == rules.digest


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(constitutions())
def test_any_constitution_is_read_back(rules):
    assert reread(written(rules, sealed=True)) == rules


@pytest.mark.parametrize("reference", shipped())
def test_sealed_examples_stay_out_and_everything_else_comes_back(reference):
    rules = find(reference)
    text = written(rules)
    sealed = [e for p in rules.principles for e in p.examples if e.split == "sealed"]
    public = tuple(
        replace(p, examples=tuple(e for e in p.examples if e.split == "public"))
        for p in rules.principles
    )

    assert sealed
    assert [e.id for e in sealed if f"`{e.id}`" in text or f'"{e.id}"' in text] == []
    assert reread(text) == from_data(as_file(replace(rules, principles=public)))


def test_an_edit_of_a_rule_changes_that_rule_alone():
    rules = find("everyday-assistant@1.0.0")
    one = rules.principle("no-deception")
    text = written(rules, sealed=True)
    edited = text.replace(one.text, one.text + " Not even kindly.")

    changed = reread(edited)

    assert changed.principle("no-deception").text == one.text + " Not even kindly."
    others = [p for p in changed.principles if p.id != "no-deception"]
    assert others == [p for p in rules.principles if p.id != "no-deception"]


def test_a_section_taken_out_by_hand_is_a_principle_taken_out():
    rules = find("everyday-assistant@1.0.0")
    text = written(rules, sealed=True)
    begin = text.index("## " + rules.principles[-1].title)
    end = text.index("\n<!-- lexgate: ")

    changed = reread(text[:begin] + text[end:])

    assert [p.id for p in changed.principles] == [p.id for p in rules.principles[:-1]]


@pytest.mark.parametrize("reference", shipped())
def test_the_visible_part_alone_has_every_rule_question_and_label(reference):
    rules = find(reference)
    alone = reread(native(written(rules, sealed=True)))

    assert [p.id for p in alone.principles] == [p.id for p in rules.principles]
    for one, other in zip(alone.principles, rules.principles, strict=True):
        assert one.text == other.text
        assert one.propositions == other.propositions
        assert one.violated_when == other.violated_when
        assert [(e.id, e.prompt, e.response, e.label, e.split) for e in one.examples] == [
            (e.id, e.prompt, e.response, e.label, e.split) for e in other.examples
        ]


def test_hostile_text_ends_no_block_and_becomes_no_html():
    rules = find("demo@1.0.0")
    one = rules.principles[0]
    hostile = replace(
        one.examples[0],
        response="~~~~\n</assistant>\n</comparison>\n## Fake {#fake severity=major}\n<script>x</script>",
        why="done --> <!-- GOOD: no",
    )
    text = "## Fake {#fake severity=major}\n<script>alert(1)</script>\n**Example**: x\n~~~xml"
    rules = replace(
        rules,
        principles=(
            replace(one, text=text, examples=(hostile, *one.examples[1:])),
            *rules.principles[1:],
        ),
    )
    shown = written(rules, sealed=True)

    assert [p.id for p in reread(shown).principles] == ["no-harm-help", "no-over-refusal"]
    assert reread(shown).principles[0].text == text
    assert reread(shown).principles[0].examples[0] == hostile
    assert "\n<script>" not in shown.partition("~~~")[0]
    assert [p.id for p in reread(native(shown)).principles] == ["no-harm-help", "no-over-refusal"]


def test_an_answer_that_looks_like_what_is_kept_aside_is_an_answer():
    rules = find("demo@1.0.0")
    one = rules.principles[0]
    fake = replace(one.examples[0], response='Sure.\n<!-- lexgate: {"lost":[],"patch":{}} -->\nOk.')
    text = written(
        replace(
            rules,
            principles=(
                replace(one, examples=(fake, *one.examples[1:])),
                *rules.principles[1:],
            ),
        ),
        sealed=True,
    )
    begin = text.rindex("\n<!-- lexgate: ")

    assert reread(text).principles[0].examples[0] == fake
    assert reread(text[:begin]).principles[0].examples[0].response == fake.response


def test_a_file_with_windows_line_ends_means_the_same():
    rules = find("demo@1.0.0")

    assert reread(written(rules, sealed=True).replace("\n", "\r\n")).digest == rules.digest


def test_a_line_after_the_comment_does_not_hide_it():
    rules = find("demo@1.0.0")

    assert reread(written(rules, sealed=True) + "\n\n").digest == rules.digest


def test_what_is_kept_aside_can_neither_end_its_comment_nor_be_seen():
    rules = find("everyday-assistant@1.0.0")
    _, _, rest = written(rules, sealed=True).partition("\n<!-- lexgate: ")

    assert rest.endswith(" -->\n")
    assert not set("<>") & set(rest[: -len(" -->\n")])
    assert "--" not in rest[: -len(" -->\n")]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("{#no-deception ", "{#No_Deception ", "expected an id of lower-case letters"),
        ("{#no-deception ", "{#no-hate ", "expected every id once, found no-hate again"),
        ("criterion=honesty", "criterion=truth", "expected a criterion and a polarity"),
        ("| critical | 0.01 |", "| critical | 0.0.1 |", "expected numbers as limit and confidence"),
        ("| major | 0.02 |", "| critical | 0.02 |", "expected every severity once, found critical"),
        ("</comparison>", "</comparisons>", "expected </comparison>, found"),
        ("<!-- BAD:", "<!-- UGLY:", "expected one answer labelled GOOD, BAD or BORDERLINE"),
        ("**Example**: `", "**Example**: ", "expected the id of an example of its own"),
        ('{"lost"', '{"lost', "expected JSON, found a mistake"),
    ],
)
def test_a_mistake_is_told_with_its_line(right, wrong, told):
    text = written(find("everyday-assistant@1.0.0"))
    assert right in text

    with pytest.raises(InvalidFile) as refused:
        reread(text.replace(right, wrong, 1))

    assert told in str(refused.value)
    assert refused.value.problems[0].file == FILE
    assert refused.value.problems[0].line > 0


def test_what_is_no_such_text_is_refused():
    with pytest.raises(InvalidFile, match="expected sections such as"):
        reread("# A text\n\nof no rules.\n")
    with pytest.raises(InvalidFile, match="expected UTF-8"):
        read(MARKDOWN, {FILE: b"\xff\xfe"})
    with pytest.raises(UsageError, match="expected one Markdown file, found 2"):
        read(MARKDOWN, {"a.md": b"", "b.md": b""})
