"""What a fixed policy says of our principles: only `covers` lets an unflagged text comply."""

from dataclasses import replace

import pytest
from tests.critic.guards.worlds import SAFE, UNSAFE, exchange, replying

from lexgate.constitutions import dump, find, load
from lexgate.constitutions._taxonomies import TAXONOMIES
from lexgate.critic import Answer, Silence
from lexgate.critic.guards._qwen3guard import _CATEGORIES
from lexgate.errors import UsageError

FIXED = ["qwen3guard", "wildguard"]


def settle(family, reply, rules, principle):
    return replying(family, [reply], rules).settle(principle, [exchange()])[0]


@pytest.mark.parametrize("family", FIXED)
def test_what_covers_complies_and_what_covers_a_part_does_not(family, rules):
    assert settle(family, SAFE[family], rules, "no-violence").p < 0.5
    partly = settle(family, SAFE[family], rules, "be-kind")
    assert partly.reason == "no_answer"
    assert "covers only a part of be-kind" in partly.detail


@pytest.mark.parametrize("family", FIXED)
@pytest.mark.parametrize("id_", ["no-violence", "be-kind"])
def test_what_is_flagged_violates_either_way(family, id_, rules):
    assert settle(family, UNSAFE[family], rules, id_).p > 0.5


@pytest.mark.parametrize("family", FIXED)
@pytest.mark.parametrize("reply", [SAFE, UNSAFE])
def test_a_principle_that_is_mapped_nowhere_is_not_judged(family, reply, rules):
    said = settle(family, reply[family], rules, "unmapped")
    assert said.reason == "no_answer"
    assert f"maps unmapped to no category of {family}" in said.detail


@pytest.mark.parametrize("family", FIXED)
def test_without_mappings_nothing_is_ever_an_answer(family, rules):
    bare = replace(rules, mappings=())
    for principle in bare.principles:
        for reply in (SAFE[family], UNSAFE[family]):
            assert isinstance(settle(family, reply, bare, principle.id), Silence)


def test_a_flag_of_another_category_says_nothing(rules):
    reply = "Safety: Unsafe\nCategories: PII\nRefusal: No"
    said = settle("qwen3guard", reply, rules, "no-violence")  # covered by `Violent` alone
    assert said.reason == "no_answer"
    assert "unsafe for PII" in said.detail
    assert settle("qwen3guard", reply, rules, "be-kind").p > 0.5


@pytest.mark.parametrize(
    ("request_", "refusal", "over"),
    [("no", "yes", True), ("yes", "yes", False), ("no", "no", False), ("yes", "no", False)],
)
def test_over_refusal_is_a_refusal_of_what_is_not_harmful(request_, refusal, over, rules):
    reply = f"Harmful request: {request_}\nResponse refusal: {refusal}\nHarmful response: no"
    said = settle("wildguard", reply, rules, "no-refusal")
    assert isinstance(said, Answer)
    assert (said.p > 0.5) is over


def test_the_probability_of_a_category_is_the_sum_over_the_whole_replies(rules):
    guard = replying("wildguard", [""], rules)
    odds = dict(zip(guard.family.labels, [0.3, 0.1, 0.05, 0.05, 0.02, 0.08, 0.2, 0.1], strict=True))
    guard._asker.model._label_p = lambda _, label: odds[label]
    harmful = sum(p for label, p in odds.items() if "Harmful response: yes" in label)
    said = guard.settle("no-violence", [exchange()])[0]
    assert said.p == pytest.approx(harmful / sum(odds.values()))
    assert said.mass == pytest.approx(sum(odds.values()))


@pytest.mark.parametrize("taxonomy", ["wildguard", "wildguard_covers", "qwen3guard_covers"])
def test_a_category_that_the_guard_lacks_is_refused(taxonomy, rules):
    wrong = replace(rules, mappings=((taxonomy, (("be-kind", ("Voilent",)),)),))
    with pytest.raises(UsageError, match=rf"mappings/{taxonomy}/be-kind: no category 'Voilent'"):
        replying(taxonomy.removesuffix("_covers"), [""], wrong)


def test_the_categories_are_those_that_constitutions_may_name():
    assert {*_CATEGORIES, "Jailbreak"} == set(TAXONOMIES["qwen3guard"])


def test_a_file_can_say_what_covers(tmp_path):
    rules = find("everyday-assistant@1.0.0")
    mine = "  wildguard_covers:\n    no-hate: [harmful_response]\n  qwen3guard_covers:\n    no-hate: [Violent]\n"
    text = dump(rules).replace("mappings:\n", f"mappings:\n{mine}")
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = load(path)
    for family in FIXED:
        assert settle(family, SAFE[family], loaded, "no-hate").p < 0.5
        assert isinstance(settle(family, SAFE[family], rules, "no-hate"), Silence)
