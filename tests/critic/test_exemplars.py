"""Heads fitted on the constitution's own examples, and on real labels where they are at hand."""

import csv
import dataclasses
import random
import re
import time
from pathlib import Path

import pytest

from lexgate.constitutions import Check, Exemplar, Proposition
from lexgate.critic import Answer, Exchange, Silence, as_conversation, compile_prompts, open_critic
from lexgate.critic._exemplars import ExemplarsBackend
from lexgate.critic._heads import Lesson, _sharpness, fitted, words

XSTEST = Path(__file__).parents[3] / "shared/data/xstest/model_completions"


def ask(constitution, index, *exchanges):
    question = compile_prompts(constitution)[0].questions[index]
    return ExemplarsBackend(constitution).answer(question, exchanges)


def talk(prompt, response="Sure, begin slowly."):
    return Exchange(as_conversation(prompt), response)


def test_a_head_answers_like_the_examples_it_was_fitted_on(demo):
    sure, sorry = ask(demo, 1, talk("?"), talk("?", "Sorry, I must decline this."))
    assert sure.p < 0.3
    assert sorry.p > 0.7
    assert sorry.source == "exemplars"


def test_a_question_sees_only_its_part(demo):
    answers = ask(demo, 1, talk("Sorry, I must decline."), talk("Sure!"))
    assert answers[0].p == answers[1].p


def test_a_text_that_shares_no_word_with_an_example_gets_no_answer(demo):
    reply = ask(demo, 1, talk("?", "Xyzzy plugh."))[0]
    assert reply == Silence("no_answer", "exemplars: no word of the response occurs in an example")
    assert isinstance(ask(demo, 1, talk("?", ""))[0], Silence)


def test_a_principle_without_examples_borrows_from_who_asks_the_same(demo):
    critic = open_critic(["exemplars"], demo)
    verdict = critic.judge(
        [talk("How do I bake a cake?", "Sorry, I must decline.")],
        ["no-over-refusal"],
        [{"harmful": False}],
    )
    assert verdict[0][0].violated


def _with(demo, examples, **changes):
    rule = dataclasses.replace(demo.principles[0], examples=tuple(examples), **changes)
    return dataclasses.replace(demo, principles=(rule, *demo.principles[1:]))


def test_sealed_examples_never_reach_a_fit(demo):
    examples = demo.principles[0].examples
    sealed = [
        dataclasses.replace(e, id=f"s{i}", split="sealed", prompt="Xyzzy?", response="Plugh.")
        for i, e in enumerate(examples)
    ]
    plain, more = ExemplarsBackend(demo), ExemplarsBackend(_with(demo, [*examples, *sealed]))
    assert plain.identity == more.identity
    question = compile_prompts(demo)[0].questions[1]
    assert isinstance(more.answer(question, [talk("?", "Plugh.")])[0], Silence)
    only = _with(demo, [dataclasses.replace(e, split="sealed") for e in examples])
    assert isinstance(ask(only, 1, talk("?"))[0], Silence)


def test_too_few_examples_of_a_class_give_no_head(demo):
    examples = [e for e in demo.principles[0].examples if not dict(e.answers)["refuses"]]
    some = [e for e in demo.principles[0].examples if dict(e.answers)["refuses"]]
    two = [dataclasses.replace(e, response=f"Sorry {i}.") for i, e in enumerate(some[:2])]
    reply = ask(_with(demo, examples + two), 1, talk("?"))[0]
    assert reply.reason == "no_answer"
    assert reply.detail == (
        "exemplars: refuses has too few, 2 public examples say yes and 8 no; a head needs 3 each"
    )


def test_the_same_text_twice_is_one_example(demo):
    examples = [
        dataclasses.replace(e, response="Sorry.") if dict(e.answers)["refuses"] else e
        for e in demo.principles[0].examples
    ]
    reply = ask(_with(demo, examples), 1, talk("?"))[0]
    assert isinstance(reply, Silence)
    assert "1 public examples say yes" in reply.detail


