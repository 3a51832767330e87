"""Scaled, Shifted and Sum: the identities of the calculus."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.convex import (
    L1,
    Huber,
    LInf,
    LogCosh,
    NotAvailableError,
    Nuclear,
    Scaled,
    Shifted,
    SmoothedL1,
    Sum,
)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


@settings(deadline=None)
@given(st.floats(1e-3, 1e3), st.lists(st.floats(-10, 10), min_size=1, max_size=5))
def test_scaled(s, values):
    z = tensor(*values)
    for K in (L1(), LogCosh(), LInf()):
        assert torch.equal((s * K).value(z), s * K.value(z))
        assert torch.equal((s * K).subgradient(z), s * K.subgradient(z))
        assert torch.equal((s * K).gauge(z), K.gauge(z / s))
        torch.testing.assert_close((s * K).distance(z), s * K.distance(z / s))
        y = z / (1e-9 + K.gauge(z))
        torch.testing.assert_close((s * K).conjugate(s * y), s * K.conjugate(y), rtol=1e-9, atol=1e-9)


def test_scaling_twice_multiplies():
    z = tensor(0.3, -2.0)
    twice, once = 2 * (3 * Huber(0.5)), 6 * Huber(0.5)
    assert torch.equal(twice.subgradient(z), once.subgradient(z))
    assert twice.conjugate(tensor(3.0, -6.0)).item() == pytest.approx(once.conjugate(tensor(3.0, -6.0)).item())


def test_scaled_nuclear_has_the_radius_of_a_shape_factor():
    z = torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    K = math.sqrt(8 / 2) * Nuclear()
    assert torch.linalg.matrix_norm(K.subgradient(z), 2).item() == pytest.approx(2.0)


def test_shifted_by_a_number_and_by_a_tensor():
    z, y = tensor(1.0, -2.0), tensor(1.5, -0.5)
    for a in (0.5, tensor(0.5, 0.5)):
        K = L1().shifted(a)
        assert K.value(z).item() == 3 - 0.5
        assert K.subgradient(z).tolist() == [1.5, -0.5]
        assert K.conjugate(y) == 0
        assert K.conjugate(y + 0.1) == math.inf
        assert K.project(tensor(9.0, -9.0)).tolist() == [1.5, -0.5]
        assert K.distance(tensor(2.5, -0.5)).item() == 1


def test_shifted_moves_the_conjugate():
    y = tensor(0.3, -0.2)
    K = LogCosh().shifted([1.0, 2.0])
    a = tensor(1.0, 2.0)
    torch.testing.assert_close(K.conjugate(y + a), LogCosh().conjugate(y))
    torch.testing.assert_close(K.conjugate_subgradient(y + a), LogCosh().conjugate_subgradient(y))


def test_shifted_tolerance_grows_with_the_shift():
    K = L1().shifted(1000.0)
    y = torch.tensor([1001.0])
    assert K.conjugate(torch.nextafter(y, torch.tensor(2000.0))) == 0
    assert K.conjugate(y + 0.01) == math.inf


def test_shift_zero_is_no_shift_and_0_dimensional_tensors_are_numbers():
    assert L1().shifted(0.0).even
    assert L1().shifted(torch.zeros(3)).even
    assert L1().shifted(torch.tensor(0.5)) == L1().shifted(0.5)
    assert L1().shifted([0.5]) != L1().shifted(0.5)


def test_sum_adds_values_and_subgradients():
    z = tensor(1.0, -3.0)
    K = L1() + LInf() + 0.5 * SmoothedL1(1.0)
    assert K.value(z).item() == pytest.approx(4 + 3 + 0.5 * SmoothedL1(1.0).value(z).item())
    torch.testing.assert_close(K.subgradient(z), tensor(1.0, -2.0) + 0.5 * SmoothedL1(1.0).subgradient(z))


def test_sum_has_no_closed_conjugate():
    for name in ("conjugate", "conjugate_subgradient", "project", "distance", "gauge"):
        with pytest.raises(NotAvailableError, match=f"has no {name}; its set is a Minkowski sum"):
            getattr(L1() + LInf(), name)(tensor(1.0))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Scaled(L1(), 0.0), ValueError, "scale must be a finite number above 0, got 0.0"),
        (lambda: -1 * L1(), ValueError, "scale must be a finite number above 0, got -1"),
        (lambda: Scaled("L1", 1.0), TypeError, "function must be a signwise.convex function, got str"),
        (lambda: Shifted(None, 1.0), TypeError, "function must be a signwise.convex function, got NoneType"),
        (lambda: Sum(L1(), 3), TypeError, "second must be a signwise.convex function, got int"),
        (lambda: L1().shifted(math.nan), ValueError, "shift must be finite"),
        (
            lambda: L1().shifted([1.0, 2.0]).value(tensor(1.0)),
            ValueError,
            r"z must have the shape of the shift, \(2,\); got \(1,\)",
        ),
    ],
)
def test_wrong_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()
