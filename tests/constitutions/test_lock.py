"""The lock: its bytes depend on what it holds alone, and a damaged one is never an empty one."""

import json

import pytest

from lexgate.constitutions import (
    LOCK,
    Lock,
    find,
    lock_near,
    read_lock,
    shipped,
    shipped_lock,
    write_lock,
)
from lexgate.errors import InvalidFile

ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def test_what_is_written_is_read_again(tmp_path):
    write_lock(tmp_path / LOCK, {"b@1.0.0": TWO, "a@1.0.0": ONE})

    assert read_lock(tmp_path / LOCK).digests == {"a@1.0.0": ONE, "b@1.0.0": TWO}


def test_the_bytes_depend_on_what_it_holds_alone(tmp_path):
    write_lock(tmp_path / "one", {"b@1.0.0": TWO, "a@1.0.0": ONE})
    write_lock(tmp_path / "two", {"a@1.0.0": ONE, "b@1.0.0": TWO})

    content = (tmp_path / "one").read_bytes()
    assert content == (tmp_path / "two").read_bytes()
    assert content.endswith(b"}\n")
    assert content.index(b"a@1.0.0") < content.index(b"b@1.0.0")
    assert b"\r" not in content


def test_it_contradicts_only_what_it_knows_as_something_else(tmp_path):
    lock = Lock(tmp_path, {"a@1.0.0": ONE})

    assert lock.contradicts("a@1.0.0", TWO)
    assert not lock.contradicts("a@1.0.0", ONE)
    assert not lock.contradicts("a@1.0.1", TWO)


def test_the_lock_of_what_ships_is_what_ships():
    """A shipped file that changed without a new version fails here: raise its version."""
    library = {reference: find(reference).digest for reference in shipped()}

    assert shipped_lock().digests == library
    assert {base.reference for ref in shipped() for base in find(ref).extends} <= set(library)


def lock_of(entries, format_="lexgate-lock/1"):
    return json.dumps({"constitutions": entries, "format": format_})


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "found no JSON: Expecting value"),
        ("garbage", "found no JSON: Expecting value"),
        (lock_of({"a@1.0.0": ONE})[:-9], "found no JSON: "),
        ("<<<<<<< HEAD\n" + lock_of({}), "found no JSON: Expecting value"),
        ("[" * 100_000, "found something else"),
        (b"\xff\xfe\x00", "found something else"),
        ("[]", "found something else"),
        ("{}", "found something else"),
        ("null", "found something else"),
        ('"lexgate-lock/1"', "found something else"),
        (lock_of({}, "lexgate-lock/2"), "found something else"),
        (lock_of(None), "found something else"),
        (lock_of([["a@1.0.0", ONE]]), "found something else"),
        (lock_of({"a@1.0.0": None}), "found something else"),
        (lock_of({"a@1.0.0": "1" * 64}), "found something else"),
        (lock_of({"a@1.0.0": ONE[:-1]}), "found something else"),
        (lock_of({"a@1.0.0": ONE + "\n"}), "found something else"),
        (lock_of({"a@1.0.0": ONE.replace("1", "A")}), "found something else"),
        (lock_of({"a": ONE}), "found something else"),
        (lock_of({"a@1.0": ONE}), "found something else"),
        (lock_of({"../a@1.0.0": ONE}), "found something else"),
        (f'{{"a": 1, "a": 1, {lock_of({})[1:]}', 'found "a" twice'),
        (
            lock_of({"a@1.0.0": ONE, "b@1.0.0": TWO}).replace("b@", "a@"),
            'found "a@1.0.0" twice',
        ),
    ],
)  # fmt: skip
def test_a_damaged_lock_is_an_error(content, found, tmp_path):
    path = tmp_path / LOCK
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(InvalidFile) as refused:
        read_lock(path)
    [problem] = refused.value.problems
    assert problem.message.startswith(f'expected a lock ("format": "lexgate-lock/1"), {found}')
    assert problem.file == str(path)
    assert "restore it from version control" in problem.hint


def test_an_error_in_its_json_is_told_with_its_place(tmp_path):
    (tmp_path / LOCK).write_text('{\n  "constitutions": {},,\n}')

    with pytest.raises(InvalidFile) as refused:
        read_lock(tmp_path / LOCK)
    assert (refused.value.problems[0].line, refused.value.problems[0].column) == (2, 23)


@pytest.mark.parametrize("kind", ["directory", "dangling link"])
def test_what_stands_where_the_lock_should_be_is_no_absent_lock(kind, tmp_path):
    if kind == "directory":
        (tmp_path / LOCK).mkdir()
    else:
        (tmp_path / LOCK).symlink_to("nowhere")

    with pytest.raises(InvalidFile, match="found what cannot be read: "):
        lock_near(tmp_path / "a@1.0.0.yaml")


def test_it_is_found_beside_a_file_and_in_the_directories_above(tmp_path):
    write_lock(tmp_path / LOCK, {"a@1.0.0": ONE})

    for file in ("a.yaml", "constitutions/a.yaml", "constitutions/drafts/old/a.yaml"):
        lock = lock_near(tmp_path / file)
        assert lock is not None
        assert lock.digests == {"a@1.0.0": ONE}


def test_locks_above_count_too_and_the_nearest_wins(tmp_path):
    (tmp_path / "inner").mkdir()
    write_lock(tmp_path / LOCK, {"a@1.0.0": ONE, "b@1.0.0": ONE})
    write_lock(tmp_path / "inner" / LOCK, {"b@1.0.0": TWO})

    lock = lock_near(tmp_path / "inner" / "x.yaml")
    assert lock == Lock((tmp_path / "inner" / LOCK).resolve(), {"a@1.0.0": ONE, "b@1.0.0": TWO})


def test_locks_outside_of_the_repository_do_not_count(tmp_path):
    (tmp_path / "inner" / ".git").mkdir(parents=True)
    write_lock(tmp_path / LOCK, {"a@1.0.0": ONE})

    assert lock_near(tmp_path / "inner" / "x.yaml") is None
    write_lock(tmp_path / "inner" / LOCK, {"b@1.0.0": TWO})
    lock = lock_near(tmp_path / "inner" / "deep" / "x.yaml")
    assert lock is not None
    assert lock.digests == {"b@1.0.0": TWO}
