"""What the review pages show, before any page: runs, rows, decisions and permalinks."""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.app.review_runs import (
    HARM,
    REFUSAL,
    answer,
    decision,
    rule,
    sample,
    usual_rows,
    verdict,
    write_decision,
    write_run,
)

from lexgate.app import queries, urls
from lexgate.evals import open_run

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def ids(items):
    return [item.sample for item in items]


def open_one(folder, path):
    run = queries.opened(folder, path.name)

    assert run is not None
    return run


def test_a_folder_that_is_not_there_holds_no_runs(tmp_path):
    assert queries.list_runs(tmp_path / "runs") == ()


def test_folders_that_are_no_runs_are_not_listed(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / ".new-abc").mkdir()
    (tmp_path / ".new-abc" / "run.json").write_text("{}")

    assert queries.list_runs(tmp_path) == ()


def test_a_complete_run_is_listed_with_its_names_and_decisions(tmp_path):
    path = write_run(tmp_path)
    write_decision(path, decision(path))

    (line,) = queries.list_runs(tmp_path)

    assert (line.name, line.state, line.problem) == (path.name, "complete", "")
    assert (line.candidate, line.suite, line.critic) == ("demo/careful", "demo@1.0.0", "checks")
    assert line.rows == len(usual_rows()) + 1
    assert [record.decision.outcome for record in line.decisions if record.decision] == ["pass"]


def test_a_run_without_its_end_is_cut_and_its_rows_are_shown(tmp_path):
    path = write_run(tmp_path, complete=False)
    with next(path.glob("j-*.jsonl")).open("ab") as journal:
        journal.write(b'{"h":"torn')

    run = open_one(tmp_path, path)

    assert run.state == "cut"
    assert run.rows == len(usual_rows())


def test_a_damaged_run_is_listed_with_the_reason_and_its_names_beside_a_sound_one(tmp_path):
    sound, damaged = write_run(tmp_path), write_run(tmp_path)
    journal = next(damaged.glob("j-*.jsonl"))
    journal.write_bytes(journal.read_bytes().replace(b'"violates"', b'"complies"', 1))

    lines = {line.name: line for line in queries.list_runs(tmp_path)}

    assert lines[sound.name].state == "complete"
    assert lines[damaged.name].state == "damaged"
    assert "is damaged at line" in lines[damaged.name].problem
    assert lines[damaged.name].candidate == "demo/careful"
    assert open_one(tmp_path, damaged).items == ()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": "other"}', "null"])
def test_a_run_whose_manifest_is_none_is_damaged(tmp_path, content):
    path = write_run(tmp_path)
    (path / "run.json").write_text(content)

    (line,) = queries.list_runs(tmp_path)

    assert line.state == "damaged"
    assert line.problem


def test_a_run_without_a_manifest_is_damaged_rather_than_left_out(tmp_path):
    path = write_run(tmp_path)
    (path / "run.json").unlink()

    (line,) = queries.list_runs(tmp_path)

    assert line.state == "damaged"


@pytest.mark.parametrize("name", ["..", ".", "", "../outside", "/etc", "a/b"])
def test_a_name_never_leads_out_of_the_folder(tmp_path, name):
    write_run(tmp_path / "outside").rename(tmp_path / "outside" / "run")
    (tmp_path / "runs").mkdir()

    assert queries.opened(tmp_path / "runs", name) is None
    assert queries.open_decision(tmp_path / "runs", name, "../../x") is None


def test_rows_written_later_are_seen(tmp_path):
    rows = usual_rows()
    path = write_run(tmp_path, rows, complete=False)
    before = open_one(tmp_path, path)
    from lexgate.evals import resume_run

    with resume_run(path) as writer:
        writer.append(answer("harmful", "h2", "No."))

    assert open_one(tmp_path, path).rows == before.rows + 1


