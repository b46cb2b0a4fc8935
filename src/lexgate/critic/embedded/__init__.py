"""The embedded models: real transformers directories, trained here on first use.

Four candidates and a critic of a small world that `_world` generates. They exist so that the whole
job can be run and tested without a model hub. They know nothing, and none of them is to be called
safe. Importing this loads no heavy library; the models are trained by processes of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["NAMES", "directory", "prepare"]

NAMES = ("careful", "reckless", "overcautious", "forgetful", "critic")


def directory(name: str, report: Callable[[str], None] | None = None) -> Path:
    """Return the transformers directory of one embedded model.

    The first use on a machine trains all of them, in about a minute; after that they come from the
    cache: `$LEXGATE_CACHE`, `$XDG_CACHE_HOME/lexgate` or `~/.cache/lexgate`.

    Args:
        name: One of `NAMES`.
        report: Told one line per step of progress, from the calling thread.

    Raises:
        UsageError: there is no such model, a library is missing, or the cache cannot be written.
        EvidenceError: training failed, or the models missed the floors of their own check.
    """
    from lexgate.critic.embedded._build import build
    from lexgate.errors import UsageError

    if name not in NAMES:
        raise UsageError(f"there is no embedded model {name!r}: there are {', '.join(NAMES)}")
    return build(NAMES, report or _silent) / name


def prepare(report: Callable[[str], None] | None = None) -> None:
    """Train all embedded models if the cache does not hold them; raises as `directory` does."""
    directory(NAMES[0], report)


def _silent(_: str) -> None:
    pass
