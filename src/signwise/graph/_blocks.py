"""Events in blocks, within which memories stand still, and in ranges that do not cut a block."""

from __future__ import annotations

import numpy as np

from ._state import Ints


def blocks(time: Ints, granularity: str | int) -> Ints:
    """The block of each event: its tie group, or so many events extended to the end of a tie group.

    Example:
        >>> import numpy as np
        >>> blocks(np.array([0, 1, 1, 1, 2, 3]), 2).tolist()
        [0, 0, 0, 0, 1, 1]
    """
    n = len(time)
    first = np.ones(n, bool)
    first[1:] = time[1:] != time[:-1]
    if isinstance(granularity, int):
        starts = np.flatnonzero(first)
        first = np.zeros(n, bool)
        at = 0
        while at < n:
            first[at] = True
            following = np.searchsorted(starts, at + granularity)
            at = int(starts[following]) if following < len(starts) else n
    return np.cumsum(first) - 1


def chunks(block: Ints, size: int) -> list[tuple[int, int]]:
    """Ranges of about ``size`` events that do not cut a block."""
    ranges, start = [], 0
    while start < len(block):
        end = int(np.searchsorted(block, block[min(start + size, len(block)) - 1], side="right"))
        ranges.append((start, end))
        start = end
    return ranges
