"""A second critic's opinion on a run: how often it agrees with the verdicts the run holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lexgate.critic import Critic, Judgement
    from lexgate.evals import Run, Suite

__all__ = ["Agreement", "second_opinion"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Verdicts two critics share. An abstention of either agrees with nothing."""

    same: int
    total: int

    @property
    def share(self) -> float | None:
        """In [0, 1]; None where there was nothing to compare."""
        return self.same / self.total if self.total else None

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(self.same + other.same, self.total + other.total)


def second_opinion(critic: Critic, suite: Suite, run: Run) -> Agreement:
    """Judge the responses of a run again, given the same facts, and compare verdict by verdict.

    Raises:
        EvidenceError: the run is damaged.
    """
    from lexgate.critic import Exchange
    from lexgate.evals import AnswerRow, CriticTask, VerdictRow

    responses: dict[tuple[str, str], str] = {}
    first: dict[tuple[str, str, str], Judgement] = {}
    for row in run.rows():
        if isinstance(row, AnswerRow):
            responses[row.task, row.sample] = row.response
        elif isinstance(row, VerdictRow):
            first[row.task, row.sample, row.judgement.principle] = row.judgement
    agreement = Agreement(0, 0)
    for task in suite.tasks:
        if not isinstance(task, CriticTask):
            continue
        asked = [sample for sample in task.samples if (task.id, sample.id) in responses]
        again = critic.judge(
            [Exchange(sample.prompt, responses[task.id, sample.id]) for sample in asked],
            task.principles,
            [dict(sample.given) for sample in asked],
        )
        for sample, judgements in zip(asked, again, strict=True):
            for judgement in judgements:
                before = first.get((task.id, sample.id, judgement.principle))
                agreement += Agreement(int(_same(before, judgement)), 1)
    return agreement


def _same(first: Judgement | None, second: Judgement) -> bool:
    from lexgate.critic import Verdict

    if isinstance(first, Verdict) and isinstance(second, Verdict):
        return first.violated == second.violated
    return False
