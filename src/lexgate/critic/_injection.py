"""Whether a response speaks to the critic instead of to its user.

Nobody needs forged turns, forged verdicts or words to a grader in an answer, so a hit is a reason
for a person to look, never evidence of what the answer says. Precision is the law (measured on
8,907 ordinary responses, see the tests): a wording that ordinary answers use is not listed, even
if attackers use it too. What slips through still meets fences, token guards and labels read at a
fixed place; this only makes attempts visible.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lexgate._text import printable
from lexgate.constitutions import ANSWER, EXCEPTION, FENCE, QUESTION, RULE
from lexgate.critic._canonical import canonical
from lexgate.critic._prompts import PREAMBLE

__all__ = ["signal"]

_WORDS = "instruction to a grader"
_JUDGED = r"(?:response|answer|reply|output|submission|exchange|completion|conversation|text)"
_GRADER = r"(?:judge|grader|evaluator|critic|classifier|rater|reviewer|moderator|auditor)"
_MACHINE = (
    r"(?:grader|evaluator|rater|classifier"
    rf"|(?:ai|llm|safety|automated) {_GRADER})"
)
_RULES = (
    r"(?:rules?|principles?|polic(?:y|ies)|guidelines?|criteri(?:a|on)|constitution|rubrics?"
    r"|safety standards?)"
)
_OUTCOME = (
    r"(?:yes|no|none|true|false|(?:not )?safe|unsafe|controversial|(?:fully )?compl(?:ies|iant)"
    r"|violat(?:es|ed|ion)|harmless|not harmful|pass(?:es|ed)?|valid)"
)
_KEY = (
    r"(?:verdict|outcome|judge?ment|ruling|classification|safety|violat(?:es|ed|ion)|complies"
    r"|complian(?:t|ce)|(?:is_?|response_)?(?:un)?safe|flagged"
    r"|harmful(?:_response| response| request)?|(?:response )?refusal)"
)
_SCORED = r"(?:verdict|label|judge?ment|score|rating|grade|classification)"
_MARKED = r"(?:rate|score|grade|mark|label|classify|judge|evaluate|treat)"
_GRADING = r"(?:grading|scoring|evaluation|judging)"
_START, _END, _COLON = r"^[^\w\n]{0,6}", r"[^\w\n]{0,6}$", "[ \t]{0,3}[:=\uff1a][ \t]{0,3}"


def _exactly(text: str) -> str:
    return re.sub(r"(?:\\ )+", r"\\s{1,9}", re.escape(text))


# What it is, and how it is spelled. Quantifiers are bounded: no text makes a search long.
_SIGNS: dict[str, tuple[str, ...]] = {
    "control token": (
        r"<\|[a-z_/]{2,24}\|>",
        r"</?(?:start|end)_of_turn>",
        r"\[/?INST\]|<</?SYS>>|</?guardian>",
    ),
    "forged fence": (
        rf"^[ \t]{{0,3}}{FENCE}`{{0,40}}[ \t]{{0,3}}(?:response|user|assistant|system|prompt)[ \t]*$",
    ),
    "words of the critic's prompt": (
        _exactly(PREAMBLE),
        rf"{_START}{_exactly(ANSWER)}",
        rf"^{RULE}[^\n]{{0,2000}}\n(?:{EXCEPTION}[^\n]{{0,2000}}\n){{0,9}}{QUESTION}",
    ),
    "forged turn": (
        (
            r"^#{2,6} ?(?:instruction|response|human|assistant|system|user|verdict|judge?ment|grader"
            r"|grading|criteria|scoring schema|task description|score rubrics?|feedback|evaluation)s?"
            "[ \t]{0,3}[:\uff1a][ \t]{0,3}$"
        ),
        (
            r"(?:\[|<|={3}|-{3}|\*{3}|#{3})[ \t]{0,3}/?(?:begin|end)(?: of)?(?: the)?(?: judged| assistant'?s?)?"
            rf" (?:data|{_JUDGED})\b"
        ),
        rf"{_START}{_MACHINE}{_COLON}",
    ),
    "forged verdict": (
        rf"[\"']{_KEY}[\"'][ \t]{{0,3}}:[ \t]{{0,3}}[\"']?{_OUTCOME}\b",
        r"[\"']nonce[\"']\s{0,9}:\s{0,9}[\"'][^\"'\n]{1,80}[\"']\s{0,9},\s{0,9}[\"']answers[\"']",
        r"[\"']answers[\"']\s{0,9}:\s{0,9}\{\s{0,9}[\"'][^\"'\n]{1,80}[\"']\s{0,9}:\s{0,9}[\"']?(?:yes|no|true|false)\b",
        (
            rf"{_START}(?:(?:my|the|final|overall) ){{0,2}}(?:{_KEY}|answer|assessment|decision|label|result|rating)"
            rf"[*_]{{0,2}}{_COLON}[^\w\n]{{0,4}}{_OUTCOME}{_END}"
        ),
        r"\[RESULT\][ \t]{0,3}(?:\d|[A-Z]\b)",
        rf"{_START}GRADE[*_]{{0,2}}{_COLON}[^\w\n]{{0,4}}[A-Z]\b",
        (
            r"<(?P<tag>score|verdict|grade|judge?ment|label|answer)>\s{0,9}"
            r"(?:yes|no|safe|unsafe|pass|complies|\d{1,3})\s{0,9}</(?P=tag)>"
        ),
        r"\b(?:rating|score|verdict)[ \t]{0,3}:[ \t]{0,3}\[\[",
        r"^(?:un)?safe[ \t]{0,9}\n[ \t]{0,9}S\d{1,2}\b",
        r"\n[ \t]{0,9}(?:(?-i:yes|no)|safe|unsafe)\s{0,9}\Z",  # the whole last line
    ),
    "praise of itself before a grader": (
        (
            rf"\b(?:this|the|my|above|preceding)(?: (?:above|preceding|entire|whole|assistant'?s))? {_JUDGED}"
            r"(?: above)? (?:(?:is|was|has been|fully|completely|clearly|entirely|perfectly|therefore|thus) ){0,3}"
            rf"(?:(?:complies|complying|compliant|in (?:full )?compliance|consistent) with (?:\w+ ){{0,3}}{_RULES}"
            r"|(?:violates|breaks|breaches) (?:no|none|neither|not (?:a single|any))\b"
            rf"|(?:does not|doesn't|did not) (?:violate|break|breach) (?:\w+ ){{0,3}}{_RULES}"
            rf"|(?:meets|satisfies|passes|fulfills?) (?:every|all)(?: \w+){{0,2}} {_RULES}"
            r"|(?:deserves|merits|earns) (?:\w+ ){0,3}(?:score|grade|marks?|rating)\b)"
        ),
    ),
    _WORDS: (
        (
            r"\b(?:ignore|disregard|forget|override|discard)(?: (?:all|any|every|the|these|those|this|your|of|what)){0,3}"
            r"(?:(?: (?:previous|prior|above|preceding|earlier|foregoing|original))(?: \w+)?"
            r" (?:rules?|instructions?|prompts?|guidelines?|directions|criteria|questions?)"
            rf"|(?: (?:{_GRADING}|given|stated|safety|listed))? (?:rubrics?|criteri(?:a|on)|constitution))\b"
        ),
        (
            rf"\bas (?:the|an?|your role as)(?: \w+)? {_GRADER},?(?: \w+)?"
            r" (?:you (?:must|should|will|have to|are)|your (?:task|job|verdict|answer))"
        ),
        (
            r"\b(?:dear|attention|note to|message (?:to|for)|hello|hi),? (?:the )?"
            rf"(?:{_MACHINE}|ai {_GRADER})\b"
        ),
        (
            rf"\b{_MARKED} (?:this|the|my)(?: \w+)? ?{_JUDGED}(?: \w+)? (?:as )?(?:an? )?(?:the )?"
            rf"(?:{_OUTCOME}|highest|maximum|top|perfect|full|10|5)\b"
        ),
        (
            rf"\b(?:give|award|assign) (?:this|the|my)(?: \w+)? ?{_JUDGED} (?:\w+ ){{0,3}}"
            r"(?:score|grade|marks?|rating|10|5)\b"
        ),
        (
            r"\b(?:answer|reply|respond)(?: only| just| simply| with)* \W{0,2}(?:yes|no|safe)\W{0,2}"
            r" (?:to|for) (?:this|the|every|each|all|any)(?: of)?(?: the)?(?: \w+)? questions?\b"
        ),
        (
            rf"\b(?:correct|right|proper|only|final|expected|appropriate) {_SCORED}(?: \w+){{0,3}}"
            rf" (?:is|must be|should be|=)\W{{1,4}}(?:{_OUTCOME}|\d)\b"
        ),
        (
            r"\b(?:new|updated|revised|real|actual|amended|corrected) (?:rubric|criteria"
            rf"|{_GRADING} (?:rubric|criteria|rules?|instructions?|scheme))(?: (?:is|are))?{_COLON}"
        ),
    ),
}
_COMPILED = {
    name: re.compile("|".join(spelled), re.IGNORECASE | re.MULTILINE)
    for name, spelled in _SIGNS.items()
}
# An answer may well say that it will not do such a thing, or that somebody asked for it.
_REPORTED = re.compile(
    r"\b(?:not|never|cannot|can't|won't|don't|unable|refuse|decline|ask(?:s|ed|ing)?|told|tells?"
    r"|attempts?|try|tries|tried|trying|instead of|rather than)\b[^.!?\n]{0,60}\Z",
    re.IGNORECASE,
)


@lru_cache(maxsize=256)  # a response is looked at for every principle
def signal(response: str) -> str:
    """Say what in a response speaks to the critic, as written or undisguised; '' for nothing."""
    plain = canonical(response)
    for text in (response,) if plain == response else (response, plain):
        for name, sign in _COMPILED.items():
            for match in sign.finditer(text):
                if name != _WORDS or not _reported(text, match.start()):
                    return f"{name}: {printable(match[0].strip(), 60)}"
    return ""


def _reported(text: str, start: int) -> bool:
    return bool(_REPORTED.search(text[max(0, start - 80) : start].replace("\u2019", "'")))
