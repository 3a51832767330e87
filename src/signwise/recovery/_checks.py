"""Options that both estimators share."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np


def result_dtype(estimator: Any) -> np.dtype[Any]:
    """The type of the fitted arrays.

    Raises:
        ValueError: neither float32 nor float64.
    """
    try:
        dtype: np.dtype[Any] = np.dtype(estimator.dtype)
    except TypeError:
        dtype = np.dtype(object)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be 'float64' or 'float32', got {estimator.dtype!r}")
    return dtype


def check_options(estimator: Any, shape: tuple[int, int]) -> int:
    """Check the options of an estimator against the shape of its matrix; the largest rank to consider.

    Raises:
        ValueError: an option is out of range.
        TypeError: a rank that is no whole number.
    """
    smaller = min(shape)
    for name in ("rank", "max_rank"):
        value = getattr(estimator, name)
        if value is None and name == "max_rank":
            continue
        if isinstance(value, str) and value == "auto" and name == "rank":
            continue
        if isinstance(value, bool) or not isinstance(value, Integral):
            also = " or 'auto'" if name == "rank" else ""
            raise TypeError(f"{name} must be a whole number{also}, got {value!r}")
        if not 1 <= int(value) <= smaller:
            raise ValueError(f"{name} must be from 1 to min(n1, n2) = {smaller}, got {value}")
    for name, low, high in (("breakdown", 0, 1), ("tol", 0, 1), ("init_scale", 0, math.inf)):
        value = getattr(estimator, name)
        if not low < value < high:
            raise ValueError(f"{name} must be between {low} and {high}, got {value!r}")
    if estimator.max_iter < 1:
        raise ValueError(f"max_iter must be at least 1, got {estimator.max_iter!r}")
    result_dtype(estimator)
    holdout = estimator.holdout
    if holdout != "auto" and not 0 < float(holdout) < 1:
        raise ValueError(f"holdout must be 'auto' or between 0 and 1, got {holdout!r}")
    return int(estimator.max_rank) if estimator.max_rank is not None else max(1, min(64, smaller // 4))
