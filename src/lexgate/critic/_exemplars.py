"""The backend `exemplars`: one light head per question, fitted on the constitution's own examples.

Heads (`_heads`) are fitted at first use, in milliseconds, so an edit of the constitution changes
verdicts at once; labels that people settled teach as examples do. A head decides only what it can:
parts of its examples are left out, and below a floor on them it is silent. For each part the
vocabulary, its weights and the regression are made anew, texts of the same words are left out
together, and an example left unanswered counts as wrong. Its probabilities are calibrated on the
same held-out answers. It enforces the rules whose examples were written and detects nothing beyond
them. Laws (tested): sealed examples never reach a fit or its check, and the same constitution,
labels and encoder give the same probabilities.
"""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import TYPE_CHECKING

from lexgate._digests import digest
from lexgate.constitutions import WHOLE
from lexgate.critic._canonical import canonical
from lexgate.critic._checks import patterns_of
from lexgate.critic._exchange import Exchange, as_conversation
from lexgate.critic._heads import FEWEST, RECIPE, Head, Lesson, Untaught, fitted, words
from lexgate.critic._labels import implied
from lexgate.critic._protocols import Identity, Silence
from lexgate.critic._questions import askers
from lexgate.critic._verdicts import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lexgate.constitutions import Constitution, Exemplar, Principle, Sight
    from lexgate.critic._heads import Embeds
    from lexgate.critic._labels import Settled
    from lexgate.critic._prompts import Question

__all__ = ["ExemplarsBackend"]

_FLOOR = 0.75  # least balanced accuracy on its own examples, held out
_Example = tuple[str, str, bool]


class ExemplarsBackend:
    """Answers each question with a head fitted on the public examples of all who ask it."""

    def __init__(
        self,
        constitution: Constitution,
        labels: Sequence[Settled] = (),
        encoder: Embeds | None = None,
    ) -> None:
        settled: dict[str, list[Settled]] = {}
        for label in labels:
            settled.setdefault(label.principle, []).append(label)
        self._lessons = {
            key: _lesson(constitution, pairs, settled)
            for key, pairs in askers(constitution).items()
        }
        self._encoder = encoder
        self._heads: dict[str, Head | Untaught] = {}
        library = version("scikit-learn")
        self._recipe = [RECIPE, library, _FLOOR, encoder.digest if encoder else ""]
        details = {"floor": str(_FLOOR), "light": "true", "scikit-learn": library}
        details |= {"labels": str(len(labels))} if labels else {}
        details |= {"encoder": encoder.digest, "weights": encoder.weights} if encoder else {}
        self.identity = Identity(
            "exemplars+encoder" if encoder else "exemplars",
            self._digest(self._lessons),
            tuple(sorted(details.items())),
        )

    def digest_of(self, questions: Sequence[Question]) -> str:
        """Digest the lessons of these questions, and how heads are fitted."""
        return self._digest(question.digest for question in questions)

    def _digest(self, keys: Iterable[str]) -> str:
        content = [[key, self._lessons[key].content()] for key in sorted(keys)]
        return digest([*self._recipe, content])

    def answer(self, question: Question, exchanges: Sequence[Exchange]) -> list[Answer | Silence]:
        """Apply the question's head, fitting and checking it first if need be."""
        if not exchanges:
            return []
        taught = self._taught(question)
        if isinstance(taught, Silence):
            return [taught] * len(exchanges)
        return [
            p if isinstance(p, Silence) else Answer(question.proposition, p, self.identity.name)
            for p in taught.probabilities(exchanges)
        ]

    def held_out(self, question: Question) -> float | None:
        """Say how well the question's head answers its own public examples, held out.

        Returns:
            Balanced accuracy in [0, 1]; None where there are too few examples for a head.
        """
        found = self._fitted(question)
        return found.held_out if isinstance(found, Head) else None

    def _fitted(self, question: Question) -> Head | Untaught | None:
        key = question.digest
        if key not in self._heads and key in self._lessons:
            self._heads[key] = fitted(self._lessons[key], self._encoder)
        return self._heads.get(key)

    def _taught(self, question: Question) -> Head | Silence:
        found, name = self._fitted(question), question.proposition
        if isinstance(found, Head) and found.held_out >= _FLOOR:
            return found
        if isinstance(found, Head):
            detail = (
                f"{name} was right on {math.floor(found.held_out * 100)} % of its own public "
                f"examples held out; {_FLOOR * 100:.0f} % is needed: use a language model as critic"
            )
        elif found:
            detail = (
                f"{name} has too few, {found.yes} public examples say yes and {found.no} no; a "
                f"head needs {FEWEST} each"
            )
        else:
            detail = "the constitution does not ask this question"
        return Silence("no_answer", f"exemplars: {detail}")


def _lesson(
    constitution: Constitution,
    pairs: list[tuple[Principle, str]],
    settled: Mapping[str, Sequence[Settled]],
) -> Lesson:
    principle, proposition = pairs[0]
    sees = next(p.sees for p in principle.propositions if p.id == proposition)
    # What a head sees of a sealed example may stand in a label of another text: a refusal does.
    sealed = {
        _print(sees, example.prompt, example.response)
        for any_ in (constitution.principles if settled else ())
        for example in any_.examples
        if example.split == "sealed"
    }
    examples: dict[_Example, Exchange] = {}  # by what is seen: a set, in effect
    for owner, name in pairs:
        when = constitution.expand(owner.violated_when)
        told: list[tuple[str, str, bool | None]] = [
            (example.prompt, example.response, _truth(example, name))
            for example in owner.examples
            if example.split == "public"
        ]
        told += [
            (label.prompt, label.response, implied(when, name, label.violates))
            for label in settled.get(owner.id, ())
            if _print(sees, label.prompt, label.response) not in sealed
        ]
        for asked, answered, truth in told:
            if truth is not None:
                prompt = "" if sees == "response" else asked
                response = "" if sees == "prompt" else answered
                examples[prompt, response, truth] = Exchange(as_conversation(prompt), response)
    patterns = tuple(pattern for owner, name in pairs for pattern in patterns_of(owner, name))
    ordered = tuple((exchange, key[2]) for key, exchange in sorted(examples.items(), key=_first))
    return Lesson(sees, ordered, patterns)


def _print(sees: Sight, prompt: str, response: str) -> tuple[str, ...]:
    """Tell texts of the same words, as far as they are seen, by the same value."""
    asked = [] if sees == "response" else words(canonical(prompt))
    answered = [] if sees == "prompt" else words(canonical(response))
    return (*asked, "\n", *answered)


def _first(item: tuple[_Example, Exchange]) -> _Example:
    return item[0]


def _truth(example: Exemplar, proposition: str) -> bool | None:
    answers = dict(example.answers)
    if proposition in answers or proposition != WHOLE:
        return answers.get(proposition)
    return {"violates": True, "complies": False}.get(example.label)
