"""Measures of signed weights: of the mean, and of the distribution over the levels where there is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

COVERAGE_LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Nominal levels of the central intervals whose coverage is measured."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often a central interval of the predicted distribution holds the observed weight.

    The weights are levels, so that an interval holds at least its nominal share. A calibrated forecast has
    ``observed`` near ``expected``.

    Args:
        level: nominal level c; the interval runs from the (1 - c)/2 to the (1 + c)/2 quantile, both included.
        observed: share of the observed weights inside.
        expected: mean predicted probability inside.
        width: mean width, in units of the weight.
    """

    level: float
    observed: float
    expected: float
    width: float


@dataclass(frozen=True, kw_only=True)
class WeightMetrics:
    """How well a set of signed weights is forecast.

    Args:
        n: number of events.
        rmse: root of the mean squared error, in units of the weight.
        mae: mean absolute error.
        pcc: Pearson's correlation of forecast and weight; None where one of them is constant.
        r2: 1 - squared error / squared deviation from the set's own mean; None where the weight is constant.
        log_score: mean negative log probability of the observed level, in nats; None without a distribution.
        coverage: of central intervals; empty without a distribution.
    """

    n: int
    rmse: float
    mae: float
    pcc: float | None
    r2: float | None
    log_score: float | None
    coverage: tuple[Coverage, ...]


def weight_metrics(
    weight: Floats, mean: Floats, probability: Floats | None = None, levels: Floats | None = None
) -> WeightMetrics | None:
    """Measure forecasts of signed weights over a whole set.

    Args:
        weight: the signed weights ``sign * weight``, shape ``(n,)``.
        mean: their forecasts, shape ``(n,)``.
        probability: float64, shape ``(n, k)``; the predicted distribution over the levels, or None.
        levels: float64, shape ``(k,)``, increasing. A weight that is no level counts as the nearest one.

    Returns:
        The measures, or None for an empty set.

    Example:
        >>> import numpy as np
        >>> from signwise.graph import weight_metrics
        >>> weight_metrics(np.array([1.0, -1.0, 3.0]), np.array([1.0, 0.0, 2.0])).rmse.__round__(4)
        0.8165
    """
    weight, mean = np.asarray(weight, np.float64), np.asarray(mean, np.float64)
    if weight.shape != mean.shape or weight.ndim != 1:
        raise ValueError(f"weight has shape {weight.shape} and mean {mean.shape}; expected two equal vectors")
    if not len(weight):
        return None
    error = mean - weight
    spread = float(np.sum((weight - weight.mean()) ** 2))
    varied = spread > 0 and bool(np.ptp(mean) > 0)
    log_score: float | None = None
    coverage: tuple[Coverage, ...] = ()
    if probability is not None:
        if levels is None or probability.shape != (len(weight), len(levels)):
            raise ValueError(
                f"probability has shape {probability.shape}; expected ({len(weight)}, k) with one level for each column"
            )
        log_score, coverage = _distribution(weight, np.asarray(probability, np.float64), np.asarray(levels, np.float64))
    return WeightMetrics(
        n=len(weight),
        rmse=float(np.sqrt(np.mean(error**2))),
        mae=float(np.mean(np.abs(error))),
        pcc=float(np.corrcoef(weight, mean)[0, 1]) if varied else None,
        r2=1.0 - float(np.sum(error**2)) / spread if spread > 0 else None,
        log_score=log_score,
        coverage=coverage,
    )


def _distribution(weight: Floats, probability: Floats, levels: Floats) -> tuple[float, tuple[Coverage, ...]]:
    if not (np.diff(levels) > 0).all():
        raise ValueError("levels must increase")
    at = np.abs(weight[:, None] - levels).argmin(axis=1)
    rows = np.arange(len(weight))
    below = np.cumsum(probability, axis=1)
    below /= below[:, -1:]
    found = []
    for level in COVERAGE_LEVELS:
        # The first level at which the distribution reaches a share; a hair below it, for a sum that falls just short.
        low, high = ((below < share - 1e-12).sum(axis=1) for share in ((1 - level) / 2, (1 + level) / 2))
        inside = below[rows, high] - np.where(low > 0, below[rows, low - 1], 0.0)
        found.append(
            Coverage(
                level=level,
                observed=float(np.mean((at >= low) & (at <= high))),
                expected=float(inside.mean()),
                width=float(np.mean(levels[high] - levels[low])),
            )
        )
    log_score = float(-np.log(np.clip(probability[rows, at], 1e-15, 1.0)).mean())
    return log_score, tuple(found)
