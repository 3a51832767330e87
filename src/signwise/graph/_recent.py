"""What both ends of a pair did and met lately, from their newest events."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._state import FEATURE_NAMES, Ints, Neighbors

_SCALES_MIN = {"10_minutes": 10.0, "6_hours": 360.0, "week": 10_080.0}
_MINUTE_S = 60.0

_KINDS = (
    "newest",
    "log_age",
    "any",
    "mean",
    "log_n",
    *(f"{sign}_{scale}" for scale in _SCALES_MIN for sign in ("pos", "neg")),
)

RECENT_NAMES: tuple[str, ...] = tuple(
    f"recent_{role}_{end}_{kind}" for end in ("rater", "ratee") for role in ("given", "got") for kind in _KINDS
)
"""Names of the features of :func:`recent_features`, in column order."""

RECENT_GROUPS: dict[str, tuple[int, ...]] = {
    f"{end}_recent": tuple(len(FEATURE_NAMES) + i for i, name in enumerate(RECENT_NAMES) if f"_{end}_" in name)
    for end in ("rater", "ratee")
}
"""Their columns behind the running features."""


def recent_features(neighbors: Neighbors, time: Ints, tick_seconds: float) -> npt.NDArray[np.float32]:
    r"""Summaries of the newest events of both ends, for each role apart.

    Running counts and means remember everything alike; a burst of ratings within minutes is lost in them. Of the K
    newest events of an end in which it gave (was given) a rating: x of the newest, the log of its age in minutes,
    whether there is one, the mean ``Σ x / (n + 1)``, ``log1p n``, and for each scale τ of 10 minutes, 6 hours and a
    week ``log1p Σ exp(-age / τ)`` over positive and over negative ones.

    Args:
        neighbors: arrays of shape ``(b, 2, K)``; the newest events of rater and ratee, newest first.
        time: int64, shape ``(b,)``; ticks, after all of them.
        tick_seconds: seconds in a tick.

    Returns:
        float32, shape ``(b, 44)``, columns as in :data:`RECENT_NAMES`.
    """
    b, k = len(time), neighbors.peer.shape[-1]
    ticks = np.where(neighbors.mask, time[:, None, None] - neighbors.time, 0)
    age = ticks * (tick_seconds / _MINUTE_S)
    decay = [np.exp(-age / scale) for scale in _SCALES_MIN.values()]
    negative = np.signbit(neighbors.x)
    parts: list[npt.NDArray[np.float64]] = []
    rows = np.arange(b)
    for end in (0, 1):
        for role in (1, -1):
            chosen = neighbors.mask[:, end] & (neighbors.role[:, end] == role)
            n = chosen.sum(1)
            some = n > 0
            newest = chosen.argmax(1) if k else np.zeros(b, np.int64)
            x = np.where(chosen, neighbors.x[:, end], 0.0).astype(np.float64)
            columns = [
                np.where(some, x[rows, newest], 0.0),
                np.where(some, np.log1p(age[rows, end, newest]), 0.0),
                some.astype(np.float64),
                x.sum(1) / (n + 1),
                np.log1p(n),
            ]
            for weight in decay:
                for wanted in (chosen & ~negative[:, end], chosen & negative[:, end]):
                    columns.append(np.log1p(np.where(wanted, weight[:, end], 0.0).sum(1)))
            parts += columns
    return np.stack(parts, 1).astype(np.float32)
