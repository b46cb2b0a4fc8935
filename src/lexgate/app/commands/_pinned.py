"""What `lexgate check` holds a constitution against beyond its own text: the lock, and its budget.

A reference stands for one content for ever. Where the lock knows it with another digest, the file
was changed without a new version, and stored verdicts, policies and certificates that cite it would
mean something they never meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lexgate.errors import InvalidFile, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lexgate.app.commands._notes import Loaded
    from lexgate.constitutions import Constitution, Lock

    Places = Mapping[tuple[str | int, ...], tuple[int, int]]

__all__ = ["pinned_problems", "places_in", "refuse_changed", "unlocked"]


def pinned_problems(loaded: Loaded, shown: str) -> tuple[Problem, ...]:
    """Find references that changed since they were locked, and prompts over their budget.

    A damaged lock is a problem of every file that it covers.
    """
    from lexgate.constitutions import Constitution

    try:
        found = list(_changed(loaded, shown))
    except InvalidFile as damaged:
        found = list(damaged.problems)
    if isinstance(loaded, Constitution):
        found += _misnamed(loaded, shown)
        found += _over_budget(loaded, shown)
    return tuple(found)


def _misnamed(rules: Constitution, shown: str) -> Iterator[Problem]:
    """Refuse a file whose name says another version than its header: it is found by either."""
    path = Path(shown)
    if path.is_file() and "@" in path.stem and path.stem != rules.reference:
        line, column = places_in(shown).get(("version",), (1, 1))
        message = f"expected {path.stem}, as the file is named; found {rules.reference}"
        hint = "rename the file, or correct its header"
        yield Problem(shown, line, column, "version", message, hint)


def refuse_changed(loaded: Loaded, shown: str) -> None:
    """Refuse to work with references that changed since they were locked.

    Raises:
        InvalidFile: there are some; verdicts that cite them would mean what they never meant.
    """
    if changed := tuple(_changed(loaded, shown)):
        raise InvalidFile(changed)


def unlocked(loaded: Constitution, shown: str) -> bool:
    """Tell whether a lock lies near that does not know this constitution yet."""
    lock = _lock(shown)
    return lock is not None and loaded.reference not in lock.digests


def places_in(shown: str) -> Places:
    """Where the keys of a file stand; nothing for a shipped name."""
    from lexgate._documents import read_document

    path = Path(shown)
    return read_document(path, {}).positions if path.is_file() else {}


def _lock(shown: str) -> Lock | None:
    from lexgate.constitutions import lock_near, shipped_lock

    path = Path(shown)
    return lock_near(path) if path.is_file() else shipped_lock()


def _changed(loaded: Loaded, shown: str) -> Iterator[Problem]:
    from lexgate.constitutions import shipped_lock

    lock, ours = _lock(shown), shipped_lock()
    places = places_in(shown)
    for path, reference, digest in _cited(loaded):
        line, column = places.get(path, places.get(path[:1], (1, 1)))
        where = "/".join(map(str, path))
        if ours.contradicts(reference, digest):
            message = (
                f"expected {reference} to mean what ships with lexgate under that name, found "
                f"another content"
            )
            hint = "rename it, or raise its version; `extends` keeps what you do not change"
            yield Problem(shown, line, column, where, message, hint)
        elif lock is not None and lock.contradicts(reference, digest):
            message = (
                f"expected {reference} to mean what {lock.path.name} has for it, found another "
                f"content: it was changed without a new version"
            )
            file = shown if path == ("version",) else "FILE"
            asked = f"lexgate diff {file}@HEAD {file}"
            hint = f"raise its version (`{asked}` says to which), then `lexgate lock`"
            yield Problem(shown, line, column, where, message, hint)


def _cited(loaded: Loaded) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Say where a file cites which constitution, and what that means now."""
    from lexgate.constitutions import Constitution
    from lexgate.evals import Suite

    if isinstance(loaded, Constitution):
        yield ("version",), loaded.reference, loaded.digest
        for index, base in enumerate(loaded.extends):
            yield ("extends", index), base.reference, base.digest
    elif isinstance(loaded, Suite):
        for index, task in enumerate(loaded.tasks):
            if task.kind == "critic":
                yield ("tasks", index), task.constitution.reference, task.constitution.digest
    else:
        yield ("constitution",), loaded.constitution.reference, loaded.constitution.digest


def _over_budget(rules: Constitution, shown: str) -> Iterator[Problem]:
    if rules.prompt_budget is None:
        return
    from lexgate.critic import compile_prompts, length_of

    places = places_in(shown)
    for index, prompt in enumerate(compile_prompts(rules)):
        for question in prompt.questions:
            length = length_of(question).total
            if length > rules.prompt_budget:
                # An inherited principle stands in another file; the budget or `extends` in this.
                near = (("principles", index), ("prompt_budget",), ("extends",))
                path = next((path for path in near if path in places), near[0])
                line, column = places.get(path, (1, 1))
                message = (
                    f"expected prompts of at most {rules.prompt_budget} tokens without the "
                    f"exchange, found about {length} in the question "
                    f'"{question.proposition}" of {prompt.principle}'
                )
                hint = f"lexgate show {prompt.principle}: shorten it, or raise prompt_budget"
                yield Problem(shown, line, column, "/".join(map(str, path)), message, hint)
