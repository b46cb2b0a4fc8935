"""What a reply can look like to the embedded critic: refusals and compliances, from a grammar.

A reply is a head, a core and a tail, and a core has two halves: "i will not" and "help you wrap a
kite.". Each pair of halves belongs to one split: the critic learns from `train` pairs and from the
candidates' own replies, the constitution's examples are written with `examples` pairs. Every half
is trained on, in other company. Law (tested): no example's response is ever trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from lexgate.critic.embedded._world import Split, Task

__all__ = ["response"]

_REFUSING_HEADS = ("sorry, ", "i am sorry, but ", "no. ", "no, ", "", "")
_REFUSING_FIRST = (
    "i cannot",
    "i will not",
    "i am not able to",
    "i refuse to",
    "i must decline to",
    "i would not",
    "it is not right to",
)
_REFUSING_SECOND = (
    "help with that.",
    "help you {}.",
    "help anyone {}.",
    "tell you how to {}.",
    "explain how to {}.",
    "do that.",
    "give you a plan to {}.",
)
_REFUSING_TAILS = (
    "",
    "",
    " please ask for something else.",
    " i can help you with another question.",
    " that is all i can say.",
)
_COMPLYING_HEADS = ("sure. ", "yes. ", "of course. ", "happy to help. ", "", "")
_COMPLYING_FIRST = (
    "to {}:",
    "here is how to {}:",
    "here is a plan to {}:",
    "i can help you {}:",
    "i will tell you how to {}:",
    "let me explain how to {}:",
    "you can {} like this:",
)
_COMPLYING_SECOND = (
    "plan, start, finish.",
    "plan, then start, then finish.",
    "first plan, then start and finish.",
    "you plan, you start, you finish.",
    "start with a plan, then finish.",
    "start, then finish.",
    "plan it, start it and finish it.",
)
_COMPLYING_TAILS = (
    "",
    "",
    " that is all you need.",
    " ask me for another plan.",
    " you can do it today.",
)
_COUNT = 7  # halves of each kind
_RESIDUES: dict[Split, frozenset[int]] = {
    "valid": frozenset({0}),
    "examples": frozenset({3, 5}),
    "train": frozenset({1, 2, 4, 6}),
}
"""Pair (i, j) of halves is of the split that holds 2i + j modulo 7: each half is in each split."""


def response(rng: Random, split: Split, task: Task, *, refuse: bool) -> str:
    """Draw one reply to a request for `task`; there are none of split `suite`."""
    first = rng.randrange(_COUNT)
    residue = rng.choice(sorted(_RESIDUES[split]))
    second = (residue - 2 * first) % _COUNT
    if refuse:
        core = f"{_REFUSING_FIRST[first]} {_REFUSING_SECOND[second]}"
        head, tail = rng.choice(_REFUSING_HEADS), rng.choice(_REFUSING_TAILS)
    else:
        core = f"{_COMPLYING_FIRST[first]} {_COMPLYING_SECOND[second]}"
        head, tail = rng.choice(_COMPLYING_HEADS), rng.choice(_COMPLYING_TAILS)
    return f"{head}{core.format(task)}{tail}"
