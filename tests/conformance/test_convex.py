"""What every convex function owes its users; a new one joins by one row of the table."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from signwise.convex import (
    L1,
    AsymmetricBox,
    Convex,
    DeadZone,
    GroupL2,
    HalfSquare,
    Huber,
    KyFan,
    LInf,
    LogCosh,
    LogSumExp,
    Lp,
    Max,
    NotAvailableError,
    Nuclear,
    Product,
    PseudoHuber,
    Quadratic,
    Scaled,
    Schatten,
    Shifted,
    SmoothedL1,
    Sum,
    TopK,
)


@dataclass(frozen=True)
class Polytope(Convex):
    """The support function of a polytope, as a user would write it: max over vertices of ⟨v, z⟩."""

    vertices: tuple[tuple[float, ...], ...]

    homogeneous = True
    bounded = True

    def value(self, z):
        return (torch.tensor(self.vertices, dtype=torch.float64) @ z.double().flatten()).amax()

    def subgradient(self, z):
        corners = torch.tensor(self.vertices, dtype=torch.float64)
        return corners[(corners @ z.double().flatten()).argmax()].view(z.shape).to(z.dtype)

    def conjugate(self, y, *, tolerance=None):
        corners = np.array(self.vertices)
        slack = self.tolerance(y) if tolerance is None else tolerance
        # Find weights of the vertices that come within `slack` of y in every coordinate.
        equations = corners.T
        target = y.double().flatten().numpy()
        found = linprog(
            np.zeros(len(corners)),
            A_ub=np.concatenate([equations, -equations]),
            b_ub=np.concatenate([target + slack, slack - target]),
            A_eq=np.ones((1, len(corners))),
            b_eq=[1.0],
        )
        return torch.tensor(0.0 if found.status == 0 else math.inf, dtype=torch.float64)

    def conjugate_subgradient(self, y):
        return torch.zeros_like(y)


ALL = frozenset({"conjugate", "conjugate_subgradient", "project", "distance", "gauge"})
NO_PROJECTION = ALL - {"project", "distance"}
NO_GAUGE = ALL - {"gauge"}

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)

VECTORS = ((1,), (2,), (7,), (3, 4), ())
MATRICES = ((1, 2), (2, 2), (5, 3), (3, 5), (2, 3, 2))


@dataclass(frozen=True)
class Row:
    K: Convex
    shapes: tuple[tuple[int, ...], ...] = VECTORS
    has: frozenset[str] = ALL


SPD = ((2.0, 0.5), (0.5, 1.0))
PENTAGON = ((1.0, 0.2), (0.3, 1.1), (-0.9, 0.6), (-0.8, -0.7), (0.5, -1.0))

TABLE = [
    Row(L1()),
    Row(Lp(1.5)),
    Row(Lp(2.0)),
    Row(Lp(5.0)),
    Row(GroupL2()),
    Row(GroupL2(block=3)),
    Row(GroupL2(dims=-1), ((1,), (2,), (7,), (3, 4))),
    Row(GroupL2(dims=(0, 2)), ((1, 2, 1), (2, 3, 4))),
    Row(DeadZone(0.4)),
    Row(DeadZone(0.0)),
    Row(Huber(0.7)),
    Row(LogCosh()),
    Row(PseudoHuber()),
    Row(SmoothedL1(0.6)),
    Row(TopK(1)),
    Row(TopK(3)),
    Row(LInf()),
    Row(Nuclear(), MATRICES),
    Row(Nuclear(method="newton-schulz"), MATRICES),
    Row(Schatten(1.5), MATRICES),
    Row(Schatten(3.0), MATRICES),
    Row(KyFan(1), MATRICES),
    Row(KyFan(2), MATRICES),
    Row(Max(), has=NO_GAUGE),
    Row(LogSumExp(), has=NO_GAUGE),
    Row(HalfSquare()),
    Row(Quadratic(SPD), ((2,), (1, 2))),
    Row(AsymmetricBox(-0.5, 2.0)),
    Row(AsymmetricBox(0.0, 1.5)),
    Row(AsymmetricBox(0.5, 1.5), has=NO_GAUGE),
    Row(Scaled(L1(), 0.3)),
    Row(Scaled(LogCosh(), 2.5)),
    Row(Scaled(Nuclear(), 1.7), MATRICES),
    Row(Scaled(Lp(1.3), 2.0), has=NO_PROJECTION),
    Row(Shifted(L1(), 0.25), has=NO_GAUGE),
    Row(Shifted(Huber(0.5), [0.5, -2.0]), ((2,),), has=NO_GAUGE),
    Row(Shifted(LogSumExp(), -1.5), has=NO_GAUGE),
    Row(Product([L1(), GroupL2()]), ((2,), (4,), (6, 2))),
    Row(Product([Huber(0.3), Scaled(TopK(2), 2.0), LogCosh()], sizes=[1, 3, 2]), ((6,), (6, 2))),
    Row(Product([Nuclear(), KyFan(1)], dim=1), ((2, 2), (3, 6))),
    Row(Sum(L1(), LInf()), has=frozenset()),
    Row(Sum(LogCosh(), HalfSquare()), has=frozenset()),
    Row(Polytope(PENTAGON), ((2,), (1, 2)), has=frozenset({"conjugate", "conjugate_subgradient"})),
]
TABLE = [dataclasses.replace(row, has=NO_PROJECTION) if isinstance(row.K, (Lp, Schatten)) else row for row in TABLE]

rows = pytest.mark.parametrize("row", TABLE, ids=lambda row: repr(row.K))
exact_rows = pytest.mark.parametrize("row", [row for row in TABLE if row.K.exact], ids=lambda row: repr(row.K))


def having(*features: str):
    chosen = [row for row in TABLE if set(features) <= row.has]
    return pytest.mark.parametrize("row", chosen, ids=lambda row: repr(row.K))


def normal(shape, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def points(shape, dtype=torch.float64):
    """Generic points at three scales, a point with ties and zeros, and zero itself."""
    for seed, scale in enumerate((1e-2, 1.0, 1.0, 50.0)):
        yield (scale * normal(shape, seed)).to(dtype)
    yield normal(shape, 9).round().to(dtype)
    yield torch.zeros(shape, dtype=dtype)


def members_of_set(K, shape, count=12):
    return [K.subgradient(normal(shape, 100 + seed)) for seed in range(count)]


def inner_point(K, shape, seed=0):
    """An average of subgradients: in C because C is convex, and off its boundary."""
    chosen = [K.subgradient(0.7 * normal(shape, 200 + 10 * seed + i)) for i in range(8)]
    return 0.97 * torch.stack(chosen).mean(0) + 0.03 * K.subgradient(torch.zeros(shape, dtype=torch.float64))


def dot(a, b):
    return (a.double() * b.double()).sum()


def norm(x):
    return torch.linalg.vector_norm(x.double()).item()


def supremum(K, y, radius=12.0):
    """sup of ⟨y, z⟩ − K(z) over a box, by a grid that halves around its best point."""
    n = y.numel()
    side = {1: 81, 2: 41, 4: 9}[n]
    center, best = torch.zeros(n, dtype=torch.float64), -math.inf
    value = torch.func.vmap(K.value)
    while radius > 1e-7:
        axis = torch.linspace(-radius, radius, side, dtype=torch.float64)
        z = center + torch.cartesian_prod(*[axis] * n).view(-1, n)
        heights = z @ y.flatten() - value(z.view(-1, *y.shape))
        top = heights.max().item()
        if top > best:
            best, center = top, z[heights.argmax()]
        radius *= 0.5
    return best


# Values, subgradients, conjugates


@exact_rows
def test_subgradient_inequality(row):
    for shape in row.shapes:
        for z, other in itertools.product(points(shape), repeat=2):
            low = row.K.value(z) + dot(row.K.subgradient(z), other - z)
            assert row.K.value(other) >= low - 1e-12 * (1 + norm(z) + norm(other)) * (1 + norm(other))


@exact_rows
def test_subgradient_is_the_derivative_where_there_is_one(row):
    for shape in row.shapes:
        z, d = normal(shape, 3) + 0.01, normal(shape, 4)
        h = 1e-6
        slope = (row.K.value(z + h * d) - row.K.value(z - h * d)) / (2 * h)
        assert slope.item() == pytest.approx(dot(row.K.subgradient(z), d).item(), abs=3e-8, rel=1e-7)


@having("conjugate")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_fenchel_young_holds_with_equality_at_the_subgradient(row, dtype):
    eps = torch.finfo(dtype).eps
    for shape in row.shapes:
        for z in points(shape, dtype):
            u = row.K.subgradient(z)
            slack = (row.K.value(z) + row.K.conjugate(u) - dot(z, u)).item()
            scale = 1 + norm(z) * (1 + norm(u)) + row.K.value(z).abs().item()
            assert slack >= -8 * eps * scale
            assert slack <= (8 * eps * scale if row.K.exact else math.inf)


@having("conjugate")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_subgradient_lies_in_the_set(row, dtype):
    for shape in row.shapes:
        for z in points(shape, dtype):
            assert row.K.conjugate(row.K.subgradient(z)) < math.inf


@exact_rows
def test_subgradient_is_monotone(row):
    for shape in row.shapes:
        for a, b in itertools.combinations(points(shape), 2):
            growth = dot(a - b, row.K.subgradient(a) - row.K.subgradient(b))
            assert growth >= -1e-13 * (1 + norm(a) + norm(b))


@having("conjugate")
def test_conjugate_is_the_supremum(row):
    for shape in row.shapes:
        n = math.prod(shape)
        if n not in (1, 2, 4) or (n == 4 and not isinstance(row.K, (Nuclear, KyFan, Schatten))):
            continue
        for seed in range(2 if n < 4 else 1):
            y = inner_point(row.K, shape, seed)
            assert row.K.conjugate(y).item() == pytest.approx(supremum(row.K, y), abs=1e-6)


@having("conjugate")
def test_conjugate_is_infinite_where_the_supremum_is(row):
    for shape in row.shapes:
        outside = [inner_point(row.K, shape) + 4 * normal(shape, seed) for seed in range(4)]
        outside = [y for y in outside if row.K.conjugate(y) == math.inf]
        assert bool(outside) == row.K.bounded
        for y in outside[:1]:
            # Along z from the set towards y, ⟨y, z⟩ − K(z) grows without bound.
            far = 1e6 * normal((10_000, *shape), 300)
            if "project" in row.has:
                far = 1e6 * (y - row.K.project(y))[None]
            heights = far.view(len(far), -1) @ y.flatten() - torch.func.vmap(row.K.value)(far)
            assert heights.max() > 1e3


@having("conjugate_subgradient", "conjugate")
def test_conjugate_subgradient_satisfies_fenchel_young(row):
    for shape in row.shapes:
        for seed in range(3):
            y = inner_point(row.K, shape, seed)
            w = row.K.conjugate_subgradient(y)
            if not torch.isfinite(w).all():
                # Only where one coordinate makes up the whole simplex is the inner point on the boundary.
                assert math.prod(shape) == 1
                continue
            slack = row.K.value(w) + row.K.conjugate(y) - dot(w, y)
            assert abs(slack.item()) <= 1e-12 * (1 + norm(w))


# Attributes


@rows
def test_even(row):
    for shape in row.shapes:
        for z in points(shape) if row.K.even else ():
            assert row.K.value(-z).item() == pytest.approx(row.K.value(z).item(), rel=1e-13)
        z = normal(shape, 5)
        if row.K.even:
            torch.testing.assert_close(row.K.subgradient(-z), -row.K.subgradient(z), rtol=1e-10, atol=1e-12)


@rows
def test_homogeneous(row):
    for shape in row.shapes:
        for z in points(shape):
            scaled = row.K.subgradient(2.0**10 * z)
            if row.K.homogeneous:
                torch.testing.assert_close(scaled, row.K.subgradient(z), rtol=1e-9, atol=1e-11)
        if not row.K.homogeneous and shape not in ((), (1,)):
            z = normal(shape, 6)
            assert norm(row.K.subgradient(0.1 * z) - row.K.subgradient(z)) > 1e-3


@rows
def test_elementwise(row):
    for shape in row.shapes:
        for z in points(shape) if row.K.elementwise else ():
            parts = z.flatten().split(1)
            total = sum(row.K.value(part).item() for part in parts)
            assert row.K.value(z).item() == pytest.approx(total, rel=1e-13)
            assert torch.equal(torch.cat([row.K.subgradient(p) for p in parts]).view(shape), row.K.subgradient(z))


@rows
def test_solid(row):
    for shape in row.shapes:
        for seed, y in enumerate(members_of_set(row.K, shape) if row.K.solid else ()):
            generator = torch.Generator().manual_seed(seed)
            shrunk = y * torch.rand(shape, generator=generator, dtype=torch.float64)
            masked = y * (torch.rand(shape, generator=generator) < 0.5)
            for inner in (shrunk, masked):
                if "conjugate" in row.has:
                    assert row.K.conjugate(inner) < math.inf
                elif row.K.homogeneous:
                    for z in points(shape):
                        assert dot(inner, z) <= row.K.value(z) * (1 + 1e-12) + 1e-12


@rows
def test_bounded(row):
    for shape in row.shapes:
        z = normal(shape, 7)
        growth = norm(row.K.subgradient(1e8 * z)) / (1 + norm(row.K.subgradient(1e2 * z)))
        assert growth < 10 if row.K.bounded else growth > 1e4


@rows
def test_lipschitz(row):
    for shape in row.shapes if row.K.lipschitz < math.inf else ():
        for seed, step in itertools.product(range(6), (1e-3, 0.1, 3.0)):
            a = normal(shape, seed)
            b = a + step * normal(shape, 50 + seed)
            moved = norm(row.K.subgradient(a) - row.K.subgradient(b))
            assert moved <= row.K.lipschitz * norm(a - b) * (1 + 1e-9) + 1e-15


@rows
def test_unlisted_methods_raise_and_name_an_alternative(row):
    y = normal(row.shapes[0], 8)
    for name in ALL - row.has:
        with pytest.raises(NotAvailableError, match=rf"has no {name}; (use|define|its|0 is)"):
            getattr(row.K, name)(y)


# The set


@having("project")
def test_projection(row):
    for shape in row.shapes:
        inside = members_of_set(row.K, shape)
        for y in [*points(shape), *(y + 0.3 * normal(shape, 11) for y in inside[:3])]:
            nearest = row.K.project(y)
            scale = 1 + norm(y)
            assert row.K.distance(nearest).item() <= 1e-13 * scale
            assert row.K.conjugate(nearest) < math.inf
            torch.testing.assert_close(row.K.project(nearest), nearest, rtol=0, atol=1e-13 * scale)
            assert row.K.distance(y).item() == pytest.approx(norm(y - nearest), rel=1e-12, abs=1e-14 * scale)
            for other in inside:  # the variational inequality that makes it the nearest point
                assert dot(y - nearest, other - nearest).item() <= 1e-12 * scale**2


@having("project")
def test_points_of_the_set_are_their_own_projection(row):
    for shape in row.shapes:
        y = inner_point(row.K, shape)
        torch.testing.assert_close(row.K.project(y), y, rtol=1e-13, atol=1e-13)
        assert row.K.distance(y).item() <= 1e-13 * (1 + norm(y))


@having("gauge", "conjugate")
def test_gauge(row):
    for shape in row.shapes:
        for y in points(shape):
            gauge = row.K.gauge(y).item()
            assert gauge >= 0
            if math.isfinite(gauge):
                assert row.K.gauge(8 * y).item() == pytest.approx(8 * gauge, rel=1e-12)
            if 0 < gauge < math.inf:
                assert row.K.conjugate(y / gauge * (1 - 1e-9)) < math.inf
                assert row.K.conjugate(y / gauge * (1 + 1e-9)) == math.inf
        for u in members_of_set(row.K, shape):
            assert row.K.gauge(u) <= 1 + row.K.tolerance(u)


@having("gauge")
def test_gauge_of_the_subgradient_of_a_norm_is_one(row):
    for shape in row.shapes:
        if row.K.homogeneous and row.K.even and row.K.exact:
            assert row.K.gauge(row.K.subgradient(normal(shape, 13))).item() == pytest.approx(1, rel=1e-12)


# Tensors in, tensors out


def check_tensors(row, dtype, device):
    for shape in row.shapes:
        x = normal(shape, 14, dtype).to(device)
        before = x.clone()
        for name in ("subgradient", *sorted(row.has & {"project", "conjugate_subgradient"})):
            result = getattr(row.K, name)(x)
            assert (result.dtype, result.device, result.shape) == (dtype, x.device, x.shape)
            assert result.data_ptr() != x.data_ptr()
        for name in ("value", *sorted(row.has & {"conjugate", "distance", "gauge"})):
            result = getattr(row.K, name)(x)
            assert (result.dtype, result.device, result.shape) == (torch.float64, x.device, ())
        assert torch.equal(x, before)


@rows
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_dtype_and_shape_are_kept_and_arguments_left_alone(row, dtype):
    check_tensors(row, dtype, "cpu")


@rows
def test_no_call_looks_at_values_on_the_host(row):
    """Meta tensors hold no values, so a branch on one, which would stall a GPU, is an error."""
    for shape in row.shapes if not isinstance(row.K, Polytope) else ():
        x = torch.empty(shape, device="meta")
        for name in ("value", "subgradient", *row.has):
            assert getattr(row.K, name)(x).device == x.device


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_keeps_the_device_and_agrees_with_the_cpu():
    for row in TABLE:
        if isinstance(row.K, Polytope):  # the example keeps its vertices on the CPU
            continue
        for dtype in DTYPES:
            check_tensors(row, dtype, "cuda")
        for shape in row.shapes:
            z = normal(shape, 17)
            torch.testing.assert_close(row.K.subgradient(z.cuda()).cpu(), row.K.subgradient(z))


@rows
def test_strides_do_not_matter(row):
    for shape in row.shapes:
        x = normal(shape, 15)
        strided = torch.stack([x, x + 1], -1)[..., 0]
        turned = tuple(reversed(range(x.ndim)))
        backwards = x.permute(turned).contiguous().permute(turned)
        names = sorted({"value", "subgradient"} | row.has)
        for name, view in itertools.product(names, (strided, backwards)):
            torch.testing.assert_close(getattr(row.K, name)(view), getattr(row.K, name)(x), rtol=1e-12, atol=1e-12)


@rows
def test_reductions_of_float32_are_those_of_the_same_numbers_in_float64(row):
    for shape in row.shapes:
        for z in points(shape, torch.float32):
            assert torch.equal(row.K.value(z), row.K.value(z.double()))
            for name in row.has & {"distance", "gauge"}:
                assert torch.equal(getattr(row.K, name)(z), getattr(row.K, name)(z.double()))


# Value objects


@rows
def test_value_object(row):
    for twin in (copy.copy(row.K), copy.deepcopy(row.K), pickle.loads(pickle.dumps(row.K))):
        assert twin == row.K
        assert hash(twin) == hash(row.K)
        assert repr(twin) == repr(row.K)
        for shape in row.shapes:
            z = normal(shape, 16)
            assert torch.equal(twin.subgradient(z), row.K.subgradient(z))
        for name in ("lipschitz", "even", "elementwise", "homogeneous", "solid", "bounded", "exact"):
            assert getattr(twin, name) == getattr(row.K, name)
    assert dataclasses.replace(row.K) == row.K
    assert [other.K for other in TABLE].count(row.K) == 1
    assert repr(row.K).startswith(f"{type(row.K).__name__}(")
    for name in [field.name for field in dataclasses.fields(row.K)] or ["even"]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(row.K, name, None)


def test_every_public_function_has_a_row():
    import signwise.convex

    public = {getattr(signwise.convex, name) for name in signwise.convex.__all__}
    functions = {item for item in public if isinstance(item, type) and issubclass(item, Convex)} - {Convex}
    assert functions <= {type(row.K) for row in TABLE}
