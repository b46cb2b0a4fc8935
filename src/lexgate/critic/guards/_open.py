"""Opening a guard: `FAMILY/PATH` to a backend on a constitution.

The model is opened as `hf/` opens it, and gets the family's chat template in place of its own. A
tokenizer that lacks one of the family's control tokens is not the family's: its words would be read
as text, and the guard would be asked something it was never trained on. That is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lexgate.critic._protocols import Silence
from lexgate.critic.guards._asker import Asker
from lexgate.critic.guards._guard import Family, Guard
from lexgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lexgate.constitutions import Constitution
    from lexgate.critic._exchange import Conversation
    from lexgate.critic.hf._model import HfModel

__all__ = ["FAMILIES", "family_of", "open_guard"]


def _llama_guard(rules: Constitution, options: dict[str, str]) -> Family:
    from lexgate.critic.guards._llama_guard import LlamaGuard

    return LlamaGuard(rules, options.pop("version", "3"))


def _shieldgemma(rules: Constitution, options: dict[str, str]) -> Family:
    del options
    from lexgate.critic.guards._shieldgemma import ShieldGemma

    return ShieldGemma(rules)


def _granite_guardian(rules: Constitution, options: dict[str, str]) -> Family:
    del options
    from lexgate.critic.guards._granite_guardian import GraniteGuardian

    return GraniteGuardian(rules)


def _wildguard(rules: Constitution, options: dict[str, str]) -> Family:
    del options
    from lexgate.critic.guards._wildguard import WildGuard

    return WildGuard(rules)


def _qwen3guard(rules: Constitution, options: dict[str, str]) -> Family:
    del options
    from lexgate.critic.guards._qwen3guard import Qwen3Guard

    return Qwen3Guard(rules)


def _gpt_oss_safeguard(rules: Constitution, options: dict[str, str]) -> Family:
    from lexgate.critic.guards._gpt_oss_safeguard import GptOssSafeguard

    most = options.pop("max_new_tokens", "2048")
    if not most.isdecimal() or int(most) < 1:
        raise UsageError(
            f"gpt-oss-safeguard: max_new_tokens must be a positive whole number, not {most!r}"
        )
    return GptOssSafeguard(rules, options.pop("reasoning", "medium"), int(most))


FAMILIES: dict[str, Callable[[Constitution, dict[str, str]], Family]] = {
    "gpt-oss-safeguard": _gpt_oss_safeguard,
    "granite-guardian": _granite_guardian,
    "llama-guard": _llama_guard,
    "qwen3guard": _qwen3guard,
    "shieldgemma": _shieldgemma,
    "wildguard": _wildguard,
}


def family_of(name: str, rules: Constitution, **options: str) -> Family:
    """Make a family's prompts, without a model."""
    return FAMILIES[name](rules, options)


def open_guard(
    family: str,
    reference: str,
    rules: Constitution,
    options: Mapping[str, str],
    *,
    allow_code: bool = False,
) -> Guard:
    """Open a guard on a constitution.

    Raises:
        UsageError: a wrong option, a rule that the family's format cannot hold, no such model, or
            one that is not of the family.
        EvidenceError: the model's files are damaged.
    """
    from lexgate.critic.hf._model import open_hf

    rest = dict(options)
    made = FAMILIES[family](rules, rest)
    name = f"{family}/{reference}"
    model = _dressed(made, name, open_hf(reference, rest, allow_code=allow_code))
    return Guard(made, Asker(model, name, _guarding(model)))


def _dressed(family: Family, name: str, model: HfModel) -> HfModel:
    """Give a model the family's chat template and end marks."""
    from lexgate.critic.hf._model import HfModel

    tokenizer = model.tokenizer
    for token in family.controls:
        if len(_ids(tokenizer, token)) != 1:
            raise UsageError(f"{name} is no {family.name}: its tokenizer has no token {token}")
    if family.template is None:
        _require_policy(family, name, tokenizer)
    else:
        tokenizer.chat_template = family.template
    ends = [_ids(tokenizer, token)[0] for token in getattr(family, "ends", ())]
    config = model.network.generation_config
    config.eos_token_id = sorted({*ends, *(config.eos_token_id or ())}) or None
    return HfModel(model.network, tokenizer, model.identity, batch_size=model.batch_size)


def _require_policy(family: Family, name: str, tokenizer: Any) -> None:
    """Refuse a model whose own template does not ask for the family's reply."""
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}]
    rendered = ""
    if tokenizer.chat_template:
        try:
            rendered = tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # a template is a program, and may raise anything
            raise UsageError(f"{name}: its chat template fails: {error}") from error
    for words in getattr(family, "asks_for", ()):
        if words not in rendered:
            raise UsageError(
                f"{name} is no {family.name}: its chat template does not ask for {words!r}"
            )


def _ids(tokenizer: Any, token: str) -> list[int]:
    ids: list[int] = tokenizer(token, add_special_tokens=False)["input_ids"]
    return ids


def _guarding(
    model: HfModel,
) -> Callable[[Sequence[Conversation], int], list[Conversation | Silence]]:
    """Make what judged text passes before a reply to it is generated."""
    from lexgate.critic.hf._tokens import Tokens

    tokens, name, context = Tokens(model.tokenizer), model.identity.name, model.context

    def guard(conversations: Sequence[Conversation], most: int) -> list[Conversation | Silence]:
        guarded: list[Conversation | Silence] = []
        for one in tokens.guarded(conversations):
            if isinstance(one, Silence):
                guarded.append(Silence(one.reason, f"{name}: {one.detail}"))
            elif context is not None and len(one.ids) + most > context:
                detail = f"{len(one.ids)} tokens and {most} new ones, {context} fit"
                guarded.append(Silence("too_long", f"{name}: {detail}"))
            else:
                guarded.append(one.conversation)
        return guarded

    return guard
