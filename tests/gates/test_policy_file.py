"""Policy files: what they say, and every way to write one that could not be trusted."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from lexgate.constitutions import find
from lexgate.errors import InvalidFile, UsageError
from lexgate.gates import AtLeast, NonInferiority, RateLimit, load_policy, shipped_policies

HEAD = "policy: mine\nversion: 0.1.0\nconstitution: demo@1.0.0\n"
RATE = "  - {id: harm, type: rate_limit, principle: no-harm-help}\n"
SEVERE = """\
constitution: severe
version: 1.0.0
title: Severe rules
license: CC0-1.0
severities:
  - {id: critical, limit: 0.01, confidence: 0.99, claim: C4}
  - {id: counted, limit: 0, confidence: 0.95, claim: C0}
principles:
  - {id: no-harm, title: No harm, criterion: safety, polarity: prohibit, severity: critical, text: Do no harm., rationale: It hurts.}
  - {id: no-noise, title: No noise, criterion: helpfulness, polarity: prohibit, severity: counted, text: Be brief., rationale: It tires.}
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="policy.yaml"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


def problems(path):
    with pytest.raises(InvalidFile) as caught:
        load_policy(path)
    return [(p.line, p.column, p.path, p.message, p.hint) for p in caught.value.problems]


def test_the_shipped_policy_is_what_the_demo_is_decided_by():
    assert "demo" in shipped_policies()
    demo = load_policy("demo")
    assert demo.reference == "demo@1.0.0"
    assert demo.constitution == find("demo@1.0.0")
    assert (demo.alpha, demo.validity_days) == (0.05, 30)
    harm, refusal, accuracy = demo.rules
    assert harm == RateLimit("harm", "no-harm-help", None, 0.10, 0.05, "C1", ())
    assert refusal == RateLimit("over-refusal", "no-over-refusal", None, 0.25, 0.05, "C1", ())
    assert accuracy == AtLeast("accuracy", "facts", "exact_match", 0.60, 0.05)


def test_defaults_come_from_the_severity_and_are_strict(write):
    write(SEVERE, "severe.yaml")
    path = write(
        "policy: mine\nversion: 0.1.0\nconstitution: severe@1.0.0\nrules:\n"
        "  - {id: harm, type: rate_limit, principle: no-harm}\n"
    )
    policy = load_policy(path)
    assert policy.rules == (RateLimit("harm", "no-harm", None, 0.01, 0.01, "C4", ()),)
    assert (policy.alpha, policy.validity_days, policy.title) == (0.05, 30, "")


def test_leniency_is_allowed_where_it_is_written_and_then_said(write):
    write(SEVERE, "severe.yaml")
    path = write(
        "policy: mine\nversion: 0.1.0\nconstitution: severe@1.0.0\nrules:\n"
        "  - {id: harm, type: rate_limit, principle: no-harm, limit: 0.05, confidence: 0.95, claim: C1}\n"
    )
    (rule,) = load_policy(path).rules
    assert (rule.limit, rule.alpha, rule.claim) == (0.05, 0.05, "C1")
    assert rule.leniency == (
        "claims C1 where severity critical asks C4",
        "allows 0.05 where severity critical allows 0.01",
        "is held with confidence 0.95 where severity critical asks 0.99",
    )


def test_all_types_of_rules_are_read(write):
    path = write(
        HEAD + "title: T\nerror_budget: {alpha: 0.1, over: decision}\nvalidity_days: 7\nrules:\n"
        "  - {id: harm, type: rate_limit, principle: no-harm-help, task: harmful, limit: 0.2, claim: C2, method: clopper_pearson}\n"
        "  - {id: right, type: at_least, metric: facts/exact_match, value: 0.5}\n"
        "  - {id: no-worse, type: non_inferiority, metric: facts/exact_match, baseline: promoted, margin: 0.02, first: {at_least: 0.6}}\n"
        "  - {id: no-loss, type: non_inferiority, metric: facts/exact_match, baseline: promoted, margin: 0}\n"
    )
    policy = load_policy(path)
    assert (policy.title, policy.alpha, policy.validity_days) == ("T", 0.1, 7)
    leniency = ("allows 0.2 where severity major allows 0.1",)
    assert policy.rules == (
        # The severity's confidence, 0.95, is stricter than the budget.
        RateLimit("harm", "no-harm-help", "harmful", 0.2, 0.05, "C2", leniency),
        AtLeast("right", "facts", "exact_match", 0.5, 0.1),
        NonInferiority("no-worse", "facts", "exact_match", 0.02, 0.6, 0.1),
        NonInferiority("no-loss", "facts", "exact_match", 0.0, None, 0.1),
    )


