"""In continuous time H falls at the rate that is claimed; the inequality of a discrete step comes from there."""

import pytest
import torch

from signwise.convex import L1, DeadZone, HalfSquare, LogCosh, PseudoHuber, SmoothedL1, TopK
from signwise.optim import LionK

from ..oracles.optim_flow import Flow
from .problems import Quadratic, Wavy

SMOOTH = [HalfSquare(), LogCosh(), PseudoHuber(), SmoothedL1(0.4)]
STEP = 1e-3


def start():
    """A point inside the set, and a momentum."""
    generator = torch.Generator().manual_seed(3)
    x, M = torch.rand(2, 20, generator=generator, dtype=torch.float64).mul(2).sub(1)
    return 0.5 * x / 1.5, M


def trace(flow, move, steps):
    """H and its rate along a path."""
    x, M = start()
    heights, falls = [flow.energy(x, M)], [flow.fall(x, M)]
    for _ in range(steps):
        x, M = move(x, M, STEP)
        heights.append(flow.energy(x, M))
        falls.append(flow.fall(x, M))
    return torch.tensor(heights, dtype=torch.float64), torch.tensor(falls, dtype=torch.float64)


@pytest.mark.parametrize("K", SMOOTH, ids=repr)
@pytest.mark.parametrize("loss", [Quadratic, pytest.param(Wavy, marks=pytest.mark.slow)])
def test_energy_falls_at_its_rate(K, loss):
    flow = Flow(loss=loss((20,)), K=K)
    heights, falls = trace(flow, flow.runge_kutta, 300)
    assert (falls >= 0).all()
    rises = heights[1:] - heights[:-1]
    assert (rises <= 1e-12 * (1 + heights[:-1].abs())).all()
    assert ((rises + STEP * (falls[1:] + falls[:-1]) / 2).abs() <= 1e-5).all()
    assert heights[-1] < heights[0] - 1e-2


@pytest.mark.parametrize("K", [L1(), DeadZone(0.1), TopK(6)], ids=repr)
@pytest.mark.parametrize("loss", [Quadratic, pytest.param(Wavy, marks=pytest.mark.slow)])
def test_energy_hardly_rises_where_the_subgradient_jumps(K, loss):
    flow = Flow(loss=loss((20,)), K=K)
    heights, _ = trace(flow, flow.euler, 1000)
    assert (heights[1:] - heights[:-1]).max() <= 10 * STEP**2
    assert heights[-1] < heights[0] - 1e-2


@pytest.mark.parametrize("K", [L1(), LogCosh()], ids=repr)
def test_euler_steps_of_the_flow_are_steps_of_the_optimizer(K):
    # α = γ, 1 − β₂ = hγ, 1 − β₁ = εγ
    loss, h = Quadratic((20,)), 1e-2
    flow = Flow(loss=loss, K=K, alpha=0.7, gamma=0.7)
    x, M = start()
    p = torch.nn.Parameter(x.clone())
    optimizer = LionK([p], h, (1 - flow.eps * flow.gamma, 1 - h * flow.gamma), weight_decay=flow.decay, kappa=K)
    p.grad = torch.zeros_like(x)
    optimizer.step()  # makes the state
    with torch.no_grad():
        p.copy_(x)
        optimizer.state[p]["exp_avg"].copy_(-M)
    for _ in range(100):
        x, M = flow.euler(x, M, h)
        p.grad = flow.gradient(p)
        optimizer.step()
        torch.testing.assert_close(p.detach(), x, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(optimizer.state[p]["exp_avg"], -M, rtol=1e-12, atol=1e-12)
