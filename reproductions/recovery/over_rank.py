"""Spare rank is harmless from a small start: ``python -m reproductions.recovery.over_rank --out DIR``.

Gaussian measurements of a symmetric matrix, a share p of them with N(0, 100²) added. The subgradient method of the
paper at r' = r, 2r and d from a small start, from a large random start, least squares on the same data, dense noise,
and the two-phase solver, which is told nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

from signwise.recovery import Dense, RobustMatrixSensing, subgm


def problem(
    d: int, r: int, p: float, seed: int, noise: float = 0.0
) -> tuple[Dense, np.ndarray, np.ndarray, np.ndarray]:
    """Operator, measurements, the matrix, and its measurements as an array for least squares."""
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(rng.standard_normal((d, r)))[0]
    A = rng.standard_normal((10 * d * r, d, d))
    y = np.einsum("mij,ij->m", A, U @ U.T) + noise * rng.standard_normal(len(A))
    bad = rng.random(len(A)) < p
    y[bad] += 100 * rng.standard_normal(bad.sum())
    return Dense(A), y, U @ U.T, A


def least_squares(A: np.ndarray, y: np.ndarray, d: int, steps: int = 500) -> np.ndarray:
    """Gradient descent on (1/2m)‖A(UUᵀ) − y‖² from the same small start, at a step that suits its size."""
    m = len(A)
    flat = torch.from_numpy(A.reshape(m, -1))
    values = torch.from_numpy(y)
    C = (values @ flat).reshape(d, d) / m
    eigenvalues, V = torch.linalg.eigh((C + C.T) / 2)
    U = 1e-4 * V * eigenvalues.clamp(min=0).sqrt()
    step = 0.1 / float(eigenvalues.abs().max())
    for _ in range(steps):
        G = ((flat @ (U @ U.T).reshape(-1) - values) @ flat).reshape(d, d) / m
        U = U - step * (G + G.T) @ U
    return (U @ U.T).numpy()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--d", type=int, default=30)
    parser.add_argument("--r", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    d, r = options.d, options.r
    table: dict[str, dict[str, float]] = {}
    for p in (0.0, 0.1, 0.3, 0.5):
        rows: dict[str, list[float]] = {}
        for seed in range(options.seeds):
            operator, y, truth, A = problem(d, r, p, seed)

            def error(X: np.ndarray, truth: np.ndarray = truth) -> float:
                return float(np.linalg.norm(X - truth) / np.linalg.norm(truth))

            for name, k in (("r", r), ("2r", 2 * r), ("d", d)):
                U = subgm(operator, y, rank=k).U
                rows.setdefault(f"subgm, r' = {name}, small start", []).append(error(U @ U.T))
            U = subgm(operator, y, init="random", init_scale=1.0).U
            rows.setdefault("subgm, r' = d, large start", []).append(error(U @ U.T))
            rows.setdefault("least squares, r' = d", []).append(error(least_squares(A, y, d)))
            fit = RobustMatrixSensing(max_rank=d, psd=True, random_state=seed).fit(operator, y)
            rows.setdefault("two-phase, rank unknown", []).append(error(fit.low_rank_))
        table[str(p)] = {name: float(np.median(values)) for name, values in rows.items()}
    noisy = {}
    for sigma in (0.01, 0.1):
        operator, y, truth, _ = problem(d, r, 0.0, 0, sigma)
        U = subgm(operator, y).U
        noisy[str(sigma)] = float(np.linalg.norm(U @ U.T - truth) / (sigma * np.sqrt(r * d / operator.m)))
    options.out.mkdir(parents=True, exist_ok=True)
    record = {"d": d, "r": r, "seeds": options.seeds, "median_error": table, "dense_noise_constant": noisy}
    (options.out / "result.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    names = list(table["0.1"])
    print("median relative error".ljust(34) + "".join(f"p={p:<9}" for p in table))
    for name in names:
        print(name.ljust(34) + "".join(f"{row[name]:<11.1e}" for row in table.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
