"""Small streams with ties, repeated pairs and events of a node with itself."""

import numpy as np

from signwise.events import EventStream


def random_stream(n=60, nodes=9, seed=0, times=None, payload=0, weight_max=10):
    rng = np.random.default_rng(seed)
    times = n if times is None else times
    return EventStream(
        source=rng.integers(0, nodes, n),
        target=rng.integers(0, nodes, n),
        time=np.sort(rng.integers(0, times, n)) * 7_000_000_000_000 // 100,
        sign=rng.choice([-1, 1], n, p=[0.3, 0.7]),
        weight=rng.integers(1, weight_max + 1, n).astype(float),
        nodes=tuple(f"n{i}" for i in range(nodes)),
        weight_max=weight_max,
        payload=rng.normal(size=(n, payload)) if payload else None,
    )


def changed(stream, start, seed=0):
    """The same stream with other events from a position on, at the same times."""
    rng = np.random.default_rng(seed)
    n = len(stream) - start
    columns = {
        "source": rng.integers(0, stream.num_nodes, n),
        "target": rng.integers(0, stream.num_nodes, n),
        "sign": rng.choice([-1, 1], n),
        "weight": rng.integers(1, 10, n),
    }
    new = {name: np.concatenate([getattr(stream, name)[:start], value]) for name, value in columns.items()}
    return EventStream(
        time=stream.time, nodes=stream.nodes, weight_max=stream.weight_max, payload=stream.payload, **new
    )
