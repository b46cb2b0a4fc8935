"""Files people write: every mistake is answered with its place, what was expected and a hint."""

import json
import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lexgate import _yaml
from lexgate._documents import Document, did_you_mean, load_schema, read_document
from lexgate.errors import InvalidFile, UsageError

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "version"],
    "dependentRequired": {"low": ["high"]},
    "properties": {
        "name": {"description": "What it is called.", "type": "string", "minLength": 1},
        "version": {
            "type": "string",
            "pattern": "^[0-9]+[.][0-9]+[.][0-9]+$",
            "x-hint": "write MAJOR.MINOR.PATCH, such as 1.0.0",
        },
        "kind": {"enum": ["critic", "accuracy"]},
        "format": {"const": 1},
        "strict": {"type": "boolean"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "rate": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "grade": {"type": "string", "pattern": "^[0-9]+$"},
        "code": {"type": "string", "minLength": 2, "maxLength": 4},
        "tags": {"type": "array", "minItems": 1, "uniqueItems": True, "maxItems": 3},
        "notes": {"type": "array", "minItems": 2, "items": {"type": "string"}},
        "tasks": {
            "type": "array",
            "items": {"type": "object", "required": ["id"], "properties": {"id": {}}},
        },
        "truths": {"type": "object", "minProperties": 1, "maxProperties": 1},
        "low": {"type": ["number", "null"]},
        "high": {},
    },
}
GOOD = "name: x\nversion: 1.0.0\n"