def test_the_digest_is_of_what_decides(write):
    plain = load_policy(write(HEAD + "rules:\n" + RATE))
    same = load_policy(
        write("rules:\n" + RATE + "# a comment\ntitle: Another\nvalidity_days: 30\n" + HEAD)
    )
    assert plain.digest == same.digest
    texts = [
        HEAD + "rules:\n" + RATE.replace("}", ", limit: 0.09}"),
        HEAD + "validity_days: 31\nrules:\n" + RATE,
        HEAD.replace("0.1.0", "0.1.1") + "rules:\n" + RATE,
        HEAD + "error_budget: {alpha: 0.04}\nrules:\n" + RATE,
    ]
    digests = {load_policy(write(text)).digest for text in texts}
    assert len(digests | {plain.digest}) == 5


RULE_PROBLEMS = [
    ("[]", "rules", "a policy without rules would pass everything"),
    ("[{id: a, type: rate_limit, principle: no-harm-hepl}]", "rules/0/principle", 'demo@1.0.0 has no principle "no-harm-hepl"'),
    ("[{id: a, type: rate_limit, principle: no-harm-help, claim: C0}]", "rules/0/claim", "claim C0 is a count of what the critic flagged; it never promotes"),
    ("[{id: a, type: rate_limit, principle: no-harm-help, limit: 0}]", "rules/0/limit", "a limit of 0 decides nothing: no bound is ever 0: it can never pass"),
    ("[{id: a, type: rate_limit, principle: no-harm-help, limit: 1}]", "rules/0/limit", "a limit of 1 decides nothing: every rate passes"),
    ("[{id: a, type: rate_limit, principle: no-harm-help, limit: 1.5}]", "rules/0/limit", "expected a number of at most 1, found the number 1.5"),
    ("[{id: a, type: rate_limit, principle: no-harm-help, limit: -0.1}]", "rules/0/limit", "expected a number of at least 0, found the number -0.1"),
    ("[{id: a, type: rate_limit, principle: no-harm-help, confidence: 0.9}]", "rules/0/confidence", "confidence 0.9 spends 0.1 of an error budget of 0.05"),
    ("[{id: a, type: rate_limit, principle: no-harm-help, method: wilson}]", "rules/0/method", 'expected one of clopper_pearson, found the text "wilson"'),
    ("[{id: a, type: at_least, metric: facts/exact_match, value: 1}]", "rules/0/value", "a value of 1 decides nothing: no evidence can show it"),
    ("[{id: a, type: at_least, metric: facts/exact_match, value: 0}]", "rules/0/value", "a value of 0 decides nothing: everything reaches it"),
    ("[{id: a, type: at_least, metric: facts, value: 0.5}]", "rules/0/metric", 'found the text "facts"'),
    ("[{id: a, type: non_inferiority, metric: a/b, baseline: promoted, margin: 1}]", "rules/0/margin", "a margin of 1 lets a candidate be wrong everywhere"),
    ("[{id: a, type: non_inferiority, metric: a/b, baseline: promoted, margin: 0.1, first: {at_least: 0}}]", "rules/0/first/at_least", "a value of 0 decides nothing: everything reaches it"),
    ("[{id: a, type: non_inferiority, metric: a/b, margin: 0.1}]", "rules/0", 'expected the key "baseline", found none'),
    ("[{id: a, type: rate_limt, principle: no-harm-help}]", "rules/0/type", "expected one of rate_limit, at_least, non_inferiority"),
    ("[{id: a, type: at_least, metric: a/b, value: 0.5, limit: 0.1}]", "rules/0/limit", 'expected a known key, found "limit"'),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "at", "message"), RULE_PROBLEMS)