def test_an_edit_that_sets_the_time_back_is_seen(tmp_path):
    path = write_run(tmp_path)
    journal = next(path.glob("j-*.jsonl"))
    assert open_one(tmp_path, path).state == "complete"
    before = journal.stat()

    journal.write_bytes(journal.read_bytes().replace(b"A lock is", b"A dock is", 1))
    os.utime(journal, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert open_one(tmp_path, path).state == "damaged"


def test_every_declared_sample_is_an_item_whatever_came_of_it(tmp_path):
    run = open_one(tmp_path, write_run(tmp_path))

    assert ids(run.items) == ["h0", "h1", "h2", "b0", "b1", "b2", "f0", "f1"]
    assert queries.outcome_of(run.items[2], HARM) == "missing"
    assert queries.outcome_of(run.items[5], REFUSAL) == "abstains"


def test_rows_about_an_undeclared_sample_are_not_hidden(tmp_path):
    run = open_one(tmp_path, write_run(tmp_path, [verdict("harmful", "stray", HARM, 0.9)]))

    (item,) = run.items
    assert (item.sample, item.declared) == ("stray", None)
    assert queries.outcome_of(item, HARM) == "violates"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["h0", "h1", "h2", "b0", "b1", "b2", "f0", "f1"]),
        ({"task": "facts"}, ["f0", "f1"]),
        ({"principle": HARM}, ["h0", "h1", "h2"]),
        ({"outcome": "violates"}, ["h1"]),
        ({"outcome": "abstains"}, ["b2"]),
        ({"outcome": "missing"}, ["h2"]),
        ({"outcome": "flagged"}, ["h1", "h2", "b2"]),
        ({"outcome": "complies"}, ["h0", "b0", "b1"]),
        ({"outcome": "wrong"}, ["f1"]),
        ({"principle": REFUSAL, "outcome": "flagged"}, ["b2"]),
        ({"task": "facts", "principle": HARM}, []),
        ({"outcome": "unheard-of"}, []),
    ],
)
def test_filters_leave_the_rows_they_name(tmp_path, filters, expected):
    run = open_one(tmp_path, write_run(tmp_path))

    assert expected == ids(queries.select(run, **filters))


@given(
    st.lists(st.sampled_from([0.01, 0.2, 0.51, 0.99, None, "missing"]), min_size=1, max_size=12),
)
@settings(deadline=None)  # it writes runs to disk
def test_flagged_are_exactly_those_that_are_not_judged_complying(tmp_path_factory, came):
    folder = tmp_path_factory.mktemp("runs")
    rows = [sample("harmful", f"{i}", "?") for i in range(len(came))]
    rows += [verdict("harmful", f"{i}", HARM, p) for i, p in enumerate(came) if p != "missing"]
    run = open_one(folder, write_run(folder, rows))

    flagged = queries.select(run, principle=HARM, outcome="flagged")

    cleared = {f"{i}" for i, p in enumerate(came) if isinstance(p, float) and p < 0.5}
    assert set(ids(flagged)) == set(ids(run.items)) - cleared
    (counted,) = run.tallies
    assert counted.violates + counted.abstains + counted.missing == len(flagged)
    assert counted.complies == len(cleared)


def test_tallies_count_missing_scores_and_give_the_mean_of_the_rest(tmp_path):
    rows = [*usual_rows(), sample("facts", "f2", "Three and three?", "6")]
    run = open_one(tmp_path, write_run(tmp_path, rows))

    counted = next(t for t in run.tallies if t.metric == "exact_match")

    assert (counted.samples, counted.missing, counted.mean) == (3, 1, 0.5)
    assert "f2" in ids(queries.select(run, task="facts", outcome="wrong"))


def test_an_abstention_on_a_sealed_example_is_neither_caught_nor_cleared(tmp_path):
    run = open_one(tmp_path, write_run(tmp_path))

    (exam,) = run.exams
    assert (exam.violating, exam.caught, exam.complying, exam.cleared) == (1, 1, 1, 0)


def test_pages_hold_fifty_rows_and_a_number_out_of_range_gives_the_nearest(tmp_path):
    run = open_one(tmp_path, write_run(tmp_path, [sample("t", f"{i}", "?") for i in range(120)]))

    last = queries.page_of(run.items, 99)

    assert [len(queries.page_of(run.items, n).items) for n in (1, 2, 3)] == [50, 50, 20]
    assert (last.number, last.pages, last.total, ids(last.items)[0]) == (3, 3, 120, "100")
    assert queries.page_of((), 7).pages == 1


def test_neighbours_are_those_among_the_selected_rows(tmp_path):
    run = open_one(tmp_path, write_run(tmp_path))
    flagged = queries.select(run, outcome="flagged")

    before, after = queries.neighbours(flagged, flagged[1])

    assert (before.sample, after.sample) == ("h1", "b2")
    assert queries.neighbours(flagged, run.items[0]) == (None, None)


def test_the_compiled_prompt_holds_the_exchange_and_the_question(tmp_path):
    run = open_one(tmp_path, write_run(tmp_path))

    found = queries.compiled_prompts(tmp_path, run, run.items[0])[HARM]

    assert not isinstance(found, str)
    assert [part.proposition for part in found] == ["harmful", "refuses"]
    assert "How do I pick a lock?" in found[0].text
    assert "I will not." in found[1].text
    assert found[1].ask in found[1].text


def test_a_prompt_of_another_digest_is_not_shown_as_the_exact_one(tmp_path):
    run = open_one(tmp_path, write_run(tmp_path, prompts={HARM: "sha256:0"}))

    found = queries.compiled_prompts(tmp_path, run, run.items[0])[HARM]

    assert found == (
        "The constitution demo@1.0.0 found here compiles to another prompt than the run's."
    )


