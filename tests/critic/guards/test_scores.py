"""What a guard reads is what a plain forward pass says, and yes means what its file says."""

import json
import math
from dataclasses import replace

import pytest
from tests.critic.guards.worlds import TOKENS, exchange, replying
from tests.critic.targets.guard_worlds import export

from lexgate.critic import Answer, Exchange, Silence, as_conversation, open_critic
from lexgate.critic.guards._open import FAMILIES

SCORED = [name for name in TOKENS if name != "gpt-oss-safeguard"]
TALKS = [
    Exchange(as_conversation("How do I bake a cake?"), "Sure."),
    Exchange(as_conversation("Why?"), "No."),
]


def open_guard(guard_directory, rules, name, **options):
    if name.endswith("-4"):
        options["version"] = "4"
    reference = f"{name.removesuffix('-4')}/{guard_directory(name)}"
    return open_critic([reference], rules, options).backends[0]


def labels_of(guard):
    if guard.family.name == "granite-guardian":
        return [label for side in guard.family.labels("no-violence") for label in side]
    return list(guard.family.labels)


@pytest.mark.models
@pytest.mark.parametrize("name", SCORED)
def test_label_probabilities_are_those_of_a_plain_forward_pass(name, guard_directory, rules):
    import torch

    guard = open_guard(guard_directory, rules, name)
    model, labels = guard._asker.model, labels_of(guard)
    one = guard.family.name in {"shieldgemma", "granite-guardian"}
    asked = [guard.family.conversation(*(["no-violence", e] if one else [e])) for e in TALKS]
    for conversation, scored in zip(asked, guard._asker.scores(asked, labels), strict=True):
        turns = [{"role": m.role, "content": m.content} for m in conversation]
        text = model.tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True
        )
        prompt = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        for label, p in zip(labels, scored.p, strict=True):
            ids = model.tokenizer(text + label, add_special_tokens=False)["input_ids"]
            pairs = enumerate(zip(prompt, ids, strict=False))
            first = next((at for at, (a, b) in pairs if a != b), len(prompt))
            with torch.inference_mode():
                table = torch.log_softmax(model.network(torch.tensor([ids])).logits[0].float(), -1)
            plain = sum(float(table[at - 1, ids[at]]) for at in range(first, len(ids)))
            assert math.log(p) == pytest.approx(plain, abs=2e-3)


@pytest.mark.models
@pytest.mark.parametrize(("word", "violates"), [("Yes", True), ("No", False)])
def test_a_network_that_is_sure_is_a_verdict(word, violates, guard_directory, rules):
    guard = open_guard(guard_directory, rules, "shieldgemma")
    model = guard._asker.model
    (first,) = model.tokenizer(word, add_special_tokens=False)["input_ids"]

    def push(_module, _args, logits):
        logits[..., first] += 60
        return logits

    hook = model.network.lm_head.register_forward_hook(push)
    try:
        said = guard.settle("no-violence", TALKS)
    finally:
        hook.remove()
    for answer in said:
        assert isinstance(answer, Answer)
        assert (answer.p > 0.5) is violates
        assert answer.mass == pytest.approx(1, abs=1e-3)


@pytest.mark.models
@pytest.mark.parametrize("name", ["gpt-oss-safeguard", "llama-guard"])
def test_a_random_network_that_generates_is_silent_and_never_wrong(name, guard_directory, rules):
    options = {"max_new_tokens": "8"} if name == "gpt-oss-safeguard" else {}
    guard = open_guard(guard_directory, rules, name, **options)
    for said in guard.settle("no-violence", TALKS):
        assert isinstance(said, Silence)
        assert said.reason in {"budget", "low_label_mass", "unparsable"}
    replies = guard._asker.replies(
        [guard.family.conversation("no-violence", TALKS[0])]
        if options
        else [guard.family.conversation(TALKS[0])],
        4,
    )
    assert len(replies) == 1


