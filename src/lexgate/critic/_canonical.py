"""What a disguised text says: the same text with disguises taken off, for a second look.

A critic judges both and the worse verdict counts, so a disguise left on costs a violation, and a
fold too many only a second look. Taken off are characters that do not show, letters of other
alphabets and styles inside Latin words, odd spaces and heaped marks. Laws (tested): idempotent, and
ordinary writing stays letter by letter as it is, with its joiners, French spaces and full-width
commas; that is why compatibility forms are folded only where they spell Latin, not everywhere
as NFKC would (it takes Thai vowels apart). What reads the same only to a reader (leet, base64,
another language, a Cyrillic word in Russian company) is left to the critic.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from lexgate.critic._exchange import Message
from lexgate.critic._lookalikes import folded

if TYPE_CHECKING:
    from lexgate.critic._exchange import Exchange

__all__ = ["canonical", "canonical_exchange"]

_PLAIN = re.compile(r"[\t\n\r -~]*")
_COLOUR = re.compile(r"\x1b(?:\[[0-9;:]*m|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_MOVE = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")  # what follows is shown somewhere else
_BREAK = re.compile(r"\r(?!\n)|[\v\f\x85\u2028\u2029]")
_FLAGS = tuple(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in region) + "\U000e007f"
    for region in ("gbeng", "gbsct", "gbwls")
)
_TAGS = re.compile(f"({'|'.join(_FLAGS)})|[\U000e0000-\U000e007f]")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]")
_ZWNJ, _ZWJ = "\u200c", "\u200d"
# Format characters that show (Arabic number signs, hieroglyph joiners), and tags: those of flags.
_SHOWN = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001345f\U000e0020-\U000e007f]"
)
_IGNORED = re.compile(
    "[\u034f\u17b4\u17b5\u2065\ufff0-\ufff8\ufdd0-\ufdef\ufffe\uffff\U000e0080-\U000e00ff"
    "\U000e01f0-\U000e0fff]"
)
_FILLERS = "\u115f\u1160\u3164\uffa0"
_SELECTOR = re.compile("[\ufe00-\ufe0f\u180b-\u180d\u180f\U000e0100-\U000e01ef]")
_DIRECTION = "\u200e\u200f\u061c"
_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20dc\u20e1\u20e5-\u20f0\ufe20-\ufe2f"
_OVERLAY = re.compile("(?<![\u2190-\u22ff\u27c0-\u2aff])[\u0334-\u0338]+")
_HEAP = re.compile(f"[{_MARKS}]{{3,}}")
_MARKED = re.compile(f"(?:[A-Za-z][{_MARKS}]{{0,2}}){{3,}}")
_MARK = re.compile(f"[{_MARKS}]+")
_CJK = re.compile("[\u2e80-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003134f]")


def canonical(text: str) -> str:
    """Take the disguises off a text."""
    if _PLAIN.fullmatch(text):
        return text
    # One disguise can hide another; every round but the last shortens or simplifies the text.
    for _ in range(8):
        before, text = text, _round(text)
        if text == before:
            break
    return text


def canonical_exchange(exchange: Exchange) -> Exchange:
    """Take the disguises off every turn; an exchange without any equals the one given."""
    prompt = tuple(Message(turn.role, canonical(turn.content)) for turn in exchange.prompt)
    return replace(exchange, prompt=prompt, response=canonical(exchange.response))


def _round(text: str) -> str:
    text = _BREAK.sub("\n", _MOVE.sub("\n", _COLOUR.sub("", text)))
    text = _spaced(_shown(_TAGS.sub(r"\1", text)))
    text = _unmarked(unicodedata.normalize("NFC", text))
    return unicodedata.normalize("NFC", folded(text, cjk=bool(_CJK.search(text))))


def _shown(text: str) -> str:
    """Drop what does not show, except where a script or an emoji needs it."""
    rtl = any(unicodedata.bidirectional(c) in {"R", "AL"} for c in text)
    kept: list[str] = []
    for place, character in enumerate(text):
        before = kept[-1] if kept else ""
        after = text[place + 1 : place + 2]
        if _shows(character, before, after, rtl=rtl):
            kept.append(character)
    return "".join(kept)


def _shows(character: str, before: str, after: str, *, rtl: bool) -> bool:
    if character.isascii():
        return character.isprintable() or character in "\n\r\t"
    if character in {_ZWJ, _ZWNJ}:
        return _joins(character, before, after)
    if character in _DIRECTION:
        return rtl and not (before.isascii() and after.isascii() and (before + after).isalnum())
    if _SELECTOR.match(character):
        return _selects(before, after)
    if character in _FILLERS:
        return bool(after) and "\u1100" <= after <= "\u11ff"  # syllables of old Korean
    hidden = unicodedata.category(character) in {"Cf", "Cc", "Cs"} or _IGNORED.match(character)
    return not hidden or bool(_SHOWN.match(character))


def _joins(character: str, before: str, after: str) -> bool:
    """Tell whether a joiner does its work: in Arabic and Indic scripts, and between emoji."""
    if not before:
        return False
    if _joining(before):
        return character == _ZWJ or (bool(after) and _joining(after))
    emoji = {"So", "Sk"}
    selected = before == "\ufe0f" or unicodedata.category(before) in emoji
    return character == _ZWJ and selected and bool(after) and unicodedata.category(after) in emoji


def _joining(character: str) -> bool:
    shapes = "\u0600" <= character <= "\u1cff" or "\ua800" <= character <= "\uabff"
    return shapes and unicodedata.category(character)[0] in "LM"


def _selects(before: str, after: str) -> bool:
    """Tell whether a variation selector has something to vary; runs of them smuggle bytes."""
    if not before or before.isspace() or _SELECTOR.match(before) or _MARK.match(before):
        return False
    return (
        after == "\u20e3"
        if before.isascii()
        else not unicodedata.name(before, "").startswith("LATIN")
    )


def _spaced(text: str) -> str:
    cjk = bool(_CJK.search(text))

    def space(match: re.Match[str]) -> str:
        start, end = match.span()
        before, after = text[max(start - 1, 0) : start], text[end : end + 1]
        found = match[0]
        if found == "\u3000":
            return found if cjk else " "
        french = before == "«" or (after != "" and after in "!?:;«»%€")
        number = before.isdigit() and after.isalnum()
        return found if found in "\u00a0\u202f" and (french or number) else " "

    return _SPACES.sub(space, text)


def _unmarked(text: str) -> str:
    """Take heaps of marks off, and marks that decorate a whole Latin word."""
    text = _HEAP.sub("", _OVERLAY.sub("", text))

    def word(match: re.Match[str]) -> str:
        bare = _MARK.sub("", match[0])
        marked = len(_MARK.findall(match[0]))
        return bare if marked >= 3 and marked * 2 >= len(bare) else match[0]

    return _MARKED.sub(word, text)
