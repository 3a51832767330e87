"""Every operator is the linear map that it says, its adjoint the adjoint, its gain the gain."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise.recovery import Dense, Hadamard, LinearOperator, Mask, RankOne, Sparse, estimate_gain

N1, N2, M = 7, 5, 23


def dense(rng):
    A = rng.standard_normal((M, N1, N2))
    return Dense(A), A


def rank_one(rng):
    a, b = rng.standard_normal((M, N1)), rng.standard_normal((M, N2))
    return RankOne(a, b), np.einsum("mi,mj->mij", a, b)


def mask(rng):
    flat = rng.permutation(N1 * N2)[:M]
    A = np.zeros((M, N1 * N2))
    A[np.arange(M), flat] = 1
    return Mask(flat // N2, flat % N2, (N1, N2)), A.reshape(M, N1, N2)


def sparse(rng):
    A = rng.standard_normal((M, N1 * N2)) * (rng.random((M, N1 * N2)) < 0.3)
    return Sparse(sp.csr_array(A), (N1, N2)), A.reshape(M, N1, N2)


def listed(rng):
    A = rng.standard_normal((M, N1, N2)) * (rng.random((M, N1, N2)) < 0.3)
    return Sparse([sp.csr_array(a) for a in A]), A


def hadamard(rng):
    operator = Hadamard(M, (N1, N2), seed=int(rng.integers(100)))
    columns = [operator.forward(np.eye(N1)[:, [i]], np.eye(N2)[:, [j]]) for i in range(N1) for j in range(N2)]
    return operator, np.stack(columns, 1).reshape(M, N1, N2)


KINDS = [dense, rank_one, mask, sparse, listed, hadamard]
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
@given(seed=st.integers(0, 1000), k=st.integers(1, 5))
@settings(max_examples=10)
def test_it_equals_its_dense_form(kind, seed, k):
    rng = np.random.default_rng(seed)
    operator, A = kind(rng)
    assert isinstance(operator, LinearOperator)
    L, R, w = rng.standard_normal((N1, k)), rng.standard_normal((N2, k)), rng.standard_normal(M)
    np.testing.assert_allclose(operator.forward(L, R), np.einsum("mij,ij->m", A, L @ R.T), rtol=1e-10, atol=1e-10)
    G = np.einsum("m,mij->ij", w, A)
    np.testing.assert_allclose(operator.adjoint_times(w, R), G @ R, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(operator.adjoint_t_times(w, L), G.T @ L, rtol=1e-10, atol=1e-10)
    assert operator.gain() == pytest.approx((A**2).sum() / (N1 * N2), rel=1e-10)


@each_kind
@given(seed=st.integers(0, 1000), k=st.integers(1, 5))
@settings(max_examples=10)
def test_the_adjoint_is_the_adjoint(kind, seed, k):
    rng = np.random.default_rng(seed)
    operator, _ = kind(rng)
    L, R, w = rng.standard_normal((N1, k)), rng.standard_normal((N2, k)), rng.standard_normal(M)
    measured = operator.forward(L, R)
    size = np.linalg.norm(measured) * np.linalg.norm(w)
    assert abs(measured @ w - (operator.adjoint_times(w, R) * L).sum()) < 1e-10 * size
    assert abs(measured @ w - (operator.adjoint_t_times(w, L) * R).sum()) < 1e-10 * size


@each_kind
def test_a_subset_has_those_measurements(kind):
    rng = np.random.default_rng(3)
    operator, A = kind(rng)
    chosen = np.array([4, 0, 21, 4])
    part = operator.subset(chosen)
    L, R, w = rng.standard_normal((N1, 2)), rng.standard_normal((N2, 2)), rng.standard_normal(4)
    assert part.m == 4
    np.testing.assert_allclose(part.forward(L, R), operator.forward(L, R)[chosen], rtol=1e-12)
    G = np.einsum("m,mij->ij", w, A[chosen])
    np.testing.assert_allclose(part.adjoint_times(w, R), G @ R, rtol=1e-10, atol=1e-10)


@each_kind
def test_tensors_come_back_as_tensors(kind):
    operator, _ = kind(np.random.default_rng(0))
    L, R = torch.ones(N1, 1, dtype=torch.float64), torch.ones(N2, 1, dtype=torch.float64)
    out = operator.forward(L, R)
    assert isinstance(out, torch.Tensor)
    assert isinstance(operator.adjoint_times(out, R), torch.Tensor)


@pytest.mark.parametrize(
    "operator",
    [
        Dense(np.random.default_rng(0).standard_normal((900, 12, 9))),
        RankOne(
            np.random.default_rng(1).standard_normal((900, 12)), np.random.default_rng(2).standard_normal((900, 9))
        ),
        Mask(np.repeat(np.arange(12), 5), np.tile(np.arange(5), 12), (12, 9)),
        Sparse(sp.random_array((900, 108), density=0.2, rng=np.random.default_rng(3)), (12, 9)),
        Hadamard(100, (12, 9)),
    ],
    ids=lambda operator: type(operator).__name__,
)
def test_the_gain_is_estimated(operator):
    assert estimate_gain(operator, random_state=5) == pytest.approx(operator.gain(), rel=0.2)


def test_hadamard_entries_are_signs_and_rows_orthogonal():
    operator = Hadamard(32, (4, 8), seed=7)
    A = np.stack([operator.adjoint_times(row, np.eye(8)).ravel() for row in np.eye(32)])
    np.testing.assert_allclose(np.abs(A), 1, atol=1e-12)
    np.testing.assert_allclose(A @ A.T, 32 * np.eye(32), atol=1e-10)


def test_rank_one_of_one_factor_is_quadratic():
    a = np.random.default_rng(0).standard_normal((6, 3))
    u = np.array([[1.0], [2.0], [-1.0]])
    np.testing.assert_allclose(RankOne(a).forward(u, u), (a @ u).ravel() ** 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(np.ones((2, 3))), "3 axes"),
        (lambda: Dense(np.full((1, 2, 2), np.nan)), "NaN or infinite"),
        (lambda: RankOne(np.ones((2, 3)), np.ones((4, 3))), "one row a measurement"),
        (lambda: Mask([0, 3], [0, 0], (3, 3)), r"in \[0, 3\)"),
        (lambda: Mask([0], [0, 1], (3, 3)), "same length"),
        (lambda: Mask([0.5], [0.5], (3, 3)), "whole numbers"),
        (lambda: Sparse(sp.eye_array(4)), "give shape"),
        (lambda: Sparse(sp.eye_array(4), (3, 3)), r"\(m, 9\)"),
        (lambda: Hadamard(65, (8, 8)), "1 to N = 64"),
        (lambda: Dense(np.ones((1, 2, 2))).forward(np.ones((3, 1)), np.ones((2, 1))), "3 rows"),
        (lambda: Dense(np.ones((1, 2, 2))).forward(np.ones((2, 1)), np.ones((2, 2))), "must agree"),
        (lambda: Dense(np.ones((1, 2, 2))).adjoint_times(np.ones(2), np.ones((2, 1))), "1 measurements"),
        (lambda: Dense(np.ones((1, 2, 2))).subset([1]), r"in \[0, 1\)"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
