"""The words a compiled prompt is built with, which no text of a rule may hold.

A critic's prompt is lines: terms, the rule, its exceptions, the question, and how to answer. A text
that begins a line with one of these words, or opens a fence, would be read as part of the frame.
"""

from __future__ import annotations

__all__ = ["ANSWER", "EXCEPTION", "FENCE", "QUESTION", "RULE", "reserved_in"]

FENCE = "```"  # opens and closes what is judged; longer runs where the text holds one
RULE = "Rule:"
EXCEPTION = "Exception:"
QUESTION = "Question:"
ANSWER = "Answer yes or no."


def reserved_in(text: str) -> str:
    """Return the first of the reserved words that stands in a text where it would count, or ''."""
    if FENCE in text:
        return FENCE
    for line in text.splitlines():
        begin = line.strip()
        for word in (RULE, EXCEPTION, QUESTION, ANSWER):
            if begin.casefold().startswith(word.casefold()):
                return word
    return ""
