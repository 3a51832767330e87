"""Signed propagation: the vectors against their definition, what they know when, and the model that reads them."""

from dataclasses import replace

import numpy as np
import pytest

from signwise.data import simulate_signed_events
from signwise.events import EventStream, chronological_split
from signwise.graph import (
    LiveModel,
    MemoryOptions,
    Queries,
    SEMBAPlus,
    SignedSketch,
    TrainingOptions,
    load_model,
    save_model,
    sign_metrics,
    stream_features,
    stream_sketch,
)
from signwise.ortho import atom, hash_key

from ..oracles.streams import random_stream

DIM, RATE = 16, 0.6


def reference(stream, dim=DIM, rate=RATE):
    """The definition, one tie group after the other, with a dictionary of vectors by name."""
    vectors, seen, out = {}, set(), np.zeros(len(stream))
    of = lambda name: vectors.setdefault(name, atom(hash_key(name), dim) / np.sqrt(dim))  # noqa: E731
    names = [stream.nodes[i] for i in stream.source], [stream.nodes[i] for i in stream.target]
    for time in np.unique(stream.time):
        group = np.flatnonzero(stream.time == time)
        for i in group:
            u, v = names[0][i], names[1][i]
            out[i] = of(u) @ of(v) if {u, v} <= seen else 0.0
        pull = {}
        for i in group:
            u, v = names[0][i], names[1][i]
            seen |= {u, v}
            if u != v:
                pull[u] = pull.get(u, 0) + stream.sign[i] * of(v)
                pull[v] = pull.get(v, 0) + stream.sign[i] * of(u)
        moved = {name: of(name) + rate * told for name, told in pull.items()}
        vectors |= {name: p / np.linalg.norm(p) for name, p in moved.items() if np.linalg.norm(p) > 1e-6}
    return out


def loops(stream):
    target = stream.target.copy()
    target[::17] = stream.source[::17]
    return replace(stream, target=target)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_the_definition_says(seed):
    stream = loops(random_stream(200, 15, seed=seed))
    assert len(np.unique(stream.time)) < len(stream)
    found, none = stream_sketch(stream, dim=DIM, rate=RATE)
    np.testing.assert_allclose(found[:, 0], reference(stream), atol=1e-5)
    assert none.shape == (0, 1)


def test_events_of_one_time_or_later_do_not_reach_a_feature():
    stream = simulate_signed_events(400, 60, seed=0, tie_seconds=300_000).stream
    asked = Queries(source=stream.target, target=stream.source, time=stream.time, event=np.arange(len(stream)))
    late = 200 + int(np.argmax(np.diff(stream.time[200:]) == 0))
    late = int(np.searchsorted(stream.time, stream.time[late]))
    assert stream.time[late + 1] == stream.time[late]
    sign = np.where(np.arange(len(stream)) >= late, -stream.sign, stream.sign)
    first, told = stream_sketch(stream, dim=DIM, queries=asked)
    second, retold = stream_sketch(replace(stream, sign=sign), dim=DIM, queries=asked)
    group = stream.time <= stream.time[late]
    np.testing.assert_array_equal(first[group], second[group])
    np.testing.assert_array_equal(told[group], retold[group])
    np.testing.assert_array_equal(told, first)
    assert not np.array_equal(first, second)


def test_neither_the_order_of_a_tie_group_nor_the_numbers_of_nodes_matter():
    stream = simulate_signed_events(400, 60, seed=0, tie_seconds=300_000).stream
    rng = np.random.default_rng(0)
    order = np.lexsort((rng.random(len(stream)), stream.time))
    number = rng.permutation(stream.num_nodes)
    names = np.empty(stream.num_nodes, object)
    names[number] = stream.nodes
    moved = replace(
        stream.select(order),
        source=number[stream.source[order]], target=number[stream.target[order]], nodes=tuple(names.tolist()),
    )  # fmt: skip
    found, again = stream_sketch(stream, dim=DIM)[0], stream_sketch(moved, dim=DIM)[0]
    np.testing.assert_array_equal(again, found[order])


