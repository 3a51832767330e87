"""The small start along the top directions of the signs of the data."""

from __future__ import annotations

import numpy as np
import torch

from ._arrays import gaussian
from ._descent import State
from ._problem import Problem
from ._spectral import subspace_svd
from ._weights import Loss

LEAST = 1e-3


def small_start(problem: Problem, k: int, init_scale: float, rng: np.random.Generator) -> State:
    """α√Δ̂_0·U√(σ/σ_1) and the same of V, of the top k triplets of C = A*(sign y); rank 0 if C is 0.

    A symmetric problem takes the eigenpairs of the symmetric part of C, those below a thousandth of the largest
    eigenvalue raised to that.
    """
    zero_L, zero_R = problem.zero()
    look = problem.look(zero_L, zero_R)  # the residual there is −y
    n1, n2 = problem.shape
    empty_U, empty_V = zero_L, zero_R

    def times(V: torch.Tensor) -> torch.Tensor:
        left = problem.products(look, problem.s_0, V if problem.psd else empty_U, V, Loss("l1"))
        return -0.5 * (left[0] + left[1]) if problem.psd else -left[0]

    def t_times(U: torch.Tensor) -> torch.Tensor:
        return times(U) if problem.psd else -problem.products(look, problem.s_0, U, empty_V, Loss("l1"))[1]

    if problem.psd:
        V = gaussian(rng, (n1, k), problem.device)
        for _ in range(3):
            V = torch.linalg.qr(times(torch.linalg.qr(V).Q)).Q
        B = V.T @ times(V)
        values, W = torch.linalg.eigh((B + B.T) / 2)
        # A column of 0 would stay 0 for ever: where noise made an eigenvalue negative, its direction starts small.
        sigma, U = values.flip(0), (V @ W).flip(1)
        sigma = sigma.clamp(min=LEAST * max(float(sigma[0]), 0.0))
        V = U
    else:
        U, sigma, V = subspace_svd(times, t_times, n2, k, rng, problem.device)
    s = problem.s_0 / problem.rule.gamma
    if float(sigma[0]) == 0:
        return State(L=zero_L, R=zero_R, s=s)
    L, R = problem.joined(U, sigma / sigma[0], V)
    size = init_scale * problem.error(problem.s_0) ** 0.5
    L = L * size
    return State(L=L, R=L if problem.psd else R * size, s=s)
