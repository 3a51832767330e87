"""Max and LogSumExp on the probability simplex."""

from __future__ import annotations

import math

import pytest
import torch

from signwise.convex import LogSumExp, Max, NotAvailableError


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_max():
    z = torch.tensor([[1.0, 4.0], [4.0, -9.0]])
    assert Max().value(z) == 4
    assert Max().subgradient(z).tolist() == [[0, 1], [0, 0]]
    assert Max().subgradient(torch.tensor(-3.0)).item() == 1


def test_membership_is_that_of_the_simplex():
    for y, inside in (
        ((0.25, 0.75), True),
        ((1.0, 0.0), True),
        ((0.5, 0.4), False),
        ((1.1, -0.1), False),
        ((0.6, 0.6), False),
    ):
        for K in (Max(), LogSumExp()):
            assert (K.conjugate(tensor(*y)) < math.inf).item() is inside


def test_log_sum_exp():
    K = LogSumExp()
    assert K.value(tensor(0.0, math.log(3))).item() == pytest.approx(math.log(4))
    assert K.subgradient(tensor(0.0, math.log(3))).tolist() == pytest.approx([0.25, 0.75])
    expected = 0.25 * math.log(0.25) + 0.75 * math.log(0.75)
    assert K.conjugate(tensor(0.25, 0.75)).item() == pytest.approx(expected)
    assert K.conjugate(tensor(1.0, 0.0)) == 0
    assert K.conjugate_subgradient(tensor(1.0, 0.0)).tolist() == [0, -math.inf]


def test_log_sum_exp_does_not_overflow():
    z = torch.tensor([1e4, 1e4 - 1, -1e4])
    assert LogSumExp().value(z).item() == pytest.approx(1e4 + math.log1p(math.exp(-1)))
    assert LogSumExp().conjugate(LogSumExp().subgradient(z)) < math.inf


def test_many_entries_that_are_subnormal_in_half_precision_still_add_up_to_one():
    z = 1e-3 * torch.randn(1_000_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        assert LogSumExp().conjugate(LogSumExp().subgradient(z.to(dtype))) < math.inf


def test_lipschitz_constant_is_attained():
    h = 1e-5
    step = LogSumExp().subgradient(tensor(h, -h)) - LogSumExp().subgradient(tensor(0.0, 0.0))
    assert (step.norm() / (h * math.sqrt(2))).item() == pytest.approx(LogSumExp().lipschitz, rel=1e-8)


def test_projection():
    assert Max().project(tensor(2.0, 0.0)).tolist() == [1, 0]
    assert Max().project(tensor(0.0, 0.0)).tolist() == [0.5, 0.5]
    assert LogSumExp().project(tensor(0.9, 0.5, -1.0)).tolist() == pytest.approx([0.7, 0.3, 0])


@pytest.mark.parametrize("K", [Max(), LogSumExp()], ids=repr)
def test_gauge_is_refused_and_empty_tensors_too(K):
    with pytest.raises(NotAvailableError, match="0 is not in the simplex; use distance"):
        K.gauge(tensor(1.0))
    for name in ("value", "subgradient", "project"):
        with pytest.raises(ValueError, match=r"needs at least one element, got a tensor of shape \(0,\)"):
            getattr(K, name)(torch.zeros(0))
    assert K.conjugate(torch.zeros(0)) == math.inf