# (what follows the good lines, or the whole file when it starts with "!", the problems in words)
BROKEN = {
    "a version that YAML takes for a number": (
        "!name: x\nversion: 1.10\n",
        """\
        2:1: version: expected text, found the number 1.10
            hint: write MAJOR.MINOR.PATCH, such as 1.0.0""",
    ),
    "a version of another form": (
        "!name: x\nversion: v1\n",
        """\
        2:1: version: expected text of another form, found the text "v1"
            hint: write MAJOR.MINOR.PATCH, such as 1.0.0""",
    ),
    "a pattern does not end before a last line break": (
        '!name: x\nversion: "1.0.0\\n"\n',
        """\
        2:1: version: expected text of another form, found the text "1.0.0\\n"
            hint: write MAJOR.MINOR.PATCH, such as 1.0.0""",
    ),
    "a number that would fit the pattern in quotes": (
        "grade: 12",
        """\
        3:1: grade: expected text, found the number 12
            hint: put it in quotes if it is text: "12\"""",
    ),
    "a pattern nobody gave words for": (
        "grade: x",
        '3:1: grade: expected text of the form ^[0-9]+$, found the text "x"',
    ),
    "a missing key": (
        "!version: 1.0.0\n",
        """\
        1:1: expected the key "name", found none
            hint: What it is called.""",
    ),
    "two missing keys": (
        "!count: 1\n",
        """\
        1:1: expected the key "name", found none
            hint: What it is called.
        1:1: expected the key "version", found none""",
    ),
    "a misspelt key is told once": (
        "!nmae: x\nversion: 1.0.0\n",
        """\
        1:1: nmae: expected a known key, found "nmae"
            hint: did you mean "name"?""",
    ),
    "an unknown key like no other": (
        "zzzzzz: 1",
        """\
        3:1: zzzzzz: expected a known key, found "zzzzzz"
            hint: the keys here are: code, count, format, grade, high, kind, low, name, notes, rate, strict, tags, tasks, truths, version""",
    ),
    "a key that needs another": (
        "low: 1",
        """\
        1:1: expected the key "high" beside "low", found none
            hint: "low" and "high" come together""",
    ),
    "a choice that is misspelt": (
        "kind: acuracy",
        """\
        3:1: kind: expected one of critic, accuracy, found the text "acuracy"
            hint: did you mean "accuracy"?""",
    ),
    "a choice of another type": (
        "kind: 1",
        "3:1: kind: expected one of critic, accuracy, found the number 1",
    ),
    "another constant": ("format: 2", "3:1: format: expected 1, found the number 2"),
    "yes is no boolean": (
        "strict: yes",
        """\
        3:1: strict: expected true or false, found the text "yes"
            hint: write true""",
    ),
    "True is no boolean": (
        "strict: True",
        """\
        3:1: strict: expected true or false, found the text "True"
            hint: write true""",
    ),
    "a number in quotes": (
        'count: "3"',
        """\
        3:1: count: expected a whole number, found the text "3"
            hint: write a number without quotes and units""",
    ),
    "a whole number with a point": (
        "count: 5.0",
        "3:1: count: expected a whole number, found the number 5.0",
    ),
    "true is no number": ("count: true", "3:1: count: expected a whole number, found true"),
    "too small": ("count: 0", "3:1: count: expected a number of at least 1, found the number 0"),
    "too large": ("count: 10", "3:1: count: expected a number of at most 9, found the number 10"),
    "not above": ("rate: 0.0", "3:1: rate: expected a number above 0, found the number 0.0"),
    "not below": ("rate: 1e0", "3:1: rate: expected a number below 1, found the number 1e0"),
    "an empty text": (
        '!name: ""\nversion: 1.0.0\n',
        "1:1: name: expected text, found an empty text",
    ),
    "a text too short": (
        "code: x",
        '3:1: code: expected text of at least 2 characters, found the text "x"',
    ),
    "a text too long": (
        "code: abcde",
        '3:1: code: expected text of at most 4 characters, found the text "abcde"',
    ),
    "nothing after the colon": (
        "!name:\nversion: 1.0.0\n",
        """\
        1:1: name: expected text, found nothing
            hint: write a value after the colon, or remove the key""",
    ),
    "a text for a list": (
        "tags: red",
        """\
        3:1: tags: expected a list, found the text "red"
            hint: write a list: [red]""",
    ),
    "an empty list": (
        "tags: []",
        "3:1: tags: expected a list of at least 1 item, found an empty list",
    ),
    "a short list": (
        "notes: [x]",
        "3:1: notes: expected a list of at least 2 items, found a list of 1",
    ),
    "a long list": (
        "tags: [a, b, c, d]",
        "3:1: tags: expected a list of at most 3 items, found a list of 4",
    ),
    "an item twice": (
        "tags:\n  - red\n  - {b: 1}\n  - {b: 1}",
        """\
        6:5: tags/2: expected every item once, found a mapping of 1 again (first at 1)
            hint: remove one of the two""",
    ),
    "an item of another type": (
        "notes: [x, 2.50]",
        """\
        3:12: notes/1: expected text, found the number 2.50
            hint: put it in quotes if it is text: "2.50\"""",
    ),
    "a key missing in an item": (
        "tasks:\n  - id: a\n  - {}",
        '5:5: tasks/1: expected the key "id", found none',
    ),
    "an empty mapping": (
        "truths: {}",
        "3:1: truths: expected a mapping of at least 1 item, found an empty mapping",
    ),
    "a schema rule without words of its own": (
        "truths: {a: 1, b: 2}",
        "3:1: truths: expected what the schema's rule `maxProperties` asks for, found a mapping of 2",
    ),
    "one of two types": (
        "low: x\nhigh: 1",
        """\
        3:1: low: expected a number or nothing, found the text "x"
            hint: write a number without quotes and units""",
    ),
    "a list for the whole": (
        "!- name: x\n",
        "1:1: expected a mapping (key: value), found a list of 1",
    ),
    "hostile text is spelled out": (
        'kind: "\\e[2J"',
        '3:1: kind: expected one of critic, accuracy, found the text "\\x1b[2J"',
    ),
    "a date": (
        "code: 2020-01-01",
        """\
        3:7: code: expected text, found 2020-01-01, which YAML readers turn into a date
            hint: put it in quotes: "2020-01-01\"""",
    ),
    "an octal number": (
        "count: 010",
        """\
        3:8: count: expected a decimal number or text, found 010, which YAML readers understand differently (octal, hexadecimal, base 60)
            hint: put it in quotes if it is text: "010"; a number has decimal digits only""",
    ),
    "a time of day": (
        "count: 12:30:45",
        """\
        3:8: count: expected a decimal number or text, found 12:30:45, which YAML readers understand differently (octal, hexadecimal, base 60)
            hint: put it in quotes if it is text: "12:30:45"; a number has decimal digits only""",
    ),
    "not a number": (
        "rate: .nan",
        """\
        3:7: rate: expected a finite number, found .nan
            hint: NaN and infinities are not accepted anywhere; write a number""",
    ),
    "an infinity that is a large number": (
        "rate: 1e999",
        """\
        3:7: rate: expected a finite number, found 1e999
            hint: NaN and infinities are not accepted anywhere; write a number""",
    ),
    "a number of too many digits": (
        "count: 1234567890123456789",
        """\
        3:8: count: expected a number of at most 18 digits, found a longer one
            hint: put it in quotes if it is text: "1234567890123456789\"""",
    ),
    "a key twice": (
        "count: 1\ncount: 2",
        """\
        4:1: count: expected every key once, found "count" again (first in line 3)
            hint: remove one of the two, or rename it""",
    ),
    "a key that is a number": (
        "1: x",
        """\
        3:1: expected a key that is text, found 1
            hint: put the key in quotes, without anchor or tag""",
    ),
    "a key that is a list": (
        "? [a, *b]\n: x",
        """\
        3:3: expected a key that is text, found a structure
            hint: put the key in quotes, without anchor or tag
        3:7: …/…/1: expected a value, found the alias *b
            hint: aliases are not accepted: write the value out""",
    ),
    "an anchor and an alias": (
        "code: &a ab\nhigh: *a",
        """\
        3:7: code: expected a plain value, found the anchor &a
            hint: anchors are not accepted: remove it and write repeated values out
        4:7: high: expected a value, found the alias *a
            hint: aliases are not accepted: write the value out""",
    ),
    "a merge key": (
        "<<: {count: 1}",
        """\
        3:1: expected a key, found the merge key <<
            hint: merge keys are not accepted: write the entries out""",
    ),
    "a tag that runs code": (
        "code: !!python/object/apply:os.system [ls]",
        """\
        3:7: code: expected a plain value, found the tag !!python/object/apply:os.system
            hint: tags are not accepted, since some can run code: remove it; quotes make text""",
    ),
    "a tag of another program": (
        "code: !function utils.f",
        """\
        3:7: code: expected a plain value, found the tag !function
            hint: tags are not accepted, since some can run code: remove it; quotes make text""",
    ),
    "two documents": (
        "---\nname: y",
        """\
        3:1: expected one document, found a second one (---)
            hint: put it into a file of its own""",
    ),
    "an empty file": (
        "!# nothing here\n",
        """\
        2:1: expected a mapping, found an empty file
            hint: write at least the required keys""",
    ),
    "nesting without end": (
        "!" + "[" * 100_000,
        """\
        1:51: expected at most 50 levels of nesting, found more
            hint: flatten the structure""",
    ),
    "a byte order mark": (
        "!\ufeffname: x\n",
        """\
        1:1: expected plain UTF-8, found a byte order mark
            hint: save the file as UTF-8 without a byte order mark""",
    ),
    "a control character": (
        "code: a\x1b[2J",
        """\
        3:8: expected text, found the control character U+001B
            hint: remove it; in double quotes it can be written as an escape such as \\u001b""",
    ),
    "a tab for indentation": (
        "tasks:\n\t- id: a",
        """\
        4:1: expected spaces, found a tab in the indentation
            hint: indent with spaces; YAML does not allow tabs there""",
    ),
    "a colon in text": (
        "code: Is it: so",
        """\
        3:12: expected one key and value, found a second ': '
            hint: put the text in double quotes if the colon belongs to it; else check the indentation""",
    ),
    "a list that is not closed": (
        "tags: [a, b\ncount: 1",
        """\
        4:6: expected a comma or ] for the [ in line 3, found neither
            hint: separate items by commas and close the bracket; quote text that holds brackets""",
    ),
    "a mapping that is not closed": (
        "truths: {a: 1\ncount: 1",
        """\
        4:6: expected a comma or } for the { in line 3, found neither
            hint: separate items by commas and close the bracket; quote text that holds brackets""",
    ),
    "quotes that are not closed": (
        "code: 'ab\ncount: 1",
        """\
        3:7: expected closing quotes for the text that begins here, found the end of the file
            hint: close the quotes""",
    ),
    "text after quotes": (
        'code: "a" b',
        """\
        3:11: expected a key at the indentation of the lines above, found something else
            hint: entries of one mapping begin in one column; text with quotes or brackets needs quotes""",
    ),
    "text that begins with a reserved character": (
        "code: @ab",
        """\
        3:7: expected a value, found @, which cannot begin text without quotes
            hint: put the whole text in quotes""",
    ),
    "a list on the line of its key": (
        "tags: - a",
        """\
        3:7: expected a value, found a list item (- …)
            hint: begin the list on a line of its own, below its key""",
    ),
    "a line without a colon": (
        "count: 1\nab\ncd: 2",
        """\
        5:1: expected `key: value`, found text without a colon
            hint: write a space after the colon; check the indentation of long texts""",
    ),
    "several mistakes at once, in the order of the file": (
        "kind: judge\ncount: 2020-01-01\nkind: critic\nstrict: on",
        """\
        3:1: kind: expected one of critic, accuracy, found the text "judge"
        4:8: count: expected text, found 2020-01-01, which YAML readers turn into a date
            hint: put it in quotes: "2020-01-01"
        5:1: kind: expected every key once, found "kind" again (first in line 3)
            hint: remove one of the two, or rename it
        6:1: strict: expected true or false, found the text "on"
            hint: write true""",
    ),
}


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def _each_parser(request, monkeypatch):
    """libyaml and the pure Python parser, which stands in where libyaml is absent."""
    monkeypatch.setattr(_yaml, "_Loader", getattr(yaml, request.param))


