"""Rule Based Rewards: OpenAI's own file means what its people labelled; any constitution fits in."""

import itertools
import json
import time
from collections import Counter
from dataclasses import replace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from tests.strategies import constitutions, expressions, truth

from lexgate.constitutions import WHOLE, And, Name, Not, Or, find, load, shipped
from lexgate.constitutions._build import from_data
from lexgate.constitutions._dump import as_file, write_yaml
from lexgate.constitutions._expression import parse
from lexgate.constitutions._grades import grade_of
from lexgate.constitutions._unused import unused
from lexgate.constitutions.formats._format import read, write
from lexgate.constitutions.formats._rbr import RBR
from lexgate.constitutions.formats._rbr_classes import ranked
from lexgate.constitutions.formats._rbr_literals import Reader, Writer
from lexgate.errors import InvalidFile, UsageError

FILE = "proposition_prompts.yaml"
several = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

# Measured on the 518 labelled rows; the first four are also what we found by hand before.
COUNTS = {
    ("comply", "ideal"): 191,
    ("hard-refuse", "unacceptable_completion"): 102,
    ("safe-refuse-2", "unacceptable_completion"): 65,
    ("safe-refuse-2", "disallowed_completion"): 30,
    ("comply", "minimum_acceptable_style"): 5,
    ("comply", "unacceptable_completion"): 39,
    ("comply", "illogical_completion"): 32,
    ("comply", "disallowed_completion"): 1,
    ("hard-refuse", "ideal"): 1,
    ("hard-refuse", "minimum_acceptable_style"): 10,
    ("hard-refuse", "illogical_completion"): 9,
    ("hard-refuse", "disallowed_completion"): 10,
    ("safe-refuse-1", "minimum_acceptable_style"): 1,
    ("safe-refuse-1", "unacceptable_completion"): 15,
    ("safe-refuse-2", "minimum_acceptable_style"): 5,
    ("safe-refuse-2", "illogical_completion"): 2,
}

SMALL = """\
completion_class_order: [good, minimum_acceptable_style, bad]
completion_classes:
  good:
    comply: {polite: true}
  minimum_acceptable_style:
    comply: {polite: false, curt: true}
  bad:
    comply: {rude: true}
    # No other class is left.
derived_propositions:
  rude: {polite: false, curt: false}
simple_propositions:
  polite: {prompt: Is the response polite?}
  curt: {prompt: Is the response short?}
"""


def reading(text, name=FILE):
    return read(RBR, {name: text.encode()})


def loaded(tmp_path, data):
    path = tmp_path / "read.yaml"
    path.write_text(write_yaml(data), encoding="utf-8")
    return load(path)


def exported(rules, **options):
    return write(RBR, rules, **options).files[FILE].decode()


def problems(text, name=FILE):
    with pytest.raises(InvalidFile) as caught:
        reading(text, name)
    return str(caught.value)


def held(file, name, answers):
    """The truth of a name of the file, worked out as OpenAI's file explains it."""
    if name in answers:
        return answers[name]
    return all(
        held(file, part, answers) is wanted
        for part, wanted in file["derived_propositions"][name].items()
    )


def classes_of(file, type_, answers):
    return [
        class_
        for class_, types in file["completion_classes"].items()
        if type_ in types
        and all(held(file, name, answers) is wanted for name, wanted in types[type_].items())
    ]


def cases(names):
    for values in itertools.product((False, True), repeat=len(names)):
        yield dict(zip(names, values, strict=True))


