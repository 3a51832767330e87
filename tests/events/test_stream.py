import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.events import EventStream

COLUMNS = dict(source=["ann", "bob", "ann"], target=["bob", "cy", "cy"], rating=[3, -1, 2], time=[5.0, 1.0, 9.0])


def test_from_columns_sorts_by_time_and_names_nodes_in_order_of_appearance():
    stream = EventStream.from_columns(**COLUMNS)
    assert stream.nodes == ("bob", "cy", "ann")
    assert stream.source.tolist() == [0, 2, 2]
    assert stream.target.tolist() == [1, 0, 1]
    assert stream.rating.tolist() == [-1.0, 3.0, 2.0]
    assert stream.time.tolist() == [1_000_000, 5_000_000, 9_000_000]
    assert stream.seconds.tolist() == [1.0, 5.0, 9.0]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_events_of_equal_time_keep_their_order(times):
    n = len(times)
    stream = EventStream.from_columns(
        source=range(n), target=range(n, 2 * n), rating=[1] * n, time=times, line=range(1, n + 1)
    )
    expected = sorted(range(n), key=lambda i: times[i])
    assert stream.line.tolist() == [i + 1 for i in expected]
    starts = stream.tie_starts.tolist()
    assert starts[0] == 0
    assert starts[-1] == n
    for a, b in itertools.pairwise(starts):
        assert len(set(stream.time[a:b].tolist())) == 1
    assert len(starts) - 1 == len(set(times))


def test_fractional_seconds_become_exact_microseconds():
    stream = EventStream.from_columns(source=[1], target=[2], rating=[1], time=[1289241911.72836])
    assert stream.time.tolist() == [1289241911728360]


def test_normalized_clips_at_the_scale():
    stream = EventStream.from_columns(**COLUMNS)
    assert stream.normalized(2.0).tolist() == [-0.5, 1.0, 1.0]
    with pytest.raises(ValueError, match="declares none"):
        stream.normalized()
    declared = EventStream.from_columns(**COLUMNS, weight_max=4)
    assert declared.normalized().tolist() == [-0.25, 0.75, 0.5]


def test_columns_are_read_only_and_arguments_are_left_alone():
    source = np.array([0, 1])
    stream = EventStream(
        source=source,
        target=np.array([1, 0]),
        time=np.array([0, 1]),
        sign=np.array([1, -1]),
        weight=np.array([1.0, 2.0]),
        nodes=("a", "b"),
    )
    with pytest.raises(ValueError, match="read-only"):
        stream.source[0] = 1
    source[0] = 1
    assert stream.source[0] == 0


def test_select_keeps_nodes_payload_and_lines():
    stream = EventStream.from_columns(**COLUMNS, payload=np.arange(6).reshape(3, 2), line=[10, 20, 30])
    late = stream.select(stream.sign > 0)
    assert late.line.tolist() == [10, 30]
    assert late.payload.tolist() == [[0, 1], [4, 5]]
    assert late.nodes == stream.nodes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rating": [3, 0, 2]}, "rating 1 is 0"),
        ({"rating": [3, float("nan"), 2]}, "rating 1 is nan"),
        ({"time": [1.0, float("inf"), 2.0]}, "time 1 is inf"),
        ({"time": [1.0, 1e13, 2.0]}, "within 2\\*\\*62 ticks"),
        ({"time": [1.0]}, "time has 1 entries and rating has 3"),
        ({"tick_seconds": 0.0}, "tick_seconds is 0.0"),
        ({"weight_max": -1.0}, "weight_max is -1.0"),
    ],
)
def test_bad_columns_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        EventStream.from_columns(**{**COLUMNS, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": np.array([0, 2])}, "ids from 0 to 2; nodes names 2"),
        ({"target": np.array([-1, 0])}, "ids from -1"),
        ({"time": np.array([1, 0])}, "time decreases at event 1"),
        ({"sign": np.array([1, 0])}, "other than \\+1 and -1"),
        ({"weight": np.array([1.0, 0.0])}, "finite and positive"),
        ({"weight": np.array([1.0])}, "weight has shape"),
        ({"time": np.array([0.5, 1.0])}, "whole numbers"),
        ({"time": np.array(["a", "b"])}, "expected numbers"),
        ({"payload": np.zeros(2)}, "payload has shape"),
    ],
)
def test_bad_arrays_are_refused(change, message):
    good = dict(
        source=np.array([0, 1]),
        target=np.array([1, 0]),
        time=np.array([0, 1]),
        sign=np.array([1, -1]),
        weight=np.array([1.0, 1.0]),
        nodes=("a", "b"),
    )
    with pytest.raises(ValueError, match=message):
        EventStream(**{**good, **change})


def test_an_empty_stream_is_a_stream():
    stream = EventStream.from_columns(source=[], target=[], rating=[], time=[])
    assert len(stream) == 0
    assert stream.tie_starts.tolist() == [0]
    assert repr(stream) == "EventStream(0 events, 0 nodes)"
