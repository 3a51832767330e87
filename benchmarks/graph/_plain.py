"""The running features in plain Python, as one writes them from the formulas: dictionaries, loops and no extension."""

import math
from collections import defaultdict
from itertools import pairwise

import numpy as np

from signwise.events import EventStream

DAY = 86_400.0


class PlainState:
    """Counters and newest values of edges."""

    def __init__(self, tick_seconds: float) -> None:
        self.tick_seconds = tick_seconds
        self.given_pos, self.given_neg, self.got_pos, self.got_neg = (defaultdict(int) for _ in range(4))
        self.given, self.got, self.residual = (defaultdict(float) for _ in range(3))
        self.last_given: dict[int, int] = {}
        self.last_got: dict[int, int] = {}
        self.out: dict[int, dict[int, float]] = defaultdict(dict)
        self.into: dict[int, dict[int, float]] = defaultdict(dict)
        self.events, self.positive, self.sum = 0, 0, 0.0

    def features(self, u: int, v: int, t: int) -> list[float]:
        g = (self.sum + 0.1) / (self.events + 1)
        base = (self.positive + 9) / (self.events + 10)

        def mean(total: float, n: int) -> float:
            return (total + 3 * g) / (n + 3)

        def rate(positive: int, n: int) -> float:
            return (positive + 2 * base) / (n + 2)

        def lag(last: int | None) -> float:
            return 0.0 if last is None else math.log1p((t - last) * self.tick_seconds / DAY)

        row = []
        for node in (u, v):
            for counts in (self.given_pos, self.given_neg, self.got_pos, self.got_neg):
                row.append(math.log1p(counts[node]))
        given_u, got_u = self.given_pos[u] + self.given_neg[u], self.got_pos[u] + self.got_neg[u]
        given_v, got_v = self.given_pos[v] + self.given_neg[v], self.got_pos[v] + self.got_neg[v]
        row += [mean(self.given[u], given_u), mean(self.got[v], got_v)]
        row += [mean(self.got[u], got_u), mean(self.given[v], given_v)]
        row.append(self.residual[u] / (given_u + 3))
        row += [rate(self.given_pos[u], given_u), rate(self.got_pos[v], got_v)]
        row += [rate(self.got_pos[u], got_u), rate(self.given_pos[v], given_v)]
        back = self.out[v].get(u) if u != v else None
        row += [0.0, 0.0] if back is None else [back, 1.0]
        row += [base, lag(self.last_given.get(u)), lag(self.last_got.get(v))]
        for first, second in (
            (self.out[u], self.into[v]),
            (self.out[u], self.out[v]),
            (self.into[u], self.into[v]),
            (self.into[u], self.out[v]),
        ):
            if len(second) < len(first):
                first, second = second, first
            count, product, sign = 0, 0.0, 0
            if u != v:
                for z, x in first.items():
                    y = second.get(z)
                    if y is not None:
                        count += 1
                        product += x * y
                        sign += 1 if x * y > 0 else -1
            row += [count, product, sign]
        return row

    def commit(self, group: list[tuple[int, int, float]], t: int) -> None:
        g = (self.sum + 0.1) / (self.events + 1)
        expected = [(self.got[v] + 3 * g) / (self.got_pos[v] + self.got_neg[v] + 3) for _, v, _ in group]
        for (u, v, x), mean in zip(group, expected, strict=True):
            if x > 0:
                self.given_pos[u] += 1
                self.got_pos[v] += 1
                self.positive += 1
            else:
                self.given_neg[u] += 1
                self.got_neg[v] += 1
            self.given[u] += x
            self.got[v] += x
            self.residual[u] += x - mean
            self.last_given[u] = t
            self.last_got[v] = t
            self.events += 1
            self.sum += x
            if u != v:
                self.out[u][v] = x
                self.into[v][u] = x


def plain_features(stream: EventStream) -> np.ndarray:
    """The features of every event; float32, shape ``(n, 34)``."""
    state = PlainState(stream.tick_seconds)
    out = np.zeros((len(stream), 34), np.float32)
    x = stream.normalized().tolist()
    events = list(zip(stream.source.tolist(), stream.target.tolist(), x, strict=True))
    starts = stream.tie_starts.tolist()
    for start, end in pairwise(starts):
        t = int(stream.time[start])
        for i in range(start, end):
            out[i] = state.features(events[i][0], events[i][1], t)
        names = stream.nodes
        state.commit(sorted(events[start:end], key=lambda e: (names[e[0]], names[e[1]], e[2])), t)
    return out
