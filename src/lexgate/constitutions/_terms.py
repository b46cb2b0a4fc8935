"""Where a text uses a defined term: as it is written, and not as a part of another word."""

from __future__ import annotations

import re

__all__ = ["uses_term"]


def uses_term(term: str, text: str) -> bool:
    """Tell whether a text uses a term; C++ and (PII) are terms too."""
    return re.search(rf"(?<!\w){re.escape(term)}(?!\w)", text) is not None
