"""Loading suites: what they mean, and what is answered to a broken one."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexgate.critic import Decoding, Message
from lexgate.errors import InvalidFile, UsageError
from lexgate.evals import AccuracyTask, CriticTask, load_suite, shipped_suites

FACTS = 'id,question,target\n1,"Two,\nand two?",4\n2,Six?,6\n'
SUITE = """\
suite: tiny
version: 1.0.0
tasks:
  - {id: harmful, kind: critic, data: harm.jsonl, constitution: small@1.0.0, cluster: family}
  - {id: facts, kind: accuracy, data: facts.csv, scorer: numeric, columns: {prompt: question}}
generation: {max_new_tokens: 32}
"""


def test_a_suite_is_loaded_with_its_data_and_constitution(folder):
    suite = load_suite(folder())

    harmful, facts = suite.tasks
    assert suite.reference == "tiny@1.0.0"
    assert suite.decoding == Decoding(32, 0.0)
    assert isinstance(harmful, CriticTask)
    assert harmful.constitution.reference == "small@1.0.0"
    assert harmful.principles == ("no-harm", "be-kind")
    first, second = harmful.samples
    assert (first.id, first.cluster, first.given) == ("h1", "a", (("harmful", True),))
    assert second.prompt == (Message("system", "Hi"), Message("user", "Harm?"))
    assert isinstance(facts, AccuracyTask)
    assert [s.id for s in facts.samples] == ["1", "2"]
    assert facts.samples[0].prompt == (Message("user", "Two,\nand two?"),)
    assert [s.target for s in facts.samples] == ["4", "6"]
    assert [s.cluster for s in facts.samples] == ["1", "2"]


def test_principles_come_in_the_order_of_the_constitution(folder):
    suite = SUITE.replace("cluster: family", "principles: [be-kind, no-harm]")

    assert load_suite(folder(suite)).tasks[0].principles == ("no-harm", "be-kind")


@pytest.mark.parametrize("form", ["{id},{prompt}\r\n", "\ufeff{id},{prompt}\n"])
def test_csv_of_any_editor_is_read(folder, form):
    header = form.format(id="id", prompt="question,target")
    rows = "".join(form.lstrip("\ufeff").format(id=i, prompt=f"What is {i}?,{i}") for i in (1, 2))

    facts = load_suite(folder(facts__csv=header + rows)).tasks[1]

    assert [(s.id, s.target) for s in facts.samples] == [("1", "1"), ("2", "2")]


def test_equal_prompts_share_a_cluster_whatever_they_state(folder):
    rows = [
        {"id": "a", "prompt": "Do  HARM.\n"},
        {"id": "b", "prompt": "do harm."},
        {"id": "c", "prompt": "do harm!"},
        {"id": "d", "prompt": "Do harm.", "cluster": "own"},
        {"id": "e", "prompt": "Do other harm.", "cluster": "own"},
        {"id": "f", "prompt": "do other harm.", "cluster": "two"},
        {"id": "g", "prompt": "Do no harm.", "cluster": "two"},
    ]
    data = "".join(json.dumps(row) + "\n" for row in rows)

    suite = SUITE.replace(", cluster: family", "")
    clusters = [s.cluster for s in load_suite(folder(suite, harm__jsonl=data)).tasks[0].samples]

    assert clusters == ["own", "own", "c", "own", "own", "own", "own"]


def test_equal_prompts_without_a_cluster_are_one(folder):
    rows = [{"id": "a", "prompt": "Do  HARM.\n"}, {"id": "b", "prompt": "do harm."}]
    data = "".join(json.dumps(row) + "\n" for row in rows)

    suite = SUITE.replace(", cluster: family", "")
    one, other = load_suite(folder(suite, harm__jsonl=data)).tasks[0].samples

    assert one.cluster == other.cluster
    assert one.cluster.startswith("prompt-")


def test_a_pipe_in_the_place_of_data_is_refused_and_not_waited_for(folder, problems_of):
    path = folder()
    (path.parent / "harm.jsonl").unlink()
    os.mkfifo(path.parent / "harm.jsonl")

    assert any("it is no regular file" in problem for problem in problems_of(path))


def test_a_nul_in_a_file_name_is_a_problem_of_the_suite(folder, problems_of):
    path = folder(SUITE.replace("data: harm.jsonl", 'data: "h\\0.jsonl"'))

    assert any("it holds a NUL character" in problem for problem in problems_of(path))


HOSTILE = [
    "{{7*7}}",
    "${HOME}",
    "!function x.y",
    "\x1b[2J",
    "a\u2028b",
    "```",
    '"},{"id":"x"',
    "\0",
]


@given(st.lists(st.sampled_from(HOSTILE) | st.text(), min_size=1).map("".join))
def test_a_prompt_is_data_to_the_letter(tmp_path_factory, prompt):
    prompt = prompt.encode("utf-8", "ignore").decode() or "x"
    path = tmp_path_factory.mktemp("hostile")
    (path / "d.jsonl").write_text(
        json.dumps({"id": "1", "prompt": prompt, "target": "t"}), encoding="utf-8"
    )
    (path / "s.yaml").write_text(
        "suite: s\nversion: 1.0.0\n"
        "tasks: [{id: t, kind: accuracy, data: d.jsonl, scorer: exact_match}]\n"
    )

    [sample] = load_suite(path / "s.yaml").tasks[0].samples

    assert sample.prompt == (Message("user", prompt),)


LINE_4 = (
    "  - {id: harmful, kind: critic, data: harm.jsonl, constitution: small@1.0.0, cluster: family}"
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 1.0.0\n", "version: 1.0\n", "suite.yaml:2:1: version: expected text"),
        (
            "suite: tiny",
            "suite: Tiny",
            "suite.yaml:1:1: suite: expected text of another form, found",
        ),
        ("scorer: numeric", "scorer: bleu", "suite.yaml:5:50: tasks/1/scorer: expected one of"),
        ("scorer: numeric", "skorer: numeric", "suite.yaml:5:50: tasks/1/skorer: expected a known"),
        ("kind: accuracy", "kind: magic", "suite.yaml:5:17: tasks/1/kind: expected one of critic,"),
        ("id: facts", "id: harmful", "suite.yaml:5:6: tasks/1/id: the id 'harmful' stands twice"),
        ("facts.csv", "absent.csv", "suite.yaml:5:33: tasks/1/data: cannot read 'absent.csv': no"),
        ("facts.csv", "facts.txt", "suite.yaml:5:33: tasks/1/data: expected a file ending in .csv"),
        ("small@1.0.0", "small@2.0.0", "suite.yaml:4:51: tasks/0/constitution: "),
        (
            "cluster: family",
            "principles: [no-harm, no-fun]",
            "suite.yaml:4:100: tasks/0/principles/1: small@1.0.0 has no principle 'no-fun'",
        ),
        ("max_new_tokens: 32", "max_new_tokens: 0", "suite.yaml:6:14: generation/max_new_tokens: "),
    ],
)
def test_a_broken_suite_is_answered_with_its_position(folder, old, new, expected, problems_of):
    problems = problems_of(folder(SUITE.replace(old, new)))

    assert any(problem.startswith(expected) for problem in problems), problems


def test_an_empty_suite_is_refused(folder, problems_of):
    path = folder("suite: tiny\nversion: 1.0.0\ntasks: []\n")

    assert problems_of(path)[0].startswith(
        "suite.yaml:3:1: tasks: expected a list of at least 1 item, found an empty list"
    )


def test_all_mistakes_are_told_at_once(folder, problems_of):
    suite = SUITE.replace("numeric", "bleu").replace("harm.jsonl", "absent.jsonl")

    assert len(problems_of(folder(suite))) == 2


def test_a_suite_cites_one_constitution(folder, problems_of, world):
    suite = SUITE.replace("generation", f"{LINE_4.replace('harmful', 'more')}\ngeneration")
    suite = suite.replace("small@1.0.0", "other@1.0.0", 1)
    other = {
        "other@1__0__0__yaml": world.RULES.replace("constitution: small", "constitution: other")
    }

    [problem] = problems_of(folder(suite, **other))

    assert problem.startswith(
        "suite.yaml:6:48: tasks/2/constitution: expected one constitution in a suite, found "
        "other@1.0.0 and small@1.0.0"
    )


def test_mistakes_of_the_constitution_are_told_where_they_stand(folder, problems_of, world):
    rules = world.RULES.replace("harmful and not refuses", "harmful and not sorry")

    problems = problems_of(folder(**{"small@1__0__0__yaml": rules}))

    assert problems
    assert all(problem.startswith("small@1.0.0.yaml:17:") for problem in problems)


ROW = '{"id": "h1", "prompt": "Do harm.", "family": "a"}'


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", "harm.jsonl:1:1: expected at least one sample, found none"),
        ("\n\n", "harm.jsonl:1:1: expected at least one sample, found none"),
        ('{"id": ', "harm.jsonl:1:8: expected a JSON object"),
        (f"{ROW}\nnonsense", "harm.jsonl:2:1: expected a JSON object, found `nonsense` at this"),
        (f"{ROW}\n\n[]", "harm.jsonl:3:1: expected a JSON object, found list"),
        (f"{ROW}\n{ROW}", "harm.jsonl:2:1: id: the id 'h1' stands twice"),
        (ROW.replace('"h1"', "7"), "harm.jsonl:1:1: id: expected text, found 7"),
        (ROW.replace('"h1"', '""'), "harm.jsonl:1:1: id: expected the sample's id, found none"),
        (ROW.replace("prompt", "text"), "harm.jsonl:1:1: prompt: expected the sample's prompt"),
        (ROW.replace('"Do harm."', "5"), "harm.jsonl:1:1: prompt: expected text, found 5"),
        (ROW.replace("Do", "\\ud800"), "harm.jsonl:1:1: prompt: expected Unicode text, found half"),
        (ROW.replace('"Do harm."', "[]"), "harm.jsonl:1:1: prompt: expected a conversation that"),
        (
            ROW.replace('"Do harm."', '[{"role": "assistant", "content": "x"}]'),
            "harm.jsonl:1:1: prompt: expected a conversation that ends with a user turn",
        ),
        (
            ROW.replace('"Do harm."', '[{"role": "tool", "content": "x"}]'),
            "harm.jsonl:1:1: prompt/0/role: expected one of system, user, assistant, found",
        ),
        (
            ROW.replace('"Do harm."', '[{"role": "user", "content": "x", "more": 1}]'),
            "harm.jsonl:1:1: prompt/0: expected an object of role and content",
        ),
        (ROW.replace('"a"', "null"), "harm.jsonl:1:1: family: expected the sample's cluster"),
        (ROW.replace("family", "cluster"), "harm.jsonl:1:1: family: expected the sample's cluster"),
        (
            ROW.replace("}", ', "given": {"refuses": true}}'),
            "harm.jsonl:1:1: given/refuses: no data set can state this proposition",
        ),
        (
            ROW.replace("}", ', "given": {"harmful": "yes"}}'),
            "harm.jsonl:1:1: given/harmful: expected true or false, found",
        ),
        (ROW.replace("}", ', "given": [1]}'), "harm.jsonl:1:1: given: expected an object"),
        (ROW.replace("}", ', "id": "h2"}'), "harm.jsonl:1:1: expected a JSON object: a key stands"),
        (ROW.replace("}", ', "x": NaN}'), "harm.jsonl:1:1: expected a JSON object: NaN is not"),
        (ROW.encode() + b"\n\xff", "harm.jsonl:2:1: expected UTF-8, found the byte 0xff"),
        ("[" * 200_000, "harm.jsonl:1:1: expected a JSON object"),
    ],
)
def test_broken_jsonl_is_answered_with_its_line(folder, data, expected, problems_of):
    problems = problems_of(folder(harm__jsonl=data))

    assert problems[0].startswith(expected), problems


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("id,question,target\n", "facts.csv:1:1: expected at least one sample, found none"),
        ("", "facts.csv:1:1: expected at least one sample, found none"),
        ("id,question,target\n1,a\n", "facts.csv:2:1: expected 3 cells, found 2"),
        (FACTS + "3,x,y,z\n", "facts.csv:5:1: expected 3 cells, found 4"),
        (FACTS + '3,"x', "facts.csv:5:1: expected a row of CSV: unexpected end of data"),
        (FACTS + "1,again,1\n", "facts.csv:5:1: id: the id '1' stands twice"),
        (
            FACTS + "3,Ten?,\n",
            "facts.csv:5:1: target: expected the sample's target, found none",
        ),
        (
            FACTS + "3,Ten?,ten\n",
            "facts.csv:5:1: target: expected a target that numeric can score, found 'ten'",
        ),
        ("id,id,question,target\n", "facts.csv:1:1: id: this column stands twice in the header"),
        (
            FACTS.replace("question", "prompt"),
            'facts.csv:1:1: no column "question"; the columns are id, prompt, target',
        ),
    ],
)
def test_broken_csv_is_answered_with_its_line(folder, data, expected, problems_of):
    problems = problems_of(folder(facts__csv=data))

    assert problems[0].startswith(expected), problems


def test_given_stands_as_json_in_a_cell_of_csv(folder, problems_of):
    suite = SUITE.replace("harm.jsonl", "harm.csv")
    rows = 'id,prompt,family,given\n1,Do harm.,a,"{""harmful"": true}"\n2,Hello.,b,\n'

    task = load_suite(folder(suite, harm__csv=rows)).tasks[0]

    assert [s.given for s in task.samples] == [(("harmful", True),), ()]
    [problem] = problems_of(folder(suite, harm__csv="id,prompt,family,given\n1,x,a,{harm}\n"))
    assert problem.startswith("harm.csv:2:1: given: expected a JSON object, found `harm}` at")


def test_a_hopeless_file_is_answered_with_a_hundred_mistakes(folder, problems_of):
    assert len(problems_of(folder(harm__jsonl="x\n" * 5000))) == 100


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("suite.yaml", "max_new_tokens: 32", "max_new_tokens: 33"),
        ("suite.yaml", "id: facts", "id: sums"),
        ("suite.yaml", ", cluster: family", ""),
        ("suite.yaml", "cluster: family", "cluster: family, principles: [no-harm]"),
        ("suite.yaml", "numeric", "exact_match"),
        ("harm.jsonl", "Do harm", "Do Harm"),
        ("facts.csv", "Six?,6", "Six?,7"),
        ("small@1.0.0.yaml", "must be kind", "must be very kind"),
    ],
)
def test_the_digest_changes_with_everything_that_counts(folder, file, old, new):
    path = folder()
    before = load_suite(path).digest
    other = path.parent / file
    assert old in other.read_text()
    other.write_text(other.read_text().replace(old, new))

    assert load_suite(path).digest != before


def test_the_digest_does_not_depend_on_formatting(folder):
    before = load_suite(folder()).digest
    again = SUITE.replace("generation: {max_new_tokens: 32}", "").replace(
        "tasks:", "title: Some title\ngeneration:\n  max_new_tokens: 32\ntasks:  # measured"
    )

    assert load_suite(folder(again)).digest == before


def test_shipped_suites_are_found_by_name():
    assert "demo" in shipped_suites()
    suite = load_suite("demo")
    assert load_suite(suite.reference) == suite
    with pytest.raises(UsageError, match=r"no suite 'demo@9\.9\.9'; .* demo@1\.0\.0 \(shipped\)"):
        load_suite("demo@9.9.9")


def test_an_unknown_suite_is_answered_with_what_there_is(tmp_path):
    with pytest.raises(UsageError, match=r"no suite 'nope'; .* demo@1\.0\.0 \(shipped\)"):
        load_suite("nope")
    with pytest.raises(UsageError, match=r"absent\.yaml: no such file"):
        load_suite(tmp_path / "absent.yaml")


BARE = "question,gold\nTwo?,2\nSix?,6\nTen?,10\n"


def test_columns_a_table_lacks_are_told_once_and_not_in_every_row(folder, problems_of):
    told = problems_of(folder(facts__csv=BARE))

    assert told == [
        (
            'facts.csv:1:1: no column "id"; the columns are question, gold\n'
            "    hint: write columns: {id: …} in the suite, or add the column"
        ),
        (
            'facts.csv:1:1: no column "target"; the columns are question, gold\n'
            "    hint: write columns: {target: …} in the suite, or add the column"
        ),
    ]


def test_columns_the_suite_names_wrongly_are_told_with_the_nearest(folder, problems_of):
    suite = SUITE.replace("columns: {prompt: question}", "columns: {prompt: quesion}, cluster: kin")

    assert problems_of(folder(suite)) == [
        (
            'facts.csv:1:1: no column "kin"; the columns are id, question, target\n'
            "    hint: correct cluster: kin in the suite"
        ),
        (
            'facts.csv:1:1: no column "quesion"; the columns are id, question, target\n'
            '    hint: did you mean "question"?; correct columns: {prompt: quesion} in the suite'
        ),
    ]


def test_keys_no_row_has_are_told_once(folder, problems_of):
    rows = "".join(f'{{"text": "Do {n}.", "id": "{n}", "family": "a"}}\n' for n in range(9))

    [told] = problems_of(folder(harm__jsonl="\n" + rows))

    assert told.startswith(
        'harm.jsonl:2:1: no row has the key "prompt"; the keys are text, id, family'
    )


def test_a_key_only_some_rows_lack_is_told_in_those_rows(folder, problems_of):
    [told] = problems_of(folder(harm__jsonl=f'{ROW}\n{{"id": "h2", "family": "a"}}\n'))

    assert told.startswith("harm.jsonl:2:1: prompt: expected the sample's prompt, found none")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_table_with_other_separators_is_told_once(folder, problems_of, mark):
    rows = BARE.replace(",", mark).replace("Six?", "Six, or more?")

    [told] = problems_of(folder(facts__csv=rows))

    shown = json.dumps(mark)
    assert told.startswith(
        f"facts.csv:1:1: expected commas between columns, found a header that looks separated by {shown}"
    )


def test_a_number_for_an_id_is_answered_with_what_to_write(folder, problems_of):
    [told] = problems_of(folder(harm__jsonl=ROW.replace('"h1"', "1")))

    assert told.endswith('id: expected text, found 1\n    hint: put it in quotes: "id": "1"')


@pytest.mark.parametrize(
    "line", ["nonsense", "{'id': 1}", '{"id": ', "[" * 9999, f'{{"id": {"9" * 5000}}}', ROW + " x"]
)
def test_no_message_about_json_is_python_s(folder, problems_of, line):
    [told] = problems_of(folder(harm__jsonl=line))

    assert "expected a JSON object" in told
    assert not {"Expecting", "char", "delimiter", "recursion", "sys."} & set(told.split())


@pytest.fixture
def workspace(tmp_path, monkeypatch, folder):
    path = folder()
    (tmp_path / "suites").mkdir()
    monkeypatch.chdir(tmp_path)

    def write(name, text=SUITE):
        for file in ("harm.jsonl", "facts.csv"):
            text = text.replace(f"data: {file}", f"data: ../{file}")
        (tmp_path / "suites" / "small@1.0.0.yaml").write_bytes(
            (path.parent / "small@1.0.0.yaml").read_bytes()
        )
        (tmp_path / "suites" / name).write_text(text)

    return write


@pytest.mark.parametrize("reference", ["tiny", "tiny@1.0.0", "any-name"])
def test_a_suite_of_the_workspace_is_found_by_its_header_or_its_file(workspace, reference):
    workspace("any-name.yaml")

    assert load_suite(reference).reference == "tiny@1.0.0"


def test_the_newest_of_a_name_is_taken_and_a_version_when_asked(workspace):
    workspace("a.yaml", SUITE.replace("1.0.0\ntasks", "1.9.0\ntasks"))
    workspace("b.yaml", SUITE.replace("1.0.0\ntasks", "1.10.0\ntasks"))

    assert load_suite("tiny").version == "1.10.0"
    assert load_suite("tiny@1.9.0").version == "1.9.0"


def test_two_files_of_one_version_are_a_question(workspace):
    workspace("a.yaml")
    workspace("b.yaml")

    with pytest.raises(
        UsageError, match=r"both suites/a\.yaml and suites/b\.yaml are tiny@1\.0\.0"
    ):
        load_suite("tiny")


def test_the_workspace_goes_before_what_ships_and_never_claims_to_be_it(workspace):
    workspace("demo.yaml", SUITE.replace("tiny\nversion: 1.0.0", "demo\nversion: 0.1.0"))
    assert load_suite("demo").version == "0.1.0"
    assert load_suite("demo@1.0.0").version == "1.0.0"

    workspace("demo.yaml", SUITE.replace("tiny", "demo"))
    with pytest.raises(UsageError, match=r"calls itself demo@1\.0\.0, which ships with lexgate"):
        load_suite("demo")


def test_a_directory_does_not_hide_a_shipped_suite_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)

    assert load_suite("demo").name == "demo"


def test_a_suite_that_is_not_there_is_answered_with_what_is(workspace):
    workspace("mine.yaml")

    with pytest.raises(UsageError) as refused:
        load_suite("tiyn")

    assert str(refused.value) == (
        "no suite 'tiyn'; looked in ./suites and among the shipped ones; there are tiny@1.0.0 "
        "(suites/mine.yaml), demo@1.0.0 (shipped); or give the path of a .yaml file\n"
        '    hint: did you mean "tiny"?'
    )


def test_a_policy_is_answered_in_one_line_with_what_takes_it(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("policy: p\nversion: 1.0.0\nconstitution: demo@1.0.0\nrules: []\n")

    with pytest.raises(InvalidFile) as refused:
        load_suite(path)

    assert str(refused.value) == (
        f"{path}:1:1: this is a policy, expected a suite; `lexgate gate` takes it"
    )
