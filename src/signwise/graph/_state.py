"""The running signed state of a network, event by event, in readable Python.

This form is exact and is the reference that any faster engine must equal.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

FEATURE_GROUPS: dict[str, tuple[int, ...]] = {
    "rater": (0, 1, 2, 3, 8, 10, 12, 13, 15, 20),
    "ratee": (4, 5, 6, 7, 9, 11, 14, 16, 21),
    "pair": (17, 18),
    "global": (19,),
    "triads": tuple(range(22, 34)),
}
"""Which columns of the running features speak of the rater, the ratee, the pair, the stream, and common peers."""

FEATURE_NAMES: tuple[str, ...] = (
    *(f"log1p_{what}_{end}" for end in ("rater", "ratee") for what in ("given_pos", "given_neg", "got_pos", "got_neg")),
    "mean_given_rater",
    "mean_got_ratee",
    "mean_got_rater",
    "mean_given_ratee",
    "bias_rater",
    "rate_given_rater",
    "rate_got_ratee",
    "rate_got_rater",
    "rate_given_ratee",
    "reverse_value",
    "reverse_exists",
    "base_rate",
    "lag_given_rater",
    "lag_got_ratee",
    *(
        f"triad_{shape}_{what}"
        for shape in ("out_in", "out_out", "in_in", "in_out")
        for what in ("n", "product", "sign")
    ),
)
"""Names of the 34 running features, in column order."""

_DAY = 86_400.0


class Rating(NamedTuple):
    """One event inside a tie group: ids of both ends and the normalised signed value in [-1, 1].

    The sign of the event is the sign bit of ``x``: a weight too small for the scale is +0.0 or -0.0.
    """

    source: int
    target: int
    x: float


class SignedState:
    """What is known of a signed stream strictly before the present, and the features read from it.

    For each node: counts of positive and negative ratings given (O⁺, O⁻) and received (I⁺, I⁻), their sums of x
    (SO, SI), the residual sum R, and the times of the last rating given and received (L_o, L_i). Globally: G⁺, G⁻
    and the sum S of x. With ``g = (S + .1)/(G + 1)`` and ``π = (G⁺ + 9)/(G + 10)`` the smoothed statistics are
    ``mean(s, n) = (s + 3g)/(n + 3)`` and ``rate(p, n) = (p + 2π)/(n + 2)``, and the lag of a time L is
    ``log1p(days since L)``, 0 if there is none.

    The four triad shapes of a pair (u, v) over common peers z are u→z→v; u→z, v→z; z→u, z→v; z→u, v→z. Each gives
    the count, ``Σ x₁x₂`` and ``Σ sgn(x₁x₂)``. A repeated pair keeps its newest value. A rating of oneself enters the
    counters and no triad.

    Args:
        tick_seconds: seconds in a tick of the times that come.
        keys: external names of the nodes, by which the events of a tie group are ordered before they are applied,
            so that neither their order nor the numbering of the nodes matters; ids by default.

    Example:
        >>> from signwise.graph import SignedState, Rating
        >>> state = SignedState(tick_seconds=1.0)
        >>> state.commit([Rating(0, 1, 1.0)], time=0)
        >>> state.commit([Rating(1, 2, -0.5)], time=86_400)
        >>> f = state.features(0, 2, time=2 * 86_400)
        >>> f[22:25]  # one path 0→1→2, whose signs disagree
        [1.0, -0.5, -1.0]
    """

    def __init__(self, *, tick_seconds: float, keys: Sequence[str] | None = None) -> None:
        self.tick_seconds = tick_seconds
        self.last_time: int | None = None
        self._keys = keys
        # per node: [O+, O-, I+, I-, SO, SI, R]
        self._node: defaultdict[int, list[float]] = defaultdict(lambda: [0.0] * 7)
        self._last_out: dict[int, int] = {}
        self._last_in: dict[int, int] = {}
        self._out: defaultdict[int, dict[int, float]] = defaultdict(dict)
        self._in: defaultdict[int, dict[int, float]] = defaultdict(dict)
        self._positive = 0.0
        self._total = 0.0
        self._sum = 0.0

    def features(self, source: int, target: int, time: int) -> list[float]:
        """The 34 running features of the pair at a time after every committed event.

        Args:
            source: id of the rater; one never seen, -1 among them, has an empty history.
            target: id of the ratee.
            time: ticks; later than every committed event.

        Returns:
            34 floats in the order of :data:`FEATURE_NAMES`.

        Raises:
            ValueError: ``time`` is not after the last committed event, so the state would leak.
        """
        if self.last_time is not None and time <= self.last_time:
            raise ValueError(f"time {time} is not after the last committed event at {self.last_time}")
        u = self._node.get(source, _EMPTY)
        v = self._node.get(target, _EMPTY)
        g = (self._sum + 0.1) / (self._total + 1.0)
        base = (self._positive + 9.0) / (self._total + 10.0)
        out_u, in_u, out_v, in_v = u[0] + u[1], u[2] + u[3], v[0] + v[1], v[2] + v[3]
        back = None if source == target else self._out.get(target, _NO_EDGES).get(source)
        return [
            *map(math.log1p, (*u[:4], *v[:4])),
            (u[4] + 3 * g) / (out_u + 3),
            (v[5] + 3 * g) / (in_v + 3),
            (u[5] + 3 * g) / (in_u + 3),
            (v[4] + 3 * g) / (out_v + 3),
            u[6] / (out_u + 3),
            (u[0] + 2 * base) / (out_u + 2),
            (v[2] + 2 * base) / (in_v + 2),
            (u[2] + 2 * base) / (in_u + 2),
            (v[0] + 2 * base) / (out_v + 2),
            0.0 if back is None else back,
            0.0 if back is None else 1.0,
            base,
            self._lag(self._last_out.get(source), time),
            self._lag(self._last_in.get(target), time),
            *self._triads(source, target),
        ]

    def commit(self, group: Iterable[Rating], time: int) -> None:
        """Apply all events of one time.

        Args:
            group: every event of that time, in any order.
            time: ticks; later than every event before.

        Raises:
            ValueError: ``time`` is not after the last committed event.
        """
        if self.last_time is not None and time <= self.last_time:
            raise ValueError(f"time {time} is not after the last committed event at {self.last_time}")
        if self._keys is None:
            events = sorted(group)
        else:
            keys = self._keys
            events = sorted(group, key=lambda e: (keys[e.source], keys[e.target], e.x))
        g = (self._sum + 0.1) / (self._total + 1.0)
        expected = [self._received_mean(e.target, g) for e in events]
        for (source, target, x), mean in zip(events, expected, strict=True):
            u, v = self._node[source], self._node[target]
            # The sign bit, which a value that underflows to zero keeps.
            negative = int(math.copysign(1.0, x) < 0)
            u[negative] += 1.0
            u[4] += x
            u[6] += x - mean
            v[2 + negative] += 1.0
            v[5] += x
            self._last_out[source] = time
            self._last_in[target] = time
            self._positive += 1 - negative
            self._total += 1.0
            self._sum += x
            if source != target:
                self._out[source][target] = x
                self._in[target][source] = x
        self.last_time = time

    def _received_mean(self, node: int, g: float) -> float:
        v = self._node.get(node, _EMPTY)
        return (v[5] + 3 * g) / (v[2] + v[3] + 3)

    def _lag(self, last: int | None, time: int) -> float:
        return 0.0 if last is None else math.log1p((time - last) * self.tick_seconds / _DAY)

    def _triads(self, u: int, v: int) -> list[float]:
        if u == v:
            return [0.0] * 12
        out_u, in_u = self._out.get(u, _NO_EDGES), self._in.get(u, _NO_EDGES)
        out_v, in_v = self._out.get(v, _NO_EDGES), self._in.get(v, _NO_EDGES)
        values: list[float] = []
        for first, second in ((out_u, in_v), (out_u, out_v), (in_u, in_v), (in_u, out_v)):
            products = [first[z] * second[z] for z in first.keys() & second.keys()]
            # fsum rounds once, so that the order of the peers does not matter.
            signs = sum(math.copysign(1.0, product) for product in products)
            values += (float(len(products)), math.fsum(products), float(signs))
        return values


_EMPTY: list[float] = [0.0] * 7
_NO_EDGES: dict[int, float] = {}
