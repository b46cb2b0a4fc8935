"""Labels that people settled: what they teach, and every way to write a file that teaches nothing."""

from __future__ import annotations

import dataclasses

import pytest

from lexgate.constitutions._expression import parse
from lexgate.critic import Exchange, as_conversation, compile_prompts, open_critic
from lexgate.critic._exemplars import ExemplarsBackend
from lexgate.critic._labels import implied, read_labels
from lexgate.errors import InvalidFile, UsageError


def row(response, label, principle="rule", prompt="Why?"):
    return {"prompt": prompt, "response": response, "principle": principle, "label": label}


@pytest.mark.parametrize(
    ("when", "name", "violates", "value"),
    [
        ("a", "a", True, True),
        ("a", "a", False, False),
        ("not a", "a", True, False),
        ("a and not b", "a", True, True),
        ("a and not b", "b", True, False),
        ("a and not b", "a", False, None),  # b may excuse it
        ("a or b", "a", True, None),
        ("a or b", "a", False, False),
        ("a", "b", True, None),
    ],
)
def test_a_label_teaches_where_it_leaves_no_other_value(when, name, violates, value):
    assert implied(parse(when), name, violates) is value


def test_a_head_learns_from_settled_labels_alone(principle, constitution, write_lines):
    rules = constitution(principle("rule"))
    texts = [(f"bad awful {i}", "violates") for i in range(4)]
    texts += [(f"fine good {i}", "complies") for i in range(4)]
    path = write_lines(*(row(text, label) for text, label in texts))
    critic = open_critic(["exemplars"], rules, {"labels": str(path)})
    asked = [Exchange(as_conversation("Why?"), text) for text in ("awful", "good")]
    assert [j[0].violated for j in critic.judge(asked, ["rule"])] == [True, False]
    assert dict(critic.backends[0].identity.details)["labels"] == "8"


def test_the_digest_covers_labels_and_not_the_order_of_their_lines(
    principle, constitution, write_lines
):
    rules = constitution(principle("rule"), principle("other", text="Another."))
    lines = [row("bad", "violates"), row("good", "complies")]
    one = read_labels(write_lines(*lines), rules)
    turned = read_labels(write_lines(*reversed(lines), lines[0], name="turned.jsonl"), rules)
    plain, taught, same = (ExemplarsBackend(rules, labels) for labels in ((), one, turned))
    assert plain.identity.digest != taught.identity.digest == same.identity.digest
    ruled, other = compile_prompts(rules)
    assert plain.digest_of(ruled.questions) != taught.digest_of(ruled.questions)
    assert plain.digest_of(other.questions) == taught.digest_of(other.questions)


BAD = [
    ("{", "expected a JSON object, found"),
    ('{"prompt": "a", "prompt": "b"}', "expected a JSON object: a key stands twice"),
    ("[1]", "expected an object of prompt, response, principle, label; found no object"),
    ('{"prompt": "a"}', "expected an object of prompt, response, principle, label; found prompt"),
    ('{"prompt": 1, "response": "b", "principle": "rule", "label": "violates"}', "expected text for 'prompt', found int"),
    ('{"prompt": "a", "response": "b", "principle": "rul", "label": "violates"}', "the constitution has no principle 'rul'"),
    ('{"prompt": "a", "response": "b", "principle": "rule", "label": "fine"}', "expected violates or complies, found 'fine'"),
    ('{"prompt": "a", "response": "b", "principle": "rule", "label": "complies"}', "line 1 says the opposite about the same exchange"),
]  # fmt: skip


def test_every_bad_line_is_named_and_none_is_skipped(tmp_path, principle, constitution):
    good = '{"prompt": "a", "response": "b", "principle": "rule", "label": "violates"}'
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join([good, "", *(line for line, _ in BAD)]), encoding="utf-8")
    with pytest.raises(InvalidFile) as caught:
        read_labels(path, constitution(principle("rule")))
    found = caught.value.problems
    assert [problem.line for problem in found] == list(range(3, 3 + len(BAD)))
    assert all(said in p.message for p, (_, said) in zip(found, BAD, strict=True))


def test_a_sealed_example_is_refused_as_a_label(demo, write_lines):
    sealed = dataclasses.replace(demo.principles[0].examples[0], split="sealed")
    rule = dataclasses.replace(demo.principles[0], examples=(sealed,))
    rules = dataclasses.replace(demo, principles=(rule, *demo.principles[1:]))
    text = sealed.response.upper() + " !"
    path = write_lines(row(text, "violates", "no-over-refusal", sealed.prompt))
    with pytest.raises(InvalidFile, match="sealed example of no-harm: sealed examples only exam"):
        read_labels(path, rules)


def test_an_option_that_nothing_takes_is_refused(demo, tmp_path):
    with pytest.raises(UsageError, match=r"labels is for the critic exemplars or exemplars.encode"):
        open_critic(["checks"], demo, {"labels": "x"})
    with pytest.raises(UsageError, match="audit is for cascades, such as exemplars>hf/PATH, only"):
        open_critic(["exemplars"], demo, {"audit": "0.1"})
    with pytest.raises(UsageError, match=r"none\.jsonl is not a file of settled labels"):
        open_critic(["exemplars"], demo, {"labels": str(tmp_path / "none.jsonl")})
