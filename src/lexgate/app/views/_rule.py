"""One rule of a decision: what it came to, on which numbers, and the way to the rows behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lexgate.app import render, urls
from lexgate.app._interval import bounds, draw, held_to, number
from lexgate.gates import RESTS_ON

if TYPE_CHECKING:
    from lexgate.app.queries import OpenedRun
    from lexgate.gates import RuleOutcome

__all__ = ["rule_card"]


def rule_card(run: OpenedRun, rule: RuleOutcome) -> None:
    """Show one rule."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            render.badge(rule.outcome)
            render.text(rule.id)
            st.space("stretch")
            render.link("All rows it counted", urls.rows(run.name, rule.subject), "table_rows")
            if rule.subject.startswith("metric/"):
                wrong = urls.rows(run.name, rule.subject, outcome="wrong")
                render.link("Wrong rows", wrong, "flag")
            else:
                flagged = urls.rows(run.name, rule.subject, outcome="flagged")
                render.link("Flagged rows", flagged, "flag")
        render.text(rule.reason)
        if rule.needs:
            render.facts({"What would settle it": rule.needs}, columns=1)
        if rule.unjudged:
            render.facts({"Rests on what was not judged": rule.unjudged}, columns=1)
        if rule.next_step:
            render.facts({"What would narrow the bounds": rule.next_step}, columns=1)
        numbers, picture = st.columns([3, 2], vertical_alignment="center")
        with numbers:
            render.facts(
                {
                    "Estimate": number(rule.estimate),
                    "Bounds": bounds(rule),
                    "Limit": held_to(rule),
                    "Samples / clusters": f"{rule.n:,} / {rule.clusters:,}",
                }
            )
        with picture:
            render.drawing(draw(rule))
        render.facts(
            {
                "Claim": rule.claim,
                "Rests on": RESTS_ON[rule.claim],
                "Method": rule.method,
            },
            columns=3,
        )
