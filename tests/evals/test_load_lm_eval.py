"""Loading lm-eval tasks: plain data only, and every file of theirs is digested."""

from __future__ import annotations

import pytest

from lexgate.evals import LmEvalTask, load_suite

TASK_FILE = """\
task: sums
dataset_path: json
test_split: test
output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{target}}"
metric_list:
  - {metric: exact_match}
"""
LM_EVAL = """\
suite: tiny
version: 1.0.0
tasks:
  - {id: sums, kind: lm_eval, include: sums.yaml, data: sums.jsonl, metric: exact_match}
"""
SUMS = '{"id": "1", "prompt": "2+2?", "target": "4"}\n'


def test_an_lm_eval_task_takes_its_name_from_its_file(folder):
    path = folder(LM_EVAL, sums__yaml=TASK_FILE, sums__jsonl=SUMS)

    [task] = load_suite(path).tasks

    assert isinstance(task, LmEvalTask)
    assert (task.task, task.num_fewshot, task.metric) == ("sums", 0, "exact_match")
    assert (task.include, task.data) == (path.parent / "sums.yaml", path.parent / "sums.jsonl")
    changed = folder(LM_EVAL, sums__yaml=TASK_FILE, sums__jsonl=SUMS.replace("4", "5"))
    assert load_suite(changed).tasks[0].data_digest != task.data_digest


def test_an_lm_eval_task_of_lm_evals_own_is_named(folder):
    suite = LM_EVAL.replace("include: sums.yaml, data: sums.jsonl", "task: arc_easy, limit: 9")

    [task] = load_suite(folder(suite)).tasks

    assert (task.task, task.include, task.data, task.limit) == ("arc_easy", None, None, 9)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("output_type", "x: !function os.system\noutput_type", "sums.yaml:4:4: x: "),
        ("output_type", "process_docs: !function u.f\noutput_type", "sums.yaml:4:15: "),
        ("output_type", "include: base.yaml\noutput_type", "sums.yaml:4:1: include: this key is"),
        ("output_type", "class: a.B\noutput_type", "sums.yaml:4:1: class: this key is not"),
        ("task: sums\n", "", 'sums.yaml:1:1: expected the key "task"'),
        ("task: sums", "task: [a, b]", "sums.yaml:1:1: task: expected the name of one task"),
        ("dataset_path: json", "dataset_path: org/name", "sums.yaml:2:1: dataset_path: a data set"),
        ("test_split: test\n", "", "sums.yaml:1:1: expected `test_split`"),
    ],
)
def test_a_task_file_that_is_not_plain_data_is_refused(folder, old, new, expected, problems_of):
    path = folder(LM_EVAL, sums__yaml=TASK_FILE.replace(old, new), sums__jsonl=SUMS)

    problems = problems_of(path)

    assert any(problem.startswith(expected) for problem in problems), problems


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("include: sums.yaml, data: sums.jsonl, ", "", "tasks/0: expected `task` or `include`"),
        ("data: sums.jsonl, ", "", "dataset_path: a data set on this disk needs `data`"),
        ("include: sums.yaml", "task: x", "tasks/0/data: `data` is for a task file given by"),
        ("include:", "task: other, include:", "tasks/0/task: the file 'sums.yaml' holds the task"),
        ("sums.jsonl", "absent.jsonl", "tasks/0/data: cannot read 'absent.jsonl'"),
        (", metric: exact_match", "", 'tasks/0: expected the key "metric", found none'),
    ],
)
def test_a_broken_lm_eval_task_is_answered(folder, old, new, expected, problems_of):
    path = folder(LM_EVAL.replace(old, new), sums__yaml=TASK_FILE, sums__jsonl=SUMS)

    assert any(expected in problem for problem in problems_of(path))


def test_data_of_an_lm_eval_task_is_checked_too(folder, problems_of):
    path = folder(LM_EVAL, sums__yaml=TASK_FILE, sums__jsonl=SUMS + SUMS + "x\n")

    assert [p.split(": ")[0] for p in problems_of(path)] == [
        "sums.jsonl:2:1",
        "sums.jsonl:3:1",
    ]
