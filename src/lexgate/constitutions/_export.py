"""What a constitution becomes in another format: its files, and what they cannot say.

An exporter never drops anything in silence: whatever the format has no place for stands in `lost`,
one sentence for each kind of thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Export"]


@dataclass(frozen=True, slots=True)
class Export:
    """The files of one target: POSIX path below the output directory -> bytes (UTF-8 text, LF)."""

    files: Mapping[str, bytes]
    lost: tuple[str, ...] = ()  # what the format cannot say; sorted, each a sentence
