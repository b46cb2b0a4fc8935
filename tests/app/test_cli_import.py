"""`lexgate import`: other people's files become a constitution, or a sentence that says why not."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from lexgate.app.main import cli
from lexgate.constitutions import FORMATS, find, load

CAI = json.dumps(
    {
        "constitutions": [
            {"critic": "Say which harm it does.", "revision": "Remove the harm."},
            {"critic": "Say what is rude.", "revision": "Be polite."},
        ],
        "system_chats": [["hi", "hello"]],
    }
)
RBR = """\
completion_class_order: [good, minimum_acceptable_style, bad]
completion_classes:
  good:
    comply: {polite: true}
  minimum_acceptable_style:
    comply: {polite: false, curt: true}
  bad:
    comply: {rude: true}
derived_propositions:
  rude: {polite: false, curt: false}
simple_propositions:
  polite: {prompt: Is the response polite?}
  curt: {prompt: Is the response short?}
"""
ENDINGS = {"cai": ".json", "rbr": ".yaml", "gpt-oss-safeguard": ".md", "markdown": ".md"}


def run(*args):
    result = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="lexgate")
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.json").write_text(CAI)
    (tmp_path / "props.yaml").write_text(RBR)
    return tmp_path


@pytest.mark.parametrize(
    ("format_", "source", "principles"), [("cai", "pairs.json", 2), ("rbr", "props.yaml", 1)]
)
def test_a_file_becomes_a_valid_constitution(format_, source, principles, place):
    result = run("import", format_, source, "-o", "mine.yaml")

    assert (result.exit_code, result.stdout) == (0, "")
    rules = load(place / "mine.yaml")
    assert len(rules.principles) == principles
    plural = "s" * (principles != 1)
    assert f"{rules.reference}: {principles} principle{plural}, 0 examples\n" in result.stderr
    assert run("check", "mine.yaml").exit_code == 0


def test_without_a_file_to_write_it_is_printed_alone_and_loads_again(place):
    result = run("import", "cai", "pairs.json")
    (place / "piped.yaml").write_text(result.stdout, encoding="utf-8")
    run("import", "cai", "pairs.json", "-o", "written.yaml")

    assert (place / "piped.yaml").read_bytes() == (place / "written.yaml").read_bytes()
    assert load(place / "piped.yaml").principles[1].critique == "Say what is rude."


def test_what_is_lost_and_what_was_added_is_told_on_stderr(place):
    result = run("import", "cai", "pairs.json")

    assert 'not taken over: The key "system_chats" (1 time).\n' in result.stderr
    assert "added: For each pair: safety as its criterion" in result.stderr
    assert "not taken over" not in result.stdout


def test_json_is_one_object_and_needs_a_file_for_the_rest(place):
    result = run("import", "cai", "pairs.json", "-o", "mine.yaml", "--json")

    told = json.loads(result.stdout)
    rules = load(place / "mine.yaml")
    assert told["reference"] == rules.reference
    assert told["digest"] == rules.digest
    assert (told["principles"], told["examples"], told["output"]) == (2, 0, "mine.yaml")
    assert told["lost"] == ['The key "system_chats" (1 time).']
    assert told["added"]
    refused = run("import", "cai", "pairs.json", "--json")
    assert refused.exit_code == 2
    assert "say with -o where the file goes" in json.loads(refused.stdout)["error"]["message"]


@pytest.mark.parametrize("present", ["a file", "a constitution", "a dangling link", "a directory"])
def test_nothing_is_overwritten(present, place):
    output = place / "mine.yaml"
    if present == "a dangling link":
        output.symlink_to("nowhere.yaml")
    elif present == "a directory":
        output.mkdir()
    else:
        output.write_text("mine" if present == "a file" else "constitution: x\nversion: 1.0.0\n")
    before = output.read_text() if output.is_file() else None

    result = run("import", "cai", "pairs.json", "-o", "mine.yaml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "mine.yaml" in result.stderr
    assert (output.read_text() if output.is_file() else None) == before
    assert not (place / "nowhere.yaml").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["caii", "pairs.json"], f"no format 'caii'; there are {', '.join(FORMATS)}"),
        (["pairs.json", "cai"], "no format 'pairs.json'"),
        (["cai", "nothing.json"], "nothing.json is no file"),
        (["cai", "pairs.json", "-o", "no/where.yaml"], "there is no directory no"),
        (["cai", "pairs.json", "-o", "pairs.json"], "would overwrite pairs.json, which is read"),
        (["cai", "empty-directory"], "holds no file to read"),
        (["cai"], "Missing argument 'SRC...'"),
        (["cai", "pairs.json", "copy/pairs.json"], "have the same name: rename one of them"),
        (["rbr", "pairs.json"], "expected the one YAML file"),
        (["cai", "props.yaml"], "expected one JSON file"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_a_usage_error(args, told, place):
    (place / "empty-directory").mkdir()
    (place / "copy").mkdir()
    (place / "copy" / "pairs.json").write_text("{}")

    result = run("import", *args)

    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"\x00\x01\x02\xff",
        b"\xff\xfe{\x00}\x00",
        b"%PDF-1.7\n\x80\x81",
        b"[" * 100_000,
        b"{" * 100_000,
        b"a: &a [*a]",
        b"!!python/object/apply:os.system [ls]",
        b"null",
        b"{}",
        b'{"constitutions": 7}',
        b'{"constitutions": [[], null, {"critic": {}}]}',
        b"\xef\xbb\xbf",
        b"\x1b[31m: \x1b]0;x\x07",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_not_of_the_format_is_told_and_nothing_is_written(format_, content, place):
    source = place / f"source{ENDINGS[format_]}"
    source.write_bytes(content)

    result = run("import", format_, source, "-o", "mine.yaml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "unexpected" not in result.stderr
    assert "\x1b" not in result.stderr
    assert not (place / "mine.yaml").exists()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no such file here")
@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_that_cannot_be_read_is_a_usage_error(format_, place):
    (place / f"loop{ENDINGS[format_]}").symlink_to("/proc/self/mem")  # whose first byte is no page

    result = run("import", format_, f"loop{ENDINGS[format_]}")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "cannot be read: " in result.stderr


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", ["demo", "everyday-assistant"])
def test_what_compile_wrote_comes_back_with_the_same_digest(format_, name, place):
    assert run("compile", name, "--target", format_, "--sealed", "-o", "d").exit_code == 0

    result = run("import", format_, "d", "-o", "back.yaml")

    assert result.exit_code == 0, result.stderr
    assert load(place / "back.yaml").digest == find(name).digest
    assert "not taken over" not in result.stderr


@pytest.mark.parametrize("format_", FORMATS)
def test_without_sealed_only_the_public_examples_come_back(format_, place):
    told = run("compile", "everyday-assistant", "--target", format_, "-o", "d").stderr
    assert "Sealed examples are left out" in told
    rules = find("everyday-assistant")

    assert run("import", format_, "d", "-o", "back.yaml").exit_code == 0
    for principle, was in zip(load(place / "back.yaml").principles, rules.principles, strict=True):
        assert principle.examples == tuple(e for e in was.examples if e.split == "public")
    sealed = [e.response for p in rules.principles for e in p.examples if e.split == "sealed"]
    written = "".join(path.read_text(encoding="utf-8") for path in (place / "d").iterdir())
    assert not [response for response in sealed if response in written]


def test_a_constitution_that_extends_another_comes_back_whole(place):
    own = {
        "constitution": "own",
        "version": "2.0.0",
        "title": "Own",
        "license": "CC0-1.0",
        "extends": ["demo@1.0.0"],
    }
    (place / "own.yaml").write_text(yaml.safe_dump(own))
    assert run("compile", "own.yaml", "--target", "cai", "--sealed", "-o", "d").exit_code == 0

    assert run("import", "cai", "d", "-o", "back.yaml").exit_code == 0
    assert load(place / "back.yaml").digest == load(place / "own.yaml").digest


def test_the_names_other_people_use_for_formats_are_known(place):
    assert run("import", "constitutional-ai", "pairs.json").exit_code == 0
    assert run("import", "roost", "nothing").stderr == "error: nothing is no file\n"


def test_hostile_text_is_quoted_in_talk_and_escaped_in_json(place):
    pair = {"critic": "Say \x1b[31mred.", "revision": "x"}
    data = {"constitutions": [pair], "k\x1b[0m\u202e": 1}
    (place / "pairs.json").write_text(json.dumps(data))

    result = run("import", "cai", "pairs.json", "-o", "mine.yaml", "--json")

    assert result.exit_code == 0
    assert not {"\x1b", "\u202e"} & set(result.output)
    assert load(place / "mine.yaml").principles[0].critique == "Say \x1b[31mred."
    assert "\x1b" not in (place / "mine.yaml").read_text(encoding="utf-8")
