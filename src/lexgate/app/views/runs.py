"""All runs of the folder, and above them what was decided last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lexgate.app import queries, render, urls
from lexgate.app.views._address import page_number
from lexgate.app.views._shared import decision_lines, folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.app.queries import DecisionRecord, RunLine

__all__ = ["page"]

_LATEST = 6  # decisions above the list


def page() -> None:
    lines = queries.list_runs(folder())
    st.title("Runs")
    if not lines:
        _empty()
        return
    st.caption("What was evaluated, and what was decided about it. Newest first.")
    decisions = queries.latest(lines, _LATEST)
    st.subheader("Latest decisions")
    unreadable = queries.unreadable(lines)
    if decisions:
        decision_lines(decisions, of_run=False)
    elif not unreadable:
        st.info("No run has been decided about yet.", icon=":material/gavel:")
        st.code("lexgate gate POLICY --run RUN", language=None)
    if unreadable:
        st.error(
            f"{len(unreadable):,} decision records cannot be read: none of them promotes anything.",
            icon=":material/broken_image:",
        )
        for record in unreadable[:_LATEST]:
            render.text(f"{record.run}, {record.name}: {record.problem}")
    st.subheader("All runs")
    _damaged(lines)
    _table(lines)


def _empty() -> None:
    st.info("There is no run in this folder yet.", icon=":material/inbox:")
    render.facts({"Folder": str(folder())}, columns=1)
    st.subheader("Make one")
    st.caption("The whole job on built-in models, offline, in about a minute and a half:")
    st.code("lexgate demo", language=None)
    st.caption("Or a suite on a model of yours, then a decision about it:")
    st.code(
        "lexgate eval SUITE --model hf/PATH --critic checks,exemplars\n"
        "lexgate gate POLICY --run RUN",
        language=None,
    )
    st.caption("Then reload this page. Runs kept elsewhere: lexgate review --runs DIR")


def _damaged(lines: Sequence[RunLine]) -> None:
    damaged = [line for line in lines if line.state == "damaged"]
    if not damaged:
        return
    st.error(
        f"{len(damaged):,} of {len(lines):,} runs cannot be read: nothing rests on them.",
        icon=":material/broken_image:",
    )
    for line in damaged[:_LATEST]:
        render.text(f"{line.name}: {line.problem}")


def _table(lines: Sequence[RunLine]) -> None:
    pages = max(1, -(-len(lines) // queries.PAGE_SIZE))
    number = page_number(pages)
    shown = lines[(number - 1) * queries.PAGE_SIZE : number * queries.PAGE_SIZE]
    st.caption(f"Runs: {len(lines):,}. Choose a row to open it.")
    chosen = render.table(
        [
            ("State", [str(render.STATUSES[line.state]) for line in shown]),
            ("Created", [render.moment(line.created) for line in shown]),
            ("Decisions", [_decided(line.decisions) for line in shown]),
            ("Candidate", [line.candidate for line in shown]),
            ("Suite", [line.suite for line in shown]),
            ("Critic", [line.critic for line in shown]),
            ("Rows", [f"{line.rows:,}" for line in shown]),
            ("Run", [line.name for line in shown]),
        ],
        "Runs with state, decisions, candidate, suite, critic and number of rows",
        choose="runs",
    )
    if chosen is not None:
        render.go(urls.run(shown[chosen].name))


def _decided(records: Sequence[DecisionRecord]) -> str:
    words = [
        f"{render.STATUSES[r.decision.outcome]} {r.decision.policy}"
        if r.decision
        else str(render.STATUSES["damaged"])
        for r in records
    ]
    return ", ".join(words) or "none"
