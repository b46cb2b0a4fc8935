"""Names and options of light critics and cascades."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lexgate.critic._protocols import Settles
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lexgate.constitutions import Constitution
    from lexgate.critic._prompts import CriticPrompt
    from lexgate.critic._protocols import Backend

__all__ = ["LIGHT", "open_cascade", "open_light", "refuse_idle"]

_ENCODED = "exemplars+encoder"
LIGHT = ("checks", "exemplars", _ENCODED)
_CASCADE = ("audit", "band", "seed")
_TAKERS = {  # option -> the names of which one must be there
    "labels": ("exemplars", _ENCODED),
    "encoder": (_ENCODED,),
    "encoder_sha256": (_ENCODED,),
}


def refuse_idle(
    names: Sequence[str], parts: Sequence[str], options: Mapping[str, str]
) -> dict[str, str]:
    """Return the options that are the models'; refuse one of ours that nothing would take.

    Raises:
        UsageError: an option has nobody to go to.
    """
    for key, takers in _TAKERS.items():
        if key in options and not any(taker in parts for taker in takers):
            raise UsageError(f"the option {key} is for the critic {' or '.join(takers)} only")
    for key in _CASCADE:
        if key in options and not any(">" in name for name in names):
            raise UsageError(f"the option {key} is for cascades, such as exemplars>hf/PATH, only")
    return {key: v for key, v in options.items() if key not in {*_TAKERS, *_CASCADE}}


def open_light(name: str, constitution: Constitution, options: Mapping[str, str]) -> Backend | None:
    """Open a light critic; None where the name is another's.

    Raises:
        UsageError: the encoder or its pin is missing or another; a file of labels is not there.
        InvalidFile: lines of the file of labels are wrong.
        EvidenceError: the encoder's files are damaged.
    """
    if name == "checks":
        from lexgate.critic._checks import ChecksBackend

        return ChecksBackend(constitution)
    if name not in LIGHT:
        return None
    from lexgate.critic._exemplars import ExemplarsBackend
    from lexgate.critic._labels import read_labels

    labels = read_labels(Path(options["labels"]), constitution) if "labels" in options else ()
    if name != _ENCODED:
        return ExemplarsBackend(constitution, labels)
    if "encoder" not in options:
        raise UsageError(
            f"{_ENCODED} needs encoder=DIR, a sentence encoder as transformers saves it, and "
            "encoder_sha256=HASH, the sha256 of its safetensors file"
        )
    from lexgate.critic.hf._encoder import open_encoder

    encoder = open_encoder(Path(options["encoder"]), options.get("encoder_sha256", ""))
    return ExemplarsBackend(constitution, labels, encoder)


def open_cascade(
    name: str,
    stages: Sequence[Backend],
    prompts: Sequence[CriticPrompt],
    options: Mapping[str, str],
) -> Backend:
    """Join backends to a cascade.

    Raises:
        UsageError: a stage settles whole principles, as recorded verdicts do, or stands twice, or an option is no number.
    """
    from lexgate.critic._cascade import BAND, SHARE, CascadeBackend

    names = name.split(">")
    for part, stage in zip(names, stages, strict=True):
        if isinstance(stage, Settles):
            raise UsageError(
                f"{part} cannot be a stage of a cascade, for it settles whole principles: name it "
                "before the cascade, separated by a comma"
            )
        if names.count(part) > 1:
            raise UsageError(f"the cascade {name} names {part!r} twice")
    share, band = (
        _number(options, key, usual) for key, usual in (("audit", SHARE), ("band", BAND))
    )
    seed = options.get("seed", "0")
    return CascadeBackend(stages, prompts, share=share, band=band, seed=seed)


def _number(options: Mapping[str, str], key: str, usual: float) -> float:
    try:
        return float(options.get(key, usual))
    except ValueError as error:
        raise UsageError(f"{key} must be a number, found {options[key]!r}") from error
