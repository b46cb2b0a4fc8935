"""Model text is hostile everywhere: this module makes text safe to print on a terminal."""

from __future__ import annotations

import unicodedata

__all__ = ["has_hidden", "printable"]

# Cc controls (ANSI escapes begin with one), Cf format characters (bidirectional overrides, zero
# width), Cs lone surrogates, Zl/Zp line breaks a terminal may honour.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def printable(text: str, limit: int = 200) -> str:
    """Return one line in which every hidden character is spelled out, cut at `limit` characters."""
    cut = text[:limit]
    spelled = "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _HIDDEN
        else character
        for character in cut
    )
    return spelled + ("…" if len(text) > limit else "")


def has_hidden(text: str) -> bool:
    """Tell whether some character of a text does not show, other than a line break or a tab."""
    return any(c not in "\n\t" and unicodedata.category(c) in _HIDDEN for c in text)