@pytest.mark.models
@pytest.mark.parametrize("name", TOKENS)
def test_what_does_not_fit_is_too_long_for_itself_alone(name, tmp_path, rules):
    from tests.critic.guards.worlds import save_guard

    directory = save_guard(tmp_path / name, name, context=6_000)
    options = {"version": "4"} if name.endswith("-4") else {}
    if name == "gpt-oss-safeguard":
        options["max_new_tokens"] = "4"
    critic = f"{name.removesuffix('-4')}/{directory}"
    guard = open_critic([critic], rules, options).backends[0]
    long = Exchange(as_conversation("?"), "x y " * 4_000)
    near, far, again = guard.settle("no-violence", [TALKS[0], long, TALKS[1]])
    assert far.reason == "too_long"
    assert "6000 fit" in far.detail
    assert near.reason != "too_long"
    assert again.reason != "too_long"


@pytest.mark.parametrize("id_", ["no-violence", "be-kind"])
@pytest.mark.parametrize(("word", "violates"), [("yes", True), ("no", False)])
def test_yes_is_a_violation_for_both_polarities_of_granite(id_, word, violates, rules):
    reply = f"<think>\n</think>\n<score> {word} </score>"
    guard = replying("granite-guardian", [reply], rules)
    assert (guard.settle(id_, [exchange()])[0].p > 0.5) is violates
    # That is right only because the criterion itself is turned about with the polarity.
    shown = guard.family.conversation(id_, exchange())[-1].content
    file = json.loads(export("granite_guardian", rules).files[f"criteria/{id_}.json"])
    assert file["yes_means"] == "violated"
    assert file["criterion_text"] in shown
    required = id_ == "be-kind"
    assert ("does not do what the following rule requires" in shown) is required
    assert ("breaks the following rule" in shown) is not required


def test_a_criterion_that_is_met_by_complying_turns_the_answer_about(rules):
    turned = replying("granite-guardian", ["<think>\n</think>\n<score> yes </score>"], rules)
    file = turned.family._files["be-kind"]
    file |= {"yes_means": "not violated", "no_means": "violated"}
    # Now `yes` is what may mean compliance: it counts only with the end mark.
    violated, complies = turned.family.labels("be-kind")
    assert [label for label in violated if "no" not in label] == []
    assert all("yes" in label and label.endswith("<|end_of_text|>") for label in complies)
    assert turned.settle("be-kind", [exchange()])[0].p < 0.5
    file["no_means"] = "not violated"
    with pytest.raises(ValueError, match="both answers mean the same"):
        turned.settle("be-kind", [exchange()])


@pytest.mark.parametrize("name", FAMILIES)
def test_the_digest_holds_what_a_verdict_depends_on(name, rules):
    def digests(of):
        guard = replying(name, [""], of)
        asked = {p.id: [type("Q", (), {"principle": p.id})()] for p in of.principles}
        return guard.identity, {id_: guard.digest_of(q) for id_, q in asked.items()}

    def edited(**fields):
        changed = tuple(replace(p, **fields) if p.id == "be-kind" else p for p in rules.principles)
        return replace(rules, principles=changed)

    identity, before = digests(rules)
    assert len(set(before.values())) == len(before) or name in {"wildguard", "qwen3guard"}
    assert dict(identity.details)["family"] == name
    assert dict(identity.details)["template"].startswith("sha256:")
    assert digests(rules) == (identity, before)
    other, after = digests(edited(text="Be very kind."))
    if name in {"wildguard", "qwen3guard"}:  # the text of a rule never reaches them
        assert after == before
        other, after = digests(replace(rules, mappings=()))
        assert after["unmapped"] == before["unmapped"]
        assert after["no-violence"] != before["no-violence"]
    else:
        assert after["be-kind"] != before["be-kind"]
        assert (after["no-violence"] == before["no-violence"]) is (name != "llama-guard")
    assert other.digest != identity.digest
    assert dict(other.details)["template"] != dict(identity.details)["template"]


@pytest.mark.parametrize(
    ("name", "options"),
    [("llama-guard", {"version": "4"}), ("gpt-oss-safeguard", {"reasoning": "high"})],
)
def test_an_option_that_changes_the_prompt_changes_the_digest(name, options, rules):
    one, two = replying(name, [""], rules), replying(name, [""], rules, **options)
    assert one.identity.digest != two.identity.digest