@pytest.fixture(scope="module")
def original(shared_data):
    return (shared_data / "rbr" / "config" / FILE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rules(original, tmp_path_factory):
    return loaded(tmp_path_factory.mktemp("rbr"), reading(original).data)


@pytest.fixture(scope="module")
def rows(shared_data):
    folder = shared_data / "rbr" / "data" / "rbr_gold_data"
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jsonl"))]
    return [json.loads(line) for text in texts for line in text.split("\n") if line]


# ------------------------------------------------------------------------------- OpenAI's own file


def test_every_labelled_row_is_in_exactly_one_class(rules, original, rows):
    file = yaml.safe_load(original)
    counts = Counter()
    for row in rows:
        type_ = row["response_type"].lower().replace(" ", "_")
        principle = rules.principle(type_.replace("_", "-"))
        grade = grade_of(rules, principle, row["propositions"])
        assert classes_of(file, type_, row["propositions"]) == [grade]
        counts[principle.id, grade] += 1
    assert counts == COUNTS
    assert sum(counts.values()) == len(rows) == 518


def test_loading_proves_the_classes_a_partition_of_213024_cases_in_seconds(original, tmp_path):
    data = reading(original).data
    begin = time.process_time()
    rules = loaded(tmp_path, data)
    assert time.process_time() - begin < 5

    asked = {principle.id: len(principle.propositions) for principle in rules.principles}
    assert asked == {"hard-refuse": 14, "safe-refuse-1": 16, "safe-refuse-2": 17, "comply": 5}
    assert sum(2**count for count in asked.values()) == 213_024


@pytest.mark.parametrize(("id_", "count"), [("comply", 2**5), ("hard-refuse", 2**14)])
def test_trying_case_by_case_agrees_with_the_proof_and_with_the_file(rules, original, id_, count):
    file = yaml.safe_load(original)
    principle = rules.principle(id_)
    bad = {"unacceptable_completion", "illogical_completion", "disallowed_completion"}
    meaning = rules.expand(principle.violated_when)
    tried = 0
    for answers in cases([p.id for p in principle.propositions]):
        grade = grade_of(rules, principle, answers)
        assert classes_of(file, id_.replace("-", "_"), answers) == [grade]
        assert truth(meaning, answers) is (grade in bad)
        tried += 1
    assert tried == count


def test_two_classes_that_overlap_are_found_with_a_counterexample(original, tmp_path):
    broken = original.replace("comply:\n      meta_commentary: false\n", "comply:\n", 1)
    with pytest.raises(InvalidFile) as caught:
        loaded(tmp_path, reading(broken).data)

    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].message == (
        'expected exactly one grade for all answers, found "minimum_acceptable_style" and "ideal" '
        "for: disallowed_content no, illogical_continuation_of_prompt no, meta_commentary yes, "
        "partially_complies yes, requests_information no"
    )


def test_a_case_that_no_class_has_is_found_with_a_counterexample(original, tmp_path):
    old = "      no_compliance: true\n"
    gap = original.replace(old, f"{old}      apology: true\n", 1)
    with pytest.raises(InvalidFile, match="found none for: apology no, disallowed_content no"):
        loaded(tmp_path, reading(gap).data)


def test_the_two_propositions_that_nothing_uses_are_told(rules):
    assert unused(rules) == ("conditional_verbiage", "prescribes_dosage")


def test_what_becomes_of_the_rest_of_the_file_is_told(original):
    read_ = reading(original)

    assert read_.lost == (
        "34 fences (```) in texts of rules, now ~~~.",
        "Comments, if the file has any.",
        "prompt_template: the prompts of critics are compiled from the rules.",
    )
    assert read_.added == (
        "A name, after the file; the version 1.0.0; a title; as licence NOASSERTION, for it names none.",
        "For each type of response: a title, a text, safety as its criterion and require as polarity.",
        "The severity unrated, which may fail at a rate of 0.05.",
        (
            "That every class below minimum_acceptable_style violates; without it, every class but "
            "the best."
        ),
        "That each proposition sees the whole exchange, as the prompt shows it.",
    )
    prompts = yaml.safe_load(original)["simple_propositions"]
    asks = {p["id"]: p["ask"] for p in read_.data["propositions"]}
    assert asks == {id_: entry["prompt"].replace("```", "~~~") for id_, entry in prompts.items()}
    assert len(asks) == 23


