"""A cascade: light critics decide what they are sure of, a full one the rest and a random share.

Stages are asked in order. What a cheap stage answers with a probability inside the band, or not at
all, goes on to the next; of what the cheap ones decided, a share that their content draws goes to
the last as well. An answer of a later stage wins. Where cheap and full disagree on the share,
exact bounds say how much the cheap ones can have missed on the rest. Laws (tested): the last stage
is asked about everything that no cheap one is sure of; what is audited depends on the content and
the seed alone; a full critic that is silent on its share counts as having found a violation.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from lexgate._digests import digest
from lexgate.constitutions import Interval
from lexgate.critic._critic import ask
from lexgate.critic._prompts import view
from lexgate.critic._protocols import Identity, PartByPart, Reports, Silence
from lexgate.critic._verdicts import Answer
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lexgate.critic._exchange import Exchange
    from lexgate.critic._prompts import CriticPrompt, Question
    from lexgate.critic._protocols import Backend

__all__ = ["BAND", "SHARE", "CascadeBackend"]

SHARE = 0.05  # of what cheap stages decided, seen by the last one too
BAND = 0.05  # a probability in [BAND, 1 - BAND] is uncertain
_FEW = 10  # questions whose answers are tried out in all combinations
_ALPHA = 0.05  # of the bound on what a principle's cheap stages missed

_Asked = tuple["Question", "Exchange"]
_Reply = Answer | Silence


class CascadeBackend:
    """Backends in order, each asked only what those before it leave open, and a share to check."""

    def __init__(
        self,
        stages: Sequence[Backend],
        prompts: Sequence[CriticPrompt],
        *,
        share: float = SHARE,
        band: float = BAND,
        seed: str = "0",
    ) -> None:
        if len(stages) < 2:
            raise UsageError("a cascade needs a cheap critic and a full one, as exemplars>hf/PATH")
        if not (0.0 <= share <= 1.0 and 0.0 < band < 0.5):
            raise UsageError(
                "a cascade's audit is a share in [0, 1] and its band a probability in (0, 0.5), "
                f"found {share:g} and {band:g}"
            )
        self.stages = tuple(stages)
        self._prompts = tuple(prompts)
        self._share, self._band, self._seed = share, band, seed
        self._counts: dict[str, Counter[str]] = {}
        self._seen: set[str] = set()  # contents that are counted
        self._recipe = ["cascade-1", share, band, seed]
        details = {"audit": f"{share:g}", "band": f"{band:g}", "seed": seed}
        if all(dict(stage.identity.details).get("light") == "true" for stage in stages):
            details["light"] = "true"
        self.deaf = all(getattr(stage, "deaf", False) for stage in stages)
        self.identity = Identity(
            ">".join(stage.identity.name for stage in stages),
            digest([*self._recipe, [stage.identity.digest for stage in stages]]),
            tuple(sorted(details.items())),
        )

    def digest_of(self, questions: Sequence[Question]) -> str:
        """Digest what the stages' answers to these questions depend on, and how they are chosen."""
        parts = [
            stage.digest_of(questions) if isinstance(stage, PartByPart) else stage.identity.opened
            for stage in self.stages
        ]
        return digest([*self._recipe, parts])

    def answer(self, question: Question, exchanges: Sequence[Exchange]) -> list[_Reply]:
        """Answer one question on each exchange."""
        return self.answer_together([(question, exchange) for exchange in exchanges])

    def answer_together(self, asked: Sequence[_Asked]) -> list[_Reply]:
        """Ask the stages in order; the last one answers what is open and what is drawn."""
        replies: list[_Reply] = [Silence("no_answer", "nobody was asked")] * len(asked)
        open_ = list(range(len(asked)))
        for stage in self.stages[:-1]:
            for place, reply in self._hear(stage, asked, open_):
                replies[place] = reply
            open_ = [place for place in open_ if self._unsure(replies[place])]
        contents = [self._content(*one) for one in asked]
        drawn = {k for k, content in enumerate(contents) if self._drawn(content)} - set(open_)
        # A text that comes again is no other trial: it is counted once.
        new = {k for k, content in enumerate(contents) if content not in self._seen}
        self._seen.update(contents)
        for place in new:
            counts = self._counts.setdefault(asked[place][0].digest, Counter())
            counts["asked"] += 1
            counts["escalated"] += place in open_
        for place, reply in self._hear(self.stages[-1], asked, sorted([*open_, *drawn])):
            cheap = replies[place]
            if place in drawn and isinstance(cheap, Answer):  # decided, by what `drawn` leaves out
                if place in new:
                    self._note(asked[place][0], cheap, reply)
                if isinstance(reply, Silence):
                    continue  # what was decided stays; the bound counts it against the cheap ones
            replies[place] = reply
        return replies

    def _hear(
        self, stage: Backend, asked: Sequence[_Asked], places: Sequence[int]
    ) -> list[tuple[int, _Reply]]:
        return list(zip(places, ask(stage, [asked[place] for place in places]), strict=True))

    def _unsure(self, reply: _Reply) -> bool:
        return isinstance(reply, Silence) or self._band <= reply.p <= 1.0 - self._band

    def _content(self, question: Question, exchange: Exchange) -> str:
        return digest([self._seed, question.digest, view(exchange, question.sees)])

    def _drawn(self, content: str) -> bool:
        return int(content.rpartition(":")[2][:13], 16) < self._share * 16**13

    def _note(self, question: Question, cheap: Answer, full: _Reply) -> None:
        counts = self._counts[question.digest]
        said = "yes" if cheap.p > 0.5 else "no"
        counts[f"audited_{said}"] += 1
        if isinstance(full, Silence):
            counts[f"unanswered_{said}"] += 1
        else:
            counts[f"disagreed_{said}"] += (full.p > 0.5) != (cheap.p > 0.5)

    def report(self) -> dict[str, Any]:
        """Tell per question who decided, and per principle what the cheap stages can have missed."""
        told: dict[str, Any] = {
            "questions": self._questions(),
            "principles": {
                prompt.principle: self._missed(prompt)
                for prompt in self._prompts
                if any(question.digest in self._counts for question in prompt.questions)
            },
        }
        reports = {s.identity.name: s.report() for s in self.stages if isinstance(s, Reports)}
        return told | ({"stages": reports} if reports else {})

    def _questions(self) -> list[dict[str, Any]]:
        names = {q.digest: q for prompt in self._prompts for q in prompt.questions}
        return [
            {
                "principle": names[key].principle if key in names else "",
                "proposition": names[key].proposition if key in names else "",
                "asked": counts["asked"],
                "decided": counts["asked"] - counts["escalated"],
                "escalated": counts["escalated"],
                "audited": counts["audited_yes"] + counts["audited_no"],
                "unanswered": counts["unanswered_yes"] + counts["unanswered_no"],
                "disagreed": counts["disagreed_yes"] + counts["disagreed_no"],
            }
            for key, counts in self._counts.items()
        ]

    def _missed(self, prompt: CriticPrompt) -> dict[str, Any]:
        """Bound the share of texts that the cheap stages pass and the full one would flag.

        A flag they missed takes one question on which the full critic leans towards a violation and
        they do not, so the share is at most the sum over questions (Bonferroni splits the error).
        """
        ways = [
            (self._counts.get(question.digest, Counter()), said)
            for question in prompt.questions
            for said in _innocent(prompt, question.proposition)
        ]
        audited = [counts[f"audited_{said}"] for counts, said in ways]
        missed = [
            counts[f"disagreed_{said}"] + counts[f"unanswered_{said}"] for counts, said in ways
        ]
        alpha = _ALPHA / max(1, len(ways))
        bounds = [_upper(k, n, alpha) for k, n in zip(missed, audited, strict=True)]
        return {
            "audited": sum(audited),
            "missed": sum(missed),
            "missed_at_most": min(1.0, sum(bounds)),
            "confidence": 1.0 - _ALPHA,
        }


