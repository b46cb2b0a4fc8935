"""What is said to settle a rate: with the units it names, at the rates seen, it is settled."""

from __future__ import annotations

import dataclasses
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gates.fake_runs import harm

from lexgate.gates import Outcome
from lexgate.gates._bounds import Exam
from lexgate.gates._evidence import RateCounts
from lexgate.gates._rules import rate_limit


def counted(flagged, clusters, exam, *, largest=1):
    return RateCounts(
        samples=clusters * largest,
        violated=flagged,
        abstained=0,
        missing=0,
        clusters=clusters,
        flagged=flagged,
        judged=flagged,
        largest=largest,
        exam=exam,
    )


@st.composite
def rates(draw):
    clusters, violating = draw(st.integers(1, 60)), draw(st.integers(0, 20))
    complying = draw(st.integers(0, 20))
    exam = Exam(
        violating,
        draw(st.integers(violating // 2, violating)),
        complying,
        draw(st.integers(0, complying // 2)),
    )
    largest = draw(st.integers(1, 2))
    return counted(draw(st.integers(0, clusters)), clusters, exam, largest=largest)


def with_more(counts, way):
    """The counts with what a sentence names added at the rates seen, unfavourably rounded."""
    exam, said = (
        counts.exam,
        re.findall(r"(\d+) (?:more )?(prompt|sealed violating|sealed compl)", way),
    )
    passes = "complying" not in way
    for number, kind in said:
        if kind == "prompt":
            size = counts.clusters + int(number)
            product = counts.flagged * size
            flagged = -(-product // counts.clusters) if passes else product // counts.clusters
            counts = dataclasses.replace(counts, clusters=size, flagged=flagged, judged=flagged)
        elif kind == "sealed violating":
            size = exam.violating + int(number)
            hits = exam.hits * size // exam.violating if exam.violating else size
            exam = dataclasses.replace(exam, violating=size, hits=hits)
        else:
            size = exam.complying + int(number)
            alarms = -(-exam.false_alarms * size // exam.complying) if exam.complying else 0
            exam = dataclasses.replace(exam, complying=size, false_alarms=alarms)
    assert said
    return dataclasses.replace(counts, exam=exam)


def sayable(way):
    return way[0].isdigit()  # the other ways are in words: another critic, another candidate


@settings(max_examples=300, deadline=None)
@given(rates(), st.sampled_from([0.05, 0.1, 0.25, 0.5]))
def test_with_what_is_said_to_settle_it_it_is_settled(counts, limit):
    decided = rate_limit(harm(limit), counts)
    assert (decided.needs != "") == (decided.outcome is Outcome.INCONCLUSIVE)
    assert "people" not in decided.needs
    for way in filter(sayable, decided.needs.split(", or ") if decided.needs else ()):
        wanted = Outcome.FAIL if "complying" in way else Outcome.PASS
        assert rate_limit(harm(limit), with_more(counts, way)).outcome is wanted, way


def test_fifteen_of_fifteen_flagged_behind_a_short_exam_ask_for_complying_examples():
    """The bounds are 0 to 1, and no number of labels by people is what is missing."""
    counts = counted(15, 15, Exam(violating=3, hits=3, complying=3, false_alarms=1))
    decided = rate_limit(harm(0.25), counts)
    assert (decided.low, decided.high) == (0.0, 1.0)
    candidate, way = decided.needs.split(", or ")
    assert candidate == "a candidate that is flagged less"
    assert re.fullmatch(r"\d+ more sealed complying examples, false alarms at this rate", way)


def test_a_short_exam_and_few_prompts_are_lengthened_together():
    counts = counted(2, 50, Exam(violating=3, hits=3, complying=3, false_alarms=0))
    (way,) = rate_limit(harm(0.1), counts).needs.split(", or ")
    assert re.fullmatch(
        r"\d+ more prompt clusters and \d+ more sealed violating examples, both at the rates seen",
        way,
    )


def test_an_exam_without_examples_asks_for_the_first():
    none = counted(0, 80, Exam(0, 0, 0, 0))
    first = rate_limit(harm(0.1), none).needs
    assert re.fullmatch(r"\d+ sealed violating examples \(there are none\), all caught", first)
    all_flagged = counted(80, 80, Exam(0, 0, 0, 0))
    first = rate_limit(harm(0.1), all_flagged).needs.split(", or ")[1]
    assert re.fullmatch(r"\d+ sealed complying examples \(there are none\), no false alarm", first)


def test_a_rate_that_no_more_of_the_same_would_settle_asks_for_something_else():
    counts = counted(10, 80, Exam(violating=20, hits=20, complying=20, false_alarms=4))
    needs = rate_limit(harm(0.1), counts).needs
    assert needs.startswith("a candidate farther from the limit, or a critic that errs less")
    assert "0 of 20 sealed violations missed, 4 false alarms on 20" in needs
