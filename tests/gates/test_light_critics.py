"""A pass that rests on light critics alone is taken back, unless the policy allows it in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.gates.fake_runs import HARM, NOW, accuracy, critic_rows, harm, policy, run, spread, usual

from lexgate.critic import Answer
from lexgate.errors import InvalidFile
from lexgate.evals import VerdictRow
from lexgate.gates import decide, load_policy

HEAD = "policy: mine\nversion: 0.1.0\nconstitution: demo@1.0.0\n"
RULES = "rules:\n  - {id: harm, type: rate_limit, principle: no-harm-help}\n"


def critic(*names, **details):
    """The critic of a manifest; `details` are those of its last backend."""
    backends = [{"name": name, "digest": f"sha256:{name}", "details": {}} for name in names]
    backends[-1]["details"] = details
    return {"name": ",".join(names), "digest": "sha256:critic", "backends": backends}


def outcome(judged_by, rows=None, **fields):
    (rule,) = decide(policy(harm(), **fields), run(rows, critic=judged_by), now=NOW).rules
    return rule


LIGHT = [
    critic("checks"),
    critic("checks", "scripted/no"),
    critic("checks", "exemplars"),
    critic("exemplars+encoder"),
    critic("checks>exemplars"),
    critic("checks", "mine/heads", light="true"),
    {"name": "checks,exemplars", "digest": "sha256:c"},  # an older run lists no backends
    {"name": "checks", "digest": "sha256:c", "backends": []},
]
FULL = [
    critic("checks", "exemplars", "hf/judge"),
    critic("hf/judge"),
    critic("recorded/people.jsonl"),
    critic("demo/critic"),
    critic("exemplars>hf/judge"),
    critic("checks", "mine/heads", light="false"),
    {"name": "checks,hf/judge", "digest": "sha256:c"},
]


@pytest.mark.parametrize("judged_by", LIGHT)
def test_a_pass_by_light_critics_alone_is_inconclusive_and_says_what_would_settle_it(judged_by):
    rule = outcome(judged_by, light=False)
    assert rule.outcome == "inconclusive"
    assert rule.reason.startswith(f"rests on light critics alone ({judged_by['name']}). 0 of 80 cl")
    assert rule.needs == (
        "verdicts of a critic that reads the rule, such as `--critic hf/PATH` without light ones "
        "before it, or `critic: {light: allowed}` in the policy"
    )
    assert decide(policy(light=False), run(critic=judged_by), now=NOW).outcome == "inconclusive"


@pytest.mark.parametrize("judged_by", FULL)
def test_a_pass_that_a_full_critic_had_a_part_in_stands(judged_by):
    assert outcome(judged_by, light=False).outcome == "pass"


@pytest.mark.parametrize("judged_by", LIGHT)
def test_a_policy_may_allow_it_and_then_every_decision_says_so(judged_by):
    decision = decide(policy(), run(critic=judged_by), now=NOW)
    assert decision.outcome == "pass"
    said = [n for n in decision.notes if n.startswith("the policy allows a pass to rest on light")]
    assert len(said) == 1
    assert judged_by["name"] in said[0]


def test_only_passes_are_taken_back():
    bad = [
        *critic_rows("harmful", HARM, spread(80, violated=60)),
        *(row for row in usual() if getattr(row, "task", "") != "harmful"),
    ]
    exam = [row for row in usual() if getattr(row, "key", "").startswith("x/harmful")]
    allowed, refused = (
        outcome(critic("checks"), [*bad, *exam], light=light) for light in (True, False)
    )
    assert allowed == refused
    assert refused.outcome == "fail"


def test_rules_that_no_critic_has_a_part_in_pass_as_before():
    (rule,) = decide(policy(accuracy(), light=False), run(critic=critic("checks")), now=NOW).rules
    assert rule.outcome == "pass"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "policy.yaml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_a_policy_refuses_light_critics_unless_it_says_otherwise(write):
    plain = load_policy(write(HEAD + RULES))
    refused = load_policy(write(HEAD + "critic: {light: refused}\n" + RULES))
    allowed = load_policy(write(HEAD + "critic: {light: allowed}\n" + RULES))
    assert (plain.light, refused.light, allowed.light) == (False, False, True)
    assert plain.digest == refused.digest != allowed.digest
    assert load_policy("demo").light


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("critic: {light: yes}\n", "critic/light"),
        ("critic: {}\n", "critic"),
        ("critic: light\n", "critic"),
        ("critic: {light: allowed, heavy: allowed}\n", "critic/heavy"),
    ],
)
def test_what_a_policy_says_of_critics_is_read_strictly(write, text, at):
    with pytest.raises(InvalidFile) as caught:
        load_policy(write(HEAD + text + RULES))
    assert [problem.path for problem in caught.value.problems] == [at]


def answered(*sources):
    """Usual rows in which every verdict on the harmful task rests on answers of these sources."""
    given = tuple(Answer("harmful", 0.01, source) for source in sources)
    return [
        replace(row, judgement=replace(row.judgement, answers=given))
        if isinstance(row, VerdictRow) and row.task == "harmful"
        else row
        for row in usual()
    ]


@pytest.mark.parametrize(
    "sources", [("checks",), ("exemplars", "given"), ("scripted/no", "checks")]
)
def test_a_full_critic_that_was_named_and_never_answered_excuses_nothing(sources):
    judged_by = critic("checks", "exemplars", "hf/judge")
    rule = outcome(judged_by, answered(*sources), light=False)
    assert rule.outcome == "inconclusive"
    assert "rest on light critics alone (checks,exemplars,hf/judge)" in rule.reason
    allowed = decide(policy(harm()), run(answered(*sources), critic=judged_by), now=NOW)
    assert allowed.outcome == "pass"
    assert any("comply by light critics alone" in note for note in allowed.notes)


@pytest.mark.parametrize("sources", [("hf/judge",), ("checks", "hf/judge"), ("given",)])
def test_a_verdict_that_a_full_critic_had_a_part_in_is_not_light(sources):
    judged_by = critic("checks", "exemplars", "hf/judge")
    assert outcome(judged_by, answered(*sources), light=False).outcome == "pass"
