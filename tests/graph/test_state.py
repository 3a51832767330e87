import copy
import pickle

import numpy as np
import pytest

from signwise.errors import LeakError, SignwiseError
from signwise.graph import SignedState


def test_the_state_refuses_the_past_and_the_present():
    state = SignedState(tick_seconds=1.0)
    state.commit([0], [1], [0.5], time=10)
    assert state.sealed_time == 10
    for time in (9, 10, [11, 10]):
        with pytest.raises(LeakError, match="is not after the last committed event at 10"):
            state.features([0, 1], [1, 0], time)
    for time in (9, 10, [10, 11], [9, 11]):
        with pytest.raises(LeakError, match="is not after the last committed event at 10"):
            state.commit([0, 0], [1, 1], [0.5, 0.5], time)
    assert issubclass(LeakError, SignwiseError)
    assert issubclass(LeakError, ValueError)
    assert state.num_events == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": [3, 2]}, "times of events decrease"),
        ({"x": [0.5, 1.5]}, r"outside \[-1, 1\]"),
        ({"x": [0.5, np.nan]}, r"outside \[-1, 1\]"),
        ({"x": [0.5]}, r"x has shape \(1,\)"),
        ({"source": [0, -1]}, "source has ids from -1 to 0"),
        ({"target": [1, 2**30]}, "target has ids from 1 to 1073741824"),
        ({"target": [1]}, "target has 1 entries; expected 2"),
        ({"source": [0.0, 1.0]}, "source is float64"),
    ],
)
def test_wrong_events_change_nothing(change, message):
    state = SignedState(tick_seconds=1.0)
    events = {"source": [0, 1], "target": [1, 2], "x": [0.5, -0.5], "time": [2, 3]}
    with pytest.raises(ValueError, match=message):
        state.commit(**(events | change))
    assert (state.num_events, state.num_nodes, state.sealed_time) == (0, 0, None)
    state.commit(**events)
    assert (state.num_events, state.num_nodes, state.sealed_time) == (2, 3, 3)


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="tick_seconds is 0"):
        SignedState(tick_seconds=0)
    with pytest.raises(ValueError, match="ring is -1"):
        SignedState(tick_seconds=1, ring=-1)


def test_every_committed_node_needs_a_name():
    keys = ["a", "b"]
    state = SignedState(tick_seconds=1, keys=keys)
    with pytest.raises(ValueError, match="an event has node 2; keys names 2 nodes"):
        state.commit([0], [2], [1.0], 0)
    keys.append("c")
    state.commit([0], [2], [1.0], 0)
    assert state.num_nodes == 3


def test_copies_are_independent():
    state = SignedState(tick_seconds=1.0, keys=["a", "b", "c"], ring=3)
    state.commit([0, 1], [1, 2], [0.5, -0.5], [0, 1])
    for other in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        other.commit([2], [0], [1.0], 5)
        assert (state.num_events, other.num_events) == (2, 3)
        assert (state.sealed_time, other.sealed_time) == (1, 5)
        assert other.neighbors([0]).peer[0].tolist() == [2, 1, 0]
