"""The samples of a run as a table: filters and page stand in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from lexgate.app import queries, render, urls
from lexgate.app._interval import number
from lexgate.app.views._address import asked, choice, page_number
from lexgate.critic import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.app.queries import Item, OpenedRun

__all__ = ["rows"]

_COLUMNS = 6  # principles with a column each; more share one


def rows(run: OpenedRun) -> None:
    """Show the filters, the rows they leave and the way to each sample."""
    _unknown(run)
    left, middle, right = st.columns(3)
    with left:
        task = choice("Task", "task", run.tasks)
    with middle:
        principle = choice("Principle", "principle", run.principles)
    with right:
        outcome = choice("Outcome", "outcome", queries.OUTCOMES)
    found = queries.select(run, task=task, principle=principle, outcome=outcome)
    if outcome == "flagged":
        st.caption("Flagged, as a gate counts: violates, abstains, or missing.")
    if outcome == "wrong":
        st.caption("Wrong: scored below 1, or not scored.")
    page = queries.page_of(found, page_number(queries.page_of(found, 1).pages))
    st.caption(f"{page.total:,} of {len(run.items):,} samples. Choose a row to open it.")
    if not page.items:
        st.info("No sample matches these filters.", icon=":material/filter_alt_off:")
        return
    columns = [
        ("Task", [item.task for item in page.items]),
        ("Sample", [item.sample for item in page.items]),
        *_outcomes(page.items, principle),
        *_scores(page.items),
        ("Prompt", [_prompt(item) for item in page.items]),
        ("Response", [_response(item) for item in page.items]),
    ]
    chosen = render.table(columns, "Samples with verdicts and scores", choose="samples")
    if chosen is not None:
        item = page.items[chosen]
        filters = {"principle": principle, "outcome": outcome}
        render.go(urls.sample(run.name, item.task, item.sample, **filters))


def _unknown(run: OpenedRun) -> None:
    """Say it where a filter is not one of this run's: else all rows would look filtered."""
    known = {"task": run.tasks, "principle": run.principles, "outcome": queries.OUTCOMES}
    for name, options in known.items():
        value = asked(name)
        if value and value not in options:
            st.warning(
                "The address asks for rows that this run does not have; that filter is not applied.",
                icon=":material/filter_alt_off:",
            )
            render.text(f"{name}: {value}")


def _outcomes(items: Sequence[Item], principle: str) -> list[tuple[str, list[str]]]:
    named = tuple(dict.fromkeys(name for item in items for name in item.principles))
    if principle:
        named = (principle, *(name for name in named if name != principle))
    if len(named) <= _COLUMNS:
        return [(name, [_outcome(item, name) for item in items]) for name in named]
    return [("Verdicts", [_many(item) for item in items])]


def _outcome(item: Item, principle: str) -> str:
    if principle not in item.principles:
        return ""
    judgement = item.judged(principle)
    word = str(render.STATUSES[queries.outcome_of(item, principle)])
    if judgement is None:
        return word
    detail = f"{judgement.p_violated:.2f}" if isinstance(judgement, Verdict) else judgement.reason
    return f"{word} {detail}"


def _many(item: Item) -> str:
    came = {name: queries.outcome_of(item, name) for name in item.principles}
    other = [f"{render.STATUSES[o].sign} {name}" for name, o in came.items() if o != "complies"]
    return ", ".join([*other, f"✓ {len(came) - len(other)}"])


def _scores(items: Sequence[Item]) -> list[tuple[str, list[str]]]:
    declared = [item.metric for item in items if item.metric]
    found = [score.metric for item in items for score in item.scores]
    return [
        (name, [_score(item, name) for item in items])
        for name in tuple(dict.fromkeys([*declared, *found]))[:_COLUMNS]
    ]


def _score(item: Item, metric: str) -> str:
    value = item.score(metric)
    if value is None:
        return str(render.STATUSES["missing"]) if item.metric == metric else ""
    return number(value)


def _prompt(item: Item) -> str:
    return item.declared.prompt[-1][1] if item.declared and item.declared.prompt else ""


def _response(item: Item) -> str:
    return item.answer.response if item.answer else str(render.STATUSES["missing"])
