"""Digests stand for content: equal content has one, different content has two."""

import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexgate._digests import canonical_json, digest, digest_file, manifest_of
from lexgate.errors import EvidenceError

# Floats and whole numbers are kept apart, as JSON text keeps them apart: 1 and 1.0 are two values.
json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(list(value))}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


def same_json(left, right):
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


@given(json_data)
def test_the_order_of_keys_does_not_count(value):
    assert canonical_json(reversed_keys(value)) == canonical_json(value)


@given(json_data, json_data)
def test_two_values_have_one_digest_exactly_when_they_are_equal(left, right):
    assert (digest(left) == digest(right)) == same_json(left, right)


@given(json_data)
def test_canonical_json_is_json_and_loses_nothing(value):
    assert json.loads(canonical_json(value)) == value


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1], [True]),
        ([0], [False]),
        ([None], ["null"]),
        ([1], ["1"]),
        ([], {}),
        (["a", "b"], ["b", "a"]),
        (["ab"], ["a", "b"]),
        ({"a": None}, {}),
        ("é", "e\u0301"),
    ],
)
def test_what_python_or_a_reader_may_confuse_has_two_digests(left, right):
    assert digest(left) != digest(right)


def test_a_digest_is_the_sha256_of_the_canonical_form():
    value = {"b": [1, 2.5, None], "a": "é\n"}
    canonical = '{"a":"é\\n","b":[1,2.5,null]}'.encode()

    assert canonical_json(value) == canonical
    assert digest(value) == "sha256:" + hashlib.sha256(canonical).hexdigest()


def test_half_a_character_still_has_a_digest_of_its_own():
    assert digest("\ud800") != digest("\ud801")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [{"x": float("-inf")}]])
def test_what_json_cannot_carry_is_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest(value)


@pytest.mark.parametrize("value", [{1, 2}, b"x", object()])
def test_what_is_no_json_is_refused(value):
    with pytest.raises(TypeError, match="not JSON serializable"):
        digest(value)


def test_a_file_is_digested_by_its_bytes_in_pieces_too(tmp_path):
    content = bytes(range(256)) * 8193  # more than two reads, not a multiple of one
    path = tmp_path / "weights.bin"
    path.write_bytes(content)

    assert digest_file(path) == "sha256:" + hashlib.sha256(content).hexdigest()


def test_a_directory_is_digested_by_names_and_bytes_and_not_by_times(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder / "sub").mkdir(parents=True)
    for name in ("b.txt", "a.txt", "sub/c.txt"):
        (tmp_path / "one" / name).write_text(name)
    for name in ("sub/c.txt", "a.txt", "b.txt"):
        (tmp_path / "two" / name).write_text(name)
        os.utime(tmp_path / "two" / name, (1, 1))
    one, two = manifest_of(tmp_path / "one"), manifest_of(tmp_path / "two")

    assert [file.path for file in one.files] == ["a.txt", "b.txt", "sub/c.txt"]
    assert [file.size for file in one.files] == [5, 5, 9]
    assert one == two
    assert one.digest == two.digest


@pytest.mark.parametrize("change", ["content", "name", "more", "less", "moved"])
def test_every_change_of_a_directory_changes_its_digest(tmp_path, change):
    (tmp_path / "sub").mkdir()
    path = tmp_path / "a.txt"
    path.write_text("x")
    (tmp_path / "b.txt").write_text("y")
    before = manifest_of(tmp_path).digest
    match change:
        case "content":
            path.write_text("z")
        case "name":
            path.rename(tmp_path / "c.txt")
        case "more":
            (tmp_path / "c.txt").touch()
        case "less":
            path.unlink()
        case "moved":
            path.rename(tmp_path / "sub" / "a.txt")

    assert manifest_of(tmp_path).digest != before


@pytest.mark.parametrize("kind", ["link", "link to a directory", "broken link", "pipe"])
def test_what_is_no_regular_file_has_no_digest(tmp_path, kind):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    odd = tmp_path / "odd"
    if kind == "pipe":
        os.mkfifo(odd)
    else:
        targets = {"link": "file", "link to a directory": "folder", "broken link": "nowhere"}
        odd.symlink_to(tmp_path / targets[kind])

    with pytest.raises(EvidenceError) as refused:
        manifest_of(tmp_path)
    assert str(refused.value) == (
        f"{odd} is not a regular file: a digest cannot stand for what it points at"
    )
