"""Huber, LogCosh, PseudoHuber and SmoothedL1 against their closed forms and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from signwise.convex import L1, Huber, LogCosh, PseudoHuber, SmoothedL1

SMOOTH = [Huber(0.3), LogCosh(), PseudoHuber(), SmoothedL1(0.6)]
smooth = pytest.mark.parametrize("K", SMOOTH, ids=repr)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_huber():
    K = Huber(2.0)
    assert K.value(tensor(1.0, -2.0, 5.0)).item() == 0.25 + 1.0 + 4.0
    assert K.subgradient(tensor(1.0, -2.0, 5.0)).tolist() == [0.5, -1.0, 1.0]
    assert K.conjugate(tensor(0.5, -1.0)).item() == 1.25
    assert K.conjugate_subgradient(tensor(0.5, -1.0)).tolist() == [1.0, -2.0]


@settings(deadline=None)
@given(st.floats(-1e3, 1e3))
def test_log_cosh(z):
    expected = abs(z) + math.log1p(math.exp(-2 * abs(z))) - math.log(2)
    assert LogCosh().value(tensor(z)).item() == pytest.approx(expected, rel=1e-12, abs=2e-16)
    assert LogCosh().subgradient(tensor(z)).item() == pytest.approx(math.tanh(z), rel=1e-14)


def test_log_cosh_keeps_its_digits_near_zero():
    assert LogCosh().value(tensor(1e-9)).item() == pytest.approx(0.5e-18, rel=1e-12)


def test_log_cosh_conjugate_at_the_corners():
    assert LogCosh().conjugate(tensor(1.0, -1.0)).item() == pytest.approx(2 * math.log(2))
    assert LogCosh().conjugate(tensor(0.0)) == 0
    assert LogCosh().conjugate_subgradient(tensor(0.5)).item() == pytest.approx(math.atanh(0.5))


def test_pseudo_huber():
    K = PseudoHuber()
    assert K.value(tensor(0.0, 0.75)).item() == 2.25
    assert K.subgradient(tensor(0.75)).item() == pytest.approx(0.6)
    assert K.conjugate(tensor(0.6, 0.0)).item() == pytest.approx(-1.8)
    assert K.conjugate(tensor(1.0)) == 0
    assert K.conjugate_subgradient(tensor(0.6)).item() == pytest.approx(0.75)


@pytest.mark.parametrize("s", [0.3, 2.0])
@pytest.mark.parametrize("z", [0.0, -0.7, 3.0])
def test_smoothed_l1_is_the_mean_of_noisy_l1(s, z):
    def density(n):
        return abs(z + s * n) * math.exp(-n * n / 2) / math.sqrt(2 * math.pi)

    kink = -z / s
    expected = sum(integrate.quad(density, *ends, epsabs=1e-12)[0] for ends in ((-40, kink), (kink, 40)))
    assert SmoothedL1(s).value(tensor(z)).item() == pytest.approx(expected, rel=1e-8)


def test_smoothed_l1_conjugate():
    y = np.linspace(-0.999, 0.999, 41)
    K = SmoothedL1(0.6)
    expected = -0.6 * math.sqrt(2 / math.pi) * np.exp(-(special.erfinv(y) ** 2)).sum()
    assert K.conjugate(torch.from_numpy(y)).item() == pytest.approx(expected, rel=1e-12)
    w = K.conjugate_subgradient(torch.from_numpy(y)).numpy()
    np.testing.assert_allclose(w, math.sqrt(2) * 0.6 * special.erfinv(y), rtol=1e-12, atol=1e-15)


@smooth
def test_lipschitz_constant_is_the_slope_at_zero(K):
    h = 1e-6
    assert K.subgradient(tensor(h)).item() / h == pytest.approx(K.lipschitz, rel=1e-9)


@smooth
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_huge_values_and_infinities(K, dtype):
    """Far out each is L1 to within 1."""
    largest = torch.finfo(dtype).max
    z = torch.tensor([largest, -largest, math.inf, -math.inf, 0.0], dtype=dtype)
    assert K.subgradient(z).tolist() == [1, -1, 1, -1, 0]
    assert K.value(z[:1]).item() == pytest.approx(L1().value(z[:1]).item(), rel=1e-12, abs=1)


@smooth
def test_inverse_slope_is_infinite_at_the_corner_where_it_must_be(K):
    w = K.conjugate_subgradient(tensor(1.0, -1.0))
    expected = [0.3, -0.3] if isinstance(K, Huber) else [math.inf, -math.inf]
    assert w.tolist() == expected
    # One rounding outside counts as the corner, not as NaN.
    assert K.conjugate_subgradient(tensor(1 + 2e-16)).tolist() == expected[:1]
    assert math.isfinite(K.conjugate(tensor(1 + 2e-16)))


@smooth
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_rounded_once(K, dtype):
    z = torch.linspace(-3, 3, 101).to(dtype)
    assert torch.equal(K.subgradient(z), K.subgradient(z.float()).to(dtype))


def test_huber_multiplies_by_the_rounded_reciprocal():
    z = torch.linspace(-0.1, 0.1, 1001)
    reciprocal = torch.tensor(1 / 0.3, dtype=torch.float32)
    assert torch.equal(Huber(0.3).subgradient(z), (z * reciprocal).clamp(-1, 1))


@pytest.mark.parametrize("make", [Huber, SmoothedL1])
@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_wrong_parameters(make, value):
    with pytest.raises(ValueError, match="must be a finite number"):
        make(value)