def written(folder, text):
    path = folder / "file.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize(("text", "words"), BROKEN.values(), ids=BROKEN)
def test_a_mistake_is_answered_with_its_place_and_a_hint(tmp_path, text, words):
    path = written(tmp_path, text[1:] if text.startswith("!") else GOOD + text + "\n")
    with pytest.raises(InvalidFile) as refused:
        read_document(path, SCHEMA)

    lines = textwrap.dedent(words).splitlines()
    expected = [line if line.startswith(" ") else f"{path}:{line}" for line in lines]
    assert str(refused.value).splitlines() == expected


@pytest.mark.usefixtures("_each_parser")
def test_plain_data_comes_out_with_the_position_of_every_key_and_item(tmp_path):
    text = """\
name: "a: b"   # quoted
version: 1.2.3
strict: false
count: +3
rate: .5
notes:
  - no
  - |
    two
    lines
tasks: [{id: ~}, {id: {deep: [null, -1.5e-3]}}]
"""
    document = read_document(written(tmp_path, text), SCHEMA)

    assert document.data == {
        "name": "a: b",
        "version": "1.2.3",
        "strict": False,
        "count": 3,
        "rate": 0.5,
        "notes": ["no", "two\nlines\n"],
        "tasks": [{"id": None}, {"id": {"deep": [None, -0.0015]}}],
    }
    assert document.positions == {
        (): (1, 1),
        ("name",): (1, 1),
        ("version",): (2, 1),
        ("strict",): (3, 1),
        ("count",): (4, 1),
        ("rate",): (5, 1),
        ("notes",): (6, 1),
        ("notes", 0): (7, 5),
        ("notes", 1): (8, 5),
        ("tasks",): (11, 1),
        ("tasks", 0): (11, 9),
        ("tasks", 0, "id"): (11, 10),
        ("tasks", 1): (11, 18),
        ("tasks", 1, "id"): (11, 19),
        ("tasks", 1, "id", "deep"): (11, 24),
        ("tasks", 1, "id", "deep", 0): (11, 31),
        ("tasks", 1, "id", "deep", 1): (11, 37),
    }


