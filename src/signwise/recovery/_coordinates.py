"""Coordinates of rows in a known row space, robustly."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDS, SHRINK, FLOOR = 50, 0.7, 1e-12
_CHUNK = 1 << 22


def robust_coordinates(X: Tensor, B: Tensor, *, rounds: int = ROUNDS, shrink: float = SHRINK) -> Tensor:
    r"""z_i minimising Σ_j |x_ij − (B z_i)_j| over the observed j, by reweighted least squares.

    .. math:: e \leftarrow \max(0.7\min(e, \mathrm{median}|r|/0.6745), 10^{-12}\max|x|), \quad
              w_j = 1/\max(|r_j|, e)

    Fifty rounds from the least-squares solution, all rows at once; fewer with a smaller factor than 0.7 are quicker and
    withstand less.

    Args:
        X: float64, shape ``(n, n2)``; NaN is missing.
        B: float64, shape ``(n2, k)``.
        rounds: number of rounds.
        shrink: the most by which e falls in one, in place of 0.7.

    Returns:
        float64, shape ``(n, k)``; 0 for a row without observations, least norm for one with fewer than k.
    """
    n, k = X.shape[0], B.shape[1]
    out = B.new_zeros(n, k)
    if k == 0 or n == 0:
        return out
    squares = (B[:, :, None] * B[:, None, :]).reshape(-1, k * k)
    step = max(1, _CHUNK // max(X.shape[1], k * k))
    for i in range(0, n, step):
        out[i : i + step] = _chunk(X[i : i + step], B, squares, rounds, shrink)
    return out


def _chunk(X: Tensor, B: Tensor, squares: Tensor, rounds: int, shrink: float) -> Tensor:
    known = ~torch.isnan(X)
    x = torch.where(known, X, 0.0)
    count = known.sum(1)
    middle = ((count - 1) // 2).clamp(min=0)[:, None]

    def solve(w: Tensor) -> Tensor:
        k = B.shape[1]
        gram = (w @ squares).reshape(-1, k, k)
        trace = gram.diagonal(dim1=1, dim2=2).sum(1)
        ridge = 1e-15 * torch.where(trace > 0, trace, 1.0)
        gram = gram + ridge[:, None, None] * torch.eye(k, dtype=B.dtype, device=B.device)
        solved: Tensor = torch.linalg.solve(gram, ((w * x) @ B)[:, :, None])
        return solved[:, :, 0]

    def spread(residual: Tensor) -> Tensor:
        sizes = torch.where(known, residual.abs(), torch.inf).sort(1).values
        middle_size = sizes.gather(1, middle)[:, 0]
        return torch.where(count > 0, middle_size, 0.0) / 0.6745

    floor = FLOOR * x.abs().amax(1).clamp(min=1e-290)
    z = solve(known.to(B.dtype))
    e = torch.full_like(floor, torch.inf)
    for _ in range(rounds):
        residual = x - z @ B.T
        e = torch.maximum(shrink * torch.minimum(e, spread(residual)), floor)
        # Weights relative to 1/e stay near 1, whatever the units.
        w = torch.where(known, e[:, None] / torch.maximum(residual.abs(), e[:, None]), 0.0)
        z = solve(w)
    return z
