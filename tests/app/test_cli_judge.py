"""`lexgate judge`: exchanges in, one judgement per exchange and principle out, nothing dropped."""

import json

import pytest
from click.testing import CliRunner

from lexgate.app.main import cli
from lexgate.critic import judgement_from_json


def run(*args):
    return CliRunner().invoke(cli, ["judge", *map(str, args)], prog_name="lexgate")


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"

    def write(*lines):
        path.write_text(
            "".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        )
        return path

    def lines(*items):
        path.write_text("".join(json.dumps(item) + "\n" for item in items))
        return path

    write.lines = lines
    return write


def one(id_, response="I can't help with that.", prompt="how do i wrap a kite?"):
    return {"id": id_, "prompt": prompt, "response": response}


def principles(row):
    return [judgement_from_json(judgement).principle for judgement in row["judgements"]]


def test_there_is_a_judgement_per_exchange_and_principle_in_the_order_asked(rows):
    source = rows.lines(one("b"), one("a"))

    result = run("demo@1.0.0", "--input", source)

    assert result.exit_code == 0, result.stderr
    out = [json.loads(line) for line in result.stdout.splitlines()]
    both = ["no-harm-help", "no-over-refusal"]
    assert [(row["id"], principles(row)) for row in out] == [("b", both), ("a", both)]


def test_one_principle_may_be_asked_alone(rows):
    source = rows.lines(one("a"))

    out = run("demo@1.0.0", "--input", source, "--principle", "no-over-refusal").stdout

    assert [principles(json.loads(line)) for line in out.splitlines()] == [["no-over-refusal"]]


def test_with_json_the_summary_is_the_one_object_and_judgements_are_in_the_file(rows, tmp_path):
    source = rows.lines(one("a"), one("b"))

    result = run("demo@1.0.0", "--input", source, "-o", tmp_path / "out.jsonl", "--json")

    summary = json.loads(result.stdout)
    assert summary["exchanges"] == 2
    assert sum(sum(found.values()) for found in summary["judgements"].values()) == 4
    assert summary["critic"]["name"] == "checks,exemplars"
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


def test_json_without_a_file_for_the_judgements_is_refused(rows):
    result = run("demo@1.0.0", "--input", rows.lines(one("a")), "--json")

    assert result.exit_code == 2
    assert "say with -o where judgements go" in json.loads(result.stdout)["error"]["message"]


def test_conversations_of_several_turns_are_exchanges_too(rows):
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]

    result = run("demo@1.0.0", "--input", rows.lines(one("a", prompt=turns)))

    assert result.exit_code == 0, result.stderr


def test_a_line_carries_the_exchange_as_it_was_given(rows):
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
    given = [one("a"), one("b", prompt=turns)]

    out = run("demo@1.0.0", "--input", rows.lines(*given)).stdout

    for line, item in zip(out.splitlines(), given, strict=True):
        row = json.loads(line)
        assert row.pop("judgements")
        assert row == item


