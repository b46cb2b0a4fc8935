"""Names to things: `provider/name` to a model, a list of names to a critic.

Names never import code: each provider is a line in a table here, and its heavy library loads only
when it is opened.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from lexgate.critic._critic import Critic
from lexgate.critic._open_light import LIGHT, open_cascade, open_light, refuse_idle
from lexgate.critic._prompts import compile_prompts
from lexgate.critic._scripted import SCRIPTS, ScriptedModel
from lexgate.critic.guards._open import FAMILIES, open_guard
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lexgate.constitutions import Constitution
    from lexgate.critic._protocols import Backend, Model

    ModelFactory = Callable[[str, Mapping[str, str], bool], Model]

__all__ = ["open_critic", "open_model"]

_NO_OPTIONS: Mapping[str, str] = {}


def open_model(
    name: str, options: Mapping[str, str] = _NO_OPTIONS, *, allow_code: bool = False
) -> Model:
    """Open `hf/PATH-or-hub-id`, `demo/NAME` or `scripted/NAME`.

    `options` are what `-M key=value` gives: for `hf/` and `demo/` they are dtype, device,
    batch_size, and for hub ids revision. Code of the model's own runs only with `allow_code`.

    Raises:
        UsageError: there is no such provider, name or option, or the directory is not a model.
        EvidenceError: the model's files are damaged.
    """
    provider, _, rest = name.partition("/")
    if provider not in _MODELS or not rest:
        raise _unknown("model", name, [f"{known}/NAME" for known in _MODELS])
    return _MODELS[provider](rest, options, allow_code)


def open_critic(
    names: Sequence[str],
    constitution: Constitution,
    options: Mapping[str, str] = _NO_OPTIONS,
    *,
    allow_code: bool = False,
) -> Critic:
    """Open a critic on a constitution: one backend per name, asked in the order given.

    Names are `checks`, `exemplars`, `recorded/FILE`, a model that scores labels: `hf/…`,
    `demo/critic`, `scripted/yes`, `scripted/no`, or a guard in its own format (`docs/guards.md`),
    such as `llama-guard/PATH`; `exemplars+encoder` adds a sentence encoder. Names joined by `>`
    are a cascade. `labels`, `encoder` and `encoder_sha256` go to `exemplars`, `audit`, `band` and
    `seed` to cascades, all other `options` to the models.

    Raises:
        UsageError: no names, a name twice, an unknown one, or options that nothing takes.
        EvidenceError: a model's files are damaged.
    """
    if not names:
        raise UsageError("a critic needs at least one backend, such as `checks`")
    for name in names:
        if not all(part.strip() == part and part for part in name.split(">")):
            raise UsageError(
                f"the critic {name!r} names nothing on one side of a >, or has spaces beside it: "
                "a cascade is written exemplars>hf/PATH"
            )
        if names.count(name) > 1:
            raise UsageError(f"the critic names {name!r} twice")
    parts = [part for name in names for part in name.split(">")]
    of_models = refuse_idle(names, parts, options)
    if of_models and not any(p.partition("/")[0] in {*_MODELS, *FAMILIES} for p in parts):
        given = ", ".join(sorted(of_models))
        raise UsageError(f"none of the critics {', '.join(names)} takes options (given: {given})")
    prompts = compile_prompts(constitution)

    def opened(name: str) -> Backend:
        if light := open_light(name, constitution, options):
            return light
        return _backend(name, constitution, of_models, allow_code)

    backends = [
        open_cascade(name, [opened(part) for part in name.split(">")], prompts, options)
        if ">" in name
        else opened(name)
        for name in names
    ]
    return Critic(prompts, backends)


def _backend(
    name: str, constitution: Constitution, options: Mapping[str, str], allow_code: bool
) -> Backend:
    provider, _, rest = name.partition("/")
    if provider == "recorded" and rest:
        from lexgate.critic._recorded import RecordedBackend

        return RecordedBackend(Path(rest), constitution, name)
    if provider in FAMILIES and rest:
        return open_guard(provider, rest, constitution, options, allow_code=allow_code)
    if provider in _MODELS and rest:
        return _model_backend(name, options, allow_code)
    known = [*LIGHT, "recorded/FILE", *(f"{p}/NAME" for p in _MODELS)]
    known += [f"{family}/PATH" for family in FAMILIES]
    raise _unknown("critic", name, known)


def _model_backend(name: str, options: Mapping[str, str], allow_code: bool) -> Backend:
    from lexgate.critic._reader import ModelBackend

    provider, _, rest = name.partition("/")
    if provider == "openai":
        from lexgate.critic.openai._backend import open_backend

        return open_backend(rest, options)
    critics = {"demo": ("critic",), "scripted": ("yes", "no")}.get(provider, (rest,))
    if rest not in critics:
        fitting = " or ".join(f"{provider}/{critic}" for critic in critics)
        raise UsageError(f"{name} scores no labels, so it cannot be a critic; {fitting} can")
    return ModelBackend(open_model(name, options, allow_code=allow_code), _trained_for(provider))


def _trained_for(provider: str) -> frozenset[str] | None:
    if provider != "demo":
        return None
    from lexgate.critic.embedded._build import questions

    return frozenset(question.digest for question in questions())


def _open_hf(rest: str, options: Mapping[str, str], allow_code: bool) -> Model:
    from lexgate.critic.hf._model import open_hf

    return open_hf(rest, options, allow_code=allow_code)


def _open_vllm(rest: str, options: Mapping[str, str], allow_code: bool) -> Model:
    from lexgate.critic.vllm._model import open_vllm

    return open_vllm(rest, options, allow_code=allow_code)


def _open_demo(rest: str, options: Mapping[str, str], allow_code: bool) -> Model:
    del allow_code  # what was trained here has no code of its own
    from lexgate.critic import embedded

    if rest not in embedded.NAMES:
        raise _unlisted("embedded model", rest, embedded.NAMES)
    from lexgate.critic.hf._model import open_directory

    note = ("note", "trained here from templates, knows nothing")
    return open_directory(embedded.directory(rest), f"demo/{rest}", options, details=(note,))


def _open_scripted(rest: str, options: Mapping[str, str], allow_code: bool) -> ScriptedModel:
    del allow_code  # scripts are ours
    if rest not in SCRIPTS:
        raise _unlisted("script", rest, SCRIPTS)
    if options:
        raise UsageError(f"scripted/{rest} takes no options (given: {', '.join(sorted(options))})")
    return SCRIPTS[rest]()


def _open_openai(rest: str, options: Mapping[str, str], allow_code: bool) -> Model:
    del allow_code  # what runs on a server runs there
    from lexgate.critic.openai._model import open_model as open_served

    return open_served(rest, options)


_MODELS: dict[str, ModelFactory] = {
    "hf": _open_hf,
    "demo": _open_demo,
    "scripted": _open_scripted,
    "openai": _open_openai,
    "vllm": _open_vllm,
}


def _unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    if Path(name).is_dir():
        return UsageError(f"unknown {kind} {name!r}: that is a directory; did you mean hf/{name}?")
    return _unlisted(kind, name, known)


def _unlisted(kind: str, name: str, known: Iterable[str]) -> UsageError:
    candidates = list(known)
    stems = {known_name.partition("/")[0]: known_name for known_name in candidates}
    near = difflib.get_close_matches(name.partition("/")[0], stems, n=1)
    meant = f" (did you mean {stems[near[0]]}?)" if near else ""
    return UsageError(f"unknown {kind} {name!r}{meant}; known: {', '.join(candidates)}")
