"""The running signed state of a network, event by event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from signwise._native import _graph
from signwise.errors import LeakError

Ints = npt.NDArray[np.int64]

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbors:
    """The newest events of nodes, newest first along the last axis K, in which a node had either role.

    An event of a node with itself counts once in each role. Where ``mask`` is False there is no such event, and
    the other arrays hold 0 (``event`` -1).

    Args:
        peer: int64, shape ``(..., K)``; the other end.
        time: int64 ticks.
        x: float32; the normalised signed value.
        role: int8; +1 where the node was the rater, -1 where it was rated.
        mask: bool.
        event: int64; the running number of the event in the order in which events were given, to find what else is
            known of it (the row of a replayed stream).
    """

    peer: Ints
    time: Ints
    x: npt.NDArray[np.float32]
    role: npt.NDArray[np.int8]
    mask: npt.NDArray[np.bool_]
    event: Ints

    @classmethod
    def from_rings(cls, rings: _graph.Rings) -> Neighbors:
        """The neighbors that the engine wrote."""
        peer, time, x, role, event = rings
        return cls(peer=peer, time=time, x=x, role=role, mask=event >= 0, event=event)


class SignedState:
    """What is known of a signed stream strictly before the present, and the features read from it.

    For each node: counts of positive and negative ratings given (O⁺, O⁻) and received (I⁺, I⁻), their sums of x
    (SO, SI), the residual sum R, the times of the last rating given and received (L_o, L_i), and its newest events.
    Globally: G⁺, G⁻ and the sum S of x. With ``g = (S + .1)/(G + 1)`` and ``π = (G⁺ + 9)/(G + 10)`` the smoothed
    statistics are ``mean(s, n) = (s + 3g)/(n + 3)`` and ``rate(p, n) = (p + 2π)/(n + 2)``, and the lag of a time L is
    ``log1p(days since L)``, 0 if there is none.

    The four triad shapes of a pair (u, v) over common peers z are u→z→v; u→z, v→z; z→u, z→v; z→u, v→z. Each gives
    the count, ``Σ x₁x₂`` and ``Σ sgn(x₁x₂)``. A repeated pair keeps its newest value. A rating of oneself enters the
    counters and no triad. The sign of an event is the sign bit of ``x``: a weight too small for the scale is +0.0 or
    -0.0.

    Nodes are added as their ids come. A state can be copied (:func:`copy.deepcopy`) and pickled.

    Args:
        tick_seconds: seconds in a tick of the times that come.
        keys: external names of the nodes, by which the events of a tie group are ordered before they are applied,
            so that neither their order nor the numbering of the nodes matters; ids by default. A list may grow
            with the nodes.
        ring: how many of its newest events a node keeps.

    Example:
        >>> from signwise.graph import SignedState
        >>> state = SignedState(tick_seconds=1.0)
        >>> state.commit([0, 1], [1, 2], [1.0, -0.5], [0, 86_400])
        >>> state.features([0], [2], 2 * 86_400)[0, 22:25].tolist()  # one path 0→1→2, whose signs disagree
        [1.0, -0.5, -1.0]
        >>> state.neighbors([1]).peer[0, :2].tolist()
        [2, 0]
    """

    def __init__(self, *, tick_seconds: float, keys: Sequence[str] | None = None, ring: int = 10) -> None:
        if not 0 < tick_seconds < float("inf"):
            raise ValueError(f"tick_seconds is {tick_seconds}; expected a positive number of seconds")
        if ring < 0:
            raise ValueError(f"ring is {ring}; expected 0 or more events to keep for each node")
        self.tick_seconds = float(tick_seconds)
        self.ring = int(ring)
        self.sealed_time: int | None = None
        """The time of the last committed event: pairs and events must be later; None before the first."""
        self._keys = keys
        self._engine = _graph.StreamState(self.tick_seconds, self.ring)

    @property
    def num_nodes(self) -> int:
        """One more than the largest id committed."""
        return self._engine.num_nodes

    @property
    def num_events(self) -> int:
        """Number of events committed."""
        return self._engine.num_events

    @property
    def nbytes(self) -> int | None:
        """Bytes that the state holds; None where the extension was not built."""
        return self._engine.nbytes

    def features(self, source: npt.ArrayLike, target: npt.ArrayLike, time: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The 34 running features of pairs, each at a time after every committed event.

        Args:
            source: int64, shape ``(B,)``; ids of the raters. One never seen, -1 among them, has an empty history.
            target: int64, shape ``(B,)``; ids of the ratees.
            time: int64 ticks, shape ``(B,)``, or one for all.

        Returns:
            float32, shape ``(B, 34)``, columns as in :data:`FEATURE_NAMES`.

        Raises:
            LeakError: a time is not after the last committed event.
        """
        raters = np.asarray(source)
        times = np.broadcast_to(np.asarray(time), raters.shape)
        self._check_later(times)
        return self._engine.features(raters, np.asarray(target), times)

    def neighbors(self, nodes: npt.ArrayLike) -> Neighbors:
        """The newest committed events of nodes.

        Args:
            nodes: int64, shape ``(B,)``; ids, also of nodes never seen.

        Returns:
            Arrays of shape ``(B, ring)``.
        """
        return Neighbors.from_rings(self._engine.neighbors(np.asarray(nodes)))

    def commit(self, source: npt.ArrayLike, target: npt.ArrayLike, x: npt.ArrayLike, time: npt.ArrayLike) -> None:
        """Apply events: whole tie groups, in order of time. The order within a group does not matter.

        Args:
            source: int64, shape ``(n,)``; ids of the raters, from 0.
            target: int64, shape ``(n,)``.
            x: float64, shape ``(n,)``; normalised signed values in [-1, 1].
            time: int64 ticks, shape ``(n,)``, not decreasing, or one for all.

        Raises:
            LeakError: a time is not after the last committed event.
            ValueError: times decrease, or a value or an id is out of range; nothing is applied then.
        """
        raters = np.asarray(source)
        times = np.broadcast_to(np.asarray(time), raters.shape)
        if not raters.size:
            return
        events = _graph.checked_events(raters, np.asarray(target), np.asarray(x), times)
        self._check_later(times)
        order = tie_order(*events, self._keys)
        self._engine.commit(_graph.take(events, order), self.num_events + order)
        self.sealed_time = int(events[3][-1])

    def export(self) -> dict[str, npt.NDArray[Any]]:
        """The whole state, but for the names of nodes, as arrays to store.

        Two states that had the same events have equal arrays. :meth:`from_export` continues bit for bit.
        """
        setting = {
            "tick_seconds": np.array([self.tick_seconds]),
            "ring": np.array([self.ring], np.int64),
            "sealed_time": np.array([] if self.sealed_time is None else [self.sealed_time], np.int64),
        }
        return self._engine.export() | setting

    @classmethod
    def from_export(cls, arrays: Mapping[str, npt.NDArray[Any]], *, keys: Sequence[str] | None = None) -> SignedState:
        """The state that :meth:`export` gave.

        Args:
            arrays: by name.
            keys: the names of the nodes, as the state was given them.

        Raises:
            ValueError: the arrays are not those of a state.
        """
        missing = sorted({"tick_seconds", "ring", "sealed_time"} - set(arrays))
        if missing:
            raise ValueError(f"stored state: {', '.join(missing)} missing")
        tick_seconds, ring = (arrays[name].reshape(-1)[0].item() for name in ("tick_seconds", "ring"))
        state = cls(tick_seconds=tick_seconds, ring=ring, keys=keys)
        state._engine.load(dict(arrays))
        sealed = arrays["sealed_time"].tolist()
        state.sealed_time = sealed[0] if sealed else None
        return state

    def __getstate__(self) -> dict[str, Any]:
        return {"arrays": self.export(), "keys": self._keys}

    def __setstate__(self, stored: dict[str, Any]) -> None:
        self.__dict__.update(SignedState.from_export(stored["arrays"], keys=stored["keys"]).__dict__)

    def _check_later(self, times: npt.NDArray[Any]) -> None:
        if self.sealed_time is not None and times.size and times.min() <= self.sealed_time:
            raise LeakError(f"time {times.min()} is not after the last committed event at {self.sealed_time}")


