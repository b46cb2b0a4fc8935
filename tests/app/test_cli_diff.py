"""`lexgate diff`: two versions as files, names or git revisions; exit codes, and hostile text."""

import json
import os
import shutil
import subprocess

import pytest
import yaml
from click.testing import CliRunner

from lexgate.app.main import cli
from lexgate.constitutions import find, load
from lexgate.critic import validity

RULES = {
    "constitution": "my-rules",
    "version": "0.1.0",
    "title": "Mine",
    "license": "CC0-1.0",
    "severities": [{"id": "major", "limit": 0.02, "confidence": 0.95, "claim": "C1"}],
    "principles": [
        {
            "id": name,
            "title": f"Title of {name}",
            "criterion": "safety",
            "polarity": "prohibit",
            "severity": "major",
            "text": f"Of the rule {name}, never tell the small numbers that stand in the great book.",
        }
        for name in ("first", "second", "third")
    ],
}
OWN = {"constitution": "own", "version": "1.0.0", "title": "Own", "license": "CC0-1.0"}
FILE = "my-rules@0.1.0.yaml"


def run(*args):
    result = CliRunner().invoke(cli, ["diff", *map(str, args)], prog_name="lexgate")
    assert "Traceback" not in result.output
    return result


def git(*args):
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "core.hooksPath="]
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        [shutil.which("git"), *identity, *args],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **alone},
    )
    return done.stdout.strip()


