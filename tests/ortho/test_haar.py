"""Haar matrices: equal bits with the oracle, orthogonality, and the moments of their distribution."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signwise._native import _ortho, use_fallback
from signwise.ortho import Haar

from ..oracles import ortho as oracle


@settings(max_examples=30)
@given(st.integers(0, 2**64 - 1), st.integers(1, 21))
def test_bits_of_the_oracle(h, d):
    expected = oracle.haar(h, d)
    assert Haar.from_hash(d, h).matrix.tolist() == expected
    with use_fallback():
        assert _ortho.haar(h, d).tolist() == expected


@pytest.mark.parametrize("d", [1, 2, 17, 300])
def test_orthogonal(d):
    q = Haar(d, "k").matrix
    assert np.abs(q.T @ q - np.eye(d)).max() <= 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("d", [1024, 2048])
def test_orthogonal_at_full_size(d):
    q = Haar(d, "k").matrix
    assert np.abs(q.T @ q - np.eye(d)).max() <= 1e-12


def test_the_factor_of_numpys_decomposition():
    d, h = 40, 12345
    g = np.array(oracle.gaussians(h, d * d)).reshape(d, d)
    q, r = np.linalg.qr(g)
    np.testing.assert_allclose(Haar.from_hash(d, h).matrix, q * np.sign(np.diag(r)), rtol=0, atol=1e-12)


def test_moments():
    # E Q_ij = 0 and E Q_ij^2 = 1/d; the trace of a Haar matrix has mean 0 and variance 1.
    d, n = 6, 3000
    q = np.stack([Haar.from_hash(d, h).matrix for h in range(n)])
    assert np.abs(q.mean(0)).max() < 4.5 / np.sqrt(n * d)
    assert np.abs((q**2).mean(0) - 1 / d).max() < 4.5 * np.sqrt(2) / d / np.sqrt(n)
    traces = np.trace(q, axis1=1, axis2=2)
    assert abs(traces.mean()) < 4 / np.sqrt(n)
    assert abs(traces.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs(np.mean(np.linalg.det(q))) < 4 / np.sqrt(n)


def test_gaussians_of_the_draw_are_normal():
    from scipy.stats import kstest

    assert kstest(oracle.gaussians(9, 20000), "norm").pvalue > 1e-3


def test_the_matrix_refuses_writes():
    with pytest.raises(ValueError, match="read-only"):
        Haar(3, "k").matrix[0, 0] = 1.0
