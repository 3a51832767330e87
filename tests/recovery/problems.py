"""Planted problems."""

import numpy as np

from signwise.recovery import Dense


def psd_truth(d, r, kappa=1.0, seed=0):
    """A factor U with UUᵀ of condition number kappa and norm √r at kappa = 1."""
    rng = np.random.default_rng(seed)
    V = np.linalg.qr(rng.standard_normal((d, r)))[0]
    return V * np.sqrt(np.geomspace(1, 1 / kappa, r))


def gaussian_sensing(d, r, m, p, *, kappa=1.0, seed=0, sd=100.0, noise=0.0, symmetric=True):
    """Operator, y and X* of Gaussian sensing with a share p of outliers N(0, sd²)."""
    rng = np.random.default_rng([seed, 1])
    U = psd_truth(d, r, kappa, seed)
    V = U if symmetric else psd_truth(d, r, 1.0, seed + 10_000)
    operator = Dense(rng.standard_normal((m, d, d)))
    y = operator.forward(U, V) + noise * rng.standard_normal(m)
    bad = rng.random(m) < p
    y[bad] += sd * rng.standard_normal(bad.sum())
    return operator, y, U @ V.T


def corrupt_matrix(n1, n2, r, p, *, kappa=1.0, seed=0, observed=1.0, noise=0.0):
    """A matrix of rank r with a share p of entries off by up to ten times the mean size; (X, X*)."""
    rng = np.random.default_rng([seed, 2])
    U = np.linalg.qr(rng.standard_normal((n1, r)))[0]
    V = np.linalg.qr(rng.standard_normal((n2, r)))[0]
    truth = (U * np.geomspace(1, 1 / kappa, r)) @ V.T * np.sqrt(n1 * n2)
    X = truth + noise * rng.standard_normal(truth.shape)
    bad = rng.random(X.shape) < p
    X[bad] += rng.uniform(-1, 1, bad.sum()) * 10 * np.abs(truth).mean()
    X[rng.random(X.shape) >= observed] = np.nan
    return X, truth


def error(estimate, truth):
    """Relative Frobenius error."""
    return np.linalg.norm(estimate - truth) / np.linalg.norm(truth)
