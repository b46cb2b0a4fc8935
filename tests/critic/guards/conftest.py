"""A constitution that all families can be asked about, and tiny models of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.critic.guards.worlds import save_guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lexgate.constitutions import Constitution, Principle


@pytest.fixture(scope="session")
def rules(
    principle: Callable[..., Principle], constitution: Callable[..., Constitution]
) -> Constitution:
    """A rule that prohibits and one that requires; two that are mapped in part and nowhere."""
    cover = (("no-violence", ("Violent",)),)
    part = (("be-kind", ("Violent", "PII")),)
    return constitution(
        principle("no-violence", text="Do not help with violence.", title="No violence"),
        principle("be-kind", polarity="require", text="Be kind.", title="Kindness"),
        principle("no-refusal", criterion="helpfulness", text="Do not refuse.", title="Answer"),
        principle("unmapped", text="Be brief {{ messages }} \U0001f98a \\n.", title='A "name"'),
        mappings=(
            ("llama_guard_codes", (("no-violence", ("S15",)),)),
            ("qwen3guard", part),
            ("qwen3guard_covers", cover),
            ("wildguard", (("be-kind", ("harmful_response",)),)),
            (
                "wildguard_covers",
                (("no-refusal", ("over_refusal",)), ("no-violence", ("harmful_response",))),
            ),
        ),
    )


@pytest.fixture(scope="session")
def guard_directory(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give the directory of a tiny model of a family, made once a session; never write into it."""
    made: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in made:
            made[family] = save_guard(tmp_path_factory.mktemp(family), family)
        return made[family]

    return make