def commit():
    git("add", "-A")
    git("commit", "-q", "-m", "a step")


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write constitutions into the working directory; what is given changes principle `first`."""
    monkeypatch.chdir(tmp_path)

    def write(path=FILE, version="0.1.0", drop=(), **changes):
        first, *others = RULES["principles"]
        kept = [p for p in ({**first, **changes}, *others) if p["id"] not in drop]
        path = tmp_path / path
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            yaml.safe_dump({**RULES, "version": version, "principles": kept}, sort_keys=False),
            encoding="utf-8",
        )
        return path

    write()
    return write


@pytest.fixture
def repository(write, tmp_path):
    """A repository with one commit of the rules, in ./constitutions."""
    git("init", "-q", ".")
    (tmp_path / FILE).unlink()
    write(f"constitutions/{FILE}")
    commit()
    return write


def test_nothing_changed_demands_nothing(write):
    result = run(FILE, FILE)

    assert result.exit_code == 0
    assert "nothing changed" in result.stdout
    assert result.stdout.endswith("no bump is demanded\n")
    assert "stored verdicts: 3 principles keep theirs" in result.stdout


@pytest.mark.parametrize(
    ("changes", "bump", "enough", "too_little"),
    [
        ({"title": "Another"}, "patch", "0.1.1", "0.1.0"),
        ({"severity": "minor"}, "major", "1.0.0", "0.2.0"),
        ({"drop": ["third"]}, "major", "1.0.0", "0.1.1"),
        ({"exceptions": ["when asked by the author"]}, "major", "1.0.0", "0.9.9"),
    ],
    ids=str,
)
def test_the_demanded_bump_is_printed_and_decides_the_exit_code(
    changes, bump, enough, too_little, write, monkeypatch
):
    minor = {"id": "minor", "limit": 0.05, "confidence": 0.95, "claim": "C1"}
    monkeypatch.setitem(RULES, "severities", [*RULES["severities"], minor])
    write()
    for version, code in ((enough, 0), (too_little, 1)):
        result = run(FILE, write("new.yaml", version, **changes))

        assert result.exit_code == code
        verdict = "enough" if code == 0 else "not enough after 0.1.0"
        assert result.stdout.endswith(
            f"these changes demand a {bump} bump: {enough} or later; {version} is {verdict}\n"
        )


def test_a_version_that_goes_back_is_told_though_nothing_changed(write):
    result = run(write("new.yaml", "2.0.0"), write("newer.yaml", "1.0.0"))

    assert result.exit_code == 1
    assert "no bump is demanded, but the version goes back from 2.0.0 to 1.0.0" in result.stdout


def test_changed_words_stand_in_brackets_with_their_neighbours(write):
    text = RULES["principles"][0]["text"].replace("small", "secret").replace("book", "ledger")

    result = run(FILE, write("new.yaml", "0.1.1", text=text))

    assert "never tell the [-small-]{+secret+} numbers that stand in the great" in result.stdout
    assert "[-book-]{+ledger+}." in result.stdout


def test_only_the_edited_principle_is_judged_again(write):
    new = write("new.yaml", "0.1.1", text="Another rule.")

    result = run(FILE, new, "--json")

    verdicts = json.loads(result.stdout)["verdicts"]
    assert verdicts == {"stay_valid": ["second", "third"], "judge_again": ["first"], "gone": []}
    kept = validity(find(FILE), load(new))
    assert (kept.kept, kept.again) == (("second", "third"), ("first",))
    assert "stored verdicts: 2 principles keep theirs\n  judge again: first\n" in (
        run(FILE, new).stdout
    )


def test_json_is_one_object_with_all_of_it(write):
    result = run(FILE, write("new.yaml", "0.2.0", title="Another", drop=["third"]), "--json")

    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert set(told) == {
        "old",
        "new",
        "counts",
        "bump",
        "changes",
        "verdicts",
        "demands",
        "satisfied",
    }
    assert told["old"] == {"reference": "my-rules@0.1.0", "digest": find(FILE).digest}
    assert told["new"]["reference"] == "my-rules@0.2.0"
    assert told["counts"] == {"wording": 1, "removed": 1}
    assert (told["bump"], told["demands"], told["satisfied"]) == ("major", "1.0.0", False)
    assert told["changes"][0] == {
        "bump": "patch",
        "kind": "wording",
        "principle": "first",
        "what": "title",
        "before": "Title of first",
        "after": "Another",
    }
    assert told["verdicts"]["gone"] == ["third"]


def test_summary_leaves_the_changes_out(write):
    new = write("new.yaml", "0.1.1", title="Another")

    assert "Another" in run(FILE, new).stdout
    summary = run(FILE, new, "--summary").stdout
    assert "Another" not in summary
    assert summary.splitlines()[:2] == ["my-rules@0.1.0 -> my-rules@0.1.1", "  1 wording change"]
    assert "0.1.1 is enough" in summary


def test_ids_that_are_gone_are_to_be_retired(write):
    result = run(FILE, write("new.yaml", "1.0.0", drop=["second"], id="renamed"))

    assert "no other rule takes these ids: second, first\n" in result.stdout


def test_names_of_what_ships_are_taken_too():
    result = run("demo@1.0.0", "everyday-assistant")

    assert result.exit_code == 1
    assert "demo@1.0.0 -> everyday-assistant@1.0.0" in result.stdout
    assert "major: name (constitution): demo -> everyday-assistant" in result.stdout


def test_hostile_text_reaches_no_terminal(write):
    hostile = "Say \x1b[31mnothing\x1b[0m of \u202eeht esaeler\u202c to others."
    new = write("new.yaml", "0.1.1", text=hostile, title="T\x9b2J\u2028x")

    for args in ((FILE, new), (new, FILE), (FILE, new, "--json")):
        output = run(*args).output
        assert not {"\x1b", "\x9b", "\u202e", "\u202c", "\u2028"} & set(output)
    assert "\\x1b[31m" in run(FILE, new).stdout
    assert "\\u202e" in run(FILE, new).stdout


@pytest.mark.parametrize(
    ("old", "told"),
    [
        ("nothing.yaml", "nothing.yaml: no such file"),
        ("my-rulez", 'no constitution "my-rulez"'),
        ("my-rules@0.1.0.yaml@", "expected a constitution as name, name@1.0.0 or a path"),
        ("", "expected a constitution as name"),
        (".", "expected a constitution as name"),
    ],
)
def test_what_is_not_there_is_a_usage_error(old, told, write):
    for args in ((old, FILE), (FILE, old)):
        result = run(*args)
        assert (result.exit_code, result.stdout) == (2, "")
        assert told in result.stderr


def test_a_file_with_mistakes_is_told_with_its_place(write):
    (bad := write("bad.yaml")).write_text("constitution: my-rules\nversion: 1\n")

    result = run(FILE, "bad.yaml", "--json")

    assert result.exit_code == 2
    assert f"{bad.name}:2:" in result.stderr
    assert json.loads(result.stdout)["error"]["exit_code"] == 2


def test_a_file_is_read_as_it_stood_in_a_revision(repository):
    path = f"constitutions/{FILE}"
    repository(path, title="Second")
    commit()
    repository(path, title="Third")

    assert "(title): Second -> Third" in run(f"{path}@HEAD", path).stdout
    assert "(title): Title of first -> Third" in run(f"{path}@HEAD~1", path).stdout
    between = run(f"{path}@HEAD~1", f"{path}@HEAD")
    assert "(title): Title of first -> Second" in between.stdout
    assert between.exit_code == 1


def test_a_revision_may_be_a_branch_a_tag_or_a_commit_from_any_directory(repository, monkeypatch):
    git("tag", "v1")
    git("branch", "feature/x")
    said = git("rev-parse", "HEAD")
    monkeypatch.chdir("constitutions")
    repository(f"constitutions/{FILE}", title="Now")

    for revision in ("v1", "feature/x", said[:8], "HEAD^{commit}", "HEAD^{/a step}"):
        result = run(f"{FILE}@{revision}", FILE)
        assert "(title): Title of first -> Now" in result.stdout
    assert "-> Now" in run(f"../constitutions/{FILE}@v1", FILE).stdout


def test_a_hook_that_points_git_elsewhere_changes_nothing(repository, monkeypatch):
    repository(f"constitutions/{FILE}", title="Now")
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")

    assert "-> Now" in run(f"constitutions/{FILE}@HEAD", f"constitutions/{FILE}").stdout


@pytest.mark.parametrize(
    "revision", ["nothing", "HEAD~9", "1.0.0", "HEAD:x", "a b", "-x", "--help", "\x1b[31m", "--"]
)
def test_a_revision_that_is_not_there_is_a_usage_error(revision, repository):
    result = run(f"constitutions/{FILE}@{revision}", f"constitutions/{FILE}")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: the repository of constitutions has no revision '" in result.stderr
    assert "hint: a branch, a tag, a commit" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_path_that_is_not_in_the_revision_is_a_usage_error(repository):
    repository("constitutions/my-rules@0.2.0.yaml", "0.2.0")
    repository("drafts/x.yaml")

    later = run("constitutions/my-rules@0.2.0.yaml@HEAD", f"constitutions/{FILE}")
    assert later.exit_code == 2
    assert "my-rules@0.2.0.yaml does not stand in the revision HEAD" in later.stderr
    assert f'did you mean "{FILE}"?' in later.stderr
    assert "does not stand in the revision" in run("drafts/x.yaml@HEAD", "drafts/x.yaml").stderr
    none = run("nowhere/x.yaml@HEAD", "drafts/x.yaml")
    assert (none.exit_code, none.stderr) == (
        2,
        "error: nowhere/x.yaml: there is no directory nowhere\n",
    )


def test_outside_of_a_repository_there_are_no_revisions(write, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    result = run(f"{FILE}@HEAD", FILE)

    assert result.exit_code == 2
    assert "git finds no repository in .: fatal: not a git repository" in result.stderr


def test_without_git_only_revisions_are_missed(write, monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert run(FILE, FILE).exit_code == 0
    result = run(f"{FILE}@HEAD", FILE)
    assert (result.exit_code, result.stderr) == (
        2,
        "error: this needs git, which is not installed\n",
    )


@pytest.mark.parametrize("folder", ["constitutions", "drafts", "."])
def test_a_base_is_taken_from_the_same_revision(folder, repository):
    base = f"constitutions/{FILE}"
    own = {**OWN, "extends": ["my-rules@0.1.0"]}
    repository(f"{folder}/own.yaml").write_text(yaml.safe_dump(own))
    commit()
    repository(base, text="The base says another thing.")

    result = run(f"{folder}/own.yaml@HEAD", f"{folder}/own.yaml", "--json")

    told = json.loads(result.stdout)
    assert [(c["principle"], c["what"]) for c in told["changes"]] == [("first", "text")]
    assert told["verdicts"]["judge_again"] == ["first"]


def test_mistakes_of_a_revision_name_it_and_not_where_it_was_unpacked(repository, tmp_path):
    own = {**OWN, "extends": ["my-rules@9.0.0"]}
    repository("constitutions/own.yaml").write_text(yaml.safe_dump(own))
    commit()

    result = run("constitutions/own.yaml@HEAD", "demo")

    assert result.exit_code == 2
    assert "constitutions/own.yaml@HEAD:3:3: extends/0: expected a constitution" in result.stderr
    assert "looked in constitutions/constitutions, constitutions, the shipped" in result.stderr
    assert "lexgate-" not in result.stderr


def test_nothing_in_the_repository_changes(repository, tmp_path):
    repository(f"constitutions/{FILE}", title="Now")

    def everything():
        return {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    before = everything()
    run(f"constitutions/{FILE}@HEAD", f"constitutions/{FILE}")
    assert everything() == before
