"""One step: the oracle's trajectories, the bits of lion_pytorch, and eager against foreach."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from signwise.convex import L1, DeadZone, GroupL2, Huber, LogCosh
from signwise.optim import LionK, lion_k_step
from signwise.optim._step import Rule, foreach_step_, step_

from ..oracles import optim as oracle
from .problems import KAPPAS


def gradients(n, steps, seed=0):
    """Widely scaled gradients with zeros; a few, again and again at other scales."""
    generator = torch.Generator().manual_seed(seed)
    some = []
    for _ in range(8):
        g = torch.randn(n, generator=generator) * 10 ** (3 * torch.randn(n, generator=generator))
        g[torch.rand(n, generator=generator) < 0.1] = 0
        some.append(g)
    for step in range(steps):
        yield some[step % 8] * 0.7 ** (step // 8)


@pytest.mark.parametrize("name", KAPPAS)
@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.9, 0.9), (0.0, 0.0)])
def test_trajectories_are_the_oracles(name, betas):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 3))
    slow = oracle.LionK(oracle.FUNCTIONS[name], 1.5, *betas, x.copy(), np.zeros((4, 3)))
    p = torch.nn.Parameter(torch.tensor(x))
    optimizer = LionK([p], 0.02, betas, 1.5, KAPPAS[name])
    with pytest.warns(UserWarning, match="start outside") if name != "HalfSquare" else nullcontext():
        for _ in range(60):
            g = rng.standard_normal((4, 3))
            slow.step(g, 0.02)
            p.grad = torch.tensor(g)
            optimizer.step()
    np.testing.assert_allclose(p.detach().numpy(), slow.x, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(optimizer.state[p]["exp_avg"].numpy(), -slow.momentum, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("n", [1, 3, 7, 8, 31, 1000, 100_003])
@pytest.mark.parametrize("path", [{"fused": False}, {"foreach": True}, {}], ids=["eager", "foreach", "default"])
def test_l1_has_the_bits_of_lion_pytorch(n, path):
    lion_pytorch = pytest.importorskip("lion_pytorch")
    start = torch.randn(n, generator=torch.Generator().manual_seed(1))
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    a = LionK([ours], 3e-4, (0.9, 0.99), 0.1, **path)
    b = lion_pytorch.Lion([theirs], 3e-4, (0.9, 0.99), 0.1)
    for g in gradients(n, 200):
        ours.grad, theirs.grad = g, g.clone()
        a.step()
        b.step()
    assert torch.equal(ours, theirs)
    assert torch.equal(a.state[ours]["exp_avg"], b.state[theirs]["exp_avg"])


@pytest.mark.parametrize(
    "layout",
    [
        lambda t: t.to(memory_format=torch.channels_last),
        lambda t: t.transpose(0, 3),
        lambda t: torch.cat([t, t], 1)[:, ::2],
    ],
    ids=["channels-last", "transposed", "strided"],
)
def test_strided_weights_have_the_bits_of_lion_pytorch(layout):
    lion_pytorch = pytest.importorskip("lion_pytorch")
    start = torch.randn(4, 6, 5, 3)
    ours, theirs = (torch.nn.Parameter(layout(start.clone())) for _ in range(2))
    a, b = LionK([ours], 1e-3, weight_decay=0.1), lion_pytorch.Lion([theirs], 1e-3, weight_decay=0.1)
    for g in gradients(ours.numel(), 50):
        ours.grad, theirs.grad = layout(g.view(4, 6, 5, 3)), layout(g.view(4, 6, 5, 3)).clone()
        a.step()
        b.step()
    assert torch.equal(ours, theirs)
    assert ours.stride() == theirs.stride()


@pytest.mark.parametrize(
    "kappa", [L1(), DeadZone(0.5), Huber(0.3), LogCosh(), 2.0 * L1(), L1().shifted(0.25), GroupL2()]
)
@pytest.mark.parametrize("cautious", [None, "mask", "rescale"])
@pytest.mark.parametrize("decay", ["plain", "cautious"])
def test_foreach_has_the_bits_of_eager(kappa, cautious, decay):
    rule = Rule(eta=0.01, weight_decay=0.3, beta1=0.9, beta2=0.99, kappa=kappa, cautious=cautious, decay=decay)
    shapes = [(), (1,), (7,), (3, 5), (64, 33)]
    xs = [torch.randn(shape) for shape in shapes]
    ms = [torch.randn(shape) for shape in shapes]
    gs = [torch.randn(shape) for shape in shapes]
    slow = [(x.clone(), m.clone()) for x, m in zip(xs, ms, strict=True)]
    for _ in range(5):
        foreach_step_(xs, gs, ms, rule)
        for (x, m), g in zip(slow, gs, strict=True):
            step_(x, g, m, rule)
    assert all(torch.equal(x, y) for x, (y, _) in zip(xs, slow, strict=True))
    assert all(torch.equal(m, y) for m, (_, y) in zip(ms, slow, strict=True))


@given(st.integers(0, 2**32 - 1), st.sampled_from([torch.float32, torch.float64]))
def test_the_functional_step_leaves_its_arguments_alone(seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    x, g, m = (torch.randn(5, generator=generator, dtype=dtype) for _ in range(3))
    before = x.clone(), g.clone(), m.clone()
    after = lion_k_step(x, g, m, lr=0.1, weight_decay=0.5, kappa=Huber(0.5))
    assert all(torch.equal(a, b) for a, b in zip((x, g, m), before, strict=True))
    step_(x, g, m, Rule(eta=0.1, weight_decay=0.5, beta1=0.9, beta2=0.99, kappa=Huber(0.5)))
    assert torch.equal(after.weights, x)
    assert torch.equal(after.momentum, m)


def test_the_mask_drops_coordinates_against_the_gradient():
    x, g, m = torch.zeros(4), torch.tensor([1.0, -1.0, 0.0, 1e-30]), torch.tensor([1.0, 1.0, 1.0, 1e-30])
    assert lion_k_step(x, g, m, lr=1.0, cautious="mask").weights.tolist() == [-1.0, 0.0, 0.0, -1.0]
    assert lion_k_step(x, g, m, lr=1.0, cautious="rescale").weights.tolist() == [-2.0, 0.0, 0.0, -2.0]


def test_the_rescaled_mask_has_a_ceiling():
    g, m = -torch.ones(100_000), torch.ones(100_000)
    g[0] = 1.0
    step = lion_k_step(torch.zeros(100_000), g, m, lr=1.0, cautious="rescale").weights
    assert step[0].item() == pytest.approx(-1000.0)
    assert not step[1:].any()


def test_cautious_decay_spares_weights_that_move_away_from_zero():
    x, g = torch.tensor([1.0, -1.0, 1.0]), torch.tensor([1.0, 1.0, 0.0])
    after = lion_k_step(x, g, torch.zeros(3), lr=0.1, weight_decay=1.0, decay="cautious").weights
    torch.testing.assert_close(after, torch.tensor([0.8, -1.1, 0.9]))


def test_zero_gradients_and_momentum_move_nothing():
    x = torch.randn(10)
    assert torch.equal(lion_k_step(x, torch.zeros(10), torch.zeros(10), lr=0.1).weights, x)


def test_subnormal_numbers_are_kept():
    tiny = torch.full((9,), 1e-42)
    after = lion_k_step(torch.zeros(9), tiny, torch.zeros(9), lr=0.1)
    assert torch.equal(after.weights, torch.full((9,), -0.1))
    assert (after.momentum > 0).all()


def test_infinite_gradients_follow_ieee():
    g = torch.tensor([float("inf"), -float("inf"), float("nan")])
    after = lion_k_step(torch.zeros(3), g, torch.zeros(3), lr=1.0)
    assert after.weights.tolist() == [-1.0, 1.0, 0.0]
    assert after.momentum.isnan().tolist() == [False, False, True]
