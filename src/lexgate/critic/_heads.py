"""Light heads: features of a text, a logistic regression on them, and what a head is worth.

Words and pairs of words (TF-IDF; the opening counts once more, for that is where a response says
what it does), flags for the constitution's checks, an encoder's embedding where there is one.
Contractions are written out, so that "can't" of one model family is "cannot" of another. Laws
(tested): the same lesson gives the same head; a head is measured only on texts that the answering
fit has not seen, nor another text of the same words; calibration changes how sure a head is and
never which answer it leans to.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from lexgate._digests import digest
from lexgate.critic._protocols import Silence
from lexgate.critic._questions import seen
from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lexgate.constitutions import Sight
    from lexgate.critic._checks import Pattern
    from lexgate.critic._exchange import Exchange

__all__ = ["FEWEST", "RECIPE", "Embeds", "Head", "Lesson", "Untaught", "fitted", "words"]

FEWEST = 3  # different examples per class; below, a head says more about them than the question
RECIPE = "exemplars-3"
_FOLDS = 5
_OPENING = 40  # words
_STRENGTH = 10.0  # inverse of the L2 penalty
_KEPT = 512  # heads a process remembers
_WORD = re.compile(r"\w+(?:'\w+)*")
_WHOLE = {"cannot": ("can", "not"), "can't": ("can", "not"), "won't": ("will", "not")}
_ENDS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would"}


class Embeds(Protocol):
    """A frozen encoder of sentences."""

    @property
    def digest(self) -> str: ...

    @property
    def weights(self) -> str:
        """The digest of its weights alone, by which a model is told again."""
        ...

    def embed(self, text: str) -> tuple[float, ...]:
        """Give the embedding of a text, of length one."""
        ...


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a head is fitted on."""

    sees: Sight
    examples: tuple[tuple[Exchange, bool], ...]
    patterns: tuple[Pattern, ...]

    def content(self) -> list[Any]:
        """Everything a fit depends on, as JSON."""
        texts = [[seen(e, "prompt"), e.response, truth] for e, truth in self.examples]
        patterns = [[p.regex.pattern, p.sees, p.exact] for p in self.patterns]
        return [self.sees, texts, patterns]


@dataclass(frozen=True, slots=True)
class Untaught:
    """Too few examples for a head: how many different ones say yes and no."""

    yes: int
    no: int


@dataclass(frozen=True, slots=True)
class Head:
    """A fitted head: texts to features, features to the probability that the answer is yes."""

    lesson: Lesson
    held_out: float  # balanced accuracy on its own examples, held out
    sharpness: float  # what the log-odds are multiplied by, so that held-out ones are calibrated
    words: Any  # a CountVectorizer
    scales: Any  # a TfidfTransformer
    model: Any  # a LogisticRegression
    encoder: Embeds | None

    def probabilities(self, exchanges: Sequence[Exchange]) -> list[float | Silence]:
        """Answer each exchange; silence where it has no feature any example had."""
        rows = [_extra(self.lesson, exchange, self.encoder) for exchange in exchanges]
        table = self.scales.transform(self.words.transform(exchanges))
        nothing = [0.0] * (self.model.n_features_in_ - table.shape[1])
        known = [nothing if isinstance(row, Silence) else row for row in rows]
        found = _odds(self.model, _joined(table, known))
        unknown = f"exemplars: no word of the {self.lesson.sees} occurs in an example"
        said: list[float | Silence] = [
            Silence("no_answer", unknown) if odds is None else _chance(odds * self.sharpness)
            for odds in found
        ]
        return [row if isinstance(row, Silence) else p for row, p in zip(rows, said, strict=True)]


_HEADS: OrderedDict[str, Head | Untaught] = OrderedDict()


def fitted(lesson: Lesson, encoder: Embeds | None = None) -> Head | Untaught:
    """Fit a head, or take the one that this process fitted on the same lesson before.

    Raises:
        EvidenceError: a pattern cannot be searched for in an example.
    """
    key = digest([RECIPE, lesson.content(), encoder.digest if encoder else ""])
    if key not in _HEADS:
        _HEADS[key] = _fit(lesson, encoder)
        while len(_HEADS) > _KEPT:
            _HEADS.popitem(last=False)
    _HEADS.move_to_end(key)
    return _HEADS[key]


def _fit(lesson: Lesson, encoder: Embeds | None) -> Head | Untaught:
    groups = [digest(words(seen(exchange, lesson.sees))) for exchange, _ in lesson.examples]
    truths = [truth for _, truth in lesson.examples]
    yes, no = (
        len({g for g, t in zip(groups, truths, strict=True) if t is c}) for c in (True, False)
    )
    if min(yes, no) < FEWEST:
        return Untaught(yes, no)
    from sklearn.feature_extraction.text import CountVectorizer
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    exchanges = [exchange for exchange, _ in lesson.examples]
    extra = []
    for exchange in exchanges:
        row = _extra(lesson, exchange, encoder)
        if isinstance(row, Silence):
            raise EvidenceError(f"an example cannot be searched: {row.detail}")
        extra.append(row)
    counter = CountVectorizer(analyzer=lambda e: _terms(e, lesson.sees))
    table = _Table(counter.fit_transform(exchanges), extra, truths)
    with threadpool_limits(1):  # so little work that threads only cost; and one result everywhere
        odds = _held_out(table, _folds(groups, truths, min(_FOLDS, yes, no)))
        scales, model = table.fit(range(len(truths)))
    worth = _balanced_accuracy(odds, truths)
    return Head(lesson, worth, _sharpness(odds, truths), counter, scales, model, encoder)


