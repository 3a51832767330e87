"""The one columnar record of signed events that data, graph and forecast share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_MAX_TICKS = 2**62  # leaves room for differences


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class EventStream:
    """Signed events in order of time: ``source`` gave ``target`` the rating ``sign * weight`` at ``time``.

    Sources and targets share one id space: the same number is the same node in either role. Times are whole
    ticks, so that two events are simultaneous exactly when their times are equal; events of equal time form a
    *tie group* and keep the order in which they came. The columns are read-only.

    Args:
        source: int64, shape ``(n,)``; node ids in ``[0, len(nodes))``.
        target: int64, shape ``(n,)``; node ids.
        time: int64, shape ``(n,)``; ticks, not decreasing.
        sign: int8, shape ``(n,)``; +1 or -1.
        weight: float64, shape ``(n,)``; finite and above zero.
        nodes: the external name of each node id.
        tick_seconds: seconds in a tick.
        weight_max: the largest possible weight, if the source of the data declares one.
        payload: float32, shape ``(n, p)``; a vector for each event, or None.
        line: int64, shape ``(n,)``; where each event stood in its file (from 1), or None.

    Raises:
        ValueError: a column has another length, an id out of range, a decreasing time, a sign that is not
            +1 or -1, or a weight that is not finite and positive.

    Example:
        >>> from signwise.events import EventStream
        >>> stream = EventStream.from_columns(
        ...     source=["ann", "bob", "ann"], target=["bob", "cy", "cy"], rating=[3, -1, 2], time=[5.0, 1.0, 9.0]
        ... )
        >>> stream
        EventStream(3 events, 3 nodes, 66.7 % positive, 1970-01-01T00:00:01Z .. 1970-01-01T00:00:09Z)
        >>> stream.rating.tolist()
        [-1.0, 3.0, 2.0]
    """

    source: IntArray
    target: IntArray
    time: IntArray
    sign: npt.NDArray[np.int8]
    weight: FloatArray
    nodes: tuple[str, ...]
    tick_seconds: float = 1e-6
    weight_max: float | None = None
    payload: npt.NDArray[np.float32] | None = None
    line: IntArray | None = None

    def __post_init__(self) -> None:
        columns: dict[str, tuple[Any, type]] = {
            "source": (self.source, np.int64),
            "target": (self.target, np.int64),
            "time": (self.time, np.int64),
            "sign": (self.sign, np.int8),
            "weight": (self.weight, np.float64),
            "line": (self.line, np.int64),
        }
        n = len(self.source)
        for name, (column, dtype) in columns.items():
            if column is None:
                continue
            array = _column(name, column, dtype)
            if array.shape != (n,):
                raise ValueError(f"{name} has shape {array.shape}; expected ({n},) as source has")
            object.__setattr__(self, name, array)
        if self.payload is not None:
            payload = np.array(self.payload, np.float32)
            if payload.ndim != 2 or len(payload) != n:
                raise ValueError(f"payload has shape {payload.shape}; expected ({n}, p)")
            payload.setflags(write=False)
            object.__setattr__(self, "payload", payload)
        object.__setattr__(self, "nodes", tuple(self.nodes))
        self._check()

    def _check(self) -> None:
        if not self.tick_seconds > 0 or not np.isfinite(self.tick_seconds):
            raise ValueError(f"tick_seconds is {self.tick_seconds}; expected a positive number of seconds")
        if self.weight_max is not None and not (self.weight_max > 0 and np.isfinite(self.weight_max)):
            raise ValueError(f"weight_max is {self.weight_max}; expected a positive number or None")
        if not len(self.source):
            return
        for name, ids in (("source", self.source), ("target", self.target)):
            if ids.min() < 0 or ids.max() >= len(self.nodes):
                raise ValueError(
                    f"{name} has ids from {ids.min()} to {ids.max()}; nodes names {len(self.nodes)} of them"
                )
        if np.any(np.diff(self.time) < 0):
            at = int(np.argmax(np.diff(self.time) < 0)) + 1
            raise ValueError(f"time decreases at event {at}; use EventStream.from_columns, which sorts")
        if np.abs(self.time).max() > _MAX_TICKS:
            raise ValueError("time is beyond 2**62 ticks; choose a larger tick_seconds")
        if not np.isin(self.sign, (-1, 1)).all():
            raise ValueError("sign has values other than +1 and -1")
        if not (np.isfinite(self.weight).all() and (self.weight > 0).all()):
            raise ValueError("weight has values that are not finite and positive")

    @classmethod
    def from_columns(
        cls,
        *,
        source: Sequence[Any] | npt.NDArray[Any],
        target: Sequence[Any] | npt.NDArray[Any],
        rating: Sequence[float] | npt.NDArray[Any],
        time: Sequence[float] | npt.NDArray[Any],
        tick_seconds: float = 1e-6,
        weight_max: float | None = None,
        payload: npt.NDArray[Any] | None = None,
        line: Sequence[int] | IntArray | None = None,
    ) -> EventStream:
        """Build a stream from external names, signed ratings and times in seconds, in any order.

        Events are sorted by time; events of equal time keep their order. A node's id is the rank of its first
        appearance in the sorted stream (the source before the target).

        Args:
            source: names, shape ``(n,)``; anything whose ``str`` names the node.
            target: names, shape ``(n,)``.
            rating: numbers, shape ``(n,)``; finite and not zero.
            time: seconds, shape ``(n,)``; rounded to whole ticks.
            tick_seconds: seconds in a tick.
            weight_max: the largest possible ``abs(rating)``, if known.
            payload: float, shape ``(n, p)``, or None.
            line: the line of each event in its file, or None.

        Raises:
            ValueError: lengths differ, a rating is zero or not finite, or a time is not finite or beyond 2**62
                ticks.
        """
        value = np.asarray(rating, np.float64)
        n = len(value)
        for name, column in (("source", source), ("target", target), ("time", time)):
            if len(column) != n:
                raise ValueError(f"{name} has {len(column)} entries and rating has {n}; they must be equal")
        bad = ~np.isfinite(value) | (value == 0)
        if bad.any():
            at = int(np.argmax(bad))
            raise ValueError(f"rating {at} is {value[at]}; a signed event needs a finite number that is not zero")
        ticks = to_ticks(time, tick_seconds)
        order = np.argsort(ticks, kind="stable")
        ids: dict[str, int] = {}
        pairs = np.empty((n, 2), np.int64)
        names = [list(map(str, source)), list(map(str, target))]
        for row, i in enumerate(order.tolist()):
            pairs[row, 0] = ids.setdefault(names[0][i], len(ids))
            pairs[row, 1] = ids.setdefault(names[1][i], len(ids))
        return cls(
            source=pairs[:, 0],
            target=pairs[:, 1],
            time=ticks[order],
            sign=np.where(value[order] > 0, 1, -1).astype(np.int8),
            weight=np.abs(value[order]),
            nodes=tuple(ids),
            tick_seconds=tick_seconds,
            weight_max=weight_max,
            payload=None if payload is None else np.asarray(payload)[order],
            line=None if line is None else np.asarray(line, np.int64)[order],
        )

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        if not len(self):
            return f"EventStream(0 events, {len(self.nodes)} nodes)"
        positive = 100 * float(np.mean(self.sign > 0))
        first, last = (_iso(t * self.tick_seconds) for t in (int(self.time[0]), int(self.time[-1])))
        return (
            f"EventStream({len(self):,} events, {len(self.nodes):,} nodes, {positive:.1f} % positive, "
            f"{first} .. {last})"
        )

    @property
    def num_nodes(self) -> int:
        """Number of node ids."""
        return len(self.nodes)

    @property
    def rating(self) -> FloatArray:
        """``sign * weight``, float64, shape ``(n,)``."""
        return np.asarray(self.sign * self.weight)

    @property
    def seconds(self) -> FloatArray:
        """Times in seconds, float64, shape ``(n,)``."""
        return np.asarray(self.time * self.tick_seconds)

    @property
    def tie_starts(self) -> IntArray:
        """Index of the first event of each tie group, then ``n``; int64, shape ``(groups + 1,)``."""
        if not len(self):
            return np.zeros(1, np.int64)
        starts = np.flatnonzero(np.diff(self.time)) + 1
        return np.concatenate([[0], starts, [len(self)]]).astype(np.int64)

    def normalized(self, weight_max: float | None = None) -> FloatArray:
        """``x = sign * weight / weight_max``, clipped to [-1, 1]; float64, shape ``(n,)``.

        Args:
            weight_max: the scale; by default the declared one. A stream without a declared scale needs it given
                (for a model: the largest weight of its training part).

        Raises:
            ValueError: no scale is known.
        """
        scale = self.weight_max if weight_max is None else weight_max
        if scale is None or not scale > 0:
            raise ValueError(f"weight_max is {scale}; the stream declares none, so give a positive one")
        return (self.rating / scale).clip(-1.0, 1.0)

    def select(self, index: npt.NDArray[Any] | slice) -> EventStream:
        """The events at ``index`` (a mask, a slice, or increasing positions), over the same nodes."""
        return replace(
            self,
            source=self.source[index],
            target=self.target[index],
            time=self.time[index],
            sign=self.sign[index],
            weight=self.weight[index],
            payload=None if self.payload is None else self.payload[index],
            line=None if self.line is None else self.line[index],
        )


def to_ticks(seconds: Sequence[float] | npt.NDArray[Any], tick_seconds: float) -> IntArray:
    """Seconds as whole ticks, rounded to nearest; int64, shape ``(n,)``.

    Raises:
        ValueError: a time is not finite or beyond 2**62 ticks.
    """
    if not tick_seconds > 0:
        raise ValueError(f"tick_seconds is {tick_seconds}; expected a positive number of seconds")
    value = np.asarray(seconds)
    per_second = 1.0 / tick_seconds
    # 1e-6 has no exact double, but a million ticks a second has.
    whole = per_second if abs(per_second - round(per_second)) > 1e-9 * per_second else float(round(per_second))
    scaled = value.astype(np.float64) * whole
    bad = ~np.isfinite(scaled) | (np.abs(scaled) > _MAX_TICKS)
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(f"time {at} is {value[at]} s; expected a finite number within 2**62 ticks of {tick_seconds} s")
    ticks: IntArray = np.rint(scaled).astype(np.int64)
    return ticks


def _column(name: str, values: Any, dtype: type) -> npt.NDArray[Any]:
    given = np.asarray(values)
    if given.dtype.kind not in "iuf" and given.size:
        raise ValueError(f"{name} has dtype {given.dtype}; expected numbers")
    array: npt.NDArray[Any] = given.astype(dtype, copy=True)
    if np.dtype(dtype).kind == "i" and given.dtype.kind == "f" and not np.array_equal(array, given):
        raise ValueError(f"{name} has values that are not whole numbers")
    array.setflags(write=False)
    return array


def _iso(seconds: float) -> str:
    try:
        return str(np.datetime64(int(np.floor(seconds)), "s")) + "Z"
    except (OverflowError, ValueError):
        return f"{seconds:.6g} s"