def test_the_critic_recorded_gives_what_was_judged_again(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = rows.lines(one("a"), one("b", "sure. to wrap a kite: plan, start, finish."))
    first = run("demo@1.0.0", "--input", source, "--critic", "scripted/yes", "-o", "j.jsonl")
    assert first.exit_code == 0, first.stderr

    again = run("demo@1.0.0", "--input", source, "--critic", "recorded/j.jsonl")

    assert again.exit_code == 0, again.stderr
    made, repeated = (
        [
            [(judged["principle"], judged["outcome"]) for judged in json.loads(line)["judgements"]]
            for line in text.splitlines()
        ]
        for text in ((tmp_path / "j.jsonl").read_text(), again.stdout)
    )
    assert made == repeated
    assert all(outcome != "abstains" for line in made for _, outcome in line)


def test_a_misspelt_place_for_judgements_is_refused_before_anything_is_judged(rows, tmp_path):
    result = run("demo@1.0.0", "--input", rows.lines(one("a")), "-o", tmp_path / "no" / "j.jsonl")

    assert result.exit_code == 2
    assert "there is no directory" in result.stderr
    assert "judged" not in result.stderr
    assert not (tmp_path / "no").exists()


def test_critics_may_be_repeated_or_separated_by_commas(rows, tmp_path):
    source = rows.lines(one("a"))
    names = []
    for critics in (
        ["--critic", "checks,scripted/yes"],
        ["--critic", "checks", "--critic", "scripted/yes"],
    ):
        out = run("demo@1.0.0", "--input", source, *critics, "-o", tmp_path / "o", "--json").stdout
        names.append(json.loads(out)["critic"]["name"])

    assert names == ["checks,scripted/yes"] * 2


def test_what_checks_cannot_judge_is_an_abstention_and_not_dropped(rows):
    result = run("demo@1.0.0", "--input", rows.lines(one("a", "x")), "--critic", "checks")

    outcomes = [judged["outcome"] for judged in json.loads(result.stdout)["judgements"]]
    assert "abstains" in outcomes
    assert len(outcomes) == 2


def test_every_wrong_line_is_told_with_its_number(rows):
    source = rows(
        json.dumps(one("a")) + "\n",
        "not json\n",
        "\n",
        '{"id": "b", "prompt": "x"}\n',
        '{"id": 3, "prompt": "x", "response": "y"}\n',
        '{"id": "c", "prompt": [], "response": "y"}\n',
        '{"id": "d", "id": "e", "prompt": "x", "response": "y"}\n',
        "[1]\n",
        json.dumps(one("a")) + "\n",
    )

    result = run("demo@1.0.0", "--input", source)

    assert result.exit_code == 2
    assert result.stdout == ""
    told = result.stderr
    assert f"{source}:2:1: Expecting value" in told
    assert f"{source}:4:1: expected an object of id, prompt and response, found id, prompt" in told
    assert f"{source}:5:1: expected text as id and as response" in told
    assert f"{source}:6:1: expected as prompt a text, or turns" in told
    assert f"{source}:7:1: a key stands twice" in told
    assert f"{source}:8:1: expected an object of id, prompt and response, found list" in told
    assert f"{source}:9:1: id: the id 'a' stands on line 1 already" in told
    assert "error: 7 problems" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "holds no exchange"), (b"\n \n", "holds no exchange"), (b"\xff", "is not UTF-8")],
)
def test_a_file_without_exchanges_is_refused(tmp_path, content, told):
    (tmp_path / "rows.jsonl").write_bytes(content)

    result = run("demo@1.0.0", "--input", tmp_path / "rows.jsonl")

    assert result.exit_code == 2
    assert told in result.stderr


def test_missing_files_and_unknown_names_are_usage_errors(rows, tmp_path):
    source = rows.lines(one("a"))

    missing = run("demo@1.0.0", "--input", tmp_path / "none.jsonl")
    principle = run("demo@1.0.0", "--input", source, "--principle", "be-nice")
    critic = run("demo@1.0.0", "--input", source, "--critic", "chekcs")

    assert (missing.exit_code, principle.exit_code, critic.exit_code) == (2, 2, 2)
    assert "none.jsonl is no file" in missing.stderr
    assert (
        "has no principle 'be-nice'\n    hint: it has no-harm-help, no-over-refusal"
        in principle.stderr
    )
    assert "did you mean checks?" in critic.stderr


def test_judgements_are_not_written_over_what_is_read(rows):
    source = rows.lines(one("a"))
    before = source.read_bytes()

    result = run("demo@1.0.0", "--input", source, "-o", source)

    assert result.exit_code == 2
    assert "which is read here" in result.stderr
    assert source.read_bytes() == before


def test_deep_json_and_roles_of_other_types_are_told_with_their_line(rows):
    role = {"id": "a", "prompt": [{"role": ["user"], "content": "x"}], "response": "y"}
    source = rows("[" * 200_000 + "\n", json.dumps(role) + "\n")

    result = run("demo@1.0.0", "--input", source)

    assert result.exit_code == 2
    assert f"{source}:1:1: the JSON is nested too deep" in result.stderr
    assert f"{source}:2:1: expected as prompt a text, or turns" in result.stderr


def test_rationales_stand_beside_verdicts_and_are_read_over_by_recorded(tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"id": "1", "prompt": "Hi", "response": "Hello."}) + "\n")
    arguments = ["demo", "--input", source, "--critic", "scripted/no", "-o", output]
    plain = run(*arguments)
    verdicts = json.loads(output.read_text())["judgements"]

    explained = run(*arguments, "--rationale", "scripted/echo")

    assert plain.exit_code == explained.exit_code == 0
    line = json.loads(output.read_text())
    assert line["judgements"] == verdicts
    assert [set(one) for one in line["rationales"]] == [{"principle", "none"}] * len(verdicts)
    again = run(*arguments[:3], "--critic", f"recorded/{output}", "--principle", "no-harm-help")
    assert json.loads(again.stdout)["judgements"][0]["outcome"] == verdicts[0]["outcome"]
