"""The limit of training is the solution of the constrained problem, in closed form for ½‖x − c‖²."""

import math

import pytest
import torch

from signwise.convex import L1, DeadZone, GroupL2, Huber, Nuclear
from signwise.optim import LionK

LAM = 1.5


def target():
    return torch.randn(4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def soft(c, eps):
    return torch.sign(c) * (c.abs() - eps).clamp(min=0)


SOLUTIONS = {
    "L1": (L1(), lambda c: c.clamp(-1 / LAM, 1 / LAM), 1e-5),
    "DeadZone": (DeadZone(0.3), lambda c: soft(c, 0.3).clamp(-1 / LAM, 1 / LAM), 1e-5),
    "Huber": (Huber(0.5), lambda c: (c / (1 + 0.5 * LAM)).clamp(-1 / LAM, 1 / LAM), 1e-9),
    "GroupL2": (GroupL2(), lambda c: GroupL2().project(LAM * c) / LAM, 1e-9),
    # A singular value inside the radius is held there by a sign that keeps turning, as coordinates are by L1.
    "Nuclear": (Nuclear(), lambda c: Nuclear().project(LAM * c) / LAM, 1e-5),
}


def cosine(steps=20_000):
    return (1e-2 * (1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps))


def train(kappa, rates, c):
    x = torch.nn.Parameter(torch.zeros_like(c))
    optimizer = LionK([x], 0.0, weight_decay=LAM, kappa=kappa)
    for lr in rates:
        optimizer.param_groups[0]["lr"] = lr
        x.grad = x.detach() - c
        optimizer.step()
    return x.detach()


@pytest.mark.parametrize("name", ["L1", "DeadZone", "Huber", "GroupL2"])
def test_a_constant_rate_ends_within_two_steps(name):
    kappa, solution, _ = SOLUTIONS[name]
    assert (train(kappa, [5e-3] * 2000, target()) - solution(target())).abs().max() <= 2 * 5e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_cosine_rate_ends_at_the_solution(name):
    kappa, solution, tolerance = SOLUTIONS[name]
    assert (train(kappa, cosine(), target()) - solution(target())).abs().max() <= tolerance


@pytest.mark.slow
def test_singular_values_outside_the_radius_end_on_it():
    u, s, vh = torch.linalg.svd(target(), full_matrices=False)
    c = (u * (s + 1 / LAM)) @ vh
    assert (train(Nuclear(), cosine(), c) - Nuclear().project(LAM * c) / LAM).abs().max() <= 1e-9
