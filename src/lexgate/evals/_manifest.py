"""What stands in `run.json`: everything the numbers of a run depend on, by content.

Two evaluations whose manifests agree may share rows; where they differ, `differences` says in
which part, so that nobody mixes answers of two candidates or verdicts of two critics.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from lexgate import __version__
from lexgate.critic import root_of
from lexgate.evals._read_data import read_records
from lexgate.evals._suite import AccuracyTask, CriticTask, LmEvalTask, Suite, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lexgate.critic import Critic, Identity

__all__ = ["contents_of", "differences", "given_by_all", "least"]

_LIBRARIES = ("torch", "transformers", "tokenizers", "lm-eval", "scikit-learn", "numpy")


def contents_of(
    suite: Suite,
    candidate: Identity,
    critic: Critic | None,
    limit: int | None,
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """State what a run of `suite` is about, for `create_run`.

    `counts` holds the number of samples of tasks whose data lm-eval owns, limits applied.
    """
    constitution = None
    prompts: dict[str, str] = {}
    for task in suite.tasks:
        if isinstance(task, CriticTask) and critic is not None:
            cited = task.constitution
            constitution = {
                "reference": cited.reference,
                "digest": cited.digest,
                "root": root_of(cited),
            }
            prompts |= {id_: critic.prompts[id_].digest for id_ in task.principles}
    return {
        "suite": {"name": suite.name, "version": suite.version, "digest": suite.digest},
        "limit": limit,
        "tasks": [_task(task, limit, counts) for task in suite.tasks],
        "constitution": constitution,
        "prompts": prompts,
        "candidate": _identity(candidate),
        "critic": _critic(critic),
        "decoding": {
            "max_new_tokens": suite.decoding.max_new_tokens,
            "temperature": suite.decoding.temperature,
        },
        "environment": _environment(),
    }


def differences(standing: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say in which parts two manifests differ, in the words of a person; empty when in none."""
    found = _named("candidate", standing["candidate"], wanted["candidate"])
    found += _critics(standing["critic"], wanted["critic"])
    then, now = standing["prompts"], wanted["prompts"]
    changed = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    found += [f"the constitution's prompts for {name}" for name in changed]
    before = {task["id"]: task for task in standing["tasks"]}
    after = {task["id"]: task for task in wanted["tasks"]}
    for name in sorted({*before, *after}):
        old, new = before.get(name, {}), after.get(name, {})
        if old.get("data_digest") != new.get("data_digest"):
            found.append(f"the data of the task {name}")
        elif old != new:
            found.append(f"the task {name}")
    return found + _coarse(standing, wanted)


def given_by_all(task: CriticTask, limit: int | None) -> list[str]:
    """Name the propositions that every sample of a task states, sorted."""
    stated = [{name for name, _ in sample.given} for sample in task.samples[:limit]]
    return sorted(set.intersection(*stated)) if stated else []


def least(*limits: int | None) -> int | None:
    """Return the smallest limit given; None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)


def _task(task: Task, limit: int | None, counts: Mapping[str, int]) -> dict[str, Any]:
    plain: dict[str, Any] = {"id": task.id, "kind": task.kind, "data_digest": task.data_digest}
    if isinstance(task, LmEvalTask):
        own = counts[task.id] if task.data is None else len(read_records(task.data))
        return plain | {"samples": least(own, task.limit, limit), "metric": task.metric}
    plain["samples"] = len(task.samples[:limit])
    if isinstance(task, AccuracyTask):
        return plain | {"metric": task.scorer}
    return plain | {"principles": list(task.principles), "given": given_by_all(task, limit)}


def _identity(identity: Identity) -> dict[str, Any]:
    return {
        "name": identity.name,
        "digest": identity.digest,
        "details": dict(identity.details),
    }


def _critic(critic: Critic | None) -> dict[str, Any] | None:
    if critic is None:
        return None
    whole = critic.identity
    backends = [_identity(member) for member in critic.members]
    return {"name": whole.name, "digest": whole.digest, "backends": backends}


def _environment() -> dict[str, str]:
    found = {"lexgate": __version__, "python": platform.python_version()}
    found |= {"system": platform.system(), "machine": platform.machine()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _coarse(standing: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Compare what a manifest says in few words: how, how much, by which rules, on which suite."""
    then, now = standing["decoding"], wanted["decoding"]
    found = [f"the decoding's {change}" for change in _changes(then, now)]
    if standing["limit"] != wanted["limit"]:
        found.append(_then_now("the limit", standing["limit"], wanted["limit"]))
    if standing["constitution"] != wanted["constitution"]:
        references = [(m["constitution"] or {}).get("reference") for m in (standing, wanted)]
        found.append(_then_now("the constitution", *references))
    if standing["suite"] != wanted["suite"]:
        references = [f"{m['suite']['name']}@{m['suite']['version']}" for m in (standing, wanted)]
        found.append(_then_now("the suite", *references))
    return found


def _named(label: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    if then["digest"] != now["digest"]:
        return [f"the {label} weights ({then['name']} then, {now['name']} now)"]
    return [f"the {label}'s {change}" for change in _settings(then, now)]


def _critics(then: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> list[str]:
    if then is None or now is None:
        return [] if then == now else ["the critic (only one of the two has one)"]
    if then["digest"] != now["digest"]:
        return [f"the critic ({then['name']} then, {now['name']} now)"]
    found = _changes({"name": then["name"]}, {"name": now["name"]})
    for old, new in zip(then["backends"], now["backends"], strict=False):
        found += _settings(old, new)
    return [f"the critic's {change}" for change in found]


def _settings(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what differs between two identities of the same bytes: the name, or how it was opened."""
    return _changes(
        {"name": then["name"]} | dict(then["details"]), {"name": now["name"]} | dict(now["details"])
    )


def _changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        _then_now(key, then.get(key), now.get(key))
        for key in {**then, **now}
        if then.get(key) != now.get(key)
    ]


def _then_now(what: str, then: object, now: object) -> str:
    if then == now:
        return f"{what} (still {then}, with other content)"
    shown = ["none" if value is None else str(value) for value in (then, now)]
    return f"{what} ({shown[0]} then, {shown[1]} now)"