def test_a_rule_asked_as_a_whole_learns_from_labels_without_the_borderline(principle, constitution):
    texts = {"violates": "bad awful", "complies": "fine good", "borderline": "middling"}
    examples = tuple(
        Exemplar(f"{label}{i}", f"Q{i}?", f"{text} {i}", label, "", "public", ())
        for label, text in texts.items()
        for i in range(3)
    )
    one = constitution(principle("rule", examples=examples))
    bad, good = ask(one, 0, talk("Q?", "awful"), talk("Q?", "good"))
    assert bad.p > 0.5 > good.p
    assert isinstance(ask(one, 0, talk("?", "middling"))[0], Silence)


def test_a_check_is_a_feature_of_its_question(demo):
    checks = (Check(r"q\d+", "response", "refuses", exact=False),)
    examples = [
        dataclasses.replace(e, response=f"q{i}" if dict(e.answers)["refuses"] else f"w{i} so")
        for i, e in enumerate(demo.principles[0].examples)
    ]
    answer = ask(_with(demo, examples, checks=checks), 1, talk("?", "q999"))[0]
    assert isinstance(answer, Answer)
    assert answer.p > 0.5


def test_an_edit_of_an_example_moves_the_identity_and_the_answer(demo):
    first, *rest = demo.principles[0].examples
    edited = _with(demo, [dataclasses.replace(first, response="Sure, no, never."), *rest])
    assert ExemplarsBackend(demo).identity.digest != ExemplarsBackend(edited).identity.digest
    assert ask(demo, 1, talk("?"))[0].p != ask(edited, 1, talk("?"))[0].p


def test_the_order_of_examples_does_not_matter(demo):
    turned = _with(demo, reversed(demo.principles[0].examples))
    assert ExemplarsBackend(turned).identity == ExemplarsBackend(demo).identity
    assert ask(turned, 1, talk("?")) == ask(demo, 1, talk("?"))


@pytest.fixture(scope="module")
def completions():
    """(prompt, completion, refuses) of people's labels, full refusal against full compliance."""
    if not XSTEST.is_dir():
        pytest.skip(f"no XSTest data at {XSTEST}")
    rows = []
    for path in sorted(XSTEST.glob("*.csv")):
        with path.open(newline="", encoding="utf-8", errors="replace") as stream:
            rows += [
                (row["prompt"], row["completion"], row["final_label"].startswith("2"))
                for row in csv.DictReader(stream)
                if row["final_label"][:1] in {"1", "2"}
            ]
    assert len(rows) == 2074
    return rows


def _taught(principle, constitution, rows, checks=()):
    examples = tuple(
        Exemplar(f"e{i}", prompt, text, "complies", "", "public", (("refuses", refuses),))
        for i, (prompt, text, refuses) in enumerate(rows)
    )
    question = Proposition("refuses", "Does the response refuse?", "response")
    return constitution(principle("r", "refuses", (question,), examples=examples, checks=checks))


def _accuracy(constitution, rows):
    replies = ask(constitution, 0, *(talk(prompt, text) for prompt, text, _ in rows))
    right = [
        isinstance(reply, Answer) and (reply.p > 0.5) == refuses
        for reply, (_, _, refuses) in zip(replies, rows, strict=True)
    ]
    return sum(right) / len(right)


def test_real_refusals_are_recognised_on_unseen_prompts(principle, constitution, completions):
    seen = [row for row in completions if len(row[0]) % 5]
    unseen = [row for row in completions if not len(row[0]) % 5]
    assert _accuracy(_taught(principle, constitution, seen), unseen) > 0.93


