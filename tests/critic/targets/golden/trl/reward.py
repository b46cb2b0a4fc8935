"""Rewards for TRL from the rules of a constitution; made by lexgate.

    from reward import reward, rewards
    GRPOTrainer(reward_funcs=rewards(critic=["checks", "hf/my-critic"]), …)   # one per principle
    GRPOTrainer(reward_funcs=reward, …)                        # their mean; critic: LEXGATE_CRITIC

1.0 complies with a rule, 0.0 violates it or could not be judged: a failed judgement is never
rewarded. The critic is named by the argument or by LEXGATE_CRITIC, its parts separated by commas;
there is no default. A constitution that does not ship with lexgate is found in `./constitutions`,
or named as a path by the argument or by LEXGATE_CONSTITUTION.
"""

from __future__ import annotations

import functools
import json
import os

from lexgate.constitutions import find
from lexgate.critic import Exchange, Message, Verdict, as_conversation, open_critic

REFERENCE = "clinic@1.0.0"
DIGEST = "sha256:efc21f7f255bf0b884cb6a5cb0ec5d86e906580021505f0b0b554f0d3f62566a"
ROLES = ("system", "developer", "user", "assistant", "tool")


def make_reward(critic=None, constitution=None):
    """Make the combined reward: the mean over all principles, in [0, 1]."""
    bench = _Bench(critic, constitution)

    def reward(prompts, completions, **kwargs) -> list[float]:  # noqa: ARG001  TRL's signature
        rows = bench.judge(prompts, completions)
        return [sum(row.values()) / len(row) for row in rows]

    return reward


def rewards(critic=None, constitution=None):
    """Make one reward function per principle, each with the principle's id as its name."""
    bench = _Bench(critic, constitution)
    return [_one(bench, principle) for principle in bench.principles]


def reward(prompts, completions, **kwargs) -> list[float]:
    """The combined reward by the critic that LEXGATE_CRITIC names."""
    return _default()(prompts, completions, **kwargs)


@functools.cache
def _default():
    return make_reward()


def _one(bench, principle):
    def reward(prompts, completions, **kwargs) -> list[float]:  # noqa: ARG001  TRL's signature
        return [row[principle] for row in bench.judge(prompts, completions)]

    reward.__name__ = reward.__qualname__ = principle
    return reward


class _Bench:
    """A critic and the constitution it judges by; the last batch is judged once for all rewards."""

    def __init__(self, critic, constitution) -> None:
        named = os.environ.get("LEXGATE_CRITIC", "").split(",") if critic is None else list(critic)
        names = [name.strip() for name in named if name.strip()]
        if not names:
            raise ValueError("no critic: pass critic=[…] or set LEXGATE_CRITIC, such as checks")
        rules = find(constitution or os.environ.get("LEXGATE_CONSTITUTION") or REFERENCE)
        if rules.digest != DIGEST:
            raise ValueError(
                f"these rewards were compiled from {REFERENCE} ({DIGEST}), but "
                f"{rules.reference} was found with {rules.digest}: compile them again"
            )
        self.principles = [principle.id for principle in rules.principles]
        self._critic = open_critic(names, rules)
        self._last = None

    def judge(self, prompts, completions) -> list[dict[str, float]]:
        """Judge a batch: per exchange, the reward by principle."""
        pairs = zip(prompts, completions, strict=True)
        exchanges = [Exchange(_prompt(prompt), _response(reply)) for prompt, reply in pairs]
        if self._last is None or self._last[0] != exchanges:
            judged = self._critic.judge(exchanges, self.principles) if exchanges else []
            rows = [{one.principle: _value(one) for one in judgements} for judgements in judged]
            self._last = exchanges, rows
        return self._last[1]


def _value(judgement) -> float:
    return 1.0 if isinstance(judgement, Verdict) and not judgement.violated else 0.0


def _prompt(prompt):
    if isinstance(prompt, str):
        return as_conversation(prompt)
    return tuple(Message(_role(turn), _written(turn)) for turn in prompt)


def _response(completion) -> str:
    if isinstance(completion, str):
        return completion
    turns = [
        f"TOOL {turn.get('name', '')}: {_written(turn)}"
        if _role(turn) == "tool"
        else _written(turn)
        for turn in completion
    ]
    return "\n".join(turns)


def _role(turn) -> str:
    if turn["role"] not in ROLES:
        raise ValueError(
            f"a turn has the role {turn['role']!r}: expected one of {', '.join(ROLES)}"
        )
    return turn["role"]


def _written(turn) -> str:
    """Write a turn as text; what it does through tools is a part of it."""
    content = turn.get("content") or ""
    if not isinstance(content, str):
        if any(part.get("type") != "text" for part in content):
            raise ValueError("a turn holds something that is not text: it cannot be judged")
        content = "\n".join(part["text"] for part in content)
    calls = [call.get("function", call) for call in turn.get("tool_calls") or []]
    lines = [
        f"ACTION {call.get('name', '')}: {json.dumps(call.get('arguments'), sort_keys=True)}"
        for call in calls
    ]
    return "\n".join([*([content] if content else []), *lines])