def test_paths_of_any_length_are_felt():
    planted = simulate_signed_events(8_000, 1000, scenario="factions", seed=0)
    stream, test = planted.stream, chronological_split(planted.stream).test
    found = stream_sketch(stream, dim=64)[0][:, 0]
    auc = sign_metrics(stream.sign[test], (1 + found[test]) / 2, 0.5).auc
    triads = stream_features(stream)[:, [24, 27, 30, 33]].sum(1)
    two_steps = sign_metrics(stream.sign[test], 1 / (1 + np.exp(-triads[test])), 0.5).auc
    assert auc > 0.8 > 0.65 > two_steps
    assert auc <= planted.oracle_auc_test + 0.02


@pytest.fixture(scope="module")
def stream():
    return simulate_signed_events(300, 45, seed=1, tie_seconds=40_000).stream


@pytest.fixture(scope="module")
def fitted(stream):
    model = SEMBAPlus("sign", options=MemoryOptions(sketch=DIM), training=TrainingOptions(epochs=1), seed=2)
    return model.fit(stream, chronological_split(stream))


def test_a_live_model_says_what_a_pass_says(fitted, stream):
    after = int(stream.time[-1]) + 5
    pairs = np.arange(12), np.arange(12)[::-1].copy()
    queries = Queries(source=pairs[0], target=pairs[1], time=np.full(12, after), event=np.full(12, -1))
    passed = fitted.scores(stream, queries=queries).queries[:, 0]
    live = LiveModel(load_model_copy(fitted))
    live.ingest(stream)
    live.advance(int(stream.time[-1]))
    names = [[stream.nodes[i] for i in ids] for ids in pairs]
    found = [score.logit for score in live.scores(*names, after)]
    np.testing.assert_allclose(found, passed, atol=1e-5)
    told = live.explain(names[0][1], names[1][1], after)
    assert "sketch" in told.terms
    assert sum(told.terms.values()) == pytest.approx(found[1], abs=1e-5)
    stranger = live.explain("a stranger", names[1][1], after).terms
    assert np.isfinite(list(stranger.values())).all()


def load_model_copy(model):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return load_model(save_model(f"{folder}/model", model))


def test_the_state_is_stored_and_forgotten(fitted, stream, tmp_path):
    start = int(np.searchsorted(stream.time, stream.time[150]))
    half, rest = stream.select(slice(0, start)), stream.select(slice(start, None))
    followed = load_model_copy(fitted).follow(half)
    stored = load_model(save_model(tmp_path / "half", followed))
    for model in (followed, stored):
        model.commit(rest)
    after = int(stream.time[-1]) + 1
    first, second = (model([0, 1], [2, 3], after).detach().numpy() for model in (followed, stored))
    np.testing.assert_array_equal(first, second)
    stored.reset_stream()
    assert len(stored._sketch.vectors) == 0
    stored.commit(stream)
    np.testing.assert_allclose(stored([0, 1], [2, 3], after).detach().numpy(), first, atol=1e-5)


def test_it_is_off_unless_asked_for():
    assert "sketch" not in SEMBAPlus("sign").decoder.groups
    assert SEMBAPlus("sign")._sketch is None


def test_a_tie_group_that_cancels_out_leaves_a_vector():
    # Two opposite ratings between the same two at once: nothing moves.
    stream = EventStream.from_columns(source="aba", target="bab", rating=[1, -1, 1], time=[0, 0, 1], weight_max=1)
    assert np.isfinite(stream_sketch(stream, dim=DIM)[0]).all()


@pytest.mark.parametrize(
    ("dim", "rate", "message"), [(0, 0.5, "dim is 0"), (8, 0.0, "rate is 0"), (8, 1.0, "rate is 1")]
)
def test_wrong_settings_are_refused(dim, rate, message):
    with pytest.raises(ValueError, match=message):
        SignedSketch(dim, rate)
    if dim:
        with pytest.raises(ValueError, match=message):
            MemoryOptions(sketch=dim, sketch_rate=rate)
