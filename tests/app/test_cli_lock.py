"""`lexgate lock`, and what `lexgate check` refuses because of it: one reference, one meaning."""

import json

import pytest
import yaml
from click.testing import CliRunner

from lexgate.app.main import cli
from lexgate.constitutions import LOCK, dump, find, load, read_lock

BASE = {
    "constitution": "base",
    "version": "1.0.0",
    "title": "Base",
    "license": "CC0-1.0",
    "severities": [{"id": "major", "limit": 0.25, "confidence": 0.95, "claim": "C1"}],
    "principles": [
        {
            "id": "be-kind",
            "title": "Kind",
            "criterion": "helpfulness",
            "polarity": "require",
            "severity": "major",
            "text": "Be kind.",
        }
    ],
}
OWN = {
    "constitution": "own",
    "version": "2.0.0",
    "title": "Own",
    "license": "CC0-1.0",
    "extends": ["base@1.0.0"],
}
SUITE = {
    "suite": "s",
    "version": "1.0.0",
    "tasks": [
        {
            "id": "t",
            "kind": "critic",
            "data": "d.jsonl",
            "constitution": "own@2.0.0",
            "principles": ["be-kind"],
        }
    ],
}
RULE = {
    "id": "harm",
    "type": "rate_limit",
    "principle": "no-harm-help",
    "limit": 0.25,
    "claim": "C1",
}
POLICY = {
    "policy": "p",
    "version": "1.0.0",
    "constitution": "demo@1.0.0",
    "rules": [RULE],
    "validity_days": 30,
}


def run(*args):
    result = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="lexgate")
    assert "Traceback" not in result.output
    return result


def write(path, data):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A workspace in which one constitution extends another, and a suite and a policy cite."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    write(tmp_path / "constitutions/base@1.0.0.yaml", BASE)
    write(tmp_path / "constitutions/own@2.0.0.yaml", OWN)
    write(tmp_path / "suites/s.yaml", SUITE)
    (tmp_path / "suites/d.jsonl").write_text('{"id": "a", "prompt": "Say hello."}\n')
    write(tmp_path / "policies/p.yaml", POLICY)
    return tmp_path


@pytest.fixture
def locked(place):
    result = run("lock")
    assert result.exit_code == 0, result.stderr
    return place


def title(data, text):
    return {**data, "title": text}


def test_all_that_is_extended_or_cited_is_locked_what_ships_too(place):
    result = run("lock")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "lexgate.lock.json: 3 constitutions, 3 new\n"
    assert read_lock(place / LOCK).digests == {
        "base@1.0.0": load(place / "constitutions/base@1.0.0.yaml").digest,
        "demo@1.0.0": find("demo@1.0.0").digest,
        "own@2.0.0": load(place / "constitutions/own@2.0.0.yaml").digest,
    }
    assert run("check", ".").exit_code == 0


def test_a_base_outside_of_the_directory_is_locked_too(place):
    write(place / "drafts/x.yaml", {**OWN, "constitution": "x", "extends": ["demo@1.0.0"]})

    assert run("lock", "drafts").exit_code == 0
    assert set(read_lock(place / "drafts" / LOCK).digests) == {"demo@1.0.0", "x@2.0.0"}


def test_locking_twice_gives_the_same_bytes(locked):
    before = (locked / LOCK).read_bytes()

    assert run("lock").stderr == "lexgate.lock.json: 3 constitutions, 0 new\n"
    assert (locked / LOCK).read_bytes() == before


def test_a_change_without_a_new_version_fails_check_at_the_version(locked):
    path = write(locked / "constitutions/base@1.0.0.yaml", title(BASE, "Changed"))

    result = run("check", path)

    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        f"{path}:2:1: version: expected base@1.0.0 to mean what lexgate.lock.json has for it"
        in (result.stderr)
    )
    assert "raise its version (`lexgate diff " in result.stderr


def test_a_change_without_a_new_version_is_not_locked(locked):
    write(locked / "constitutions/base@1.0.0.yaml", title(BASE, "Changed"))
    write(locked / "constitutions/new@1.0.0.yaml", {**BASE, "constitution": "new"})
    before = (locked / LOCK).read_bytes()

    for args in ((), ("--json",), ("--verify",)):
        result = run("lock", *args)
        assert result.exit_code == 1
        assert "base@1.0.0 changed since it was locked, without a new version" in result.stderr
        assert ("nothing was written" in result.stderr) == (args != ("--verify",))
        assert (locked / LOCK).read_bytes() == before
    told = json.loads(run("lock", "--json").stdout)
    assert told["ok"] is False
    assert told["changed"] == ["base@1.0.0"]
    assert told["new"] == ["new@1.0.0"]


