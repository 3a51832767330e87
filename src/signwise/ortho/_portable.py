"""Uniform numbers and logarithms with the same bits on every platform."""

from __future__ import annotations

import operator
from typing import overload

import numpy as np
from numpy.typing import NDArray

from signwise._native import _ortho as _kernels

Floats = NDArray[np.float64]


@overload
def uniform(x: int) -> float: ...
@overload
def uniform(x: NDArray[np.uint64]) -> Floats: ...
def uniform(x: int | NDArray[np.uint64]) -> float | Floats:
    """U(x) = (x >> 11) 2^-53, the upper 53 bits of a word as a number in [0, 1).

    Args:
        x: a whole number, taken mod 2^64, or a uint64 array.

    Returns:
        A float, or a float64 array of the same shape.

    Raises:
        TypeError: an array that is not of uint64.

    Examples:
        >>> uniform(2**63)
        0.5
    """
    if isinstance(x, np.ndarray):
        if x.dtype != np.uint64:
            raise TypeError(f"x must be an array of uint64, got {x.dtype}")
        return _kernels.uniform(x)
    return ((operator.index(x) & _kernels.MASK) >> 11) * 2.0**-53


@overload
def ln(x: float) -> float: ...
@overload
def ln(x: Floats) -> Floats: ...
def ln(x: float | Floats) -> float | Floats:
    """Natural logarithm from + - * / alone, without the platform's mathematical library.

    x = m 2^e with m in [sqrt(1/2), sqrt(2)), s = (m - 1)/(m + 1);
    ln x = 0.6931471805599453 e + 2 s (1 + s^2/3 + s^4/5 + ... + s^14/15), by Horner's rule. The series stops
    early: the absolute error of ln m is about 1.2e-14.

    Args:
        x: positive and finite; a number or a float64 array.

    Returns:
        A float, or a float64 array of the same shape.

    Raises:
        ValueError: a number that is not positive and finite.

    Examples:
        >>> round(ln(10.0), 12)
        2.302585092994
    """
    values = np.asarray(x, np.float64)
    if not np.all((values > 0) & (values < np.inf)):
        raise ValueError("x must be positive and finite")
    result = _kernels.ln(values)
    return result if isinstance(x, np.ndarray) else float(result)
