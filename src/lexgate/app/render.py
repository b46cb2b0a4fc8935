"""The only module that may show text from models, data sets, critics and records.

It shows such text through `st.text`, `st.code` and the cells of `st.dataframe`, which neither read
Markdown nor HTML: nothing shown here can fetch, run or style. Hidden and bidirectional characters
are spelled out, so what a person sees is what stands there; long text comes in parts with its full
length stated. Titles, labels and links take Markdown in Streamlit, so outside this module they are
literals (a test reads the syntax trees).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import streamlit as st

from lexgate._text import printable
from lexgate.app import urls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lexgate.app._interval import Drawing
    from lexgate.app.urls import Place

__all__ = [
    "PART",
    "ROWS",
    "STATUSES",
    "Status",
    "badge",
    "block",
    "cell",
    "drawing",
    "facts",
    "go",
    "link",
    "moment",
    "raw",
    "spelled",
    "table",
    "text",
]

PART = 20_000  # characters of a text shown at once
ROWS = 200  # rows of a table, at most: the whole table travels to the browser
_CELL = 120  # characters of one cell
_FACT = 300  # characters of a labelled value


@dataclass(frozen=True, slots=True)
class Status:
    """A state of something as word and sign, so that it never rests on colour."""

    word: str
    sign: str  # for table cells
    icon: str  # of the icon font that Streamlit ships
    tone: str  # one of Streamlit's badge colours

    def __str__(self) -> str:
        return f"{self.sign} {self.word}"


STATUSES = {
    "pass": Status("pass", "✓", "check_circle", "green"),
    "fail": Status("fail", "✗", "cancel", "red"),
    "inconclusive": Status("inconclusive", "?", "help", "orange"),
    "error": Status("error", "!", "error", "violet"),
    "violates": Status("violates", "✗", "cancel", "red"),
    "complies": Status("complies", "✓", "check_circle", "green"),
    "abstains": Status("abstains", "?", "help", "orange"),
    "missing": Status("missing", "!", "error", "violet"),
    "complete": Status("complete", "✓", "check_circle", "green"),
    "cut": Status("incomplete", "…", "hourglass_bottom", "orange"),
    "damaged": Status("damaged", "!", "broken_image", "red"),
}


def spelled(value: str) -> str:
    """Spell out every hidden character but line feeds and tabs; the inside of a line is never cut."""
    lines = value.split("\n")
    return "\n".join(
        "\t".join(printable(piece, len(piece)) for piece in line.split("\t")) for line in lines
    )


def cell(value: str) -> str:
    """One short line of a text for a table."""
    return printable(" ".join(value[: 4 * _CELL].split()), _CELL)


def moment(stated: str) -> str:
    """A time of a record to the minute, in UTC; as it stands where it is none."""
    try:
        time = datetime.fromisoformat(stated)
    except ValueError:
        return stated
    if time.tzinfo is None:
        return stated
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def text(value: str, limit: int = 2_000) -> None:
    """Show a short text on one line: an identifier, a reason, a note.

    A line feed is spelled out too, so that a name cannot put a line of its own among ours.
    """
    st.text(printable(value[:limit], limit) or "—")
    if len(value) > limit:
        st.caption(f"Cut: the first {limit:,} of {len(value):,} characters.")


def block(value: str, key: str, *, language: str | None = None) -> None:
    """Show a text of any length and any kind in a box, in parts of `PART` characters."""
    if not value:
        st.caption("Empty: not a single character.")
        return
    parts = -(-len(value) // PART)
    shown = 1
    if parts > 1:
        shown = st.pagination(parts, key=f"part-{key}")
        begin = (shown - 1) * PART
        end = min(begin + PART, len(value))
        st.caption(f"Cut: characters {begin + 1:,} to {end:,} of {len(value):,}.")
    st.code(spelled(value[(shown - 1) * PART : shown * PART]), language=language, wrap_lines=True)


def raw(value: Mapping[str, Any], key: str) -> None:
    """Show a record as JSON in ASCII: what is not is escaped, and can be copied back."""
    block(json.dumps(value, indent=2, ensure_ascii=True, default=str), key, language="json")


def facts(pairs: Mapping[str, str], *, columns: int = 4) -> None:
    """Show labelled values; the labels are ours, the values are anybody's."""
    named = list(pairs.items())
    for start in range(0, len(named), columns):
        for column, (label, value) in zip(
            st.columns(columns), named[start : start + columns], strict=False
        ):
            with column, st.container(gap=None):
                st.caption(label)
                text(value, _FACT)


def badge(state: str) -> None:
    """Show a state as icon and word; an unknown one is shown as damaged."""
    status = STATUSES.get(state, STATUSES["damaged"])
    st.badge(status.word, icon=f":material/{status.icon}:", color=status.tone)  # type: ignore[arg-type]


def drawing(picture: Drawing) -> None:
    """Show a drawing made from numbers."""
    st.image(picture.svg, alt=picture.alt, width="stretch")


def link(label: str, place: Place, icon: str = "arrow_forward") -> None:
    """Show a link to another page; `label` is a literal of ours."""
    st.page_link(
        _page(place),
        label=label,
        icon=f":material/{icon}:",
        query_params=dict(place.query),
    )


def go(place: Place) -> NoReturn:
    """Open another page at once."""
    st.switch_page(_page(place), query_params=dict(place.query))


def table(
    columns: Sequence[tuple[str, Sequence[str]]], alt: str, *, choose: str = ""
) -> int | None:
    """Show short cells in columns of (name, values).

    Args:
        columns: names may repeat; all cells are cut to one short line.
        alt: what the table shows, for who cannot see it.
        choose: the key under which a row can be chosen; empty where there is nothing to choose.

    Returns:
        The chosen row, counted from 0.

    Raises:
        ValueError: more than `ROWS` rows.
    """
    safe: dict[str, list[str]] = {}
    for name, values in columns:
        if len(values) > ROWS:
            message = f"a table shows at most {ROWS} rows: cut pages first"
            raise ValueError(message)
        unique = cell(name)
        while unique in safe:
            unique += "\N{PRIME}"
        safe[unique] = [cell(value) for value in values]
    if not choose:
        st.dataframe(safe, alt=alt, hide_index=True, height="content")
        return None
    event = st.dataframe(
        safe,
        key=choose,
        alt=alt,
        height="content",
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
    )
    chosen = event["selection"]["rows"]
    return int(chosen[0]) if chosen else None


def _page(place: Place) -> st.Page:
    # Streamlit knows pages by their path; the function is the one registered under it.
    home = place.page == urls.RUNS
    return st.Page(_elsewhere, title="lexgate", url_path=place.page or None, default=home)


def _elsewhere() -> None:
    """Never called: stands for a page that `script.py` registered."""