def _innocent(prompt: CriticPrompt, proposition: str) -> list[str]:
    """List the answers to a question whose opposite can turn compliance into a violation."""
    others = [q.proposition for q in prompt.questions if q.proposition != proposition]
    if len(others) > _FEW:
        return ["no", "yes"]
    harmful = set()
    for code in range(1 << len(others)):
        beliefs: dict[str, Interval] = {
            name: _certain(bool(code >> bit & 1)) for bit, name in enumerate(others)
        }
        yes, no = (_violated(prompt, beliefs, proposition, value) for value in (True, False))
        harmful |= {"no"} if yes and not no else {"yes"} if no and not yes else set()
    return sorted(harmful)


def _violated(
    prompt: CriticPrompt, others: Mapping[str, Interval], proposition: str, value: bool
) -> bool:
    beliefs = {**others, proposition: _certain(value)}
    return prompt.violated_when.evaluate(beliefs).low > 0.5


def _certain(value: bool) -> Interval:
    return Interval(float(value), float(value))


def _upper(k: int, n: int, alpha: float) -> float:
    """Bound a rate exactly from above (Clopper and Pearson); no unit shows nothing."""
    if k >= n:
        return 1.0
    from scipy.special import betainccinv

    return float(betainccinv(k + 1, n - k, alpha))