def test_a_check_makes_eight_real_examples_go_far(principle, constitution, completions):
    check = Check(
        r"\bi(?: can ?not|[ ']?(?:can't|am sorry|'m sorry|am not able|apologi[sz]e))",
        "response",
        "refuses",
        exact=False,
    )
    by_class = [[row for row in completions if row[2] is refuses] for refuses in (True, False)]
    few = [row for rows in by_class for row in rows[:: len(rows) // 8][:8]]
    rest = [row for row in completions if row not in few]
    assert _accuracy(_taught(principle, constitution, few, (check,)), rest) > 0.8


def test_a_fit_on_two_hundred_examples_takes_no_time(principle, constitution, completions):
    one = _taught(principle, constitution, completions[::10])
    ask(one, 0, talk("?"))  # the first call imports scikit-learn
    backend = ExemplarsBackend(one)
    question = compile_prompts(one)[0].questions[0]
    began = time.process_time()
    backend.answer(question, [talk("?")])
    assert time.process_time() - began < 1.0  # measured: 0.2; the margin is for loaded machines


def test_a_head_no_better_than_chance_on_its_own_examples_is_silent(demo):
    reply = ask(demo, 0, talk("How do I bake a bomb?"))[0]  # no two of its prompts share the point
    assert reply.reason == "no_answer"
    assert re.fullmatch(
        r"exemplars: harmful was right on \d+ % of its own public examples held out; 75 % is "
        "needed: use a language model as critic",
        reply.detail,
    )


def test_a_head_says_what_it_is_worth(demo):
    backend = ExemplarsBackend(demo)
    harmful, refuses = compile_prompts(demo)[0].questions
    assert backend.held_out(harmful) < 0.75 <= backend.held_out(refuses) <= 1.0
    stranger = dataclasses.replace(harmful, digest="sha256:0")
    assert backend.held_out(stranger) is None
    two = _with(demo, [e for e in demo.principles[0].examples if e.label == "violates"][:2])
    assert ExemplarsBackend(two).held_out(refuses) is None


def test_labels_without_rhyme_or_reason_give_no_head(demo, principle, constitution):
    chance = random.Random(7)
    rows = [
        ("?", " ".join(chance.choices("abcdefghij", k=8)), chance.random() < 0.5) for _ in range(60)
    ]
    silent = ask(_taught(principle, constitution, rows), 0, talk("?", "a b c"))[0]
    assert isinstance(silent, Silence)


def test_texts_of_the_same_words_are_left_out_together(principle, constitution):
    # Random labels: whoever sees a copy of a held-out text knows its label, and nobody else does.
    chance = random.Random(7)
    rows = []
    for _ in range(30):
        text, truth = " ".join(chance.choices("abcdefghij", k=8)), chance.random() < 0.5
        rows += [("?", text + mark, truth) for mark in ("", ".", "!", " ?")]
    one = _taught(principle, constitution, rows)
    question = compile_prompts(one)[0].questions[0]
    assert ExemplarsBackend(one).held_out(question) < 0.7  # 1.0 where copies straddle


def test_copies_of_one_text_are_one_example(demo):
    copies = [
        dataclasses.replace(e, response=f"Sorry{'!' * i}") if dict(e.answers)["refuses"] else e
        for i, e in enumerate(demo.principles[0].examples)
    ]
    assert "1 public examples say yes" in ask(_with(demo, copies), 1, talk("?"))[0].detail


def test_the_worth_of_a_head_foretells_unseen_prompts(principle, constitution, completions):
    seen, unseen = (
        [r for r in completions[::4] if bool(len(r[0]) % 5) is s] for s in (True, False)
    )
    one = _taught(principle, constitution, seen)
    question = compile_prompts(one)[0].questions[0]
    assert abs(ExemplarsBackend(one).held_out(question) - _accuracy(one, unseen)) < 0.06


def test_a_pattern_that_cannot_be_searched_for_makes_its_head_silent_on_that_text(demo):
    checks = (Check(r"(a|a)+!", "response", "refuses", exact=False),)
    hostile = "Sorry, I must decline: " + "a" * 60
    plain, endless = ask(
        _with(demo, demo.principles[0].examples, checks=checks),
        1,
        talk("?", "Sorry, I must decline."),
        talk("?", hostile),
    )
    assert isinstance(plain, Answer)
    assert endless.reason == "failed"


def test_probabilities_mean_what_they_say_on_unseen_prompts(principle, constitution, completions):
    seen, unseen = ([r for r in completions if bool(len(r[0]) % 5) is s] for s in (True, False))
    replies = ask(
        _taught(principle, constitution, seen),
        0,
        *(talk(prompt, text) for prompt, text, _ in unseen),
    )
    pairs = [(reply.p, row[2]) for reply, row in zip(replies, unseen, strict=True)]
    brier = sum((p - truth) ** 2 for p, truth in pairs) / len(pairs)
    bins = [[(p, t) for p, t in pairs if min(int(p * 10), 9) == k] for k in range(10)]
    error = sum(abs(sum(p for p, _ in b) - sum(t for _, t in b)) for b in bins) / len(pairs)
    assert brier < 0.06
    assert error < 0.06


def test_calibration_changes_how_sure_a_head_is_and_never_which_answer_it_leans_to():
    odds = [2.0, 1.0, -3.0, None, -0.5, 4.0, -1.0]
    truths = [True, True, False, True, True, True, False]
    timid = _sharpness([None if o is None else o / 10 for o in odds], truths)
    assert timid == pytest.approx(10 * _sharpness(odds, truths), rel=1e-3)
    assert _sharpness([1.0, 2.0], [True, True]) == 1.0  # nothing to calibrate on
    assert _sharpness([5.0, -5.0] * 3, [False, True] * 3) > 0.0  # always wrong: unsure, not turned


def test_always_right_on_few_examples_is_not_certainty(demo):
    sure, sorry = ask(demo, 1, talk("?"), talk("?", "Sorry, I must decline this."))
    assert 0.001 < sure.p < 0.3
    assert 0.7 < sorry.p < 0.999


@pytest.mark.parametrize(
    ("written", "out"),
    [("I can\u2019t", "i cannot"), ("I won't", "i will not"), ("I'm sorry, I don't", "i am sorry i do not"),
     ("It's Ana's", "it's ana's"), ("they'll", "they will")],
)  # fmt: skip
def test_contractions_are_written_out(written, out):
    assert words(written) == words(out)


def test_an_edit_refits_only_the_heads_whose_lesson_changed(demo, principle):
    other = principle("other", "polite", (Proposition("polite", "Is it polite?", "response"),))
    polite = tuple(
        dataclasses.replace(e, answers=(("polite", not dict(e.answers)["refuses"]),))
        for e in demo.principles[0].examples
    )
    rules = dataclasses.replace(
        demo, principles=(*demo.principles, dataclasses.replace(other, examples=polite))
    )
    first, *rest = polite
    edited = dataclasses.replace(
        rules,
        principles=(
            *demo.principles,
            dataclasses.replace(
                other, examples=(dataclasses.replace(first, response="Sure, do."), *rest)
            ),
        ),
    )

    def heads(one):
        backend = ExemplarsBackend(one)
        return {
            q.proposition: backend._fitted(q) for p in compile_prompts(one) for q in p.questions
        }

    before, after = heads(rules), heads(edited)
    assert before["harmful"] is after["harmful"]
    assert before["refuses"] is after["refuses"]
    assert before["polite"] is not after["polite"]


def test_an_edit_of_one_example_is_judged_anew_at_once(completions, principle, constitution):
    rows = completions[::20]
    ask(_taught(principle, constitution, rows), 0, talk("?"))
    edited = _taught(principle, constitution, [("?", "Sure, edited.", False), *rows[1:]])
    began = time.process_time()
    ask(edited, 0, talk("?"))
    assert time.process_time() - began < 0.6  # measured: 0.1; the margin is for loaded machines


def test_refusals_of_an_unseen_model_on_unseen_prompts_are_recognised(completions):
    # One of the twenty-five fits of benchmarks/light_critics.py, the family that fails without
    # written-out contractions (0.56): nobody else begins with "Sorry, but I can't".
    rows = [r for path in ("llama2new", "mistralguard") for r in _of_model(path) if len(r[0]) % 5]
    unseen = [r for r in _of_model("gpt4") if not len(r[0]) % 5]
    examples = tuple((Exchange((), text), truth) for _, text, truth in rows)
    head = fitted(Lesson("response", examples, ()))
    found = head.probabilities([talk(prompt, text) for prompt, text, _ in unseen])
    right = sum((p > 0.5) == row[2] for p, row in zip(found, unseen, strict=True))
    assert right / len(unseen) > 0.9


def _of_model(name):
    with (XSTEST / f"xstest_v2_completions_{name}.csv").open(
        newline="", encoding="utf-8", errors="replace"
    ) as stream:
        rows = list(csv.DictReader(stream))
    return [(r["prompt"], r["completion"], not r["final_label"].startswith("1")) for r in rows]
