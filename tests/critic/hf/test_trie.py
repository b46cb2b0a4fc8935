"""Laws of the tree of shared prefixes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexgate.critic.hf._layout import Row
from lexgate.critic.hf._trie import common, plan, unique_tokens


def row(ids, tail=1):
    return Row(0, tuple(ids), tail, ())


@st.composite
def batches_of_rows(draw):
    """Draw rows over three tokens, so that they share much; the same ids may come with two tails."""
    opening = draw(st.lists(st.integers(0, 2), max_size=6))
    rows = []
    for ids in draw(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=10), min_size=1)):
        whole = opening + ids
        tails = draw(st.sets(st.integers(1, len(ids)), min_size=1, max_size=2))
        rows += [row(whole, tail) for tail in sorted(tails)]
    return list(dict.fromkeys(rows))


CALLS = st.sampled_from([0.0, 1.0, 2.5, 8.0, 1e9])


def paths(node, before=()):
    """Yield each node with the ids on the path down to its end."""
    path = before + node.ids
    yield node, path
    for child in node.children:
        yield from paths(child, path)


def check(rows, root, start):
    """Assert what holds of every tree."""
    given_ = rows[0].ids[:start]
    homes = []
    for node, path in paths(root, given_):
        assert node.end == len(path)
        for i in node.leaves:
            assert rows[i].ids[: node.end] == path
            assert node.end <= len(rows[i].ids) - rows[i].tail
        homes += node.leaves
    assert sorted(homes) == list(range(len(rows)))


@given(batches_of_rows(), CALLS)
def test_paths_and_rests_spell_the_rows_and_each_has_one_home(rows, call):
    root = plan(rows, call)
    assert (root.start, root.ids) == (0, ())
    check(rows, root, 0)


@given(batches_of_rows(), CALLS, st.data())
def test_what_is_computed_already_is_not_planned_again(rows, call, data):
    start = data.draw(st.integers(0, len(common(rows))))
    root = plan(rows, call, start)
    assert root.start == start
    check(rows, root, start)
    assert unique_tokens(root, rows) <= sum(len(r.ids) - start for r in rows)


@given(batches_of_rows(), CALLS)
def test_a_tree_costs_no_more_than_the_rows_and_pays_for_each_node(rows, call):
    root = plan(rows, call)
    tokens = unique_tokens(root, rows)
    nodes = [node for node, _ in paths(root)]
    given_ = sum(len(r.ids) for r in rows)
    assert tokens == sum(len(n.ids) for n in nodes) + sum(
        len(rows[i].ids) - n.end for n in nodes for i in n.leaves
    )
    extra = len(nodes) - 1  # the root computes nothing
    assert given_ - tokens >= call * extra
    for node in nodes[1:]:
        below = sum(len(n.leaves) for n, _ in paths(node))
        assert below > 1
        assert len(node.ids) * (below - 1) > call


@given(batches_of_rows())
def test_where_calls_are_free_every_prefix_is_computed_once(drawn):
    rows = [row(ids) for ids in dict.fromkeys(r.ids for r in drawn)]
    prefixes = {r.ids[:k] for r in rows for k in range(1, len(r.ids))}
    assert unique_tokens(plan(rows, 0.0), rows) == len(prefixes) + len(rows)


@given(batches_of_rows(), st.floats(1e6, 1e12))
def test_where_calls_are_dear_nothing_is_shared(rows, call):
    root = plan(rows, call)
    assert not root.children
    assert unique_tokens(root, rows) == sum(len(r.ids) for r in rows)


@given(batches_of_rows(), CALLS, st.randoms(use_true_random=False))
def test_order_does_not_matter(rows, call, rng):
    turned = rows[:]
    rng.shuffle(turned)

    def shape(given_):
        return sorted(
            (path, sorted((given_[i].ids, given_[i].tail) for i in node.leaves))
            for node, path in paths(plan(given_, call))
        )

    if len({r.ids for r in rows}) == len(rows):  # of equal ids, the order given decides
        assert shape(rows) == shape(turned)
    assert common(rows) == common(turned)


@given(batches_of_rows())
def test_the_common_opening_is_the_longest_that_all_may_share(rows):
    ids = common(rows)
    most = min(len(r.ids) - r.tail for r in rows)
    assert all(r.ids[: len(ids)] == ids for r in rows)
    assert len(ids) <= most
    if len(ids) < most:
        assert len({r.ids[len(ids)] for r in rows}) > 1


@pytest.mark.parametrize("tail", [1, 2, 3])
@pytest.mark.parametrize("start", [0, 1])
def test_one_row_is_a_leaf_of_the_root(tail, start):
    rows = [row((1, 2, 3, 4), tail)]
    root = plan(rows, 0.0, start)
    assert (root.leaves, root.children) == ([0], [])
    assert unique_tokens(root, rows) == 4 - start
    assert common(rows) == (1, 2, 3, 4)[: 4 - tail]


def test_the_same_ids_with_other_tails_share_all_but_the_longer_tail():
    rows = [row((1, 2, 3, 4, 5), 3), row((1, 2, 3, 4, 5), 1)]
    root = plan(rows, 1.0)
    (node,) = root.children
    assert (node.ids, sorted(node.leaves)) == ((1, 2), [0, 1])
    assert unique_tokens(root, rows) == 2 + 3 + 3


def test_three_levels_are_found():
    rows = [
        row((*[1] * 9, a, *[2] * 9, b, *[3] * 9, c)) for a in (4, 5) for b in (6, 7) for c in (8, 9)
    ]
    root = plan(rows, 4.0)
    assert [len(node.ids) for node, _ in paths(root)] == [0, 9, 10, 10, 10, 10, 10, 10]
    # The opening, two tops, four middles, eight ends.
    assert unique_tokens(root, rows) == 9 + 2 * 10 + 4 * 10 + 8
