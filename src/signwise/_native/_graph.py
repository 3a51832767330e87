"""The signed state engine: checks, dispatch and fallback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _runtime
from ._graph_python import Array, PythonStreamState
from ._graph_python import Rings as Rings

Events = tuple[Array, Array, Array, Array]
"""Source, target, x and time of events."""

FEATURES = 34
_MAX_NODES = 2**30 - 1
_CHUNK, _PYTHON_CHUNK = 8192, 256


class StreamState:
    """The state of a signed stream, in the extension's form or, without the extension, in Python with equal results.

    Ids are int64 in ``[0, 2**30 - 1)``, and -1 or any id not committed yet is a node without a history; times are
    int64 ticks; x is float64 in [-1, 1]. The caller sees to it that times are later than those committed.

    Args:
        tick_seconds: seconds in a tick, for the features that are lags.
        ring: how many of its newest events a node keeps.
    """

    def __init__(self, tick_seconds: float, ring: int) -> None:
        self.tick_seconds = tick_seconds
        self.ring = ring
        core = _runtime.core()
        self._impl: Any = (PythonStreamState if core is None else core.StreamState)(tick_seconds, ring)
        self._chunk = _PYTHON_CHUNK if core is None else _CHUNK

    @property
    def num_nodes(self) -> int:
        """One more than the largest id committed."""
        return int(self._impl.num_nodes)

    @property
    def num_events(self) -> int:
        """Number of events committed."""
        return int(self._impl.num_events)

    @property
    def nbytes(self) -> int | None:
        """Bytes that the state holds; None without the extension."""
        return None if isinstance(self._impl, PythonStreamState) else int(self._impl.bytes)

    @property
    def triad_reads(self) -> int | None:
        """List entries that the triads of all features so far have compared; None without the extension."""
        return None if isinstance(self._impl, PythonStreamState) else int(self._impl.triad_reads)

    def features(self, source: Array, target: Array, time: Array) -> npt.NDArray[np.float32]:
        """float32, shape ``(n, 34)``."""
        columns = _columns(source=source, target=target, time=time)
        out = np.empty((len(columns[0]), FEATURES), np.float32)
        self._impl.features(*columns, out)
        return out

    def neighbors(self, nodes: Array) -> Rings:
        """The newest events of each node, newest first, shape ``(n, ring)`` each; event -1 where there are no more."""
        (nodes,) = _columns(nodes=nodes)
        rings = _rings(len(nodes), self.ring)
        self._impl.neighbors(nodes, rings)
        return rings

    def commit(self, events: Events, number: Array) -> None:
        """Apply events, equal times next to each other, in the order in which they come.

        Args:
            events: columns that :func:`checked_events` let through.
            number: int64, shape ``(n,)``; what a ring keeps of each event to find it by, not negative.
        """
        self._impl.commit(*events, number)

    def stream(
        self,
        events: Events,
        row: Array,
        queries: tuple[Array, Array, Array],
        *,
        want_features: bool,
        want_neighbors: bool,
        on_events: Callable[[int], object] | None = None,
    ) -> tuple[Array, Rings, Array, Rings]:
        """Read and commit a whole stream, tie group by tie group, with queries read at their times.

        Args:
            events: as in :meth:`commit`.
            row: int64, shape ``(n,)``; a permutation: the output row of each event, and its number among them.
            queries: source, target and time, int64, shape ``(q,)``, times not decreasing.
            want_features: whether to read the features of the events; those of queries are always read.
            want_neighbors: whether to read the newest events of both ends, of events and of queries.
            on_events: called between chunks with the number of events since the last call.

        Returns:
            Features ``(n, 34)`` or ``(0, 34)``, neighbors of shape ``(n, 2, ring)`` or ``(0, 2, ring)``, and the
            same two of the queries.
        """
        asked = _columns(source=queries[0], target=queries[1], time=queries[2])
        time = events[3]
        n, q = len(time), len(asked[0])
        features = np.empty((n if want_features else 0, FEATURES), np.float32)
        rings = _rings(n if want_neighbors else 0, 2, self.ring)
        asked_features = np.empty((q, FEATURES), np.float32)
        asked_rings = _rings(q if want_neighbors else 0, 2, self.ring)
        first = self.num_events
        self._impl.expect(events[0], events[1])
        ends = np.append(np.flatnonzero(time[1:] != time[:-1]) + 1, n)
        start, begin = 0, 0
        while start < n or begin < q:
            # A chunk ends where a tie group ends; between chunks Python sees signals.
            end = int(ends[min(int(np.searchsorted(ends, start + self._chunk)), len(ends) - 1)])
            stop = q if end == n else int(np.searchsorted(asked[2], time[end - 1], side="right"))
            part, due = slice(start, end), slice(begin, stop)
            self._impl.stream(
                *(column[part] for column in events),
                row[part],
                n,
                first,
                features,
                rings,
                *(column[due] for column in asked),
                asked_features[due],
                tuple(array[due] for array in asked_rings),
            )
            if on_events is not None and end > start:
                on_events(end - start)
            start, begin = end, stop
        return features, rings, asked_features, asked_rings

    def export(self) -> dict[str, Array]:
        """The whole state as arrays, the same of equal states whatever led to them.

        Returns:
            ``counts`` int64 ``(N, 4)`` (O+, O-, I+, I-), ``sums`` float64 ``(N, 3)`` (SO, SI, R), ``last`` int64
            ``(N, 2)`` (L_o, L_i), ``edge_source``, ``edge_target`` int32 and ``edge_x`` float64 ``(E,)`` sorted by both
            ends, ``ring_peer``, ``ring_time``, ``ring_x``, ``ring_role``, ``ring_event`` ``(N, K)`` newest first,
            ``totals`` int64 ``(2,)`` (events, positive ones), ``total_x`` float64 ``(1,)``.
        """
        n, e = self.num_nodes, int(self._impl.num_edges)
        arrays: dict[str, Array] = {
            "counts": np.zeros((n, 4), np.int64),
            "sums": np.zeros((n, 3), np.float64),
            "last": np.zeros((n, 2), np.int64),
            "edge_source": np.zeros(e, np.int32),
            "edge_target": np.zeros(e, np.int32),
            "edge_x": np.zeros(e, np.float64),
            **dict(zip(_RING_NAMES, _rings(n, self.ring), strict=True)),
            "totals": np.zeros(2, np.int64),
            "total_x": np.zeros(1, np.float64),
        }
        self._impl.export(arrays)
        return arrays

    def load(self, arrays: dict[str, Array]) -> None:
        """Take the state that :meth:`export` gave.

        Raises:
            ValueError: an array is missing, of another type or shape, or has an id out of range.
        """
        shapes = {name: a.shape for name, a in arrays.items()}
        n, e = (len(arrays[name]) if name in arrays else 0 for name in ("counts", "edge_x"))
        ring = dict(zip(_RING_NAMES, _rings(0, self.ring), strict=True))
        expected: dict[str, tuple[Any, tuple[int, ...]]] = {
            "counts": (np.int64, (n, 4)),
            "sums": (np.float64, (n, 3)),
            "last": (np.int64, (n, 2)),
            "edge_source": (np.int32, (e,)),
            "edge_target": (np.int32, (e,)),
            "edge_x": (np.float64, (e,)),
            **{name: (array.dtype, (n, self.ring)) for name, array in ring.items()},
            "totals": (np.int64, (2,)),
            "total_x": (np.float64, (1,)),
        }
        kept: dict[str, Array] = {}
        for name, (dtype, shape) in expected.items():
            if name not in arrays or arrays[name].dtype != dtype or shapes[name] != shape:
                found = f"{arrays[name].dtype} {shapes[name]}" if name in arrays else "nothing"
                raise ValueError(f"stored state: {name} is {found}; expected {np.dtype(dtype)} {shape}")
            # The extension takes writable arrays only.
            kept[name] = np.require(arrays[name], requirements=["C", "W"])
        source, target = kept["edge_source"], kept["edge_target"]
        if e and (min(source.min(), target.min()) < 0 or max(source.max(), target.max()) >= n):
            raise ValueError(f"stored state: an edge has an end outside the {n} nodes")
        order = source.astype(np.int64) * n + target
        if (np.diff(order) <= 0).any() or (source == target).any():
            raise ValueError("stored state: the edges are not distinct pairs of two nodes, sorted by both ends")
        counts, peers = kept["counts"], kept["ring_peer"]
        there = np.arange(self.ring) < counts.sum(axis=1, keepdims=True)
        if (
            (counts < 0).any()
            or ((kept["ring_event"] >= 0) != there).any()
            or ((peers < 0) | (peers >= n))[there].any()
        ):
            raise ValueError("stored state: the newest events do not agree with the counts")
        self._impl.load(kept)


def checked_events(source: Array, target: Array, x: Array, time: Array) -> Events:
    """The columns of events as int64, int64, float64 and int64, after their checks.

    Raises:
        ValueError: lengths or types differ, times decrease, an id is not in ``[0, 2**30 - 1)`` or x not in [-1, 1].
    """
    source, target, time = _columns(source=source, target=target, time=time)
    values = np.ascontiguousarray(x, np.float64)
    if values.shape != source.shape:
        raise ValueError(f"x has shape {values.shape}; expected {source.shape}")
    if not (np.abs(values) <= 1).all():
        raise ValueError("x has values outside [-1, 1]; divide the signed weights by the largest possible one")
    if (time[1:] < time[:-1]).any():
        raise ValueError("the times of events decrease; sort them")
    for name, ids in (("source", source), ("target", target)):
        if len(ids) and (ids.min() < 0 or ids.max() >= _MAX_NODES):
            raise ValueError(f"{name} has ids from {ids.min()} to {ids.max()}; expected 0 to {_MAX_NODES - 1}")
    return source, target, values, time


def take(events: Events, order: Array) -> Events:
    """The events at positions."""
    source, target, x, time = events
    return source[order], target[order], x[order], time[order]


_RING_NAMES = ("ring_peer", "ring_time", "ring_x", "ring_role", "ring_event")


def _rings(*shape: int) -> Rings:
    return (
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.int8),
        np.full(shape, -1, np.int64),
    )


def _columns(**columns: Array) -> list[Array]:
    n = None
    found = []
    for name, column in columns.items():
        array = np.asarray(column)
        if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
            raise ValueError(f"{name} is {array.dtype} of shape {array.shape}; expected whole numbers of shape (n,)")
        if n is not None and len(array) != n:
            raise ValueError(f"{name} has {len(array)} entries; expected {n} as {next(iter(columns))} has")
        n = len(array)
        found.append(np.ascontiguousarray(array, np.int64))
    return found
