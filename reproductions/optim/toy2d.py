"""Trajectories in the plane under several K, and their sets: ``python -m reproductions.optim.toy2d --out DIR``.

The problem is min ½(x − c)ᵀA(x − c) + K*(λx)/λ. Each end point is compared with the optimum that scipy finds for the
same problem written as smooth functions and inequalities. Writes ``result.json`` and the picture ``optim_toy.svg``.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor

from signwise.convex import L1, Convex, DeadZone, GroupL2, Huber, LInf, Lp, TopK

from . import _record
from ._descent import descend
from ._toy_picture import Panel, draw

Array = npt.NDArray[np.float64]
DECAY, EPS, P = 1.0, 0.5, 1.5
A = np.array([[1.2, 0.5], [0.5, 0.8]])
C = np.array([1.3, 1.2])
STARTS = ((-1.6, 1.3), (0.2, -1.5))
PENTAGON = ((1.0, 0.2), (0.3, 1.1), (-0.9, 0.6), (-0.8, -0.7), (0.5, -1.0))


@dataclass(frozen=True)
class Polytope(Convex):
    """The support function of a polytope, as a user writes it: the greatest ⟨v, z⟩ over its corners v."""

    corners: tuple[tuple[float, ...], ...]

    homogeneous = True
    bounded = True

    def value(self, z: Tensor) -> Tensor:
        return (torch.tensor(self.corners, dtype=torch.float64) @ z.double()).amax()

    def subgradient(self, z: Tensor) -> Tensor:
        corners = torch.tensor(self.corners).to(z)
        return corners[(corners @ z).argmax()]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A K, and the same problem for scipy in y = λx.

    Args:
        kappa: K.
        inside: functions that are at least 0 on C.
        penalty: K* on C, smooth; |y| is written as the last two of four variables.
        outline: of C, for the picture.
    """

    kappa: Convex
    inside: Callable[[Array], Array]
    outline: Array
    penalty: Callable[[Array], float] = lambda y: 0.0
    penalty_slope: Callable[[Array], Array] = lambda y: np.zeros(4)


def lq_ball(q: float) -> Array:
    angle = np.linspace(0, 2 * np.pi, 61)
    points = np.stack([np.cos(angle), np.sin(angle)], 1)
    return points / (np.abs(points) ** q).sum(1, keepdims=True) ** (1 / q)


def inside_polygon(corners: Array) -> Callable[[Array], Array]:
    """The inequalities of the edges of a convex polygon, its corners in counterclockwise order."""
    edges = np.roll(corners, -1, 0) - corners
    normals = np.stack([-edges[:, 1], edges[:, 0]], 1)
    return lambda y: ((y[:2] - corners) * normals).sum(1)


SQUARE = np.array([(1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)])
DIAMOND = np.array([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)])
Q = P / (P - 1)
CASES = {
    "L1": Case(kappa=L1(), inside=inside_polygon(SQUARE), outline=SQUARE),
    "GroupL2": Case(kappa=GroupL2(), inside=lambda y: np.array([1 - y[0] ** 2 - y[1] ** 2]), outline=lq_ball(2)),
    f"Lp({P})": Case(kappa=Lp(P), inside=lambda y: np.array([1 - (np.abs(y[:2]) ** Q).sum()]), outline=lq_ball(Q)),
    f"DeadZone({EPS})": Case(
        kappa=DeadZone(EPS),
        inside=inside_polygon(SQUARE),
        outline=SQUARE,
        penalty=lambda y: EPS * (y[2] + y[3]),
        penalty_slope=lambda y: np.array([0, 0, EPS, EPS]),
    ),
    f"Huber({EPS})": Case(
        kappa=Huber(EPS),
        inside=inside_polygon(SQUARE),
        outline=SQUARE,
        penalty=lambda y: EPS / 2 * (y[0] ** 2 + y[1] ** 2),
        penalty_slope=lambda y: np.array([EPS * y[0], EPS * y[1], 0, 0]),
    ),
    "LInf": Case(kappa=LInf(), inside=inside_polygon(DIAMOND), outline=DIAMOND),
    "TopK(1)": Case(kappa=TopK(1), inside=inside_polygon(DIAMOND), outline=DIAMOND),
    "your own polytope": Case(
        kappa=Polytope(PENTAGON), inside=inside_polygon(np.array(PENTAGON)), outline=np.array(PENTAGON)
    ),
}


def gradient(x: Tensor) -> Tensor:
    return torch.from_numpy(A) @ (x - torch.from_numpy(C))


def optimum(case: Case) -> Array:
    """The solution by sequential quadratic programming, from signwise independent."""

    def objective(v: Array) -> float:
        d = v[:2] / DECAY - C
        return float(0.5 * d @ A @ d + case.penalty(v) / DECAY)

    def slope(v: Array) -> Array:
        return np.concatenate([A @ (v[:2] / DECAY - C), np.zeros(2)]) / DECAY + case.penalty_slope(v) / DECAY

    # v = (y, t) with t ≥ |y|.
    absolute = [lambda v: v[2:] - v[:2], lambda v: v[2:] + v[:2]]
    result = minimize(
        objective,
        np.array([0.1, 0.2, 0.3, 0.4]),
        jac=slope,
        method="SLSQP",
        bounds=[(None, None)] * 2 + [(0, 10)] * 2,
        constraints=[{"type": "ineq", "fun": f} for f in (case.inside, *absolute)],
        options={"ftol": 1e-16, "maxiter": 500},
    )
    return result.x[:2] / DECAY


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--no-picture", action="store_true", help="leave out the picture, which needs matplotlib")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    # One start is outside every set: what it shows is how the weights enter.
    warnings.filterwarnings("ignore", message=".*start outside", category=UserWarning)
    cases: dict[str, Any] = {}
    panels = []
    for name, case in CASES.items():
        exact, ends, ways = optimum(case), [], []
        for start in STARTS:
            x = torch.tensor(start, dtype=torch.float64)
            end, _ = descend(x, gradient, case.kappa, lr=1e-2, decay=DECAY, steps=options.steps)
            _, way = descend(x, gradient, case.kappa, lr=2e-2, decay=DECAY, steps=400, every=8)
            ends.append(end.tolist())
            ways.append(torch.stack([*way, end]).numpy())
        cases[name] = {
            "kappa": repr(case.kappa),
            "optimum": exact.tolist(),
            "ends": ends,
            "error": max(math.dist(end, exact) for end in ends),
        }
        panels.append(Panel(title=name, outline=case.outline / DECAY, ways=ways, optimum=exact))
    record = {
        "settings": {"steps": options.steps, "decay": DECAY, "A": A.tolist(), "c": C.tolist(), "starts": STARTS},
        "cases": cases,
        "machine": _record.machine(),
    }
    print(_record.write(options.out, record))
    if not options.no_picture:
        draw(panels, A, C, options.out / "optim_toy.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
