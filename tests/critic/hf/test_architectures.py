"""No family is silently wrong: every label of a tree of prompts against a plain forward pass."""

from __future__ import annotations

import contextlib
import importlib.util
import random
import re
from pathlib import Path

import pytest

from lexgate.critic.hf._layout import rows
from lexgate.critic.hf._tokens import LabelPrompt

pytestmark = pytest.mark.models


def _sibling(name):
    """Load a module beside this one: tests are no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ARCHITECTURES = _sibling("architectures")
LADDER = ["packed", "trie", "deep trie", "plain", "single"]
LABELS = ((5,), (6,), (7, 8))
TOLERANCE = 1e-4  # nats


def _words(rng, count):
    return tuple(rng.randrange(3, 90) for _ in range(count))


def tree(seed, opening=None):
    """Ten prompts: an opening, two tops, four middles, and an end of each one's own."""
    rng = random.Random(seed)
    opening = opening or _words(rng, 13)
    prompts = []
    for a in range(2):
        top = opening + _words(rng, 9 + a)
        for b in range(2):
            middle = top + _words(rng, 7 + b)
            prompts += [middle + _words(rng, 3 + rng.randrange(9)) for _ in range(2 + a)]
    return prompts


def laid(prompts, labels=LABELS):
    return [row for i, p in enumerate(prompts) for row in rows(i, LabelPrompt(p, labels))]


def alone(network, row):
    """Score a row by one unpadded pass with all logits; shares nothing with the engine."""
    import torch

    with torch.inference_mode():
        network(input_ids=torch.tensor([row.ids[:1]]), use_cache=False)  # resets what has grown
        output = network(input_ids=torch.tensor([row.ids]), use_cache=False)
    logprobs = output.logits[0].float().log_softmax(-1)
    begin = len(row.ids) - row.tail
    return [
        float(sum(logprobs[begin + k, token] for k, token in enumerate(tokens)))
        for _, tokens in row.reads
    ]


def error(found, expected):
    """Find the largest difference; NaN counts as endless."""
    errors = [abs(a.logprob - b) for x, y in zip(found, expected, strict=True)
              for a, b in zip(x, y, strict=True)]  # fmt: skip
    return max(e if e == e else float("inf") for e in errors)  # noqa: PLR0124


@pytest.fixture(autouse=True)
def _one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _silence():
    """Let transformers advise on tiny configs unheard: they are meant to be odd."""
    import warnings

    from lexgate.critic.hf._model import quiet

    with quiet():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def eager_to_share(monkeypatch):
    """Share wherever it saves a token; on tiny networks another pass costs more than that."""
    from lexgate.critic.hf import _scorer

    monkeypatch.setattr(_scorer, "_call", lambda network: 2.0)


def sweep(network, name):
    """Score four calls, all of them right; return the scorer."""
    import torch

    from lexgate.critic.hf._scorer import Scorer

    scorer = Scorer(network, 0, 16, name)
    first = tree(1)
    # The second call meets the first one's opening, the third only half of it; rows alone are not
    # shared, so a way must not count as proved by them.
    for prompts in (first[:1], first, tree(2, first[0][:13]), tree(3, first[0][:9])):
        given = laid(prompts)
        with torch.inference_mode():
            found = scorer.score(given)
        assert error(found, [alone(network, row) for row in given]) <= TOLERANCE
    return scorer


@pytest.mark.parametrize("family", sorted(ARCHITECTURES.PATHS))
def test_no_family_is_silently_wrong(family, eager_to_share):
    scorer = sweep(ARCHITECTURES.build(family), family)
    expected, reason = ARCHITECTURES.PATHS[family], scorer.report()["reason"]
    assert LADDER.index(scorer.path) <= LADDER.index(expected), reason
    if scorer.path == expected:
        assert re.search(ARCHITECTURES.SAID[family], reason)
    # Another transformers may allow more; this one is what the page was made with.
    assert scorer.path == expected or not _tabled()


@pytest.mark.parametrize("name", sorted(ARCHITECTURES.VARIANTS))
def test_no_variant_is_silently_wrong(name, eager_to_share):
    family, fields, expected = ARCHITECTURES.VARIANTS[name]
    scorer = sweep(ARCHITECTURES.build(family, **fields), name)
    assert LADDER.index(scorer.path) <= LADDER.index(expected), scorer.report()["reason"]


# A row may fall on the other side of such a length unchecked; then its neighbours are wrong.
HANGING = ["doge that drops keys", "llama with dynamic rotation", "phi3 with longrope",
           "phimoe with longrope"]  # fmt: skip


def _of_lengths(lengths, seed):
    """Lay out prompts of some lengths with an opening of this call's own, and few words."""
    rng = random.Random(seed)
    opening = tuple(rng.randrange(3, 15) for _ in range(13))
    ends = [tuple(rng.randrange(3, 15) for _ in range(length - 13)) for length in lengths]
    return laid([opening + end for end in ends], ((5,), (6,)))


