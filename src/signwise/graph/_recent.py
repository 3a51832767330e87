"""What both ends of a pair did and met lately, from their newest events."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._state import FEATURE_NAMES, Ints, Neighbors

_SCALES_MIN = {"10_minutes": 10.0, "6_hours": 360.0, "week": 10_080.0}
_MINUTE_S = 60.0
_ROLES = np.array([[1], [-1]], np.int8)  # given, got
_CHUNK = 16_384

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
    out = np.empty((len(time), len(RECENT_NAMES)), np.float32)
    for begin in range(0, len(time), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        out[part] = _summaries(
            neighbors.mask[part], neighbors.role[part], neighbors.x[part],
            time[part, None, None] - neighbors.time[part], tick_seconds,
        )  # fmt: skip
    return out


def _summaries(
    mask: npt.NDArray[np.bool_],
    role: npt.NDArray[np.int8],
    x: npt.NDArray[np.float32],
    ticks: Ints,
    tick_seconds: float,
) -> npt.NDArray[np.float64]:
    """The features of some pairs, float64, shape ``(b, 44)``; arguments of shape ``(b, 2, K)``."""
    b, _, k = mask.shape
    age = np.where(mask, ticks, 0) * (tick_seconds / _MINUTE_S)
    # Of shape (b, 2 ends, 2 roles, K) from here on: all four groups of events at once.
    chosen = mask[:, :, None] & (role[:, :, None] == _ROLES)
    n = chosen.sum(-1)
    some = n > 0
    value = np.where(chosen, x[:, :, None], 0.0).astype(np.float64)
    out = np.empty((b, 2, 2, len(_KINDS)))
    if k:
        newest = chosen.argmax(-1)[..., None]
        out[..., 0] = np.where(some, np.take_along_axis(value, newest, -1)[..., 0], 0.0)
        ages = np.broadcast_to(age[:, :, None], chosen.shape)
        out[..., 1] = np.where(some, np.log1p(np.take_along_axis(ages, newest, -1)[..., 0]), 0.0)
    else:
        out[..., :2] = 0.0
    out[..., 2] = some
    out[..., 3] = value.sum(-1) / (n + 1)
    out[..., 4] = np.log1p(n)
    negative = np.signbit(x)[:, :, None]
    signed = (chosen & ~negative, chosen & negative)
    for i, scale in enumerate(_SCALES_MIN.values()):
        weight = np.exp(-age / scale)[:, :, None]
        for j, wanted in enumerate(signed):
            out[..., 5 + 2 * i + j] = np.log1p(np.where(wanted, weight, 0.0).sum(-1))
    return out.reshape(b, -1)
