"""The target `trl`: reward functions for TRL's trainers, computed by a critic of ours.

1.0 complies, 0.0 is violated. A failed judgement is never rewarded: an abstention gives 0.0, never
None, which TRL would leave out of the mean. The file names the constitution by reference and digest
and refuses to run on another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgate.constitutions import Export
from lexgate.critic.targets._tool_text import lost, script

if TYPE_CHECKING:
    from lexgate.constitutions import Constitution

__all__ = ["export"]

# The critic reads the constitution itself, so most of it is not left out.
_KEPT = frozenset({"checks", "critique", "examples", "mappings", "rationales", "sealed"})
_ALSO = ("Abstentions are left out: what could not be judged gets the reward of a violation.",)


def export(rules: Constitution) -> Export:
    """Compile to `reward.py`, which needs lexgate where it runs."""
    files = {"reward.py": script("reward.py", reference=rules.reference, digest=rules.digest)}
    return Export(files, lost(rules, kept=_KEPT, also=_ALSO))
