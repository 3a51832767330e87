"""The size of the error without an oracle, from a low quantile of the residuals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from torch import Tensor

SETTLED_GAMMA = 0.1


def quantile(values: Tensor, q: float) -> float:
    """The order statistic number floor(qN) of N values, counted from 0; inf of none.

    Args:
        values: float64, shape ``(N,)``.
        q: in [0, 1).
    """
    n = values.numel()
    if n == 0:
        return math.inf
    at = min(n - 1, math.floor(q * n))
    if values.device.type == "cpu":
        return float(np.partition(values.reshape(-1).numpy(), at)[at])
    return float(values.reshape(-1).kthvalue(at + 1).values)


@dataclass(frozen=True, kw_only=True)
class ScaleRule:
    """How a scale is read off residuals: s = quantile_q(|ρ|)/k_q, k_q = Φ⁻¹((1+q)/2), q = 0.8(1 − breakdown).

    Of normal residuals s estimates the standard deviation, and outliers move it little as long as their share stays
    below `breakdown`. From step to step s_t = max(quantile_q(|ρ|)/k_q, γ s_{t−1}): the quantile may collapse long
    before the fit is good, on data with many zeros for example.

    Attributes:
        breakdown: the share of gross errors to withstand, in (0, 1).
        gamma: γ, the least ratio of a scale to the one before.
    """

    breakdown: float
    gamma: float

    @property
    def q(self) -> float:
        """0.8(1 − breakdown)."""
        return 0.8 * (1 - self.breakdown)

    @property
    def k_q(self) -> float:
        """Φ⁻¹((1 + q)/2): the q-quantile of |N(0, 1)|."""
        return NormalDist().inv_cdf((1 + self.q) / 2)

    def of(self, magnitudes: Tensor) -> float:
        """quantile_q/k_q of absolute residuals."""
        return quantile(magnitudes, self.q) / self.k_q

    def first(self, y: Tensor) -> float:
        """s_0: the scale of |y_i| over those above 1e-12·max|y|; zeros say nothing. 0 if all are zero."""
        magnitudes = y.abs()
        top = float(magnitudes.max()) if y.numel() else 0.0
        if top == 0:
            return 0.0
        return self.of(magnitudes[magnitudes > 1e-12 * top])

    def after(self, magnitudes: Tensor, previous: float, *, settled: bool = False) -> float:
        """s_t from |ρ_t| and s_{t−1}; with `settled`, γ is 0.1: the residuals are far below the scale already."""
        return max(self.of(magnitudes), (min(self.gamma, SETTLED_GAMMA) if settled else self.gamma) * previous)