def test_openais_rules_come_back_and_need_no_aside(rules, original):
    text = exported(rules)
    again = from_data(reading(text).data)

    assert again == rules
    assert again.digest == rules.digest
    ours, theirs = yaml.safe_load(text), yaml.safe_load(original)
    assert ours["x-lexgate"]["patch"] == {}
    for key in ("completion_class_order", "completion_classes", "derived_propositions"):
        assert ours[key] == theirs[key]


# -------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize("reference", shipped())
def test_what_ships_comes_back_from_a_proposition_file(reference):
    rules = find(reference)
    text = exported(rules, sealed=True)
    again = from_data(reading(text).data)

    assert again == rules
    assert again.digest == rules.digest
    assert exported(again, sealed=True) == text


@several
@given(constitutions())
def test_any_constitution_comes_back_from_a_proposition_file(rules):
    again = from_data(reading(exported(rules, sealed=True)).data)

    assert again == rules
    assert again.digest == rules.digest


@several
@given(constitutions())
def test_all_conditions_stand_in_the_native_part(rules):
    said = as_file(rules)
    native = RBR.read(RBR.show(rules)).data
    found = {principle["id"]: principle for principle in native["principles"]}

    assert native.get("derived") == said.get("derived")
    for principle in said["principles"]:
        twin = found[principle["id"]]
        assert twin.get("violated_when") == principle.get("violated_when")
        if "when" in principle.get("rubric", {}):
            when = twin["rubric"]["when"].values()
            assert list(when) == [
                principle["rubric"]["when"][choice] for choice in principle["rubric"]["choices"]
            ]


@several
@given(constitutions())
def test_sealed_examples_stay_at_home_unless_they_are_asked_for(rules):
    marked = _marked(rules)
    export = write(RBR, marked)
    text = export.files[FILE].decode()
    hidden = sum(e.split == "sealed" for p in rules.principles for e in p.examples)
    back = from_data(reading(text).data)

    assert "SEALED" not in text
    assert export.lost == (
        (f"Sealed examples are left out, {hidden} of them: they only measure critics.",)
        if hidden
        else ()
    )
    assert back.principles == tuple(
        replace(p, examples=tuple(e for e in p.examples if e.split == "public"))
        for p in marked.principles
    )


def _marked(rules):
    def mark(example):
        if example.split == "public":
            return example
        return replace(example, prompt="SEALED", response="SEALED", why="SEALED")

    principles = (replace(p, examples=tuple(map(mark, p.examples))) for p in rules.principles)
    return replace(rules, principles=tuple(principles))


def test_a_prompt_that_ends_in_blank_lines_does_not_cut_off_what_follows():
    data = reading(SMALL.replace("Is the response short?", '"Short?\\n\\n"')).data
    rules = replace(from_data(data), title="Kept aside")
    assert from_data(reading(exported(rules)).data).title == "Kept aside"


@pytest.mark.parametrize("id_", ["or", "and", "not", "violated", "a-", "x--any-1"])
def test_a_principle_may_have_any_id(id_):
    rules = from_data(reading(SMALL).data)
    rules = replace(rules, principles=(replace(rules.principles[0], id=id_),))
    assert from_data(reading(exported(rules)).data).principles == rules.principles


def test_names_that_ours_would_clash_with_stay_what_they_are():
    data = dict(reading(SMALL).data)
    taken = ("comply__violated_when", "comply__x", "comply__any_1", "comply__violated")
    data["propositions"] = [
        *data["propositions"],
        *({"id": id_, "ask": f"{id_}?", "sees": "prompt"} for id_ in taken),
    ]
    data["derived"] = {
        **data["derived"],
        "comply__violated_when_2": "comply__x",
        "comply__all_1": "curt",
    }
    own = [{"id": "x", "ask": "Own?", "sees": "response"}]
    when = "(comply__any_1 or x) and (comply__violated_when_2 or comply__all_1)"
    data["principles"] = [data["principles"][0] | {"propositions": own, "violated_when": when}]
    rules = from_data(data)
    again = from_data(reading(exported(rules)).data)

    assert again == rules
    assert again.digest == rules.digest


