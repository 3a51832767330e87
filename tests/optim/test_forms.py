"""The named forms are the optimizers that they are named after."""

import pytest
import torch

from signwise.convex import L1, GroupL2, HalfSquare, LInf, LogCosh, Nuclear
from signwise.optim import FrankWolfe, Lion, LionK, Muon, NormalizedSGD, SignSGD, Signum, SmoothLion, Tiger


def run(optimizer, p, steps=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        p.grad = torch.randn(p.shape, generator=generator)
        optimizer.step()
    return p.detach()


def start(*shape):
    return torch.nn.Parameter(torch.linspace(-0.5, 0.5, 12).view(shape or (12,)).clone())


@pytest.mark.parametrize(
    ("form", "options"),
    [
        (lambda p: Lion(p, 1e-2), {"betas": (0.9, 0.99)}),
        (lambda p: Signum(p, 1e-2, 0.8), {"betas": (0.8, 0.8)}),
        (lambda p: SignSGD(p, 1e-2), {"betas": (0.0, 0.0)}),
        (lambda p: Tiger(p, 1e-2), {"betas": (0.965, 0.965), "weight_decay": 0.01}),
        (lambda p: NormalizedSGD(p, 1e-2), {"betas": (0.9, 0.9), "kappa": GroupL2()}),
        (lambda p: SmoothLion(p, 1e-2), {"kappa": LogCosh()}),
        (lambda p: FrankWolfe(p, 5e-3, radius=2.0), {"betas": (0.0, 0.0), "radius": 2.0}),
    ],
)
def test_they_are_settings_of_one_class(form, options):
    a, b = start(), start()
    assert torch.equal(run(form([a]), a), run(LionK([b], 1e-2, **options), b))


def test_signum_is_the_sign_of_the_running_mean():
    p, x, m = start(), start().detach().clone(), torch.zeros(12)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        m = 0.9 * m + 0.1 * torch.randn(12, generator=generator)
        x -= 1e-2 * torch.sign(m)
    torch.testing.assert_close(run(Signum([p], 1e-2), p), x)


def test_muon_has_the_momentum_of_torchs():
    """With HalfSquare the direction itself is the step: the Nesterov mixture of torch.optim.Muon."""
    p, x, buffer = start(3, 4), start(3, 4).detach().clone(), torch.zeros(3, 4)
    optimizer = Muon([{"params": [p], "kappa": HalfSquare()}], 1e-2, 0.95)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        g = torch.randn(3, 4, generator=generator)
        buffer.lerp_(g, 1 - 0.95)
        x -= 1e-2 * g.lerp(buffer, 0.95)
    torch.testing.assert_close(run(optimizer, p), x)


def test_muon_splits_groups_by_shape():
    shapes = [(8, 2), (2, 8), (5,), (), (8, 2, 1, 1), (4, 4)]
    optimizer = Muon([torch.nn.Parameter(torch.zeros(s)) for s in shapes], 0.1, adjust="original")
    table = {group["kappa"]: [tuple(p.shape) for p in group["params"]] for group in optimizer.param_groups}
    nuclear = Nuclear("newton-schulz")
    assert table == {2.0 * nuclear: [(8, 2), (8, 2, 1, 1)], nuclear: [(2, 8), (4, 4)], L1(): [(5,), ()]}
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(18, 2))], "lr": 0.5})
    assert optimizer.param_groups[-1]["kappa"] == 3.0 * nuclear
    assert optimizer.param_groups[-1]["lr"] == 0.5


@pytest.mark.parametrize("method", ["svd", "newton-schulz"])
def test_muon_steps_are_orthogonal(method):
    p = torch.nn.Parameter(torch.zeros(4, 6))
    optimizer = Muon([p], 1.0, method=method)
    p.grad = torch.randn(4, 6)
    optimizer.step()
    s = torch.linalg.svdvals(p.detach())
    assert s.max() <= 1 + 1e-6
    assert s.min() > (0.999 if method == "svd" else 0.5)


def test_muon_refuses_unknown_words():
    with pytest.raises(ValueError, match="adjust must be one of none, original, match_rms_adamw; got 'rms'"):
        Muon([start(3, 4)], 0.1, adjust="rms")
    with pytest.raises(ValueError, match="method must be one of"):
        Muon([start(3, 4)], 0.1, method="qr")


def test_frank_wolfe_steps_towards_a_vertex():
    p = torch.nn.Parameter(torch.tensor([0.5, 0.25, 0.0]))
    optimizer = FrankWolfe([p], 0.5, radius=4.0, kappa=LInf())
    p.grad = torch.tensor([1.0, -3.0, 2.0])
    optimizer.step()
    assert p.tolist() == [0.25, 2.125, 0.0]
    with pytest.raises(ValueError, match="kappa must have a bounded set"):
        FrankWolfe([p], 0.5, kappa=HalfSquare())


def test_frank_wolfe_reaches_the_optimum_of_the_ball():
    c = torch.tensor([3.0, 4.0])
    p = torch.nn.Parameter(torch.zeros(2))
    optimizer = FrankWolfe([p], 1.0, radius=2.0, kappa=GroupL2(), certify=True)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 2.0 * 2 / (step + 2)
        p.grad = p.detach() - c
        optimizer.step()
    torch.testing.assert_close(p.detach(), 0.4 * c, atol=1e-3, rtol=0)
    assert optimizer.certificate().distance <= 1e-6
