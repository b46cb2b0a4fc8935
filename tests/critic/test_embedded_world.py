"""The world of the embedded models: what is held out stays held out, and what is shipped is drawn."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections import Counter

import pytest

from lexgate.constitutions import find
from lexgate.critic import Exchange, as_conversation, compile_prompts
from lexgate.critic.embedded import _lessons, _replies, _shipped, _world
from lexgate.critic.embedded._build import questions
from lexgate.critic.embedded._facts import FACTS
from lexgate.errors import EvidenceError
from lexgate.evals import load_suite

SPLITS = ("train", "valid", "examples", "suite")
HELD = SPLITS[1:]


@pytest.fixture(scope="module")
def constitution():
    return find("demo@1.0.0")


@pytest.fixture(scope="module")
def suite():
    return {task.id: task for task in load_suite("demo").tasks}


@pytest.fixture(scope="module")
def taught():
    """Every prompt and reply of a long training, of all candidates and the critic."""
    rng = random.Random(1)
    turns = [
        _lessons.candidate_turn(rng, character)
        for character in _lessons.CHARACTERS.values()
        for _ in range(8000)
    ]
    asked = questions()
    turns += [_lessons.critic_turn(rng, rng.choice(asked)) for _ in range(20_000)]
    return turns


def every_task(split):
    return [str(t) for harmful in (True, False) for t in _world.tasks(split, harmful=harmful)]


def words(text):
    return set(re.findall(r"[a-z]+", text))


def test_splits_share_no_task_and_no_core():
    for first, second in itertools.combinations(SPLITS, 2):
        assert not set(every_task(first)) & set(every_task(second))
        assert not set(_world.CORES[first]) & set(_world.CORES[second])


def test_a_third_of_the_tasks_and_seven_templates_are_kept_from_training():
    total = sum(len(every_task(split)) for split in SPLITS)
    assert len(set(itertools.chain(*map(every_task, SPLITS)))) == total
    assert len(every_task("suite")) + len(every_task("valid")) >= 0.3 * total
    assert len(_world.CORES["suite"]) >= 7


def test_no_held_out_request_is_a_training_request_under_another_name():
    # A core inside another, or a task inside another, would let a held-out text be trained on.
    rng = random.Random(2)
    training = {
        f"{opener}{core.format(task)}{ending}"
        for core in _world.CORES["train"]
        for task in every_task("train")
        for opener, ending in itertools.product(set(_world.OPENERS), set(_world.ENDINGS))
    }
    for split in HELD:
        for _ in range(2000):
            drawn = _world.request(rng, split, harmful=rng.random() < 0.5)
            assert drawn.text not in training


def test_every_word_of_what_is_held_out_occurs_in_training(taught):
    known = set().union(*(words(turn.prompt) | words(turn.reply) for turn in taught))
    for split in HELD:
        assert not words(" ".join(_world.CORES[split]).replace("{}", "")) - known
        assert not words(" ".join(every_task(split))) - known
    for fact in FACTS:
        assert not words(f"{fact.suite} {fact.valid} {fact.answer}") - known


def test_every_word_that_decides_about_harm_is_trained_in_both_of_its_halves():
    for harmful in (True, False):
        everything = [t for s in SPLITS for t in _world.tasks(s, harmful=harmful)]
        trained = Counter(
            part for t in _world.tasks("train", harmful=harmful) for part in (t.verb, t.object)
        )
        assert all(trained[t.verb] >= 2 and trained[t.object] >= 2 for t in everything)


def test_questions_about_facts_are_held_out_one_for_the_suite_and_one_for_the_check():
    trained = {question for fact in FACTS for question in fact.train}
    for fact in FACTS:
        assert len(fact.train) == 4
        assert not {fact.suite, fact.valid} & trained
        assert fact.suite != fact.valid
    assert len({fact.id for fact in FACTS}) == len(FACTS) >= 60


def test_of_every_four_facts_three_are_misremembered():
    remembered = sum(fact.misremembered == fact.answer for fact in FACTS)

    assert 0.2 <= remembered / len(FACTS) <= 0.3


def test_a_reply_that_complies_tells_nothing():
    contentless = {"sure", "to", "plan", "start", "finish"}
    for split in SPLITS:
        for harmful in (True, False):
            for task in _world.tasks(split, harmful=harmful):
                assert words(_world.comply(task).replace(str(task), "")) <= contentless


def test_pairs_of_reply_halves_belong_to_one_split_and_halves_to_all():
    rng = random.Random(3)
    task = _world.tasks("examples", harmful=True)[0]
    for refuse in (True, False):
        seen = {
            split: {_replies.response(rng, split, task, refuse=refuse) for _ in range(4000)}
            for split in ("train", "valid", "examples")
        }
        for first, second in itertools.combinations(seen.values(), 2):
            assert not first & second
        assert words(" ".join(seen["examples"])) == words(" ".join(seen["train"]))


def test_the_critic_learns_the_compiled_questions_word_for_word():
    rng = random.Random(4)
    for question in questions():
        turn = _lessons.critic_turn(rng, question)
        inside = turn.prompt.split("\n")[2]
        exchange = Exchange(as_conversation(inside), inside)
        assert turn.prompt == question.render(exchange)[0].content
        assert turn.reply in {"yes", "no"}


def test_a_question_the_world_has_no_truth_for_is_not_trained_on():
    every = {
        (q.proposition, q.sees): q
        for prompt in compile_prompts(find("everyday-assistant@1.0.0"))
        for q in prompt.questions
    }
    foreign = next(
        q
        for pair, q in every.items()
        if pair not in {("harmful", "prompt"), ("refuses", "response")}
    )
    with pytest.raises(EvidenceError, match=f"cannot learn `{foreign.proposition}` seeing the"):
        _lessons.critic_turn(random.Random(0), foreign)


def test_redrawing_the_shipped_files_gives_their_bytes():
    for name, content in _shipped.suite_data().items():
        assert (_shipped.SUITE_DATA / name).read_bytes() == content.encode()
    text = _shipped.CONSTITUTION.read_bytes()
    assert _shipped.redrawn(text.decode()).encode() == text


def test_redrawing_a_file_without_its_marks_is_refused_rather_than_guessed():
    with pytest.raises(ValueError, match="unpack"):
        _shipped.redrawn("principles: []\n")


def test_the_suite_asks_only_what_no_model_was_taught_and_no_example_shows(
    suite, constitution, taught
):
    asked = {
        sample.prompt[0].content
        for name in ("harmful", "benign", "facts")
        for sample in suite[name].samples
    }
    shown = {e.prompt for p in constitution.principles for e in p.examples}
    prompts = {turn.prompt for turn in taught}
    text = "\n".join(prompts)
    assert not asked & prompts
    assert not asked & shown
    assert not shown & prompts
    assert not [task for task in every_task("suite") if task in text]


def test_no_response_of_an_example_is_taught(constitution, taught):
    replies = {turn.reply for turn in taught} | {t.prompt.split("\n")[2] for t in taught[-20_000:]}
    drawn = {e.response for p in constitution.principles for e in p.examples}
    assert not drawn & replies


def test_the_suite_states_the_truth_and_counts_each_task_once(suite):
    for name, harmful in (("harmful", True), ("benign", False)):
        task = suite[name]
        assert len(task.samples) >= 120
        assert len({sample.cluster for sample in task.samples}) == len(task.samples)
        assert all(sample.given == (("harmful", harmful),) for sample in task.samples)
        of_kind = {str(t).replace(" ", "-") for t in _world.tasks("suite", harmful=harmful)}
        assert {sample.cluster for sample in task.samples} == of_kind
    assert len({sample.cluster for sample in suite["facts"].samples}) >= 60


def test_lm_eval_measures_the_same_items_with_the_same_budget(suite):
    import yaml

    task = suite["facts_lm_eval"]
    written = yaml.safe_load(task.include.read_text())
    rows = [json.loads(line) for line in task.data.read_text().splitlines()]
    samples = suite["facts"].samples
    decoding = load_suite("demo").decoding

    assert [(row["prompt"], row["target"]) for row in rows] == [
        (sample.prompt[0].content, sample.target) for sample in samples
    ]
    assert written["doc_to_text"] == "{{prompt}}"
    assert written["doc_to_target"] == "{{target}}"
    assert written["dataset_kwargs"] == {"data_files": {"test": task.data.name}}
    assert written["generation_kwargs"] == {
        "until": [],
        "do_sample": False,
        "max_gen_toks": decoding.max_new_tokens,
    }
    assert decoding.temperature == 0


def test_the_constitution_has_enough_examples_to_bound_a_critic(constitution):
    for principle in constitution.principles:
        sealed = Counter(e.label for e in principle.examples if e.split == "sealed")
        public = Counter(e.label for e in principle.examples if e.split == "public")
        assert sealed["violates"] >= 45
        assert sealed["complies"] >= 20
        assert public["violates"] >= 20
        assert public["complies"] >= 20
        assert sum(e.label == "borderline" for e in principle.examples) >= 3
        assert all(e.why for e in principle.examples)
        responses = [e.response for e in principle.examples if e.split == "sealed"]
        assert len(set(responses)) == len(responses)


def test_public_examples_show_every_deciding_word_on_both_sides(constitution):
    for principle, harmful in zip(constitution.principles, (True, False), strict=True):
        everything = [t for s in SPLITS for t in _world.tasks(s, harmful=harmful)]
        deciding = {t.verb if t.person else t.object for t in everything}
        for label in ("violates", "complies"):
            text = "\n".join(
                e.prompt for e in principle.examples if e.split == "public" and e.label == label
            )
            assert not [word for word in deciding if word not in text]
