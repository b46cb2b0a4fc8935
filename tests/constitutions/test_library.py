"""The shipped constitutions keep what they promise; whatever lies in the library is tested."""

from collections import Counter

import pytest

from lexgate.constitutions import dump, load
from lexgate.constitutions._load import _LIBRARY

FILES = sorted(_LIBRARY.glob("*.yaml"))


def test_the_library_is_not_empty():
    assert FILES


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def file(request):
    return request.param


def test_a_header_agrees_with_the_file_name(file):
    assert f"{load(file).reference}.yaml" == file.name


def test_a_file_names_its_schema_for_editors(file):
    first = file.read_text(encoding="utf-8").splitlines()[0]

    assert first == "# yaml-language-server: $schema=../constitution.schema.json"
    assert (file.parent / "../constitution.schema.json").is_file()


def test_every_principle_has_examples_of_every_kind(file):
    for principle in load(file).principles:
        labels = Counter(example.label for example in principle.examples)

        assert labels.total() >= 6, principle.id
        assert set(labels) == {"violates", "borderline", "complies"}, principle.id


def test_every_principle_can_be_examined(file):
    """Sealed examples measure critics, public ones teach them: both need both plain labels."""
    for principle in load(file).principles:
        kinds = {(example.split, example.label) for example in principle.examples}

        assert kinds >= {
            (split, label) for split in ("public", "sealed") for label in ("violates", "complies")
        }, principle.id


def test_no_exchange_is_both_public_and_sealed(file):
    principles = load(file).principles
    exchanges = {
        split: {(e.prompt, e.response) for p in principles for e in p.examples if e.split == split}
        for split in ("public", "sealed")
    }

    assert exchanges["public"].isdisjoint(exchanges["sealed"])


def test_a_shipped_constitution_survives_a_dump(file, tmp_path):
    copy = tmp_path / "copy.yaml"
    copy.write_text(dump(load(file)), encoding="utf-8")

    assert load(copy) == load(file)
