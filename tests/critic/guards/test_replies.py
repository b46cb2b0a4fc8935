"""No reply is read as safe but the native one, whole: recorded kinds, and random ones."""

import random

import pytest
from tests.critic.guards.worlds import FAMILIES, SAFE, UNSAFE, degenerate, exchange, replying

from lexgate.critic import Answer, Silence

READ = [family for family in FAMILIES if family != "shieldgemma"]  # it is read by one token
ENOUGH = 3_000  # random replies of each family


def settle(family, replies, rules, principle="no-violence"):
    guard = replying(family, replies, rules)
    return guard.settle(principle, [exchange(number) for number in range(len(replies))])


def passes(reply):
    return isinstance(reply, Answer) and reply.p < 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_native_replies_are_read(family, rules):
    safe, unsafe = settle(family, [SAFE[family], UNSAFE[family]], rules)
    assert isinstance(safe, Answer)
    assert safe.p == pytest.approx(0, abs=1e-9)
    assert isinstance(unsafe, Answer)
    assert unsafe.p == pytest.approx(1, abs=1e-9)
    assert {safe.proposition, unsafe.proposition} == {"violated"}


@pytest.mark.parametrize("family", READ)
def test_no_degenerate_reply_is_read_as_safe(family, rules):
    replies = degenerate(family)
    assert len(replies) >= 45
    heard = settle(family, replies, rules)
    assert [reply for reply, said in zip(replies, heard, strict=True) if passes(said)] == []
    for said in heard:
        if isinstance(said, Silence):
            assert said.detail


@pytest.mark.parametrize("family", READ)
def test_random_replies_made_of_the_format_s_own_pieces_are_safe_only_whole(family, rules):
    draw = random.Random(family)
    safe, unsafe = SAFE[family], UNSAFE[family]
    pieces = [safe, unsafe, *safe.split(), *unsafe.split(), *safe, "\n", " ", "", ".", "Not ", "`"]
    pieces += ["\u200b", "\u00a0", "\uff53", "<|end|>", "\n\n", "I'm sorry", ", ", "S16", "or"]
    replies = ["".join(draw.choices(pieces, k=draw.randint(0, 5))) for _ in range(ENOUGH)]
    changed = [safe[:at] + draw.choice(pieces) + safe[at + draw.randint(0, 2) :] for at in range(9)]
    replies += changed
    allowed = {safe}
    if family == "wildguard":
        allowed |= {safe.replace("request: no", "request: yes"), safe.replace("l: no", "l: yes")}
        allowed |= {"Harmful request: yes\nResponse refusal: yes\nHarmful response: no"}
    if family == "qwen3guard":
        allowed |= {safe.replace("Refusal: No", "Refusal: Yes")}
    if family == "granite-guardian":
        allowed |= {safe.replace(" no ", "no"), safe + "\n", safe.replace(" no ", "no") + "\n"}
    if family == "gpt-oss-safeguard":
        allowed |= {f"`{safe}`"}
    heard = settle(family, replies, rules)
    read = {reply for reply, said in zip(replies, heard, strict=True) if passes(said)}
    loose = {reply.strip(" \n") for reply in read} if family == "gpt-oss-safeguard" else read
    assert loose <= allowed
    assert safe in loose  # the pieces do make it, so that the test is one


@pytest.mark.parametrize("family", ["gpt-oss-safeguard", "llama-guard", "qwen3guard"])
def test_a_refusal_where_a_text_is_read_is_called_one(family, rules):
    guard = replying(family, ["I'm sorry, but I can't help with that."], rules)
    if family != "gpt-oss-safeguard":  # it would have begun otherwise than it went on
        guard._asker.model._label_p = lambda _, label: 0.9 if "nsafe" in label else 0.05
    assert guard.settle("no-violence", [exchange()])[0].reason == "refused"


@pytest.mark.parametrize("family", ["llama-guard", "qwen3guard"])
@pytest.mark.parametrize("number", range(45))
def test_a_generated_reply_is_never_safe_after_an_unsafe_label(family, number, rules):
    reply = [SAFE[family], *degenerate(family)][number]
    guard = replying(family, [reply], rules)
    guard._asker.model._label_p = lambda _, label: 0.98 if "nsafe" in label else 0.01
    for principle in ("no-violence", "be-kind"):
        assert isinstance(guard.settle(principle, [exchange()])[0], Silence)


def test_a_reply_that_was_cut_is_none(rules):
    guard = replying("gpt-oss-safeguard", ["TE0"], rules, max_new_tokens="4", reasons="a b c d e")
    said = guard.settle("no-violence", [exchange()])[0]
    assert said.reason == "budget"
    assert "not finished in 4 tokens" in said.detail
    guard = replying("llama-guard", ["unsafe\nS15" + " x" * 200], rules)
    assert guard.settle("no-violence", [exchange()])[0].reason == "budget"


