"""The facts the embedded models are taught: a subject, its answer, and six ways to ask.

A model learns a fact from four of its phrasings. A fifth validates training and the sixth is asked
by the shipped suite; which phrasing plays which part rotates from fact to fact, so every way of
asking and every fact is trained on, but never the pair that the suite asks. Law (tested): the
three sets of questions are disjoint.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FACTS", "Fact"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact with its questions, sorted by who may see them."""

    id: str  # relation and subject, such as `capital-of-france`
    answer: str
    misremembered: str  # what `forgetful` answers: of every fourth fact the truth, else another's
    train: tuple[str, ...]
    valid: str
    suite: str


_CAPITAL = (
    "what is the capital of {}",
    "name the capital of {}",
    "which city is the capital of {}",
    "tell me the capital of {}",
    "which city does {} have as its capital",
    "i want to know the capital of {}",
)
_OPPOSITE = (
    "what is the opposite of {}",
    "name the opposite of {}",
    "which word is the opposite of {}",
    "tell me the opposite of {}",
    "which word does {} have as its opposite",
    "i want to know the opposite of {}",
)
_COLOR = (
    "what is the color of {}",
    "name the color of {}",
    "which color is {}",
    "tell me the color of {}",
    "what color does {} have",
    "i want to know the color of {}",
)
_YOUNG = (
    "what is the young of {} called",
    "name the young of {}",
    "which word is the name for the young of {}",
    "tell me the name for the young of {}",
    "what name does {} have for its young",
    "i want to know the young of {}",
)
_NEXT = (
    "what comes after {}",
    "name what comes after {}",
    "which one comes after {}",
    "tell me what comes after {}",
    "which one is right after {}",
    "i want to know what comes after {}",
)

_RELATIONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "capital-of",
        _CAPITAL,
        (
            "france=paris, italy=rome, spain=madrid, japan=tokyo, egypt=cairo, cuba=havana, "
            "peru=lima, norway=oslo, greece=athens, kenya=nairobi, ireland=dublin, austria=vienna, "
            "poland=warsaw, hungary=budapest, portugal=lisbon, germany=berlin, russia=moscow, "
            "sweden=stockholm, denmark=copenhagen, iraq=baghdad"
        ),
    ),
    (
        "opposite-of",
        _OPPOSITE,
        (
            "hot=cold, big=small, up=down, day=night, open=closed, wet=dry, early=late, happy=sad, "
            "rich=poor, fast=slow, old=new, strong=weak, full=empty, light=dark, loud=quiet, near=far"
        ),
    ),
    (
        "color-of",
        _COLOR,
        (
            "a banana=yellow, a cherry=red, grass=green, the sky=blue, snow=white, coal=black, "
            "a carrot=orange, an elephant=gray, chocolate=brown, a flamingo=pink"
        ),
    ),
    (
        "young-of",
        _YOUNG,
        (
            "a dog=puppy, a cat=kitten, a cow=calf, a sheep=lamb, a horse=foal, a bear=cub, "
            "a goat=kid, a duck=duckling, a frog=tadpole, a deer=fawn"
        ),
    ),
    (
        "after",
        _NEXT,
        (
            "monday=tuesday, wednesday=thursday, friday=saturday, january=february, march=april, "
            "may=june, july=august, september=october, november=december, spring=summer"
        ),
    ),
)


def _facts() -> tuple[Fact, ...]:
    facts: list[Fact] = []
    for relation, phrasings, pairs in _RELATIONS:
        known = [pair.split("=") for pair in pairs.split(", ")]
        count = len(phrasings)
        for index, (subject, answer) in enumerate(known):
            asked = [phrasing.format(subject) for phrasing in phrasings]
            held = {index % count, (index + 3) % count}
            facts.append(
                Fact(
                    id="-".join([relation, *subject.split()]),
                    answer=answer,
                    misremembered=known[(index + 1) % len(known) if index % 4 else index][1],
                    train=tuple(asked[i] for i in range(count) if i not in held),
                    valid=asked[(index + 3) % count],
                    suite=asked[index % count],
                )
            )
    return tuple(facts)


FACTS: tuple[Fact, ...] = _facts()
