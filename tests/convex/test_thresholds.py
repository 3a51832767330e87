"""Projections by sorting against bisection."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.convex import LInf, Max, TopK
from signwise.convex._thresholds import onto_capped_l1, onto_simplex, water_level

vectors = st.lists(st.floats(-20, 20).map(lambda x: round(x, 3)), min_size=1, max_size=12)


def bisection(a, total, cap, low, high):
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(a - middle, 0, cap).sum() > total else (low, middle)
    return (low + high) / 2


@settings(max_examples=200, deadline=None)
@given(vectors, st.sampled_from([0.5, 1.0, 2.0, 3.0]), st.sampled_from([1.0, 2.5, math.inf]))
def test_capped_l1(values, total, cap):
    a = np.abs(values)
    expected = np.clip(a, 0, cap)
    if expected.sum() > total:
        expected = np.clip(a - bisection(a, total, cap, 0, a.max()), 0, cap)
    np.testing.assert_allclose(onto_capped_l1(torch.from_numpy(a), total, cap), expected, rtol=0, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(vectors)
def test_simplex(values):
    a = np.array(values)
    expected = np.clip(a - bisection(a, 1.0, math.inf, a.min() - 1, a.max()), 0, None)
    np.testing.assert_allclose(onto_simplex(torch.from_numpy(a)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1e6, 1e12])
def test_large_entries_keep_their_digits(size):
    a = size + torch.arange(5, dtype=torch.float64) / 4
    theta = water_level(a, 2.0, 1.0)
    assert (a - theta).clamp(0, 1).sum().item() == pytest.approx(2.0, abs=4 * size * 2**-52)


def test_many_entries():
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(200_000, generator=generator, dtype=torch.float64)
    assert onto_capped_l1(a, 1000.0, 1.0).sum().item() == pytest.approx(1000, rel=1e-12)
    assert onto_capped_l1(a, 1.0).sum().item() == pytest.approx(1, rel=1e-12)
    assert onto_simplex(a).sum().item() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("K", [LInf(), TopK(7), Max()], ids=repr)
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e6])
def test_projections_of_large_vectors_are_inside_to_the_last_place(K, scale):
    generator = torch.Generator().manual_seed(1)
    y = scale * torch.randn(1000, generator=generator, dtype=torch.float64)
    assert K.conjugate(K.project(y)) == 0


def test_known_projections():
    y = torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64)
    assert LInf().project(y).tolist() == [1, 0, 0]
    assert TopK(2).project(y).tolist() == [1, -0.75, 0.25]
    assert TopK(3).project(y).tolist() == [1, -1, 0.5]


def test_total_that_many_levels_give():
    a = torch.tensor([7.0, 8.0, 8.0, 5.781], dtype=torch.float64)  # every θ in [5.781, 6]
    assert onto_capped_l1(a, 3.0, 1.0).tolist() == pytest.approx([1, 1, 1, 0], abs=1e-14)


def test_capped_set_of_everything_is_the_box():
    a = torch.tensor([3.0, 0.5], dtype=torch.float64)
    assert onto_capped_l1(a, 2.0, 1.0).tolist() == [1.0, 0.5]
