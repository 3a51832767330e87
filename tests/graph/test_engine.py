"""The engine in its two forms, native and Python, against each other and against the slow reference."""

import copy
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise import _native
from signwise.events import EventStream
from signwise.graph import Queries, SignedState, replay_stream
from signwise.graph._state import tie_order

from ..oracles import graph as oracle

native = pytest.mark.skipif(_native.core() is None, reason="the extension is not built")
FORMS = [pytest.param("native", marks=native), "python"]
ARRAYS = ("peer", "time", "x", "role", "mask", "event")


@pytest.fixture(params=FORMS)
def form(request):
    if request.param == "native":
        yield request.param
    else:
        with _native.use_fallback():
            yield request.param


def python_form(call):
    with _native.use_fallback():
        return call()


def columns(n, nodes, times, seed, *, hubs=0.0, repeats=0.0):
    """Random events in order of time: ties, self loops, repeated pairs and, for a share of them, node 0 at one end."""
    rng = np.random.default_rng(seed)
    source, target = rng.integers(0, nodes, (2, n))
    for end in (source, target):
        end[rng.uniform(size=n) < hubs / 2] = 0
    again = np.flatnonzero(rng.uniform(size=n) < repeats)
    earlier = (again * rng.uniform(size=len(again))).astype(int)
    source[again], target[again] = source[earlier], target[earlier]
    time = np.sort(rng.integers(-times // 2, times // 2 + 1, n))
    x = rng.choice([-1.0, -0.3, 0.1, 0.7, 1.0, -0.0, 1e-200], n)
    return source, target, x, time


def stream_of(events, *, tick_seconds=3600.0):
    source, target, x, time = events
    nodes = int(max(source.max(), target.max())) + 1
    return EventStream(
        source=source,
        target=target,
        time=time,
        sign=np.where(np.signbit(x), -1, 1),
        weight=np.maximum(np.abs(x), 1e-200),
        nodes=tuple(f"n{i * 7919 % 1_000_003}" for i in range(nodes)),
        tick_seconds=tick_seconds,
        weight_max=1.0,
    )


def queries_of(stream, q, seed):
    rng = np.random.default_rng(seed)
    time = np.sort(np.concatenate([rng.choice(stream.time, q // 2), rng.integers(-200, 200, q - q // 2)]))
    source, target = rng.integers(-1, stream.num_nodes + 2, (2, q))
    return Queries(source=source, target=target, time=time, event=np.zeros(q, np.int64))


def assert_equal_neighbors(a, b):
    for name in ARRAYS:
        left, right = getattr(a, name), getattr(b, name)
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right, err_msg=name)


def assert_equal_exports(a, b):
    a, b = a.export(), b.export()
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        assert a[name].tobytes() == b[name].tobytes(), name


def assert_equal_replays(a, b):
    np.testing.assert_array_equal(a.features, b.features)
    np.testing.assert_array_equal(a.query_features, b.query_features)
    assert_equal_neighbors(a.neighbors, b.neighbors)
    assert_equal_neighbors(a.query_neighbors, b.query_neighbors)
    assert_equal_exports(a.state, b.state)


SHAPES = {
    "ties": dict(n=700, nodes=25, times=60),
    "repeats": dict(n=900, nodes=60, times=300, repeats=0.6),
    "one group": dict(n=120, nodes=12, times=0),
    "hubs": dict(n=4000, nodes=1500, times=8000, hubs=0.9, repeats=0.2),
    "two busy nodes": dict(n=4000, nodes=2500, times=5000, hubs=1.4),
}


@native
@pytest.mark.parametrize("shape", SHAPES)
def test_both_forms_are_bit_equal(shape):
    stream = stream_of(columns(**SHAPES[shape], seed=1))
    queries = queries_of(stream, 300, seed=2)
    fast = replay_stream(stream, queries=queries, ring=4)
    assert_equal_replays(fast, python_form(lambda: replay_stream(stream, queries=queries, ring=4)))


@pytest.mark.parametrize("shape", ["ties", "repeats", "one group"])
def test_the_engine_equals_the_slow_reference(form, shape):
    settings_of_shape = SHAPES[shape] | {"n": 120}
    stream = stream_of(columns(**settings_of_shape, seed=3))
    queries = queries_of(stream, 60, seed=4)
    seen = replay_stream(stream, queries=queries, ring=3)
    x = stream.normalized().tolist()
    rows, past = oracle.replay(
        stream.source.tolist(), stream.target.tolist(), stream.time.tolist(), x, stream.nodes, stream.tick_seconds
    )
    expected = np.asarray(rows)
    counts = [*range(8), 18, *(22 + 3 * i for i in range(4)), *(24 + 3 * i for i in range(4))]
    np.testing.assert_array_equal(seen.features[:, counts], expected[:, counts].astype(np.float32))
    np.testing.assert_allclose(seen.features, expected, rtol=1e-6, atol=1e-6)
    asked = list(zip(queries.source.tolist(), queries.target.tolist(), queries.time.tolist(), strict=True))
    expected = [oracle.features_at(past, *ask, stream.tick_seconds) for ask in asked]
    np.testing.assert_allclose(seen.query_features, expected, rtol=1e-6, atol=1e-6)
    events = list(zip(stream.source.tolist(), stream.target.tolist(), stream.time.tolist(), strict=True))
    for neighbors, pairs in ((seen.neighbors, events), (seen.query_neighbors, asked)):
        for i, (u, v, t) in enumerate(pairs):
            for end, node in enumerate((u, v)):
                newest = oracle.newest_events(past, node, t, 3)
                found = [tuple(getattr(neighbors, name)[i, end].tolist()) for name in ("peer", "time", "role", "event")]
                assert list(zip(*found, strict=True))[: len(newest)] == [(p, s, r, e) for p, s, _, r, e in newest]
                np.testing.assert_array_equal(neighbors.x[i, end, : len(newest)], np.float32([e[2] for e in newest]))
                assert neighbors.mask[i, end].tolist() == [k < len(newest) for k in range(3)]


EVENTS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(-4, 4), st.sampled_from([-1.0, -0.25, 0.5, 1.0])),
    min_size=1,
    max_size=50,
)


def sorted_columns(events):
    source, target, time, x = (np.asarray(c) for c in zip(*sorted(events, key=lambda e: e[2]), strict=True))
    return source, target, x.astype(float), time


@native
@given(EVENTS)
def test_both_forms_are_bit_equal_on_any_events(events):
    stream = stream_of(sorted_columns(events))
    queries = queries_of(stream, 20, seed=0)
    fast = replay_stream(stream, queries=queries, ring=2)
    assert_equal_replays(fast, python_form(lambda: replay_stream(stream, queries=queries, ring=2)))


@given(EVENTS, st.data())
@settings(max_examples=50)
def test_a_permuted_tie_group_leaves_the_same_state(events, data):
    source, target, x, time = sorted_columns(events)
    order = np.asarray(data.draw(st.permutations(range(len(events)))))
    order = order[np.argsort(time[order], kind="stable")]
    keys = [f"k{-i}" for i in range(7)]
    states = []
    for chosen in (np.arange(len(events)), order):
        state = SignedState(tick_seconds=60.0, keys=keys, ring=3)
        state.commit(source[chosen], target[chosen], x[chosen], time[chosen])
        states.append(state.export())
    for name in states[0]:
        if name != "ring_event":
            assert states[0][name].tobytes() == states[1][name].tobytes(), name


def test_signed_zeros_in_a_tie_group_have_one_order(form):
    states = []
    for x in ([0.0, -0.0], [-0.0, 0.0]):
        state = SignedState(tick_seconds=1.0)
        state.commit([0, 0], [1, 1], x, [0, 0])
        states.append(np.signbit(state.export()["edge_x"]).tolist())
    assert states[0] == states[1]


@pytest.mark.parametrize("shape", ["ties", "repeats", "hubs"])
def test_snapshot_restore_and_replay_is_bit_exact_at_any_cut(form, shape):
    options = SHAPES[shape] if form == "native" else SHAPES[shape] | {"n": 500}
    source, target, x, time = columns(**options, seed=5)
    starts = np.flatnonzero(np.diff(time, prepend=time[0] - 1))
    keys = [str(i * 31 % 1009) + f"/{i}" for i in range(options["nodes"])]
    rng = np.random.default_rng(6)
    cuts = [0, *sorted(rng.choice(starts, 5)), len(time)]
    whole = SignedState(tick_seconds=1.0, keys=keys, ring=5)
    stored = [whole.export()]
    for begin, end in pairwise(cuts):
        part = slice(begin, end)
        whole.commit(source[part], target[part], x[part], time[part])
        stored.append(whole.export())
    ask, now = rng.integers(-1, options["nodes"] + 1, (2, 200)), int(time[-1]) + 7
    expected = whole.features(*ask, now)
    for cut, arrays in zip(cuts, stored, strict=True):
        again = SignedState.from_export({name: array.copy() for name, array in arrays.items()}, keys=keys)
        assert again.num_events == cut
        again.commit(source[cut:], target[cut:], x[cut:], time[cut:])
        assert_equal_exports(again, whole)
        np.testing.assert_array_equal(again.features(*ask, now), expected)
        assert_equal_neighbors(again.neighbors(ask[0]), whole.neighbors(ask[0]))


@native
def test_a_state_moves_between_the_forms():
    source, target, x, time = columns(**SHAPES["ties"], seed=7)
    fast = SignedState(tick_seconds=1.0, ring=3)
    fast.commit(source[:400], target[:400], x[:400], time[:400])
    at = int(time[399])
    rest = slice(int(np.searchsorted(time, at, side="right")), None)
    slow = python_form(lambda: SignedState.from_export(fast.export()))
    assert_equal_exports(fast, slow)
    for state in (fast, slow):
        state.commit(source[rest], target[rest], x[rest], time[rest])
    assert_equal_exports(fast, slow)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sums": None}, "sums is nothing"),
        ({"ring": None}, "ring missing"),
        ({"counts": np.zeros((3, 4), np.int32)}, r"counts is int32 \(3, 4\); expected int64 \(3, 4\)"),
        ({"edge_x": np.zeros(5)}, r"edge_source is int32 \(2,\); expected int32 \(5,\)"),
        ({"edge_target": np.array([1, 3], np.int32)}, "an end outside the 3 nodes"),
        ({"edge_source": np.array([1, 0], np.int32)}, "not distinct pairs of two nodes, sorted"),
        ({"edge_target": np.array([0, 2], np.int32)}, "not distinct pairs of two nodes, sorted"),
        ({"ring_event": np.full((3, 2), -1)}, "do not agree with the counts"),
        ({"ring_peer": np.full((3, 2), 3)}, "do not agree with the counts"),
    ],
)
def test_a_damaged_snapshot_is_refused(form, change, message):
    state = SignedState(tick_seconds=1.0, ring=2)
    state.commit([0, 1], [1, 2], [0.5, -1.0], [0, 1])
    arrays = {name: a for name, a in (state.export() | change).items() if a is not None}
    with pytest.raises(ValueError, match=message):
        SignedState.from_export(arrays)


def test_commits_one_by_one_and_at_once_are_equal(form):
    source, target, x, time = columns(400, 30, 5000, seed=8)
    once, singly = SignedState(tick_seconds=2.0), SignedState(tick_seconds=2.0)
    once.commit(source, target, x, time)
    for t in np.unique(time):
        group = time == t
        singly.commit(source[group], target[group], x[group], int(t))
    assert_equal_exports(once, singly)


def test_nodes_come_as_their_ids_come(form):
    state = SignedState(tick_seconds=1.0, ring=2)
    assert state.features([0, 5], [1, 5], 0)[:, 22:].any() == np.False_
    for t, node in enumerate((1, 40, 3, 70_000)):
        state.commit([0], [node], [1.0], t)
        assert state.num_nodes == max(2, node + 1, state.num_nodes)
    assert state.num_nodes == 70_001
    assert state.features([0], [70_000], 9)[0, 0] == np.float32(math.log1p(4))
    assert state.neighbors([70_000, 70_001, -1, 0]).mask.tolist() == [
        [True, False],
        [False, False],
        [False, False],
        [True, True],
    ]


def test_times_may_be_as_far_apart_as_ticks_go(form):
    lowest, highest = -(2**63), 2**63 - 1
    state = SignedState(tick_seconds=1e-6)
    state.commit([0], [1], [1.0], lowest)
    assert state.sealed_time == lowest
    lag = math.log1p((highest - lowest) * 1e-6 / 86_400)
    assert state.features([0], [1], highest)[0, 20:22].tolist() == [np.float32(lag)] * 2
    state.commit([1], [0], [1.0], highest)
    assert state.neighbors([0]).time[0, :2].tolist() == [highest, lowest]


@native
def test_lags_of_every_size_round_as_log1p_does():
    """From a millionth of a second to the longest that ticks can tell, the next floats and around them included."""
    rng = np.random.default_rng(13)
    lags = np.unique(np.concatenate([2.0 ** rng.uniform(0, 63, 20_000), np.arange(2000.0), [86_400e6 / 2**7]]))
    for tick_seconds in (1e-6, 1.0, 1e12):
        state = SignedState(tick_seconds=tick_seconds)
        state.commit([0], [1], [1.0], -1)
        time = lags.astype(np.int64)
        seen = state.features(np.zeros(len(time), int), np.ones(len(time), int), time)[:, 20:22]
        expected = [np.float32(math.log1p(t * tick_seconds / 86_400.0)) for t in (time.astype(object) + 1)]
        np.testing.assert_array_equal(seen[:, 0], expected)
        np.testing.assert_array_equal(seen[:, 1], expected)


@native
def test_streaming_onto_a_state_equals_committing():
    """The room that a stream asks for beforehand, on top of lists that are there, changes nothing."""
    source, target, x, time = columns(**SHAPES["hubs"], seed=14)
    cut = int(np.searchsorted(time, time[1000]))
    states = []
    for streamed in (False, True):
        state = SignedState(tick_seconds=1.0, ring=3)
        state.commit(source[:cut], target[:cut], x[:cut], time[:cut])
        if streamed:
            number = np.arange(len(time) - cut)
            order = tie_order(source[cut:], target[cut:], x[cut:], time[cut:], None)
            rest = tuple(np.ascontiguousarray(c[cut:][order]) for c in (source, target, x, time))
            none = (np.zeros(0, np.int64),) * 3
            state._engine.stream(rest, number[order], none, want_features=True, want_neighbors=False)
        else:
            state.commit(source[cut:], target[cut:], x[cut:], time[cut:])
        states.append({name: a for name, a in state.export().items() if name != "sealed_time"})
    for name in states[0]:
        assert states[0][name].tobytes() == states[1][name].tobytes(), name


def test_an_event_with_oneself_counts_in_both_roles_and_has_no_triad(form):
    state = SignedState(tick_seconds=1.0, ring=3)
    state.commit([0, 0], [0, 1], [0.5, 1.0], [0, 1])
    seen = state.neighbors([0])
    assert (seen.peer[0].tolist(), seen.role[0].tolist(), seen.event[0].tolist()) == ([1, 0, 0], [1, -1, 1], [1, 0, 0])
    row = state.features([0], [0], 5)[0]
    assert row[[0, 2, 17, 18]].tolist() == [np.float32(math.log1p(2)), np.float32(math.log1p(1)), 0, 0]
    assert not row[22:].any()


def test_a_query_at_the_time_of_an_event_does_not_see_it(form):
    stream = stream_of((np.array([0, 1]), np.array([1, 0]), np.array([1.0, -1.0]), np.array([0, 10])))
    time = np.array([0, 1, 10, 11])
    queries = Queries(source=np.zeros(4), target=np.ones(4), time=time, event=np.zeros(4))
    seen = replay_stream(stream, queries=queries, ring=1)
    assert np.expm1(seen.query_features[:, 0]).round().tolist() == [0, 1, 1, 1]
    assert seen.query_features[:, 17].tolist() == [0, 0, 0, -1]
    assert seen.query_neighbors.event[:, 0, 0].tolist() == [-1, 0, 0, 1]


def test_reading_changes_nothing(form):
    source, target, x, time = columns(300, 20, 80, seed=9)
    state = SignedState(tick_seconds=1.0, ring=3)
    state.commit(source, target, x, time)
    before = copy.deepcopy(state)
    ask = np.repeat(np.arange(-1, 22), 23), np.tile(np.arange(-1, 22), 23)
    first = state.features(*ask, int(time[-1]) + 5)
    state.neighbors(ask[0])
    np.testing.assert_array_equal(state.features(*ask, int(time[-1]) + 5), first)
    assert_equal_exports(state, before)


def test_sums_over_common_peers_are_exact(form):
    # 2**-30 drowns beside 1 in float32 and survives the cancellation of the ones in exact sums only.
    values = np.array([1.0, 2.0**-30, -1.0] * 40)
    rng = np.random.default_rng(10)
    peers = 2 + rng.permutation(len(values))
    state = SignedState(tick_seconds=1.0)
    state.commit(np.zeros(len(values), int), peers, values, np.arange(len(values)))
    state.commit(peers, np.ones(len(values), int), np.ones(len(values)), 1000 + np.arange(len(values)))
    assert state.features([0], [1], 5000)[0, 22:25].tolist() == [120.0, 40 * 2.0**-30, 40.0]


@native
def test_triads_walk_the_smaller_neighbourhood():
    """A pair of degrees a <= b compares at most a * (2 + log2(b)) entries for each of the two runs of b."""
    hub, n = 0, 5000
    state = SignedState(tick_seconds=1.0, ring=0)
    state.commit(np.zeros(n, int), np.arange(1, n + 1), np.ones(n), np.arange(n))
    state.commit(np.full(3, n + 1), [1, 7, 4000], np.ones(3), n + np.arange(3))
    engine = state._engine
    for pair in ((hub, n + 1), (n + 1, hub)):
        before = engine.triad_reads
        count = state.features([pair[0]], [pair[1]], 10 * n)[0, 25]
        assert count == 3
        assert 0 < engine.triad_reads - before <= 2 * 3 * (2 + math.ceil(math.log2(n)))


@native
def test_work_is_linear_in_the_events_at_bounded_degree():
    """Every node rates 10 others and is rated by 10: no list has more than 20 peers, however long the stream."""
    reads = []
    for nodes in (500, 5000):
        rng = np.random.default_rng(12)
        source = np.repeat(np.arange(nodes), 10)
        target = (source + np.tile(np.arange(1, 11), nodes)) % nodes
        order = rng.permutation(10 * nodes)
        stream = stream_of((source[order], target[order], np.ones(10 * nodes), np.arange(10 * nodes)))
        reads.append(replay_stream(stream).state._engine.triad_reads / len(stream))
    assert reads[1] == pytest.approx(reads[0], rel=0.02)


@native
def test_a_state_takes_no_more_than_the_stated_memory():
    """At most 32 bytes an edge and 24 for each entry of a ring, beside a fixed part of each node."""
    rng = np.random.default_rng(11)
    n, nodes, ring = 200_000, 2000, 10
    source, target = rng.integers(0, nodes, (2, n))
    state = SignedState(tick_seconds=1.0, ring=ring)
    state.commit(source, target, np.ones(n), np.arange(n))
    edges = len(state.export()["edge_x"])
    assert state.nbytes <= 32 * edges + nodes * (24 * ring + 128) + 4096


def test_memory_and_work_are_counted_by_the_extension_only():
    state = python_form(lambda: SignedState(tick_seconds=1.0))
    assert state.nbytes is None
