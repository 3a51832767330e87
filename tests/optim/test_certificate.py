"""Certificates: bounds that hold for any gradients, inequalities of every step, and what they leave open."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.convex import L1, Convex, HalfSquare, LogCosh, LogSumExp, Nuclear, SmoothedL1
from signwise.optim import Certificate, LionK, Muon

from ..oracles import optim as oracle
from .problems import KAPPAS, Quadratic, Wavy, closure_of

LAM = 1.5
# Those whose set is bounded.
BOUNDED = {name: K for name, K in KAPPAS.items() if K.bounded}

outside = pytest.mark.filterwarnings("ignore:.*start outside the radius")


def weights(shape=(4, 5), scale=1.0, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.Parameter((scale * torch.randn(shape, generator=generator)).to(dtype))


def inside(name):
    """Weights in the interior of every set of the table."""
    return torch.nn.Parameter(weights().detach().clamp(-0.3, 0.3) / (10 * LAM if name != "HalfSquare" else 1))


@outside
@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize(("dtype", "slack"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_entry_is_as_fast_as_the_bound_says_whatever_the_gradients(name, dtype, slack):
    x = weights(scale=3.0, dtype=dtype)
    optimizer = LionK([x], 0.02, weight_decay=LAM, kappa=BOUNDED[name])
    floor = 4 * torch.finfo(dtype).eps * math.sqrt(x.numel())
    start = None
    for step in range(400):
        x.grad = torch.randn(x.shape, dtype=dtype) * 10 ** (step % 7 - 3)
        optimizer.step()
        certificate = optimizer.certificate()
        start = certificate.feasibility_bound if start is None else start
        assert certificate.distance <= certificate.feasibility_bound * (1 + slack) + floor
    assert certificate.guarantee == "set"
    assert certificate.feasibility_bound == pytest.approx(start * (1 - 0.02 * LAM) ** 399)
    assert certificate.distance <= floor


@given(st.lists(st.floats(0, 1 / LAM), min_size=1, max_size=20), st.integers(0, 2**31))
@settings(max_examples=25)
@outside
def test_the_bound_follows_any_schedule(rates, seed):
    x = weights(scale=3.0, seed=seed)
    optimizer = LionK([x], 0.0, weight_decay=LAM, kappa=KAPPAS["GroupL2"])
    generator = torch.Generator().manual_seed(seed)
    for lr in rates:
        optimizer.param_groups[0]["lr"] = lr
        x.grad = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        optimizer.step()
    certificate = optimizer.certificate()
    assert certificate.distance <= certificate.feasibility_bound * (1 + 1e-12) + 1e-14


@pytest.mark.parametrize("name", KAPPAS)
@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.9, 0.9), (0.0, 0.5)])
@pytest.mark.parametrize("problem", [Quadratic, Wavy])
def test_the_discrete_lyapunov_inequality(name, betas, problem):
    loss, x = problem((4, 5)), inside(name)
    optimizer = LionK([x], 5e-3, betas, LAM, KAPPAS[name], certify=True)
    closure = closure_of(optimizer, loss, x)
    seen = 0
    for step in range(60):
        optimizer.step(closure)
        certificate = optimizer.certificate(smoothness=loss.smoothness)
        assert certificate.step == step
        if certificate.lyapunov_slack is not None:
            seen += 1
            assert certificate.lyapunov_slack >= -1e-12 * (1 + abs(loss(x).item()))
            assert certificate.implied_smoothness <= loss.smoothness + 1e-6
    assert seen >= 58


def test_the_inequality_notices_a_smoothness_that_is_too_small():
    loss, x = Wavy((4, 5)), inside("L1")
    optimizer = LionK([x], 0.1, weight_decay=LAM, certify=True)
    slacks = []
    for _ in range(40):
        optimizer.step(closure_of(optimizer, loss, x))
        slacks.append(optimizer.certificate(smoothness=0.01).lyapunov_slack)
    assert min(slack for slack in slacks if slack is not None) < 0


def test_the_inequality_in_float32():
    loss, x = Quadratic((4, 5), dtype=torch.float32), torch.nn.Parameter(inside("L1").detach().float())
    optimizer = LionK([x], 5e-3, weight_decay=LAM, certify=True)

    def closure():
        optimizer.zero_grad()
        loss(x).backward()
        return loss(x.detach().double())

    for _ in range(60):
        optimizer.step(closure)
        slack = optimizer.certificate(smoothness=1.0).lyapunov_slack
        assert slack is None or slack >= -1e-5 * (1 + loss(x.double()).item())


@pytest.mark.parametrize("name", ["L1", "DeadZone(0.1)", "Huber(0.5)", "LogCosh", "HalfSquare", "Nuclear"])
def test_fields_are_the_oracles(name):
    loss, x = Quadratic((4, 5)), inside(name)
    betas, eta = (0.9, 0.99), 0.01
    optimizer = LionK([x], eta, betas, LAM, KAPPAS[name], certify=True)
    slow = oracle.LionK(oracle.FUNCTIONS[name], LAM, *betas, x.detach().numpy().copy(), np.zeros((4, 5)))

    def at(values):
        z = torch.tensor(values, requires_grad=True)
        value = loss(z)
        value.backward()
        return value.item(), z.grad.numpy()

    for step in range(20):
        before = oracle.LionK(slow.k, LAM, *betas, slow.x.copy(), slow.momentum.copy())
        f, g = at(before.x)
        slow.step(g, eta)
        optimizer.step(closure_of(optimizer, loss, x))
        # Two certificates of one moment: about the weights before the step, and with a closure about those after.
        last = optimizer.certificate(smoothness=1.0)
        assert last.gap == pytest.approx(before.gap(g), rel=1e-9, abs=1e-12)
        now = optimizer.certificate(closure_of(optimizer, loss, x), 1.0)
        f_after, g_after = at(slow.x)
        assert now.gap == pytest.approx(slow.gap(g_after), rel=1e-9, abs=1e-12)
        assert now.step == step + 1
        c, moved = before.weight(eta), ((slow.x - before.x) ** 2).sum()
        rise = slow.lyapunov(f_after, c) - before.lyapunov(f, c)
        expected = -before.decrease(g, eta, slow) + moved / 2 - rise
        assert now.lyapunov_slack == pytest.approx(expected, rel=1e-7, abs=1e-12)
        assert now.implied_smoothness == pytest.approx(1 - 2 * expected / moved, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", ["L1", "GroupL2", "DeadZone(0.1)", "Huber(0.5)", "HalfSquare", "TopK(3)", "Nuclear"])
def test_the_gap_bounds_what_is_left_to_gain(name):
    loss, x = Quadratic((4, 5)), inside(name)
    optimizer = LionK([x], 0.05, weight_decay=LAM, kappa=KAPPAS[name], certify=True)
    objectives, gaps = [], []

    def objective():
        return loss(x).item() + KAPPAS[name].conjugate(LAM * x.detach(), tolerance=1e-14).item() / LAM

    for step in range(300):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 300)
        objectives.append(objective())
        optimizer.step(closure_of(optimizer, loss, x))
        gaps.append(optimizer.certificate().gap)
    least = min(objectives)
    assert all(gap >= value - least - 1e-10 for gap, value in zip(gaps, objectives, strict=True))
    assert gaps[-1] < 0.1 * gaps[0]


def test_a_lambda_of_zero_minimises_the_loss_and_keeps_the_inequality():
    loss, x = Quadratic((4, 5)), weights()
    optimizer = LionK([x], 1e-2, weight_decay=0.0, certify=True)
    for step in range(20):
        optimizer.step(closure_of(optimizer, loss, x))
        certificate = optimizer.certificate(smoothness=1.0)
        assert (certificate.gap, certificate.distance, certificate.feasibility_bound) == (None, None, None)
        assert certificate.radius == math.inf
        if step:
            assert certificate.lyapunov_slack >= -1e-12 * (1 + loss(x).item())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "set"),
        ({"weight_decay": 0.0}, "none"),
        ({"kappa": HalfSquare()}, "none"),
        ({"cautious": "mask"}, "set"),
        ({"cautious": "mask", "kappa": Nuclear()}, "none"),
        ({"cautious": "rescale"}, "none"),
        ({"decay": "cautious"}, "none"),
        ({"kappa": Nuclear(method="newton-schulz")}, "set"),
        ({"momentum_dtype": torch.int8}, "set"),
    ],
)
def test_the_guarantee_says_what_a_variant_leaves(options, expected):
    x = torch.nn.Parameter(torch.zeros(3, 3))
    optimizer = LionK([x], **{"lr": 0.01, "weight_decay": 0.1, **options})
    certificate = optimizer.certificate()
    assert certificate.guarantee == expected
    assert (certificate.feasibility_bound is None) == (expected == "none")


def test_an_overshooting_subgradient_has_a_larger_set():
    class Loud(L1):
        overshoot = 1.25

        def subgradient(self, z):
            return 1.25 * super().subgradient(z)

    x = torch.nn.Parameter(torch.zeros(3))
    optimizer = LionK([x], 0.1, weight_decay=0.5, kappa=Loud())
    for _ in range(100):
        x.grad = -torch.ones(3)
        optimizer.step()
    certificate = optimizer.certificate()
    assert (certificate.guarantee, certificate.radius) == ("scaled-set", 2.5)
    assert x[0].item() == pytest.approx(2.5, rel=0.01)
    assert certificate.distance == certificate.feasibility_bound == 0.0


@pytest.mark.parametrize("options", [{"cautious": "mask"}, {"decay": "cautious"}])
def test_variants_have_no_lyapunov_slack(options):
    loss, x = Quadratic((4, 5)), inside("L1")
    optimizer = LionK([x], 0.01, weight_decay=LAM, certify=True, **options)
    for _ in range(3):
        optimizer.step(closure_of(optimizer, loss, x))
    certificate = optimizer.certificate(closure_of(optimizer, loss, x), 1.0)
    assert certificate.gap is not None
    assert certificate.lyapunov_slack is None


@outside
def test_outside_the_set_the_gap_is_infinite_and_there_is_no_slack():
    loss, x = Quadratic((4, 5)), weights(scale=5.0)
    optimizer = LionK([x], 0.01, weight_decay=LAM, certify=True)
    optimizer.step(closure_of(optimizer, loss, x))
    certificate = optimizer.certificate(closure_of(optimizer, loss, x), 1.0)
    assert certificate.gap == math.inf
    assert certificate.lyapunov_slack is None


def test_without_certify_only_a_closure_gives_a_gap():
    loss, x = Quadratic((4, 5)), inside("L1")
    optimizer = LionK([x], 0.01, weight_decay=LAM)
    optimizer.step(closure_of(optimizer, loss, x))
    assert optimizer.certificate().gap is None
    certificate = optimizer.certificate(closure_of(optimizer, loss, x), 1.0)
    assert certificate.gap > 0
    assert certificate.lyapunov_slack is None


def test_before_the_first_step():
    x = torch.nn.Parameter(torch.full((2,), 3.0))
    certificate = LionK([x], 0.1, weight_decay=0.5).certificate()
    assert certificate == Certificate(
        guarantee="set",
        radius=2.0,
        feasibility_bound=pytest.approx(math.sqrt(0.5)),
        distance=pytest.approx(math.sqrt(0.5)),
        gap=None,
        lyapunov_slack=None,
        implied_smoothness=None,
        step=0,
        groups=certificate.groups,
    )


def test_the_weakest_group_wins_and_groups_speak_for_themselves():
    a, b = torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(3))
    optimizer = LionK([{"params": [a], "radius": 2.0}, {"params": [b], "radius": 5.0}], 0.01)
    whole = optimizer.certificate()
    assert (whole.guarantee, whole.radius, [part.radius for part in whole.groups]) == ("set", 5.0, [2.0, 5.0])
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "weight_decay": 0.0})
    whole = optimizer.certificate()
    assert (whole.guarantee, whole.radius, whole.feasibility_bound) == ("none", math.inf, None)
    assert [part.guarantee for part in whole.groups] == ["set", "set", "none"]
    assert whole.distance == 0.0


def test_sums_run_over_groups():
    loss, a, b = Quadratic((4, 5)), inside("L1"), inside("HalfSquare")
    optimizer = LionK(
        [{"params": [a]}, {"params": [b], "kappa": HalfSquare(), "betas": (0.5, 0.9)}],
        0.01,
        weight_decay=LAM,
        certify=True,
    )
    closure = closure_of(optimizer, loss, a, b)
    for _ in range(30):
        optimizer.step(closure)
        certificate = optimizer.certificate(smoothness=1.0)
        assert certificate.gap == pytest.approx(sum(part.gap for part in certificate.groups))
        if certificate.lyapunov_slack is not None:
            assert certificate.lyapunov_slack >= -1e-12 * (1 + loss(a).item() + loss(b).item())


def test_a_parameter_without_gradient_keeps_its_bound():
    a, b = torch.nn.Parameter(torch.full((1,), 3.0)), torch.nn.Parameter(torch.full((1,), 3.0))
    optimizer = LionK([a, b], 0.1, weight_decay=1.0)
    a.grad = torch.zeros(1)
    with pytest.warns(UserWarning, match="1 of 1 parameters start outside the radius 1"):
        optimizer.step()
    certificate = optimizer.certificate()
    assert certificate.distance == pytest.approx(math.hypot(2.7 - 1, 2.0))
    assert certificate.feasibility_bound == pytest.approx(math.hypot(0.9 * 2, 2.0))


@outside
def test_reset_measures_anew():
    x = torch.nn.Parameter(torch.full((1,), 3.0))
    optimizer = LionK([x], 0.1, weight_decay=1.0)
    for _ in range(5):
        x.grad = torch.zeros(1)
        optimizer.step()
    with torch.no_grad():
        x.fill_(11.0)
    assert optimizer.certificate().distance > optimizer.certificate().feasibility_bound
    optimizer.reset_certificate()
    assert optimizer.certificate().feasibility_bound == optimizer.certificate().distance == pytest.approx(10.0)


@outside
def test_a_changed_weight_decay_starts_a_new_bound():
    x = torch.nn.Parameter(torch.full((1,), 3.0))
    optimizer = LionK([x], 0.1, weight_decay=1.0)
    x.grad = torch.zeros(1)
    optimizer.step()
    optimizer.param_groups[0]["weight_decay"] = 0.5
    assert optimizer.certificate().feasibility_bound == pytest.approx(0.5 * 2.7 - 1)
    optimizer.step()
    assert optimizer.certificate().feasibility_bound == pytest.approx((0.5 * 2.7 - 1) * 0.95)


def test_a_function_that_cannot_measure_has_a_guarantee_without_numbers():
    class Mystery(Convex):
        bounded = True

        def value(self, z):
            return z.double().abs().sum()

        def subgradient(self, z):
            return torch.sign(z)

    x = torch.nn.Parameter(torch.ones(2))
    optimizer = LionK([x], 0.1, weight_decay=0.1, kappa=Mystery(), certify=True)
    x.grad = torch.ones(2)
    optimizer.step()
    certificate = optimizer.certificate()
    assert (certificate.guarantee, certificate.distance, certificate.gap) == ("set", None, None)


def test_a_function_without_projection_is_measured_by_its_gauge():
    x = torch.nn.Parameter(torch.full((4,), 2.0))
    optimizer = LionK([x], 0.1, weight_decay=1.0, kappa=KAPPAS["Lp(1.5)"])
    x.grad = torch.ones(4)
    with pytest.warns(UserWarning, match="start outside"):
        optimizer.step()
    certificate = optimizer.certificate()
    assert certificate.distance == pytest.approx(KAPPAS["Lp(1.5)"].gauge(x.detach()).item() - 1)
    assert certificate.distance <= certificate.feasibility_bound


@pytest.mark.parametrize("adjust", ["none", "original", "match_rms_adamw"])
def test_muon_knows_its_true_radius(adjust):
    w = torch.nn.Parameter(torch.zeros(32, 8))
    optimizer = Muon([w], 0.05, weight_decay=1.0, adjust=adjust)
    g = torch.randn(32, 8)
    for _ in range(200):
        w.grad = g
        optimizer.step()
    certificate = optimizer.certificate()
    size = torch.linalg.matrix_norm(w.detach(), 2).item()
    assert certificate.guarantee == "set"
    assert 0.5 * certificate.radius < size <= certificate.radius * (1 + 1e-6)
    assert certificate.feasibility_bound == 0.0
    assert certificate.distance <= 1e-12


def test_effective_noise_is_that_of_the_direction():
    x = torch.nn.Parameter(torch.zeros(20_000))
    optimizer = LionK([x], 0.0, (0.9, 0.99))
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        x.grad = 2.0 * torch.randn(20_000, generator=generator)
        optimizer.step()
    c = 0.9 * optimizer.state[x]["exp_avg"] + 0.1 * 2.0 * torch.randn(20_000, generator=generator)
    # 300 steps leave .99**600 of the variance to come; the sampling error is 1/sqrt(2n) = 0.5%.
    assert c.std().item() == pytest.approx(optimizer.effective_noise(2.0), rel=0.02)


def test_simplex_weights_have_distances_too():
    x = torch.nn.Parameter(torch.zeros(3))
    optimizer = LionK([x], 0.1, weight_decay=1.0, kappa=LogSumExp())
    x.grad = torch.tensor([1.0, 2.0, 3.0])
    with pytest.warns(UserWarning, match="start outside"):
        optimizer.step()
    certificate = optimizer.certificate()
    assert certificate.distance <= certificate.feasibility_bound * (1 + 1e-6)


def test_certificates_are_equal_with_and_without_graph_capture():
    loss, a, b = Quadratic((4, 5)), inside("L1"), inside("L1")
    plain = LionK([a], 0.01, weight_decay=LAM, kappa=LogCosh(), certify=True)
    captured = LionK([b], 0.01, weight_decay=LAM, kappa=LogCosh(), certify=True, capturable=True)
    for _ in range(3):
        plain.step(closure_of(plain, loss, a))
        captured.step(closure_of(captured, loss, b))
    one, other = plain.certificate(), captured.certificate()
    assert other.gap == pytest.approx(one.gap)
    assert other.feasibility_bound == pytest.approx(one.feasibility_bound)
    assert other.lyapunov_slack is None


def test_the_noise_aware_problem_is_one_more_kappa():
    optimizer = LionK([torch.nn.Parameter(torch.zeros(2))], 0.1, kappa=SmoothedL1(0.1))
    assert SmoothedL1(optimizer.effective_noise(1.0)).scale == pytest.approx(0.1186, abs=1e-4)


def test_a_complex_matrix_is_certified_as_pairs():
    # Of Z the real matrix [Re Z, Im Z] in some order of columns, whose norm is between ‖Z‖/√2 and ‖Z‖.
    generator = torch.Generator().manual_seed(0)
    z = torch.nn.Parameter(torch.zeros(4, 3, dtype=torch.complex128))
    optimizer = LionK([z], 0.05, radius=0.5, kappa=Nuclear(), certify=True)
    for _ in range(200):
        z.grad = torch.randn(4, 3, dtype=torch.complex128, generator=generator)
        optimizer.step()
    certificate = optimizer.certificate()
    assert (certificate.guarantee, certificate.radius) == ("set", 0.5)
    assert certificate.distance <= 1e-12
    pairs = torch.view_as_real(z.detach()).reshape(4, 6)
    norm, real_norm = (torch.linalg.matrix_norm(matrix, 2).item() for matrix in (z.detach(), pairs))
    assert real_norm <= 0.5 + 1e-12
    assert norm / math.sqrt(2) - 1e-12 <= real_norm <= norm + 1e-12


@pytest.mark.parametrize("fused", [False, None])
def test_sums_of_each_kth_step_are_those_of_every_step(fused):
    loss, gaps, slacks = Quadratic((4, 5)), {}, {}
    for every in (True, 3):
        x = inside("L1")
        optimizer = LionK([x], 5e-3, weight_decay=LAM, certify=every, fused=fused)
        gaps[every], slacks[every] = {}, {}
        for _ in range(10):
            optimizer.step(closure_of(optimizer, loss, x))
            certificate = optimizer.certificate(smoothness=loss.smoothness)
            gaps[every][certificate.step] = certificate.gap
            slacks[every][certificate.step] = certificate.lyapunov_slack
    # Those of the third, sixth and ninth step, known until the next ones; none before.
    assert {step: gap for step, gap in gaps[3].items() if gap is not None} == {s: gaps[True][s] for s in (2, 5, 8)}
    # Every step's slack is that of the step that led to its x, each k-th one's that of the step that left it.
    assert [slacks[3][s] for s in (2, 5, 8)] == [slacks[True][s + 1] for s in (2, 5, 8)]


def test_each_kth_step_goes_on_after_loading():
    x, loss = inside("L1"), Quadratic((4, 5))
    first = LionK([x], 5e-3, weight_decay=LAM, certify=4)
    for _ in range(6):
        first.step(closure_of(first, loss, x))
    second = LionK([x], 5e-3, weight_decay=LAM, certify=4)
    second.load_state_dict(first.state_dict())
    assert second.certificate().step == first.certificate().step == 3
    assert second.certificate().gap == first.certificate().gap
    for _ in range(2):
        second.step(closure_of(second, loss, x))
    assert second.certificate().step == 7


def test_a_parameter_that_missed_the_certified_step_has_no_gap():
    x, y = inside("L1"), inside("L1")
    optimizer = LionK([x, y], 5e-3, weight_decay=LAM, certify=2)
    for step in range(5):
        x.grad = torch.ones_like(x)
        y.grad = None if step == 3 else torch.ones_like(y)
        optimizer.step()
        certificate = optimizer.certificate()
        assert (certificate.gap is not None) == (step in (1, 2)), step
        assert certificate.step == (1 if step < 1 else 1 if step < 3 else 3)


@pytest.mark.parametrize("value", [-1, 2.5, "often"])
def test_certify_is_a_switch_or_a_period(value):
    with pytest.raises(ValueError, match="certify must be"):
        LionK([inside("L1")], 0.1, certify=value)
    with pytest.raises(ValueError, match="counts steps on the host"):
        LionK([inside("L1")], 0.1, certify=2, capturable=True)
