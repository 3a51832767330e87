import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise import _native
from signwise._native import _optim
from signwise._native._optim import SUMS, FusedPlan
from signwise.convex import (
    L1,
    AsymmetricBox,
    DeadZone,
    GroupL2,
    HalfSquare,
    Huber,
    LogCosh,
    PseudoHuber,
    Scaled,
    SmoothedL1,
)

from ..oracles import fused_optim as oracle

if not _optim.fused_available():
    pytest.skip("no fused step: the extension is not built, or no fused multiply-add", allow_module_level=True)

TIERS = [t for t in ("avx2", "avx512") if _native.ISA_NAMES.index(t) <= _native.ISA_NAMES.index(_native.best_isa())]
EXACT = [
    L1(),
    DeadZone(0.3),
    Huber(0.7),
    AsymmetricBox(-0.5, 2.0),
    AsymmetricBox(0.5, 2.0),
    HalfSquare(),
]
# torch's own square root of float32 is not the correctly rounded one, which puts PseudoHuber here.
CLOSE = [PseudoHuber(), LogCosh(), SmoothedL1(0.4), GroupL2()]
RATES = dict(lr=0.05, beta1=0.9, beta2=0.99, weight_decay=0.4)
SIZES = [1, 2, 7, 8, 15, 16, 17, 63, 255, 256, 257, 1000, 40_003]


@pytest.fixture(params=TIERS)
def tier(request):
    with _native.force_isa(request.param):
        yield request.param


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(_optim, "num_threads", lambda: request.param)
    return request.param


def kernel(K):
    """K as the keyword arguments of a step."""
    scale = 1.0
    if isinstance(K, Scaled):
        K, scale = K.function, K.scale
    names = _optim.KAPPAS[type(K).__name__][1]
    return dict(kappa=type(K).__name__, kappa_args=[getattr(K, name) for name in names], kappa_scale=scale)


def wide_values(n, seed, dtype=torch.float32, span=30):
    """Normal numbers of scales from 10^-span to 10^span, one in five zero."""
    generator = torch.Generator().manual_seed(seed)
    scales = 10.0 ** torch.randint(-span, span + 1, (n,), generator=generator).to(torch.float64)
    values = torch.randn(n, generator=generator, dtype=torch.float64) * scales
    values[torch.rand(n, generator=generator) < 0.2] = 0
    return values.to(dtype)


def plain(n, seed, dtype=torch.float32):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def bits(x):
    """The patterns, all NaN alike."""
    integers = {8: torch.int64, 4: torch.int32, 2: torch.int16, 1: torch.int8}[x.element_size()]
    return (
        x.contiguous().view(integers) if x.dtype == torch.int8 else torch.where(x.isnan(), torch.nan, x).view(integers)
    )


def assert_same(a, b):
    assert a.dtype == b.dtype
    assert torch.equal(bits(a), bits(b))


def ulps_apart(a, b):
    """The most steps between neighbouring float32 values that lie between two entries."""
    order = [torch.where(p < 0, -(p & 0x7FFFFFFF), p) for p in (t.view(torch.int32).long() for t in (a, b))]
    return int((order[0] - order[1]).abs().max())


@pytest.mark.parametrize("n", SIZES)
def test_trajectories_are_those_of_lion_pytorch(n, tier, threads):
    lion_pytorch = pytest.importorskip("lion_pytorch")
    x = wide_values(n, 0, span=3)
    x[1::5] = -0.0
    theirs = torch.nn.Parameter(x.clone())
    optimizer = lion_pytorch.Lion([theirs], lr=1e-2, weight_decay=0.3)
    m = torch.zeros(n)
    plan = FusedPlan([x], [m])
    for k in range(200 if n < 2000 else 30):
        g = wide_values(n, k + 1, span=44)
        theirs.grad = g
        optimizer.step()
        plan.step(plan.gradients([g]), lr=1e-2, beta1=0.9, beta2=0.99, weight_decay=0.3)
    assert_same(x, theirs.detach())
    assert_same(m, optimizer.state[theirs]["exp_avg"])


