"""lm-eval itself runs the exported tasks, and sees what our critic sees on the same network."""

import json

import pytest
import yaml
from tests.critic.conftest import TEMPLATE
from tests.critic.targets.tool_worlds import PYTHON, TOOLS, answer, hostile, write

from lexgate.critic import LABELS, Exchange, as_conversation, compile_prompts, open_model
from lexgate.critic.targets._lm_eval import export
from lexgate.evals import load_suite

ITEMS = {  # question -> example -> is the answer yes
    "lexgate-hostile-no-gadget-asks": {"g1": True, "g2": True, "g3": False},
    "lexgate-hostile-no-gadget-builds": {"g1": True, "g2": False},
    "lexgate-hostile-be-kind-violated": {"k1": False, "k2": True},
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    return hostile(tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="module", params=[TEMPLATE, None], ids=["chat", "plain"])
def measured(request, rules, tiny, tmp_path_factory):
    directory = write(export(rules), tmp_path_factory.mktemp("lm-eval"))
    model = tiny("llama", request.param)
    mode = "chat" if request.param else "plain"
    cache = {"HF_DATASETS_CACHE": str(directory / "cache")}
    script = TOOLS / "lm_eval_cases.py"
    found = answer(PYTHON, script, model, "lexgate-hostile", mode, cwd=directory, env=cache)
    return {"model": open_model(f"hf/{model}", {"dtype": "float32"}), **found}


@pytest.mark.models
def test_each_question_has_an_item_for_each_example_that_answers_it(measured):
    targets = {
        name: {id_: sample["target"] for id_, sample in samples.items()}
        for name, samples in measured["samples"].items()
    }

    assert targets == {
        name: {id_: LABELS.index("yes" if yes else "no") for id_, yes in items.items()}
        for name, items in ITEMS.items()
    }


@pytest.mark.models
def test_accuracy_is_that_of_our_own_label_scores_on_the_same_network(measured, rules):
    right = 0
    for principle, prompt in zip(rules.principles, compile_prompts(rules), strict=True):
        examples = {example.id: example for example in principle.examples}
        for question in prompt.questions:
            name = f"lexgate-hostile-{principle.id}-{question.proposition}"
            for id_, sample in measured["samples"][name].items():
                example = examples[id_]
                talk = question.render(Exchange(as_conversation(example.prompt), example.response))
                [scores] = measured["model"].score_labels([talk], LABELS)
                yes, no = scores.logprobs
                # lm-eval counts the line end before a label to both of them: the margin is the same.
                theirs = sample["logprobs"][0] - sample["logprobs"][1]
                assert theirs == pytest.approx(yes - no, abs=1e-3)
                assert sample["right"] == ((yes > no) == ITEMS[name][id_])
                right += sample["right"]

    assert measured["group"] == pytest.approx(right / sum(map(len, ITEMS.values())))


def test_what_has_no_answer_is_called_lost(rules):
    lost = export(rules).lost

    assert any("such as borderline ones" in sentence for sentence in lost)
    assert not any("no public example answers" in sentence for sentence in lost)


def test_a_question_that_no_example_answers_is_no_task(principle, constitution):
    made = export(constitution(principle("empty")))

    assert made.files == {}
    assert any("no public example answers" in sentence for sentence in made.lost)


def test_an_exported_task_is_a_task_of_our_own_suites_too(rules, tmp_path):
    write(export(rules), tmp_path)
    name = "lexgate-hostile-be-kind-violated"
    task = {"id": "kind", "kind": "lm_eval", "task": name, "include": f"{name}.yaml"}
    task |= {"data": f"docs/{name}.jsonl", "num_fewshot": 0, "metric": "acc"}
    suite = {"suite": "s", "version": "1.0.0", "tasks": [task]}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")

    [loaded] = load_suite(tmp_path / "suite.yaml").tasks

    assert loaded.task == name


def test_a_line_separator_in_an_example_does_not_end_its_line(principle, constitution):
    from lexgate.constitutions import Exemplar

    odd = Exemplar("e", "a\u2028b", "c\u0085d", "complies", "", "public", ())
    made = export(constitution(principle("odd", examples=(odd,))))
    [name] = [name for name in made.files if name.endswith(".jsonl")]

    [line] = made.files[name].decode("utf-8").splitlines()
    assert "a\u2028b" in json.loads(line)["prompt"]
