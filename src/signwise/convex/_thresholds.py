"""Exact projections of vectors onto simplices and capped l1 balls, by sorting breakpoints."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def water_level(a: Tensor, total: float, cap: float = math.inf) -> Tensor:
    r"""The θ with Σ_i clip(a_i − θ, 0, cap) = total.

    The left side is continuous, piecewise linear and falling in θ, with breakpoints a_i and
    a_i − cap. Sorting them gives every piece's value and slope by two cumulative sums.

    Args:
        a: float64, shape ``(n,)``, n ≥ 1.
        total: a positive number, below n·cap.
        cap: the largest value of one term.

    Returns:
        θ, float64, shape ``()``. It may be negative.

    References:
        Duchi, Shalev-Shwartz, Singer, Chandra, "Efficient projections onto the l1-ball for learning in
        high dimensions", ICML 2008, for cap = inf.
    """
    breaks, signs = a, torch.ones_like(a)
    if cap < math.inf:
        breaks = torch.cat([a, a - cap])
        signs = torch.cat([signs, -signs])
    breaks, order = torch.sort(breaks, descending=True)
    signs = signs[order]
    slopes = signs.cumsum(0)
    heights = (signs * breaks).cumsum(0) - slopes * breaks  # the sum at θ = breaks[j]; rises with j
    below = heights < total
    # The piece that crosses `total` starts at the last breakpoint whose height is still below it.
    start = (below.sum() - 1).clamp(min=0)
    # A flat piece, slope 0, has the height `total` up to rounding, and any θ of it will do.
    missing = total - torch.take(heights, start)
    theta = torch.take(breaks, start) - missing / torch.take(slopes, start).clamp(min=1)
    # Cumulative sums lose digits when the entries are large; two Newton steps win them back.
    for _ in range(2):
        terms = (a - theta).clamp(0, cap)
        inside = ((terms > 0) & (terms < cap)).sum().clamp(min=1)
        theta = theta + (terms.sum() - total) / inside
    return theta


def onto_capped_l1(a: Tensor, total: float, cap: float = math.inf) -> Tensor:
    """Project `a` ≥ 0, float64, shape ``(n,)``, onto {x : 0 ≤ x ≤ cap, Σx ≤ total}."""
    if not a.numel():
        return a.clone()
    capped = a.clamp(max=cap)
    if total >= a.numel() * cap:
        return capped
    cut = (a - water_level(a, total, cap)).clamp(0, cap)
    # a − θ has the rounding errors of a, which may be much larger than the total.
    cut = cut * (total / cut.sum()).clamp(max=1)
    return torch.where(capped.sum() <= total, capped, cut)


def onto_simplex(a: Tensor) -> Tensor:
    """Project `a`, float64, shape ``(n,)``, n ≥ 1, onto {x : x ≥ 0, Σx = 1}."""
    cut = (a - water_level(a, 1.0)).clamp(min=0)
    return cut / cut.sum()
