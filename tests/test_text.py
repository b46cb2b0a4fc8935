"""What models write can be shown on a terminal without doing anything to it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexgate._text import printable

anything = st.text(st.characters(exclude_categories=()), max_size=300)


@given(anything)
def test_nothing_hidden_comes_out(text):
    shown = printable(text)

    assert not {unicodedata.category(letter) for letter in shown} & {
        "Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp",
    }  # fmt: skip
    assert len(shown.splitlines()) <= 1
    assert shown.encode("utf-8").decode("utf-8") == shown


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=200))
def test_visible_text_is_left_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("pass\rFAIL", "pass\\rFAIL"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202eevil\u202c", "\\u202eevil\\u202c"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\x9b31m", "\\x9b31m"),
        ("\u2028\u2029\x85", "\\u2028\\u2029\\x85"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("naïve 日本 😀", "naïve 日本 😀"),
    ],
)
def test_hidden_characters_are_spelled_out(text, shown):
    assert printable(text) == shown


@given(anything, st.integers(0, 50))
def test_long_text_is_cut_and_says_so(text, limit):
    shown = printable(text, limit)

    assert shown.endswith("…") or len(text) <= limit
    assert shown == printable(text[:limit], limit) + ("…" if len(text) > limit else "")