@pytest.mark.slow
def test_a_long_trajectory_is_that_of_lion_pytorch(tier):
    lion_pytorch = pytest.importorskip("lion_pytorch")
    n = 100_003
    x, m = plain(n, 0), torch.zeros(n)
    theirs = torch.nn.Parameter(x.clone())
    optimizer = lion_pytorch.Lion([theirs], lr=1e-2, weight_decay=0.3)
    plan = FusedPlan([x], [m])
    for k in range(200):
        theirs.grad = g = wide_values(n, k, span=44)
        optimizer.step()
        plan.step(plan.gradients([g]), lr=1e-2, beta1=0.9, beta2=0.99, weight_decay=0.3)
    assert_same(x, theirs.detach())
    assert_same(m, optimizer.state[theirs]["exp_avg"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("variant", [{}, {"cautious": "mask"}, {"decay": "cautious"}, {"maximize": True}])
@pytest.mark.parametrize("K", [*EXACT, Scaled(L1(), 0.3), Scaled(AsymmetricBox(-1.0, 0.5), 3.0)], ids=repr)
def test_functions_of_arithmetic_give_the_bits_of_torch(K, variant, dtype, tier):
    n = 1003
    x, m = plain(n, 1, dtype), wide_values(n, 2, dtype)
    x[::9] = -0.0
    plan = FusedPlan([x], [m])
    for k in range(4):
        g = wide_values(n, k, dtype, span=2 if k % 2 else 25)
        x_after, m_after, _ = oracle.lion_step(x, g, m, K, **RATES, **variant)
        plan.step(plan.gradients([g]), **RATES, **kernel(K), **variant)
        assert_same(x, x_after)
        assert_same(m, m_after)


@pytest.mark.parametrize("K", CLOSE, ids=repr)
def test_other_functions_are_within_four_units(K, tier):
    # From x = 0 with lr = 1 and no decay the step is -u itself.
    for seed, span in ((0, 1), (1, 6), (2, 40)):
        x, m, g = torch.zeros(5000), wide_values(5000, seed, span=span), wide_values(5000, seed + 9, span=span)
        x_after, m_after, _ = oracle.lion_step(x, g, m, K, lr=1.0, beta1=0.9, beta2=0.99, weight_decay=0.0)
        plan = FusedPlan([x], [m])
        plan.step(plan.gradients([g]), lr=1.0, beta1=0.9, beta2=0.99, weight_decay=0.0, **kernel(K))
        assert ulps_apart(x, x_after) <= 4
        assert_same(m, m_after)


@pytest.mark.parametrize(("K", "true"), [(LogCosh(), torch.tanh), (SmoothedL1(math.sqrt(0.5)), torch.erf)])
def test_the_transcendental_functions_over_their_range(K, true, tier):
    sizes = torch.cat([torch.logspace(-44, 1.2, 100_000, dtype=torch.float64), torch.linspace(0, 6, 100_000)]).float()
    z = torch.cat([sizes, -sizes, torch.tensor([0.0, -0.0, math.inf, -math.inf])])
    x, m = torch.zeros_like(z), torch.zeros_like(z)
    plan = FusedPlan([x], [m])
    plan.step(plan.gradients([z]), lr=1.0, beta1=0.0, beta2=0.0, weight_decay=0.0, **kernel(K))
    assert ulps_apart(-x, true(z.double()).float()) <= 1


@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
@pytest.mark.parametrize("K", [L1(), Huber(0.7)], ids=repr)
@pytest.mark.parametrize("n", [1, 31, 256, 700, 20_001])
@pytest.mark.parametrize(
    ("weights", "momentum"),
    [
        ("float32", "bfloat16"),
        ("float32", "int8"),
        ("bfloat16", "float32"),
        ("bfloat16", "bfloat16"),
        ("bfloat16", "int8"),
    ],
)
def test_narrow_storage(weights, momentum, n, K, rounding, tier, threads):
    stochastic = rounding == "stochastic"
    x = plain(n, 0).to(getattr(torch, weights))
    m = torch.zeros(n, dtype=getattr(torch, momentum))
    scale = torch.zeros(-(-n // 256)) if momentum == "int8" else None
    plan = FusedPlan([x], [m], [scale], weight_seeds=[11], momentum_seeds=[-5])
    for step in (1, 2, 2**33 + 7):
        g = plain(n, step, x.dtype) * 10
        if n > 700:
            g[300:500] *= 1e-30
        wide_m = oracle.dequantize(m, scale) if momentum == "int8" else m.float()
        x_after, m_after, _ = oracle.lion_step(x.float(), g.float(), wide_m, K, **RATES)
        counter, seed = step & 0xFFFFFFFF, -5 & 0xFFFFFFFF
        if weights == "bfloat16":
            x_after = oracle.round_bf16(x_after, counter, 11, stochastic)
        plan.step(plan.gradients([g]), **RATES, **kernel(K), step=step, rounding=rounding)
        assert_same(x, x_after)
        if momentum == "int8":
            codes, scales = oracle.quantize(m_after, counter, seed, stochastic)
            assert_same(m, codes)
            assert_same(scale, scales)
        else:
            stored = oracle.round_bf16(m_after, counter, seed, stochastic) if momentum == "bfloat16" else m_after
            assert_same(m, stored)


def test_stochastic_rounding_keeps_the_mean():
    n, value = 65_536, 1 + 1 / 3 * 2**-7
    x = torch.ones(n, dtype=torch.bfloat16)
    plan = FusedPlan([x], [torch.zeros(n)], weight_seeds=[3])
    gradient = torch.full((n,), -1.0, dtype=torch.bfloat16)
    plan.step(plan.gradients([gradient]), lr=value - 1, beta1=0.0, beta2=0.0, weight_decay=0.0, step=1)
    error = (x.double().mean() - value).item()
    assert abs(error) < 5 * 2**-7 * math.sqrt(2 / 9 / n)


def test_values_that_are_not_finite_stay_so_in_narrow_storage(tier):
    hostile = torch.tensor([math.inf, -math.inf, math.nan, 1.0] * 8)
    for rounding in ("stochastic", "nearest"):
        g, x, m = hostile.bfloat16(), hostile.bfloat16(), torch.zeros(32, dtype=torch.bfloat16)
        plan = FusedPlan([x], [m])
        result = plan.step(plan.gradients([g]), **RATES, rounding=rounding)
        assert result.nonfinite == 24
        assert_same(x.isnan(), hostile.isnan())
        assert_same(m.isinf(), hostile.isinf())
        codes, scale = torch.zeros(32, dtype=torch.int8), torch.zeros(1)
        plan = FusedPlan([torch.zeros(32)], [codes], [scale])
        plan.step(plan.gradients([hostile]), **RATES, rounding=rounding)
        assert (codes.float() * scale).isnan().all()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(*[st.floats(width=32, allow_subnormal=True)] * 3), min_size=1, max_size=40),
    st.sampled_from(EXACT),
    st.sampled_from([None, "mask"]),
    st.sampled_from(["plain", "cautious"]),
)
def test_any_floats_give_the_bits_of_torch(rows, K, cautious, decay):
    x, g, m = (torch.tensor(column, dtype=torch.float32) for column in zip(*rows, strict=True))
    x_after, m_after, _ = oracle.lion_step(x, g, m, K, **RATES, cautious=cautious, decay=decay)
    plan = FusedPlan([x], [m])
    result = plan.step(plan.gradients([g]), **RATES, **kernel(K), cautious=cautious, decay=decay)
    assert_same(x, x_after)
    assert_same(m, m_after)
    assert result.nonfinite == int((~torch.isfinite(g)).sum())


def problem(n, K, dtype=torch.float32, outside=False):
    """Weights in the set (or not), with gradients and momentum that share some signs and zeros."""
    limit = 1 / RATES["weight_decay"]
    x = (plain(n, 0).clamp(-0.99, 0.99) * limit * (1.5 if outside else 1)).to(dtype)
    if isinstance(K, AsymmetricBox):
        x = x.abs()
    g, m = plain(n, 1), plain(n, 2)
    g[::5], m[::7] = 0, 0
    return x, g.to(dtype), m.to(dtype)


@pytest.mark.parametrize("n", [1, 5, 8, 300])
@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("variant", [{}, {"cautious": "mask"}, {"maximize": True}])
@pytest.mark.parametrize(
    "K",
    [
        *EXACT,
        AsymmetricBox(0.0, 2.0),
        PseudoHuber(),
        LogCosh(),
        SmoothedL1(0.4),
        Scaled(L1(), 0.5),
        Scaled(Huber(0.7), 2.0),
    ],
    ids=repr,
)
def test_certificate_sums(K, variant, outside, n, tier):
    check_sums(K, variant, outside, n)


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("K", [L1(), Huber(0.7)], ids=repr)
def test_long_certificate_sums(K, outside, tier):
    check_sums(K, {}, outside, 40_003)


def check_sums(K, variant, outside, n):
    x, g, m = problem(n, K, outside=outside)
    x_after, m_after, c = oracle.lion_step(x, g, m, K, **RATES, **variant)
    signed = -g if variant.get("maximize") else g
    expected = oracle.step_sums(
        x, signed, m, c, x_after, m_after, K, weight_decay=RATES["weight_decay"], cautious=variant.get("cautious")
    )
    copy, copy_m = x.clone(), m.clone()
    plan = FusedPlan([x], [m])
    result = plan.step(plan.gradients([g]), **RATES, **kernel(K), **variant, certify="step")
    if K in EXACT:
        assert_same(x, x_after)
        assert_same(m, m_after)
    got = dict(zip(SUMS, result.sums[0].tolist(), strict=True))
    # x₊ of a transcendental K differs by units in the last place, which moves the sums by as much.
    relative = 1e-12 if K in EXACT or isinstance(K, Scaled) else 1e-6
    for name in SUMS:
        size = max(1.0, math.sqrt(n)) if name.startswith(("x_", "delta_")) else 1.0
        assert got[name] == pytest.approx(expected[name], rel=relative, abs=relative * size * 10), name
    plan = FusedPlan([copy], [copy_m])
    gap = plan.step(plan.gradients([g]), **RATES, **kernel(K), **variant, certify="gap").sums[0]
    for name in ("k_gradient", "conjugate_before", "x_gradient", "distance_squared", "gauge_before", "gauge_after"):
        assert gap[SUMS.index(name)] == result.sums[0, SUMS.index(name)]
    assert not gap[SUMS.index("k_momentum_before") : SUMS.index("gauge_before")].any()
    assert_same(copy, x)


@pytest.mark.parametrize("momentum", [torch.bfloat16, torch.int8])
def test_sums_are_of_what_is_stored(momentum, tier):
    n = 3000
    x, g, m = problem(n, L1())
    scale = torch.zeros(-(-n // 256)) if momentum == torch.int8 else None
    kept = torch.zeros(n, dtype=momentum) if momentum == torch.int8 else m.to(momentum)
    before, m_before = x.clone(), kept.float()
    plan = FusedPlan([x], [kept], [scale])
    result = plan.step(plan.gradients([g]), **RATES, step=4, certify="step")
    m_after = oracle.dequantize(kept, scale) if momentum == torch.int8 else kept.float()
    c = m_before.mul(0.9).add(g, alpha=1 - 0.9)
    expected = oracle.step_sums(before, g, m_before, c, x, m_after, L1(), weight_decay=RATES["weight_decay"])
    np.testing.assert_allclose(result.sums[0], [expected[name] for name in SUMS], rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("certify", ["gap", "step"])
@pytest.mark.parametrize("K", [L1(), Huber(0.7), LogCosh()], ids=repr)
def test_everything_is_the_same_on_every_tier_and_thread_count(K, certify, monkeypatch):
    sizes = [70_001, 3, 0, 256, 16_384, 33_000]
    outcomes = []
    for tier in TIERS:
        for threads in (1, 2, 5):
            monkeypatch.setattr(_optim, "num_threads", lambda threads=threads: threads)
            xs, gs, ms = zip(*(problem(n, K, outside=True) for n in sizes), strict=True)
            with _native.force_isa(tier):
                plan = FusedPlan(xs, ms)
                result = plan.step(plan.gradients(gs), **RATES, **kernel(K), certify=certify)
            outcomes.append((torch.cat([*xs, *ms]), torch.from_numpy(result.sums)))
    for weights, sums in outcomes[1:]:
        assert_same(weights, outcomes[0][0])
        assert_same(sums, outcomes[0][1])


def test_a_list_is_its_tensors_one_by_one():
    sizes = [0, 1, 64, 64, 300, 17_000, 64]
    xs, gs, ms = ([plain(n, 10 * i + k) for k, n in enumerate(sizes)] for i in range(3))
    gs[2] = None
    expected = [
        (x, m) if g is None else oracle.lion_step(x, g, m, L1(), **RATES)[:2]
        for x, g, m in zip(xs, gs, ms, strict=True)
    ]
    expected = [(x.clone(), m.clone()) for x, m in expected]
    plan = FusedPlan(xs, ms)
    result = plan.step(plan.gradients(gs), **RATES, certify="gap")
    for x, m, (x_after, m_after) in zip(xs, ms, expected, strict=True):
        assert_same(x, x_after)
        assert_same(m, m_after)
    assert not result.sums[[0, 2]].any()
    assert result.sums[[1, 3, 4, 5, 6], 0].all()


@pytest.mark.parametrize(
    "layout",
    [lambda t: t.to(memory_format=torch.channels_last), lambda t: t.transpose(0, 2).contiguous().transpose(0, 2)],
)
def test_dense_layouts_follow_their_strides(layout):
    x, g, m = (layout(plain(2 * 3 * 5 * 7, k).view(2, 3, 5, 7)) for k in range(3))
    assert not x.is_contiguous()
    x_after, m_after, _ = oracle.lion_step(x, g, m, L1(), **RATES)
    plan = FusedPlan([x], [m])
    plan.step(plan.gradients([g]), **RATES)
    assert_same(x, x_after)
    assert_same(m, m_after)
    with pytest.raises(ValueError, match="copy it to the parameter's layout"):
        plan.gradients([g.contiguous()])


def test_step_numbers_may_differ():
    x = torch.ones(2, 512, dtype=torch.bfloat16)
    g = torch.full((512,), 0.3, dtype=torch.bfloat16)
    plan = FusedPlan([x[0], x[1]], [torch.zeros(512), torch.zeros(512)])
    plan.step(plan.gradients([g, g]), **RATES, step=np.array([4, 4]))
    assert torch.equal(x[0], x[1])
    plan.step(plan.gradients([g, g]), **RATES, step=np.array([5, 6]))
    assert not torch.equal(x[0], x[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_bad_gradients_are_found_before_anything_is_written(dtype):
    x, m = torch.ones(700, dtype=dtype), torch.zeros(700, dtype=dtype)
    y, k = torch.ones(5, dtype=dtype), torch.zeros(5, dtype=dtype)
    g, h = torch.ones(700, dtype=dtype), torch.ones(5, dtype=dtype)
    plan = FusedPlan([x, y], [m, k])
    g[699], h[0] = math.nan, -math.inf
    result = plan.step(
        plan.gradients([g, h]), **RATES, nan_policy="check", certify="gap" if dtype != torch.bfloat16 else None
    )
    assert (result.nonfinite, result.applied, result.sums) == (2, False, None)
    assert (x == 1).all()
    assert not m.any()
    result = plan.step(plan.gradients([g, h]), **RATES)
    assert (result.nonfinite, result.applied) == (2, True)
    assert (x[:699] != 1).all()
    g[699], h[0] = 1, 1
    assert plan.step(plan.gradients([g, h]), **RATES, nan_policy="check").applied


def test_counting_in_the_pass_with_sums(tier):
    g = torch.ones(1000)
    g[[3, 500, 999]] = torch.tensor([math.nan, math.inf, -math.inf])
    plan = FusedPlan([torch.zeros(1000)], [torch.zeros(1000)])
    assert plan.step(plan.gradients([g]), **RATES, certify="gap").nonfinite == 3


def test_a_plan_knows_its_tensors():
    x, m = torch.zeros(3), torch.zeros(3)
    plan = FusedPlan([x], [m])
    assert plan.holds([x], [m])
    assert not plan.holds([x], [torch.zeros(3)])
    x.data = torch.zeros(3)
    assert not plan.holds([x], [m])


@pytest.mark.parametrize(
    ("x", "m", "scale", "error", "message"),
    [
        (torch.zeros(3).half(), torch.zeros(3), None, TypeError, r"params\[0\] has dtype torch.float16"),
        (torch.zeros(3), torch.zeros(3).double(), None, TypeError, "cannot have momentum of torch.float64"),
        (torch.zeros(3), torch.zeros(4), None, ValueError, "momenta.* has 4 elements"),
        (torch.zeros(3, 4), torch.zeros(4, 3).T, None, ValueError, "make it with torch.zeros_like"),
        (torch.zeros(6)[::2], torch.zeros(6)[::2], None, ValueError, "use fused=False"),
        (torch.zeros(2, 3).bfloat16().T, torch.zeros(2, 3).bfloat16().T, None, ValueError, "use fused=False"),
        (torch.zeros(300), torch.zeros(300).to(torch.int8), None, ValueError, "needs scales.* of 2 float32"),
        (torch.zeros(300), torch.zeros(300).to(torch.int8), torch.zeros(3), ValueError, "with 2 values"),
        (torch.zeros(3), torch.zeros(3), torch.zeros(1), ValueError, "only int8 has scales"),
        (torch.zeros(3, device="meta"), torch.zeros(3), None, ValueError, "dense CPU tensor"),
        (torch.zeros(3).to_sparse(), torch.zeros(3), None, ValueError, "dense CPU tensor"),
    ],
)
def test_tensors_that_the_kernel_does_not_take(x, m, scale, error, message):
    with pytest.raises(error, match=message):
        FusedPlan([x], [m], [scale])


@pytest.mark.parametrize(
    ("g", "error"),
    [(torch.zeros(3).double(), TypeError), (torch.zeros(4), ValueError), (torch.zeros(3).to_sparse(), ValueError)],
)
def test_gradients_that_the_kernel_does_not_take(g, error):
    plan = FusedPlan([torch.zeros(3)], [torch.zeros(3)])
    with pytest.raises(error):
        plan.gradients([g])
    with pytest.raises(ValueError, match="entries"):
        plan.gradients([])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kappa": "Nuclear"}, "the fused step knows"),
        ({"kappa": "Huber"}, "takes the arguments"),
        ({"cautious": "rescale"}, "cautious is 'rescale'"),
        ({"decay": "coupled"}, "decay is"),
        ({"rounding": "up"}, "rounding is"),
        ({"nan_policy": "raise"}, "nan_policy is"),
        ({"certify": "all"}, "certify is"),
        ({"kappa": "GroupL2", "certify": "gap"}, "compute it with torch"),
    ],
)
def test_options_that_the_kernel_does_not_know(options, message):
    plan = FusedPlan([torch.zeros(3)], [torch.zeros(3)])
    with pytest.raises(ValueError, match=message):
        plan.step(plan.gradients([None]), **RATES, **options)


def test_without_the_extension_there_is_no_fused_step():
    with _native.use_fallback():
        assert not _optim.fused_available()
        with pytest.raises(RuntimeError, match="no fused step"):
            FusedPlan([torch.zeros(3)], [torch.zeros(3)])


def test_the_portable_tier_of_x86_has_no_fused_step():
    if _native.best_isa() == "portable":
        pytest.skip("this machine's portable tier has fused multiply-add")
    with _native.force_isa("portable"):
        assert not _optim.fused_available()


def test_the_table_of_sums_is_that_of_the_kernel():
    assert _native.core().optim_sums == len(SUMS)