@pytest.mark.usefixtures("_each_parser")
@pytest.mark.parametrize(
    "word", ["yes", "No", "on", "OFF", "y", "True", "FALSE", "Null", "=", "-", "+", ".", "1.2.3", "1-2",
             "nan", "inf", "0x", "e5", "1e", "x_1", "1 2", "2020-1", "3 apples", "-x", "1,000"],
)  # fmt: skip
def test_a_word_that_only_looks_like_something_else_is_text(word):
    tree = _yaml.read(f"- {word}\n- x\n" if word != "-" else '- "-"\n- x\n')

    assert (tree.data, tree.faults) == ([word, "x"], ())


json_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(max_codepoint=0xD7FF)),  # JSON spells the far ones as two halves
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc- :", max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(json_data)
def test_json_is_read_as_json(data):
    assert _yaml.read(json.dumps(data)).data == data


@given(st.text("ab01:-[]{}#&*!|>'\"%@`, \n\t~.\\é\ufeff\x1b", max_size=40))
def test_any_text_is_read_or_refused_and_both_parsers_agree_on_the_data(text):
    trees = []
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_yaml, "_Loader", loader)
            trees.append(_yaml.read(text))
    ours, theirs = trees

    assert all(tree.complete or tree.faults for tree in trees)
    if ours.complete and theirs.complete:  # the pure parser is stricter about tabs
        assert ours.data == theirs.data


