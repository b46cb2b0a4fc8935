"""The address is the state: widgets show what it says and write their changes into it.

Streamlit can bind widgets to the address itself (`bind=`), but then no link may set those names, so
a page with filters could not be left for another that uses the same words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lexgate.app import render

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["asked", "choice", "page_number"]

_PAGE = "page"


def asked(name: str) -> str:
    """One value of the address, empty where it is not given."""
    return str(st.query_params.get(name, ""))


def choice(label: str, name: str, options: Sequence[str]) -> str:
    """A filter; empty where none is chosen, or where the address names no option."""
    value = asked(name)
    # Set before the widget is made, so that the browser's way back moves it too.
    st.session_state[name] = value if value in options else None
    chosen = st.selectbox(
        label,
        options,
        key=name,
        index=None,
        placeholder="all",
        format_func=render.cell,
        on_change=_chosen,
        args=(name,),
    )
    return chosen or ""


def page_number(pages: int) -> int:
    """The page of a table, from 1; nothing to choose where there is one page only."""
    if pages <= 1:
        return 1
    text = asked(_PAGE)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
    st.session_state[_PAGE] = min(max(number, 1), pages)
    return st.pagination(pages, key=_PAGE, on_change=_turned)


def _chosen(name: str) -> None:
    value = st.session_state[name]
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
    st.query_params.pop(_PAGE, None)  # another filter, another first page


def _turned() -> None:
    st.query_params[_PAGE] = str(st.session_state[_PAGE])
