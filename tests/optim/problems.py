"""Losses of known smoothness, and the K that the tests of certificates go through."""

from __future__ import annotations

import torch

from signwise.convex import (
    L1,
    AsymmetricBox,
    DeadZone,
    GroupL2,
    HalfSquare,
    Huber,
    LInf,
    LogCosh,
    Lp,
    Nuclear,
    PseudoHuber,
    TopK,
)

KAPPAS = {
    "L1": L1(),
    "Lp(1.5)": Lp(1.5),
    "GroupL2": GroupL2(),
    "DeadZone(0.1)": DeadZone(0.1),
    "Huber(0.5)": Huber(0.5),
    "LogCosh": LogCosh(),
    "PseudoHuber": PseudoHuber(),
    "TopK(3)": TopK(3),
    "LInf": LInf(),
    "Nuclear": Nuclear(),
    "HalfSquare": HalfSquare(),
    "AsymmetricBox(-0.5, 1)": AsymmetricBox(-0.5, 1.0),
}


class Quadratic:
    """f(x) = ½ Σ a_i (x_i − c_i)², a_i in [0.1, 1]: smoothness 1, convex."""

    smoothness = 1.0

    def __init__(self, shape, seed=0, dtype=torch.float64):
        generator = torch.Generator().manual_seed(seed)
        self.a = 0.1 + 0.9 * torch.rand(shape, generator=generator, dtype=dtype)
        self.c = torch.randn(shape, generator=generator, dtype=dtype)

    def __call__(self, x):
        return 0.5 * (self.a * (x - self.c).square()).sum()


class Wavy(Quadratic):
    """The quadratic plus Σ cos(2x_i)/2: smoothness 3, not convex."""

    smoothness = 3.0

    def __call__(self, x):
        return super().__call__(x) + 0.5 * torch.cos(2 * x).sum()


def closure_of(optimizer, loss, *params):
    """A closure for ``step``: clears gradients, computes the sum of losses and its gradients."""

    def closure():
        optimizer.zero_grad()
        value = sum(loss(p) for p in params)
        value.backward()
        return value

    return closure