@pytest.mark.parametrize("name", HANGING)
@pytest.mark.parametrize(
    "calls",
    [
        [(25, 29, 27), (26, 36, 43, 27)],  # a little longer
        [(25, 29, 27), (26, 29, 60, 27)],  # much longer
        [(60, 25, 33, 32, 34, 29)],  # mixed from the start
        [(61, 50), (50, 61), (32, 20)],  # long ones, and shorter ones after them
    ],
)
def test_rows_that_hang_on_the_length_of_a_pass_are_alone(name, calls, eager_to_share):
    import torch

    from lexgate.critic.hf._scorer import Scorer

    family, fields, expected = ARCHITECTURES.VARIANTS[name]
    network = ARCHITECTURES.build(family, **fields)
    scorer = Scorer(network, 0, 16, name)
    for seed, lengths in enumerate(calls):
        given = _of_lengths(lengths, seed)
        with torch.inference_mode():
            found = scorer.score(given)
        assert error(found, [alone(network, row) for row in given]) <= TOLERANCE
    assert LADDER.index(scorer.path) <= LADDER.index(expected)  # for the rows below that length
    assert "rows of 33 tokens and more run alone" in scorer.report()["reason"]


@pytest.mark.parametrize("name", HANGING)
def test_without_that_rule_they_are_silently_wrong(name, eager_to_share, monkeypatch):
    import torch

    from lexgate.critic.hf import _scorer

    monkeypatch.setattr(_scorer, "_bound", lambda config: float("inf"))
    family, fields, _ = ARCHITECTURES.VARIANTS[name]
    network = ARCHITECTURES.build(family, **fields)
    scorer = _scorer.Scorer(network, 0, 16, name)
    errors = []
    for seed, lengths in enumerate([(25, 29, 27), (26, 36, 43, 27)]):
        given = _of_lengths(lengths, seed)
        with torch.inference_mode():
            found = scorer.score(given)
        errors.append(error(found, [alone(network, row) for row in given]))
    assert errors[0] <= TOLERANCE < errors[1]


# Families that each way gets wrong, or refuses, where nothing guards it.
CONTROLS = {
    "packed": (
        "bloom codegen doge falcon gemma2 gpt_neo gpt_oss gptj llama4_text mistral mpt olmo3 xglm"
    ),
    "trie": "axk2 deepseek_v32 glm_moe_dsa hy_v4",
    "deep trie": "bamba deepseek_v32 inkling_text jamba",
    "plain": "deepseek_v32 deepseek_v4 rwkv",
}


@pytest.mark.parametrize("way", CONTROLS)
def test_the_sweep_can_tell_a_wrong_way(way, monkeypatch):
    _unguard(monkeypatch)
    errors = {name: _unguarded(name, way) for name in CONTROLS[way].split()}
    assert {name for name, found in errors.items() if not found > TOLERANCE} == set()
    assert _unguarded("llama", way) <= TOLERANCE  # and it can tell a right one


def _unguard(monkeypatch):
    """Let packed attention take whatever a family hands over, and however often it is called."""
    from lexgate.critic.hf import _packed, _walk

    @contextlib.contextmanager
    def uncounted(layout, layers):
        token = _packed._LAYOUT.set(layout)
        try:
            yield
        finally:
            _packed._LAYOUT.reset(token)

    monkeypatch.setattr(_packed, "_refuse", lambda *_: None)
    monkeypatch.setattr(_walk, "packed", uncounted)


def _unguarded(family, way):
    """Find the error of one way, with neither ladder nor self-check; what raises is no error."""
    import torch

    from lexgate.critic.hf._trie import plan
    from lexgate.critic.hf._walk import Walk

    network = ARCHITECTURES.build(family)
    # One level: cutting a window's cache back to the stem would raise before anything is wrong.
    given = laid([p for p in tree(1) if p[:22] == tree(1)[0][:22]])
    root = plan(given, 40.0)
    with torch.inference_mode():
        walk = Walk(network, 0, 16_384, 16)
        found = walk.plain(given) if way == "plain" else walk.shared(given, root, way)
    return error(found, [alone(network, row) for row in given])


# Of each way, and of each cause that rules packed attention out.
MASKED = [
    "llama", "gpt2", "mistral", "gemma2", "gpt_oss", "bloom", "gptj", "jamba", "llama4_text",
    "mamba", "opt", "qwen3_next",
]  # fmt: skip


def test_a_packed_row_under_a_plain_causal_mask_is_wrong():
    import torch

    wrong = set()
    for family in MASKED:
        network = ARCHITECTURES.build(family)
        given = laid(tree(1), ((5,), (6,)))
        ids = [token for row in given for token in row.ids][:256]  # what the contexts hold
        ends = []
        for row in given:
            ends.append((ends[-1] if ends else -1) + len(row.ids))
        with torch.inference_mode():
            logits = network(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        logprobs = logits.float().log_softmax(-1)
        pairs = [
            (float(logprobs[end, 5]), alone(network, row)[0])
            for end, row in zip(ends, given, strict=True)
            if end < len(ids)
        ]
        if max(abs(a - b) for a, b in pairs) > TOLERANCE:
            wrong.add(family)
    # Four layers of a window of 8 see 29 tokens back, fewer than any row has.
    assert wrong == set(MASKED) - {"mistral"}


def _tabled():
    """Tell whether this is the transformers that the tables are of: others know other families."""
    import transformers

    return transformers.__version__.startswith("5.23.")


def test_every_family_is_swept_or_named_with_a_reason():
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as MAPPING

    assert len(ARCHITECTURES.PATHS) >= 60
    assert not set(ARCHITECTURES.PATHS) & set(ARCHITECTURES.SKIPPED)
    if _tabled():
        assert set(ARCHITECTURES.PATHS) | set(ARCHITECTURES.SKIPPED) == set(MAPPING)


def test_the_page_is_what_the_tables_write():
    assert ARCHITECTURES.PAGE.read_text(encoding="utf-8") == ARCHITECTURES.page()
