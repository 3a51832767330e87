"""Explanations: parts that add up, and triads that are worth what is said of them."""

import itertools
import math

import numpy as np
import pytest
import torch

from signwise.data import simulate_signed_events
from signwise.events import EventStream, chronological_split
from signwise.graph import FEATURE_GROUPS, SEMBA, LiveModel, MemoryOptions, SEMBAPlus, TrainingOptions
from signwise.graph._committed import CommittedEvents

COLUMNS = list(FEATURE_GROUPS["triads"])


@pytest.fixture(scope="module")
def stream():
    return simulate_signed_events(400, 45, seed=3).stream


@pytest.fixture(scope="module")
def model(stream):
    fitted = SEMBAPlus("sign", training=TrainingOptions(epochs=1)).fit(stream, chronological_split(stream))
    # Few triads were seen in a short training, so give them weight.
    with torch.no_grad():
        fitted.decoder.linear.weight[0, COLUMNS] = torch.randn(12, generator=torch.Generator().manual_seed(0))
    return fitted


def follow(model, stream):
    live = LiveModel(model)
    live.ingest(stream)
    live.advance(int(stream.time[-1]))
    return live


def test_parts_add_up_to_the_log_odds(model, stream):
    live, t = follow(model, stream), int(stream.time[-1]) + 7
    for u, v in itertools.product(stream.nodes[:5], [*stream.nodes[5:9], "a stranger"]):
        told = live.explain(u, v, t)
        assert told.logit == pytest.approx(live.score(u, v, t).logit, abs=1e-5)
        assert math.fsum(told.terms.values()) == pytest.approx(told.logit, abs=1e-9)
        shares = math.fsum(triad.contribution for triad in told.triads)
        assert shares + told.triad_remainder == pytest.approx(told.terms["triads"], abs=1e-9)


def test_triads_are_those_of_the_stream(model, stream):
    live, t = follow(model, stream), int(stream.time[-1]) + 7
    edge = {}
    for u, v, x, at in zip(stream.source, stream.target, stream.rating, stream.time, strict=True):
        edge[stream.nodes[u], stream.nodes[v]] = (float(x), int(at))
    for u, v in itertools.permutations(stream.nodes[:6], 2):
        told = live.explain(u, v, t)
        expected = {
            (z, shape): (edge[first], edge[second])
            for z in stream.nodes
            for shape, first, second in (
                ("out_in", (u, z), (z, v)),
                ("out_out", (u, z), (v, z)),
                ("in_in", (z, u), (z, v)),
                ("in_out", (z, u), (v, z)),
            )
            if z not in (u, v) and first in edge and second in edge
        }
        assert {(triad.peer, triad.shape) for triad in told.triads} == set(expected)
        for triad in told.triads:
            first, second = expected[triad.peer, triad.shape]
            assert triad.values == pytest.approx((first[0], second[0]))
            assert triad.times == (first[1], second[1])
            assert edge[triad.edges[0]] == first
            assert edge[triad.edges[1]] == second


def test_without_the_top_edge_the_triad_term_loses_its_share(model, stream):
    live, t = follow(model, stream), int(stream.time[-1]) + 7
    tried = 0
    for u, v in itertools.permutations(stream.nodes[:9], 2):
        told = live.explain(u, v, t)
        if not told.triads or told.clipped:
            continue
        top, share = next(iter(told.edges.items()))
        gone = [
            i
            for i, (a, b) in enumerate(zip(stream.source, stream.target, strict=True))
            if (stream.nodes[a], stream.nodes[b]) != top
        ]
        without = follow(model, stream.select(np.array(gone))).explain(u, v, t)
        if without.clipped:
            continue
        assert told.terms["triads"] - without.terms["triads"] == pytest.approx(share, abs=1e-5)
        tried += 1
        live = follow(model, stream)
        if tried == 3:
            break
    assert tried == 3


