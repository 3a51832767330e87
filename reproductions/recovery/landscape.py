"""A point of lower loss than the truth, and a start that avoids it: ``python -m reproductions.recovery.landscape``.

Gaussian measurements of a symmetric matrix of rank r, fewer than the d(d + 1)/2 numbers of a symmetric matrix, a
share p of them with N(0, 5²) added. With r' = d the ℓ1 loss can fit outliers, and its least value is below that of the
truth: descent from the truth itself, with Adam on all d columns, finds such points. The subgradient method from a
small start has the same loss and the same number of columns and ends at the truth.

Writes ``result.json``, ``table.md`` and the picture ``recovery_landscape.svg``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from signwise.recovery import Dense, subgm

from ._pictures import figure, saved
from ._runs import Runs, arguments, leave, markdown

D, R, M, P, SIZE = 20, 1, 120, 0.1, 5.0


def problem(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measurement matrices, measurements, and the true factor."""
    rng = np.random.default_rng([seed, 3])
    U = np.linalg.qr(rng.standard_normal((D, R)))[0]
    A = rng.standard_normal((M, D, D))
    y = np.einsum("mij,ij->m", A, U @ U.T)
    bad = rng.random(M) < P
    y[bad] += SIZE * rng.standard_normal(bad.sum())
    return A, y, U


def descended(A: np.ndarray, y: np.ndarray, start: np.ndarray, steps: int = 3000) -> tuple[float, np.ndarray]:
    """The least ℓ1 loss that Adam meets from a start, and where."""
    flat, values = torch.from_numpy(A.reshape(len(A), -1)), torch.from_numpy(y)
    U = torch.from_numpy(start.copy()).requires_grad_()
    optimizer = torch.optim.Adam([U], lr=3e-3)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.998)
    best, where = float("inf"), start
    for _ in range(steps):
        loss = (flat @ (U @ U.T).reshape(-1) - values).abs().mean()
        if float(loss) < best:
            best, where = float(loss), U.detach().numpy().copy()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return best, where


def one(seed: int) -> dict[str, Any]:
    """Losses and errors of the truth, of the point found from it, and of the small start."""
    A, y, U = problem(seed)
    truth = U @ U.T

    def error(V: np.ndarray) -> float:
        return float(np.linalg.norm(V @ V.T - truth) / np.linalg.norm(truth))

    rng = np.random.default_rng([seed, 4])
    near = np.concatenate([U, np.zeros((D, D - R))], 1) + 1e-2 * rng.standard_normal((D, D))
    loss, low = descended(A, y, near)
    result = subgm(Dense(A), y, max_iter=1500)
    return {
        "truth_loss": float(np.abs(np.einsum("mij,ij->m", A, truth) - y).mean()),
        "low_loss": loss,
        "low_error": error(low),
        "small_start_error": error(result.U),
        "losses": result.losses[:: len(result.losses) // 150].tolist(),
    }


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """The loss of the small start over its steps, that of the truth, and the lower one."""
    with figure(4.2, 2.6, 1) as (panels, drawn):
        losses = runs[0]["losses"]
        panels[0].plot(np.linspace(0, 1500, len(losses)), losses, lw=1, label="small start, r' = d")
        panels[0].axhline(runs[0]["truth_loss"], ls="--", lw=1, color="gray", label="the truth")
        panels[0].axhline(runs[0]["low_loss"], ls=":", lw=1, color="#d62728", label="found from the truth")
        panels[0].set(xlabel="step", title="ℓ1 loss", yscale="log")
        panels[0].legend(frameon=False)
        saved(drawn, path)


def main(argv: list[str] | None = None) -> int:
    parser = arguments(__doc__, seeds=5)
    options = parser.parse_args(argv)
    cases = Runs(options.out)
    runs = [cases.get(str(seed), lambda seed=seed: one(seed)) for seed in range(options.seeds)]
    record = {
        "settings": {"d": D, "r": R, "m": M, "p": P, "seeds": options.seeds},
        "lower_points": sum(run["low_loss"] < 0.95 * run["truth_loss"] for run in runs) / len(runs),
        "loss_ratio": float(np.median([run["low_loss"] / run["truth_loss"] for run in runs])),
        "error_of_lower_point": float(np.median([run["low_error"] for run in runs])),
        "error_of_small_start": float(np.median([run["small_start_error"] for run in runs])),
    }
    rows = [
        [str(seed), *(f"{run[key]:.2g}" for key in ("truth_loss", "low_loss", "low_error", "small_start_error"))]
        for seed, run in enumerate(runs)
    ]
    head = ["seed", "loss of the truth", "lower loss found", "error there", "error of the small start"]
    leave(options.out, record, markdown(head, rows))
    draw(runs, options.out / "recovery_landscape.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
