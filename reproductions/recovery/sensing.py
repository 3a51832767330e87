"""The two-phase solver on linear measurements: ``python -m reproductions.recovery.sensing --out DIR``.

- goal: d = 100, r = 3, m = 3000 Gaussian measurements, 30 % of them with N(0, 100²) added, every rank up to d allowed;
  the share of seeds with a relative error of at most 1e-10.
- condition: steps of both phases at κ = 100 over those at κ = 1, with the rank given.
- rank one: d = 400, m = 10dr measurements aᵀXb, 30 % of them wrong; the peak memory of the process against
  the d²m numbers of the dense form.
- grid: Gaussian, rank-one, Hadamard and sparse measurements by p and κ; the share of right ranks among fits with
  m = 20dr, and of fits that call themselves recovered and are not.

Writes ``result.json`` and ``table.md``. A cut-off run goes on.
"""

from __future__ import annotations

import resource
import sys
from typing import Any

import numpy as np
import scipy.sparse

from signwise.recovery import Dense, Hadamard, LinearOperator, RankOne, RobustMatrixSensing, Sparse

from ._runs import Runs, arguments, leave, markdown

WRONG = 100.0


def truth(d: int, r: int, kappa: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Factors of a matrix of condition number κ."""
    U, V = (np.linalg.qr(rng.standard_normal((d, r)))[0] for _ in range(2))
    return U * np.geomspace(1, 1 / kappa, r), V


def corrupt(y: np.ndarray, p: float, rng: np.random.Generator) -> np.ndarray:
    """The measurements with a share p off by N(0, 100²)."""
    return y + np.where(rng.random(len(y)) < p, WRONG * rng.standard_normal(len(y)), 0.0)


def fit(operator: LinearOperator, p: float, kappa: float, r: int, seed: int, **options: Any) -> dict[str, Any]:
    """Rank, error, verdict and steps of a fit of corrupt measurements."""
    rng = np.random.default_rng([seed, 5])
    U, V = truth(operator.shape[0], r, kappa, rng)
    if options.get("psd"):
        V = U = U / np.sqrt(np.geomspace(1, 1 / kappa, r))
    y = corrupt(np.asarray(operator.forward(U, V)), p, rng)
    found = RobustMatrixSensing(random_state=seed, **options).fit(operator, y)
    X = U @ V.T
    return {
        "rank": found.rank_,
        "error": float(np.linalg.norm(found.low_rank_ - X) / np.linalg.norm(X)),
        "recovered": bool(found.recovered_),
        "steps": len(found.history_),
    }


def measurements(kind: str, d: int, m: int, seed: int) -> LinearOperator:
    """An operator of a kind."""
    rng = np.random.default_rng([seed, 6])
    if kind == "Gaussian":
        return Dense(rng.standard_normal((m, d, d)))
    if kind == "rank one":
        return RankOne(rng.standard_normal((m, d)), rng.standard_normal((m, d)))
    if kind == "Hadamard":
        return Hadamard(m, (d, d), seed=seed)
    stored = scipy.sparse.random(m, d * d, density=0.1, random_state=rng, data_rvs=rng.standard_normal)
    return Sparse(stored, (d, d))


def rank_one(d: int, r: int, seed: int) -> dict[str, Any]:
    """A large fit through factors, with the peak memory of the whole process."""
    operator = measurements("rank one", d, 10 * d * r, seed)
    result = fit(operator, 0.3, 1.0, r, seed, max_rank=4 * r)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    dense = operator.m * d * d * 8 / 2**20
    return {**result, "peak_mib": peak, "dense_mib": dense, "share_of_dense": peak / dense}


def main(argv: list[str] | None = None) -> int:
    parser = arguments(__doc__, seeds=20)
    parser.add_argument("--d", type=int, default=100, help="of the goal")
    parser.add_argument("--grid-d", type=int, default=30)
    parser.add_argument("--grid-seeds", type=int, default=3)
    parser.add_argument("--rank-one-d", type=int, default=400)
    options = parser.parse_args(argv)
    runs = Runs(options.out)
    # First, so that no larger fit has raised the peak before.
    single = runs.get("rank one", lambda: rank_one(options.rank_one_d, 3, 0))

    d, g = options.d, options.grid_d
    goal = []
    for seed in range(options.seeds):

        def one(seed: int = seed) -> dict[str, Any]:
            return fit(measurements("Gaussian", d, 30 * d, seed), 0.3, 1.0, 3, seed, max_rank=d, psd=True)

        goal.append(runs.get(f"goal {seed}", one))
    steps: dict[float, list[int]] = {1.0: [], 100.0: []}
    for kappa, counts in steps.items():
        for seed in range(options.grid_seeds):

            def one(seed: int = seed, kappa: float = kappa) -> dict[str, Any]:
                operator = measurements("Gaussian", g, 60 * g, seed)
                return fit(operator, 0.1, kappa, 3, seed, rank=3, psd=True)

            counts.append(runs.get(f"condition {kappa} {seed}", one)["steps"])
    grid: dict[str, list[dict[str, Any]]] = {}
    for kind in ("Gaussian", "rank one", "Hadamard", "sparse"):
        for p in (0.1, 0.3):
            for kappa in (1.0, 100.0):
                for seed in range(options.grid_seeds):

                    def one(kind: str = kind, p: float = p, kappa: float = kappa, seed: int = seed) -> dict[str, Any]:
                        m = min(60 * g, g * g) if kind == "Hadamard" else 60 * g
                        return fit(measurements(kind, g, m, seed), p, kappa, 3, seed, max_rank=g // 2)

                    grid.setdefault(kind, []).append(runs.get(f"{kind} {p} {kappa} {seed}", one))
    fits = [run for part in grid.values() for run in part]
    record = {
        "settings": {"d": d, "seeds": options.seeds, "grid_d": g, "grid_seeds": options.grid_seeds},
        "goal_share": float(np.mean([run["error"] <= 1e-10 and run["rank"] == 3 for run in goal])),
        "goal_median_error": float(np.median([run["error"] for run in goal])),
        "condition_steps_ratio": float(np.median(steps[100.0]) / np.median(steps[1.0])),
        "rank_one": single,
        "right_rank": {kind: float(np.mean([run["rank"] == 3 for run in part])) for kind, part in grid.items()},
        "right_rank_all": float(np.mean([run["rank"] == 3 for run in fits])),
        "silently_wrong": float(np.mean([run["recovered"] and run["error"] > 1e-6 for run in fits])),
    }
    rows = [
        [
            kind,
            f"{np.mean([run['rank'] == 3 for run in part]):.2f}",
            f"{np.mean([run['error'] <= 1e-9 for run in part]):.2f}",
            f"{sum(run['recovered'] and run['error'] > 1e-6 for run in part)}",
        ]
        for kind, part in grid.items()
    ]
    leave(options.out, record, markdown(["measurements", "right rank", "error ≤ 1e-9", "wrong but called right"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
