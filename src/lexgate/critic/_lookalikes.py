"""Letters that pass for Latin ones: other alphabets' and other styles', and when they do.

Whether a letter is a disguise is seen from its word: Russian, Greek, IPA, `TNFα`, `ρgh` and `SMSка` are
writing, while `kіll` with a Cyrillic letter, `𝐤𝐢𝐥𝐥` and `ⓚⓘⓛⓛ` are ASCII to a reader.
"""

from __future__ import annotations

import re
import string
import unicodedata

__all__ = ["folded"]


def _pairs(spelled: str) -> dict[str, str]:
    """Read `ASCII letter, then its lookalikes`, separated by blanks."""
    return {c: group[0] for group in spelled.split() for c in group[1:]}


# fmt: off
# Taken for Latin wherever they stand in a Latin word.
_ALIEN = _pairs(
    "A\u0410\u0391\u13aa B\u0412\u0392\u13f4 C\u0421\u03f9\u13df D\u13a0 E\u0415\u0395\u13ac F\u03dc "
    "G\u050c\u13c0 H\u041d\u0397\u13bb I\u0406\u0399\u04c0 J\u0408\u037f\u13ab K\u041a\u039a\u13e6 "
    "L\u13de M\u041c\u039c\u13b7 N\u039d O\u041e\u039f\u0555 P\u0420\u03a1\u13e2 Q\u051a R\u13a1 "
    "S\u0405\u054f\u13da T\u0422\u03a4\u13a2 U\u054d V\u0474\u13d9 W\u051c\u13b3 X\u0425\u03a7 "
    "Y\u04ae\u03a5 Z\u0396\u13c3 a\u0430 b\u044c c\u0441\u03f2 d\u0501 e\u0435\u04bd f\u0584 g\u0581 "
    "h\u04bb\u0570 i\u0456\u0131\u2170 j\u0458\u03f3 k\u043a l\u04cf\u217c m\u217f n\u0578 o\u043e\u03bf\u0585 "
    "p\u0440 q\u051b\u0566 r\u0433 s\u0455 u\u057d v\u0475\u2174 w\u051d\u0561 x\u0445\u2179 y\u0443\u04af "
    "c\u217d d\u217e"
)
# Symbols of formulas and sounds as well: taken for Latin only among three small letters or more.
_SYMBOL = _pairs("a\u03b1\u0251 g\u0261 i\u03b9\u0269 k\u03ba n\u03b7 p\u03c1 t\u03c4 u\u03c5 v\u03bd y\u03b3 w\u03c9 x\u03c7")
_SMALL = _pairs(
    "a\u1d00 b\u0299 c\u1d04 d\u1d05 e\u1d07 f\ua730 g\u0262 h\u029c i\u026a j\u1d0a k\u1d0b l\u029f "
    "m\u1d0d n\u0274 o\u1d0f p\u1d18 q\ua7af r\u0280 s\ua731 t\u1d1b u\u1d1c v\u1d20 w\u1d21 y\u028f z\u1d22"
)
# fmt: on
_NEGATIVE = {
    chr(start + i): letter
    for start in (0x1F150, 0x1F170)
    for i, letter in enumerate(string.ascii_uppercase)
}
_PUNCTUATION = dict.fromkeys("，！？：；（）～％＋＝－／＆")  # ordinary in Chinese and Japanese  # noqa: RUF001


def _styles() -> tuple[dict[str, str], dict[str, str]]:
    """List the compatibility forms of ASCII: those that are always a style, those that may not be."""
    always: dict[str, str] = {}
    sometimes: dict[str, str] = {**_SMALL, **_NEGATIVE}
    ranges = ((0x2070, 0x2190), (0x2460, 0x24F0), (0x1D2C, 0x1DBF), (0xFF01, 0xFF5F), (0xFB00, 0xFB07),
              (0x1D400, 0x1D800), (0x1F100, 0x1F170), (0x2B0, 0x2E4))  # fmt: skip
    for code in (0x17F, *(code for low, high in ranges for code in range(low, high))):
        character = chr(code)
        kind = unicodedata.decomposition(character).partition(" ")[0]
        plain = unicodedata.normalize("NFKC", character).strip("()")
        if not plain.isascii() or not kind.startswith("<"):
            continue
        if kind == "<wide>" or 0xFB00 <= code <= 0xFB06 or code >= 0x1D400 > 0xFFFF or code == 0x17F:
            always[character] = plain
        elif kind == "<font>" and code > 0xFFFF:
            always[character] = plain
        elif len(plain) == 1 and plain.isalpha():
            sometimes[character] = plain
    return always, sometimes
