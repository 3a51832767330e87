import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signwise.events import EventStream
from signwise.graph import FEATURE_GROUPS, FEATURE_NAMES, pair_features, stream_features

from ..oracles import graph as oracle

EVENTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 12), st.sampled_from([-3, -2, -1, 1, 2, 3])),
    min_size=1,
    max_size=60,
)


def make(events, **options):
    source, target, time, rating = zip(*events, strict=True)
    return EventStream.from_columns(
        source=[f"n{i}" for i in source],
        target=[f"n{i}" for i in target],
        rating=rating,
        time=np.asarray(time) * 40_000.0,
        weight_max=3,
        **options,
    )


def random_stream(n, nodes, seed, times=None):
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, times or n, n))
    return make(
        list(
            zip(rng.integers(0, nodes, n), rng.integers(0, nodes, n), time, rng.choice([-2, -1, 1, 3], n), strict=True)
        )
    )


def test_names_and_groups_cover_the_34_columns():
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 34
    assert sorted(i for group in FEATURE_GROUPS.values() for i in group) == list(range(34))


@given(EVENTS)
def test_features_equal_the_formulas(events):
    stream = make(events)
    x = stream.normalized()
    expected, _ = oracle.replay(
        stream.source.tolist(), stream.target.tolist(), stream.time.tolist(), x.tolist(), stream.nodes, 1e-6
    )
    np.testing.assert_allclose(stream_features(stream), np.asarray(expected, np.float32), rtol=1e-5, atol=1e-6)


@given(EVENTS, st.randoms(use_true_random=False))
def test_order_within_a_tie_group_changes_nothing(events, random):
    shuffled = sorted(random.sample(events, len(events)), key=lambda e: e[2])
    rows = []
    for given_order in (sorted(events, key=lambda e: e[2]), shuffled):
        stream = make(given_order)
        features = stream_features(stream)
        rows.append(sorted((e, row.tobytes()) for e, row in zip(given_order, features, strict=True)))
    assert rows[0] == rows[1]


@given(EVENTS, st.integers(0, 12), st.randoms(use_true_random=False))
def test_no_feature_depends_on_an_event_at_or_after_its_own_time(events, cut, random):
    events = sorted(events, key=lambda e: e[2])
    changed = [
        e if e[2] < cut else (random.randrange(6), random.randrange(6), e[2], random.choice([-3, -1, 2]))
        for e in events
    ]
    before = sum(e[2] < cut for e in events)
    original, perturbed = make(events), make(changed)
    # Events before the cut see only the common past; so do the pairs that are asked at the cut.
    np.testing.assert_array_equal(stream_features(original)[:before], stream_features(perturbed)[:before])
    ask = [(a, b) for a in range(6) for b in range(6)]
    rows = []
    for stream in (original, perturbed):
        ids = {name: i for i, name in enumerate(stream.nodes)}
        source, target = (np.array([ids.get(f"n{pair[end]}", -1) for pair in ask]) for end in (0, 1))
        time = np.full(len(ask), int(cut * 40_000 * 1_000_000))
        rows.append(pair_features(stream, source, target, time))
    np.testing.assert_array_equal(*rows)


def test_relabelled_nodes_have_the_same_features_up_to_rounding():
    stream = random_stream(600, 30, seed=1, times=200)
    rng = np.random.default_rng(0)
    names = [f"r{i}" for i in rng.permutation(stream.num_nodes)]
    renamed = EventStream.from_columns(
        source=[names[i] for i in stream.source],
        target=[names[i] for i in stream.target],
        rating=stream.rating,
        time=stream.seconds,
        weight_max=3,
    )
    np.testing.assert_allclose(stream_features(renamed), stream_features(stream), rtol=1e-6, atol=1e-6)


def test_pair_features_of_the_events_themselves_equal_the_stream():
    stream = random_stream(300, 20, seed=2, times=100)
    rng = np.random.default_rng(3)
    order = rng.permutation(len(stream))
    asked = pair_features(stream, stream.source[order], stream.target[order], stream.time[order])
    np.testing.assert_array_equal(asked, stream_features(stream)[order])


def test_a_huge_rating_takes_no_sign_from_the_small_ones():
    stream = EventStream.from_columns(
        source=["a", "b", "x", "a", "a"],
        target=["b", "c", "y", "c", "d"],
        rating=[1e-200, 1e-200, 1e200, -1e-200, 1.0],
        time=[0, 1, 2, 3, 4],
        weight_max=1e200,
    )
    features = stream_features(stream)
    friend = FEATURE_NAMES.index("triad_out_in_n")
    assert features[3, friend : friend + 3].tolist() == [1.0, 0.0, 1.0]
    negative = FEATURE_NAMES.index("log1p_given_neg_rater")
    assert features[4, negative] == np.float32(np.log1p(1))


def test_unseen_nodes_have_an_empty_history():
    stream = random_stream(50, 8, seed=4)
    (row,) = pair_features(stream, np.array([-1]), np.array([-1]), stream.time[-1:] + 1)
    assert row[:8].tolist() == [0.0] * 8
    assert row[17] == row[18] == row[20] == row[21] == 0
    assert row[22:].tolist() == [0.0] * 12


def test_progress_counts_every_event():
    stream = random_stream(1000, 30, seed=5, times=400)
    seen = []
    stream_features(stream, on_events=seen.append)
    assert sum(seen) == 1000


def test_pairs_of_unequal_length_are_refused():
    stream = random_stream(20, 5, seed=7)
    with pytest.raises(ValueError, match="2 sources, 1 targets"):
        pair_features(stream, np.zeros(2, np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64))
