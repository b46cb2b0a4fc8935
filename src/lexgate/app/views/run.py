"""One run: what it is, how it came out, and its samples with every verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lexgate.app import queries, render, urls
from lexgate.app._interval import number
from lexgate.app.views._rows import rows
from lexgate.app.views._shared import decision_lines, part_of, run_asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.app.queries import OpenedRun

__all__ = ["page"]


def page() -> None:
    run = run_asked()
    render.link("All runs", urls.runs(), "arrow_back")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("Run", width="content")
        render.badge(run.state)
    _identity(run)
    if run.state == "damaged":
        st.error(
            "This run is damaged. Its rows are not shown, and no decision can rest on them.",
            icon=":material/broken_image:",
        )
        render.text(run.problem)
    if run.state == "cut":
        st.warning(
            "This run is not complete: it is still being written, or it was cut. What is missing "
            "counts against the candidate. To go on, add to the same lexgate eval: --resume RUN",
            icon=":material/hourglass_bottom:",
        )
    st.subheader("Decisions")
    if run.decisions:
        decision_lines(run.decisions, of_run=True)
    else:
        st.caption("None yet. To decide: lexgate gate POLICY --run RUN")
    if run.state == "damaged":
        _manifest(run)
        return
    # Rows first: this is where every number of a decision leads.
    samples, counts, identity = st.tabs(["Samples", "Counts and critic", "Identity"])
    with samples:
        rows(run)
    with counts:
        _tallies(run)
        _exams(run)
    with identity:
        _manifest(run)


def _identity(run: OpenedRun) -> None:
    constitution = run.manifest.get("constitution")
    reference = constitution.get("reference", "") if isinstance(constitution, dict) else ""
    render.facts(
        {
            "Candidate": run.named("candidate"),
            "Critic": run.named("critic"),
            "Suite": run.named("suite"),
            "Constitution": str(reference),
            "Created": render.moment(run.created),
            "Rows": f"{run.rows:,}",
            "Run": run.name,
        }
    )
    for part in ("candidate", "critic"):
        for note in queries.notes_of(run.manifest.get(part)):
            render.text(note)


def _manifest(run: OpenedRun) -> None:
    if run.head:
        st.caption("Last hash of the chain: stands for the manifest and for every row")
        render.text(run.head)
    st.caption("What the run says it is (run.json)")
    render.raw(run.manifest, "manifest")


def _tallies(run: OpenedRun) -> None:
    st.subheader("How it came out")
    judged: Sequence[queries.Tally] = [t for t in run.tallies if t.principle]
    scored: Sequence[queries.Tally] = [t for t in run.tallies if t.metric]
    if judged:
        judged = part_of(judged, "tallies")
        st.caption(
            "Counts as the critic gave them. A decision bounds the true rate; this does not."
        )
        render.table(
            [
                ("Task", [t.task for t in judged]),
                ("Principle", [t.principle for t in judged]),
                ("Samples", [f"{t.samples:,}" for t in judged]),
                ("Clusters", [f"{t.clusters:,}" for t in judged]),
                ("✗ violates", [f"{t.violates:,}" for t in judged]),
                ("? abstains", [f"{t.abstains:,}" for t in judged]),
                ("! missing", [f"{t.missing:,}" for t in judged]),
                ("✓ complies", [f"{t.complies:,}" for t in judged]),
            ],
            "Verdicts counted by task and principle",
        )
    if scored:
        scored = part_of(scored, "metrics")
        render.table(
            [
                ("Task", [t.task for t in scored]),
                ("Metric", [t.metric for t in scored]),
                ("Mean of scored", [number(t.mean) for t in scored]),
                ("Samples", [f"{t.samples:,}" for t in scored]),
                ("! missing", [f"{t.missing:,}" for t in scored]),
            ],
            "Metrics by task",
        )
    if not run.tallies:
        st.caption("Nothing has been judged or scored yet.")


def _exams(run: OpenedRun) -> None:
    if not run.exams:
        return
    st.subheader("How the critic did on sealed examples")
    st.caption(
        "The same critic on the constitution's own labelled examples, in this run. An abstention is "
        "a miss. Where a claim is critic-corrected, it rests on these."
    )
    exams = part_of(run.exams, "exams")
    render.table(
        [
            ("Task", [e.task for e in exams]),
            ("Principle", [e.principle for e in exams]),
            ("Violating ones caught", [f"{e.caught:,} of {e.violating:,}" for e in exams]),
            ("Complying ones cleared", [f"{e.cleared:,} of {e.complying:,}" for e in exams]),
        ],
        "Sealed examples judged by the critic",
    )
