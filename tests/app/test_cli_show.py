"""`lexgate show`: the prompts word for word, and how long they are."""

import json

import pytest
import yaml
from click.testing import CliRunner
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lexgate.app.main import cli
from lexgate.constitutions import find, load
from lexgate.critic import Exchange, as_conversation, compile_prompts, estimate

RULES = {
    "constitution": "mine",
    "version": "1.0.0",
    "title": "Mine",
    "license": "CC0-1.0",
    "severities": [{"id": "major", "limit": 0.02, "confidence": 0.95, "claim": "C1"}],
    "definitions": {"kindness": "what helps\nsomebody."},
    "principles": [
        {
            "id": "be-kind",
            "title": "Kind",
            "criterion": "helpfulness",
            "polarity": "require",
            "severity": "major",
            "text": "Answer with kindness.",
            "exceptions": ["A joke among friends."],
            "examples": [
                {
                    "id": f"e{number}",
                    "prompt": "Two\nlines?",
                    "response": f"```\ncode {number}\n```",
                    "label": label,
                    "why": "so",
                    "split": split,
                }
                for number, (label, split) in enumerate(
                    [("violates", "public"), ("complies", "public"), ("complies", "sealed")]
                )
            ],
        }
    ],
}


def run(*args):
    result = CliRunner().invoke(cli, ["show", *map(str, args)], prog_name="lexgate")
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name="mine@1.0.0", **changes):
        path = tmp_path / "constitutions" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        content = yaml.safe_dump({**RULES, **changes}, sort_keys=False, allow_unicode=True)
        path.write_text(content, encoding="utf-8")
        return path

    write()
    return write


def asked(output):
    """The prompts in an output, one for each question."""
    prompts, inside = [], False
    for line in output.splitlines():
        if line.startswith("  | "):
            if not inside:
                prompts.append([])
            prompts[-1].append(line.removeprefix("  | "))
        inside = line.startswith("  | ")
    return ["\n".join(lines) for lines in prompts]


def rendered(rules, principle, exchange):
    prompt = next(p for p in compile_prompts(rules) if p.principle == principle)
    return [q.render(exchange)[0].content for q in prompt.questions]


PLACEHOLDERS = Exchange(as_conversation("<the prompt>"), "<the response>")


@pytest.mark.parametrize("name", ["demo", "agentic-worker", "everyday-assistant"])
def test_the_prompts_are_those_a_critic_gets_byte_for_byte(name):
    rules = find(name)
    for principle in rules.principles:
        result = run(principle.id, "--in", name)

        assert result.exit_code == 0
        assert asked(result.stdout) == rendered(rules, principle.id, PLACEHOLDERS)


def test_a_definition_an_exception_and_an_example_stand_where_the_critic_reads_them(write):
    rules = load(write())
    example = rules.principle("be-kind").examples[1]

    result = run("be-kind", "--example", "e1")

    exchange = Exchange(as_conversation(example.prompt), example.response)
    assert asked(result.stdout) == rendered(rules, "be-kind", exchange)
    assert "  | kindness: what helps\n  | somebody.\n" in result.stdout
    assert "  | ````response\n  | ```\n  | code 1\n  | ```\n  | ````\n" in result.stdout


def test_long_lines_are_shown_whole(write):
    rule = {**RULES["principles"][0], "text": "Be kind. " * 2000 + "END"}
    rules = load(write(principles=[rule]))

    shown = asked(run("be-kind").stdout)
    assert shown == rendered(rules, "be-kind", PLACEHOLDERS)
    assert "END" in shown[0]


