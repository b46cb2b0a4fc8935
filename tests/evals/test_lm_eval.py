"""lm-eval as a task of ours, on a tiny random model: same data, same figure, nothing stale."""

from __future__ import annotations

import json
import math
import os

import pytest

from lexgate.critic import Decoding, as_conversation, open_model
from lexgate.errors import EvidenceError, UsageError
from lexgate.evals import LmEvalTask, SampleRow, ScoreRow, evaluate, load_suite, open_run
from lexgate.evals._lm_eval import _score

pytestmark = pytest.mark.models

TEMPLATE = (
    "{% for m in messages %}<s>{{ m['role'] }}\n{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
TASK_FILE = """\
task: facts
dataset_path: json
dataset_kwargs: {data_files: {test: facts.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{target}}"
generation_kwargs: {until: []}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""
SUITE = """\
suite: tiny
version: 1.0.0
tasks:
  - {id: ours, kind: accuracy, data: facts.jsonl, scorer: exact_match}
  - {id: theirs, kind: lm_eval, include: facts.yaml, data: facts.jsonl, metric: exact_match}
generation: {max_new_tokens: 8}
"""
ONLY_THEIRS = SUITE.replace(SUITE.splitlines()[3] + "\n", "")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A random Llama of 30,000 parameters with a byte-level tokenizer and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("model")
    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<s>", "</s>", "<pad>"]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        chat_template=TEMPLATE,
        **dict(zip(("bos_token", "eos_token", "pad_token"), words[-3:], strict=True)),
    ).save_pretrained(path)
    torch.manual_seed(3)
    shape = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=vocabulary["<s>"],
        eos_token_id=vocabulary["</s>"],
        pad_token_id=vocabulary["<pad>"],
        initializer_range=0.3,
    )
    LlamaForCausalLM(shape).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def model(directory):
    return open_model(f"hf/{directory}", {"device": "cpu"})


@pytest.fixture
def facts(model):
    """Twenty-four questions; on every other one what the model says is the right answer."""
    prompts = [f"question {i}?" for i in range(24)]
    said = model.generate([as_conversation(p) for p in prompts], Decoding(8, 0.0))
    assert len({g.text for g in said}) > 12
    return [
        {"id": f"q{i}", "prompt": prompt, "target": answer.text if i % 2 else "something else"}
        for i, (prompt, answer) in enumerate(zip(prompts, said, strict=True))
    ]


@pytest.fixture
def folder(tmp_path, facts):
    def write(suite=SUITE, task=TASK_FILE, rows=facts):
        (tmp_path / "suite.yaml").write_text(suite)
        (tmp_path / "facts.yaml").write_text(task)
        (tmp_path / "facts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tmp_path / "suite.yaml"

    return write


def scores(run, task):
    return {r.sample: r.value for r in run.rows() if isinstance(r, ScoreRow) and r.task == task}


def test_lm_evals_accuracy_is_ours(model, folder, facts, tmp_path):
    run = evaluate(load_suite(folder()), model, None, directory=tmp_path / "runs")

    ours, theirs = scores(run, "ours"), scores(run, "theirs")
    assert run.complete
    assert ours == theirs
    assert set(ours) == {row["id"] for row in facts}
    assert sum(ours.values()) == 12
    declared = [t for t in run.manifest["tasks"] if t["id"] == "theirs"]
    assert [t["samples"] for t in declared] == [24]
    prompts = {r.sample: r.prompt for r in run.rows() if isinstance(r, SampleRow)}
    assert prompts["q3"] == (("user", "question 3?"),)


def test_an_edit_that_keeps_size_and_time_of_the_data_counts(model, folder, facts, tmp_path):
    path = folder(ONLY_THEIRS)
    data = tmp_path / "facts.jsonl"
    os.utime(data, (1_700_000_000, 1_700_000_000))
    first = evaluate(load_suite(path), model, None, directory=tmp_path / "runs")

    wrong = data.read_text().replace("something else", "anything other"[:14])
    wrong = wrong.replace(json.dumps(facts[1]["target"]), json.dumps("#"))
    data.write_text(wrong)
    os.utime(data, (1_700_000_000, 1_700_000_000))
    second = evaluate(load_suite(path), model, None, directory=tmp_path / "runs")

    assert scores(first, "theirs")["q1"] == 1.0
    assert scores(second, "theirs")["q1"] == 0.0
    assert first.manifest["identity"] != second.manifest["identity"]


def test_data_that_changes_between_loading_and_running_is_refused(model, folder, tmp_path):
    suite = load_suite(folder(ONLY_THEIRS))
    (tmp_path / "facts.jsonl").write_text('{"id": "x", "prompt": "p", "target": "t"}\n')

    with pytest.raises(EvidenceError, match="files of the lm-eval task 'facts' changed since"):
        evaluate(suite, model, None, directory=tmp_path / "runs")


def test_a_run_cut_inside_the_scores_of_lm_eval_goes_on(model, folder, tmp_path):
    suite = load_suite(folder(ONLY_THEIRS))
    whole = evaluate(suite, model, None, directory=tmp_path / "runs")
    journal = whole.path / "j-00000000.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    rows = list(whole.rows())

    for kept in (3, 24, 30, 47, 48):
        journal.write_bytes(b"".join(lines[:kept]) + lines[kept][:9])
        assert not open_run(whole.path).complete
        again = evaluate(suite, model, None, directory=tmp_path / "runs", resume=whole.path)
        assert list(again.rows()) == rows


def test_nothing_of_lm_eval_reaches_our_streams(model, folder, tmp_path, capfd):
    suite = load_suite(folder(ONLY_THEIRS))
    before = dict(os.environ)
    capfd.readouterr()

    evaluate(suite, model, None, directory=tmp_path / "runs")

    assert capfd.readouterr() == ("", "")
    assert dict(os.environ) == before


def test_the_limit_of_run_and_task_both_count(model, folder, tmp_path):
    suite = load_suite(folder(ONLY_THEIRS.replace("metric:", "limit: 5, metric:")))

    five = evaluate(suite, model, None, directory=tmp_path / "runs", limit=9)
    four = evaluate(suite, model, None, directory=tmp_path / "runs", limit=4)

    assert list(scores(five, "theirs")) == ["q0", "q1", "q2", "q3", "q4"]
    assert list(scores(four, "theirs")) == ["q0", "q1", "q2", "q3"]
    assert five.manifest["tasks"][0]["samples"] == 5


def test_dates_in_the_data_stay_text(model, folder, tmp_path):
    rows = [{"id": str(i), "prompt": f"When {i}?", "target": f"2020-01-0{i}"} for i in (1, 2)]

    run = evaluate(
        load_suite(folder(ONLY_THEIRS, rows=rows)), model, None, directory=tmp_path / "runs"
    )

    assert [r.target for r in run.rows() if isinstance(r, SampleRow)] == [
        "2020-01-01",
        "2020-01-02",
    ]


def test_documents_without_an_id_are_numbered_and_equal_prompts_cluster(model, folder, tmp_path):
    rows = [{"prompt": p, "target": "x"} for p in ("One?", "one?", "Two?")]

    run = evaluate(
        load_suite(folder(ONLY_THEIRS, rows=rows)), model, None, directory=tmp_path / "runs"
    )

    samples = [r for r in run.rows() if isinstance(r, SampleRow)]
    assert [r.sample for r in samples] == ["0", "1", "2"]
    assert samples[0].cluster == samples[1].cluster != samples[2].cluster


CHOICES = """\
task: choices
test_split: test
output_type: multiple_choice
doc_to_text: "{{prompt}}"
doc_to_choice: ["yes", "no"]
doc_to_target: "{{target}}"
target_delimiter: ""
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""


def test_tasks_of_choices_are_scored_by_likelihood(model, folder, tmp_path):
    rows = [{"id": f"c{i}", "prompt": f"Is {i} even?", "target": i % 2} for i in range(6)]
    suite = ONLY_THEIRS.replace("exact_match", "acc")

    run = evaluate(
        load_suite(folder(suite, CHOICES, rows)), model, None, directory=tmp_path / "runs"
    )

    expected = {
        row["id"]: float(_likelier(model, row["prompt"], "no", "yes") == bool(row["target"]))
        for row in rows
    }
    assert scores(run, "theirs") == expected


def _likelier(model, prompt, label, other):
    """Whether the model would rather say `label` than `other`: the sums of log p, written out."""
    import torch

    sums = []
    asked = f"<s>user\n{prompt}\n<s>assistant\n"
    for word in (label, other):
        tokens = model.tokenizer(asked + word, return_tensors="pt").input_ids
        with torch.inference_mode():
            logits = model.network(tokens).logits  # (1, seq, vocabulary)
        logprobs = torch.log_softmax(logits[0], dim=-1)
        places = range(tokens.shape[1] - len(word), tokens.shape[1])  # a token is a byte
        sums.append(sum(float(logprobs[at - 1, tokens[0, at]]) for at in places))
    return sums[0] > sums[1]


def test_a_template_cannot_reach_pythons_internals(model, folder, tmp_path):
    task = TASK_FILE.replace('"{{prompt}}"', '"{{ prompt.__class__.__mro__ }}"')

    with pytest.raises(EvidenceError, match=r"lm-eval failed at the task 'facts' .*SecurityError"):
        evaluate(load_suite(folder(ONLY_THEIRS, task)), model, None, directory=tmp_path / "runs")


@pytest.mark.parametrize(
    "entry", ["{metric: org/code}", "{metric: exact_match, hf_evaluate: true}"]
)
def test_a_metric_that_would_be_fetched_as_code_is_refused(model, folder, tmp_path, entry):
    task = TASK_FILE[: TASK_FILE.index("  - {")] + f"  - {entry}\n"

    with pytest.raises(UsageError, match=r"the lm-eval task 'facts' names the metric .* own"):
        evaluate(load_suite(folder(ONLY_THEIRS, task)), model, None, directory=tmp_path / "runs")


def test_a_metric_the_task_does_not_have_is_an_error(model, folder, tmp_path):
    suite = load_suite(folder(ONLY_THEIRS.replace("metric: exact_match", "metric: acc")))

    with pytest.raises(EvidenceError, match="has no metric 'acc': it has exact_match"):
        evaluate(suite, model, None, directory=tmp_path / "runs")


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "N/A", (1.0, 2.0)])
def test_a_figure_that_is_no_number_is_an_error(value):
    task = LmEvalTask("le", "facts", 0, "acc", None, None, "sha256:0", None)
    document = {"doc_id": 0, "doc": {"id": "q"}, "metrics": ["acc"], "acc": value}

    with pytest.raises(EvidenceError, match="as acc of facts/q, no number"):
        _score(task, document, "0")


def test_a_candidate_without_a_template_is_asked_plainly(directory, folder, tmp_path):
    plain = open_model(f"hf/{directory}", {"device": "cpu"})
    plain.tokenizer.chat_template = None

    run = evaluate(load_suite(folder(ONLY_THEIRS)), plain, None, directory=tmp_path / "runs")

    assert run.complete


def test_lm_evals_own_tasks_are_looked_up_by_name(model, folder, tmp_path):
    suite = ONLY_THEIRS.replace("include: facts.yaml, data: facts.jsonl", "task: no_such_task")

    with pytest.raises(UsageError, match="lm-eval has no task 'no_such_task'"):
        evaluate(load_suite(folder(suite)), model, None, directory=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