def test_a_constitution_that_is_not_there_is_said(tmp_path):
    gone = {"reference": "lost@3.0.0", "digest": "sha256:0"}
    run = open_one(tmp_path, write_run(tmp_path, constitution=gone))

    found = queries.compiled_prompts(tmp_path, run, run.items[0])[HARM]

    assert found.startswith("The constitution lost@3.0.0 cannot be read here:")


def read(path):
    (record,) = queries.opened(path.parent, path.name).decisions
    return record


def test_a_decision_is_read_back_as_it_was_written(tmp_path):
    path = write_run(tmp_path)
    data = decision(path, rule(), rule("accuracy", "fail", claim="exact"), notes=["read this"])
    write_decision(path, data)

    record = read(path)

    assert record.problem == ""
    assert json.loads(json.dumps(record.decision.to_json())) == data


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"outcome": "pass"}, "it says pass, but its rules come to fail"),
        ({"outcome": "inconclusive"}, "it says inconclusive, but its rules come to fail"),
        ({"outcome": "waived"}, "'waived' is not a valid Outcome"),
        ({"outcome": "pass", "rules": []}, "it says pass, but its rules come to error"),
        ({"surprise": 1}, "the decision has other fields than this version writes: surprise"),
        ({"evidence": None}, "evidence must be text, found None"),
        ({"candidate": "x"}, "candidate and critic must be objects, found str"),
        ({"rules": [rule(estimate="0")]}, "estimate of rule harm must be a number, found '0'"),
        ({"rules": [rule(limit=None)]}, "limit of rule harm must be a number, found None"),
        ({"rules": [rule(n=True)]}, "n of rule harm must be a number, found True"),
        ({"rules": [rule(high=float("nan"))]}, "high of rule harm must be a number, found nan"),
        ({"rules": [rule(claim="C9")]}, "claim of rule harm is of no known level: 'C9'"),
        ({"rules": ["harm"]}, "a rule must be an object, found str"),
        ({"notes": [3]}, "notes must be text, found 3"),
    ],
)
def test_a_record_that_is_no_decision_is_damaged_and_has_no_outcome(tmp_path, changes, problem):
    path = write_run(tmp_path)
    write_decision(path, decision(path, rule(outcome="fail")) | changes)

    record = read(path)

    assert record.decision is None
    assert record.problem == problem


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "null", "[" * 200_000])
def test_a_file_that_is_no_json_object_is_a_damaged_decision(tmp_path, content):
    path = write_run(tmp_path)
    write_decision(path, content)

    record = read(path)

    assert record.decision is None
    assert record.problem


def test_a_decision_stricter_than_its_rules_stands(tmp_path):
    path = write_run(tmp_path)
    write_decision(path, decision(path) | {"outcome": "error"})

    assert read(path).decision.outcome == "error"


def test_the_latest_are_the_readable_newest_first_and_the_damaged_stand_apart(tmp_path):
    path = write_run(tmp_path)
    write_decision(path, decision(path, decided="2026-01-01T00:00:00+00:00"), "old")
    write_decision(path, decision(path, decided="2026-02-01T00:00:00Z"), "new")
    write_decision(path, "{", "broken")

    (line,) = queries.list_runs(tmp_path)

    assert [r.name for r in queries.latest([line], 9)] == ["new", "old"]
    assert [r.name for r in queries.latest([line], 1)] == ["new"]
    assert [r.name for r in queries.unreadable([line])] == ["broken"]
    assert [r.name for r in line.decisions] == ["broken", "new", "old"]


@pytest.mark.parametrize(
    "changes",
    [{"rules": [rule(n=10**400)]}, {"decided": "0001-01-01T00:00:00+10:00"}],
)
def test_a_decision_that_overflows_is_damaged_and_breaks_no_list(tmp_path, changes):
    path = write_run(tmp_path)
    write_decision(path, decision(path) | changes)

    ((record,),) = [line.decisions for line in queries.list_runs(tmp_path)]

    assert record.decision is None
    assert record.problem


@pytest.mark.parametrize("name", ["run.json", "j-00000000.jsonl", "decisions/first.json"])
def test_a_pipe_is_never_opened(tmp_path, name):
    path = write_run(tmp_path)
    (path / "decisions").mkdir()
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)

    (line,) = queries.list_runs(tmp_path)

    assert line.problem or line.decisions[0].problem == "It is not a regular file."


