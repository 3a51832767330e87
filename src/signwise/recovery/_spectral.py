"""Singular values of matrices that are known through products only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ._arrays import gaussian

Product = Callable[[Tensor], Tensor]


def factor_svd(L: Tensor, R: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Singular value decomposition of LRᵀ by QR of both factors: U ``(n1, k)``, σ ``(k,)`` falling, V ``(n2, k)``."""
    if L.shape[1] == 0:
        return L, L.new_zeros(0), R
    Q_L, T_L = torch.linalg.qr(L)
    Q_R, T_R = torch.linalg.qr(R)
    U, sigma, Vt = torch.linalg.svd(T_L @ T_R.T)
    rank = min(L.shape[1], R.shape[1], *T_L.shape, *T_R.shape)
    return Q_L @ U[:, :rank], sigma[:rank], Q_R @ Vt[:rank].T


def balanced(U: Tensor, sigma: Tensor, V: Tensor) -> tuple[Tensor, Tensor]:
    """U√Σ and V√Σ."""
    root = sigma.clamp(min=0).sqrt()
    return U * root, V * root


def subspace_svd(
    times: Product, t_times: Product, n2: int, k: int, rng: np.random.Generator, device: torch.device, rounds: int = 3
) -> tuple[Tensor, Tensor, Tensor]:
    """The top k singular triplets of C by block subspace iteration.

    Args:
        times: V ↦ CV.
        t_times: U ↦ CᵀU.
        n2: rows of V.
        k: number of triplets.
        rng: draws the first block.
        device: where to compute.
        rounds: iterations.

    Returns:
        U ``(n1, k)``, σ ``(k,)``, V ``(n2, k)``.
    """
    V = gaussian(rng, (n2, k), device)
    for _ in range(rounds):
        U = torch.linalg.qr(times(V)).Q
        B = t_times(U)
        V = torch.linalg.qr(B).Q
    U, sigma, Wt = torch.linalg.svd(times(V), full_matrices=False)
    return U, sigma, V @ Wt.T


def spectral_norm(
    times: Product, t_times: Product, n2: int, rng: np.random.Generator, device: torch.device, *, rounds: int = 5
) -> float:
    """The largest singular value of C by a block Krylov space, about 1 % low for a matrix of noise.

    Args:
        times: V ↦ CV.
        t_times: U ↦ CᵀU.
        n2: rows of V.
        rng: draws the first block.
        device: where to compute.
        rounds: products with CᵀC.
    """
    block = min(8, n2)
    V = torch.linalg.qr(gaussian(rng, (n2, block), device)).Q
    basis, images = [V], []
    for _ in range(rounds):
        image = times(V)
        images.append(image)
        Z = t_times(image)
        for _ in range(2):
            for known in basis:
                Z = Z - known @ (known.T @ Z)
            Z = torch.linalg.qr(Z).Q
        if sum(b.shape[1] for b in basis) + block > n2:
            break
        V = Z
        basis.append(V)
    if len(images) < len(basis):
        images.append(times(V))
    return float(torch.linalg.matrix_norm(torch.cat(images, 1), ord=2))
