"""A dot, its confidence bounds and the limit, drawn as SVG from numbers alone.

No text that came from outside ever enters the drawing, so it can hold nothing that runs or
fetches. The colours are middle tones, readable on light and on dark ground; the same numbers stand
as text beside it, so nothing rests on colour or sight.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import InvalidOperation
from html import escape
from typing import TYPE_CHECKING

from lexgate.gates import shown_bound

if TYPE_CHECKING:
    from lexgate.gates import RuleOutcome

__all__ = ["Drawing", "bounds", "draw", "held_to", "number"]

_WIDTH, _HEIGHT, _EDGE = 400, 72, 12  # in SVG units
_INK, _LIMIT = "#7c8799", "#d9822b"
_TONE = {"pass": "#2f9e5f", "fail": "#e0524d", "inconclusive": "#c58a12", "error": "#9b6bd3"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture and the sentence that says the same."""

    svg: str
    alt: str


def number(value: float | None) -> str:
    """Write a number with four significant digits; a dash where there is none."""
    return "—" if value is None else f"{value:.4g}"


def bounds(rule: RuleOutcome) -> str:
    """Write both bounds rounded outward, as the rule's reason does; a dash where there is none."""
    return f"{_bound(rule.low, up=False)} to {_bound(rule.high, up=True)}"


def held_to(rule: RuleOutcome) -> str:
    """Write what a rule demands of its number: `<= 0.1`, `>= 0.6`, or `< 0.1` for a margin."""
    # A scorer's figure must reach a value; a rate of violations must stay inside a limit.
    sign = ">=" if rule.claim == "exact" else "<="
    if rule.method.endswith("_paired"):
        sign = "<"
    return f"{sign} {number(rule.limit)}"


def draw(rule: RuleOutcome) -> Drawing:
    """Draw one rule. Missing numbers are left out; the limit is always there."""
    estimate, low, high, limit = rule.estimate, rule.low, rule.high, rule.limit
    known = [value for value in (estimate, low, high, limit) if value is not None]
    start, end = _domain(known)

    def x(value: float) -> str:
        share = (value - start) / (end - start)
        return f"{_EDGE + share * (_WIDTH - 2 * _EDGE):.1f}"

    tone = _TONE[rule.outcome]
    # The limit's own label stays inside the drawing, whichever end the limit is near.
    share = (limit - start) / (end - start)
    anchor = "start" if share < 0.25 else "end" if share > 0.75 else "middle"
    axis = f'<path d="M{_EDGE} 38H{_WIDTH - _EDGE}" stroke="{_INK}" stroke-opacity=".35"/>'
    parts = [
        axis,
        _label(f"{_EDGE}", 68, "start", _INK, number(start)),
        _label(f"{_WIDTH - _EDGE}", 68, "end", _INK, number(end)),
        _label(x(limit), 12, anchor, _LIMIT, f"limit {held_to(rule)}"),
    ]
    if low is not None and high is not None:
        whisker = f"M{x(low)} 38H{x(high)}M{x(low)} 30V46M{x(high)} 30V46"
        parts.append(f'<path d="{whisker}" stroke="{tone}" stroke-width="3" fill="none"/>')
    parts.append(
        f'<path d="M{x(limit)} 18V54" stroke="{_LIMIT}" stroke-width="2" stroke-dasharray="4 3"/>'
    )
    if estimate is not None:
        parts.append(f'<circle cx="{x(estimate)}" cy="38" r="6" fill="{tone}"/>')
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}">{"".join(parts)}</svg>'
    )
    spoken = f"{_brief(_bound(low, up=False))} to {_brief(_bound(high, up=True))}"
    alt = (
        f"Estimate {number(estimate)}, bounds {spoken}, "
        f"limit {held_to(rule)} (dashed line): {rule.outcome}"
    )
    return Drawing(svg, alt)


def _bound(value: float | None, *, up: bool) -> str:
    if value is None:
        return "—"
    try:
        return shown_bound(value, up=up, places=4)
    except InvalidOperation:  # too many digits for decimal places, so it needs none
        return repr(value)


def _brief(shown: str) -> str:
    """The same number without zeros at its end: it is read aloud."""
    return shown.rstrip("0").rstrip(".") if "." in shown and "e" not in shown else shown


def _domain(known: list[float]) -> tuple[float, float]:
    """A range that holds all numbers with room at the sides; rates never leave 0 to 1."""
    least, most = min(known), max(known)
    room = 0.15 * (most - least) or max(abs(most), 1.0) * 0.15
    start, end = least - room, most + room
    if least >= 0:
        start = max(start, 0.0)
    if least >= 0 and most <= 1:
        end = min(end, 1.0)
    return start, end


def _label(x: str, y: int, anchor: str, colour: str, words: str) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}" font-size="12" '
        f'font-family="sans-serif">{escape(words)}</text>'
    )
