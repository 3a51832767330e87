"""Product: functions side by side on the pieces of a tensor."""

from __future__ import annotations

import math

import pytest
import torch

from signwise.convex import L1, GroupL2, LInf, Lp, NotAvailableError, Nuclear, Product


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_each_piece_has_its_own_function():
    z = normal(5, 3)
    K = Product([L1(), LInf()], sizes=[2, 3])
    top, bottom = z[:2], z[2:]
    assert K.value(z) == L1().value(top) + LInf().value(bottom)
    assert torch.equal(K.subgradient(z), torch.cat([L1().subgradient(top), LInf().subgradient(bottom)]))
    assert torch.equal(K.project(z), torch.cat([L1().project(top), LInf().project(bottom)]))
    assert K.gauge(z) == max(L1().gauge(top), LInf().gauge(bottom))
    expected = math.hypot(L1().distance(top).item(), LInf().distance(bottom).item())
    assert K.distance(z).item() == pytest.approx(expected, rel=1e-13)


def test_equal_pieces_along_another_dimension():
    z = normal(4, 6)
    K = Product([Nuclear()] * 3, dim=-1)
    blocks = [Nuclear().subgradient(block) for block in z.split(2, 1)]
    assert torch.equal(K.subgradient(z), torch.cat(blocks, 1))


def test_conjugate_is_infinite_if_one_piece_is_outside():
    K = Product([L1(), GroupL2()])
    assert K.conjugate(torch.tensor([1.0, 1.0, 0.6, 0.8])) == 0
    assert K.conjugate(torch.tensor([1.0, 1.0, 0.8, 0.8])) == math.inf


def test_what_one_part_lacks_the_product_lacks():
    with pytest.raises(NotAvailableError, match=r"Lp\(p=1.5\) has no project; use gauge"):
        Product([L1(), Lp(1.5)]).project(torch.ones(2))


def test_takes_any_iterable_and_compares_by_content():
    assert Product(iter([L1(), LInf()]), sizes=[1, 2]) == Product((L1(), LInf()), sizes=(1, 2))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Product([]), ValueError, "must hold at least one convex function, got none"),
        (lambda: Product([L1(), abs]), TypeError, r"functions\[1\] must be a signwise.convex function"),
        (lambda: Product([L1()], sizes=[1, 2]), ValueError, r"sizes must be 1 lengths, one per function"),
        (
            lambda: Product([L1(), L1()]).value(torch.ones(3)),
            ValueError,
            "length 3 along dim 0, not a multiple of 2",
        ),
        (lambda: Product([L1()], sizes=[2]).value(torch.ones(3)), ValueError, "but sizes add up to 2"),
        (
            lambda: Product([L1()], dim=1).value(torch.ones(3)),
            ValueError,
            r"dim=1 does not fit z of shape \(3,\)",
        ),
    ],
)
def test_wrong_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()
