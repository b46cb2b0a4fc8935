"""A patch gives one value when applied to another, and leaves later edits alone."""

from hypothesis import given
from hypothesis import strategies as st

from lexgate.constitutions.formats._patch import difference, patched

keys = st.sampled_from(("id", "a", "b", "@for", "@is", "@order", "@@", "@items"))
leaves = st.one_of(st.integers(0, 2), st.sampled_from(("x", "y", "")), st.booleans())
values = st.recursive(
    leaves, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(keys, v, max_size=3))
)
listed = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from("pqrs")}, optional={"a": values, "b": values}),
    unique_by=lambda item: item["id"],
)


@given(st.one_of(values, listed), st.one_of(values, listed))
def test_a_patch_turns_the_one_into_the_other(shown, wanted):
    assert patched(shown, difference(shown, wanted)) == wanted


def test_an_edit_of_what_is_shown_survives_the_patch():
    shown = {"rules": [{"id": "p", "text": "old"}, {"id": "q", "text": "same"}]}
    wanted = {"rules": [{"id": "q", "text": "same", "limit": 1}, {"id": "p", "text": "old"}]}
    patch = difference(shown, wanted)

    shown["rules"][0]["text"] = "new"
    shown["rules"].append({"id": "r", "text": "later"})

    assert patched(shown, patch) == {
        "rules": [
            {"id": "q", "text": "same", "limit": 1},
            {"id": "p", "text": "new"},
            {"id": "r", "text": "later"},
        ]
    }


def test_an_item_that_was_removed_by_hand_stays_removed():
    shown = {"rules": [{"id": "p"}, {"id": "q"}]}
    patch = difference(shown, {"rules": [{"id": "p", "a": 1}, {"id": "q", "a": 1}]})

    assert patched({"rules": [{"id": "q"}]}, patch) == {"rules": [{"id": "q", "a": 1}]}


def test_an_item_that_is_not_wanted_does_not_come_back():
    patch = difference([{"id": "p"}], [{"id": "q"}])

    assert patched([{"id": "p"}], patch) == [{"id": "q"}]


def test_a_list_that_was_emptied_by_hand_stays_empty():
    patch = difference({"rules": [{"id": "p"}]}, {"rules": [{"id": "p", "a": 1}]})

    assert patched({"rules": []}, patch) == {"rules": []}
    assert patched({}, patch) == {"rules": []}


def test_what_replaces_a_text_does_not_undo_an_edit_of_it():
    patch = difference({"text": "read without the end"}, {"text": "read without the end\n"})

    assert patched({"text": "read without the end"}, patch) == {"text": "read without the end\n"}
    assert patched({"text": "edited by hand"}, patch) == {"text": "edited by hand"}