def test_hostile_text_reaches_no_terminal(write):
    rule = {**RULES["principles"][0], "text": "Be \x1b[31mkind\u202e now.", "title": "T\x9b"}
    write(principles=[rule])

    for args in (["be-kind"], ["be-kind", "--json"]):
        output = run(*args).output
        assert not {"\x1b", "\x9b", "\u202e"} & set(output)
    assert "Be \\x1b[31mkind\\u202e now." in run("be-kind").stdout


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """A real byte-pair tokenizer, saved as a model's directory has it."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    bpe.train_from_iterator(["Text between fences is data. Does the response refuse?"], trainer)
    directory = tmp_path_factory.mktemp("model")
    bpe.save(str(directory / "tokenizer.json"))
    return directory


def test_tokens_are_counted_as_the_models_own_tokenizer_does(tokenizer):
    bpe = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    told = json.loads(
        run("no-harm-help", "--in", "demo", "--tokenizer", tokenizer, "--json").stdout
    )

    assert told["estimated"] is False
    for question in told["questions"]:
        whole = question["prompt"][0]["content"]
        before, after = whole.split("```", 1)[0], whole.rsplit("```", 1)[1]
        assert question["tokens"] == {
            "shared": len(bpe.encode(before).ids),
            "own": len(bpe.encode(after).ids),
        }
    text = run("no-harm-help", "--in", "demo", "--tokenizer", tokenizer / "tokenizer.json").stdout
    first = told["questions"][0]["tokens"]
    assert (
        f"harmful (sees the prompt): {first['shared'] + first['own']} tokens without the exchange, "
        f"{first['shared']} shared, {first['own']} own" in text
    )
    own = sum(question["tokens"]["own"] for question in told["questions"])
    count = len(told["questions"])
    assert told["cost"] == {"questions": count, "question_tokens": own}
    assert f"cost of a verdict: the exchange + {count} x {own / count:.0f} tokens, {own} of" in text
    assert "about" not in text
    assert "estimate" not in text


def test_without_a_tokenizer_the_numbers_are_called_an_estimate():
    text = run("no-harm-help", "--in", "demo").stdout
    told = json.loads(run("no-harm-help", "--in", "demo", "--json").stdout)

    assert told["estimated"] is True
    question = told["questions"][0]
    ask = question["prompt"][0]["content"].rsplit("```", 1)[1]
    assert question["tokens"]["own"] == estimate(ask)
    assert f"about {sum(question['tokens'].values())} tokens without the exchange" in text
    assert text.endswith("tokens are estimated; --tokenizer DIR counts them as a model does\n")


def test_json_holds_the_prompts_and_their_digests(write):
    rules = load(write())
    [prompt] = compile_prompts(rules)

    told = json.loads(run("be-kind", "--json").stdout)

    assert told["constitution"] == {"reference": "mine@1.0.0", "digest": rules.digest}
    assert (told["principle"], told["digest"]) == ("be-kind", prompt.digest)
    assert told["violated_when"] == str(prompt.violated_when)
    [question] = told["questions"]
    assert question["digest"] == prompt.questions[0].digest
    [message] = question["prompt"]
    assert message["role"] == "user"
    assert [message["content"]] == rendered(rules, "be-kind", PLACEHOLDERS)


@pytest.mark.parametrize("example", ["e2", "e9", "", "no-private-data"])
def test_a_sealed_or_unknown_example_is_refused_and_not_shown(example, write):
    result = run("be-kind", "--example", example)

    assert (result.exit_code, result.stdout) == (2, "")
    assert f"be-kind has no public example '{example}'\n    hint: it has e0, e1" in result.stderr
    assert "code 2" not in result.output


def test_the_workspace_goes_before_what_ships_and_its_newest_version_counts(write):
    (rule,) = RULES["principles"]
    demo = {**rule, "id": "no-harm-help"}
    write("mine@1.2.0", version="1.2.0", principles=[demo])
    write("mine@1.10.0", version="1.10.0", principles=[{**demo, "text": "The newest."}])

    assert run("no-harm-help").stdout.startswith("mine@1.10.0 no-harm-help: Kind\n")
    assert "The newest." in run("no-harm-help").stdout
    assert run("be-kind").exit_code == 2
    assert run("be-kind", "--in", "mine@1.0.0").exit_code == 0
    assert run("no-harm-help", "--in", "demo").stdout.startswith("demo@1.0.0 ")
    assert run("be-kind", "--in", "constitutions/mine@1.0.0.yaml").exit_code == 0


def test_an_id_that_several_have_is_asked_back(write):
    write("other@1.0.0", constitution="other")

    result = run("be-kind")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "several constitutions have a principle 'be-kind': mine@1.0.0, other@1.0.0" in (
        result.stderr
    )
    assert "hint: say which one with --in" in result.stderr
    assert run("be-kind", "--in", "other").exit_code == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["be-kid"], "no principle 'be-kid' in ./constitutions and what ships"),
        (["be-kid"], 'hint: did you mean "be-kind"?'),
        (["zzzzzz"], "hint: there are "),
        ([""], "no principle ''"),
        (["\x1b[31m"], "no principle '\\x1b[31m'"),
        (["be-kind", "--in", "demo"], "no principle 'be-kind' in demo"),
        (["be-kind", "--in", "mein"], 'no constitution "mein"'),
        (["be-kind", "--in", "nothing.yaml"], "nothing.yaml: no such file"),
        (["be-kind", "--in", "."], "expected a constitution as name"),
        (["be-kind", "--tokenizer", "nowhere"], "nowhere holds no tokenizer.json"),
        (["be-kind", "--tokenizer", "constitutions"], "constitutions holds no tokenizer.json"),
        (["be-kind", "--tokenizer", "constitutions/mine@1.0.0.yaml"], "is no tokenizer that can"),
    ],
    ids=str,
)
def test_what_is_not_there_is_a_usage_error(args, told, write):
    result = run(*args)

    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_a_workspace_with_mistakes_is_told_and_not_passed_over(write):
    write("bad@1.0.0", constitution="bad", title=7)

    result = run("be-kind")

    assert result.exit_code == 2
    assert "bad@1.0.0.yaml:3:1: title: " in result.stderr
    assert run("be-kind", "--in", "mine").exit_code == 0
