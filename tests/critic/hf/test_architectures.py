"""No family is silently wrong: every label of a tree of prompts against a plain forward pass."""

from __future__ import annotations

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


@pytest.mark.parametrize("family", sorted(ARCHITECTURES.PATHS))
def test_no_family_is_silently_wrong(family, eager_to_share):
    import torch

    from lexgate.critic.hf._scorer import Scorer

    network = ARCHITECTURES.build(family)
    scorer = Scorer(network, 0, 16, family)
    first = tree(1)
    # The second call meets the first one's opening, the third only half of it; rows alone are not
    # shared, so a way must not count as proved by them.
    calls = [first[:1], first, tree(2, first[0][:13]), tree(3, first[0][:9])]
    for prompts in calls:
        given = laid(prompts)
        with torch.inference_mode():
            found = scorer.score(given)
        assert error(found, [alone(network, row) for row in given]) <= TOLERANCE
    expected = ARCHITECTURES.PATHS[family]
    assert LADDER.index(scorer.path) <= LADDER.index(expected), scorer.report()["reason"]


# Of each way, and of each cause that rules packed attention out.
CONTROLS = [
    "llama", "gpt2", "mistral", "gemma2", "gpt_oss", "bloom", "gptj", "jamba", "llama4_text",
    "mamba", "opt", "qwen3_next",
]  # fmt: skip


def test_the_sweep_can_tell_a_wrong_way():
    wrong = [name for name in CONTROLS if _packed_unguarded(name) > TOLERANCE]
    assert {"mistral", "mamba", "bloom"} <= set(wrong)
    assert not {"llama", "gpt2"} & set(wrong)


def _packed_unguarded(family):
    import torch

    from lexgate.critic.hf._scorer import _FAILURES
    from lexgate.critic.hf._trie import plan
    from lexgate.critic.hf._walk import Walk

    network = ARCHITECTURES.build(family)
    given = laid(tree(1))
    try:
        with torch.inference_mode():
            found = Walk(network, 0, 16_384, 16).walk(given, plan(given, 2.0), "packed")
    except _FAILURES:
        return float("inf")
    return error(found, [alone(network, row) for row in given])


def test_a_packed_row_under_a_plain_causal_mask_is_wrong():
    import torch

    wrong = set()
    for family in CONTROLS:
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
    assert wrong == set(CONTROLS) - {"mistral"}


def test_every_family_is_swept_or_named_with_a_reason():
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as MAPPING

    assert len(ARCHITECTURES.PATHS) >= 60
    assert not set(ARCHITECTURES.PATHS) & set(ARCHITECTURES.SKIPPED)
    if transformers.__version__.startswith("5.23."):  # others know other families
        assert set(ARCHITECTURES.PATHS) | set(ARCHITECTURES.SKIPPED) == set(MAPPING)


def test_the_page_shows_the_table():
    page = Path(__file__).parents[3].joinpath("docs/architectures.md").read_text(encoding="utf-8")
    shown = dict(
        re.findall(r"^\| ([\w-]+) \| (packed|trie|deep trie|plain|single) \|$", page, re.MULTILINE)
    )
    assert shown == ARCHITECTURES.PATHS
    counts = dict(re.findall(r"^\| ([\w ]+) \| (\d+) \| ", page, re.MULTILINE))
    assert {k: int(v) for k, v in counts.items()} == {
        way: list(ARCHITECTURES.PATHS.values()).count(way) for way in LADDER
    }
    for family in ARCHITECTURES.SKIPPED:
        assert re.search(rf"[ (]{re.escape(family)}[,.]", page), family
