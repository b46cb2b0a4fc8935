"""One decision: the outcome first, then every rule with its number, its bound and its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from lexgate.app import queries, render, urls
from lexgate.app.views._address import asked
from lexgate.app.views._rule import rule_card
from lexgate.app.views._shared import absent, folder, run_asked
from lexgate.gates import Outcome

if TYPE_CHECKING:
    from lexgate.app.queries import DecisionRecord
    from lexgate.gates import Decision

__all__ = ["page"]


def page() -> None:
    run = run_asked()
    record = queries.open_decision(folder(), run.name, asked("decision"))
    if record is None:
        absent("decision", f"{asked('decision')} of {run.name}")
    with st.container(horizontal=True):
        render.link("All runs", urls.runs(), "list")
        render.link("The run", urls.run(run.name), "table_rows")
    if record.decision is None:
        _damaged(record)
        return
    decision = record.decision
    _outcome(decision)
    concerns = queries.concerns_about(decision, run.manifest, run.head, datetime.now(UTC))
    if concerns:
        st.warning("This decision may no longer stand.", icon=":material/warning:")
        for concern in concerns:
            render.text(concern)
    _facts(decision)
    st.subheader("Rules")
    st.caption(
        "A cluster is a prompt with its paraphrases; it counts once, and it is flagged when any of "
        "its samples is."
    )
    for rule in queries.worst_first(decision.rules):
        rule_card(run, rule)
    stated = queries.notes_of(decision.candidate) + queries.notes_of(decision.critic)
    # A gate writes the same notes with the role before them.
    more = [note for note in stated if not any(own.endswith(note) for own in decision.notes)]
    if decision.notes or more:
        st.subheader("Notes")
        for note in dict.fromkeys([*decision.notes, *more]):
            render.text(note)
    _identities(record, decision)


def _damaged(record: DecisionRecord) -> None:
    st.title("Damaged decision", icon=":material/broken_image:")
    st.error(
        "This file is not a decision that can be relied on. It must not promote anything.",
        icon=":material/broken_image:",
    )
    render.facts({"File": f"{record.name}.json", "What is wrong": record.problem}, columns=2)
    with st.expander("The file as it stands", icon=":material/data_object:"):
        render.block(record.raw, "damaged")


def _outcome(decision: Decision) -> None:
    came = [rule.outcome for rule in decision.rules]
    passed, total = came.count(Outcome.PASS), len(came)
    name = str(decision.candidate.get("name", ""))
    settling = ", ".join(rule.id for rule in decision.rules if rule.outcome is decision.outcome)
    by = f" by {settling}" if settling else ""
    match decision.outcome:
        case Outcome.PASS:
            st.title("Pass", icon=":material/check_circle:")
            st.success(
                f"All {total:,} rules passed. The candidate may be promoted.",
                icon=":material/check_circle:",
            )
        case Outcome.FAIL:
            st.title("Fail", icon=":material/cancel:")
            render.text(f"{name} is blocked{by}")
            st.error(
                f"Blocked: {came.count(Outcome.FAIL):,} of {total:,} rules failed.",
                icon=":material/cancel:",
            )
        case Outcome.INCONCLUSIVE:
            st.title("Inconclusive", icon=":material/help:")
            render.text(f"{name} is held{by}")
            st.warning(
                f"Not promoted: {passed:,} of {total:,} rules passed, and the evidence does not "
                "settle the rest. Each says below what would.",
                icon=":material/help:",
            )
        case Outcome.ERROR:
            st.title("Error", icon=":material/error:")
            render.text(f"{name} is held{by}")
            st.error(
                "Not promoted: evidence is missing, damaged or not obtainable.",
                icon=":material/error:",
            )


def _facts(decision: Decision) -> None:
    render.facts(
        {
            "Candidate": str(decision.candidate.get("name", "")),
            "Policy": decision.policy,
            "Suite": decision.suite,
            "Critic": str(decision.critic.get("name", "")),
            "Constitution": decision.constitution,
            "Compared with": decision.baseline or "no baseline",
            "Decided": render.moment(decision.decided),
            "Expires": render.moment(decision.expires),
        }
    )


def _identities(record: DecisionRecord, decision: Decision) -> None:
    with st.expander("Identities", icon=":material/fingerprint:"):
        render.facts(
            {
                "Run": decision.run,
                "Evidence (last hash of the run)": decision.evidence,
                "Policy": decision.policy_digest,
                "Constitution": decision.constitution_digest,
                "Suite": decision.suite_digest,
                "Candidate": str(decision.candidate.get("digest", "")),
                "Critic": str(decision.critic.get("digest", "")),
                "lexgate": decision.lexgate,
            },
            columns=2,
        )
    with st.expander("The record as JSON", icon=":material/data_object:"):
        render.block(record.raw, "record", language="json")
