"""Lp, GroupL2, TopK and LInf against their closed forms, at ties and at extreme scales."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.convex import L1, GroupL2, LInf, Lp, NotAvailableError, TopK


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("p", [1.01, 1.5, 2.0, 3.0, 50.0])
def test_lp(p):
    z = tensor(0.3, -2.0, 0.0, 1.1)
    size = sum(abs(v) ** p for v in z.tolist()) ** (1 / p)
    assert Lp(p).value(z).item() == pytest.approx(size, rel=1e-13)
    expected = [math.copysign((abs(v) / size) ** (p - 1), v) if v else 0.0 for v in z.tolist()]
    assert Lp(p).subgradient(z).tolist() == pytest.approx(expected, rel=1e-12)
    q = p / (p - 1)
    assert Lp(p).gauge(z).item() == pytest.approx(2 * sum((abs(v) / 2) ** q for v in z.tolist()) ** (1 / q), rel=1e-12)


@pytest.mark.parametrize("K", [Lp(1.3), Lp(2.0), Lp(4.0), GroupL2(), GroupL2(block=2)], ids=repr)
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [
        (torch.float64, 2.0**-1000),
        (torch.float64, 2.0**1000),
        (torch.float32, 2.0**-120),
        (torch.float32, 2.0**120),
    ],
)
def test_extreme_scales(K, dtype, scale):
    z = torch.tensor([3.0, -4.0, 0.5, 0.0], dtype=dtype)
    torch.testing.assert_close(K.subgradient(z * scale), K.subgradient(z), rtol=4e-7, atol=0)
    assert K.value(z * scale).item() == pytest.approx(K.value(z).item() * scale, rel=1e-12)
    assert K.gauge(z * scale).item() == pytest.approx(K.gauge(z).item() * scale, rel=1e-12)


def test_norms_of_infinite_entries_are_infinite():
    z = tensor(math.inf, 1.0)
    assert Lp(2.0).value(z) == math.inf
    assert GroupL2().conjugate(z) == math.inf


def test_lp_names_what_to_use_instead_of_its_projection():
    for name in ("project", "distance"):
        with pytest.raises(NotAvailableError, match=rf"Lp\(p=2.0\) has no {name}; use gauge, or GroupL2\(\)"):
            getattr(Lp(2.0), name)(tensor(1.0))


def test_group_l2_of_everything_normalises():
    z = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    assert torch.equal(GroupL2().subgradient(z), z / 5)
    assert GroupL2().value(z) == 5
    assert GroupL2().project(z).flatten().tolist() == pytest.approx([0.6, 0, 0, 0.8])
    assert torch.equal(GroupL2().project(z / 10), z / 10)


def test_group_l2_over_dims():
    z = torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.6, 0.0]], dtype=torch.float64)
    rows = GroupL2(dims=1)
    assert rows.value(z).item() == 5.6
    assert rows.subgradient(z).tolist() == [[0.6, 0.8], [0, 0], [1, 0]]
    assert rows.gauge(z) == 5
    assert rows.project(z).tolist() == [[0.6, 0.8], [0, 0], [0.6, 0]]
    assert torch.equal(GroupL2(dims=-1).subgradient(z), rows.subgradient(z))
    assert torch.equal(GroupL2(dims=(0, 1)).subgradient(z), GroupL2().subgradient(z))
    assert GroupL2(dims=[0, 1]) == GroupL2(dims=(0, 1))


def test_group_l2_over_pairs_is_the_complex_sign():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(5, generator=generator, dtype=torch.complex128)
    pairs = GroupL2(dims=-1).subgradient(torch.view_as_real(z))
    torch.testing.assert_close(torch.view_as_complex(pairs), torch.sgn(z))


def test_group_l2_blocks_with_a_short_last_one():
    z = tensor(3.0, 4.0, 0.0, 0.0, -2.0)
    K = GroupL2(block=2)
    assert K.value(z).item() == 7
    assert K.subgradient(z).tolist() == [0.6, 0.8, 0, 0, -1]
    assert K.project(z).tolist() == [0.6, 0.8, 0, 0, -1]
    assert torch.equal(GroupL2(block=1).subgradient(z), L1().subgradient(z))


def top_k_by_sorting(z, k):
    chosen = sorted(range(len(z)), key=lambda i: (-abs(z[i]), i))[:k]
    return [float((z[i] > 0) - (z[i] < 0)) if i in chosen else 0.0 for i in range(len(z))]


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12), st.integers(1, 13))
def test_top_k_takes_the_lowest_index_among_equals(z, k):
    x = torch.tensor(z, dtype=torch.float32)
    assert TopK(k).subgradient(x).tolist() == top_k_by_sorting(z, k)
    assert TopK(k).value(x).item() == sum(sorted(map(abs, z))[-k:])


def test_top_k_ends():
    z = torch.tensor([[1.0, -3.0], [3.0, 2.0]])
    assert torch.equal(TopK(1).subgradient(z), LInf().subgradient(z))
    assert torch.equal(TopK(9).subgradient(z), L1().subgradient(z))
    assert TopK(9).project(5 * z).tolist() == L1().project(5 * z).tolist()
    assert TopK(2).gauge(z).item() == 4.5


def test_l_inf():
    z = torch.tensor([[1.0, -3.0], [3.0, 2.0]])
    assert LInf().value(z) == 3
    assert LInf().subgradient(z).tolist() == [[0, -1], [0, 0]]
    assert LInf().gauge(z) == 9
    assert LInf().project(torch.tensor([0.5, -0.5])).tolist() == [0.5, -0.5]
    assert LInf().subgradient(torch.tensor(-2.0)).item() == -1
    assert LInf().subgradient(torch.zeros(2)).tolist() == [0, 0]


@pytest.mark.parametrize(
    "K", [Lp(1.5), GroupL2(), GroupL2(dims=1), GroupL2(dims=0), GroupL2(block=2), TopK(2), LInf()], ids=repr
)
def test_empty_tensors(K):
    empty = torch.zeros(0, 3)
    assert (K.value(empty), K.conjugate(empty), K.gauge(empty)) == (0, 0, 0)
    assert K.subgradient(empty).shape == (0, 3)
    if not isinstance(K, Lp):
        assert K.project(empty).shape == (0, 3)
        assert K.distance(empty) == 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Lp(1.0), ValueError, r"L1\(\) and LInf\(\)\) must be a finite number above 1, got 1.0"),
        (lambda: Lp(math.inf), ValueError, "must be a finite number above 1, got inf"),
        (lambda: TopK(0), ValueError, "k must be at least 1, got 0"),
        (lambda: TopK(2.0), TypeError, "k must be an int, got float"),
        (lambda: TopK(True), TypeError, "k must be an int, got bool"),
        (lambda: GroupL2(block=0), ValueError, "block must be at least 1"),
        (lambda: GroupL2(dims=0, block=2), ValueError, "give dims or block, not both"),
        (lambda: GroupL2(dims=()), ValueError, "dims must be an int or a non-empty tuple"),
        (lambda: GroupL2(dims=2).value(torch.ones(2, 2)), ValueError, r"dims=2 do not fit .* shape \(2, 2\)"),
        (lambda: GroupL2(dims=0).value(torch.ones(())), ValueError, "do not fit a tensor of shape"),
    ],
)
def test_wrong_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()
