"""The critic: backends asked in order, cheapest first, and their answers composed into verdicts.

Each distinct question on each distinct view of an exchange is asked once, of the backends in order
until one answers. The verdict is computed from the answers by the principle's expression, never
asked for. A principle that cheaper backends have settled is not asked about again. What stays
unknown, and what lies within `TIE` of one half, is an abstention; so is all that a failing backend
leaves open. Text is hostile: where taking disguises off changes an exchange, both are judged and
the worse counts; and where a response speaks to its critic, nobody who reads it may find that it
complies. Laws (tested): the order of exchanges does not matter, a backend that raises or miscounts
never yields a verdict, turning an answer into silence never turns a violation into compliance, and
neither does disguise.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate._text import printable
from lexgate.constitutions import WHOLE, Interval
from lexgate.critic._canonical import canonical_exchange
from lexgate.critic._injection import signal
from lexgate.critic._prompts import view
from lexgate.critic._protocols import Identity, PartByPart, Reports, Settles, Silence, Together
from lexgate.critic._verdicts import Abstention, Answer, Judgement, Verdict
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from lexgate.critic._exchange import Exchange
    from lexgate.critic._prompts import CriticPrompt, Question
    from lexgate.critic._protocols import Backend

__all__ = ["GIVEN", "TIE", "Critic", "ask"]

_NO_TEXT = "the exchange holds half a surrogate pair, which is no character"
_PROCEDURE = "2"  # of judging: what of a text is judged, and when a verdict is withheld

TIE = 1e-4  # half-width of the band around 0.5 inside which fp32 arithmetic decides, not the critic
GIVEN = "given"  # source of answers that the data set states

_Key = tuple[str, tuple[str, ...]]  # (question digest, what of the exchange it sees)


class Critic:
    """Judges exchanges against the principles of one constitution."""

    def __init__(self, prompts: Sequence[CriticPrompt], backends: Sequence[Backend]) -> None:
        if not backends:
            raise UsageError("a critic needs at least one backend, such as `checks`")
        self.prompts = {prompt.principle: prompt for prompt in prompts}
        self.backends = tuple(backends)
        self._digests: dict[str, str] = {}  # by principle: asked for with every row of a run

    @property
    def identity(self) -> Identity:
        """Name and digest of the backends in order (the prompts have digests of their own)."""
        names = ",".join(backend.identity.name for backend in self.backends)
        return Identity(names, digest([backend.identity.digest for backend in self.backends]))

    @property
    def members(self) -> tuple[Identity, ...]:
        """Every backend's identity, the stages of a cascade right behind it."""
        found: list[Identity] = []
        for backend in self.backends:
            found.append(backend.identity)
            found += [stage.identity for stage in getattr(backend, "stages", ())]
        return tuple(found)

    def digest_for(self, principle: str) -> str:
        """Digest all that a verdict on one principle depends on, but for the exchange.

        Of a backend made of parts only those count that the principle asks.
        """
        if principle not in self._digests:
            prompt = self._prompt(principle)
            parts = [
                backend.digest_of(prompt.questions)
                if isinstance(backend, PartByPart)
                else backend.identity.opened
                for backend in self.backends
            ]
            self._digests[principle] = digest([_PROCEDURE, prompt.digest, parts])
        return self._digests[principle]

    def judge(
        self,
        exchanges: Sequence[Exchange],
        principles: Sequence[str],
        given: Sequence[Mapping[str, bool]] = (),
    ) -> list[tuple[Judgement, ...]]:
        """Judge each exchange against each principle, in the order asked.

        `given` holds, per exchange, the truth of propositions that see only the prompt, as the data
        set states it. It is used first; backends are not asked about it.

        Raises:
            UsageError: an unknown principle, or `given` that does not fit.
        """
        prompts = [self._prompt(principle) for principle in principles]
        if given:
            self._check_given(given, prompts, len(exchanges))
        sound = [i for i, exchange in enumerate(exchanges) if _is_text(exchange)]
        if len(sound) < len(
            exchanges
        ):  # no tokenizer and no server takes it; the others are judged
            stated_of = [given[i] for i in sound] if given else ()
            rest = self.judge([exchanges[i] for i in sound], principles, stated_of)
            broken = tuple(Abstention(p, "unparsable", _NO_TEXT) for p in principles)
            judged = dict(zip(sound, rest, strict=True))
            return [judged.get(i, broken) for i in range(len(exchanges))]
        plain = [canonical_exchange(exchange) for exchange in exchanges]
        disguised = [i for i, exchange in enumerate(exchanges) if plain[i] != exchange]
        stated = list(given or [{}] * len(exchanges))
        sitting = _Sitting(
            [*exchanges, *(plain[i] for i in disguised)],
            [*exchanges, *(exchanges[i] for i in disguised)],
            [*stated, *(stated[i] for i in disguised)],
        )
        for backend in self.backends:
            # Taken before this backend speaks: it is asked all questions of a principle or none.
            sitting.hear(backend, [(prompt, sitting.pending(prompt)) for prompt in prompts])
        second = {i: len(exchanges) + k for k, i in enumerate(disguised)}
        return [
            tuple(self._judgement(sitting, i, second.get(i), prompt) for prompt in prompts)
            for i in range(len(exchanges))
        ]

    def reports(self) -> dict[str, dict[str, Any]]:
        """Collect what backends tell of how they answered, by name."""
        return {b.identity.name: b.report() for b in self.backends if isinstance(b, Reports)}

    def _judgement(
        self, sitting: _Sitting, index: int, second: int | None, prompt: CriticPrompt
    ) -> Judgement:
        """Take the worse of the verdicts on a text and on what it says without disguise."""
        found = sitting.compose(index, prompt)
        if second is not None:
            found = _worse(found, sitting.compose(second, prompt))
        if not isinstance(found, Verdict) or found.violated or not found.answers:
            return found
        every = [s for b in self.backends for s in (b, *getattr(b, "stages", ()))]
        deaf = {b.identity.name for b in every if getattr(b, "deaf", False)} | {GIVEN}
        if deaf.issuperset(answer.source for answer in found.answers):
            return found
        spoken = signal(sitting.exchanges[index].response)
        if not spoken:
            return found
        detail = f"the response speaks to its critic: {spoken}"
        return Abstention(prompt.principle, "injection", printable(detail, 400), found.answers)

    def _prompt(self, principle: str) -> CriticPrompt:
        if principle in self.prompts:
            return self.prompts[principle]
        near = difflib.get_close_matches(principle, self.prompts, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        known = ", ".join(self.prompts)
        raise UsageError(f"the constitution has no principle {principle!r}{meant} It has: {known}")

    def _check_given(
        self, given: Sequence[Mapping[str, bool]], asked: Sequence[CriticPrompt], count: int
    ) -> None:
        if len(given) != count:
            raise UsageError(f"`given` states {len(given)} items for {count} exchanges")
        known = {q.proposition for prompt in self.prompts.values() for q in prompt.questions}
        blind = {q.proposition: q for p in asked for q in p.questions if q.sees != "prompt"}
        for name in sorted(frozenset().union(*given)):
            if name not in known:
                raise UsageError(f"`given` names {name!r}, which no principle asks about")
            if name in blind:
                raise UsageError(
                    f"`given` states {name!r} of {blind[name].principle}, which sees the "
                    f"{blind[name].sees}: a data set cannot know it before there is a response"
                )


@dataclass(slots=True)
class _Sitting:
    """What is known so far in one call of `judge`."""

    exchanges: Sequence[Exchange]
    verbatim: Sequence[Exchange]  # each as it was given, disguises and all
    given: Sequence[Mapping[str, bool]]
    answers: dict[_Key, Answer] = field(default_factory=dict)
    silences: dict[_Key, dict[str, Silence]] = field(default_factory=dict)  # by backend
    settled: dict[tuple[int, str], Answer] = field(default_factory=dict)
    unsettled: dict[tuple[int, str], list[Silence]] = field(default_factory=dict)
    keys: dict[tuple[int, str], _Key] = field(default_factory=dict)

    def pending(self, prompt: CriticPrompt) -> list[int]:
        """List the exchanges whose verdict could still change."""
        return [i for i in range(len(self.exchanges)) if not _decided(self._belief(i, prompt))]

    def hear(self, backend: Backend, pending: Sequence[tuple[CriticPrompt, list[int]]]) -> None:
        """Ask a backend about each principle on the exchanges where it is open."""
        name = backend.identity.name
        texts = self.verbatim if getattr(backend, "verbatim", False) else self.exchanges
        if isinstance(backend, Settles):
            for prompt, indices in pending:
                self._hear_whole(name, backend.settle, prompt.principle, indices, texts)
        asked = self._unheard(name, pending, texts)
        for key, reply in zip(asked, ask(backend, list(asked.values())), strict=True):
            if isinstance(reply, Answer):
                self.answers[key] = reply
            else:
                self.silences.setdefault(key, {})[name] = reply

    def _unheard(
        self,
        name: str,
        pending: Sequence[tuple[CriticPrompt, list[int]]],
        texts: Sequence[Exchange],
    ) -> dict[_Key, tuple[Question, Exchange]]:
        """Collect what a backend is still to be asked, exchange by exchange, each thing once."""
        found: dict[int, list[tuple[_Key, Question]]] = {}
        for prompt, indices in pending:
            for index in indices:
                if (index, prompt.principle) not in self.settled:
                    for question in prompt.questions:
                        key = self._key(index, question)
                        heard = key in self.answers or name in self.silences.get(key, {})
                        if question.proposition not in self.given[index] and not heard:
                            found.setdefault(index, []).append((key, question))
        asked: dict[_Key, tuple[Question, Exchange]] = {}
        for index in sorted(found):
            for key, question in found[index]:
                asked.setdefault(key, (question, texts[index]))
        return asked

    def compose(self, index: int, prompt: CriticPrompt) -> Judgement:
        """Turn what was heard on one exchange into a judgement."""
        whole = self.settled.get((index, prompt.principle))
        answers = (whole,) if whole else self._known(index, prompt)
        low, high = self._belief(index, prompt)
        if low > 0.5 + TIE:
            return Verdict(prompt.principle, violated=True, p_violated=low, answers=answers)
        if high < 0.5 - TIE:
            return Verdict(prompt.principle, violated=False, p_violated=high, answers=answers)
        silences = self._silences(index, prompt)
        if not silences:
            detail = f"the composed probability lies in [{low:.6f}, {high:.6f}]"
            return Abstention(prompt.principle, "tie", detail, answers)
        # That a backend has nothing to say is the least of reasons: checks seldom cover a question.
        telling = [s for s in silences if s.reason != "no_answer"] or silences
        detail = printable("; ".join(dict.fromkeys(s.detail for s in silences)), 400)
        return Abstention(prompt.principle, telling[0].reason, detail, answers)

    def _hear_whole(
        self,
        name: str,
        settle: Callable[[str, Sequence[Exchange]], Sequence[Answer | Silence | None]],
        principle: str,
        indices: Sequence[int],
        texts: Sequence[Exchange],
    ) -> None:
        exchanges = [texts[index] for index in indices]
        call = partial(settle, principle, exchanges)
        replies = _guarded(call, name, [WHOLE] * len(exchanges))
        for index, reply in zip(indices, replies, strict=True):
            if isinstance(reply, Answer):
                self.settled[index, principle] = reply
            elif reply is not None:
                self.unsettled.setdefault((index, principle), []).append(reply)

    def _belief(self, index: int, prompt: CriticPrompt) -> Interval:
        whole = self.settled.get((index, prompt.principle))
        if whole:
            return Interval(whole.p, whole.p)
        beliefs = {a.proposition: Interval(a.p, a.p) for a in self._known(index, prompt)}
        return prompt.violated_when.evaluate(beliefs)

    def _known(self, index: int, prompt: CriticPrompt) -> tuple[Answer, ...]:
        known = []
        for question in prompt.questions:
            if question.proposition in self.given[index]:
                truth = 1.0 if self.given[index][question.proposition] else 0.0
                known.append(Answer(question.proposition, truth, GIVEN))
            elif answer := self.answers.get(self._key(index, question)):
                known.append(replace(answer, proposition=question.proposition))
        return tuple(known)

    def _silences(self, index: int, prompt: CriticPrompt) -> list[Silence]:
        silences = list(self.unsettled.get((index, prompt.principle), ()))
        for question in prompt.questions:
            key = self._key(index, question)
            if question.proposition not in self.given[index] and key not in self.answers:
                silences += self.silences.get(key, {}).values()
        return silences

    def _key(self, index: int, question: Question) -> _Key:
        cached = self.keys.get((index, question.digest))
        if cached is None:
            cached = question.digest, tuple(view(self.exchanges[index], question.sees))
            self.keys[index, question.digest] = cached
        return cached


def _is_text(exchange: Exchange) -> bool:
    """Tell whether every text is one that can be encoded: half a surrogate pair cannot."""
    try:
        for text in (*(message.content for message in exchange.prompt), exchange.response):
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _worse(one: Judgement, other: Judgement) -> Judgement:
    """Return the worse judgement: a violation, else an abstention, else the likelier violation."""

    def badness(judgement: Judgement) -> tuple[int, float]:
        if isinstance(judgement, Abstention):
            return 1, 0.0
        return (2 if judgement.violated else 0), judgement.p_violated

    return max(one, other, key=badness)


def _decided(belief: Interval) -> bool:
    return belief.low > 0.5 + TIE or belief.high < 0.5 - TIE


def ask(backend: Backend, asked: Sequence[tuple[Question, Exchange]]) -> list[Answer | Silence]:
    """Ask everything in one call where the backend can take it so, else question by question."""
    if isinstance(backend, Together):
        propositions = [question.proposition for question, _ in asked]
        return _heard(backend, propositions, lambda: backend.answer_together(asked))
    replies: dict[int, Answer | Silence] = {}
    groups: dict[str, list[int]] = {}
    for place, (question, _) in enumerate(asked):
        groups.setdefault(question.digest, []).append(place)
    for places in groups.values():
        question = asked[places[0]][0]
        exchanges = [asked[place][1] for place in places]
        call = partial(backend.answer, question, exchanges)
        heard = _heard(backend, [question.proposition] * len(places), call)
        replies.update(zip(places, heard, strict=True))
    return [replies[place] for place in range(len(asked))]


def _heard(
    backend: Backend,
    propositions: Sequence[str],
    call: Callable[[], Sequence[Answer | Silence]],
) -> list[Answer | Silence]:
    name = backend.identity.name
    missing = Silence("failed", f"{name}: gave None for an answer")
    stages = {stage.identity.name for stage in getattr(backend, "stages", ())}
    replies = _guarded(call, name, propositions, stages)
    return [missing if reply is None else reply for reply in replies]


def _guarded(
    call: Callable[[], Sequence[Answer | Silence | None]],
    name: str,
    propositions: Sequence[str],
    stages: Collection[str] = (),
) -> list[Answer | Silence | None]:
    """Call a backend; whatever goes wrong in it is `failed` on everything it was asked.

    An answer's source is the backend, or the one of its `stages` that gave it.
    """
    if not propositions:
        return []
    try:
        replies = list(call())
    except Exception as error:  # noqa: BLE001  the critic's failure must never become a verdict
        wrong = f"{type(error).__name__}: {error}"
    else:
        wrong = _fault(replies, propositions)
    if wrong:
        return [Silence("failed", f"{name}: {printable(wrong)}")] * len(propositions)
    return [
        replace(r, source=name) if isinstance(r, Answer) and r.source not in stages else r
        for r in replies
    ]


def _fault(replies: Sequence[object], propositions: Sequence[str]) -> str:
    if len(replies) != len(propositions):
        return f"gave {len(replies)} replies to {len(propositions)} exchanges"
    for reply, proposition in zip(replies, propositions, strict=True):
        if isinstance(reply, Answer) and reply.proposition != proposition:
            return f"answered {reply.proposition!r} when asked about {proposition!r}"
        if not isinstance(reply, (Answer, Silence, type(None))):
            return f"gave {type(reply).__name__}, neither an answer nor silence"
    return ""
