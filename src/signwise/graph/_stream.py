"""Running features for every event of a stream, and for any other pairs, under the strict rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signwise._native import _graph
from signwise.events import EventStream

from ._contract import Queries
from ._state import Ints, Neighbors, SignedState, tie_order

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
    """What a stream shows while it is replayed: every event and every query from events of strictly earlier time.

    Args:
        features: float32, shape ``(n, 34)``; of each event, columns as in :data:`FEATURE_NAMES`.
        query_features: float32, shape ``(q, 34)``; of each query.
        neighbors: the newest events of the rater and of the ratee of each event, arrays of shape ``(n, 2, K)``; None
            where none were asked for.
        query_neighbors: the same of each query, shape ``(q, 2, K)``.
        state: the state after every event.
    """

    features: Features
    query_features: Features
    neighbors: Neighbors | None
    query_neighbors: Neighbors | None
    state: SignedState


def replay_stream(
    stream: EventStream,
    *,
    weight_max: float | None = None,
    queries: Queries | None = None,
    ring: int = 0,
    on_events: Callable[[int], object] | None = None,
) -> Replay:
    """Read every event of a stream, and queries beside them, from an empty state, and commit it.

    The events of one tie group see the same state, and are committed together after all of them are read. A query
    sees the events before its own time, whichever event it accompanies.

    Args:
        stream: events in order of time.
        weight_max: the scale of x; by default the stream's declared one.
        queries: more pairs to read.
        ring: K, how many newest events of both ends to read; 0 for none.
        on_events: called with the number of events done since the last call, for a progress bar.

    Returns:
        Features and newest events, whose ``event`` is the row of the stream, and the final state.

    Raises:
        ValueError: neither ``weight_max`` nor the stream declares a scale.

    Example:
        >>> from signwise.events import EventStream
        >>> from signwise.graph import replay_stream
        >>> stream = EventStream.from_columns(
        ...     source="aab", target="bcc", rating=[1, -1, 1], time=[0, 1, 2], weight_max=1
        ... )
        >>> seen = replay_stream(stream, ring=2)
        >>> seen.neighbors.event[2].tolist()  # b was rated in event 0, and c in event 1
        [[0, -1], [1, -1]]
    """
    return _replay(stream, weight_max, queries, ring, True, on_events)


def stream_features(
    stream: EventStream,
    *,
    weight_max: float | None = None,
    on_events: Callable[[int], object] | None = None,
) -> Features:
    """The running features of each event, from events of strictly earlier time: those of :func:`replay_stream`.

    Args:
        stream: events in order of time.
        weight_max: the scale of x; by default the stream's declared one.
        on_events: called with the number of events done since the last call, for a progress bar.

    Returns:
        float32, shape ``(n, 34)``, columns as in :data:`FEATURE_NAMES`.

    Raises:
        ValueError: neither ``weight_max`` nor the stream declares a scale.

    Example:
        >>> from signwise.events import EventStream
        >>> from signwise.graph import stream_features
        >>> stream = EventStream.from_columns(
        ...     source="aab", target="bcc", rating=[1, -1, 1], time=[0, 1, 1], weight_max=1
        ... )
        >>> stream_features(stream)[:, 0].astype(float).round(3).tolist()  # log(1 + positive ratings given before)
        [0.0, 0.693, 0.0]
    """
    return _replay(stream, weight_max, None, 0, True, on_events).features


def pair_features(
    stream: EventStream,
    source: Ints,
    target: Ints,
    time: Ints,
    *,
    weight_max: float | None = None,
    on_events: Callable[[int], object] | None = None,
) -> Features:
    """The running features of arbitrary pairs, each from the events of ``stream`` before its own time.

    Args:
        stream: the committed events.
        source: int64, shape ``(q,)``; node ids, or -1 for a node that the stream does not have.
        target: int64, shape ``(q,)``.
        time: int64, shape ``(q,)``; ticks of the stream, in any order.
        weight_max: the scale of x; by default the stream's declared one.
        on_events: called with the number of events done since the last call, for a progress bar.

    Returns:
        float32, shape ``(q, 34)``, in the order of the pairs given.

    Raises:
        ValueError: the columns differ in length, or no scale is known.
    """
    if not (len(source) == len(target) == len(time)):
        raise ValueError(f"the pairs have {len(source)} sources, {len(target)} targets and {len(time)} times")
    order = np.argsort(time, kind="stable")
    none = np.full(len(order), -1, np.int64)
    queries = Queries(source=source[order], target=target[order], time=time[order], event=none)
    sorted_features = _replay(stream, weight_max, queries, 0, False, on_events).query_features
    features = np.empty_like(sorted_features)
    features[order] = sorted_features
    return features


def replay(stream: EventStream, *, weight_max: float | None = None, ring: int = 10) -> SignedState:
    """The state after every event of the stream, each node keeping its ``ring`` newest events."""
    return _replay(stream, weight_max, None, ring, False, None).state


def _replay(
    stream: EventStream,
    weight_max: float | None,
    queries: Queries | None,
    ring: int,
    events: bool,
    on_events: Callable[[int], object] | None,
) -> Replay:
    x = stream.normalized(weight_max)
    state = SignedState(tick_seconds=stream.tick_seconds, keys=stream.nodes, ring=ring)
    empty = np.zeros(0, np.int64)
    asked = (empty,) * 3 if queries is None else (queries.source, queries.target, queries.time)
    columns = _graph.checked_events(stream.source, stream.target, x, stream.time)
    order = tie_order(*columns, stream.nodes)
    want_neighbors = events and ring > 0
    features, rings, query_features, query_rings = state._engine.stream(
        _graph.take(columns, order),
        order,
        asked,
        want_features=events,
        want_neighbors=want_neighbors,
        on_events=on_events,
    )
    if len(stream):
        state.sealed_time = int(stream.time[-1])
    return Replay(
        features=features,
        query_features=query_features,
        neighbors=Neighbors.from_rings(rings) if want_neighbors else None,
        query_neighbors=Neighbors.from_rings(query_rings) if want_neighbors else None,
        state=state,
    )
