"""Every way gives what single rows give; what does not is left, and said."""

from __future__ import annotations

import copy
import importlib.util
import random
import re
from pathlib import Path

import pytest
import torch

from lexgate.critic.hf import _packed, _scorer
from lexgate.critic.hf._layout import rows
from lexgate.critic.hf._scorer import Scorer
from lexgate.critic.hf._tokens import LabelPrompt
from lexgate.critic.hf._walk import Walk
from lexgate.errors import EvidenceError

pytestmark = pytest.mark.models

WAYS = ["packed", "trie", "deep trie", "plain", "single"]
LABELS = ((5,), (6,), (7, 8))
NESTED = ((5,), (5, 6), (5, 6, 7), (5, 8), (9, 9, 9, 9))
BAND = 1e-4  # nats; closer labels may change places


@pytest.fixture(scope="module")
def build():
    path = Path(__file__).with_name("architectures.py")
    spec = importlib.util.spec_from_file_location("architectures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build


@pytest.fixture(scope="module")
def network(build):
    made = build("llama")
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(0.6)  # steep enough that labels differ by nats
    return made


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Share wherever it saves a token, on one thread."""
    monkeypatch.setattr(_scorer, "_call", lambda network: 2.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(before)


def words(rng, count):
    return tuple(rng.randrange(10, 90) for _ in range(count))


def prompts(count, seed=0, opening=None):
    """Make different prompts in a tree: an opening, some rules, some items, an end."""
    rng = random.Random(seed)
    opening = words(rng, 12) if opening is None else opening
    rules = [opening + words(rng, rng.randrange(4, 9)) for _ in range(3)]
    items = [rule + words(rng, rng.randrange(1, 9)) for rule in rules for _ in range(8)]
    return [rng.choice(items) + words(rng, rng.randrange(2, 7)) for _ in range(count)]


def laid(given, labels=LABELS):
    return [row for i, p in enumerate(given) for row in rows(i, LabelPrompt(p, labels))]


def scored(scorer, given, labels=LABELS):
    """Score prompts; a list of log-probabilities of each, in the labels' order."""
    given_rows = laid(given, labels)
    found = [[0.0] * len(labels) for _ in given]
    for row, reads in zip(given_rows, scorer.score(given_rows), strict=True):
        for (label, _), read in zip(row.reads, reads, strict=True):
            found[row.item][label] = read.logprob
    return found


def alone(network, prompt, label):
    """Score a label by one unpadded pass over prompt and label; shares nothing with the engine."""
    ids = torch.tensor([prompt + label[:-1]], device=network.device)
    logits = network(input_ids=ids, use_cache=False).logits[0].float()
    logprobs = logits.log_softmax(-1)[len(prompt) - 1 :]
    return float(sum(logprobs[k, token] for k, token in enumerate(label)))


def truth(network, given, labels=LABELS):
    return [[alone(network, p, label) for label in labels] for p in given]


def far(found, expected):
    """Find the largest difference; NaN counts as endless."""
    errors = [
        abs(a - b) for x, y in zip(found, expected, strict=True) for a, b in zip(x, y, strict=True)
    ]
    return max(e if e == e else float("inf") for e in errors)  # noqa: PLR0124


def likeliest(scores):
    return max(range(len(scores)), key=scores.__getitem__)


def forced(network, way, most=16):
    scorer = Scorer(network, 0, most, "m")
    scorer.path = way
    return scorer


@pytest.fixture(scope="module")
def thousand(network):
    """Give 350 prompts with three labels each, and their scores one by one."""
    given = list(dict.fromkeys(prompts(350)))
    assert 3 * len(given) >= 1000
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # made before `_small` begins; threads wait for each other
    try:
        with torch.inference_mode():
            return given, truth(network, given)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("way", WAYS)
def test_a_thousand_pairs_equal_single_rows(network, thousand, way):
    given, expected = thousand
    scorer = forced(network, way)
    found = scored(scorer, given)
    assert scorer.path == way
    assert far(found, expected) <= 1e-5
    assert [likeliest(x) for x in found] == [likeliest(x) for x in expected]
    shared = {"packed", "trie", "deep trie"}
    assert (scorer.computed < scorer.given / 2) == (way in shared)


@pytest.mark.parametrize("way", WAYS[:-1])
def test_order_and_batch_size_change_no_verdict(network, thousand, way):
    given, expected = thousand[0][:80], thousand[1][:80]
    for seed, most in enumerate((1, 5, 64)):
        order = list(range(len(given)))
        random.Random(seed).shuffle(order)
        found = scored(forced(network, way, most), [given[i] for i in order])
        for at, scores in zip(order, found, strict=True):
            best, next_ = sorted(expected[at], reverse=True)[:2]
            assert scores == pytest.approx(expected[at], abs=1e-5)
            assert best - next_ <= BAND or likeliest(scores) == likeliest(expected[at])


@pytest.mark.parametrize("way", WAYS)
def test_labels_of_many_tokens_that_begin_alike(network, way):
    given = prompts(30, seed=4)
    scorer = forced(network, way)
    assert far(scored(scorer, given, NESTED), truth(network, given, NESTED)) <= 1e-5
    assert scorer.path == way


def test_greedy_means_that_each_token_is_the_likeliest(network):
    (prompt,) = prompts(1)
    ids = torch.tensor([prompt])
    first = int(network(input_ids=ids).logits[0, -1].argmax())
    second = int(network(input_ids=torch.tensor([(*prompt, first)])).logits[0, -1].argmax())
    labels = ((first,), (first, second), (first, (second + 1) % 96), ((first + 1) % 96,))
    given_rows = laid([prompt], labels)
    greedy = {}
    for row, reads in zip(given_rows, Scorer(network, 0, 16, "m").score(given_rows), strict=True):
        greedy |= {label: read.greedy for (label, _), read in zip(row.reads, reads, strict=True)}
    assert [greedy[k] for k in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("way", WAYS[:3])
def test_an_opening_kept_between_calls_may_change_shrink_and_go(network, way):
    one, other = words(random.Random(1), 14), words(random.Random(2), 14)
    calls = [
        (one, 14),  # seen for the first time: nothing is kept yet
        (one, 14),  # kept from here on
        (one, 14),
        (one[:9], 9),  # shrinks
        (one, 9),  # the kept part still serves
        (other, 14),  # changes
        (other, 14),
        ((), 0),  # goes
        (one, 14),
    ]
    scorer = forced(network, way)
    for seed, (opening, kept) in enumerate(calls):
        given = prompts(20, seed + 10, opening)
        before = scorer.computed
        assert far(scored(scorer, given), truth(network, given)) <= 1e-5
        assert scorer.path == way
        assert scorer.computed - before < sum(len(row.ids) for row in laid(given))
        assert len(scorer._opening) == kept
    assert scorer._cache is None
    assert len(scorer._proved) == 2  # with a kept opening and without one


def test_a_kept_opening_is_not_computed_again(network):
    opening = words(random.Random(1), 40)
    costs = []
    scorer = Scorer(network, 0, 16, "m")
    for _ in range(3):
        before = scorer.computed
        scored(scorer, prompts(20, 3, opening))
        costs.append(scorer.computed - before)
    assert costs == [costs[0], costs[0], costs[0] - 40]


def _no_prefix(query, key, value, length, own, *, scaling):
    return own[0]


def test_a_way_that_is_wrong_is_left_with_its_reason(network, monkeypatch):
    monkeypatch.setattr(_packed, "_with_prefix", _no_prefix)
    given = prompts(30)
    scorer = Scorer(network, 0, 16, "m")
    assert far(scored(scorer, given), truth(network, given)) <= 1e-5
    assert scorer.path == "trie"
    assert scorer.report()["reason"].startswith("packed differs from single rows by ")


def test_a_way_that_raises_is_left_with_its_reason(network, monkeypatch):
    def refuse(*_):
        raise NotImplementedError("no such thing\nand more")

    monkeypatch.setattr(Walk, "shared", refuse)
    given = prompts(30)
    scorer = Scorer(network, 0, 16, "m")
    assert far(scored(scorer, given), truth(network, given)) <= 1e-5
    assert scorer.path == "plain"
    assert scorer.report()["reason"] == "; ".join(
        f"{way} does not run: NotImplementedError: no such thing" for way in WAYS[:3]
    )


def test_single_rows_prove_nothing_about_sharing(network, monkeypatch):
    monkeypatch.setattr(_packed, "_with_prefix", _no_prefix)
    scorer = Scorer(network, 0, 16, "m")
    one, many = prompts(1, seed=1), prompts(30)
    assert far(scored(scorer, one, ((5,), (6,))), truth(network, one, ((5,), (6,)))) <= 1e-5
    assert scorer.path == "packed"  # with nothing before its only row it cannot be wrong
    assert far(scored(scorer, many), truth(network, many)) <= 1e-5
    assert scorer.path == "trie"  # and the row before is not in doubt


def test_a_difference_found_late_spoils_all_that_follows(network, monkeypatch):
    scorer = Scorer(network, 0, 16, "m")
    scored(scorer, prompts(30))
    with monkeypatch.context() as patch:
        patch.setattr(_packed, "_with_prefix", _no_prefix)
        longer = [p * 4 for p in prompts(30, seed=9, opening=())]  # the same use
        with pytest.raises(EvidenceError, match=r"^m: packed differs .* they are in doubt$"):
            scored(scorer, longer)
    for _ in range(2):  # nothing is wrong any more, but what was scored stays in doubt
        with pytest.raises(EvidenceError, match="after 30 rows were scored"):
            scored(scorer, prompts(30))


def test_a_much_longer_row_and_one_in_many_are_checked_again(network, monkeypatch):
    scorer = Scorer(network, 0, 16, "m")
    given = prompts(30)
    scored(scorer, given)
    first = scorer.checked
    assert first == 3
    scored(scorer, prompts(30, seed=9, opening=()))  # another opening, the same use
    assert scorer.checked == first
    scored(scorer, [*prompts(30, seed=8, opening=()), given[0] * 4])
    assert scorer.checked == first + 1
    monkeypatch.setattr(_scorer, "_EVERY", 10)
    scored(scorer, prompts(30, seed=7))
    assert scorer.checked == first + 1 + 3  # of 30 rows


def test_a_window_between_two_lengths_is_found_by_the_longer_row(build, monkeypatch):
    monkeypatch.setattr(_packed, "_refuse", lambda *_: None)  # packed attention knows no window
    monkeypatch.setattr(_scorer, "_call", lambda network: 1e9)  # rows share a pass, no prefix
    network = build("mistral", sliding_window=12)
    rng = random.Random(0)
    short = [words(rng, k) for k in (9, 10, 11)]
    scorer = forced(network, "packed")
    assert far(scored(scorer, short), truth(network, short)) <= 1e-5
    assert scorer.path == "packed"
    for longer in (words(rng, 60), words(rng, 5)):  # once in doubt, it stays so
        with pytest.raises(EvidenceError, match=r"packed differs .* after 3 rows were scored"):
            scored(scorer, [*short, longer])


@pytest.mark.parametrize(
    ("family", "fields", "argument"),
    [
        ("mistral", {}, "sliding_window"),
        ("gemma2", {"layer_types": ["full_attention"] * 4}, "softcap"),
        ("gpt_oss", {"layer_types": ["full_attention"] * 4}, "s_aux"),
    ],
)
def test_what_packed_attention_does_not_know_is_refused(build, family, fields, argument):
    network = build(family, **fields)
    given = prompts(10)
    scorer = forced(network, "packed")
    assert far(scored(scorer, given), truth(network, given)) <= 1e-4
    assert scorer.path == "trie"
    assert re.search(f"attention takes .*{argument}", scorer.report()["reason"])


def test_what_single_rows_raise_comes_out(network, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("the network is on fire")

    monkeypatch.setattr(network, "forward", fail)
    scorer = Scorer(network, 0, 16, "m")
    with pytest.raises(RuntimeError, match="on fire"):
        scored(scorer, prompts(3))
    assert scorer.path == "single"
    assert len(scorer.steps) == 4


@pytest.mark.parametrize("way", ["packed", "trie", "plain"])
def test_where_memory_runs_out_the_batch_is_halved(network, monkeypatch, way):
    method, seen = "plain" if way == "plain" else "shared", []
    walk = getattr(Walk, method)

    def tight(self, *arguments):
        seen.append((self.budget, self.most))
        if self.most > 4:
            raise torch.OutOfMemoryError("full")
        return walk(self, *arguments)

    monkeypatch.setattr(Walk, method, tight)
    given = prompts(30)
    scorer = forced(network, way)
    assert far(scored(scorer, given), truth(network, given)) <= 1e-5
    assert seen == [(16_384, 16), (8_192, 8), (4_096, 4)]
    assert (scorer.path, scorer.steps) == (way, [])


def test_where_memory_never_suffices_it_says_so(network, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(Walk, "shared", full)
    with pytest.raises(torch.OutOfMemoryError, match="full"):
        scored(Scorer(network, 0, 16, "m"), prompts(3))


def test_the_report_tells_the_way_and_what_it_saved(network):
    scorer = Scorer(network, 0, 16, "m")
    assert scorer.score([]) == []
    scored(scorer, prompts(30))
    report = scorer.report()
    assert set(report) == {
        "path", "reason", "largest_error", "tolerance", "checked", "rows", "tokens_given",
        "tokens_computed",
    }  # fmt: skip
    assert report["path"] == "packed"
    assert report["reason"] == "the fastest way agrees with single rows"
    assert 0 <= report["largest_error"] <= report["tolerance"] == 1e-4
    assert report["rows"] == 30  # labels whose tokens nest share a row
    assert 0 < report["tokens_computed"] < report["tokens_given"]


def test_rows_given_twice_are_computed_once(network):
    given = prompts(10)
    once, twice = Scorer(network, 0, 16, "m"), Scorer(network, 0, 16, "m")
    expected = scored(once, given)
    assert scored(twice, given * 2) == expected * 2
    assert twice.computed == once.computed
    assert twice.given == 2 * once.given


@pytest.mark.parametrize("way", WAYS)
def test_the_same_tokens_read_from_different_places_are_two_rows(network, way):
    (prompt,) = prompts(1)
    # "… 7 8" is the last two tokens of one label, and the prompt's end and one of another.
    given_rows = laid([prompt], ((7, 8),)) + laid([(*prompt, 7)], ((8,),))
    assert given_rows[0].ids == given_rows[1].ids
    (both,), (last,) = forced(network, way).score(given_rows)
    assert both.logprob == pytest.approx(alone(network, prompt, (7, 8)), abs=1e-5)
    assert last.logprob == pytest.approx(alone(network, (*prompt, 7), (8,)), abs=1e-5)


ROUNDED = {torch.float32: BAND, torch.bfloat16: 0.1}  # nats
DEVICES = [
    pytest.param("cpu", torch.bfloat16, id="cpu-bfloat16"),  # float32 is above
    *(
        pytest.param(
            "cuda",
            dtype,
            id=f"cuda-{dtype}".replace("torch.", ""),
            marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
        )
        for dtype in ROUNDED
    ),
]


@pytest.mark.parametrize(("device", "dtype"), DEVICES)
@pytest.mark.parametrize("way", WAYS)
def test_each_way_equals_single_rows_on_other_devices_and_types(
    network, thousand, way, device, dtype
):
    moved = copy.deepcopy(network).to(device, dtype)
    given = thousand[0][:120]
    expected = truth(moved, given)
    scorer = forced(moved, way)
    found = scored(scorer, given)
    assert scorer.path == way, scorer.report()["reason"]
    assert scorer.tolerance == ROUNDED[dtype]
    assert far(found, expected) <= ROUNDED[dtype]
    for scores, truths in zip(found, expected, strict=True):
        best, next_ = sorted(truths, reverse=True)[:2]
        assert best - next_ <= 2 * ROUNDED[dtype] or likeliest(scores) == likeliest(truths)
