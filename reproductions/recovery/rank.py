"""Robust PCA with the rank unknown: ``python -m reproductions.recovery.rank --out DIR``.

- grid: n = 300, r of 5 and 25, p of 0.1 and 0.3, κ of 1 and 100, and r = 5 at p = 0.4; errors uniform up to ten times
  the mean entry. The share of right ranks, and of fits that call themselves recovered with an error above 1e-6.
- region: n = 200, by rank and share of outliers, against principal component pursuit by an inexact augmented Lagrangian
  method; the share of seeds with an error below 1e-6 of each.

Writes ``result.json``, ``table.md`` and the picture ``recovery_rank.svg``. A cut-off run goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.recovery._rivals import partial_svd_ialm

from signwise.recovery import RobustLowRank

from ._pictures import figure, saved
from ._runs import Runs, arguments, leave, markdown

CELLS = [(r, p, kappa) for r in (5, 25) for p in (0.1, 0.3) for kappa in (1, 100)] + [(5, 0.4, 1), (5, 0.4, 100)]
RANKS = (2, 10, 20, 30, 40, 50)
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4)


def problem(n: int, r: int, p: float, kappa: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A corrupt matrix and the true one."""
    rng = np.random.default_rng([seed, r, round(100 * p), kappa])
    U, V = (np.linalg.qr(rng.standard_normal((n, r)))[0] for _ in range(2))
    truth = n * (U * np.geomspace(1, 1 / kappa, r)) @ V.T
    X = truth.copy()
    bad = rng.random(X.shape) < p
    X[bad] += rng.uniform(-1, 1, bad.sum()) * 10 * np.abs(truth).mean()
    return X, truth


def far(X: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(X - truth) / np.linalg.norm(truth))


def fit(n: int, r: int, p: float, kappa: float, seed: int, max_rank: int) -> dict[str, Any]:
    X, truth = problem(n, r, p, kappa, seed)
    found = RobustLowRank(max_rank=max_rank, random_state=seed).fit(X)
    return {"rank": found.rank_, "error": far(found.low_rank_, truth), "recovered": bool(found.recovered_)}


def pursuit(n: int, r: int, p: float, seed: int) -> float:
    X, truth = problem(n, r, p, 1, seed)
    return far(partial_svd_ialm(X), truth)


def draw(region: dict[str, dict[str, dict[str, float]]], path: Path) -> None:
    """The two regions of success as maps."""
    with figure(6.4, 2.6, 2) as (panels, drawn):
        for axes, (name, rows) in zip(panels, region.items(), strict=True):
            values = np.array([[rows[str(p)][str(r)] for r in RANKS] for p in SHARES])
            axes.imshow(values, origin="lower", cmap="Greys_r", vmin=0, vmax=1, aspect="auto")
            axes.set_xticks(range(len(RANKS)), [str(r) for r in RANKS])
            axes.set_yticks(range(len(SHARES)), [f"{p:g}" for p in SHARES])
            axes.set(title=f"{name}: recovered (white)", xlabel="rank of a 200 x 200 matrix", ylabel="outliers")
        saved(drawn, path)


def main(argv: list[str] | None = None) -> int:
    parser = arguments(__doc__, seeds=12)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--region-seeds", type=int, default=3)
    options = parser.parse_args(argv)
    runs = Runs(options.out)
    grid = {
        cell: [
            runs.get(f"grid {cell} {seed}", lambda c=cell, s=seed: fit(options.n, *c, s, max_rank=options.n // 5))
            for seed in range(options.seeds)
        ]
        for cell in CELLS
    }
    region: dict[str, dict[str, dict[str, float]]] = {"signwise": {}, "principal component pursuit": {}}
    for p in SHARES:
        for r in RANKS:
            ours, theirs = [], []
            for seed in range(options.region_seeds):
                found = runs.get(f"region {r} {p} {seed}", lambda r=r, p=p, s=seed: fit(200, r, p, 1, s, max_rank=66))
                ours.append(found["error"] < 1e-6)
                theirs.append(
                    runs.get(f"pursuit {r} {p} {seed}", lambda r=r, p=p, s=seed: pursuit(200, r, p, s)) < 1e-6
                )
            for name, wins in (("signwise", ours), ("principal component pursuit", theirs)):
                region[name].setdefault(str(p), {})[str(r)] = float(np.mean(wins))
    small = [run for (r, p, kappa), part in grid.items() if p <= 0.3 for run in [{**x, "r": r} for x in part]]
    every = [run for part in grid.values() for run in part]
    lost = [
        (p, r)
        for p in region["signwise"]
        for r in region["signwise"][p]
        if region["principal component pursuit"][p][r] > region["signwise"][p][r]
    ]
    gained = [
        (p, r)
        for p in region["signwise"]
        for r in region["signwise"][p]
        if region["signwise"][p][r] > region["principal component pursuit"][p][r]
    ]
    record = {
        "settings": {"n": options.n, "seeds": options.seeds, "region_seeds": options.region_seeds},
        "fits": len(every),
        "right_rank": float(np.mean([run["rank"] == run["r"] for run in small])),
        "silently_wrong": float(np.mean([run["recovered"] and run["error"] > 1e-6 for run in every])),
        "region": region,
        "cells_lost_to_pursuit": len(lost),
        "cells_gained_on_pursuit": len(gained),
    }
    rows = [
        [
            f"r = {r}, p = {p:g}, κ = {kappa}",
            f"{np.mean([run['rank'] == r for run in part]):.2f}",
            f"{np.median([run['error'] for run in part]):.0e}",
            f"{sum(not run['recovered'] for run in part)}",
            f"{sum(run['recovered'] and run['error'] > 1e-6 for run in part)}",
        ]
        for (r, p, kappa), part in grid.items()
    ]
    head = [f"{options.n} x {options.n}", "right rank", "median error", "called failed", "wrong but called right"]
    leave(options.out, record, markdown(head, rows))
    draw(region, options.out / "recovery_rank.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
