"""Running features for every event of a stream, and for any other pairs, under the strict rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from signwise.events import EventStream

from ._state import FEATURE_NAMES, Rating, SignedState


def stream_features(
    stream: EventStream,
    *,
    weight_max: float | None = None,
    on_events: Callable[[int], object] | None = None,
) -> npt.NDArray[np.float32]:
    """The running features of each event, from events of strictly earlier time.

    The events of one tie group see the same state, and are committed together after all of them are read.

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
    features, _, _ = _replay(stream, weight_max, None, on_events)
    return features


def pair_features(
    stream: EventStream,
    source: npt.NDArray[np.int64],
    target: npt.NDArray[np.int64],
    time: npt.NDArray[np.int64],
    *,
    weight_max: float | None = None,
    on_events: Callable[[int], object] | None = None,
) -> npt.NDArray[np.float32]:
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
    _, features, _ = _replay(stream, weight_max, (source, target, time), on_events)
    return features


def replay(stream: EventStream, *, weight_max: float | None = None) -> SignedState:
    """The state after every event of the stream."""
    empty = np.zeros(0, np.int64)
    _, _, state = _replay(stream, weight_max, (empty, empty, empty), None)
    return state


def _replay(
    stream: EventStream,
    weight_max: float | None,
    queries: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]] | None,
    on_events: Callable[[int], object] | None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], SignedState]:
    x = stream.normalized(weight_max)
    state = SignedState(tick_seconds=stream.tick_seconds, keys=stream.nodes)
    ratings = list(map(Rating, stream.source.tolist(), stream.target.tolist(), x.tolist()))
    starts = stream.tie_starts.tolist()
    times = stream.time[stream.tie_starts[:-1]].tolist()
    own = queries is None
    events = np.zeros((len(stream) if own else 0, len(FEATURE_NAMES)), np.float32)
    asked = np.zeros((0 if queries is None else len(queries[0]), len(FEATURE_NAMES)), np.float32)
    order: list[int] = [] if queries is None else np.argsort(queries[2], kind="stable").tolist()
    ask = [] if queries is None else list(zip(*(column.tolist() for column in queries), strict=True))
    next_query, reported = 0, 0
    for start, end, time in zip(starts, starts[1:], times, strict=False):
        while next_query < len(order) and ask[order[next_query]][2] <= time:
            row = order[next_query]
            asked[row] = state.features(*ask[row])
            next_query += 1
        if own:
            for i in range(start, end):
                events[i] = state.features(ratings[i].source, ratings[i].target, time)
        state.commit(ratings[start:end], time)
        if on_events is not None and end - reported >= 256:
            on_events(end - reported)
            reported = end
    for row in order[next_query:]:
        asked[row] = state.features(*ask[row])
    if on_events is not None and len(stream) > reported:
        on_events(len(stream) - reported)
    return events, asked, state
