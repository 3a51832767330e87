"""Compare where LionK ends with the exact solution: ``python -m reproductions.optim.closed_forms --out DIR``.

The problem is min ½‖x − c‖² + K*(λx)/λ for c in twenty dimensions, λ = 1.5, betas (0.9, 0.99). The solutions are
written out here with numpy and scipy, not with signwise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import brentq

from signwise.convex import (
    L1,
    AsymmetricBox,
    Convex,
    DeadZone,
    GroupL2,
    HalfSquare,
    Huber,
    LInf,
    LogCosh,
    Nuclear,
    SmoothedL1,
    TopK,
)

from . import _record
from ._descent import Rate, constant, cosine, descend, linear

Array = npt.NDArray[np.float64]
DECAY, EPS, WIDTH, SHAPE = 1.5, 0.3, 1 / 1.5, (4, 5)
LR = 1e-2


def box(c: Array) -> Array:
    return np.clip(c, -WIDTH, WIDTH)


def dead_zone(c: Array) -> Array:
    return box(np.sign(c) * np.maximum(np.abs(c) - EPS, 0))


def huber(c: Array) -> Array:
    return box(c / (1 + EPS * DECAY))


def ball(c: Array) -> Array:
    return c * min(1.0, WIDTH / np.linalg.norm(c))


def capped_l1(c: Array, total: float, cap: float) -> Array:
    """The projection onto ‖x‖₁ ≤ total, ‖x‖_∞ ≤ cap: a threshold θ, found by bisection."""

    def shrunk(theta: float) -> Array:
        return np.clip(np.abs(c) - theta, 0, cap)

    theta = 0.0
    if shrunk(0.0).sum() > total:
        theta = brentq(lambda t: shrunk(t).sum() - total, 0.0, np.abs(c).max(), xtol=1e-16, rtol=1e-15)
    return np.sign(c) * shrunk(theta)


def spectral(c: Array) -> Array:
    u, s, v = np.linalg.svd(c, full_matrices=False)
    return (u * np.minimum(s, WIDTH)) @ v


def stationary(slope: Callable[[float], float]) -> Callable[[Array], Array]:
    """Solve x − c + w(λx) = 0 in each coordinate, for w that is infinite on the boundary of the box."""

    def solve(c: Array) -> Array:
        def root(target: float) -> float:
            end = np.nextafter(WIDTH, 0) * DECAY
            return brentq(lambda y: y / DECAY - target + slope(y), -end, end, xtol=1e-16, rtol=1e-15) / DECAY

        return np.vectorize(root)(c)

    return solve


def erf_slope(y: float) -> float:
    from scipy.special import erfinv

    return float(np.sqrt(2) * EPS * erfinv(y))


PROBLEMS: dict[str, tuple[Convex, Callable[[Array], Array]]] = {
    "L1": (L1(), box),
    "DeadZone": (DeadZone(EPS), dead_zone),
    "Huber": (Huber(EPS), huber),
    "AsymmetricBox": (AsymmetricBox(-0.3, 0.8), lambda c: np.clip(c, -0.3 / DECAY, 0.8 / DECAY)),
    "LogCosh": (LogCosh(), stationary(np.arctanh)),
    "SmoothedL1": (SmoothedL1(EPS), stationary(erf_slope)),
    "GroupL2": (GroupL2(), ball),
    "TopK": (TopK(3), lambda c: capped_l1(c, 3 * WIDTH, WIDTH)),
    "LInf": (LInf(), lambda c: capped_l1(c, WIDTH, np.inf)),
    "Nuclear": (Nuclear(), spectral),
    "HalfSquare": (HalfSquare(), lambda c: c / (1 + DECAY)),
}


def drawn(seed: int) -> Array:
    """c with normal coordinates."""
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).numpy()


def corner(name: str, seed: int) -> Array:
    """c whose solution is a corner of the set: no coordinate, or singular value, ends strictly inside."""
    c = drawn(seed)
    if name == "Nuclear":
        u, s, v = np.linalg.svd(c, full_matrices=False)
        return (u * (s + 1)) @ v
    three = np.argsort(-np.abs(c).ravel())[:3]
    c.ravel()[three] += 3 * np.sign(c.ravel()[three])
    return c


def error(name: str, c: Array, steps: int, rate: Rate) -> float:
    """The largest difference in a coordinate between the last point and the solution."""
    kappa, solve = PROBLEMS[name]
    target = torch.tensor(c)
    end, _ = descend(torch.zeros_like(target), lambda x: x - target, kappa, lr=LR, decay=DECAY, steps=steps, rate=rate)
    return float(np.abs(end.numpy() - solve(c)).max())


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    record = {
        "settings": {"steps": options.steps, "lr": LR, "decay": DECAY, "eps": EPS, "seed": options.seed},
        "cosine": {name: error(name, drawn(options.seed), options.steps, cosine) for name in PROBLEMS},
        "corner": {n: error(n, corner(n, options.seed), options.steps, cosine) for n in ("TopK", "Nuclear")},
        "linear": {"L1": error("L1", drawn(options.seed), options.steps, linear)},
        "constant": {"L1": error("L1", drawn(options.seed), options.steps, constant)},
        "machine": _record.machine(),
    }
    record["constant"]["L1_over_lr"] = record["constant"]["L1"] / LR
    print(_record.write(options.out, record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
