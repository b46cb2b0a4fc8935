"""The backend `exemplars`: one light head per question, fitted on the constitution's own examples.

Words and pairs of words (TF-IDF; the opening counts once more, for that is where a response says
what it does), flags for the constitution's checks, and a logistic regression; fitted at first use,
in milliseconds, so an edit of the constitution changes verdicts at once. A head decides only what it
can: parts of its examples are left out, and below a floor on them it is silent. For each part the
vocabulary, its weights and the regression are made anew, texts of the same words are left out
together, and an example left unanswered counts as wrong. It enforces the rules whose examples were
written and detects nothing beyond them. Laws (tested): sealed examples never reach a fit or its
check, and the same constitution gives the same probabilities.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate.constitutions import WHOLE
from lexgate.critic._checks import patterns_of
from lexgate.critic._exchange import Exchange, as_conversation
from lexgate.critic._protocols import Identity, Silence
from lexgate.critic._questions import askers, seen
from lexgate.critic._verdicts import Answer
from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lexgate.constitutions import Constitution, Exemplar, Principle, Sight
    from lexgate.critic._checks import Pattern
    from lexgate.critic._prompts import Question

__all__ = ["ExemplarsBackend"]

_FEWEST = 3  # different examples per class; below, a head says more about them than the question
_FLOOR = 0.75  # least balanced accuracy on its own examples, held out
_FOLDS = 5
_OPENING = 40  # words
_STRENGTH = 10.0  # inverse of the L2 penalty
_WORD = re.compile(r"\w+(?:'\w+)*")


class ExemplarsBackend:
    """Answers each question with a head fitted on the public examples of all who ask it."""

    def __init__(self, constitution: Constitution) -> None:
        self._lessons = {key: _lesson(pairs) for key, pairs in askers(constitution).items()}
        self._heads: dict[str, _Head | _Untaught] = {}
        library = version("scikit-learn")
        self._recipe = ["exemplars-2", library, _FLOOR]
        self.identity = Identity(
            "exemplars",
            self._digest(self._lessons),
            (("floor", str(_FLOOR)), ("scikit-learn", library)),
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
            p if isinstance(p, Silence) else Answer(question.proposition, p, "exemplars")
            for p in taught.probabilities(exchanges)
        ]

    def held_out(self, question: Question) -> float | None:
        """Say how well the question's head answers its own public examples, held out.

        Returns:
            Balanced accuracy in [0, 1]; None where there are too few examples for a head.
        """
        found = self._fitted(question)
        return found.held_out if isinstance(found, _Head) else None

    def _fitted(self, question: Question) -> _Head | _Untaught | None:
        key = question.digest
        if key not in self._heads and key in self._lessons:
            self._heads[key] = _fit(self._lessons[key])
        return self._heads.get(key)

    def _taught(self, question: Question) -> _Head | Silence:
        found, name = self._fitted(question), question.proposition
        if isinstance(found, _Head) and found.held_out >= _FLOOR:
            return found
        if isinstance(found, _Head):
            detail = (
                f"{name} was right on {math.floor(found.held_out * 100)} % of its own public "
                f"examples held out; {_FLOOR * 100:.0f} % is needed: use a language model as critic"
            )
        elif found:
            detail = (
                f"{name} has too few, {found.yes} public examples say yes and {found.no} no; a "
                f"head needs {_FEWEST} each"
            )
        else:
            detail = "the constitution does not ask this question"
        return Silence("no_answer", f"exemplars: {detail}")


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
class _Untaught:
    """Too few examples for a head: how many different ones say yes and no."""

    yes: int
    no: int


@dataclass(frozen=True, slots=True)
class _Head:
    """A fitted head: texts to features, features to the probability that the answer is yes."""

    lesson: _Lesson
    held_out: float  # balanced accuracy on its own examples, held out
    words: Any  # a CountVectorizer
    scales: Any  # a TfidfTransformer
    model: Any  # a LogisticRegression

    def probabilities(self, exchanges: Sequence[Exchange]) -> list[float | Silence]:
        """Answer each exchange; silence where it has no feature any example had."""
        flags = [_flags(self.lesson, exchange) for exchange in exchanges]
        known = [[0.0] * len(self.lesson.patterns) if isinstance(f, Silence) else f for f in flags]
        features = _joined(self.scales.transform(self.words.transform(exchanges)), known)
        unknown = f"exemplars: no word of the {self.lesson.sees} occurs in an example"
        said: list[float | Silence] = [
            Silence("no_answer", unknown) if p is None else p
            for p in _chances(self.model, features)
        ]
        return [f if isinstance(f, Silence) else p for f, p in zip(flags, said, strict=True)]


def _fit(lesson: _Lesson) -> _Head | _Untaught:
    """Fit a head and measure what it is worth.

    Raises:
        EvidenceError: a pattern cannot be searched for in an example.
    """
    groups = [digest(_words(seen(exchange, lesson.sees))) for exchange, _ in lesson.examples]
    truths = [truth for _, truth in lesson.examples]
    yes, no = (
        len({g for g, t in zip(groups, truths, strict=True) if t is c}) for c in (True, False)
    )
    if min(yes, no) < _FEWEST:
        return _Untaught(yes, no)
    from sklearn.feature_extraction.text import CountVectorizer
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    exchanges = [exchange for exchange, _ in lesson.examples]
    flags = [_flags(lesson, exchange) for exchange in exchanges]
    for found in flags:
        if isinstance(found, Silence):
            raise EvidenceError(f"an example of {lesson.proposition}: {found.detail}")
    words = CountVectorizer(analyzer=lambda e: _terms(e, lesson.sees))
    table = _Table(words.fit_transform(exchanges), flags, truths)
    with threadpool_limits(1):  # so little work that threads only cost; and one result everywhere
        held_out = _held_out(table, _folds(groups, truths, min(_FOLDS, yes, no)))
        scales, model = table.fit(range(len(truths)))
    return _Head(lesson, held_out, words, scales, model)


@dataclass(frozen=True, slots=True)
class _Table:
    """Examples as numbers: one row each."""

    counts: Any  # sparse, of terms
    flags: list[Any]  # floats, of patterns
    truths: list[bool]

    def fit(self, rows: Sequence[int]) -> tuple[Any, Any]:
        """Make the weights of terms and the regression from some rows."""
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression

        scales = TfidfTransformer(sublinear_tf=True)
        weighed = scales.fit_transform(self.counts[list(rows)])
        model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=1000)
        model.fit(_joined(weighed, [self.flags[i] for i in rows]), [self.truths[i] for i in rows])
        return scales, model

    def without(self, rows: Sequence[int]) -> list[float | None]:
        """Answer some rows by a fit on all others, which knows no word of theirs alone."""
        kept = sorted(set(range(len(self.truths))) - set(rows))
        occurring = self.counts[kept].getnnz(axis=0) > 0
        narrow = _Table(self.counts[:, occurring], self.flags, self.truths)
        scales, model = narrow.fit(kept)
        weighed = scales.transform(narrow.counts[list(rows)])
        return _chances(model, _joined(weighed, [self.flags[i] for i in rows]))


def _held_out(table: _Table, folds: Sequence[Sequence[int]]) -> float:
    """Compute the balanced accuracy on examples that the answering fit has not seen, in [0, 1]."""
    right = {True: 0, False: 0}
    for rows in folds:
        for i, p in zip(rows, table.without(rows), strict=True):
            right[table.truths[i]] += p is not None and (p > 0.5) == table.truths[i]
    return sum(right[truth] / table.truths.count(truth) for truth in (True, False)) / 2


def _folds(groups: Sequence[str], truths: Sequence[bool], count: int) -> list[list[int]]:
    """Deal examples to folds, each class evenly; examples of one group go together."""
    members: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    folds: list[list[int]] = [[] for _ in range(count)]
    dealt = {True: 0, False: 0}
    for _, rows in sorted(members.items()):  # by digest: no order of theirs shows
        truth = truths[rows[0]]
        folds[dealt[truth] % count] += rows
        dealt[truth] += 1
    return folds


def _chances(model: Any, features: Any) -> list[float | None]:
    chances = model.predict_proba(features)[:, 1]
    known = features.indptr[1:] > features.indptr[:-1]  # rows that hold anything
    return [float(p) if any_ else None for p, any_ in zip(chances, known, strict=True)]


def _flags(lesson: _Lesson, exchange: Exchange) -> list[float] | Silence:
    found = [pattern.found(exchange) for pattern in lesson.patterns]
    silences = [silence for silence in found if isinstance(silence, Silence)]
    return silences[0] if silences else [float(bool(hit)) for hit in found]


def _joined(table: Any, flags: Sequence[Sequence[float]]) -> Any:
    from scipy.sparse import csr_array, hstack

    plain = csr_array(table)
    return hstack([plain, csr_array(flags)]).tocsr() if flags and flags[0] else plain


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
