import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.data import simulate_signed_events
from signwise.events import EventStream
from signwise.graph import draw_negatives

EVENTS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(0, 9)), min_size=1, max_size=40)


def make(events):
    source, target, time = zip(*events, strict=True)
    return EventStream.from_columns(
        source=source, target=target, rating=np.ones(len(events)), time=np.asarray(time) * 10.0, weight_max=1
    )


@given(EVENTS, st.integers(1, 4), st.integers(0, 5), st.booleans())
def test_every_pair_could_have_been_rated_and_was_not(events, per_event, seed, historical):
    stream = make(events)
    rows = list(zip(stream.source.tolist(), stream.target.tolist(), stream.time.tolist(), strict=True))
    found = draw_negatives(stream, per_event=per_event, historical=historical, seed=seed)
    repeats = len({row[:2] for row in rows}) < len(rows)
    for u, v, t, e in zip(found.source, found.target, found.time, found.event, strict=True):
        assert (rows[e][0], rows[e][2]) == (u, t)
        assert v != u
        assert (u, v, t) not in rows
        earlier = any(row[:2] == (u, v) and row[2] < t for row in rows)
        assert not earlier or (historical and repeats)
        assert any(row[2] <= t and v in row[:2] for row in rows)
    # Whoever has a candidate gets all; whoever has none gets none.
    count = np.bincount(found.event, minlength=len(stream))
    for e, (u, _, t) in enumerate(rows):
        seen = {n for row in rows if row[2] <= t for n in row[:2]}
        taken = {row[1] for row in rows if row[0] == u and row[2] <= t}
        if seen - taken - {u}:
            assert count[e] == per_event
        elif not (historical and repeats):
            assert count[e] == 0


def test_half_comes_from_the_rated_and_half_from_the_seen():
    # 20 rated nodes, 60 more that only gave ratings; one rater asks about everyone.
    events = [(100 + i, i % 20, i) for i in range(60)] + [(500, 600, 1000)] * 1
    stream = make(events)
    ask = np.zeros(len(stream), bool)
    ask[-1] = True
    found = draw_negatives(stream, per_event=4000, events=ask, seed=3)
    assert set(found.event.tolist()) == {60}
    rated = np.isin(found.target, np.unique(stream.target[:60]))
    # half, and of the other half the 20 of the 80 others that are seen
    assert rated.mean() == pytest.approx(0.5 + 0.5 * 20 / 80, abs=0.03)
    share = np.bincount(found.target[rated], minlength=stream.num_nodes)[np.unique(stream.target[:60])] / len(found)
    assert share == pytest.approx(np.full(20, rated.mean() / 20), abs=0.012)


def test_repeated_pairs_are_drawn_as_often_as_events_repeat():
    rng = np.random.default_rng(0)
    events = [(int(rng.integers(8)), 10 + int(rng.integers(40)), t) for t in range(2000)]
    stream = make(events)
    late = np.arange(len(stream)) >= 1000
    found = draw_negatives(stream, events=late, seed=1)
    first = {}
    for i, pair in enumerate(zip(stream.source.tolist(), stream.target.tolist(), strict=True)):
        first.setdefault(pair, i)
    known = [
        first.get(pair, len(stream)) < e
        for *pair, e in map(tuple, np.stack([found.source, found.target, found.event], 1).tolist())
        for pair in [tuple(pair)]
    ]
    repeated = [
        first[pair] < i for i, pair in enumerate(zip(stream.source.tolist(), stream.target.tolist(), strict=True))
    ]
    shares = [np.mean(repeated[:i]) for i in range(1000, 2000)]
    assert np.mean(known) == pytest.approx(np.mean(shares), abs=0.04)


def test_draws_depend_on_the_past_and_the_seed_alone():
    stream = simulate_signed_events(600, 60, tie_seconds=86_400.0 * 3, seed=0).stream
    whole = draw_negatives(stream, per_event=2, seed=5)
    prefix = stream.select(stream.time <= stream.time[300])
    part = draw_negatives(prefix, per_event=2, seed=5)
    kept = whole.event < len(prefix)
    np.testing.assert_array_equal(part.target, whole.target[kept])
    assert (draw_negatives(stream, per_event=2, seed=6).target != whole.target).mean() > 0.5
    # Simultaneous events in another order, and other numbers for the nodes, change nothing.
    order = np.lexsort((np.random.default_rng(1).random(len(stream)), stream.time))
    number = np.random.default_rng(2).permutation(stream.num_nodes)
    names = np.empty(stream.num_nodes, object)
    names[number] = stream.nodes
    other = EventStream(
        source=number[stream.source[order]], target=number[stream.target[order]], time=stream.time[order],
        sign=stream.sign[order], weight=stream.weight[order], nodes=tuple(names), weight_max=stream.weight_max,
    )  # fmt: skip
    again = draw_negatives(other, per_event=2, seed=5)
    one = sorted(zip(whole.event.tolist(), [stream.nodes[v] for v in whole.target], strict=True))
    two = sorted(zip(order[again.event].tolist(), [other.nodes[v] for v in again.target], strict=True))
    assert one == two


def test_wrong_arguments_say_what_is_expected():
    stream = make([(0, 1, 0), (1, 2, 1)])
    with pytest.raises(ValueError, match="at least 1"):
        draw_negatives(stream, per_event=0)
    with pytest.raises(ValueError, match="one entry for each event"):
        draw_negatives(stream, events=np.ones(3, bool))
    with pytest.raises(ValueError, match="seed"):
        draw_negatives(stream, seed=-1)
