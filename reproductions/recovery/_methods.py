"""What robust PCA of real data is compared with, each at its best: PCA, principal component pursuit, the median."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from benchmarks.recovery._rivals import partial_svd_ialm
from scipy.sparse.linalg import svds

from signwise.recovery import RobustLowRank


def principal_components(X: np.ndarray, k: int) -> np.ndarray:
    """The best approximation of rank k in least squares."""
    U, sigma, Vt = svds(X, k=k, random_state=0)
    return (U * sigma) @ Vt


def pursuit(X: np.ndarray) -> np.ndarray:
    """Principal component pursuit with λ = 1/√max(n1, n2)."""
    return partial_svd_ialm(X, tol=1e-5)


def row_median(X: np.ndarray) -> np.ndarray:
    """The median of every row, in each column: of a video whose frames are columns, the temporal median."""
    return np.repeat(np.median(X, axis=1)[:, None], X.shape[1], axis=1)


def compared(
    X: np.ndarray, *, ranks: tuple[int | str, ...], median: bool, best: Any, **options: Any
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    """Low-rank parts by method, and what is to be known of each fit.

    Args:
        X: the matrix.
        ranks: of :class:`RobustLowRank`; PCA is tried at each whole number of them and at the rank that ours chose.
        median: whether a row is one thing seen many times.
        best: error of a low-rank part; PCA takes the rank where it is least, which needs the truth.
        **options: of :class:`RobustLowRank`.
    """
    parts: dict[str, np.ndarray] = {}
    facts: dict[str, dict[str, Any]] = {}
    tried = set()
    for rank in ranks:
        start = time.perf_counter()
        fit = RobustLowRank(rank, **options).fit(X)
        name = "signwise, rank chosen" if rank == "auto" else f"signwise, rank {rank}"
        parts[name] = fit.low_rank_
        facts[name] = {
            "rank": fit.rank_,
            "seconds": time.perf_counter() - start,
            "outlier_share": fit.diagnostics_.outlier_share,
            "recovered": bool(fit.recovered_),
        }
        tried.add(max(1, fit.rank_))
    start = time.perf_counter()
    found = {k: principal_components(X, k) for k in sorted(tried)}
    chosen = min(found, key=lambda k: best(found[k]))
    parts["PCA, best of the same ranks"] = found[chosen]
    facts["PCA, best of the same ranks"] = {"rank": chosen, "seconds": time.perf_counter() - start}
    start = time.perf_counter()
    parts["principal component pursuit"] = pursuit(X)
    rank = int(np.linalg.matrix_rank(parts["principal component pursuit"], tol=1e-3 * np.linalg.norm(X) / 10))
    facts["principal component pursuit"] = {"rank": rank, "seconds": time.perf_counter() - start}
    if median:
        start = time.perf_counter()
        parts["median of each pixel"] = row_median(X)
        facts["median of each pixel"] = {"rank": 1, "seconds": time.perf_counter() - start}
    return parts, facts