@pytest.mark.parametrize(
    ("ratings", "balance", "status"),
    [
        ({("u", "z"): 1, ("z", "v"): 1}, "positive", "positive"),
        ({("u", "z"): -1, ("z", "v"): -1}, "positive", "negative"),
        ({("u", "z"): 1, ("z", "v"): -1}, "negative", "none"),
        ({("u", "z"): 1, ("v", "z"): -1}, "negative", "positive"),
        ({("u", "z"): 1, ("v", "z"): 1}, "positive", "none"),
        ({("z", "u"): -1, ("z", "v"): 1}, "negative", "positive"),
        ({("z", "u"): 1, ("v", "z"): 1}, "positive", "negative"),
    ],
)
def test_balance_and_status(model, ratings, balance, status):
    names = list(ratings)
    events = EventStream.from_columns(
        source=[u for u, _ in names], target=[v for _, v in names], rating=list(ratings.values()), time=[1.0, 2.0]
    )
    (triad,) = follow(model, events).explain("u", "v", 10_000_000).triads
    assert (triad.balance, triad.status) == (balance, status)


def test_a_clipped_feature_is_named(model):
    peers = [f"z{i}" for i in range(200)]
    events = EventStream.from_columns(
        source=["u"] * 200 + peers, target=peers + ["v"] * 200, rating=[1.0] * 400, time=np.arange(400.0)
    )
    told = follow(model, events).explain("u", "v", 10**10)
    assert "triad_out_in_n" in told.clipped
    assert len(told.triads) == 200


def test_attention_adds_up_and_is_of_the_newest_events(model, stream):
    live, t = follow(model, stream), int(stream.time[-1]) + 7
    told = live.explain(stream.nodes[0], stream.nodes[1], t)
    for end in ("rater", "ratee"):
        mine = [event for event in told.events if event.end == end]
        assert 0 < len(mine) <= model.options.neighbors
        assert math.fsum(event.attention for event in mine) == pytest.approx(1.0, abs=1e-5)
        node = stream.nodes.index(stream.nodes[0] if end == "rater" else stream.nodes[1])
        own = (stream.source == node) | (stream.target == node)
        assert max(event.time for event in mine) == int(stream.time[own][-1])


def test_models_without_parts_refuse(stream):
    linear = SEMBA("sign", training=TrainingOptions(epochs=1)).fit(stream, chronological_split(stream))
    with pytest.raises(TypeError, match="SEMBA for the task 'sign' has no additive parts; explain SEMBAPlus"):
        follow(linear, stream).explain("a", "b", int(stream.time[-1]) + 1)


@pytest.mark.parametrize("decoder", ["memory", "features"])
def test_every_hybrid_decoder_is_explained(stream, decoder):
    options = MemoryOptions(decoder=decoder)
    fitted = SEMBAPlus("sign", options=options, training=TrainingOptions(epochs=1))
    live = follow(fitted.fit(stream, chronological_split(stream)), stream)
    t = int(stream.time[-1]) + 1
    told = live.explain(stream.nodes[0], stream.nodes[1], t)
    assert told.logit == pytest.approx(live.score(stream.nodes[0], stream.nodes[1], t).logit, abs=1e-5)


def test_the_log_keeps_the_newest_event_of_an_edge():
    log = CommittedEvents()
    log.append(np.array([0, 0, 1]), np.array([1, 2, 0]), np.array([0.5, -0.5, 1.0]), np.array([1, 2, 3]))
    log.append(np.array([0, 0]), np.array([1, 0]), np.array([-1.0, 1.0]), np.array([4, 5]))
    given = log.edges(0, given=True)
    assert given.peer.tolist() == [1, 2]
    assert given.x.tolist() == [-1.0, -0.5]
    assert given.time.tolist() == [4, 2]
    assert log.edges(0, given=False).peer.tolist() == [1]
    assert len(CommittedEvents.from_columns(log.columns())) == 5
