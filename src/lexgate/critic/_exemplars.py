"""The backend `exemplars`: one light head per question, fitted on the constitution's own examples.

Words and pairs of words (TF-IDF; the opening counts once more, for that is where a response says
what it does), flags for the constitution's checks, and a logistic regression. Fitted at first use,
in milliseconds, so an edit of the constitution changes verdicts at once. It enforces the rules whose
examples were written and detects nothing beyond them. Laws (tested): sealed examples never reach a
fit, and the same constitution gives the same probabilities.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate.constitutions import WHOLE
from lexgate.critic._checks import Pattern, patterns_of
from lexgate.critic._exchange import Exchange, as_conversation
from lexgate.critic._protocols import Identity, Silence
from lexgate.critic._questions import askers, seen
from lexgate.critic._verdicts import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lexgate.constitutions import Constitution, Exemplar, Principle, Sight
    from lexgate.critic._prompts import Question

__all__ = ["ExemplarsBackend"]

_FEWEST = 3  # examples per class; below, a head says more about them than about the question
_OPENING = 40  # words
_STRENGTH = 10.0  # inverse of the L2 penalty
_WORD = re.compile(r"\w+(?:'\w+)*")


class ExemplarsBackend:
    """Answers each question with a head fitted on the public examples of all who ask it."""

    def __init__(self, constitution: Constitution) -> None:
        self._lessons = {key: _lesson(pairs) for key, pairs in askers(constitution).items()}
        self._heads: dict[str, _Head | Silence] = {}
        content = [[key, lesson.content()] for key, lesson in sorted(self._lessons.items())]
        library = version("scikit-learn")
        self.identity = Identity(
            "exemplars",
            digest(["exemplars-1", library, content]),
            (("scikit-learn", library),),
        )

    def answer(self, question: Question, exchanges: Sequence[Exchange]) -> list[Answer | Silence]:
        """Apply the question's head, fitting it first if need be."""
        if question.digest not in self._heads:
            lesson = self._lessons.get(question.digest)
            self._heads[question.digest] = (
                _fit(lesson)
                if lesson
                else Silence("no_answer", "exemplars: the constitution does not ask this question")
            )
        head = self._heads[question.digest]
        if isinstance(head, Silence):
            return [head] * len(exchanges)
        if not exchanges:
            return []
        unknown = Silence(
            "no_answer", f"exemplars: no word of the {question.sees} occurs in an example"
        )
        return [
            unknown if p is None else Answer(question.proposition, p, "exemplars")
            for p in head.probabilities(exchanges)
        ]


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What a head is fitted on."""

    proposition: str
    sees: Sight
    examples: tuple[tuple[Exchange, bool], ...]
    patterns: tuple[Pattern, ...]

    def content(self) -> list[Any]:
        """Everything a fit depends on, as JSON."""
        texts = [[seen(e, "prompt"), e.response, truth] for e, truth in self.examples]
        patterns = [[p.regex.pattern, p.sees, p.exact] for p in self.patterns]
        return [self.sees, texts, patterns]


@dataclass(frozen=True, slots=True)
class _Head:
    """A fitted head: texts to features, features to the probability that the answer is yes."""

    lesson: _Lesson
    words: Any  # a TfidfVectorizer
    model: Any  # a LogisticRegression

    def probabilities(self, exchanges: Sequence[Exchange]) -> list[float | None]:
        """Answer each exchange; None where it has no feature any example had."""
        features = _features(self.lesson, self.words, exchanges)
        chances = self.model.predict_proba(features)[:, 1]
        known = features.indptr[1:] > features.indptr[:-1]  # rows that hold anything
        return [float(p) if any_ else None for p, any_ in zip(chances, known, strict=True)]


def _lesson(pairs: list[tuple[Principle, str]]) -> _Lesson:
    principle, proposition = pairs[0]
    sees = next(p.sees for p in principle.propositions if p.id == proposition)
    examples: dict[tuple[str, str, bool], Exchange] = {}  # by what is seen: a set, in effect
    for owner, name in pairs:
        for example in owner.examples:
            truth = _truth(example, name)
            if example.split == "public" and truth is not None:
                prompt = "" if sees == "response" else example.prompt
                response = "" if sees == "prompt" else example.response
                examples[prompt, response, truth] = Exchange(as_conversation(prompt), response)
    patterns = tuple(pattern for owner, name in pairs for pattern in patterns_of(owner, name))
    ordered = tuple((exchange, key[2]) for key, exchange in sorted(examples.items(), key=_first))
    return _Lesson(proposition, sees, ordered, patterns)


def _first(item: tuple[tuple[str, str, bool], Exchange]) -> tuple[str, str, bool]:
    return item[0]


def _truth(example: Exemplar, proposition: str) -> bool | None:
    answers = dict(example.answers)
    if proposition in answers or proposition != WHOLE:
        return answers.get(proposition)
    return {"violates": True, "complies": False}.get(example.label)


def _fit(lesson: _Lesson) -> _Head | Silence:
    counts = [sum(truth is wanted for _, truth in lesson.examples) for wanted in (True, False)]
    if min(counts) < _FEWEST:
        detail = f"{counts[0]} public examples say yes and {counts[1]} no"
        return Silence(
            "no_answer",
            f"exemplars: {lesson.proposition} has too few, {detail}; a head needs {_FEWEST} each",
        )
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    exchanges = [exchange for exchange, _ in lesson.examples]
    words = TfidfVectorizer(analyzer=lambda e: _terms(e, lesson.sees), sublinear_tf=True)
    words.fit(exchanges)
    model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=1000)
    with threadpool_limits(1):  # so little work that threads only cost; and one result everywhere
        model.fit(_features(lesson, words, exchanges), [truth for _, truth in lesson.examples])
    return _Head(lesson, words, model)


def _features(lesson: _Lesson, words: Any, exchanges: Sequence[Exchange]) -> Any:
    from scipy.sparse import csr_array, hstack

    flags = [[float(p.found(exchange)) for p in lesson.patterns] for exchange in exchanges]
    table = csr_array(words.transform(exchanges))
    return hstack([table, csr_array(flags)]).tocsr() if lesson.patterns else table


def _terms(exchange: Exchange, sees: Sight) -> list[str]:
    """List words and pairs of words, those of the prompt marked apart from the response's."""
    prompt = [word for m in exchange.prompt for word in _words(m.content)]
    response = _words(exchange.response)
    if sees == "prompt":
        return [*_grams(prompt, ""), *_grams(prompt[:_OPENING], "^")]
    terms = [*_grams(response, ""), *_grams(response[:_OPENING], "^")]
    return terms if sees == "response" else [*terms, *_grams(prompt, "prompt:")]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("\u2019", "'"))


def _grams(words: list[str], mark: str) -> Iterable[str]:
    pairs = (f"{a} {b}" for a, b in itertools.pairwise(words))
    return (mark + term for term in itertools.chain(words, pairs))
