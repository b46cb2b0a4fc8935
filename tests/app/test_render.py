"""The one module that shows model text, and the rule that no other does."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest
from tests.app.review_runs import rule

import lexgate.app
from lexgate.app import render
from lexgate.app._interval import draw, number
from lexgate.gates import RuleOutcome

APP = Path(os.fspath(lexgate.app.__file__)).parent
PAGES = [*sorted((APP / "views").glob("*.py")), APP / "script.py", APP / "render.py"]

# What reads Markdown or HTML in its first argument, or in its label.
_MARKDOWN = {
    "badge", "button", "caption", "error", "expander", "header", "info", "metric", "page_link",
    "pagination", "selectbox", "subheader", "success", "tabs", "title", "warning", "Page",
}  # fmt: skip
# What lays out or moves, and shows no text of its own.
_LAYOUT = {
    "columns", "container", "image", "navigation", "query_params", "session_state",
    "set_page_config", "space", "stop", "switch_page",
}  # fmt: skip
_TEXT = {"code", "dataframe", "text"}  # what may show anybody's text, in render.py alone


def uses(path):
    """Every use of `st.NAME` with the call it stands in, if it is one."""
    tree = ast.parse(path.read_text("utf-8"))
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "st"
        ):
            yield node.attr, calls.get(id(node))


def literal(node):
    """A text of ours: no name in it but numbers, which their format keeps from being text."""
    if isinstance(node, ast.JoinedStr):
        return all(isinstance(part, ast.Constant) or numeric(part) for part in node.values)
    if isinstance(node, ast.List):
        return all(map(literal, node.elts))
    return isinstance(node, ast.Constant)


def numeric(part):
    spec = part.format_spec if isinstance(part, ast.FormattedValue) else None
    return spec is not None and ast.unparse(spec).strip("f'\"") in {",", ".2f", ".4f", ".2", ".4"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_use_only_the_elements_listed_here(path):
    allowed = _MARKDOWN | _LAYOUT | _TEXT

    assert {name for name, _ in uses(path)} <= allowed


# The labels that pass through render.py are checked below, where they are written.
@pytest.mark.parametrize("path", PAGES[:-1], ids=lambda path: path.name)
def test_what_reads_markdown_is_given_literals_of_ours(path):
    wrong = [
        f"{name}, line {call.lineno}"
        for name, call in uses(path)
        if name in _MARKDOWN - {"Page"}
        and call
        and call.args
        and not literal(call.args[0])
        and name not in {"pagination", "selectbox"}
    ]

    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_anybodys_text_is_shown_by_render_alone(path):
    shown = [
        (name, call.args[0])
        for name, call in uses(path)
        if name in _TEXT and call and path.name != "render.py"
    ]

    assert all(name == "code" and literal(argument) for name, argument in shown)


def test_labels_of_links_and_filters_are_literals_of_ours():
    wrong = []
    for path in PAGES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "render.link",
                "_filter",
            }
            if called and not literal(node.args[0]):
                wrong.append(f"{path.name}, line {node.lineno}")

    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_options_of_filters_are_shown_as_cells(path):
    calls = [call for name, call in uses(path) if name == "selectbox"]

    assert all("format_func=render.cell" in ast.unparse(call) for call in calls)


def test_no_module_of_the_app_asks_for_html_or_scripts():
    forbidden = ("unsafe_allow", "st.markdown", "st.write", "st.html", "st.chat", "st.table(",
                 "components.v1", "iframe", "st.components", "st.json", "st.link_button")  # fmt: skip
    found = [
        (path.name, word)
        for path in [*PAGES, APP / "review.py", APP / "asgi.py"]
        for word in forbidden
        if word in path.read_text("utf-8")
    ]

    assert found == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_a_page_long(path):
    if path.parent.name == "views":
        assert len(path.read_text("utf-8").splitlines()) < 150


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\r\nx", "\\r\nx"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("é 漢 ✓", "é 漢 ✓"),
        ("![x](http://h/b)", "![x](http://h/b)"),
    ],
)
def test_hidden_characters_are_spelled_out(text, shown):
    assert render.spelled(text) == shown


@given(st.text())
def test_no_hidden_character_but_line_feed_and_tab_is_left(text):
    shown = render.spelled(text)

    assert all(c.isprintable() or c in "\n\t" or c == "\u3000" or c.isspace() for c in shown)
    assert shown.count("\n") == text.count("\n")


@given(st.text(max_size=600))
def test_a_cell_is_one_short_printable_line(text):
    shown = render.cell(text)

    assert "\n" not in shown
    assert "\t" not in shown
    assert len(shown) <= 120 * 10 + 1


def app(body):
    script = f"from lexgate.app import render\n{body}"
    at = AppTest.from_string(script, default_timeout=30).run()
    assert not at.exception
    return at


def test_a_line_of_a_megabyte_is_shown_in_parts_with_its_length():
    at = app("render.block('x' * 1_048_576, 'long')")

    assert at.caption[0].value == "Cut: characters 1 to 20,000 of 1,048,576."
    assert len(at.code[0].value) == 20_000


def test_an_empty_text_is_said_to_be_empty():
    at = app("render.block('', 'none')")

    assert at.caption[0].value == "Empty: not a single character."
    assert not at.code


def test_a_short_text_over_its_limit_states_the_full_length():
    at = app("render.text('y' * 5000)")

    assert len(at.text[0].value) == 2000
    assert at.caption[0].value == "Cut: the first 2,000 of 5,000 characters."


def test_a_short_text_stays_on_one_line_so_that_it_cannot_fake_a_line_of_ours():
    at = app("render.text('harm\\nPass: promote it')")

    assert at.text[0].value == "harm\\nPass: promote it"


def test_a_record_is_shown_as_ascii_json():
    at = app("render.raw({'a': '\\u202e<b>'}, 'r')")

    assert at.code[0].value == '{\n  "a": "\\u202e<b>"\n}'


def test_columns_of_one_name_are_all_shown():
    at = app("render.table([('a', ['1']), ('a', ['2'])], 'two')")

    assert list(at.dataframe[0].value.iloc[0]) == ["1", "2"]


def test_a_table_of_more_than_two_hundred_rows_is_refused():
    script = "from lexgate.app import render\nrender.table([('a', ['1'] * 201)], 'many')"
    at = AppTest.from_string(script, default_timeout=30).run()

    assert "at most 200 rows" in at.exception[0].message


def test_a_state_nobody_knows_is_shown_as_damaged():
    at = app("render.badge('waived')")

    assert ":material/broken_image: damaged" in at.markdown[0].value


def drawn(outcome, **numbers):
    return draw(RuleOutcome(**rule("r", outcome, **numbers)))


def test_a_drawing_says_the_same_as_text():
    picture = drawn("fail", estimate=0.31, low=0.2, high=0.42, limit=0.05)

    assert picture.alt == ("Estimate 0.31, bounds 0.2 to 0.42, limit <= 0.05 (dashed line): fail")
    assert picture.svg.count("<circle") == 1


def test_a_drawing_without_numbers_shows_the_limit():
    picture = drawn("error", estimate=None, low=None, high=None, limit=0.6)

    assert "limit &lt;= 0.6" in picture.svg
    assert "<circle" not in picture.svg
    assert "Estimate —, bounds — to —" in picture.alt


finite = st.none() | st.floats(-1e6, 1e6)


@given(finite, finite, finite, st.floats(-1e6, 1e6))
def test_a_drawing_of_any_numbers_stays_inside_its_frame(estimate, low, high, limit):
    import re
    from xml.etree import ElementTree as ET

    svg = drawn("pass", estimate=estimate, low=low, high=high, limit=limit).svg

    ET.fromstring(svg)  # noqa: S314  our own
    assert all(0 <= float(x) <= 400 for x in re.findall(r'(?:cx|x)="([-0-9.]+)"', svg))
    assert "nan" not in svg


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "—"), (0.05, "0.05"), (0.0123456, "0.01235"), (1.0, "1"), (0, "0")]
)
def test_numbers_have_four_digits(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"claim": "C1", "method": "clopper_pearson", "limit": 0.1}, "<= 0.1"),
        ({"claim": "exact", "method": "clopper_pearson", "limit": 0.6}, ">= 0.6"),
        ({"claim": "exact", "method": "clopper_pearson_paired", "limit": 0.1}, "< 0.1"),
    ],
)
def test_a_limit_says_in_which_direction_it_holds(given, shown):
    picture = drawn("pass", estimate=0.5, low=0.4, high=0.6, **given)

    assert f"limit {shown} " in picture.alt
    assert f">limit {shown.replace('<', '&lt;').replace('>', '&gt;')}</text>" in picture.svg


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ("2026-11-20T10:00:59+00:00", "2026-11-20 10:00 UTC"),
        ("2026-11-20T10:00:00+02:00", "2026-11-20 08:00 UTC"),
        ("2026-11-20T10:00:00", "2026-11-20T10:00:00"),
        ("soon", "soon"),
    ],
)
def test_a_time_is_readable_and_what_is_none_stands_as_it_is(stated, shown):
    assert render.moment(stated) == shown
