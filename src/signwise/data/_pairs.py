"""Who rates whom in a planted stream: distinct pairs, drawn for all events at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_ROUNDS = 400
_FLAT_AFTER = 20  # hubs run out of partners: later rounds ignore activity
_OPEN_AFTER = 200  # in a small, dense stream those present run out too: the last rounds ignore arrival
_RECENT_SHARE = 0.25
_REPLY_SHARE = 0.4
_REPLY_DELAY = 20.0


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Source and target of each event, and the event it replies to (-1 for none); int64, shape ``(n,)``."""

    source: Ints
    target: Ints
    parent: Ints


def open_pairs(rng: np.random.Generator, n_events: int, activity: Floats, *, arrivals: bool, replies: bool) -> Pairs:
    """Pairs drawn by activity, among the nodes that have arrived.

    With ``arrivals``, a first share of the nodes is there from the start and each other node enters at an event of
    its own, as rater or as ratee with equal chance; a quarter of the raters come from the newest tenth of the
    nodes. With ``replies``, 40 % of the other events answer an event some 20 events back, with the ends
    exchanged, where that pair is still free.
    """
    n_nodes = len(activity)
    newcomer, present = _arrivals(rng, n_events, n_nodes) if arrivals else _all_present(n_events, n_nodes)
    newcomer_rates = rng.random(n_events) < 0.5
    recent = (rng.random(n_events) < _RECENT_SHARE) & arrivals
    cumulated = np.concatenate([[0.0], np.cumsum(activity)])

    def draw(events: Ints, number: int) -> tuple[Ints, Ints]:
        if number >= _OPEN_AFTER:
            u, v = rng.integers(0, n_nodes, (2, len(events)))
            return u, v
        flat, high = number >= _FLAT_AFTER, present[events]
        low = np.where(recent[events] & (not flat), high - np.maximum(1, high // 10), 0)
        source = _choose(rng, cumulated, low, high, flat)
        target = _choose(rng, cumulated, np.zeros_like(high), high, flat)
        new = newcomer[events]
        rates = newcomer_rates[events]
        source = np.where((new >= 0) & rates, new, source)
        target = np.where((new >= 0) & ~rates, new, target)
        return source, target

    parent = _parents(rng, newcomer) if replies else np.full(n_events, -1, np.int64)
    source, target = np.zeros(n_events, np.int64), np.zeros(n_events, np.int64)
    taken = np.empty(0, np.int64)
    taken = _settle(draw, np.flatnonzero(parent < 0), source, target, taken, n_nodes)
    answers = np.flatnonzero(parent >= 0)
    free = ~_contains(taken, target[parent[answers]] * n_nodes + source[parent[answers]])
    parent[answers[~free]] = -1
    kept, plain = answers[free], answers[~free]
    source[kept], target[kept] = target[parent[kept]], source[parent[kept]]
    taken = np.sort(np.concatenate([taken, source[kept] * n_nodes + target[kept]]), kind="stable")
    _settle(draw, plain, source, target, taken, n_nodes)
    return Pairs(source=source, target=target, parent=parent)


def twin_pairs(
    rng: np.random.Generator, n_events: int, activity: Floats, first_camp: Callable[[Ints, Ints], Ints], same: Ints
) -> Pairs:
    """Pairs of nodes in the same camp or in opposite ones, as ``same`` (+1 or -1) asks for each event.

    Nodes ``2k`` and ``2k + 1`` are twins: equal activity, opposite camps at every time. Choosing twins first and
    the member by its camp afterwards makes ``same`` independent of who rates and who is rated.

    Args:
        rng: randomness.
        n_events: how many events.
        activity: of each pair of twins.
        first_camp: ``(twins, events) -> +1 or -1``, the camp of the even twin at the event.
        same: int64, shape ``(n_events,)``.
    """
    n_nodes = 2 * len(activity)
    cumulated = np.concatenate([[0.0], np.cumsum(activity)])

    def draw(events: Ints, number: int) -> tuple[Ints, Ints]:
        flat, low, high = number >= _FLAT_AFTER, np.zeros_like(events), np.full_like(events, len(activity))
        raters = _choose(rng, cumulated, low, high, flat)
        ratees = _choose(rng, cumulated, low, high, flat)
        odd = (rng.random(len(events)) < 0.5).astype(np.int64)
        wanted = first_camp(raters, events) * (1 - 2 * odd) * same[events]
        return 2 * raters + odd, 2 * ratees + (first_camp(ratees, events) != wanted)

    source, target = np.zeros(n_events, np.int64), np.zeros(n_events, np.int64)
    _settle(draw, np.arange(n_events), source, target, np.empty(0, np.int64), n_nodes)
    return Pairs(source=source, target=target, parent=np.full(n_events, -1, np.int64))


def _settle(
    draw: Callable[[Ints, int], tuple[Ints, Ints]],
    pending: Ints,
    source: Ints,
    target: Ints,
    taken: Ints,
    n_nodes: int,
) -> Ints:
    """Draw the ends of the pending events until no pair repeats; returns the sorted codes of all pairs.

    ``draw`` is given the pending events and the number of the round.
    """
    for number in range(_ROUNDS):
        if not len(pending):
            return taken
        u, v = draw(pending, number)
        code = u * n_nodes + v
        first = np.zeros(len(pending), np.bool_)
        first[np.unique(code, return_index=True)[1]] = True
        good = first & (u != v) & ~_contains(taken, code)
        source[pending[good]], target[pending[good]] = u[good], v[good]
        taken = np.sort(np.concatenate([taken, code[good]]), kind="stable")
        pending = pending[~good]
    raise ValueError(
        f"{len(pending)} events found no pair that had not met before; give more n_nodes or fewer n_events"
    )


def _contains(ordered: Ints, values: Ints) -> npt.NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(values), np.bool_)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return np.asarray(ordered[at] == values)


def _choose(rng: np.random.Generator, cumulated: Floats, low: Ints, high: Ints, flat: bool) -> Ints:
    """A node in ``[low, high)`` with probability proportional to its activity (or all alike)."""
    u = rng.random(len(low))
    if flat:
        offset: Ints = np.minimum((u * (high - low)).astype(np.int64), high - low - 1)
        return low + offset
    value = cumulated[low] + u * (cumulated[high] - cumulated[low])
    node: Ints = np.clip(np.searchsorted(cumulated, value, side="right") - 1, low, high - 1).astype(np.int64)
    return node


def _all_present(n_events: int, n_nodes: int) -> tuple[Ints, Ints]:
    return np.full(n_events, -1, np.int64), np.full(n_events, n_nodes, np.int64)


def _arrivals(rng: np.random.Generator, n_events: int, n_nodes: int) -> tuple[Ints, Ints]:
    """The node that enters at each event (-1 for none), and how many nodes are present, that one included."""
    order = np.argsort(rng.random(n_events), kind="stable")
    start = max(2, n_nodes // 50)
    while True:
        start = min(start, n_nodes)
        at = np.sort(order[: n_nodes - start])
        newcomer = np.full(n_events, -1, np.int64)
        newcomer[at] = np.arange(start, n_nodes)
        present = start + np.cumsum(newcomer >= 0)
        # At most half of the pairs that are possible by then may have been used.
        if start == n_nodes or np.all(np.arange(1, n_events + 1) <= present * (present - 1) // 2):
            return newcomer, present
        start *= 2


def _parents(rng: np.random.Generator, newcomer: Ints) -> Ints:
    """The event that each event answers, or -1; no event is answered twice, and answers are not answered."""
    n = len(newcomer)
    events = np.arange(n)
    answers = (rng.random(n) < _REPLY_SHARE) & (newcomer < 0)
    back = 1 + np.floor(-_REPLY_DELAY * np.log1p(-rng.random(n))).astype(np.int64)
    last_plain = np.maximum.accumulate(np.where(answers, -1, events))
    parent = np.where(answers & (events >= back), last_plain[np.maximum(events - back, 0)], -1)
    first = np.zeros(n, np.bool_)
    first[np.unique(parent, return_index=True)[1]] = True
    return np.where(first, parent, -1)
