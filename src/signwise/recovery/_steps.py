"""One step on the factors: plain, and preconditioned by the other factor."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SENSING_STEP, ENTRYWISE_STEP = 0.5, 0.6  # c
SENSING_GAMMA, ENTRYWISE_GAMMA = 0.75, 0.93  # γ
DAMPING = 0.1  # λ in units of Δ̂


def plain_step(L: Tensor, R: Tensor, G_L: Tensor, G_R: Tensor, error: float) -> tuple[Tensor, Tensor]:
    """L − G_L/ν and R − G_R/ν with ν = max(‖L‖₂², ‖R‖₂², Δ̂).

    Args:
        L: float64, shape ``(n1, k)``.
        R: float64, shape ``(n2, k)``; for a symmetric problem the same tensor as L.
        G_L: (cτ/g)A*(w)R, shape ``(n1, k)``.
        G_R: (cτ/g)A*(w)ᵀL, shape ``(n2, k)``.
        error: Δ̂, the estimated ‖LRᵀ − X*‖_F.

    Returns:
        The new factors, the same tensor twice for a symmetric problem.
    """
    largest = max(_spectral_square(L), _spectral_square(R) if R is not L else 0.0, error, 1e-300)
    left = L - G_L / largest
    return left, left if R is L else R - G_R / largest


def scaled_step(L: Tensor, R: Tensor, G_L: Tensor, G_R: Tensor, error: float) -> tuple[Tensor, Tensor]:
    """L − G_L(RᵀR + λI)⁻¹ and R − G_R(LᵀL + λI)⁻¹ with λ = 0.1Δ̂; arguments as in :func:`plain_step`.

    The rate does not depend on the condition number of X*, and λ keeps spare columns harmless.
    """
    damping = max(DAMPING * error, 1e-300)
    left = L - _solve(R, G_L, damping)
    return left, left if R is L else R - _solve(L, G_R, damping)


def estimated_error(s: float, m: float, gain: float) -> float:
    """Δ̂ = s√(m/g), which estimates ‖LRᵀ − X*‖_F."""
    return s * math.sqrt(m / gain)


def _spectral_square(F: Tensor) -> float:
    return float(torch.linalg.matrix_norm(F.T @ F, ord=2)) if F.numel() else 0.0


def _solve(F: Tensor, G: Tensor, damping: float) -> Tensor:
    gram = F.T @ F
    gram.diagonal().add_(damping)
    factor, info = torch.linalg.cholesky_ex(gram)
    if int(info):
        # Rounding made the Gram matrix indefinite: damp by what rounding can be.
        gram.diagonal().add_(1e-14 * float(gram.diagonal().sum()) + damping)
        factor = torch.linalg.cholesky(gram)
    return torch.cholesky_solve(G.T, factor).T
