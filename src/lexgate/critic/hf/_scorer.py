"""Label log-probabilities by the fastest way that is proved right on the model at hand.

The ways, fastest first: packed attention, a trie over the cache, the same with the cache copied
whole, padded rows, single rows. The first call that uses a way for what sets it apart (a shared
prefix, an opening kept from another call, padding) scores some of its rows alone too, without
padding and without a cache; where a way raises, or differs by more than rounding may, the next is
taken. Later one row in a thousand, and every row much longer than any before, is checked again: a
difference then spoils what was scored before, so all further scoring fails. Rows so long that what
a model does hangs on the length of the whole pass are always alone. Law (tested): over the families
that transformers knows, no way that is taken is wrong beyond its tolerance.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from transformers import DynamicCache

from lexgate.critic.hf._layout import Row
from lexgate.critic.hf._packed import plain_attention
from lexgate.critic.hf._trie import common, plan, unique_tokens
from lexgate.critic.hf._walk import Walk, cache_kinds
from lexgate.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lexgate.critic.hf._walk import Path, Read

__all__ = ["Scorer"]

_LADDER: tuple[Path, ...] = ("packed", "trie", "deep trie", "plain", "single")
_EVERY = 1000  # rows, of which one is checked
_GROWN = 1.5  # a row so many times as long as any checked is checked too: windows begin somewhere
_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-4}  # nats; other types round at 0.1
_LAYERS = frozenset({"DynamicLayer", "DynamicSlidingWindowLayer"})  # replace tensors, never write
# Written in place, but they hold what came before whatever the calls it came in. Others may not:
# one that compresses tokens in groups is wrong only for some lengths, and a check misses those.
_WRITTEN = frozenset({"DummyLayer", "LinearAttentionAndFullAttentionLayer", "LinearAttentionLayer"})
_FAILURES = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    AssertionError,
)  # transformers raises any of them at what a family does not know


@dataclass(slots=True)
class Scorer:
    """Scores rows on one network, and remembers how."""

    network: Any
    pad: int
    most: int  # rows in one batch
    name: str
    path: Path = "plain"
    largest: float = 0.0  # nats, over all checks of the path taken
    checked: int = 0
    rows: int = 0
    given: int = 0  # tokens, each row in full
    computed: int = 0  # tokens, each shared one once
    steps: list[str] = field(default_factory=list)  # ways left, and why
    _opening: tuple[int, ...] = ()  # tokens that prompts of one call after another begin with
    _cache: Any = None  # of them
    _longest: int = 0  # tokens of the longest row checked
    _bound: float = 0.0  # tokens; a row of so many is always alone
    _broken: str = ""
    _use: str = ""  # what this call uses the way for
    _proved: set[str] = field(default_factory=set)  # uses of the way that were checked

    def __post_init__(self) -> None:
        self.path, unfit = _begin(self.network)
        self.steps += [unfit] if unfit else []
        self._bound = _bound(self.network.config.get_text_config())

    @property
    def tolerance(self) -> float:
        """The most that two ways may differ by, in nats."""
        return _TOLERANCE.get(self.network.dtype, 0.1)

    def score(self, rows: Sequence[Row]) -> list[list[Read]]:
        """Score rows; of each, the reads in the order it asks for them.

        Raises:
            EvidenceError: a check failed after rows were scored; what they gave is in doubt.
            RuntimeError: the network fails on single rows too.
        """
        if self._broken:
            raise EvidenceError(self._broken)
        if not rows:
            return []
        merged, places = _merge(rows)
        reads = self._parted(merged)
        self.rows += len(rows)
        self.given += sum(len(row.ids) for row in rows)
        return [[reads[i][k] for k in wanted] for i, wanted in places]

    def report(self) -> dict[str, Any]:
        """Tell the way taken and why, the largest error found, and what sharing saved."""
        return {
            "path": self.path,
            "reason": "; ".join(self.steps) or "the fastest way agrees with single rows",
            "largest_error": self.largest,
            "tolerance": self.tolerance,
            "checked": self.checked,
            "rows": self.rows,
            "tokens_given": self.given,
            "tokens_computed": self.computed,
        }

    def _parted(self, rows: list[Row]) -> list[list[Read]]:
        """Score the rows that no pass may mix with others alone, the rest by the way taken."""
        walk = Walk(self.network, self.pad, _budget(self.network), self.most)
        near = [i for i, row in enumerate(rows) if len(row.ids) < self._bound]
        found = dict(zip(near, self._checked(walk, [rows[i] for i in near]), strict=True))
        for i, row in enumerate(rows):
            if i in found:
                continue
            walk.single(Row(0, row.ids[:1], 1, ()))  # frequencies grown for a longer row go back
            found[i] = walk.single(row)
            self.computed += len(row.ids)
        if len(near) < len(rows):
            why = (
                f"rows of {self._bound} tokens and more run alone: "
                "what they give hangs on all of a pass"
            )
            self.steps += [] if why in self.steps else [why]
        return [found[i] for i in range(len(rows))]

    def _checked(self, walk: Walk, rows: list[Row]) -> list[list[Read]]:
        if not rows:
            return []
        truth: dict[int, list[Read]] = {}
        while True:
            try:
                reads, computed = self._run(walk, rows)
            except torch.OutOfMemoryError:
                walk.budget, walk.most = walk.budget // 2, max(1, walk.most // 2)
                if walk.budget < 256:
                    raise
                continue
            except _FAILURES as error:
                if self.path == _LADDER[-1]:
                    raise
                self._step(f"{self.path} does not run: {_brief(error)}")
                continue
            if self.path == _LADDER[-1]:
                break
            probes = self._probes(rows)
            truth |= {i: walk.single(rows[i]) for i in probes if i not in truth}
            error_ = _difference([reads[i] for i in probes], [truth[i] for i in probes])
            if error_ <= self.tolerance:
                self.largest = max(self.largest, error_)
                self.checked += len(probes)
                self._longest = max([self._longest, *(len(rows[i].ids) for i in probes)])
                self._proved.add(self._use)
                break
            self._step(f"{self.path} differs from single rows by {error_:.2g} nats")
        self.computed += computed
        return reads

    def _run(self, walk: Walk, rows: list[Row]) -> tuple[list[list[Read]], int]:
        given = sum(len(row.ids) for row in rows)
        if self.path == "single":
            return [walk.single(row) for row in rows], given
        if self.path == "plain":
            self._use = "padding" if len({len(row.ids) for row in rows}) > 1 else ""
            return walk.plain(rows), given
        call = _call(self.network)
        cache = self._opening_cache(walk, rows, call)
        start = len(self._opening) if cache is not None else 0
        root = plan(rows, call, start)
        computed = unique_tokens(root, rows)
        shares = computed + start * len(rows) < given
        self._use = ("opening, " if start else "") + ("prefix" if shares else "")
        return walk.shared(rows, root, self.path, cache), computed

    def _opening_cache(self, walk: Walk, rows: list[Row], call: float) -> Any:
        """Return the cache of what this call's rows and the last call's begin with, if it pays."""
        ids = common(rows)
        shared = _alike(self._opening, ids)
        if shared <= call:
            self._opening, self._cache = ids, None  # a later call may begin so too
            return None
        self._use = "opening"  # of a cache that may not even be made
        if self._cache is None or shared < len(self._opening):
            self._opening = ids[:shared]
            self._cache = walk.extend(None, self._opening)
            self.computed += shared
        return self._cache

    def _probes(self, rows: list[Row]) -> list[int]:
        """Choose the rows that are scored alone too."""
        by_length = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
        longest = by_length[-1]
        if self._use not in self._proved:  # a window shows in the longest, padding in the shortest
            return sorted({by_length[0], by_length[len(rows) // 2], longest})
        due = [i for i in range(len(rows)) if (self.rows + i) % _EVERY == 0]
        grown = len(rows[longest].ids) > _GROWN * self._longest
        return sorted({*due, longest} if grown else due)

    def _step(self, why: str) -> None:
        """Take the next way; what the last one gave stands only if it was not used so before."""
        if self._use in self._proved:
            self._broken = (
                f"{self.name}: {why}, after {self.rows} rows were scored: they are in doubt"
            )
            raise EvidenceError(self._broken)
        self.steps.append(why)
        self._cache, self._opening, self._use = None, (), ""
        self._proved.clear()
        self.path = _LADDER[_LADDER.index(self.path) + 1]


def _begin(network: Any) -> tuple[Path, str]:
    """Choose the first way worth trying."""
    try:
        kinds = cache_kinds(DynamicCache(config=network.config))
    except _FAILURES:
        kinds = set()
    if kinds - _LAYERS - _WRITTEN:
        unknown = ", ".join(sorted(kinds - _LAYERS - _WRITTEN))
        return "single", f"its cache has layers of {unknown}, which may depend on how it was filled"
    if kinds - _LAYERS:
        return "deep trie", f"its cache has layers of {', '.join(sorted(kinds - _LAYERS))}"
    unfit = plain_attention(network.config.get_text_config())
    if unfit or kinds != {"DynamicLayer"}:
        return "trie", f"packed attention is not for {unfit or 'its cache'}"
    return "packed", ""


def _bound(config: Any) -> float:
    """Find the length of a pass from which on its rows and cached tokens change each other.

    Some rotary frequencies are chosen by the longest position. Doge keeps the best keys of more
    than so many, and between equal tokens the shape of the pass decides. Checks of shorter rows
    tell nothing of either.
    """
    given = getattr(config, "rope_parameters", None) or {}
    kinds = [given, *(kind for kind in given.values() if isinstance(kind, dict))]
    types = [str(kind.get("rope_type", "")) for kind in kinds]
    sizes = [getattr(config, "keep_window_size", None)]
    if any("dynamic" in type_ or type_ == "longrope" for type_ in types):
        sizes.append(getattr(config, "max_position_embeddings", None))
        sizes += [kind.get("original_max_position_embeddings") for kind in kinds]
    return min((size for size in sizes if size), default=math.inf)


def _merge(rows: Sequence[Row]) -> tuple[list[Row], list[tuple[int, range]]]:
    """Join rows of the same ids; return them, and where each given row's reads are."""
    found: dict[tuple[tuple[int, ...], int], int] = {}
    merged: list[Row] = []
    places = []
    for row in rows:
        at = found.setdefault((row.ids, row.tail), len(merged))
        if at == len(merged):
            merged.append(dataclasses.replace(row, reads=()))
        begin = len(merged[at].reads)
        merged[at] = dataclasses.replace(merged[at], reads=merged[at].reads + row.reads)
        places.append((at, range(begin, begin + len(row.reads))))
    return merged, places


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Count leading ids two sequences have in common."""
    return sum(
        1 for _ in itertools.takewhile(lambda p: p[0] == p[1], zip(one, other, strict=False))
    )


def _difference(reads: Sequence[Sequence[Read]], truth: Sequence[Sequence[Read]]) -> float:
    """Find the largest difference of log-probabilities, in nats; NaN counts as endless."""
    chain = itertools.chain.from_iterable
    pairs = [(a.logprob, b.logprob) for a, b in zip(chain(reads), chain(truth), strict=True)]
    errors = [0.0 if a == b else abs(a - b) for a, b in pairs]  # equal infinities differ by NaN
    return max((math.inf if math.isnan(e) else e for e in errors), default=0.0)


def _call(network: Any) -> float:
    """Estimate what one more forward pass costs, in tokens computed.

    A layer takes some operators' start-up time whatever its size; a token takes two floating-point
    operations a parameter. The rates are of one core, and of one data-centre GPU.
    """
    layers = network.config.get_text_config().num_hidden_layers
    start, rate = (3e-4, 4e10) if network.device.type == "cpu" else (6e-5, 1e14)
    return float(max(8.0, layers * start * rate / (2 * network.num_parameters())))


def _budget(network: Any) -> int:
    """Count the tokens that one forward pass may hold."""
    return 16_384 if network.device.type == "cpu" else 65_536


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:160]
