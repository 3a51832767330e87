"""Committed events in order, in columns that grow."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class Edges(NamedTuple):
    """The newest event with each peer of a node in one direction.

    Args:
        peer: int64, shape ``(n,)``, increasing.
        x: float64, shape ``(n,)``; the normalised signed value.
        time: int64 ticks, shape ``(n,)``.
    """

    peer: Ints
    x: npt.NDArray[np.float64]
    time: Ints


class CommittedEvents:
    """Source, target, normalised value and time of events, 24 bytes each.

    Equal times stand in the order in which they were applied.
    """

    _DTYPES: ClassVar[dict[str, Any]] = {"source": np.int32, "target": np.int32, "x": np.float64, "time": np.int64}

    def __init__(self) -> None:
        self._n = 0
        self._columns = {name: np.empty(0, dtype) for name, dtype in self._DTYPES.items()}

    def __len__(self) -> int:
        return self._n

    def append(self, source: Ints, target: Ints, x: npt.NDArray[np.float64], time: Ints) -> None:
        """Add events after those there are."""
        n = self._n + len(source)
        for (name, column), new in zip(self._columns.items(), (source, target, x, time), strict=True):
            if n > len(column):
                grown = np.empty(max(n, 2 * len(column)), column.dtype)
                grown[: self._n] = column[: self._n]
                self._columns[name] = column = grown
            column[self._n : n] = new
        self._n = n

    def columns(self) -> dict[str, npt.NDArray[np.generic]]:
        """The events, by column; views."""
        return {name: column[: self._n] for name, column in self._columns.items()}

    @classmethod
    def from_columns(cls, columns: dict[str, npt.NDArray[np.generic]]) -> CommittedEvents:
        """The events of stored columns."""
        events = cls()
        events.append(*(columns[name] for name in cls._DTYPES))  # type: ignore[arg-type]
        return events

    def edges(self, node: int, *, given: bool) -> Edges:
        """The newest event with each peer that ``node`` rated, or was rated by; ratings of oneself are left out.

        Reads all events once.
        """
        source, target, x, time = (column[: self._n] for column in self._columns.values())
        own, other = (source, target) if given else (target, source)
        at = np.flatnonzero((own == node) & (other != node))
        # The last of equal peers: unique keeps the first, so the order is turned.
        peer, last = np.unique(other[at][::-1], return_index=True)
        newest = at[::-1][last]
        return Edges(peer.astype(np.int64), x[newest], time[newest])