@dataclass(frozen=True, slots=True)
class _Table:
    """Examples as numbers: one row each."""

    counts: Any  # sparse, of terms
    extra: list[list[float]]  # flags of patterns, then an embedding
    truths: list[bool]

    def fit(self, rows: Sequence[int]) -> tuple[Any, Any]:
        """Make the weights of terms and the regression from some rows."""
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression

        scales = TfidfTransformer(sublinear_tf=True)
        weighed = scales.fit_transform(self.counts[list(rows)])
        model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=1000)
        model.fit(_joined(weighed, [self.extra[i] for i in rows]), [self.truths[i] for i in rows])
        return scales, model

    def without(self, rows: Sequence[int]) -> list[float | None]:
        """Answer some rows by a fit on all others, which knows no word of theirs alone."""
        kept = sorted(set(range(len(self.truths))) - set(rows))
        occurring = self.counts[kept].getnnz(axis=0) > 0
        narrow = _Table(self.counts[:, occurring], self.extra, self.truths)
        scales, model = narrow.fit(kept)
        weighed = scales.transform(narrow.counts[list(rows)])
        return _odds(model, _joined(weighed, [self.extra[i] for i in rows]))


def _held_out(table: _Table, folds: Sequence[Sequence[int]]) -> list[float | None]:
    """Give each example's log-odds by a fit that has not seen it."""
    odds: list[float | None] = [None] * len(table.truths)
    for rows in folds:
        for i, found in zip(rows, table.without(rows), strict=True):
            odds[i] = found
    return odds


def _balanced_accuracy(odds: Sequence[float | None], truths: Sequence[bool]) -> float:
    """Compute the balanced accuracy in [0, 1]; what is not answered is wrong."""
    right = {True: 0, False: 0}
    for found, truth in zip(odds, truths, strict=True):
        right[truth] += found is not None and (found > 0.0) == truth
    return sum(right[truth] / truths.count(truth) for truth in (True, False)) / 2


def _sharpness(odds: Sequence[float | None], truths: Sequence[bool]) -> float:
    """Find what held-out log-odds must be multiplied by to be likeliest (Platt, without a shift).

    Both classes weigh the same, and targets are Platt's, (n + 1) / (n + 2), so that a head which
    was always right on few examples is not thought to be certain. No shift: an answer leans the
    way it was measured to lean.
    """
    import numpy as np
    from scipy.optimize import minimize_scalar

    pairs = [(o, t) for o, t in zip(odds, truths, strict=True) if o is not None]
    counts = {c: sum(t is c for _, t in pairs) for c in (True, False)}
    if not all(counts.values()):
        return 1.0
    signed = np.array([o if t else -o for o, t in pairs])
    right = np.array([(counts[t] + 1) / (counts[t] + 2) for _, t in pairs])
    weight = np.array([1 / counts[t] for _, t in pairs])

    def loss(log: float) -> float:
        scaled = signed * math.exp(log)
        each = right * np.logaddexp(0.0, -scaled) + (1 - right) * np.logaddexp(0.0, scaled)
        return float((weight * each).sum())

    best = minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-6})
    return math.exp(float(best.x))


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


def _odds(model: Any, features: Any) -> list[float | None]:
    found = model.decision_function(features)
    known = features.indptr[1:] > features.indptr[:-1]  # rows that hold anything
    return [float(odds) if any_ else None for odds, any_ in zip(found, known, strict=True)]


def _chance(odds: float) -> float:
    if odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-odds))
    return math.exp(odds) / (1.0 + math.exp(odds))


def _extra(lesson: Lesson, exchange: Exchange, encoder: Embeds | None) -> list[float] | Silence:
    found = [pattern.found(exchange) for pattern in lesson.patterns]
    silences = [silence for silence in found if isinstance(silence, Silence)]
    if silences:
        return silences[0]
    flags = [float(bool(hit)) for hit in found]
    return [*flags, *encoder.embed(seen(exchange, lesson.sees))] if encoder else flags


def _joined(table: Any, extra: Sequence[Sequence[float]]) -> Any:
    from scipy.sparse import csr_array, hstack

    plain = csr_array(table)
    return hstack([plain, csr_array(extra)]).tocsr() if extra and extra[0] else plain


def _terms(exchange: Exchange, sees: Sight) -> list[str]:
    """List words and pairs of words, those of the prompt marked apart from the response's."""
    prompt = [word for m in exchange.prompt for word in words(m.content)]
    response = words(exchange.response)
    if sees == "prompt":
        return [*_grams(prompt, ""), *_grams(prompt[:_OPENING], "^")]
    terms = [*_grams(response, ""), *_grams(response[:_OPENING], "^")]
    return terms if sees == "response" else [*terms, *_grams(prompt, "prompt:")]


def words(text: str) -> list[str]:
    """List the words of a text in lower case, contractions written out."""
    found = _WORD.findall(text.lower().replace("\u2019", "'"))
    return [part for word in found for part in _written_out(word)]


@lru_cache(maxsize=65_536)
def _written_out(word: str) -> tuple[str, ...]:
    if word in _WHOLE:
        return _WHOLE[word]
    if word.endswith("n't"):
        return word[:-3], "not"
    stem, mark, end = word.rpartition("'")
    full = _ENDS.get(mark + end)
    return (stem, full) if full else (word,)


def _grams(listed: list[str], mark: str) -> Iterable[str]:
    pairs = (f"{a} {b}" for a, b in itertools.pairwise(listed))
    return (mark + term for term in itertools.chain(listed, pairs))
