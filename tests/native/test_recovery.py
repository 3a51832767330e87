"""The fused pass equals the formula on every tier, for dense and sparse matrices, with missing entries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise import _native
from signwise._native import _recovery
from signwise._native._recovery import Rule

TIERS = [
    "fallback",
    *(
        tier
        for tier in _native.ISA_NAMES
        if _native.core() is not None and _native.ISA_NAMES.index(tier) <= _native.ISA_NAMES.index(_native.best_isa())
    ),
]


def at(tier):
    return _native.use_fallback() if tier == "fallback" else _native.force_isa(tier)


def problem(seed, n1, n2, k, bu, bv, missing=0.3):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n1, n2))
    X[rng.random((n1, n2)) < missing] = np.nan
    shapes = ((n1, k), (n2, k), (n1, bu), (n2, bv))
    return X, *(rng.standard_normal(shape) for shape in shapes)


def rules(n1, n2, seed):
    rng = np.random.default_rng(seed)
    return [
        Rule(kind="truncated", row_cut=rng.random(n1), col_cut=2 * rng.random(n2), count_level=0.7),
        Rule(kind="sign", count_level=0.7),
        Rule(kind="huber", level=0.8, count_level=0.7),
        Rule(kind="outlier", level=0.9, offset=0.05, count_level=0.7),
    ]


def expected(X, L, R, U, V, rule):
    rho = L @ R.T - X
    known = ~np.isnan(rho)
    if rule.kind == "truncated":
        w = np.where(np.abs(rho) < np.maximum(rule.row_cut[:, None], rule.col_cut), rho, 0)
    elif rule.kind == "sign":
        w = np.sign(rho)
    elif rule.kind == "huber":
        w = np.clip(rho / rule.level, -1, 1)
    else:
        w = np.sign(rho) * (np.abs(rho) > rule.level) - rule.offset
    w = np.where(known, w, 0)
    return w @ V, w.T @ U, (np.abs(rho) <= rule.count_level).sum(), known.sum(), w.sum(), (w**2).sum()


def agrees(got, wanted):
    np.testing.assert_allclose(got.left, wanted[0], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(got.right, wanted[1], rtol=1e-10, atol=1e-10)
    assert (got.kept, got.observed) == (wanted[2], wanted[3])
    assert got.total == pytest.approx(wanted[4], rel=1e-10, abs=1e-9)
    assert got.squares == pytest.approx(wanted[5], rel=1e-10, abs=1e-9)


def stored(X, rng):
    """The known entries as CSR, and one of them stored as NaN."""
    known = ~np.isnan(X)
    rows, cols = np.nonzero(known)
    data = X[known]
    if len(data):
        t = int(rng.integers(len(data)))
        data[t] = np.nan
        X = X.copy()
        X[rows[t], cols[t]] = np.nan
    indptr = np.concatenate([[0], np.cumsum(known.sum(1))]).astype(np.int64)
    return X, (indptr, cols.astype(np.int32), data)


@pytest.mark.parametrize("tier", TIERS)
@given(
    seed=st.integers(0, 1000),
    n1=st.integers(1, 70),
    n2=st.integers(1, 140),
    k=st.integers(0, 19),
    bu=st.integers(0, 17),
    bv=st.integers(0, 33),
)
@settings(max_examples=15)
def test_it_equals_the_formula(tier, seed, n1, n2, k, bu, bv):
    X, L, R, U, V = problem(seed, n1, n2, k, bu, bv)
    known, csr = stored(X, np.random.default_rng(seed))
    with at(tier):
        for rule in rules(n1, n2, seed):
            agrees(_recovery.dense_pass(X, L, R, U, V, rule), expected(X, L, R, U, V, rule))
            agrees(_recovery.sparse_pass(*csr, L, R, U, V, rule), expected(known, L, R, U, V, rule))


@pytest.mark.parametrize("tier", TIERS)
def test_products_with_the_factors_themselves(tier):
    X, L, R, _, _ = problem(1, 90, 130, 20, 1, 1)
    _, csr = stored(X, np.random.default_rng(0))
    rule = rules(90, 130, 1)[0]
    with at(tier):
        agrees(_recovery.dense_pass(X, L, R, L, R, rule), expected(X, L, R, L, R, rule))
        alone = _recovery.sparse_pass(*csr, L, R, L, R, rule)
        apart = _recovery.sparse_pass(*csr, L, R, L.copy(), R.copy(), rule)
    assert np.array_equal(alone.left, apart.left)
    assert np.array_equal(alone.right, apart.right)


@pytest.mark.parametrize("tier", TIERS)
def test_residuals(tier):
    _, L, R, _, _ = problem(2, 30, 40, 7, 1, 1)
    rng = np.random.default_rng(0)
    rows, cols = (rng.integers(0, n, 500).astype(np.int32) for n in (30, 40))
    x = rng.standard_normal(500)
    with at(tier):
        np.testing.assert_allclose(_recovery.residuals(L, R, rows, cols, x), (L @ R.T)[rows, cols] - x, atol=1e-12)


@pytest.mark.skipif("avx512" not in TIERS, reason="this processor has one wide tier at most")
def test_the_wide_tiers_have_the_same_bits():
    X, L, R, U, V = problem(3, 200, 300, 21, 9, 20)
    _, csr = stored(X, np.random.default_rng(0))
    for rule in rules(200, 300, 3):
        found = []
        for tier in ("avx2", "avx512"):
            with at(tier):
                found.append((_recovery.dense_pass(X, L, R, U, V, rule), _recovery.sparse_pass(*csr, L, R, U, V, rule)))
        for narrow, wide in zip(*found, strict=True):
            assert np.array_equal(narrow.left, wide.left)
            assert np.array_equal(narrow.right, wide.right)


@pytest.mark.skipif(_native.core() is None, reason="the extension is not built")
def test_threads_do_not_change_the_bits(monkeypatch):
    X, L, R, U, V = problem(4, 700, 500, 5, 5, 5)
    _, csr = stored(X, np.random.default_rng(0))
    rule = rules(700, 500, 4)[0]
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(_recovery, "num_threads", lambda n=threads: n)
        found.append((_recovery.dense_pass(X, L, R, U, V, rule), _recovery.sparse_pass(*csr, L, R, U, V, rule)))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert np.array_equal(one.left, two.left)
            assert np.array_equal(one.right, two.right)
            assert one.total == two.total