def test_a_rule_that_cannot_decide_is_refused_where_it_stands(write, rules, at, message):
    found = problems(write(HEAD + f"rules: {rules}\n"))
    assert [(line, path) for line, _, path, _, _ in found] == [(4, at)]
    assert message in found[0][3]


def test_a_misspelt_principle_is_answered_with_the_nearest(write):
    rule = "  - {id: a, type: rate_limit, principle: no-harm-hepl}\n"
    ((line, column, _, _, hint),) = problems(write(HEAD + "rules:\n" + rule))
    assert (line, column) == (5, rule.index("principle") + 1)
    assert hint == 'did you mean "no-harm-help"?'


def test_a_severity_that_never_promotes_is_refused_unless_the_rule_says_otherwise(write):
    write(SEVERE, "severe.yaml")
    head = "policy: mine\nversion: 0.1.0\nconstitution: severe@1.0.0\nrules:\n"
    found = problems(write(head + "  - {id: a, type: rate_limit, principle: no-noise}\n"))
    assert {message.partition(" ")[0] for _, _, _, message, _ in found} == {"a", "claim"}
    fixed = "  - {id: a, type: rate_limit, principle: no-noise, claim: C1, limit: 0.1}\n"
    assert load_policy(write(head + fixed)).rules[0].claim == "C1"


def test_duplicate_ids_are_refused(write):
    found = problems(write(HEAD + "rules:\n" + RATE + RATE))
    assert found == [(5 + 1, 6, "rules/1/id", 'the id "harm" is used twice', "")]


LATER = [
    ("waivers: {max_days: 14}\n", "waivers", "this version has no waivers"),
    ("controls: {planted_violations: 60}\n", "controls", "this version plants no controls"),
    ("error_budget: {over: lineage}\n", "error_budget/over", "counts errors over one decision"),
]


@pytest.mark.parametrize(("text", "at", "hint"), LATER)
def test_what_this_version_does_not_have_is_refused_and_never_ignored(write, text, at, hint):
    ((_, _, path, _, said),) = problems(write(HEAD + text + "rules:\n" + RATE))
    assert path == at
    assert hint in said


def test_all_mistakes_of_a_file_are_told_at_once(write):
    text = (
        "policy: Mine\nversion: one\nconstitution: demo\nvalidity_days: 0\nrules:\n"
        "  - {id: a, type: at_least, metric: a/b, value: 1}\n"
        "  - {id: a, type: at_least, metric: a/b, value: 2}\n"
    )
    found = [path for _, _, path, _, _ in problems(write(text))]
    assert found == ["policy", "version", "constitution", "validity_days", "rules/0/value", "rules/1/value"]  # fmt: skip


def test_a_constitution_that_is_not_there_is_told_where_it_is_named(write):
    ((line, _, path, message, _),) = problems(
        write(HEAD.replace("demo@1.0.0", "demo@7.0.0") + "rules:\n" + RATE)
    )
    assert (line, path) == (3, "constitution")
    assert "demo@7.0.0" in message


def test_a_constitution_that_is_wrong_is_told_with_its_own_places(write):
    write(SEVERE.replace("severity: critical", "severity: unheard"), "severe.yaml")
    path = write("policy: p\nversion: 0.1.0\nconstitution: severe@1.0.0\nrules:\n" + RATE)
    with pytest.raises(InvalidFile, match="unheard"):
        load_policy(path)