def test_a_changed_base_fails_what_extends_or_cites_it(locked):
    write(locked / "constitutions/base@1.0.0.yaml", title(BASE, "Same rules, another title"))
    told = run("check", "constitutions/own@2.0.0.yaml").stderr
    assert "own@2.0.0.yaml:6:3: extends/0: expected base@1.0.0 to mean" in told

    rule = {**BASE["principles"][0], "text": "Be cruel."}
    write(locked / "constitutions/base@1.0.0.yaml", {**BASE, "principles": [rule]})
    told = run("check", ".").stderr
    for where in (
        "base@1.0.0.yaml:2:1: version: expected base@1.0.0",
        "own@2.0.0.yaml:2:1: version: expected own@2.0.0",
        "own@2.0.0.yaml:6:3: extends/0: expected base@1.0.0",
        "s.yaml:4:3: tasks/0: expected own@2.0.0",
    ):
        assert where in told
    assert told.endswith("4 checked, 3 wrong, 4 problems\n")


def test_with_a_new_version_both_pass_and_the_old_one_stays_noted(locked):
    before = read_lock(locked / LOCK).digests
    (locked / "constitutions/base@1.0.0.yaml").unlink()
    write(locked / "constitutions/base@1.0.1.yaml", {**title(BASE, "Changed"), "version": "1.0.1"})
    write(
        locked / "constitutions/own@2.0.0.yaml",
        {**OWN, "version": "2.0.1", "extends": ["base@1.0.1"]},
    ).rename(locked / "constitutions/own@2.0.1.yaml")
    (locked / "suites/s.yaml").unlink()

    assert run("check", ".").exit_code == 0
    assert run("lock").exit_code == 0
    after = read_lock(locked / LOCK).digests
    assert set(after) - set(before) == {"base@1.0.1", "own@2.0.1"}
    assert {reference: after[reference] for reference in before} == before


def test_a_version_that_comes_back_with_another_content_is_refused(locked):
    path = locked / "constitutions/own@2.0.0.yaml"
    (locked / "suites/s.yaml").unlink()
    path.unlink()
    assert run("lock").exit_code == 0
    write(path, title(OWN, "Reborn"))

    assert run("lock").exit_code == 1


def test_comments_formatting_and_the_order_of_keys_change_nothing(locked):
    path = locked / "constitutions/base@1.0.0.yaml"
    text = yaml.safe_dump(dict(reversed(BASE.items())), sort_keys=False, indent=4, width=30)
    path.write_text("# a comment\n\n" + text.replace("\n", "  # more\r\n", 1), encoding="utf-8")

    assert run("check", ".").exit_code == 0
    assert run("lock", "--verify").exit_code == 0


def test_verify_writes_nothing_and_says_what_is_missing(place):
    result = run("lock", "--verify")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"{reference} is not locked yet" for reference in ("base@1.0.0", "demo@1.0.0", "own@2.0.0")
    ]
    assert not (place / LOCK).exists()
    assert run("lock").exit_code == 0
    assert run("lock", "--verify").exit_code == 0


def test_what_is_not_locked_yet_is_a_note_and_a_finding_when_strict(locked):
    new = write(locked / "constitutions/new@1.0.0.yaml", {**BASE, "constitution": "new"})

    note = f"{new}: note: new@1.0.0 is not locked yet\n    hint: `lexgate lock` notes"
    assert run("check", new).exit_code == 0
    strict = run("check", new, "--strict")
    assert strict.exit_code == 1
    assert note in strict.stderr


