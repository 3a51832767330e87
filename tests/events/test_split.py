import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signwise.events import SLICES, EventStream, chronological_split


def make(times, source=None, target=None):
    n = len(times)
    return EventStream.from_columns(
        source=range(n) if source is None else source,
        target=range(n, 2 * n) if target is None else target,
        rating=[1] * n,
        time=times,
    )


def test_distinct_times_split_at_the_quantiles():
    split = chronological_split(make(range(100)))
    assert [int(m.sum()) for m in (split.train, split.validation, split.test)] == [70, 15, 15]
    assert split.train_end == 69_000_000
    assert split.validation_end == 84_000_000


@given(st.lists(st.integers(0, 8), min_size=12, max_size=60))
def test_a_tie_group_is_never_cut_and_the_parts_are_in_order(times):
    stream = make(times)
    try:
        split = chronological_split(stream)
    except ValueError as error:
        assume("is empty" not in str(error))
        raise
    parts = np.stack([split.train, split.validation, split.test])
    assert (parts.sum(0) == 1).all()
    which = parts.argmax(0)
    assert (np.diff(which) >= 0).all()
    for a, b in zip(stream.tie_starts, stream.tie_starts[1:], strict=False):
        assert len(set(which[a:b].tolist())) == 1


def test_ties_at_the_border_go_to_the_earlier_part():
    split = chronological_split(make([*range(13), 13, 13, 13, 16, 17, 18, 19]))
    assert int(split.train.sum()) == 16


def test_slices_count_known_ends():
    times = range(10)
    source = ["a"] * 7 + ["a", "x", "x"]
    target = ["b"] * 7 + ["b", "b", "y"]
    stream = make(times, source, target)
    split = chronological_split(stream)
    slices = split.slices(stream)
    assert tuple(slices) == SLICES
    assert np.stack(list(slices.values())).sum(0).tolist() == [1] * 10
    assert slices["both_known"].tolist() == [True] * 8 + [False, False]
    assert slices["one_new"].tolist() == [False] * 8 + [True, False]
    assert slices["both_new"].tolist() == [False] * 9 + [True]


def test_impossible_splits_say_why():
    with pytest.raises(ValueError, match="leave a share"):
        chronological_split(make(range(10)), 0.8, 0.3)
    with pytest.raises(ValueError, match="the validation part is empty: 10 events share 1 distinct times"):
        chronological_split(make([5] * 10))
    with pytest.raises(ValueError, match="no events"):
        chronological_split(make([]))
