"""Principal component pursuit by the inexact augmented Lagrangian method, with partial decompositions."""

import math

import numpy as np
from scipy.sparse.linalg import svds


def partial_svd_ialm(X: np.ndarray, *, tol: float = 1e-7, max_iter: int = 200, growth: float = 1.5) -> np.ndarray:
    """Lin, Chen and Ma's inexact ALM for min ‖L‖_* + λ‖S‖₁, L + S = X, as fast as numpy and scipy make it.

    The number of singular values is predicted as in their code: one more than the last time where the rank fell short
    of the prediction, 5 % more otherwise; ARPACK computes them while they are under a fifth, LAPACK beyond. Buffers are
    kept, and the soft threshold is X − L + Y/μ minus its clip.

    Returns:
        The low-rank part.
    """
    n1, n2 = X.shape
    smaller = min(n1, n2)
    lam = 1 / math.sqrt(max(n1, n2))
    spectral = float(svds(X, k=1, return_singular_vectors=False, random_state=0)[0])
    Y = X / max(spectral, float(np.abs(X).max()) / lam)
    mu, mu_max = 1.25 / spectral, 1.25e7 / spectral
    size = float(np.linalg.norm(X))
    L, S = np.zeros_like(X), np.zeros_like(X)
    work, clipped = np.empty_like(X), np.empty_like(X)
    predicted = 10
    for _ in range(max_iter):
        np.multiply(Y, 1 / mu, out=work)
        work += X
        work -= L
        np.clip(work, -lam / mu, lam / mu, out=clipped)
        np.subtract(work, clipped, out=S)
        work += L
        work -= S
        if predicted < smaller // 5:
            U, sigma, Vt = svds(work, k=predicted, random_state=0)
            U, sigma, Vt = U[:, ::-1], sigma[::-1], Vt[::-1]
        else:
            U, sigma, Vt = np.linalg.svd(work, full_matrices=False)
        rank = int((sigma > 1 / mu).sum())
        short = rank < predicted
        predicted = min(rank + 1 if short else rank + max(1, round(0.05 * smaller)), smaller)
        np.matmul(U[:, :rank] * (sigma[:rank] - 1 / mu), Vt[:rank], out=L)
        np.subtract(X, L, out=work)
        work -= S
        residual = float(np.linalg.norm(work)) / size
        work *= mu
        Y += work
        mu = min(mu * growth, mu_max)
        if residual < tol:
            break
    return L