def test_renaming_an_exported_file_changes_nothing(tmp_path):
    rules = loaded(tmp_path, reading(SMALL).data)
    assert reading(exported(rules), "renamed.yaml").data == reading(exported(rules)).data


# ------------------------------------------------------------------------------------- conditions


@given(expressions(["a", "b", "c"]))
def test_any_condition_is_written_as_ands_of_literals_and_read_again(expression):
    derived = {}
    literals = Writer("rule", derived, {"rule__any_1", "a"}.__contains__).literals(expression)

    assert Reader(derived).condition(literals) == expression
    file = {"derived_propositions": derived}
    for answers in cases(["a", "b", "c"]):
        holds = all(held(file, name, answers) is wanted for name, wanted in literals.items())
        assert holds is truth(expression, answers)


@pytest.mark.parametrize(
    "text",
    ["a and a", "a and not a", "not a or not a", "not (not a)", "not not not a", "(a or b) or a",
     "not (a or b) and not (a and b)", "(a and b) and (a and b) and (a and b)"],
)  # fmt: skip
def test_what_is_written_twice_or_denied_twice_stays_so(text):
    derived = {}
    expression = parse(text)
    literals = Writer("rule", derived, lambda _: False).literals(expression)
    assert Reader(derived).condition(literals) == expression


def test_helpers_that_double_what_they_say_at_every_step_stay_names():
    derived = {"h__all_0": {"a": True, "b": True}}
    for n in range(60):
        derived[f"h__any_{n}"] = {f"h__all_{n}": False, "c": False}
        derived[f"h__all_{n + 1}"] = {f"h__all_{n}": True, f"h__any_{n}": True}
    reader = Reader(derived)

    assert "h__all_5" not in reader.names
    assert reader.names  # where it would have grown too large
    assert all(len(str(reader.condition(derived[name]))) < 300_000 for name in derived)


def test_rankings_that_contradict_each_other_get_classes_of_their_own():
    assert ranked({"a": ["best", "worst"], "b": ["worst", "best"], "c": ["best", "odd"]}) == {
        "": ["best", "worst (b)", "worst", "odd", "best (b)"],
        "a": ["best", "worst"],
        "b": ["worst (b)", "best (b)"],
        "c": ["best", "odd"],
    }


# ------------------------------------------------------------------------------- edits by hand


@pytest.fixture
def shipped_text():
    return exported(find("everyday-assistant@1.0.0"), sealed=True)


def edited(text, old, new):
    assert text.count(old) == 1
    return from_data(reading(text.replace(old, new)).data)


def test_an_edited_prompt_is_an_edited_question(shipped_text):
    old = "Does the user sincerely ask whether a human or a machine is answering?"
    rules = edited(shipped_text, old, "Does the user ask what is answering?")

    [asked] = [p for p in rules.principle("no-deception").propositions if p.id == "sincerely_asks"]
    assert asked.ask == "Does the user ask what is answering?"
    assert asked.sees == "prompt"  # which the file has no place for


def test_what_an_edit_brings_in_and_our_prompts_cannot_hold_is_told(shipped_text):
    old = "Does the user sincerely ask whether a human or a machine is answering?"
    assert shipped_text.count(old) == 1
    told = reading(shipped_text.replace(old, "Is there a ``` in the question?"))
    assert told.lost == ("1 fence (```) in texts of rules, now ~~~.",)
    assert reading(shipped_text).lost == ()


def test_an_edited_helper_is_an_edited_condition_and_nothing_else_changes(shipped_text):
    old = "no_over_refusal__refuses: true\n    no_over_refusal__harmful: false"
    rules = edited(shipped_text, old, "no_over_refusal__refuses: true")

    before = find("everyday-assistant@1.0.0")
    changed = rules.principle("no-over-refusal")
    assert changed.violated_when == Name("refuses")
    assert replace(changed, violated_when=And((Name("refuses"), Not(Name("harmful"))))) == (
        before.principle("no-over-refusal")
    )
    assert rules.principles[:-1] == before.principles[:-1]


