"""The grade that answers earn under a rubric with conditions.

Exactly one condition of such a rubric holds for all answers, which the loader has proved. So a
grade is settled when its condition is, or when all the others are ruled out; for full answers it is
never missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgate.constitutions._conditions import decide
from lexgate.constitutions._proofs import constant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.constitutions._model import Constitution, Principle

__all__ = ["grade_of", "impossible_grades"]


def grade_of(
    constitution: Constitution, principle: Principle, answers: Mapping[str, bool]
) -> str | None:
    """Compute the grade of a principle's rubric, by its name among `rubric.choices`.

    Args:
        constitution: the one the principle belongs to; it says what derived names mean.
        principle: its rubric is to have conditions.
        answers: truth of propositions by id; may be partial, and may hold others too.

    Returns:
        None where the answers do not settle the grade, and for a rubric without conditions.
    """
    possible = []
    for choice, condition in principle.rubric.when:
        holds = decide(constitution.expand(condition), answers)
        if holds:
            return choice
        if holds is None:
            possible.append(choice)
    return possible[0] if len(possible) == 1 else None


def impossible_grades(constitution: Constitution, principle: Principle) -> tuple[str, ...]:
    """List the grades that no answers can earn: allowed, and most likely not meant."""
    conditions = ((c, constitution.expand(e)) for c, e in principle.rubric.when)
    return tuple(choice for choice, condition in conditions if constant(condition) is False)
