"""HalfSquare and Quadratic, and the immutable arrays that parameters are kept in."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

from signwise.convex import HalfSquare, Quadratic
from signwise.convex._constant import Constant

P = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 4.0]])


def test_half_square():
    z = torch.tensor([3.0, 4.0])
    assert HalfSquare().value(z) == HalfSquare().conjugate(z) == 12.5
    assert torch.equal(HalfSquare().subgradient(z), z)
    assert torch.equal(HalfSquare().conjugate_subgradient(z), z)
    assert (HalfSquare().distance(z), HalfSquare().gauge(z)) == (0, 0)


def test_quadratic():
    K = Quadratic(P)
    z = np.array([1.0, -2.0, 0.5])
    x = torch.from_numpy(z)
    assert K.value(x).item() == pytest.approx(z @ np.linalg.solve(P, z) / 2, rel=1e-13)
    np.testing.assert_allclose(K.subgradient(x), np.linalg.solve(P, z), rtol=1e-12)
    assert K.conjugate(x).item() == pytest.approx(z @ P @ z / 2, rel=1e-13)
    np.testing.assert_allclose(K.conjugate_subgradient(x), P @ z, rtol=1e-13)
    assert K.lipschitz == pytest.approx(1 / np.linalg.eigvalsh(P)[0])
    assert K.subgradient(x.view(3, 1).float()).shape == (3, 1)


def test_quadratic_is_equal_by_content_and_takes_what_holds_numbers():
    assert Quadratic(P) == Quadratic(torch.from_numpy(P)) == Quadratic(P.tolist())
    assert hash(Quadratic(P)) == hash(Quadratic(P.tolist()))
    assert Quadratic(P) != Quadratic(2 * P)
    assert repr(Quadratic([[1.0]])) == "Quadratic(matrix=array([[1.]]))"


def test_parameters_are_copied():
    source = P.copy()
    K, x = Quadratic(source), torch.ones(3)
    before = K.subgradient(x)
    source[:] = 1
    assert torch.equal(K.subgradient(x), before)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((2, 3)), r"must be square, shape \(d, d\), d ≥ 1; got shape \(2, 3\)"),
        (np.zeros((0, 0)), "must be square"),
        (np.array([[1.0, 2.0], [0.0, 1.0]]), r"must be symmetric; pass \(P \+ P.T\)/2"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "must be positive definite"),
        (np.array([[math.nan]]), "must be finite"),
    ],
)
def test_wrong_matrices(matrix, message):
    with pytest.raises(ValueError, match=message):
        Quadratic(matrix)


def test_wrong_size():
    for name in ("value", "subgradient", "conjugate", "conjugate_subgradient"):
        with pytest.raises(ValueError, match=r"must have 3 elements to match the matrix, got shape \(2,\) with 2"):
            getattr(Quadratic(P), name)(torch.ones(2))


def test_constant():
    constant = Constant.of(P, "P")
    assert constant == pickle.loads(pickle.dumps(constant)) == Constant.of(constant, "P")
    assert not constant.array().flags.writeable
    assert constant.tensor(torch.device("cpu")) is constant.tensor(torch.device("cpu"))
    np.testing.assert_array_equal(constant.tensor(torch.device("cpu")), P)
    assert Constant.of(3.0, "x").shape == ()


def test_constant_made_in_inference_mode_still_works_with_autograd():
    K = Quadratic(P)
    with torch.inference_mode():
        K.conjugate(torch.ones(3))
    x = torch.ones(3, requires_grad=True)
    K.conjugate(x).backward()
    np.testing.assert_allclose(x.grad, P.sum(1), rtol=1e-6)


def test_a_matrix_that_is_singular_to_rounding():
    """Cholesky goes through, and the least eigenvalue is negative."""
    n = np.arange(13)
    hilbert = 1 / (n[:, None] + n + 1)
    with pytest.raises(ValueError, match="singular to rounding"):
        Quadratic(hilbert)
    assert 0 < Quadratic(hilbert[:8, :8]).lipschitz < math.inf
