"""Letters that pass for Latin ones, of other alphabets and other styles, and when they do.

Whether a letter is a disguise is seen from its word. Russian, Greek, phonetic signs, a gene with a
Greek letter at its end, physics and Russian endings on Latin abbreviations are writing; one
Cyrillic letter in an English word, or a word of mathematical or circled letters, is ASCII to a
reader. Law (tested): a fold leaves fewer characters that are not ASCII.
"""

from __future__ import annotations

import re
import string
import unicodedata
from functools import cache

__all__ = ["folded"]


def _pairs(spelled: str) -> dict[str, str]:
    """Read groups of an ASCII letter and its lookalikes."""
    return {c: group[0] for group in spelled.split() for c in group[1:]}


# fmt: off
# Taken for Latin wherever they stand in a Latin word: Cyrillic, Greek, Armenian, Cherokee, numerals.
_ALIEN = _pairs(
    "A\u0410\u0391\u13aa B\u0412\u0392\u13f4 C\u0421\u03f9\u13df D\u13a0 E\u0415\u0395\u13ac F\u03dc "
    "G\u050c\u13c0 H\u041d\u0397\u13bb I\u0406\u0399\u04c0 J\u0408\u037f\u13ab K\u041a\u039a\u13e6 "
    "L\u13de M\u041c\u039c\u13b7 N\u039d O\u041e\u039f\u0555 P\u0420\u03a1\u13e2 Q\u051a R\u13a1 "
    "S\u0405\u054f\u13da T\u0422\u03a4\u13a2 U\u054d V\u0474\u13d9 W\u051c\u13b3 X\u0425\u03a7 "
    "Y\u04ae\u03a5 Z\u0396\u13c3 a\u0430 b\u044c c\u0441\u03f2\u217d d\u0501\u217e e\u0435\u04bd "
    "f\u0584 g\u0581 h\u04bb\u0570 i\u0456\u2170 j\u0458\u03f3 k\u043a l\u04cf\u217c m\u217f n\u0578 "
    "o\u043e\u03bf\u0585 p\u0440 q\u051b\u0566 r\u0433 s\u0455 u\u057d v\u0475\u2174 w\u051d\u0561 "
    "x\u0445\u2179 y\u0443\u04af"
)
# Symbols of formulas and sounds as well: taken for Latin only among three small letters.
_SYMBOL = _pairs("a\u03b1\u0251 g\u0261 i\u03b9\u0269 k\u03ba p\u03c1 u\u03c5 v\u03bd x\u03c7")
_SMALL = _pairs(
    "a\u1d00 b\u0299 c\u1d04 d\u1d05 e\u1d07 f\ua730 g\u0262 h\u029c i\u026a j\u1d0a k\u1d0b l\u029f "
    "m\u1d0d n\u0274 o\u1d0f p\u1d18 q\ua7af r\u0280 s\ua731 t\u1d1b u\u1d1c v\u1d20 w\u1d21 y\u028f "
    "z\u1d22"
)
# fmt: on
_CJK_POINTS = {0xFEE0 + ord(c) for c in "!%&()+,-/:;=?~"}  # ordinary full-width punctuation
_SCRIPTS = re.compile("[\u0370-\u03ff\u0400-\u052f\u0531-\u058f\u13a0-\u13f5]")
_LATIN = re.compile("[A-Za-z]")
_WORD = re.compile("[\\w\u2460-\u24ff\U0001f100-\U0001f189]+")
_LOAN = re.compile("[A-Z0-9]{2,}[\u0430-\u045f]+")  # a Russian ending


def folded(text: str, *, cjk: bool) -> str:
    """Fold what passes for Latin; `cjk` leaves the full-width punctuation of Chinese alone."""
    if text.isascii():
        return text
    always, points, sometimes = _styles()
    text = text.translate(always if cjk else always | points)
    # A Latin text that has no other Cyrillic or Greek letters has no Cyrillic or Greek words.
    strangers = _SCRIPTS.findall(text)
    alone = len(_LATIN.findall(text)) > len(strangers) and all(
        c in _ALIEN or c in _SYMBOL for c in strangers
    )
    return _WORD.sub(lambda match: _word(match[0], sometimes, alone=alone), text)


def _word(word: str, styles: dict[str, str], *, alone: bool) -> str:
    if word.isascii() or _LOAN.fullmatch(word):
        return word
    if sum(c in styles for c in word) >= 3:
        word = "".join(styles.get(c, c) for c in word)
    small = sum(c in string.ascii_lowercase for c in word)
    latin = sum(c.isascii() and c.isalpha() for c in word)
    foreign = sum(not c.isascii() and c.isalpha() and c not in _ALIEN for c in word)
    # Accents are Latin too: who writes `café` with a Cyrillic letter in it is disguising.
    accented = sum(0xC0 <= ord(c) <= 0x24F and c.isalpha() for c in word)
    symbols = sum(c in _SYMBOL for c in word)
    strange = foreign - accented - symbols
    if latin > strange or (alone and not foreign and not latin):
        word = "".join(_ALIEN.get(c, c) for c in word)
    if small >= 3 and not strange:
        word = "".join(_SYMBOL.get(c, c) for c in word)
    return word


@cache
def _styles() -> tuple[dict[int, str], dict[int, str], dict[str, str]]:
    """List the forms of ASCII characters: always a style, full-width points, a style in company."""
    always, points, company = {}, {}, dict(_SMALL)
    for start in (0x1F150, 0x1F170):  # white on black
        company |= {chr(start + i): letter for i, letter in enumerate(string.ascii_uppercase)}
    blocks = (
        (0x2B0, 0x2E4),
        (0x1D2C, 0x1DC0),
        (0x2070, 0x2190),
        (0x2460, 0x24F0),
        (0xFB00, 0xFB07),
    )
    further = ((0xFF01, 0xFF5F), (0x1D400, 0x1D800), (0x1F100, 0x1F150), (0x17F, 0x180))
    for code in (code for low, high in (*blocks, *further) for code in range(low, high)):
        kind = unicodedata.decomposition(chr(code)).partition(" ")[0]
        plain = unicodedata.normalize("NFKC", chr(code)).strip("()") or "()"
        if not kind.startswith("<") or not plain.isascii():
            continue
        if code in _CJK_POINTS:
            points[code] = unicodedata.normalize("NFKC", chr(code))
        elif 0xFB00 <= code < 0x1F100 or code == 0x17F:
            always[code] = plain
        elif len(plain) == 1 and plain.isalpha():
            company[chr(code)] = plain
    return always, points, company
