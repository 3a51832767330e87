"""Find the problem that noisy LionK solves: ``python -m reproductions.optim.noise --out DIR``.

Gradients of ½‖x − c‖² carry normal noise of deviation σ. With s = σ·√((1−β₁)² + β₁²(1−β₂)/(1+β₂)), the limit of a
small learning rate is the optimum for K_s(z) = E‖z + s·n‖₁, SmoothedL1(s), and not that of the hard box |x_i| ≤ 1/λ.
Both distances are root mean squares over the coordinates.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import torch
from scipy.special import erfinv

from signwise.convex import L1
from signwise.optim import LionK, effective_noise

from . import _record
from ._descent import cosine

DECAY, LR = 1.5, 5e-3
# Of the entries of c: about a quarter of them are outside the box.
SPREAD = 0.6
SIGMAS = (0.5, 2.0, 8.0)
BETAS = {"0.9": (0.9, 0.99), "0": (0.0, 0.9)}


def noisy_point(c: np.ndarray, s: float) -> np.ndarray:
    """Solve x − c + √2·s·erfinv(λx) = 0 in each coordinate, by bisection."""
    low, high = np.full_like(c, -1.0), np.full_like(c, 1.0)
    for _ in range(100):
        middle = (low + high) / 2
        above = middle / DECAY - c + math.sqrt(2) * s * erfinv(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2 / DECAY


def descend(sigma: float, betas: tuple[float, float], *, size: int, steps: int, seed: int) -> dict[str, Any]:
    """One noisy run and its distances to both points."""
    generator = torch.Generator().manual_seed(seed)
    c = SPREAD * torch.randn(size, generator=generator, dtype=torch.float64)
    x = torch.nn.Parameter(torch.zeros_like(c))
    optimizer = LionK([x], lr=LR, betas=betas, weight_decay=DECAY, kappa=L1())
    noise = torch.empty_like(c)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = LR * cosine(step, steps)
        x.grad = noise.normal_(0.0, sigma, generator=generator).add_(x.detach()).sub_(c)
        optimizer.step()
    s = effective_noise(sigma, betas)
    end, target = x.detach().numpy(), c.numpy()
    hard, soft = np.clip(target, -1 / DECAY, 1 / DECAY), noisy_point(target, s)
    return {
        "s": s,
        "rms_to_hard_box": float(np.sqrt(np.mean((end - hard) ** 2))),
        "rms_to_noisy_point": float(np.sqrt(np.mean((end - soft) ** 2))),
        "rms_between_points": float(np.sqrt(np.mean((soft - hard) ** 2))),
    }


def main(argv: list[str] | None = None) -> int:
    parser = _record.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=40_000)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    record = {
        "settings": {
            "steps": options.steps,
            "size": options.size,
            "lr": LR,
            "decay": DECAY,
            "spread": SPREAD,
            "seed": options.seed,
        },
        "beta1": {
            name: {
                f"{sigma:g}": descend(sigma, betas, size=options.size, steps=options.steps, seed=options.seed)
                for sigma in SIGMAS
            }
            for name, betas in BETAS.items()
        },
        "machine": _record.machine(),
    }
    print(_record.write(options.out, record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