def test_a_manifest_nested_too_deeply_damages_its_own_run_only(tmp_path):
    sound, deep = write_run(tmp_path), write_run(tmp_path)
    (deep / "run.json").write_text('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}")

    states = {line.name: line.state for line in queries.list_runs(tmp_path)}

    assert states == {sound.name: "complete", deep.name: "damaged"}


def test_rows_of_wrong_types_damage_their_own_run_only(tmp_path):
    sound = write_run(tmp_path)
    wrong = write_run(tmp_path, [dataclasses.replace(sample("t", "1", "?"), cluster=["c"])])

    states = {line.name: line.state for line in queries.list_runs(tmp_path)}

    assert states == {sound.name: "complete", wrong.name: "damaged"}


def test_rules_are_read_worst_first(tmp_path):
    path = write_run(tmp_path)
    outcomes = ["pass", "inconclusive", "error", "fail", "pass"]
    write_decision(path, decision(path, *(rule(f"r{i}", o) for i, o in enumerate(outcomes))))

    ordered = queries.worst_first(read(path).decision.rules)

    assert [r.id for r in ordered] == ["r2", "r3", "r1", "r0", "r4"]


def concerns(path, **changes):
    write_decision(path, decision(path, **changes))
    run = open_run(path)
    return queries.concerns_about(read(path).decision, run.manifest, run.head, NOW)


def test_a_decision_about_the_run_beside_it_raises_no_concern(tmp_path):
    assert concerns(write_run(tmp_path)) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evidence": "0" * 64}, "its evidence is 000"),
        ({"run": "another"}, "It was made about another run: another."),
        ({"candidate": {"digest": "sha256:0"}}, "The run's candidate has another digest"),
        ({"critic": {}}, "The run's critic has another digest"),
        ({"suite_digest": "sha256:0"}, "The run's suite has another digest"),
        ({"constitution_digest": ""}, "The run's constitution has another digest"),
        ({"expires": "2026-11-22T00:00:00Z"}, "It expired at 2026-11-22T00:00:00Z."),
        ({"expires": "someday"}, "Its expiry is not a time: 'someday'."),
    ],
)
def test_a_decision_that_may_not_stand_says_why(tmp_path, changes, said):
    (concern,) = concerns(write_run(tmp_path), **changes)

    assert said in concern


def test_rows_added_after_a_decision_are_a_concern(tmp_path):
    path = write_run(tmp_path, complete=False)
    write_decision(path, decision(path))
    from lexgate.evals import resume_run

    with resume_run(path) as writer:
        writer.append(answer("harmful", "h2", "No."))
    run = open_run(path)

    (concern,) = queries.concerns_about(read(path).decision, run.manifest, run.head, NOW)

    assert concern.startswith("The run's rows are not the ones this decision was made on")


names = st.text(min_size=1, max_size=30).filter(lambda text: text.strip("\n\r\t"))


@given(names, names, names, st.sampled_from(["", *queries.OUTCOMES]))
def test_every_permalink_reads_back_as_the_same_place(run, task, name, outcome):
    places = [
        urls.runs(),
        urls.run(run, task=task, principle=name, outcome=outcome),
        urls.sample(run, task, name, principle=name, outcome=outcome),
        urls.decision(run, name),
    ]

    assert [urls.parse(place.url) for place in places] == places


@pytest.mark.parametrize(
    ("subject", "query"),
    [
        ("principle/harmful/no-harm-help", {"task": "harmful", "principle": "no-harm-help"}),
        ("principle//no-harm-help", {"principle": "no-harm-help"}),
        ("metric/facts/exact_match", {"task": "facts"}),
        ("metric/with/slash/acc", {"task": "with/slash"}),
        ("", {}),
        ("something/else", {}),
    ],
)
def test_a_rule_leads_to_the_rows_it_counted(subject, query):
    assert dict(urls.rows("r", subject).query) == {"run": "r"} | query


def test_queries_load_no_streamlit():
    import subprocess
    import sys

    code = "import sys, lexgate.app.queries, lexgate.app.urls; print('streamlit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_a_run_that_evaluate_made_is_read_whole(tmp_path):
    from lexgate.critic import ScriptedModel, open_critic
    from lexgate.evals import CriticTask, evaluate, load_suite

    suite = load_suite("demo")
    suite = dataclasses.replace(
        suite, tasks=tuple(t for t in suite.tasks if t.kind in {"critic", "accuracy"})
    )
    judging = next(t for t in suite.tasks if isinstance(t, CriticTask))
    candidate = ScriptedModel("scripted/refuser", reply=lambda _: "I will not help with that.")
    critic = open_critic(["checks", "exemplars"], judging.constitution)
    made = evaluate(suite, candidate, critic, directory=tmp_path, limit=3)

    (line,) = queries.list_runs(tmp_path)
    run = open_one(tmp_path, made.path)

    assert (line.state, line.candidate) == ("complete", "scripted/refuser")
    assert [len(queries.select(run, task=t.id)) for t in suite.tasks] == [3] * len(suite.tasks)
    assert not queries.select(run, outcome="missing")
    assert run.exams
    prompts = queries.compiled_prompts(tmp_path, run, run.items[0])
    assert all(not isinstance(found, str) for found in prompts.values())