def test_a_surrogate_written_as_an_escape_is_refused(monkeypatch):
    text = '- "\\ud800"\n- {"\\udfff": 1}\n'
    said = [fault.message for fault in _yaml.read(text).faults]
    assert said == ["expected YAML, but found invalid Unicode character escape code"]

    monkeypatch.setattr(_yaml, "_Loader", yaml.SafeLoader)
    said = [fault.message for fault in _yaml.read(text).faults]
    assert said == [
        "expected text, found half a character (a lone surrogate)",
        "expected a key that is text, found \\udfff",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: caf\xe9\n", ":1:10: expected UTF-8, found the byte 0xe9\n    hint: save the file as UTF-8"),
        (b"\xff\xfen\x00a\x00", ":1:1: expected UTF-8, found the byte 0xff\n    hint: save the file as UTF-8"),
        ("name: é\nx: ".encode() + b"\x80", ":2:4: expected UTF-8, found the byte 0x80\n    hint: save the file as UTF-8"),
    ],
)  # fmt: skip
def test_bytes_that_are_not_utf8_are_pointed_at(tmp_path, content, words):
    path = written(tmp_path, content)
    with pytest.raises(InvalidFile) as refused:
        read_document(path, SCHEMA)

    assert str(refused.value) == f"{path}{words}"


def test_what_is_no_file_is_a_misuse_and_not_a_mistake_in_it(tmp_path):
    written(tmp_path, GOOD)
    for name, words in {
        "fiel.yaml": 'fiel.yaml: no such file; did you mean "file.yaml"?',
        "nowhere/at/all.yaml": "nowhere/at/all.yaml: no such file",
        ".": f"{tmp_path} is a directory, expected a YAML file",
    }.items():
        with pytest.raises(UsageError) as refused:
            read_document(tmp_path / name, SCHEMA)

        assert str(refused.value).endswith(words)
        assert not isinstance(refused.value, InvalidFile)


def test_a_device_is_not_read(tmp_path):
    link = tmp_path / "zero.yaml"
    link.symlink_to("/dev/zero")

    with pytest.raises(UsageError, match=r"zero\.yaml is not a regular file"):
        read_document(link, SCHEMA)


def test_a_file_of_four_mebibytes_is_read_and_a_larger_one_is_not(tmp_path):
    room = (4 << 20) - len(GOOD) - 2
    largest = read_document(written(tmp_path, GOOD + "#" + "x" * room + "\n"), SCHEMA)
    assert largest.data["name"] == "x"

    path = written(tmp_path, GOOD + "#" + "x" * room + "y\n")
    with pytest.raises(UsageError) as refused:
        read_document(path, SCHEMA)
    assert str(refused.value) == f"{path} is larger than 4 MiB, the most that is read"


