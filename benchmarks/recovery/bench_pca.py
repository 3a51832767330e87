"""Robust PCA to a relative error of 1e-6 against partial-SVD inexact ALM and, where installed, tensorly."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks._runner import Bench, Contender, Target
from benchmarks.recovery._rivals import partial_svd_ialm
from signwise.recovery import RobustLowRank

GRID = ((300, 10, 0.1), (300, 10, 0.3), (1000, 10, 0.1), (1000, 10, 0.3), (2000, 20, 0.1), (2000, 20, 0.3))
ROUNDS = {300: 5, 1000: 5, 2000: 3}  # the rivals are slow; a ratio is taken within a round


def planted(n: int, r: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Rank r with singular values of equal size, and a share p of errors up to ten times the mean entry."""
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.standard_normal((n, r)))[0] for _ in range(2))
    truth = n * U @ V.T
    X = truth.copy()
    bad = rng.random(X.shape) < p
    X[bad] += rng.uniform(-1, 1, bad.sum()) * 10 * np.abs(truth).mean()
    return X, truth


def ours(X: np.ndarray, rank: int | None) -> np.ndarray:
    return RobustLowRank("auto" if rank is None else rank, tol=1e-7).fit(X).low_rank_


def run(bench: Bench) -> None:
    for n, r, p in GRID:
        X, truth = planted(n, r, p)

        def right(_: object, found: np.ndarray, truth: np.ndarray = truth) -> bool:
            return bool(np.linalg.norm(found - truth) < 1e-6 * np.linalg.norm(truth))

        rival = "partial-SVD inexact ALM"
        contenders: dict[str, Contender | Callable] = {
            rival: partial(partial_svd_ialm, X),
            "signwise, rank given": partial(ours, X, r),
            "signwise, rank unknown": partial(ours, X, None),
        }
        ours_both = ("signwise, rank given", "signwise, rank unknown")
        targets = [Target(contender=name, ratio=5.0) for name in ours_both] if n >= 1000 else []
        bench.group(
            f"robust PCA to 1e-6, {n} x {n}, rank {r}, {p:.0%} outliers",
            contenders,
            baseline=rival,
            equal=right,
            targets=targets,
            rounds=min(bench.rounds, ROUNDS[n]),
        )
    with_tensorly(bench)


def with_tensorly(bench: Bench) -> None:
    """tensorly at the regularisation that suits this problem (its default of 1 fails), ever slower with n."""
    try:
        import tensorly
        from tensorly.decomposition import robust_pca
    except ModuleNotFoundError:
        print("tensorly is not installed; its group is left out")
        return
    for n, r, rounds in ((200, 5, 5), (1000, 10, 1)):
        X, truth = planted(n, r, 0.1)

        def rival(X: np.ndarray = X, n: int = n) -> np.ndarray:
            low_rank, _ = robust_pca(tensorly.tensor(X), reg_E=1 / np.sqrt(n), tol=1e-6, n_iter_max=300)
            return np.asarray(low_rank)

        def right(_: object, found: np.ndarray, truth: np.ndarray = truth) -> bool:
            return bool(np.linalg.norm(found - truth) < 1e-6 * np.linalg.norm(truth))

        bench.group(
            f"robust PCA to 1e-6, {n} x {n}, rank {r}, 10% outliers, against tensorly",
            {
                "tensorly robust_pca": rival,
                "signwise, rank given": partial(ours, X, r),
                "signwise, rank unknown": partial(ours, X, None),
            },
            baseline="tensorly robust_pca",
            equal=right,
            targets=[Target(contender="signwise, rank unknown", ratio=50.0)] if n >= 1000 else [],
            rounds=min(bench.rounds, rounds),
        )
