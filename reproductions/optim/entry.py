"""Follow weights into the constraint set: ``python -m reproductions.optim.entry --out DIR``.

Whatever the gradients are, dist(λx_t, C) ≤ P_t·dist(λx_0, C) with P_t = ∏(1 − η_s λ). Weights start far outside;
the gradients are noise, and then a force that pushes the weights outwards. For Lp, whose set has no cheap projection,
the excess of the gauge over 1 takes the place of the distance.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from signwise.convex import (
    L1,
    AsymmetricBox,
    Convex,
    DeadZone,
    GroupL2,
    LInf,
    LogCosh,
    Lp,
    NotAvailableError,
    Nuclear,
    TopK,
)
from signwise.optim import LionK

from . import _record

KAPPAS: dict[str, Convex] = {
    "L1": L1(),
    "Lp(1.5)": Lp(1.5),
    "GroupL2": GroupL2(),
    "DeadZone(0.1)": DeadZone(0.1),
    "LogCosh": LogCosh(),
    "TopK(3)": TopK(3),
    "LInf": LInf(),
    "Nuclear": Nuclear(),
    "AsymmetricBox(-0.5, 1)": AsymmetricBox(-0.5, 1.0),
}
LR, DECAY, SHAPE = 0.02, 1.5, (4, 5)
Force = Callable[[Tensor, torch.Generator], Tensor]
FORCES: dict[str, Force] = {
    "noise": lambda x, generator: torch.randn(x.shape, generator=generator, dtype=x.dtype),
    # Descent along −x moves away from the origin.
    "outward": lambda x, generator: -x,
}


def outside(kappa: Convex, y: Tensor) -> float:
    """The distance to C, or the excess of the gauge."""
    try:
        return kappa.distance(y).item()
    except NotAvailableError:
        return max(0.0, kappa.gauge(y).item() - 1)


def follow(kappa: Convex, force: Force, steps: int, seed: int) -> dict[str, Any]:
    """One run: the largest dist_t/(P_t·dist_0), and how the optimizer's own certificate compares."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.nn.Parameter(5 * torch.randn(SHAPE, generator=generator, dtype=torch.float64))
    start = outside(kappa, DECAY * x.detach())
    optimizer = LionK([x], lr=LR, weight_decay=DECAY, kappa=kappa)
    product, largest, entered, difference = 1.0, 0.0, None, 0.0
    for step in range(1, steps + 1):
        x.grad = force(x.detach(), generator)
        optimizer.step()
        product *= 1 - LR * DECAY
        now = outside(kappa, DECAY * x.detach())
        largest = max(largest, now / (product * start))
        if now <= 1e-12 and entered is None:
            entered = step
        certificate = optimizer.certificate()
        difference = max(
            difference,
            abs(certificate.distance - now) / start,
            abs(certificate.feasibility_bound / (product * start) - 1),
        )
    return {
        "largest_ratio": largest,
        "excess": max(0.0, largest - 1),
        "entered_at": entered,
        "final_distance": now,
        "certificate_difference": difference,
    }


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    # That the weights start outside is the point here.
    warnings.filterwarnings("ignore", message=".*start outside", category=UserWarning)
    runs = {
        name: {kind: follow(kappa, force, options.steps, options.seed) for kind, force in FORCES.items()}
        for name, kappa in KAPPAS.items()
    }
    every = [run for kinds in runs.values() for run in kinds.values()]
    record = {
        "settings": {"steps": options.steps, "lr": LR, "decay": DECAY, "seed": options.seed},
        "runs": runs,
        "largest_excess": max(run["excess"] for run in every),
        "largest_ratio": {kind: max(kinds[kind]["largest_ratio"] for kinds in runs.values()) for kind in FORCES},
        "largest_final_distance": {kind: max(k[kind]["final_distance"] for k in runs.values()) for kind in FORCES},
        "largest_certificate_difference": max(run["certificate_difference"] for run in every),
        "final_bound": math.prod([1 - LR * DECAY] * options.steps),
        "machine": _record.machine(),
    }
    print(_record.write(options.out, record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
