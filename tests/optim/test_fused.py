"""The native step against torch's operations; skipped where the kernels are not there."""

import copy

import pytest
import torch

from signwise.convex import L1, AsymmetricBox, DeadZone, GroupL2, HalfSquare, Huber, LogCosh, PseudoHuber, SmoothedL1
from signwise.optim import LionK, NonFiniteGradientError
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


def twins(count=3, **options):
    """Two optimizers over equal parameters: the native one, and the eager one."""
    params = [[torch.nn.Parameter(torch.zeros(5)) for _ in range(count)] for _ in range(2)]
    return [
        (some, LionK(some, 0.1, (0.5, 0.9), weight_decay=0.5, fused=fused, **options))
        for some, fused in zip(params, (True, False), strict=True)
    ]


def spy(optimizer, monkeypatch):
    """How often the optimizer took its last step again without looking at every tensor."""
    taken = []
    again = optimizer._again
    monkeypatch.setattr(optimizer, "_again", lambda *args, **kwargs: taken.append(1) or again(*args, **kwargs))
    return taken


def shrink(params, optimizer):
    params[1].data = params[1].data[:3]
    params[1].grad = torch.ones(3)
    optimizer.state[params[1]]["exp_avg"] = optimizer.state[params[1]]["exp_avg"][:3].clone()


def move_momentum(params, optimizer):
    optimizer.state[params[1]]["exp_avg"].data = torch.ones(5)


def replace_momentum(params, optimizer):
    optimizer.state[params[1]]["exp_avg"] = torch.ones(5)


def replace_state(params, optimizer):
    optimizer.state[params[1]] = {**optimizer.state[params[1]], "exp_avg": torch.ones(5)}


def change_decay(params, optimizer):
    optimizer.param_groups[0]["weight_decay"] = 0.25


def swap_weights(params, optimizer):
    params[1].data = torch.ones(5)


def drop_gradient(params, optimizer):
    params[0].grad = None


def drop_all_gradients(params, optimizer):
    optimizer.zero_grad()


def widen_weights(params, optimizer):
    params[1].data = params[1].data.double()
    params[1].grad = torch.ones(5, dtype=torch.float64)
    optimizer.state[params[1]]["exp_avg"] = optimizer.state[params[1]]["exp_avg"].double()


def change_function(params, optimizer):
    optimizer.param_groups[0]["kappa"] = Huber(0.5)


def add_parameters(params, optimizer):
    params.append(torch.nn.Parameter(torch.zeros(5)))
    params[-1].grad = torch.ones(5)
    optimizer.add_param_group({"params": params[-1:], "lr": 0.2})


def replace_parameter(params, optimizer):
    params[2] = optimizer.param_groups[0]["params"][2] = torch.nn.Parameter(torch.ones(5))
    params[2].grad = torch.ones(5)


def load(params, optimizer):
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


@needs_kernels
@pytest.mark.parametrize(
    "change",
    [
        shrink,
        move_momentum,
        replace_momentum,
        replace_state,
        change_decay,
        swap_weights,
        drop_gradient,
        drop_all_gradients,
        widen_weights,
        change_function,
        add_parameters,
        replace_parameter,
        load,
    ],
)
def test_a_step_taken_again_sees_every_change(change, monkeypatch):
    pairs = twins()
    taken = spy(pairs[0][1], monkeypatch)
    for step in range(9):
        for params, optimizer in pairs:
            if step == 3:
                change(params, optimizer)
            elif step != 4:
                for k, p in enumerate(params):
                    # In turn in place, and as new tensors.
                    g = torch.full_like(p, (-1.0) ** (step + k) * (step + k)).detach()
                    p.grad = g if step % 2 or p.grad is None else p.grad.copy_(g)
            optimizer.step()
        (xs, ours), (ys, eager) = pairs
        assert all(torch.equal(x, y) for x, y in zip(xs, ys, strict=True))
        assert [dict(ours.state[x]).keys() for x in xs] == [dict(eager.state[y]).keys() for y in ys]
        for x, y in zip(xs, ys, strict=True):
            for name in ("step", "log_decay", "initial_distance"):
                assert ours.state[x].get(name) == eager.state[y].get(name)
    assert len(taken) >= 5


@needs_kernels
@pytest.mark.parametrize("policy", ["raise", "skip"])
def test_a_step_taken_again_looks_for_bad_gradients_first(policy, monkeypatch):
    ((params, optimizer),) = twins(nan_policy=policy)[:1]
    taken = spy(optimizer, monkeypatch)
    for _ in range(2):
        for p in params:
            p.grad = torch.ones(5)
        optimizer.step()
    before = [p.detach().clone() for p in params]
    params[2].grad[3] = torch.nan
    if policy == "raise":
        with pytest.raises(NonFiniteGradientError, match="1 gradient entries"):
            optimizer.step()
    else:
        optimizer.step()
    assert len(taken) == 2
    assert all(torch.equal(p, x) for p, x in zip(params, before, strict=True))
    assert {optimizer.state[p]["step"] for p in params} == {2}


@needs_kernels
def test_frozen_parameters_stay_out(monkeypatch):
    (params, optimizer), _ = twins()
    taken = spy(optimizer, monkeypatch)
    for step in range(4):
        for p in params[::2] if step < 3 else params:
            p.grad = torch.ones(5)
        optimizer.step()
    assert len(taken) == 2
    assert [optimizer.state[p]["step"] for p in params] == [4, 1, 4]


@needs_kernels
@pytest.mark.parametrize("steps", [1, 2])
def test_autograd_sees_that_weights_were_written(steps):
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = LionK([p], 0.1, fused=True)
    p.grad = torch.ones(3)
    for _ in range(steps):
        product = p * p
        optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()


@needs_kernels
def test_certificates_of_steps_taken_again(monkeypatch):
    loss = Quadratic((5,))
    certificates = []
    for params, optimizer in twins(count=1, certify=True):
        closure = closure_of(optimizer, loss, params[0])
        for _ in range(5):
            optimizer.step(closure)
        certificates.append(optimizer.certificate(smoothness=1.0))
    ours, eager = certificates
    for name in ("gap", "lyapunov_slack", "implied_smoothness", "distance", "feasibility_bound"):
        assert getattr(ours, name) == pytest.approx(getattr(eager, name), rel=1e-4, abs=1e-6), name