def test_accept_takes_one_change_by_its_name_and_no_other(locked):
    rule = {**BASE["principles"][0], "text": "Be kind to all."}
    write(locked / "constitutions/base@1.0.0.yaml", {**BASE, "principles": [rule]})

    refused = run("lock", "--accept", "base@1.0.0")
    assert refused.exit_code == 1
    assert "own@2.0.0 changed since it was locked" in refused.stderr
    assert run("check", ".").exit_code == 2
    result = run("lock", "--accept", "base@1.0.0", "--accept", "own@2.0.0")
    assert result.exit_code == 0
    assert run("check", ".").exit_code == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--accept", "base@1.0"], 'did you mean "base@1.0.0"?'),
        (["--accept", "base"], "hint: there are base@1.0.0, demo@1.0.0, own@2.0.0"),
        (["--accept", "base@1.0.1"], "--accept base@1.0.1: there is no such constitution below ."),
        (["--verify", "--accept", "base@1.0.0"], "--verify writes nothing, and --accept says"),
        (["nowhere"], "nowhere is no directory"),
        (["constitutions/base@1.0.0.yaml"], "is a file"),
        (["empty"], "empty holds no constitution, and nothing that cites one"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_a_usage_error(args, told, locked):
    (locked / "empty").mkdir()
    before = (locked / LOCK).read_bytes()

    result = run("lock", *args)

    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert (locked / LOCK).read_bytes() == before
    assert not (locked / "empty" / LOCK).exists()


@pytest.mark.parametrize("damage", ["garbage", '{"format": "lexgate-lock/1"}', "", None])
def test_a_damaged_lock_stops_both_verbs_and_is_left_as_it_is(damage, locked):
    (locked / LOCK).unlink()
    if damage is None:
        (locked / LOCK).mkdir()
    else:
        (locked / LOCK).write_text(damage)
    write(locked / "constitutions/base@1.0.0.yaml", title(BASE, "Changed"))

    for args in (["lock"], ["lock", "--verify"], ["check", "."]):
        result = run(*args)
        assert result.exit_code == 2
        assert f'{LOCK}:1:1: expected a lock ("format": "lexgate-lock/1"), found' in result.stderr
    assert (locked / LOCK).is_dir() if damage is None else (locked / LOCK).read_text() == damage
    told = json.loads(run("check", ".", "--json").stdout)
    assert [bool(file["problems"]) for file in told["files"]] == [True] * 4


def test_what_is_invalid_is_not_locked(place):
    write(place / "constitutions/bad@1.0.0.yaml", {**BASE, "severities": []})

    result = run("lock")

    assert result.exit_code == 2
    assert "bad@1.0.0.yaml:5:1: severities: " in result.stderr
    assert not (place / LOCK).exists()


def test_two_files_that_are_one_reference_are_told_apart(place):
    write(place / "archive/base@1.0.0.yaml", title(BASE, "Another"))

    result = run("lock")

    assert result.exit_code == 2
    assert (
        "base@1.0.0 is one thing in archive/base@1.0.0.yaml and another in "
        "constitutions/base@1.0.0.yaml" in result.stderr
    )


def test_an_edited_copy_of_what_ships_needs_a_version_or_name_of_its_own(place):
    text = yaml.safe_load(dump(find("demo@1.0.0")))
    copy = write(place / "constitutions/demo@1.0.0.yaml", text)
    assert run("check", copy).exit_code == 0
    write(copy, title(text, "My own demo"))

    told = run("check", copy)
    assert told.exit_code == 2
    assert "version: expected demo@1.0.0 to mean what ships with lexgate under that name" in (
        told.stderr
    )
    assert "demo@1.0.0 ships with lexgate and says something else there" in run("lock").stderr
    write(copy, {**title(text, "My own demo"), "version": "1.0.1"}).rename(
        copy.with_name("demo@1.0.1.yaml")
    )
    assert run("check", "constitutions").exit_code == 0


def test_a_lock_covers_all_directories_below_it(locked):
    deep = write(
        locked / "constitutions/drafts/old/deep@1.0.0.yaml", {**BASE, "constitution": "deep"}
    )
    assert run("lock").exit_code == 0
    write(deep, title({**BASE, "constitution": "deep"}, "Changed"))

    assert run("check", deep).exit_code == 2


def test_a_second_lock_below_does_not_forget_what_the_first_one_says(locked):
    write(locked / "constitutions/base@1.0.0.yaml", title(BASE, "Changed"))

    assert run("lock", "constitutions").exit_code == 1
    assert not (locked / "constitutions" / LOCK).exists()


def test_hidden_directories_and_files_of_others_are_passed_over(place):
    write(place / ".cache/base@1.0.0.yaml", title(BASE, "Another"))
    write(place / "openapi.yaml", {"openapi": "3.1.0"})
    (place / "constitutions/dangling.yaml").symlink_to("nowhere.yaml")

    assert run("lock").exit_code == 0


def test_json_says_what_is_locked(place):
    told = json.loads(run("lock", "--json").stdout)

    assert set(told) == {"ok", "lock", "changed", "new", "locked"}
    assert (told["ok"], told["lock"], told["changed"]) == (True, LOCK, [])
    assert told["locked"] == read_lock(place / LOCK).digests
