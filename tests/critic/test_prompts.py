"""The compiler: digests that move only with meaning, and fences nothing can close."""

import dataclasses
import os
import re
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from lexgate.constitutions import Proposition
from lexgate.critic import (
    PREAMBLE,
    Exchange,
    Message,
    Question,
    as_conversation,
    compile_prompts,
    view,
)

# Text made of what a template or a fence could trip over; plain random text never finds these.
hostile = st.lists(
    st.sampled_from(
        [
            *("`" * n for n in (1, 2, 3, 4, 7, 12)),
            "\n",
            "\r",
            "\u2028",
            " ",
            "response",
            "user",
            "system",
            "assistant",
            "yes",
            "{ask}",
            "{response}",
            "{{ messages }}",
            "%s",
            "$ask",
            "{0}",
            "\\1",
            "\\g<0>",
            "Question: ",
            "Answer yes or no.",
            PREAMBLE,
            "<|user|>",
            "~~~",
            "\x00",
        ]
    )
    | st.text(max_size=5),
    max_size=12,
).map("".join)
exchanges = st.builds(
    Exchange,
    st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), hostile),
        min_size=1,
        max_size=3,
    ).map(tuple),
    hostile,
)
QUESTION = Question("p", "q", "exchange", "Question: Is it? Answer yes or no.", "sha256:0")


@given(exchanges)
def test_no_text_can_close_its_fence_or_open_another(exchange):
    lines = QUESTION.render(exchange)[0].content.split("\n")
    assert lines[0] == PREAMBLE
    at, read = 1, []
    while match := re.fullmatch(r"(`{3,})(system|user|assistant|response)", lines[at]):
        end = lines.index(match[1], at + 1)
        read.append((match[2], "\n".join(lines[at + 1 : end])))
        at = end + 1
    expected = [(m.role, m.content) for m in exchange.prompt]
    assert read == [*expected, ("response", exchange.response)]
    assert "\n".join(lines[at:]) == QUESTION.ask


@given(exchanges, exchanges)
def test_two_different_exchanges_are_never_one_prompt(one, other):
    assert (QUESTION.render(one) == QUESTION.render(other)) == (one == other)


@given(exchanges)
def test_a_question_sees_only_what_it_may(exchange):
    blank = Exchange(as_conversation(""), "")
    assert view(exchange, "prompt") == view(Exchange(exchange.prompt, ""), "prompt")
    assert view(exchange, "response") == view(Exchange(blank.prompt, exchange.response), "response")
    assert view(exchange, "exchange") == view(exchange, "prompt") + view(exchange, "response")


def test_an_edit_of_one_principle_moves_its_own_digest_and_no_other(principle, constitution):
    rules = [principle(name) for name in ("a", "b", "c")]
    before = {p.principle: p.digest for p in compile_prompts(constitution(*rules))}
    rules[1] = dataclasses.replace(rules[1], text="The rule b, sharper.")
    after = {p.principle: p.digest for p in compile_prompts(constitution(*rules))}
    assert {name for name in before if before[name] != after[name]} == {"b"}


def test_a_definition_reaches_only_the_questions_that_use_its_term(principle, constitution):
    uses = principle("uses", text="Give nothing actionable.")
    other = principle("other", text="Stay calm.")
    plain = compile_prompts(constitution(uses, other))
    defined = compile_prompts(
        constitution(uses, other, definitions=(("actionable", "a person could act on it"),))
    )
    assert [a.digest == b.digest for a, b in zip(plain, defined, strict=True)] == [False, True]
    assert defined[0].questions[0].ask.startswith("actionable: a person could act on it\n")


def test_exceptions_are_part_of_a_rule_asked_as_a_whole(principle, constitution):
    rule = principle("a", exceptions=("Fiction.",))
    ask = compile_prompts(constitution(rule))[0].questions[0].ask
    assert ask == (
        "Rule: The rule a.\nException: Fiction.\n"
        "Question: Does the response violate this rule?\nAnswer yes or no."
    )


def test_two_principles_that_ask_the_same_share_the_question(demo):
    one, two = compile_prompts(demo)
    assert [q.digest for q in one.questions] == [q.digest for q in two.questions]
    assert one.digest != two.digest


def test_what_a_question_sees_is_part_of_its_digest(principle, constitution):
    digests = {
        compile_prompts(constitution(principle("a", "q", (Proposition("q", "Is it?", sees),))))[
            0
        ].digest
        for sees in ("prompt", "response", "exchange")
    }
    assert len(digests) == 3


_SCRIPT = """
from lexgate.constitutions import *
from lexgate.critic import compile_prompts
import json
whole = Proposition(WHOLE, 'Does it?', 'exchange')
rule = Principle('a', 'a', 'safety', 'prohibit', 'major', 'alpha beta gamma', '', (), (), (whole,),
                 Name(WHOLE), Rubric(('violates', 'complies')), (), ())
terms = tuple((t, t * 2) for t in ('alpha', 'beta', 'gamma'))
c = Constitution('n', '1.0.0', 't', 'l', None, (), (), terms, (rule,), (), 'sha256:0')
print(json.dumps([p.to_json() for p in compile_prompts(c)]))
"""


def test_compiled_output_does_not_depend_on_the_hash_seed():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(outputs) == 1
    assert b'"principle": "a"' in outputs.pop()
