"""Honest non-events: pairs that could have been rated at the time of an event, and were not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signwise.events import EventStream

from ._contract import Queries
from ._order import canonical_order, name_rank

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TRIES = 24


def draw_negatives(
    stream: EventStream,
    *,
    per_event: int = 1,
    events: Mask | None = None,
    historical: bool = True,
    seed: int = 0,
) -> Queries:
    """Draw pairs that did not interact, each beside an event (u, v, t), from what was known at its time.

    A non-event (u, v') keeps the rater and the time. One half of the v' are uniform over the nodes that were rated
    before t, the other half over the nodes seen up to t, in either role. Left out are v' = u, the pairs rated at t and
    the pairs rated before t.

    Where pairs repeat, "was rated before" would tell events and non-events apart. With ``historical`` a non-event
    is then drawn, at the rate ρ, from the other pairs of u that were rated before t and not at t; ρ is the share of
    repeated pairs among the events before t. Where no pair repeats ρ is 0.

    A draw depends on the events up to its time, the names of the nodes and the seed alone, neither on the numbering
    of nodes nor on the order of simultaneous events. Draws are with replacement.

    Args:
        stream: the events.
        per_event: how many non-events each event gets.
        events: bool, shape ``(n,)``; the events that get some; by default all.
        historical: whether earlier pairs may be drawn where pairs repeat.
        seed: equal seeds give equal pairs, in any process.

    Returns:
        The pairs by event. An event without any candidate (the first of a stream, say) has none, so the count is at
        most ``per_event`` times the number of events.

    Raises:
        ValueError: ``per_event`` is below 1, or ``events`` has another shape.

    Example:
        >>> from signwise.data import simulate_signed_events
        >>> from signwise.graph import draw_negatives
        >>> stream = simulate_signed_events(1000, 100, seed=0).stream
        >>> pairs = draw_negatives(stream, seed=1)
        >>> bool((stream.source[pairs.event] == pairs.source).all()), bool((pairs.source != pairs.target).all())
        (True, True)

    References:
        Poursafaei et al., Towards Better Evaluation for Dynamic Link Prediction, 2022, on historical negatives.
    """
    if per_event < 1:
        raise ValueError(f"per_event is {per_event}; expected at least 1")
    n = len(stream)
    wanted = np.ones(n, np.bool_) if events is None else np.asarray(events, np.bool_)
    if wanted.shape != (n,):
        raise ValueError(f"events has shape {wanted.shape}; expected ({n},), one entry for each event of the stream")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed}; expected a whole number from 0 to 2**63 - 1")
    past = _Past.of(stream)
    place = np.empty(n, np.int64)
    place[canonical_order(stream)] = np.arange(n)
    event = np.repeat(np.flatnonzero(wanted), per_event)
    slot = np.tile(np.arange(per_event, dtype=np.int64), int(wanted.sum()))
    target = np.full(len(event), -1, np.int64)
    key = _mix(_mix(np.uint64(seed), place[event]), slot)
    even = (_uniform(key, -1) < 0.5).astype(np.int64)
    # An even number of slots is halved exactly; an odd one by the toss of a coin for each event.
    from_rated = ((slot + (even if per_event % 2 else 0)) % 2).astype(np.bool_)
    from_past = historical & (_uniform(key, -2) < past.repeated_share[event])
    left = np.arange(len(event))
    for attempt in range(_TRIES):
        if not len(left):
            break
        e = event[left]
        drawn = past.draw(e, from_rated[left], from_past[left], _uniform(key[left], attempt))
        good = past.valid(e, drawn, from_past[left])
        target[left[good]] = drawn[good]
        left = left[~good]
    _draw_exactly(past, event, from_rated, from_past, key, target, left)
    found = target >= 0
    event, target = event[found], target[found]
    return Queries(source=stream.source[event], target=target, time=stream.time[event], event=event)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Past:
    """What was known at each time, as sorted tables.

    Args:
        stream: the events.
        rated, seen: nodes by the first time that they were rated, or seen, ties by name.
        n_rated, n_seen: how many of them each event may draw from.
        pairs: distinct pairs as ``source * num_nodes + target``, sorted.
        pair_first: the first time of each.
        out_start, out_target, out_time: for each node, its targets by the first time and name.
        n_out: how many targets of its source each event may draw from.
        repeated_share: share of the events before each event's time whose pair had been rated before.
    """

    stream: EventStream
    rated: Ints
    seen: Ints
    n_rated: Ints
    n_seen: Ints
    pairs: Ints
    pair_first: Ints
    out_start: Ints
    out_target: Ints
    n_out: Ints
    repeated_share: Floats

    @classmethod
    def of(cls, stream: EventStream) -> _Past:
        u, v, t, nodes = stream.source, stream.target, stream.time, stream.num_nodes
        rank = name_rank(stream)
        # Times as numbers of tie groups, so that later and earlier are small numbers.
        group = np.repeat(np.arange(len(stream.tie_starts) - 1), np.diff(stream.tie_starts))
        never = len(stream)
        rated_first, source_first = np.full(nodes, never), np.full(nodes, never)
        np.minimum.at(rated_first, v, group)
        np.minimum.at(source_first, u, group)
        seen_first = np.minimum(rated_first, source_first)
        rated, seen = (np.lexsort((rank, first)) for first in (rated_first, seen_first))
        pairs, index, inverse = np.unique(u * nodes + v, return_index=True, return_inverse=True)
        pair_first = group[index]
        repeats = np.zeros(len(stream) + 1)
        repeats[1:] = np.cumsum(group > pair_first[inverse])
        before = np.searchsorted(t, t, side="left")
        owner, peer = pairs // nodes, pairs % nodes
        order = np.lexsort((rank[peer], pair_first, owner))
        out_start = np.searchsorted(owner, np.arange(nodes + 1))
        # One sorted key for (owner, first time) counts the earlier targets of every source at once.
        moment = owner[order] * (never + 1) + pair_first[order]
        n_out = np.searchsorted(moment, u * (never + 1) + group) - out_start[u]
        return cls(
            stream=stream,
            rated=rated,
            seen=seen,
            n_rated=np.searchsorted(rated_first[rated], group, side="left"),
            n_seen=np.searchsorted(seen_first[seen], group, side="right"),
            pairs=pairs,
            pair_first=t[index],
            out_start=out_start,
            out_target=peer[order],
            n_out=n_out,
            repeated_share=repeats[before] / np.maximum(before, 1),
        )

    def draw(self, event: Ints, from_rated: Mask, from_past: Mask, chance: Floats) -> Ints:
        """A candidate for each event, -1 where its pool is empty."""
        size = np.where(from_past, self.n_out[event], np.where(from_rated, self.n_rated[event], self.n_seen[event]))
        at = np.minimum((chance * size).astype(np.int64), np.maximum(size - 1, 0))
        found = np.where(from_rated, self.rated[at], self.seen[at])
        if from_past.any():
            start = self.out_start[self.stream.source[event[from_past]]]
            found[from_past] = self.out_target[np.minimum(start + at[from_past], len(self.out_target) - 1)]
        return np.where(size > 0, found, -1)

    def valid(self, event: Ints, target: Ints, from_past: Mask) -> Mask:
        """Whether a candidate is no event: not the source itself, not rated at t, nor before t unless that is meant."""
        u, t = self.stream.source[event], self.stream.time[event]
        pair = u * self.stream.num_nodes + target
        at = np.minimum(np.searchsorted(self.pairs, pair), len(self.pairs) - 1)
        known = (self.pairs[at] == pair) & (self.pair_first[at] <= t)
        if from_past.any():
            known[from_past] = self._rated_at(pair[from_past], t[from_past])
        good: Mask = (target >= 0) & (target != u) & ~known
        return good

    def _rated_at(self, pair: Ints, time: Ints) -> Mask:
        both = np.stack([self.stream.source * self.stream.num_nodes + self.stream.target, self.stream.time], axis=1)
        rows, asked = (np.ascontiguousarray(x).view("i8,i8").ravel() for x in (both, np.stack([pair, time], axis=1)))
        found: Mask = np.isin(asked, rows)
        return found


def _draw_exactly(
    past: _Past, event: Ints, from_rated: Mask, from_past: Mask, key: npt.NDArray[np.uint64], target: Ints, left: Ints
) -> None:
    """Draw among all candidates where guessing failed: of the same pool, else of the nodes seen, else none."""
    for row in left.tolist():
        e = int(event[row])
        start = past.out_start[past.stream.source[e]]
        own = past.out_target[start : start + past.n_out[e]]
        wide = past.seen[: past.n_seen[e]]
        pools = [(own, True)] if from_past[row] else [(past.rated[: past.n_rated[e]], False)] if from_rated[row] else []
        for pool, earlier in [*pools, (wide, False)]:
            at = np.full(len(pool), e)
            pool = pool[past.valid(at, pool, np.full(len(pool), earlier))]
            if len(pool):
                target[row] = pool[int(_uniform(key[row : row + 1], _TRIES)[0] * len(pool))]
                break


def _mix(key: npt.NDArray[np.uint64] | np.uint64, value: Ints) -> npt.NDArray[np.uint64]:
    """SplitMix64 of a key and a counter, so that each row has a stream of its own."""
    with np.errstate(over="ignore"):
        z = np.asarray(key + (value.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: npt.NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed


def _uniform(key: npt.NDArray[np.uint64], counter: int) -> Floats:
    """A number in [0, 1) for each key."""
    bits = _mix(key, np.full(len(key), counter % 2**62, np.int64)) >> np.uint64(11)
    return np.asarray(bits * 2.0**-53)
