"""Which memory each message and each question reads: the versions of nodes' memories over a run of events.

The memories of a node change once in every block of events that it takes part in, where a block is a tie group, or a
batch of training. What a version is computed from is known from the events alone, so it is worked out here in numpy;
versions that do not depend on each other form a level, and a level is computed as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ._time_encoding import days

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

NEVER = np.iinfo(np.int64).min
"""The last event time of a node that has had none."""

_COUNTS = 4  # ratings given, positive and negative; received, positive and negative


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """Versions of one level, and the messages that make them.

    Args:
        own: int64, shape ``(u,)``; row of each node's memory before.
        unit: int64, shape ``(m,)``; the version, of ``[0, u)``, that each message belongs to, not decreasing.
        peer: int64, shape ``(m,)``; row of the peer's memory.
        event: int64, shape ``(m,)``; the event.
        x: float32, shape ``(m,)``; its signed value.
        role: float32, shape ``(m,)``; +1 where the node was the rater, else -1.
        span: float32, shape ``(m,)``; days from the node's last event before the block, 0 if there is none.
        share: float64, shape ``(m,)``; the weight of each message in its version's aggregate.
    """

    own: Ints
    unit: Ints
    peer: Ints
    event: Ints
    x: Floats
    role: Floats
    span: Floats
    share: npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Versions:
    """A table of memory rows: stored ones first, then every version in order of level.

    Args:
        nodes: int64, shape ``(r,)``, increasing; the nodes whose stored rows come first.
        levels: the versions behind them.
        row_time: int64, shape ``(r + u,)``; last event time of each row, :data:`NEVER` if there is none.
        row_node: int64, shape ``(r + u,)``.
        row_counts: float64, shape ``(r + u, 4)``; ratings given and received, each positive and negative.
        final_rows: int64; the newest version of each node that has one, in order of its id.
    """

    nodes: Ints
    levels: tuple[Level, ...]
    row_time: Ints
    row_node: Ints
    row_counts: npt.NDArray[np.float64]
    final_rows: Ints
    _keys: Ints
    _key_row: Ints
    _blocks: int

    def rows(self, nodes: Ints, block: Ints) -> Ints:
        """The row of each node as it was before a block; nodes must be among ``nodes``."""
        at = np.searchsorted(self._keys, nodes * self._blocks + block) - 1
        stored = np.searchsorted(self.nodes, nodes)
        if not len(self._keys):
            return stored
        found = (at >= 0) & (self._keys[at] // self._blocks == nodes)
        return np.where(found, self._key_row[at], stored)


def plan_versions(
    source: Ints,
    target: Ints,
    x: npt.NDArray[np.floating],
    time: Ints,
    block: Ints,
    *,
    others: Ints,
    last_update: Ints,
    counts: npt.NDArray[np.floating],
    tick_seconds: float,
    aggregate: Literal["mean", "last"] = "mean",
) -> Versions:
    """Plan the memories of all nodes over a run of events.

    Args:
        source: int64, shape ``(n,)``; ids.
        target: int64, shape ``(n,)``.
        x: shape ``(n,)``; signed values.
        time: int64, shape ``(n,)``, not decreasing.
        block: int64, shape ``(n,)``, from 0, not decreasing.
        others: int64; more nodes whose rows will be asked for.
        last_update: int64, shape ``(N,)``; the last event time of each node in the store, or :data:`NEVER`.
        counts: shape ``(N, 4)``; ratings given and received before the run.
        tick_seconds: seconds in a tick.
        aggregate: ``"mean"`` of a version's messages, or the ``"last"`` alone.
    """
    n = len(source)
    node = np.stack([source, target], 1).reshape(-1)
    peer = np.stack([target, source], 1).reshape(-1)
    role = np.tile(np.asarray([1.0, -1.0], np.float32), n)
    event = np.repeat(np.arange(n), 2)
    in_block = block[event]
    blocks = int(block[-1]) + 2 if n else 1
    nodes = np.unique(np.concatenate([node, others]))
    keys, unit = np.unique(node * blocks + in_block, return_inverse=True)
    unit = unit.reshape(-1)
    unit_node, unit_block = keys // blocks, keys % blocks
    units = len(keys)
    before = np.arange(units) - 1
    before[np.concatenate([[True], unit_node[1:] != unit_node[:-1]])[:units]] = -1
    peer_unit = np.searchsorted(keys, peer * blocks + in_block) - 1
    peer_unit[(peer_unit < 0) | (unit_node[peer_unit] != peer)] = -1
    level = _levels(unit, peer_unit, before, int(blocks) - 1)
    order = np.lexsort((unit_node, unit_block, level))
    row = np.empty(units, np.int64)
    row[order] = len(nodes) + np.arange(units)
    stored = np.searchsorted(nodes, unit_node)
    own = np.where(before >= 0, row[before], stored)
    unit_time = np.empty(units, np.int64)
    unit_time[unit] = time[event]  # times do not decrease, so the last of a block stays
    own_time = np.where(before >= 0, unit_time[before], last_update[unit_node])
    increment = np.zeros((units, _COUNTS))
    negative = np.signbit(x)[event]
    np.add.at(increment, (unit, np.where(role > 0, 0, 2) + negative), 1.0)
    unit_counts = counts[unit_node] + _running(increment, before)
    since = own_time[unit]
    span = days(np.where(since == NEVER, 0, time[event] - np.where(since == NEVER, 0, since)), tick_seconds)
    share = (1.0 / np.bincount(unit, minlength=units))[unit]
    if aggregate == "last":
        last = np.empty(units, np.int64)
        last[unit] = np.arange(2 * n)
        share = (last[unit] == np.arange(2 * n)).astype(np.float64)
    message_order = np.argsort(row[unit], kind="stable")
    peer_row = np.where(peer_unit >= 0, row[peer_unit], np.searchsorted(nodes, peer))
    value = np.asarray(x, np.float32)[event]
    levels = []
    depth = int(level.max()) + 1 if units else 0
    unit_starts = np.searchsorted(level[order], np.arange(depth + 1))
    message_starts = np.searchsorted(level[unit][message_order], np.arange(depth + 1))
    for i in range(depth):
        chosen = order[unit_starts[i] : unit_starts[i + 1]]
        told = message_order[message_starts[i] : message_starts[i + 1]]
        levels.append(
            Level(
                own=own[chosen],
                unit=row[unit[told]] - len(nodes) - unit_starts[i],
                peer=peer_row[told],
                event=event[told],
                x=value[told],
                role=role[told],
                span=span[told],
                share=share[told],
            )
        )
    is_last = np.concatenate([unit_node[1:] != unit_node[:-1], [True]])[:units]
    return Versions(
        nodes=nodes,
        levels=tuple(levels),
        row_time=np.concatenate([last_update[nodes], unit_time[order]]),
        row_node=np.concatenate([nodes, unit_node[order]]),
        row_counts=np.concatenate([counts[nodes], unit_counts[order]]),
        final_rows=row[is_last],
        _keys=keys,
        _key_row=row,
        _blocks=blocks,
    )


def _levels(unit: Ints, peer_unit: Ints, before: Ints, blocks: int) -> Ints:
    """One more than the deepest level that a version reads."""
    if blocks <= 1:
        return np.zeros(len(before), np.int64)
    # The entry behind the last is that of stored rows, which index -1 finds.
    level = [0] * len(before) + [-1]
    own = before.tolist()
    for u, p in zip(unit.tolist(), peer_unit.tolist(), strict=True):
        need = level[own[u]] if level[own[u]] > level[p] else level[p]
        if need >= level[u]:
            level[u] = need + 1
    return np.asarray(level[:-1], np.int64)


def _running(increment: npt.NDArray[np.float64], before: Ints) -> npt.NDArray[np.float64]:
    """Sums over the versions of a node so far; versions of a node are adjacent."""
    total = np.cumsum(increment, 0)
    first = np.maximum.accumulate(np.where(before < 0, np.arange(len(before)), 0))
    return np.asarray(total - (total[first] - increment[first]))
