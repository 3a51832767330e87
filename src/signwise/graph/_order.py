"""The order of events that no renumbering and no shuffling of simultaneous events changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from signwise.events import EventStream


def name_rank(stream: EventStream) -> npt.NDArray[np.int64]:
    """The rank of each node's external name; int64, shape ``(num_nodes,)``."""
    rank = np.empty(stream.num_nodes, np.int64)
    rank[sorted(range(stream.num_nodes), key=stream.nodes.__getitem__)] = np.arange(stream.num_nodes)
    return rank


def canonical_order(stream: EventStream) -> npt.NDArray[np.int64]:
    """The events by time, names of source and target, and rating.

    Events of equal time have no order of their own: the order in which they came must reach neither a sum, whose
    rounding it would change, nor a draw.

    Returns:
        int64, shape ``(n,)``; the position in the stream of the event that stands at each place.
    """
    rank = name_rank(stream)
    order: npt.NDArray[np.int64] = np.lexsort((stream.rating, rank[stream.target], rank[stream.source], stream.time))
    return order


def batch_starts(stream: EventStream, size: int) -> npt.NDArray[np.int64]:
    """Where batches of ``size`` events begin, each extended to the end of its last tie group.

    A border depends on the events before it alone.

    Returns:
        int64; positions of first events, then ``n``.
    """
    ties = stream.tie_starts
    starts = [0]
    while starts[-1] < len(stream):
        starts.append(int(ties[np.searchsorted(ties, min(starts[-1] + size, len(stream)))]))
    return np.asarray(starts, np.int64)
