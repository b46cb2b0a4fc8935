"""What is refused before anything runs: a run that could not be trusted is never begun."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from lexgate.critic import compile_prompts
from lexgate.errors import UsageError
from lexgate.evals._protocols import HasNetwork
from lexgate.evals._suite import CriticTask, LmEvalTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.critic import Critic, Identity, Model
    from lexgate.evals._suite import Suite

__all__ = ["check"]


def check(suite: Suite, candidate: Model, critic: Critic | None, limit: int | None) -> None:
    """Refuse what cannot be evaluated.

    Raises:
        UsageError: a critic is missing, is the candidate itself, or was opened on other rules; a
            task needs another kind of candidate; or the limit is none.
    """
    if limit is not None and limit < 1:
        message = f"expected a limit of at least 1 sample, found {limit}"
        raise UsageError(message)
    judged = [task for task in suite.tasks if isinstance(task, CriticTask)]
    if judged and critic is None:
        message = f"the suite {suite.reference} needs a critic for its task {judged[0].id!r}"
        raise UsageError(message)
    if critic is not None:
        _check_critic(candidate, critic, judged)
    if any(isinstance(task, LmEvalTask) for task in suite.tasks):
        _check_lm_eval(candidate)


def _check_critic(candidate: Model, critic: Critic, judged: Sequence[CriticTask]) -> None:
    own = candidate.identity
    for member in critic.members:
        if _prints(member) & _prints(own):
            message = (
                f"the candidate {own.name} is also the critic ({member.name}): a model "
                "cannot judge itself. Name another critic"
            )
            raise UsageError(message)
    for task in judged:
        compiled = {prompt.principle: prompt for prompt in compile_prompts(task.constitution)}
        for id_ in task.principles:
            asked = critic.prompts.get(id_)
            if asked is None or asked.digest != compiled[id_].digest:
                message = (
                    f"the critic was not opened on {task.constitution.reference}, which the task "
                    f"{task.id!r} cites: its prompt for {id_} is another"
                )
                raise UsageError(message)


def _prints(identity: Identity) -> frozenset[str]:
    """Collect what tells a model again: its digest, and its weights' whatever lies beside them."""
    return frozenset({identity.digest, dict(identity.details).get("weights", identity.digest)})


def _check_lm_eval(candidate: Model) -> None:
    if not isinstance(candidate, HasNetwork):
        message = (
            f"the candidate {candidate.identity.name} is not a transformers directory: lm_eval "
            "tasks need an hf/ or demo/ candidate"
        )
        raise UsageError(message)
    if find_spec("lm_eval") is None:
        message = "lm_eval tasks need lm-eval: pip install 'lexgate[lm-eval]'"
        raise UsageError(message)
