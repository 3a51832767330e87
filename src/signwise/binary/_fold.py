"""Scales and shifts of a layer folded in float64, and their signs as integer thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def apply(a: Array, b: Array, s: Array) -> Array:
    """f(s) = fl(fl(a·s) + b) in float32, the finish of every tier."""
    with np.errstate(over="ignore"):
        result: Array = s.astype(np.float32) * a + b
    return result


def thresholds(a: Array, b: Array, k: int) -> tuple[Array, Array]:
    """Integers with (f(s) >= 0) = (s >= threshold) XOR flip for every s of -k..k, where f(s) = fl(fl(a·s) + b).

    f is weakly monotone, rounding included, so the place where its sign changes is found by bisection on f itself; a
    division would be off by one where it rounds.

    Args:
        a: float32, one a channel.
        b: float32.
        k: most that \\|s\\| can be.

    Returns:
        threshold, int32, within -k..k+1; flip, uint8.
    """
    rising = a > 0
    low, high = np.full(len(a), -k, np.int64), np.full(len(a), k + 1, np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        positive = apply(a, b, middle) >= 0
        past = np.where(rising, positive, ~positive)
        moving = low < high
        high = np.where(moving & past, middle, high)
        low = np.where(moving & ~past, middle + 1, low)
    threshold = np.where(a == 0, np.where(b >= 0, -k, k + 1), low)
    return threshold.astype(np.int32), (a < 0).astype(np.uint8)


def pack_rows(signs: Array) -> Array:
    """Rows of a weight ``(O, C, ky, kx)`` as bits: index (ky·kw + kx)·C + c, least significant first, uint8."""
    rows = signs.transpose(0, 2, 3, 1).reshape(len(signs), -1)
    return np.packbits(rows >= 0, axis=1, bitorder="little")


def unpack_rows(rows: Array, k: int) -> Array:
    """The signs +1 and -1 of packed rows, float32 ``(O, k)``."""
    bits = np.unpackbits(rows, axis=1, count=k, bitorder="little")
    return bits.astype(np.float32) * 2 - 1
