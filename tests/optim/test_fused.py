"""The native step against torch's operations; skipped where the kernels are not there."""

import copy

import pytest
import torch

from signwise.convex import L1, AsymmetricBox, DeadZone, GroupL2, HalfSquare, Huber, LogCosh, PseudoHuber, SmoothedL1
from signwise.optim import LionK
from signwise.optim._fused import obstacle
from signwise.optim._lion_k import rule_of

from .problems import Quadratic, closure_of


def reason(**options):
    optimizer = LionK([torch.nn.Parameter(torch.zeros(2))], **{"lr": 0.1, **options})
    return obstacle(rule_of(optimizer.param_groups[0]), optimizer.param_groups[0])


needs_kernels = pytest.mark.skipif(reason() is not None, reason=str(reason()))
EXACT = [
    L1(),
    DeadZone(0.5),
    Huber(0.3),
    AsymmetricBox(-0.5, 2.0),
    HalfSquare(),
    2.0 * L1(),
    0.5 * (3.0 * DeadZone(0.1)),
]
SMOOTH = [LogCosh(), PseudoHuber(), SmoothedL1(0.3), GroupL2()]
SHAPES = [(), (1,), (7,), (33, 5), (0,), (300,)]


def both(steps=6, dtype=torch.float32, layout=lambda t: t, **options):
    """Weights and states after steps of the native and of the eager path."""
    results = []
    for fused in (True, False):
        generator = torch.Generator().manual_seed(0)
        params = [torch.nn.Parameter(layout(torch.randn(s, generator=generator).to(dtype))) for s in SHAPES]
        optimizer = LionK(params, **{"lr": 0.01, "weight_decay": 0.3, "fused": fused, **options})
        for _ in range(steps):
            for p in params:
                p.grad = layout(torch.randn(p.shape, generator=generator).to(dtype))
            optimizer.step()
        results.append((params, [optimizer.state[p] for p in params]))
    return results


def equal(results):
    (xs, states), (ys, others) = results
    return all(torch.equal(x, y) for x, y in zip(xs, ys, strict=True)) and all(
        torch.equal(state[name], other[name])
        for state, other in zip(states, others, strict=True)
        for name in state.keys() & {"exp_avg", "exp_avg_scale"}
    )


outside = pytest.mark.filterwarnings("ignore:.*start outside the radius")


@needs_kernels
@outside
@pytest.mark.parametrize("kappa", EXACT, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "options", [{}, {"cautious": "mask"}, {"decay": "cautious"}, {"maximize": True}, {"weight_decay": 0.0}], ids=repr
)
def test_functions_of_sums_and_comparisons_have_the_bits_of_eager(kappa, dtype, options):
    assert equal(both(dtype=dtype, kappa=kappa, **options))


@needs_kernels
@outside
@pytest.mark.parametrize("kappa", SMOOTH, ids=repr)
def test_the_others_agree_to_a_few_units(kappa):
    (xs, _), (ys, _) = both(steps=1, kappa=kappa)
    for x, y in zip(xs, ys, strict=True):
        torch.testing.assert_close(x, y, rtol=4 * 1.2e-7, atol=0.01 * 4 * 1.2e-7)


@needs_kernels
@outside
@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("momentum", [None, torch.bfloat16, torch.int8])
@pytest.mark.parametrize("rounding", ["auto", "nearest"])
def test_narrow_storage_has_the_bits_of_eager(weights, momentum, rounding):
    assert equal(both(dtype=weights, momentum_dtype=momentum, rounding=rounding, seed=5))