def tie_order(
    source: npt.NDArray[Any],
    target: npt.NDArray[Any],
    x: npt.NDArray[np.float64],
    time: npt.NDArray[Any],
    keys: Sequence[str] | None,
) -> Ints:
    """The order in which events are applied: by time, then names of both ends (or ids), then x.

    Args:
        source, target, x, time: the events, shape ``(n,)`` each, times not decreasing.
        keys: names of the nodes; None compares ids.

    Returns:
        int64, shape ``(n,)``; positions of events.

    Raises:
        ValueError: a node has no name.
    """
    if keys is not None and len(source):
        largest = max(source.max(), target.max())
        if largest >= len(keys):
            raise ValueError(f"an event has node {largest}; keys names {len(keys)} nodes")
    order = np.arange(len(time))
    same = time[1:] == time[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    if not len(tied):
        return order
    nodes, ends = np.unique(np.stack([source[tied], target[tied]]), return_inverse=True)
    if keys is not None:
        names = nodes.tolist()
        rank = np.empty(len(names), np.int64)
        rank[sorted(range(len(names)), key=lambda i: keys[names[i]])] = np.arange(len(names))
        ends = rank[ends]
    rater, ratee = ends.reshape(2, -1)
    # The sign bit tells apart the two zeros, which compare equal.
    value = x[tied]
    order[tied] = tied[np.lexsort((~np.signbit(value), value, ratee, rater, time[tied]))]
    return order