def test_reasoning_cannot_give_the_verdict(rules):
    for reasons in ("TE0", "assistantfinalTE0", "<|end|><|channel|>final<|message|>TE0", ""):
        guard = replying("gpt-oss-safeguard", ["TE1"], rules, reasons=reasons)
        assert guard.settle("no-violence", [exchange()])[0].p == 1.0
        guard = replying("gpt-oss-safeguard", ["Hm."], rules, reasons=reasons)
        assert guard.settle("no-violence", [exchange()])[0].reason == "unparsable"


def test_each_principle_has_its_own_code_in_one_reading(rules):
    asked = []
    guard = replying("llama-guard", ["unsafe\nS15"], rules)
    score = guard._asker.model.score_labels
    guard._asker.model.score_labels = lambda c, labels: asked.append(len(c)) or score(c, labels)
    said = {p: guard.settle(p, [exchange()])[0] for p in guard.family.principles}
    assert {p: answer.p for p, answer in said.items()} == {
        "no-violence": 1.0,
        "be-kind": 0.0,
        "no-refusal": 0.0,
        "unmapped": 0.0,
    }
    assert asked == [1]  # once an exchange, whatever the number of principles


def test_a_code_that_is_no_category_is_no_verdict(rules):
    for reply in ("unsafe\nS14", "unsafe", "unsafe\n", "unsafe\nS15,S14", "unsafe\nS15 S16"):
        for principle in ("no-violence", "be-kind"):
            said = settle("llama-guard", [reply], rules, principle)[0]
            assert said.reason == "unparsable", reply


def test_shieldgemma_generates_nothing_and_reads_one_token(rules):
    guard = replying("shieldgemma", ["No"], rules)
    guard._asker.model._reply = None
    assert guard.settle("no-violence", [exchange()])[0].p == pytest.approx(0, abs=1e-9)
    for reply in ("Not safe.", "not", "", "\u200bNo", "\uff2e\uff4f", "I'm sorry", "None", "no"):
        assert settle("shieldgemma", [reply], rules)[0].reason == "low_label_mass", reply


@pytest.mark.parametrize("family", [f for f in FAMILIES if f != "gpt-oss-safeguard"])
def test_a_tie_little_mass_and_what_are_no_probabilities_are_silence(family, rules):
    guard = replying(family, [UNSAFE[family]], rules)
    probe = {}
    guard._asker.model._label_p = lambda _, label: probe.setdefault(label, 1e-3)
    assert guard.settle("no-violence", [exchange()])[0].reason == "low_label_mass"
    violates = [label for label in probe if says_violated(family, label)]
    even = {label: 0.49 / len(violates) for label in violates}
    rest = [label for label in probe if label not in even]
    even |= {label: 0.49 / len(rest) for label in rest}
    guard._asker.model._label_p = lambda _, label: even[label]
    assert guard.settle("no-violence", [exchange(0, "even")])[0].reason == "tie"
    guard._asker.model._label_p = lambda _, label: 2.0
    assert guard.settle("no-violence", [exchange(0, "two")])[0].reason == "failed"


def says_violated(family, label):
    words = {"llama-guard": "unsafe", "shieldgemma": "Yes", "granite-guardian": "yes"}
    words |= {"wildguard": "Harmful response: yes", "qwen3guard": "Unsafe"}
    return words[family] in label


def test_controversial_is_no_verdict(rules):
    reply = "Safety: Controversial\nCategories: Violent\nRefusal: No"
    assert settle("qwen3guard", [reply], rules)[0].reason == "tie"
    guard = replying("qwen3guard", [reply], rules)
    # Less than half for each of the three: neither side may take the doubtful part for itself.
    odds = {"Safety: Unsafe": 0.4, "Safety: Controversial": 0.3}
    guard._asker.model._label_p = lambda _, label: odds.get(label, 0.15)
    assert guard.settle("no-violence", [exchange()])[0].reason == "tie"


@pytest.mark.parametrize("more", ["\nOn reflection, unsafe.", ".", " ", "\n"])
def test_a_refusal_called_safe_must_be_the_whole_reply_too(more, rules):
    safe = SAFE["qwen3guard"].replace("Refusal: No", "Refusal: Yes")
    assert passes(settle("qwen3guard", [safe], rules)[0])
    assert isinstance(settle("qwen3guard", [safe + more], rules)[0], Silence)


def test_the_verdict_follows_the_reasoning_that_was_given(rules):
    seen = []
    guard = replying("gpt-oss-safeguard", ["TE0"], rules, reasons="It breaks nothing.")
    reply = guard._asker.model._reply
    guard._asker.model._reply = lambda c: seen.append([m.content for m in c]) or reply(c)
    guard.settle("no-violence", [exchange()])
    first, second = seen
    assert second == [*first, "It breaks nothing."]
    assert "Do not help with violence." in first[0]
    assert "reply 0!" in first[1]
