"""What every page needs first: the folder of runs, the run an address names, the way back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import streamlit as st

from lexgate.app import queries, render, urls
from lexgate.app.asgi import FOLDER
from lexgate.app.views._address import asked

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["absent", "decision_lines", "folder", "part_of", "run_asked"]

T = TypeVar("T")


def folder() -> Path:
    """The folder of runs this server was started on."""
    return Path(os.environ[FOLDER])


def run_asked() -> queries.OpenedRun:
    """Open the run the address names; where there is none, say so and end the page."""
    run = queries.opened(folder(), asked("run"))
    if run is None:
        absent("run", asked("run"))
    return run


def absent(kind: str, name: str) -> NoReturn:
    """Say that the address leads nowhere, and end the page."""
    st.title("Nothing here")
    st.warning(
        "The address names something that is not in this folder.", icon=":material/link_off:"
    )
    render.facts({"Looked for": f"{kind} {name}", "In": str(folder())}, columns=2)
    render.link("All runs", urls.runs(), "list")
    st.stop()


def decision_lines(records: tuple[queries.DecisionRecord, ...], *, of_run: bool) -> None:
    """List decisions with their outcomes, each with a link."""
    for record in records:
        with st.container(border=True):
            state, what, link = st.columns([2, 8, 2], vertical_alignment="center")
            decision = record.decision
            with state:
                render.badge(decision.outcome if decision else "damaged")
            with what:
                if decision is None:
                    render.text(f"{record.name}: {record.problem}")
                else:
                    about = "" if of_run else f"{decision.candidate.get('name', '')} under "
                    when = render.moment(decision.decided)
                    run = "" if of_run else f", run {record.run}"
                    render.text(f"{about}{decision.policy}, decided {when}{run}")
            with link:
                render.link("Open decision", urls.decision(record.run, record.name))


def part_of(lines: Sequence[T], key: str) -> Sequence[T]:
    """The lines of one page of a table; nothing to choose where they fit one."""
    pages = -(-len(lines) // render.ROWS)
    if pages <= 1:
        return lines
    st.caption(f"{len(lines):,} lines in parts of {render.ROWS:,}.")
    part = st.pagination(pages, key=key)
    return lines[(part - 1) * render.ROWS : part * render.ROWS]
