"""Deterministic descent with LionK on one float64 tensor, as the toy and the closed forms use it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from signwise.convex import Convex
from signwise.optim import LionK

Rate = Callable[[int, int], float]


def cosine(step: int, steps: int) -> float:
    """Half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * step / steps))


def linear(step: int, steps: int) -> float:
    """From 1 to 0 in a straight line."""
    return 1 - step / steps


def constant(step: int, steps: int) -> float:
    """1."""
    return 1.0


def descend(
    start: Tensor,
    gradient: Callable[[Tensor], Tensor],
    kappa: Convex,
    *,
    lr: float,
    decay: float,
    steps: int,
    rate: Rate = cosine,
    betas: tuple[float, float] = (0.9, 0.99),
    every: int = 0,
) -> tuple[Tensor, list[Tensor]]:
    """Run LionK.

    Returns:
        The last point, and every so-manieth point of the way (none for 0).
    """
    x = torch.nn.Parameter(start.clone())
    optimizer = LionK([x], lr=lr, betas=betas, weight_decay=decay, kappa=kappa)
    way = []
    for step in range(steps):
        if every and step % every == 0:
            way.append(x.detach().clone())
        optimizer.param_groups[0]["lr"] = lr * rate(step, steps)
        x.grad = gradient(x.detach())
        optimizer.step()
    return x.detach(), way
