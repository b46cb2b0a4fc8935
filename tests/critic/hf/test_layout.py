"""Rows and batches: everything once, nothing twice, within the budget."""

from hypothesis import given
from hypothesis import strategies as st

from lexgate.critic.hf._layout import batches, longest, rows
from lexgate.critic.hf._tokens import LabelPrompt

ids = st.integers(0, 3)
prompts = st.builds(
    LabelPrompt,
    st.lists(ids, min_size=1, max_size=4).map(tuple),
    st.lists(st.lists(ids, min_size=1, max_size=4).map(tuple), min_size=1, max_size=4).map(tuple),
)


@given(prompts)
def test_every_label_is_read_once_from_a_row_that_spells_it(prompt):
    laid = rows(7, prompt)
    read = [(label, row, tokens) for row in laid for label, tokens in row.reads]
    assert sorted(label for label, _, _ in read) == list(range(len(prompt.labels)))
    for label, row, tokens in read:
        assert tokens == prompt.labels[label]
        # The k-th of the row's last `tail` positions predicts the k-th token of the label.
        first = len(row.ids) - row.tail
        assert row.ids[: first + len(tokens)] == prompt.prompt + tokens[:-1]
        assert row.item == 7
        assert len(row.ids) < longest(prompt)


@given(prompts)
def test_labels_whose_tokens_nest_share_a_row(prompt):
    bodies = {tokens[:-1] for tokens in prompt.labels}
    assert len(rows(0, prompt)) <= len(bodies)


def test_one_token_labels_take_one_row():
    assert len(rows(0, LabelPrompt((1, 2), ((3,), (0,))))) == 1


@given(st.lists(st.integers(1, 9000), max_size=40), st.integers(1, 8))
def test_every_row_is_in_one_batch_within_the_budget(lengths, most):
    groups = batches(lengths, most)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        padded = max(lengths[i] for i in group) * len(group)
        assert len(group) <= most
        assert padded <= 16_384 or len(group) == 1
