"""Check the discrete Lyapunov inequality step by step: ``python -m reproductions.optim.lyapunov --out DIR``.

With H = f(x) + K*(λx)/λ + c·FY, every step of LionK on an L-smooth f obeys H₊ − H ≤ −eΔ + (L/2)‖x₊ − x‖², convex f
or not. H itself may rise in a step. The left side minus the right is computed here from weights and momentum, apart
from the certificate, and compared with the certificate's ``lyapunov_slack``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from signwise.convex import (
    L1,
    Convex,
    DeadZone,
    GroupL2,
    HalfSquare,
    Huber,
    LogCosh,
    Lp,
    Nuclear,
    PseudoHuber,
    TopK,
)
from signwise.optim import LionK

from . import _record

KAPPAS: dict[str, Convex] = {
    "L1": L1(),
    "Lp(1.5)": Lp(1.5),
    "GroupL2": GroupL2(),
    "DeadZone(0.1)": DeadZone(0.1),
    "Huber(0.5)": Huber(0.5),
    "LogCosh": LogCosh(),
    "PseudoHuber": PseudoHuber(),
    "TopK(3)": TopK(3),
    "Nuclear": Nuclear(),
    "HalfSquare": HalfSquare(),
}
DECAY, SHAPE, B1, B2 = 1.5, (4, 5), 0.9, 0.99
Loss = Callable[[Tensor], Tensor]


def losses(seed: int) -> dict[str, tuple[Loss, float]]:
    """A convex and a nonconvex function, each with its smoothness L."""
    generator = torch.Generator().manual_seed(seed)
    weight = 0.1 + 0.9 * torch.rand(SHAPE, generator=generator, dtype=torch.float64)
    c = torch.randn(SHAPE, generator=generator, dtype=torch.float64)

    def convex(x: Tensor) -> Tensor:
        return 0.5 * (weight * (x - c).square()).sum()

    def nonconvex(x: Tensor) -> Tensor:
        return convex(x) + 0.5 * torch.cos(2 * x).sum()

    return {"convex": (convex, 1.0), "nonconvex": (nonconvex, 3.0)}


def follow(kappa: Convex, loss: Loss, smoothness: float, *, lr: float, steps: int) -> dict[str, Any]:
    """One run at a constant learning rate."""
    e = lr / (1 - lr * DECAY)
    ratio = e * B1 / (e * DECAY * (1 - B1) + 1 - B2)

    def energy(value: float, x: Tensor, M: Tensor) -> float:
        conjugate = kappa.conjugate(DECAY * x).item()
        fenchel_young = conjugate + kappa.value(M).item() - DECAY * (x * M).sum().item()
        return value + conjugate / DECAY + ratio * fenchel_young

    x = torch.nn.Parameter(torch.zeros(SHAPE, dtype=torch.float64))
    optimizer = LionK([x], lr=lr, betas=(B1, B2), weight_decay=DECAY, kappa=kappa, certify=True)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        return value

    worst, difference, rises = -math.inf, 0.0, 0
    previous: tuple[float, float, float] | None = None  # H, eΔ, ‖x₊ − x‖² of the step before
    for step in range(steps + 1):
        before = x.detach().clone()
        M = -optimizer.state[x]["exp_avg"].clone() if step else torch.zeros_like(before)
        value = optimizer.step(closure).item()
        H = energy(value, before, M)
        if previous is not None:
            last, decrease, moved = previous
            violation = H - last + decrease - smoothness / 2 * moved
            worst = max(worst, violation / (1 + abs(last)))
            rises += last < H
            slack = optimizer.certificate(smoothness=smoothness).lyapunov_slack
            if slack is not None:
                difference = max(difference, abs(slack + violation) / (1 + abs(last)))
            elif moved > 0:
                raise AssertionError(f"{kappa!r} has no slack in step {step}, though the weights moved")
        g, after, M_after = x.grad, x.detach(), -optimizer.state[x]["exp_avg"]
        mixed = B1 * M - (1 - B1) * g
        u = kappa.subgradient(mixed)
        w = kappa.conjugate_subgradient(DECAY * after)
        first = (1 + ratio * DECAY) * ((mixed - w) * (u - DECAY * after)).sum().item()
        second = ((mixed - M_after) * (u - kappa.subgradient(M_after))).sum().item()
        delta = first + ratio * (1 - B2) / (e * (B2 - B1)) * second
        previous = H, e * delta, (after - before).square().sum().item()
    return {"worst_violation": worst, "certificate_difference": difference, "share_of_rises": rises / steps}


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    runs = {
        f"{lr:g}": {
            kind: {name: follow(kappa, loss, smoothness, lr=lr, steps=options.steps) for name, kappa in KAPPAS.items()}
            for kind, (loss, smoothness) in losses(options.seed).items()
        }
        for lr in (1e-2, 1e-3)
    }
    every = [run for kinds in runs.values() for some in kinds.values() for run in some.values()]
    record = {
        "settings": {"steps": options.steps, "decay": DECAY, "betas": [B1, B2], "seed": options.seed},
        "runs": runs,
        "worst_violation": max(run["worst_violation"] for run in every),
        "positive_part": max(0.0, *(run["worst_violation"] for run in every)),
        "largest_certificate_difference": max(run["certificate_difference"] for run in every),
        "machine": _record.machine(),
    }
    print(_record.write(options.out, record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