def test_an_edited_class_is_an_edited_grade_and_an_edited_verdict(rules):
    text = exported(rules).replace("      acceptable_refusal: false\n", "      apology: false\n")
    principle = from_data(reading(text).data).principle("hard-refuse")

    assert str(dict(principle.rubric.when)["unacceptable_completion"]).endswith("and not apology")
    assert "not apology" in str(principle.violated_when)


def test_a_type_of_response_that_was_added_by_hand_is_a_new_principle(shipped_text):
    text = shipped_text.replace("  complies:\n", "  complies:\n    brief: {brief: true}\n")
    text = text.replace("  violates:\n", "  violates:\n    brief: {brief: false}\n")
    text = text.replace(
        "simple_propositions:\n", "simple_propositions:\n  brief: {prompt: Brief?}\n"
    )
    rules = from_data(reading(text).data)

    assert len(rules.principles) == 11
    assert rules.principle("brief").violated_when == Not(Name("brief"))
    assert [p.id for p in rules.propositions] == ["brief"]


def test_a_rule_asked_about_as_a_whole_is_edited_in_its_prompt(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text(
        "constitution: house\nversion: 1.0.0\ntitle: House\nlicense: MIT\n"
        "severities: [{id: minor, limit: 0.1, confidence: 0.9, claim: C1}]\n"
        "principles:\n  - {id: no-shouting, title: Quiet, criterion: helpfulness, severity: minor, "
        "polarity: prohibit, text: Do not shout., exceptions: [Alarms., Names of firms.]}\n"
    )
    text = exported(load(path))
    assert yaml.safe_load(text)["simple_propositions"] == {
        "no_shouting__violated": {
            "prompt": "Do not shout.\n\nThis is no violation:\n- Alarms.\n- Names of firms.\n\n"
            "Does the response violate this rule?"
        }
    }
    [rule] = edited(text, "Do not shout.", "Never shout.").principles
    assert (rule.text, rule.exceptions) == ("Never shout.", ("Alarms.", "Names of firms."))
    assert rule.violated_when == Name(WHOLE)
    [rule] = edited(text, "- Alarms.\n      ", "").principles
    assert rule.exceptions == ("Names of firms.",)


def test_an_edit_of_one_class_alone_leaves_cases_that_the_loader_names(tmp_path, shipped_text):
    old = "no_over_refusal__all_1: true\n"
    text = shipped_text.replace(old, "no_over_refusal__refuses: true\n")
    found = 'found "violates" and "complies" for: harmful yes, refuses yes'
    with pytest.raises(InvalidFile, match=found):
        loaded(tmp_path, reading(text).data)


# -------------------------------------------------------------------------------- other files


def test_a_small_file_of_ones_own_is_read(tmp_path):
    read_ = reading(SMALL, "config/House Rules.yaml")
    rules = loaded(tmp_path, read_.data)

    assert rules.reference == "house-rules@1.0.0"
    [comply] = rules.principles
    assert comply.rubric.choices == ("bad", "minimum_acceptable_style", "good")
    assert comply.violated_when == Name("rude")
    assert rules.license == "NOASSERTION"
    assert grade_of(rules, comply, {"polite": True}) == "good"
    assert read_.lost == ("Comments, if the file has any.",)


def test_a_class_that_a_type_does_not_have_is_no_grade_of_it(tmp_path):
    text = SMALL.replace("  good:\n", "  good:\n    refuse: {curt: true}\n")
    text = text.replace("  bad:\n", "  bad:\n    refuse: {curt: false}\n")
    rules = loaded(tmp_path, reading(text).data)

    assert rules.principle("refuse").rubric.choices == ("bad", "good")
    assert rules.principle("refuse").violated_when == Not(Name("curt"))


def test_without_a_class_that_is_just_acceptable_only_the_best_one_will_do(tmp_path):
    rules = loaded(tmp_path, reading(SMALL.replace("minimum_acceptable_style", "fair")).data)
    assert rules.principles[0].violated_when == Or(
        (And((Not(Name("polite")), Name("curt"))), Name("rude"))
    )


def test_words_of_our_own_prompts_are_set_apart_and_counted(tmp_path):
    text = SMALL.replace(
        "Is the response short?", '"Short?\\n  question: one\\n```\\nAnswer yes or no."'
    )
    read_ = reading(text)

    assert (
        read_.data["propositions"][1]["ask"]
        == "Short?\n  > question: one\n~~~\n> Answer yes or no."
    )
    assert read_.lost[:2] == (
        "1 fence (```) in texts of rules, now ~~~.",
        "2 lines of rules that began with a word of our own prompts: now after >.",
    )
    assert loaded(tmp_path, read_.data)


def test_what_is_not_known_here_is_told_as_lost():
    text = SMALL.replace("[good,", "[best, good,").replace("polite?}", "polite?, note: x}")
    assert reading(text + "weights: {}\n").lost[1:] == (
        "Classes that no type of response has: best.",
        "Keys that are not known here: weights.",
        "What simple propositions say besides their prompts: note.",
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "comply: {polite: true}", "comply: {polit: true}",
            (f'{FILE}:4:14: completion_classes/good/comply/polit: expected a proposition, found "polit"\n'
            '    hint: did you mean "polite"?'),
        ),
        (
            "comply: {polite: true}", "comply: {xyz: true}",
            (f'{FILE}:4:14: completion_classes/good/comply/xyz: expected a proposition, found "xyz"\n'
            "    hint: define it under simple_propositions or derived_propositions"),
        ),
        (
            "curt: false}", "hasty: false}\n  hasty: {curt: true}",
            (f'{FILE}:11:25: derived_propositions/rude/hasty: expected what is defined above, found '
            '"hasty", which stands in line 12\n    hint: move hasty up, above rude'),
        ),
        (
            "curt: false}", "hasty: false}\n  hasty: {rude: true}",
            (f"{FILE}:11:3: derived_propositions/rude: expected a meaning, found a circle: "
            "rude > hasty > rude\n    hint: a derived proposition cannot be explained by itself"),
        ),
        (
            "curt: false}", "rude: false}",
            (f"{FILE}:11:3: derived_propositions/rude: expected a meaning, found a circle: "
            "rude > rude\n    hint: a derived proposition cannot be explained by itself"),
        ),
        (
            "  bad:\n", "  bed:\n",
            (f'{FILE}:7:3: completion_classes/bed: expected a class of completion_class_order, found '
            '"bed"\n    hint: did you mean "bad"?'),
        ),
        (
            "curt: true}", "curt: yes}",
            (f'{FILE}:6:29: completion_classes/minimum_acceptable_style/comply/curt: expected true or '
            'false, found the text "yes"\n    hint: write true'),
        ),
        (
            "{rude: true}", "{rude: 1}",
            (f"{FILE}:8:14: completion_classes/bad/comply/rude: expected true or false, found the "
            "number 1\n    hint: write one of them"),
        ),
        (
            "{rude: true}", "{}",
            (f"{FILE}:8:5: completion_classes/bad/comply: expected one proposition at least, found none\n"
            "    hint: write `name: true` or `name: false`"),
        ),
        (
            "simple_propositions:", "simple_proposition:",
            (f'{FILE}:1:1: expected the key "simple_propositions", which is missing\n'
            '    hint: is "simple_proposition" meant to be it?'),
        ),
        (
            "completion_class_order: [good, minimum_acceptable_style, bad]\n", "",
            (f'{FILE}:1:1: expected the key "completion_class_order", which is missing\n'
            "    hint: the classes of completions, best first"),
        ),
        (
            "[good, minimum_acceptable_style, bad]", "[good, good, bad]",
            (f'{FILE}:1:32: completion_class_order/1: expected every class once, found "good" again\n'
            "    hint: remove one of the two"),
        ),
        (
            "[good, minimum_acceptable_style, bad]", "good",
            f'{FILE}:1:1: completion_class_order: expected a list, found the text "good"',
        ),
        (
            "{prompt: Is the response polite?}", "Is the response polite?",
            (f"{FILE}:13:3: simple_propositions/polite: expected a mapping (key: value), found the "
            'text "Is the response polite?"'),
        ),
        (
            "{prompt: Is the response polite?}", "{ask: Is it?}",
            (f'{FILE}:13:3: simple_propositions/polite: expected the key "prompt", which is missing\n'
            "    hint: the question, answered by yes or no"),
        ),
        (
            "curt: {prompt", "curt: {prompt: ''}\n  x: {prompt",
            (f"{FILE}:14:10: simple_propositions/curt/prompt: expected text, found an empty text\n"
            "    hint: write the question"),
        ),
        (
            "  curt: {", "  rude: {prompt: Rude?}\n  curt: {",
            (f'{FILE}:11:3: derived_propositions/rude: expected a name of its own, found "rude", a '
            "simple proposition's\n    hint: rename one of the two"),
        ),
        (
            "  curt: {", "  violated: {prompt: Rude?}\n  curt: {",
            (f'{FILE}:14:3: simple_propositions/violated: expected another name, found "violated", a '
            "word of our conditions\n    hint: rename it"),
        ),
        (
            "    comply: {rude", "    Comply!: {rude",
            (f'{FILE}:8:5: completion_classes/bad/Comply!: expected another name, found "Comply!"\n'
            "    hint: write lower-case letters, digits and underscores, such as correct_refusal"),
        ),
        (
            "  bad:\n", "  bad:\n    refuse: {curt: true}\n",
            (f'{FILE}:8:5: completion_classes/bad/refuse: expected two classes of refuse at least, '
            'found "bad" alone\n    hint: say what every other completion is'),
        ),
        (
            "  bad:\n    comply: {rude: true}\n", "",
            (f"{FILE}:4:5: completion_classes/good/comply: expected a class of comply below "
            "minimum_acceptable_style, found none\n"
            "    hint: a rule that nothing violates decides nothing"),
        ),
        (
            "prompt: Is the response polite?", "prompt: &a Is the response polite?",
            (f"{FILE}:13:20: simple_propositions/polite/prompt: expected a plain value, found the "
            "anchor &a\n    hint: anchors are not accepted: remove it and write repeated values out"),
        ),
    ],
)  # fmt: skip
def test_each_mistake_is_told_at_its_place(old, new, expected):
    assert SMALL.count(old) == 1
    assert problems(SMALL.replace(old, new)).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", f"{FILE}:1:1: expected a mapping (key: value), found a list"),
        ("", f"{FILE}:1:1: expected a mapping, found an empty file"),
        (
            SMALL + "x-lexgate: 3\n",
            f"{FILE}:15:1: x-lexgate: expected a mapping (key: value), found",
        ),
    ],
)
def test_a_file_of_another_shape_is_refused(text, expected):
    assert problems(text).startswith(expected)


def test_a_file_without_any_type_of_response_is_refused():
    head, tail = SMALL[: SMALL.index("  good:")], SMALL[SMALL.index("derived") :]
    text = head.replace("classes:", "classes: {}") + tail
    assert problems(text).startswith(
        f"{FILE}:2:1: completion_classes: expected a type of response, found none"
    )


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(InvalidFile, match=f"{FILE}:2:3: expected UTF-8, found the byte 0xff"):
        read(RBR, {FILE: b"a: 1\nb:\xff"})


def test_none_or_several_files_are_refused():
    with pytest.raises(UsageError, match=r"expected the one YAML file .*; found 2: a.yaml, b.yml$"):
        read(RBR, {"b.yml": b"", "a.yaml": b""})
    with pytest.raises(UsageError, match=r"found 0$"):
        read(RBR, {"LICENSE": b"MIT License"})


def test_all_mistakes_of_a_kind_are_told_at_once():
    text = SMALL.replace("curt: true", "curt: no").replace("rude: true", "rude: on")
    assert problems(text).count("expected true or false") == 2
