"""Running features of every event of a stream, against plain Python; time and memory as streams grow; a hub."""

import os
from functools import partial

import numpy as np

from benchmarks._runner import Bench, Contender, Target
from benchmarks.graph._plain import plain_features
from signwise import _native
from signwise.data import load, simulate_signed_events
from signwise.events import EventStream
from signwise.graph import SignedState, replay, stream_features

RING = 10
HUB_EVENTS = 200_000


def same(left: np.ndarray, right: np.ndarray) -> bool:
    return bool(np.allclose(left, right, rtol=1e-6, atol=1e-6))


def degrees(stream: EventStream) -> np.ndarray:
    return np.bincount(np.concatenate([stream.source, stream.target]), minlength=stream.num_nodes)


def memory(stream: EventStream) -> str:
    """What the state holds after the stream, by event and by node."""
    n, nodes = len(stream), stream.num_nodes
    # An event of a node with itself is counted in the node and is no edge.
    itself = SignedState(tick_seconds=1.0, ring=RING)
    itself.commit([nodes - 1], [nodes - 1], [1.0], 0)
    fixed, whole = itself.nbytes, replay(stream, ring=RING).nbytes
    if fixed is None or whole is None:
        return "memory not counted"
    return f"{(whole - fixed) / n:.0f} bytes an event and {fixed / nodes:.0f} a node with its {RING} newest events"


def against_python(bench: Bench, name: str, stream: EventStream) -> None:
    bench.group(
        f"{name}: {len(stream):,} events, {stream.num_nodes:,} nodes, largest degree {degrees(stream).max():,}; "
        f"{memory(stream)}",
        {
            "plain Python": partial(plain_features, stream),
            "signwise without the extension": Contender(
                call=partial(stream_features, stream), around=_native.use_fallback
            ),
            "signwise": partial(stream_features, stream),
        },
        baseline="plain Python",
        equal=same,
        targets=[Target(contender="signwise", ratio=100.0)],
        rounds=min(bench.rounds, 9),
    )


def growing(bench: Bench) -> None:
    short, long = (simulate_signed_events(n, n // 10, scenario="quality", seed=0).stream for n in (100_000, 1_000_000))
    bounds = " and ".join(f"{degrees(s).max():,}" for s in (short, long))

    def ten_short() -> None:
        for _ in range(10):
            stream_features(short)

    bench.group(
        f"100,000 and 1,000,000 events over a tenth as many nodes, largest degree {bounds}; {memory(long)}",
        {"100,000 events, ten times": ten_short, "1,000,000 events": partial(stream_features, long)},
        baseline="100,000 events, ten times",
        equal=None,
        targets=[Target(contender="1,000,000 events", ratio=10 / 11)],
        rounds=min(bench.rounds, 9),
    )


def hub(bench: Bench) -> None:
    """The same random events, and with one end of every second event, in turn the rater and the ratee, in one node."""
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, HUB_EVENTS // 4, (2, HUB_EVENTS))
    source_of_hub, target_of_hub = source.copy(), target.copy()
    source_of_hub[::4] = target_of_hub[2::4] = 0
    rating = rng.choice([-1, 1], HUB_EVENTS)
    even, hubbed = (
        EventStream(
            source=u,
            target=v,
            time=np.arange(HUB_EVENTS),
            sign=rating,
            weight=np.ones(HUB_EVENTS),
            nodes=tuple(map(str, range(HUB_EVENTS // 4))),
            weight_max=1.0,
        )
        for u, v in ((source, target), (source_of_hub, target_of_hub))
    )
    bench.group(
        f"{HUB_EVENTS:,} events, without and with a hub of degree {degrees(hubbed).max():,}",
        {"no hub": partial(stream_features, even), "a hub in every second event": partial(stream_features, hubbed)},
        baseline="no hub",
        equal=None,
        rounds=min(bench.rounds, 9),
    )


def run(bench: Bench) -> None:
    if os.environ.get("SIGNWISE_DATA"):
        against_python(bench, "bitcoin-otc", load("bitcoin-otc"))
    else:
        print("bitcoin-otc is left out: SIGNWISE_DATA is not set")
    against_python(bench, "simulated marketplace", simulate_signed_events(36_000, 6_000, seed=0).stream)
    growing(bench)
    hub(bench)
