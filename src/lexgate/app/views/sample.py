"""One sample: the exchange, every verdict with its answers, the exact prompts, the raw rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lexgate.app import queries, render, urls
from lexgate.app._interval import number
from lexgate.app.views._address import asked
from lexgate.app.views._shared import absent, folder, run_asked
from lexgate.critic import Abstention

if TYPE_CHECKING:
    from lexgate.app.queries import Compiled, Item, OpenedRun
    from lexgate.critic import Answer

__all__ = ["page"]


def page() -> None:
    run = run_asked()
    item = queries.open_item(run, asked("task"), asked("sample"))
    if item is None:
        absent("sample", f"{asked('task')}/{asked('sample')} of {run.name}")
    _ways(run, item)
    st.title("Sample")
    _facts(item)
    _exchange(item)
    _scores(item)
    if item.principles:
        st.subheader("Verdicts")
    prompts = queries.compiled_prompts(folder(), run, item) if item.principles else {}
    for position, principle in enumerate(item.principles):
        _verdict(item, principle, prompts[principle], f"{position}")
    _rows(item)


def _ways(run: OpenedRun, item: Item) -> None:
    filters = {"principle": asked("principle"), "outcome": asked("outcome")}
    found = queries.select(run, task=item.task, **filters)
    before, after = queries.neighbours(found, item)
    with st.container(horizontal=True):
        render.link("All runs", urls.runs(), "list")
        render.link("Rows of the run", urls.run(run.name, task=item.task, **filters), "table_rows")
        if before:
            place = urls.sample(run.name, before.task, before.sample, **filters)
            render.link("Previous", place, "arrow_back")
        if after:
            place = urls.sample(run.name, after.task, after.sample, **filters)
            render.link("Next", place, "arrow_forward")


def _facts(item: Item) -> None:
    facts = {"Task": item.task, "Sample": item.sample}
    if item.declared:
        facts["Cluster"] = item.declared.cluster
    if item.answer:
        cut = "cut at the token limit" if item.answer.finish == "length" else "whole"
        facts["Response"] = (
            f"{cut}; {item.answer.output_tokens:,} tokens in {item.answer.seconds:.2f} s"
        )
    render.facts(facts)


def _exchange(item: Item) -> None:
    asked_side, answered_side = st.columns(2)
    with asked_side:
        st.subheader("Prompt")
        if item.declared is None:
            st.warning("This sample was never declared.", icon=":material/error:")
        else:
            for turn, (role, content) in enumerate(item.declared.prompt):
                if len(item.declared.prompt) > 1:
                    render.text(role)
                render.block(content, f"prompt-{turn}")
    with answered_side:
        st.subheader("Response")
        if item.answer is None:
            st.warning("Missing. It counts against the candidate.", icon=":material/error:")
        else:
            render.block(item.answer.response, "response")
        if item.declared and item.declared.target is not None:
            st.caption("Expected")
            render.block(item.declared.target, "target")


def _scores(item: Item) -> None:
    unscored = item.metric and item.score(item.metric) is None
    if not (item.scores or unscored):
        return
    st.subheader("Scores")
    facts = {"Metric": ", ".join(f"{s.metric} {number(s.value)}" for s in item.scores)}
    if unscored:
        facts["Missing"] = item.metric
    render.facts(facts)


def _verdict(item: Item, principle: str, prompts: tuple[Compiled, ...] | str, key: str) -> None:
    judgement = item.judged(principle)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            render.badge(queries.outcome_of(item, principle))
            render.text(principle)
        if judgement is None:
            st.caption("No verdict stands in the run. It counts as a violation in every bound.")
        elif isinstance(judgement, Abstention):
            st.caption("The critic could not judge this. It counts as a violation in every bound.")
            render.facts({"Reason": judgement.reason, "Detail": judgement.detail}, columns=2)
        else:
            st.caption(f"Probability that the rule is violated: {judgement.p_violated:.4f}")
        if judgement is not None and judgement.answers:
            _answers(judgement.answers, prompts)
        with st.expander("The exact critic prompt", icon=":material/psychology:"):
            _prompts(prompts, key)


def _answers(answers: tuple[Answer, ...], prompts: tuple[Compiled, ...] | str) -> None:
    asks = {} if isinstance(prompts, str) else {p.proposition: p.ask for p in prompts}
    render.table(
        [
            ("Proposition", [a.proposition for a in answers]),
            ("Answer", ["yes" if a.p > 0.5 else "no" for a in answers]),
            ("p", [f"{a.p:.4f}" for a in answers]),
            ("Source", [a.source for a in answers]),
            ("Question", [asks.get(a.proposition, "") for a in answers]),
        ],
        "Propositions with answer, probability and source",
    )


def _prompts(prompts: tuple[Compiled, ...] | str, key: str) -> None:
    if isinstance(prompts, str):
        st.info("The exact prompt cannot be shown here.", icon=":material/info:")
        render.text(prompts)
        return
    for position, prompt in enumerate(prompts):
        render.text(f"{prompt.proposition} (sees the {prompt.sees})")
        render.block(prompt.text, f"compiled-{key}-{position}")


def _rows(item: Item) -> None:
    with st.expander("Raw rows", icon=":material/data_object:"):
        single = [row for row in (item.declared, item.answer) if row is not None]
        for position, row in enumerate([*single, *item.verdicts, *item.scores]):
            render.raw(row.to_json(), f"row-{position}")