def test_a_check_speaks_beside_the_schema_and_sees_only_what_is_sound(tmp_path):
    path = written(tmp_path, "name: x\nversion: 1.10\ntasks:\n  - id: a\n  - 7\n")
    seen = {}

    def check(document):
        for place in ((), ("name",), ("version",), ("tasks",), ("tasks", 0, "id"), ("tasks", 1)):
            seen[place] = document.get(place)
        yield document.problem(("tasks", 0, "id"), "expected b, found a", "write b")

    with pytest.raises(InvalidFile) as refused:
        read_document(path, SCHEMA, check)

    assert [(p.line, p.column, p.path) for p in refused.value.problems] == [
        (2, 1, "version"),
        (4, 5, "tasks/0/id"),
        (5, 5, "tasks/1"),
    ]
    assert seen == {
        (): None,
        ("name",): "x",
        ("version",): None,
        ("tasks",): None,
        ("tasks", 0, "id"): "a",
        ("tasks", 1): None,
    }


def test_a_check_that_finds_something_refuses_a_file_that_fits_its_schema(tmp_path):
    path = written(tmp_path, GOOD)
    with pytest.raises(InvalidFile, match="expected y, found x"):
        read_document(path, SCHEMA, lambda d: [d.problem(("name",), "expected y, found x")])


def test_a_problem_points_at_the_nearest_thing_that_stands_in_the_file():
    document = Document("f.yaml", {"a": [1]}, {(): (1, 1), ("a",): (2, 1), ("a", 0): (2, 5)})

    assert str(document.problem(("a", 0, "x"), "wrong", "fix")) == (
        "f.yaml:2:5: a/0/x: wrong\n    hint: fix"
    )
    assert str(document.problem(("b",), "wrong")) == "f.yaml:1:1: b: wrong"
    assert document.get(("a", 1)) is None
    assert document.get(("a", 0, "x")) is None


def test_thousands_of_mistakes_are_all_told(tmp_path):
    many = GOOD + "notes:\n" + "".join(f"  - {n}\n" for n in range(5000))
    with pytest.raises(InvalidFile) as refused:
        read_document(written(tmp_path, many), SCHEMA)

    assert len(refused.value.problems) == 5000


def test_did_you_mean_names_the_nearest_word_or_nothing():
    assert did_you_mean("sevrity", ["severity", "title"]) == 'did you mean "severity"?'
    assert not did_you_mean("x", ["severity", "title"])


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("lexgate.constitutions", "constitution.schema.json"),
        ("lexgate.evals", "suite.schema.json"),
        ("lexgate.gates", "policy.schema.json"),
    ],
)
def test_a_shipped_schema_is_a_json_schema(package, name):
    from jsonschema import Draft202012Validator

    schema = load_schema(package, name)

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    ("text", "wanted", "message"),
    [
        ("policy: p\nconstitution: c@1.0.0\nrules: []\n", "suite", "1:1: this is a policy, expected a suite; `lexgate gate` takes it"),
        ("# x\nconstitution: c@1.0.0\npolicy: p\n", "constitution", "3:1: this is a policy, expected a constitution; `lexgate gate` takes it"),
        ("suite: s\nversion: 1.0\ntasks: []\n", "policy", "1:1: this is a suite, expected a policy; `lexgate eval` takes it"),
        ("constitution: c\nprinciples: []\n", "suite", "1:1: this is a constitution, expected a suite; `lexgate compile` takes it"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_answered_in_one_line(tmp_path, text, wanted, message):
    path = tmp_path / "x.yaml"
    path.write_text(text)
    schema = {"type": "object", "required": [wanted, "version"], "properties": {wanted: {}}}

    with pytest.raises(InvalidFile) as refused:
        read_document(path, schema)

    assert str(refused.value) == f"{path}:{message}"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("siute: s\nconstitution: c@1.0.0\ntasks: []\n", "suite"),
        ("constitution: c\npolicy: p\nprinciples: []\n", "constitution"),
        ("policy: p\nsuite: s\n", "policy"),
        ("jobs: 1\n", "suite"),
        ("- suite\n", "policy"),
    ],
)
def test_a_stray_key_does_not_make_a_file_another_kind(tmp_path, text, wanted):
    path = tmp_path / "x.yaml"
    path.write_text(text)

    with pytest.raises(InvalidFile) as refused:
        read_document(path, {"type": "object", "required": [wanted, "version"]})

    assert "this is a" not in str(refused.value)
