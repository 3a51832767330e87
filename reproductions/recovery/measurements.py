"""Measurements that recovery takes, by rank and outliers: ``python -m reproductions.recovery.measurements --out DIR``.

Gaussian measurements of a symmetric matrix of rank r, a share p of them with N(0, 100²) added; the subgradient method
of the paper from a small start, which succeeds if the relative error is below 1e-3.

- rank: share of successes by m/dr for r' = r, 2r and d. The theory says that the number of measurements is free of r'.
- outliers: for each p the number of measurements at which half of the seeds succeed, by bisection on nested sets of
  measurements. The theory says that it grows no faster than 1/(1 − p)².

Writes ``result.json``, ``table.md`` and the picture ``recovery_measurements.svg``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from signwise.recovery import Dense, subgm

from ._pictures import figure, saved
from ._runs import Runs, arguments, leave, markdown

D, R = 20, 2
RATIOS = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
SHARES = (0.0, 0.2, 0.4, 0.5, 0.6)
GRID = tuple(round(2.0 * 2 ** (i / 3), 3) for i in range(17))  # m/dr, 2 to 80


def succeeds(p: float, ratio: float, k: int, seed: int) -> bool:
    """Whether the subgradient method recovers from the first m = ratio·dr measurements of a seed."""
    rng = np.random.default_rng([seed, 7])
    U = np.linalg.qr(rng.standard_normal((D, R)))[0]
    m = round(ratio * D * R)
    A, lots = np.random.default_rng([seed, 8]), np.random.default_rng([seed, 9])
    operator = Dense(A.standard_normal((m, D, D)))
    y = operator.forward(U, U)
    draws = lots.random((m, 1)), np.random.default_rng([seed, 10]).standard_normal(m)
    y += np.where(draws[0][:, 0] < p, 100 * draws[1], 0.0)
    found = subgm(operator, y, rank=k, max_iter=1000).U
    return bool(np.linalg.norm(found @ found.T - U @ U.T) < 1e-3 * np.sqrt(R))


def least(p: float, seed: int) -> float:
    """The smallest m/dr of the grid that succeeds, by bisection; infinite if the largest fails."""
    low, high = -1, len(GRID)
    while high - low > 1:
        middle = (low + high) // 2
        if succeeds(p, GRID[middle], D, seed):
            high = middle
        else:
            low = middle
    return GRID[high] if high < len(GRID) else float("inf")


def half(ratios: list[float], shares: list[float]) -> float:
    """Where a rising curve passes one half, by linear interpolation."""
    for i, share in enumerate(shares):
        if share >= 0.5:
            if i == 0:
                return ratios[0]
            before = shares[i - 1]
            return ratios[i - 1] + (0.5 - before) / (share - before) * (ratios[i] - ratios[i - 1])
    return float("inf")


def draw(record: dict[str, Any], path: Path) -> None:
    """Success by m/dr, and the needed measurements by 1/(1 − p)²."""
    with figure(7.2, 2.6, 2) as (panels, drawn):
        for name, curve in record["success"].items():
            panels[0].plot(
                [float(x) for x in curve], list(curve.values()), marker="o", ms=3, lw=1, label=f"r' = {name}"
            )
        panels[0].set(title="share of successes, p = 0.1", xlabel="m / dr", ylim=(-0.03, 1.05))
        panels[0].legend(frameon=False)
        needed = record["needed"]
        x = [1 / (1 - float(p)) ** 2 for p in needed]
        panels[1].plot(x, list(needed.values()), marker="o", ms=3, lw=1, label="half succeed")
        panels[1].plot(x, [needed["0.0"] * value for value in x], "--", lw=1, color="gray", label="∝ 1/(1 − p)²")
        panels[1].set(title="m / dr needed, r' = d", xlabel="1/(1 − p)²")
        panels[1].legend(frameon=False)
        saved(drawn, path)


def main(argv: list[str] | None = None) -> int:
    parser = arguments(__doc__, seeds=8)
    options = parser.parse_args(argv)
    runs = Runs(options.out)
    success: dict[str, dict[str, float]] = {}
    for name, k in (("r", R), ("2r", 2 * R), ("d", D)):
        success[name] = {
            str(ratio): float(
                np.mean(
                    [
                        runs.get(f"rank {name} {ratio} {seed}", lambda *a, c=(0.1, ratio, k, seed): succeeds(*c))
                        for seed in range(options.seeds)
                    ]
                )
            )
            for ratio in RATIOS
        }
    needed = {
        str(p): float(
            np.median(
                [runs.get(f"outliers {p} {seed}", lambda *a, c=(p, seed): least(*c)) for seed in range(options.seeds)]
            )
        )
        for p in SHARES
    }
    threshold = {name: half(list(RATIOS), list(curve.values())) for name, curve in success.items()}
    growth = {p: value / needed["0.0"] * (1 - float(p)) ** 2 for p, value in needed.items()}
    record = {
        "settings": {"d": D, "r": R, "seeds": options.seeds},
        "success": success,
        "threshold": threshold,
        "threshold_shift": {name: threshold[name] - threshold["r"] for name in ("2r", "d")},
        "needed": needed,
        "needed_over_square_law": growth,
        "largest_over_square_law": max(growth.values()),
    }
    rows = [[f"r' = {name}", *(f"{v:.2f}" for v in curve.values())] for name, curve in success.items()]
    table = markdown(["share of successes, m/dr =", *(f"{ratio:g}" for ratio in RATIOS)], rows)
    rows = [[p, f"{value:.3g}", f"{growth[p]:.2f}"] for p, value in needed.items()]
    table += "\n" + markdown(["share of outliers p", "m/dr at which half succeed", "over 1/(1 − p)²"], rows)
    leave(options.out, record, table)
    draw(record, options.out / "recovery_measurements.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
