"""The signed state engine without the extension: readable Python with the same results, bit for bit."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

_DAY = 86_400.0
# Products of two values in [-1, 1] are summed as multiples of 2**-96, a sum of integers that no order can change;
# 2**31 of them stay below 2**127, the range of the extension's accumulator.
_FIXED_BITS = 96
_NO_EDGES: dict[int, float] = {}
_NO_COUNTS = [0, 0, 0, 0]
_NO_SUMS = [0.0, 0.0, 0.0]

Array = npt.NDArray[Any]
Rings = tuple[Array, Array, Array, Array, Array]
"""Peer, time, x, role and number of the newest events of nodes."""


class PythonStreamState:
    """Counters, newest events and newest edge values of every node; the interface of the extension's class.

    Callers give contiguous arrays of the right type, times after the last committed one, and the events of a tie
    group in the order in which they are to be applied. Results go into the arrays that are given.
    """

    def __init__(self, tick_seconds: float, ring: int) -> None:
        self.tick_seconds = tick_seconds
        self.ring = ring
        self.num_events = 0
        self._positive = 0
        self._sum = 0.0
        self._counts: list[list[int]] = []  # O+, O-, I+, I-
        self._sums: list[list[float]] = []  # SO, SI, R
        self._last: list[list[int]] = []  # L_o, L_i
        self._out: list[dict[int, float]] = []
        self._in: list[dict[int, float]] = []
        self._rings: list[deque[tuple[int, int, float, int, int]]] = []

    @property
    def num_nodes(self) -> int:
        """Nodes with a place in the state: one more than the largest id committed."""
        return len(self._counts)

    @property
    def num_edges(self) -> int:
        """Distinct ordered pairs of two different nodes."""
        return sum(map(len, self._out))

    def expect(self, source: Array, target: Array) -> None:
        """Nothing: lists grow by themselves."""

    def features(self, source: Array, target: Array, time: Array, out: Array) -> None:
        """Write the 34 running features of each pair."""
        for i, (u, v, t) in enumerate(zip(source.tolist(), target.tolist(), time.tolist(), strict=True)):
            out[i] = self._row(u, v, t)

    def neighbors(self, nodes: Array, rings: Rings) -> None:
        """Write the newest events of each node, newest first; ``event`` is -1 where there are no more."""
        peer, time, x, role, event = rings
        event[...] = -1
        for array in (peer, time, x, role):
            array[...] = 0
        for i, node in enumerate(nodes.tolist()):
            if self.ring and 0 <= node < len(self._rings):
                for k, entry in enumerate(reversed(self._rings[node])):
                    peer[i, k], time[i, k], x[i, k], role[i, k], event[i, k] = entry

    def commit(self, source: Array, target: Array, x: Array, time: Array, number: Array) -> None:
        """Apply events, one tie group after another; ``number`` is what a ring keeps of each."""
        rows = list(zip(*(a.tolist() for a in (source, target, x, number)), strict=True))
        starts, times = _tie_groups(time)
        self._grow(source, target)
        for start, end, t in zip(starts, starts[1:], times, strict=False):
            self._apply(rows[start:end], t)

    def stream(
        self,
        source: Array,
        target: Array,
        x: Array,
        time: Array,
        row: Array,
        rows: int,
        first_event: int,
        features: Array,
        rings: Rings,
        query_source: Array,
        query_target: Array,
        query_time: Array,
        query_features: Array,
        query_rings: Rings,
    ) -> None:
        """For each tie group: read the queries due by its time, then its events, and only then commit it.

        Event i is written to ``row[i]`` of the ``rows`` of ``features`` and ``rings``, and has the number
        ``first_event + row[i]``. Outputs of length 0 are not wanted. Queries later than every event come last.
        """
        events = list(zip(*(a.tolist() for a in (source, target, x, row)), strict=True))
        asked = list(zip(query_source.tolist(), query_target.tolist(), query_time.tolist(), strict=True))
        starts, times = _tie_groups(time)
        self._grow(source, target)
        done = 0
        for start, end, t in zip(starts, starts[1:], times, strict=False):
            while done < len(asked) and asked[done][2] <= t:
                self._read(*asked[done], done, query_features, query_rings)
                done += 1
            group = events[start:end]
            for u, v, _, at in group:
                self._read(u, v, t, at, features, rings)
            self._apply([(u, v, value, first_event + at) for u, v, value, at in group], t)
        for i in range(done, len(asked)):
            self._read(*asked[i], i, query_features, query_rings)

    def export(self, arrays: dict[str, Array]) -> None:
        """Write the whole state into arrays of the sizes that :func:`signwise._native._graph.export` gives them."""
        n = self.num_nodes
        arrays["counts"][...] = np.reshape(np.asarray(self._counts, np.int64), (n, 4))
        arrays["sums"][...] = np.reshape(np.asarray(self._sums, np.float64), (n, 3))
        arrays["last"][...] = np.reshape(np.asarray(self._last, np.int64), (n, 2))
        edges = [(u, v, x) for u, peers in enumerate(self._out) for v, x in sorted(peers.items())]
        for name, column in zip(("edge_source", "edge_target", "edge_x"), zip(*edges, strict=True), strict=False):
            arrays[name][...] = column
        names = ("ring_peer", "ring_time", "ring_x", "ring_role", "ring_event")
        peer, time, x, role, event = (arrays[name] for name in names)
        self.neighbors(np.arange(n), (peer, time, x, role, event))
        arrays["totals"][...] = (self.num_events, self._positive)
        arrays["total_x"][...] = self._sum

    def load(self, arrays: dict[str, Array]) -> None:
        """Take the state that :meth:`export` wrote; the present one must be empty."""
        self._counts, self._sums, self._last = (arrays[name].tolist() for name in ("counts", "sums", "last"))
        n = len(self._counts)
        self._out, self._in = [{} for _ in range(n)], [{} for _ in range(n)]
        for u, v, x in zip(*(arrays[f"edge_{name}"].tolist() for name in ("source", "target", "x")), strict=True):
            self._out[u][v] = x
            self._in[v][u] = x
        columns = [arrays[f"ring_{name}"][:, ::-1].tolist() for name in ("peer", "time", "x", "role", "event")]
        entries = (list(zip(*columns_of_node, strict=True)) for columns_of_node in zip(*columns, strict=True))
        self._rings = [deque((e for e in node if e[4] >= 0), maxlen=self.ring) for node in entries]
        self.num_events, self._positive = arrays["totals"].tolist()
        (self._sum,) = arrays["total_x"].tolist()

    def _grow(self, source: Array, target: Array) -> None:
        nodes = 1 + max(int(source.max(initial=-1)), int(target.max(initial=-1)))
        for _ in range(nodes - len(self._counts)):
            self._counts.append([0, 0, 0, 0])
            self._sums.append([0.0, 0.0, 0.0])
            self._last.append([0, 0])
            self._out.append({})
            self._in.append({})
            self._rings.append(deque(maxlen=self.ring))

    def _read(self, u: int, v: int, t: int, at: int, features: Array, rings: Rings) -> None:
        if len(features):
            features[at] = self._row(u, v, t)
        if len(rings[0]):
            peer, time, x, role, event = rings
            self.neighbors(np.array([u, v]), (peer[at], time[at], x[at], role[at], event[at]))

    def _smoothing(self) -> tuple[float, float]:
        return (self._sum + 0.1) / (self.num_events + 1), (self._positive + 9) / (self.num_events + 10)

    def _row(self, u: int, v: int, t: int) -> list[float]:
        known_u, known_v = 0 <= u < len(self._counts), 0 <= v < len(self._counts)
        cu, su = (self._counts[u], self._sums[u]) if known_u else (_NO_COUNTS, _NO_SUMS)
        cv, sv = (self._counts[v], self._sums[v]) if known_v else (_NO_COUNTS, _NO_SUMS)
        g, base = self._smoothing()
        out_u, in_u, out_v, in_v = cu[0] + cu[1], cu[2] + cu[3], cv[0] + cv[1], cv[2] + cv[3]
        back = self._out[v].get(u) if known_v else None
        return [
            *map(math.log1p, (*cu, *cv)),
            (su[0] + 3 * g) / (out_u + 3),
            (sv[1] + 3 * g) / (in_v + 3),
            (su[1] + 3 * g) / (in_u + 3),
            (sv[0] + 3 * g) / (out_v + 3),
            su[2] / (out_u + 3),
            (cu[0] + 2 * base) / (out_u + 2),
            (cv[2] + 2 * base) / (in_v + 2),
            (cu[2] + 2 * base) / (in_u + 2),
            (cv[0] + 2 * base) / (out_v + 2),
            0.0 if back is None else back,
            0.0 if back is None else 1.0,
            base,
            self._lag(t - self._last[u][0]) if out_u else 0.0,
            self._lag(t - self._last[v][1]) if in_v else 0.0,
            *(self._triads(u, v) if known_u and known_v and u != v else [0.0] * 12),
        ]

    def _lag(self, ticks: int) -> float:
        return math.log1p(ticks * self.tick_seconds / _DAY)

    def _triads(self, u: int, v: int) -> list[float]:
        values: list[float] = []
        out_u, in_u, out_v, in_v = self._out[u], self._in[u], self._out[v], self._in[v]
        for first, second in ((out_u, in_v), (out_u, out_v), (in_u, in_v), (in_u, out_v)):
            products = [first[z] * second[z] for z in first.keys() & second.keys()]
            total = sum(int(math.ldexp(product, _FIXED_BITS)) for product in products)
            signs = sum(math.copysign(1.0, product) for product in products)
            values += (float(len(products)), total / (1 << _FIXED_BITS), float(signs))
        return values

    def _apply(self, group: list[tuple[int, int, float, int]], t: int) -> None:
        g, _ = self._smoothing()
        expected = []
        for _, v, _, _ in group:
            _, _, got_pos, got_neg = self._counts[v]
            expected.append((self._sums[v][1] + 3 * g) / (got_pos + got_neg + 3))
        for (u, v, x, event), mean in zip(group, expected, strict=True):
            # The sign bit, which a value that underflows to zero keeps.
            negative = int(math.copysign(1.0, x) < 0)
            self._counts[u][negative] += 1
            self._counts[v][2 + negative] += 1
            self._sums[u][0] += x
            self._sums[u][2] += x - mean
            self._sums[v][1] += x
            self._last[u][0] = t
            self._last[v][1] = t
            self.num_events += 1
            self._positive += 1 - negative
            self._sum += x
            if u != v:
                self._out[u][v] = x
                self._in[v][u] = x
            self._rings[u].append((v, t, x, 1, event))
            self._rings[v].append((u, t, x, -1, event))


def _tie_groups(time: Array) -> tuple[list[int], list[int]]:
    """Where each group of equal times begins, then the number of events; and the time of each group."""
    starts = np.flatnonzero(np.diff(time, prepend=time[:1] - 1)) if len(time) else np.zeros(0, np.int64)
    return [*starts.tolist(), len(time)], time[starts].tolist()
