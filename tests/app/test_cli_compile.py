"""`lexgate compile`: deterministic artefacts with digests, and a text for people."""

import json

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator, ValidationError

from lexgate._digests import digest, digest_file
from lexgate.app.main import cli
from lexgate.constitutions import find
from lexgate.critic import Abstention, Exchange, Verdict, as_conversation, open_critic


def run(*args):
    return CliRunner().invoke(cli, ["compile", *map(str, args)], prog_name="lexgate")


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def compiled(tmp_path):
    result = run("demo@1.0.0", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "out"


def test_there_is_a_prompt_per_principle_a_schema_rubrics_and_a_manifest(compiled):
    prompts = {f"prompts/{p.id}.json" for p in find("demo@1.0.0").principles}

    assert set(contents(compiled)) == prompts | {
        "manifest.json",
        "rubrics.json",
        "verdict.schema.json",
    }


def test_the_manifest_has_the_digest_of_every_artefact_and_one_of_all(compiled):
    manifest = json.loads((compiled / "manifest.json").read_text())

    listed = {entry["path"]: entry for entry in manifest["artefacts"]}
    assert set(listed) == set(contents(compiled)) - {"manifest.json"}
    for path, entry in listed.items():
        assert entry["digest"] == digest_file(compiled / path)
        assert entry["size"] == (compiled / path).stat().st_size
    rules = find("demo@1.0.0").digest
    assert manifest["root"] == digest([rules, "critic", manifest["artefacts"]])


def test_compiling_twice_gives_the_same_bytes(compiled, tmp_path):
    run("demo@1.0.0", "-o", tmp_path / "again")

    assert contents(compiled) == contents(tmp_path / "again")


def test_stdout_is_the_root_digest_and_json_the_manifest(tmp_path):
    root = run("demo@1.0.0", "-o", tmp_path / "a").stdout.strip()
    manifest = json.loads(run("demo@1.0.0", "-o", tmp_path / "b", "--json").stdout)

    assert manifest["root"] == root
    assert manifest == json.loads((tmp_path / "b" / "manifest.json").read_text())


def test_an_earlier_compilation_is_replaced_whole(compiled):
    result = run("everyday-assistant@1.0.0", "-o", compiled)

    assert result.exit_code == 0
    prompts = {f"{p.id}.json" for p in find("everyday-assistant@1.0.0").principles}
    assert {path.name for path in (compiled / "prompts").iterdir()} == prompts


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")

    result = run("demo@1.0.0", "-o", tmp_path)

    assert result.exit_code == 2
    assert "is not empty and holds no manifest.json" in result.stderr
    assert list(contents(tmp_path)) == ["thesis.txt"]


def test_every_judgement_of_a_real_critic_fits_the_verdict_schema(compiled):
    schema = json.loads((compiled / "verdict.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    rules = find("demo@1.0.0")
    critic = open_critic(["checks", "exemplars"], rules)
    exchanges = [
        Exchange(as_conversation(example.prompt), example.response)
        for principle in rules.principles
        for example in principle.examples
    ]
    judged = critic.judge(exchanges, [principle.id for principle in rules.principles])
    silent = open_critic(["checks"], rules).judge(
        [Exchange(as_conversation("?"), "\u00e9")], [principle.id for principle in rules.principles]
    )

    rows = [judgement for row in [*judged, *silent] for judgement in row]

    assert {type(row) for row in rows} == {Verdict, Abstention}
    for row in rows:
        Draft202012Validator(schema).validate(row.to_json())


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "unsure"},
        {"p": 1.5},
        {"p": None},
        {"principle": "be-nice"},
        {"outcome": "abstains"},
        {"extra": 1},
        {"answers": [["harmful", 2, "x"]]},
        {"answers": [["unknown", 1, "x"]]},
    ],
    ids=str,
)
def test_what_is_no_judgement_does_not_fit(compiled, wrong):
    schema = json.loads((compiled / "verdict.schema.json").read_text())
    right = {"principle": "no-harm-help", "outcome": "violates", "p": 1, "answers": []}
    Draft202012Validator(schema).validate(right)

    with pytest.raises(ValidationError):
        Draft202012Validator(schema).validate(right | wrong)


def test_the_text_for_people_has_every_rule_and_no_sealed_example(tmp_path):
    result = run("everyday-assistant@1.0.0", "--target", "markdown", "-o", tmp_path / "md")

    assert result.exit_code == 0, result.stderr
    text = (tmp_path / "md" / "constitution.md").read_text()
    for principle in find("everyday-assistant@1.0.0").principles:
        assert f"## {principle.title}" in text
        assert principle.text.strip() in text
        for example in principle.examples:
            shown = example.response in text and f"`{example.id}`" in text
            assert shown == (example.split == "public")


def test_an_unknown_constitution_is_a_usage_error(tmp_path):
    result = run("demoo@1.0.0", "-o", tmp_path / "out")

    assert result.exit_code == 2
    assert "demoo" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "manifest",
    [
        {"name": "an extension"},
        {"format": "lexgate-compiled/1", "artefacts": [{"path": "../mine.txt"}]},
        [],
    ],
    ids=str,
)
def test_a_manifest_of_another_kind_is_no_earlier_compilation(tmp_path, manifest):
    out = tmp_path / "out"
    (out / "prompts").mkdir(parents=True)
    (out / "manifest.json").write_text(json.dumps(manifest))
    (out / "prompts" / "mine.json").write_text("mine")
    before = contents(out)

    result = run("demo@1.0.0", "-o", out)

    assert result.exit_code == 2
    assert "holds no manifest.json of an earlier compilation" in result.stderr
    assert contents(out) == before


def test_only_what_the_manifest_lists_is_removed_or_overwritten(compiled):
    (compiled / "prompts" / "mine.json").write_text("mine")
    assert run("everyday-assistant@1.0.0", "-o", compiled).exit_code == 0
    assert (compiled / "prompts" / "mine.json").read_text() == "mine"

    (compiled / "constitution.md").write_text("mine too")
    result = run("demo@1.0.0", "--target", "markdown", "-o", compiled)
    assert result.exit_code == 2
    assert "constitution.md was not written by the earlier compilation" in result.stderr
    assert (compiled / "constitution.md").read_text() == "mine too"