@needs_kernels
@outside
def test_parameters_that_do_not_fit_take_the_other_path():
    params = [
        torch.nn.Parameter(torch.ones(6)),
        torch.nn.Parameter(torch.ones(6, dtype=torch.float16)),
        torch.nn.Parameter(torch.ones(3, dtype=torch.complex64)),
        torch.nn.Parameter(torch.ones(4, 6)[:, ::2]),
    ]
    twins = copy.deepcopy(params)
    optimizer, eager = LionK(params, 0.1, weight_decay=0.5), LionK(twins, 0.1, weight_decay=0.5, fused=False)
    for _ in range(3):
        for p, q in zip(params, twins, strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        optimizer.step()
        eager.step()
    assert all(torch.equal(p, q) for p, q in zip(params, twins, strict=True))
    with pytest.raises(RuntimeError, match="fused=True is not possible: parameter 1"):
        LionK(params, 0.1, fused=True).step()


@needs_kernels
def test_gradients_may_have_another_layout_than_their_parameter():
    p, q = torch.nn.Parameter(torch.zeros(4, 6)), torch.nn.Parameter(torch.zeros(4, 6))
    fused, eager = LionK([p], 0.1, fused=True), LionK([q], 0.1, fused=False)
    p.grad = torch.randn(6, 4).t()
    q.grad = p.grad.contiguous()
    fused.step()
    eager.step()
    assert torch.equal(p, q)


@needs_kernels
def test_the_plan_follows_moved_weights_and_missing_gradients():
    a, b = torch.nn.Parameter(torch.zeros(5)), torch.nn.Parameter(torch.zeros(5))
    optimizer = LionK([a, b], 0.1, (0.0, 0.0), fused=True)
    a.grad, b.grad = torch.ones(5), torch.ones(5)
    optimizer.step()
    a.grad = None
    optimizer.step()
    assert (a[0].item(), b[0].item()) == (pytest.approx(-0.1), pytest.approx(-0.2))
    a.grad = torch.ones(5)
    a.data = torch.ones(5)
    optimizer.step()
    assert (a[0].item(), b[0].item()) == (pytest.approx(0.9), pytest.approx(-0.3))


@needs_kernels
@pytest.mark.parametrize("kappa", [k for k in EXACT + SMOOTH if not isinstance(k, GroupL2)], ids=repr)
@pytest.mark.parametrize("weight_decay", [1.5, 0.0])
@pytest.mark.parametrize("maximize", [False, True])
def test_certificates_are_those_of_eager(kappa, weight_decay, maximize):
    loss = Quadratic((4, 5))
    params = [torch.nn.Parameter(torch.zeros(4, 5, dtype=torch.float64)) for _ in range(2)]
    optimizers = [
        LionK([p], 0.01, weight_decay=weight_decay, kappa=kappa, certify=True, fused=fused, maximize=maximize)
        for p, fused in zip(params, (True, False), strict=True)
    ]
    sign = -1 if maximize else 1
    for step in range(12):
        certificates = []
        for p, optimizer in zip(params, optimizers, strict=True):
            closure = closure_of(optimizer, lambda x: sign * loss(x), p)
            if step % 5 == 4:  # no Lyapunov sums in this one
                closure()
                optimizer.step()
            else:
                optimizer.step(closure)
            certificates.append(optimizer.certificate(smoothness=1.0))
        fused, eager = certificates
        for name in ("gap", "lyapunov_slack", "implied_smoothness", "distance", "feasibility_bound"):
            ours, theirs = getattr(fused, name), getattr(eager, name)
            assert ours == (None if theirs is None else pytest.approx(theirs, rel=1e-7, abs=1e-12)), name
        assert (fused.gap is None) == (weight_decay == 0)


@needs_kernels
def test_nonfinite_gradients_are_counted_in_the_pass():
    p = torch.nn.Parameter(torch.zeros(3))
    optimizer = LionK([p], 0.1, fused=True)
    p.grad = torch.tensor([float("nan"), 1.0, float("inf")])
    with pytest.warns(RuntimeWarning, match="2 gradient entries"):
        optimizer.step()
    assert optimizer.nonfinite_gradients == 2


@needs_kernels
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cautious": "rescale"}, "no cautious='rescale'"),
        ({"kappa": GroupL2(block=2)}, "GroupL2 is that of whole tensors"),
        ({"kappa": L1().shifted(0.5)}, "no kernel for Shifted"),
        ({"capturable": True}, "cannot be captured"),
    ],
)
def test_what_it_cannot_do_has_a_reason(options, words):
    assert words in reason(**options)


@needs_kernels
def test_a_function_of_the_same_name_is_not_taken_for_ours():
    class Mine(L1):
        pass

    Mine.__name__ = "L1"
    assert "no kernel for" in reason(kappa=Mine())