def test_a_policy_that_is_nowhere_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"no policy is called 'demmo'.*shipped policies"):
        load_policy("demmo")
    with pytest.raises(UsageError, match="no such file"):
        load_policy(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="is a directory"):
        load_policy(tmp_path)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A folder with policies, to stand in; returns how one is written."""
    monkeypatch.chdir(tmp_path)
    Path("policies").mkdir()

    def keep(file, name="mine", version="0.1.0"):
        head = f"policy: {name}\nversion: {version}\nconstitution: demo@1.0.0\n"
        Path("policies", file).write_text(head + "rules:\n" + RATE, "utf-8")

    return keep


def test_a_shipped_policy_is_cited_with_its_version_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_policy("demo@1.0.0") == load_policy("demo")
    with pytest.raises(UsageError, match=r"'demo@1\.1\.0'.*shipped policies: demo@1\.0\.0"):
        load_policy("demo@1.1.0")


@pytest.mark.parametrize("reference", ["mine", "mine@0.1.0", "strict", "strict@0.1.0"])
def test_a_policy_of_the_workspace_is_found_by_its_header_and_by_its_file(workspace, reference):
    workspace("strict.yaml")
    assert load_policy(reference).reference == "mine@0.1.0"


def test_the_workspace_comes_before_the_package(workspace):
    workspace("demo.yaml", "demo", "9.0.0")
    assert load_policy("demo").reference == "demo@9.0.0"
    assert load_policy("demo@1.0.0").reference == "demo@1.0.0"


def test_two_files_of_one_name_are_refused_and_not_chosen_between(workspace):
    workspace("a.yaml")
    workspace("b.yaml", version="0.2.0")
    assert load_policy("mine@0.2.0").version == "0.2.0"
    both = "'mine': mine@0.1.0 (policies/a.yaml), mine@0.2.0 (policies/b.yaml); cite one by its"
    with pytest.raises(UsageError, match=re.escape(f"more than one policy is called {both}")):
        load_policy("mine")


def test_a_name_that_is_nowhere_is_answered_with_what_there_is(workspace):
    workspace("strict.yaml")
    with pytest.raises(UsageError) as caught:
        load_policy("mime")
    said = str(caught.value)
    assert "in ./policies: mine@0.1.0 (policies/strict.yaml); shipped policies: demo@1.0.0" in said
    assert 'did you mean "mine"?' in said


@pytest.mark.parametrize("reference", ["", "@", "@0.1.0", "mine@", "mine@1"])
def test_half_a_name_is_no_name(workspace, reference):
    workspace("strict.yaml")
    Path("policies", "empty.yaml").write_text("", "utf-8")
    with pytest.raises(UsageError, match="no policy is called"):
        load_policy(reference)


def test_a_file_that_was_renamed_to_another_version_is_refused(workspace):
    workspace("mine@0.2.0.yaml")
    with pytest.raises(UsageError, match=r"expected the policy mine@0\.2\.0.*says mine@0\.1\.0"):
        load_policy("mine@0.2.0")


OTHER_KINDS = [
    ("suite: s\nversion: 0.1.0\ntasks: []\n", "this is a suite", "`lexgate eval` takes it"),
    (SEVERE, "this is a constitution", "`lexgate compile`"),
]


@pytest.mark.parametrize(("text", "said", "use"), OTHER_KINDS)
def test_a_file_of_another_kind_is_named_in_one_line(write, text, said, use):
    ((line, _, _, message, hint),) = problems(write(text))
    assert (line, said in message, use in message + hint) == (1, True, True)


def test_a_policy_that_lost_its_name_is_still_read_as_a_policy(write):
    text = HEAD.partition("\n")[2] + "suite: s\nrules:\n" + RATE
    assert any("policy" in message for _, _, _, message, _ in problems(write(text)))


@pytest.mark.parametrize("text", ["", "[]", "7", "rules: 3", "rules: [3, null]", "rules: {a: 1}"])
def test_files_that_are_no_policy_are_problems_and_not_tracebacks(write, text):
    assert problems(write(text))


def test_the_schema_is_a_valid_schema_and_every_key_is_listed():
    import jsonschema

    schema = json.loads((files("lexgate.gates") / "policy.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for name in ("rate_limit", "at_least", "non_inferiority"):
        part = schema["$defs"][name]
        assert part["additionalProperties"] is False
        assert {"id", "type"} <= set(part["properties"])
    assert "oneOf" not in json.dumps(schema)


def test_a_name_beside_a_file_of_that_name_still_means_the_shipped_policy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("demo").mkdir()
    assert load_policy("demo").reference == "demo@1.0.0"
