"""Which stored verdicts stay valid when a constitution changes.

A verdict depends on its principle's compiled prompt and on nothing else of the constitution, so it
stays valid exactly as long as the digest of that prompt stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexgate.critic._prompts import compile_prompts

if TYPE_CHECKING:
    from lexgate.constitutions import Constitution

__all__ = ["Validity", "validity"]


@dataclass(frozen=True, slots=True)
class Validity:
    """Principle ids, each in the order of its constitution."""

    kept: tuple[str, ...]  # stored verdicts stay valid
    again: tuple[str, ...]  # changed or new: must be judged (again)
    gone: tuple[str, ...]  # of the old constitution only


def validity(old: Constitution, new: Constitution) -> Validity:
    """Compare compiled prompts, principle by principle."""
    before = {prompt.principle: prompt.digest for prompt in compile_prompts(old)}
    after = {prompt.principle: prompt.digest for prompt in compile_prompts(new)}
    kept = tuple(id_ for id_, key in after.items() if before.get(id_) == key)
    again = tuple(id_ for id_ in after if id_ not in kept)
    return Validity(kept, again, tuple(id_ for id_ in before if id_ not in after))
