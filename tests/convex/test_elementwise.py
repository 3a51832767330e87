"""L1, DeadZone and AsymmetricBox against their closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from signwise.convex import L1, AsymmetricBox, DeadZone, NotAvailableError


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_l1():
    z = tensor(1.5, -0.25, 0.0, -0.0, math.inf)
    assert L1().value(z[:4]).item() == 1.75
    assert L1().subgradient(z).tolist() == [1, -1, 0, 0, 1]
    assert L1().conjugate(tensor(1, -1, 0.5)) == 0
    assert L1().conjugate(tensor(1, -1.1, 0.5)) == math.inf
    assert L1().project(tensor(2, -3, 0.5)).tolist() == [1, -1, 0.5]
    assert L1().distance(tensor(2, -3, 0.5)).item() == pytest.approx(math.sqrt(5))
    assert L1().gauge(tensor(2, -3, 0.5)) == 3


def test_l1_sums_in_float64():
    z = torch.full((3_000_000,), 0.1)
    assert L1().value(z).item() == pytest.approx(3e6 * float(z[0]), rel=1e-12)


def test_dead_zone():
    K = DeadZone(0.5)
    z = tensor(0.5, -0.5, 0.75, -2.0, 0.0)
    assert K.value(z).item() == 1.75
    assert K.subgradient(z).tolist() == [0, 0, 1, -1, 0]
    assert K.conjugate(tensor(0.5, -1.0)).item() == 0.75
    assert K.conjugate_subgradient(tensor(0.5, -1.0, 0.0)).tolist() == [0.5, -0.5, 0]


def test_dead_zone_of_zero_is_l1():
    z = tensor(0.5, -3.0, 0.0)
    assert torch.equal(DeadZone(0).subgradient(z), L1().subgradient(z))
    assert DeadZone(0).homogeneous


def test_asymmetric_box():
    K = AsymmetricBox(-0.5, 2.0)
    z = tensor(3.0, -4.0, 0.0)
    assert K.value(z).item() == 8.0
    assert K.subgradient(z).tolist() == [2.0, -0.5, 0.0]
    assert K.conjugate(tensor(2.0, -0.5)) == 0
    assert K.conjugate(tensor(2.0, -0.6)) == math.inf
    assert K.project(tensor(3.0, -3.0)).tolist() == [2.0, -0.5]
    assert K.gauge(tensor(1.0, -1.0)) == 2
    assert AsymmetricBox(1.0, 2.0).subgradient(tensor(0.0)).tolist() == [1.0]
    assert AsymmetricBox(-2.0, -1.0).subgradient(tensor(0.0)).tolist() == [-1.0]


def test_asymmetric_box_that_touches_zero():
    K = AsymmetricBox(0.0, 2.0)
    assert K.gauge(tensor(1.0, 0.0)) == 0.5
    assert K.gauge(tensor(1.0, -1e-9)) == math.inf
    assert K.solid
    with pytest.raises(NotAvailableError, match="0 is not in its box; use distance"):
        AsymmetricBox(0.5, 2.0).gauge(tensor(1.0))


def test_asymmetric_box_of_one_point_is_linear():
    K = AsymmetricBox(1.0, 1.0)
    assert K.lipschitz == 0
    assert K.value(tensor(2.0, -3.0)).item() == -1.0
    assert K.conjugate(tensor(1.0, 1.0)) == 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: DeadZone(-0.1), ValueError, "eps must be a finite number above 0, got -0.1"),
        (lambda: DeadZone(math.nan), ValueError, "eps must be a finite number"),
        (lambda: DeadZone("a"), TypeError, "eps must be a number, got str"),
        (lambda: AsymmetricBox(1.0, 0.0), ValueError, "low must be at most high, got low=1.0 and high=0.0"),
        (lambda: AsymmetricBox(-math.inf, 0.0), ValueError, "low must be a finite number, got -inf"),
    ],
)
def test_wrong_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("K", [L1(), DeadZone(0.5), AsymmetricBox(-1.0, 1.0)], ids=repr)
def test_empty_tensors(K):
    empty = torch.zeros(0, 3)
    assert (K.value(empty), K.conjugate(empty), K.gauge(empty), K.distance(empty)) == (0, 0, 0, 0)
    assert K.subgradient(empty).shape == K.project(empty).shape == (0, 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("eps", [0.1, 0.3, 0.7])
def test_dead_zone_compares_z_with_eps_itself(dtype, eps):
    """The entry nearest to ε lies above or below it; rounding ε to the dtype would make them equal."""
    z = torch.tensor([eps, -eps], dtype=dtype)
    outside = z.double().abs() > eps
    K = DeadZone(eps)
    assert K.subgradient(z).tolist() == (torch.sign(z) * outside).tolist()
    u = K.subgradient(z)
    gap = K.value(z) + K.conjugate(u) - (z.double() * u.double()).sum()
    assert abs(gap.item()) < 1e-15


@pytest.mark.parametrize(("low", "high"), [(0.0, 2.0), (-2.0, 0.0), (0.0, 0.0), (-1.0, 2.0), (1.0, 2.0)])
def test_asymmetric_box_at_infinity(low, high):
    K = AsymmetricBox(low, high)
    for z, end in ((math.inf, high), (-math.inf, low)):
        assert K.value(tensor(z, 0.0)).item() == (end * z if end else 0)
    assert math.isnan(K.value(tensor(math.nan)).item())
    assert K.value(tensor(3.0, -2.0, 0.0)).item() == 3 * high - 2 * low
