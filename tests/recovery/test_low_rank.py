"""Robust PCA and completion: recovery with the rank unknown, honesty, bad input, and the contract of scikit-learn."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from signwise import _native
from signwise.convex import PseudoHuber
from signwise.recovery import RobustLowRank, _submatrix, robust_pca

from .problems import corrupt_matrix, error


def as_sparse(X):
    rows, cols = np.nonzero(~np.isnan(X))
    return sp.csr_array((X[rows, cols], (rows, cols)), shape=X.shape)


@pytest.fixture(scope="module")
def easy():
    return corrupt_matrix(90, 70, 3, 0.2)


@pytest.fixture(scope="module")
def fitted(easy):
    return RobustLowRank(random_state=0).fit(easy[0])


@pytest.mark.parametrize(("p", "kappa", "observed"), [(0.3, 1, 1.0), (0.1, 100, 1.0), (0.1, 10, 0.5)])
def test_it_recovers_without_the_rank(p, kappa, observed):
    X, truth = corrupt_matrix(120, 100, 4, p, kappa=kappa, observed=observed)
    fit = RobustLowRank().fit(X)
    assert (fit.rank_, fit.recovered_) == (4, True)
    assert error(fit.low_rank_, truth) < 1e-9
    wrong = ~np.isnan(X) & (np.abs(X - truth) > 1e-6 * np.abs(truth).max())
    assert np.array_equal(fit.outlier_mask_, wrong)
    assert fit.diagnostics_.outlier_share == pytest.approx(wrong.sum() / (~np.isnan(X)).sum())
    np.testing.assert_allclose(fit.components_ @ fit.components_.T, np.eye(4), atol=1e-10)


@pytest.mark.parametrize(("rank", "noise", "observed"), [("auto", 0.0, 1.0), (4, 0.0, 0.7), ("auto", 0.01, 1.0)])
def test_a_large_matrix_starts_from_a_part(rank, noise, observed, monkeypatch):
    extended, calls = _submatrix.Submatrix.extended, []
    monkeypatch.setattr(_submatrix.Submatrix, "extended", lambda *args: calls.append(args) or extended(*args))
    X, truth = corrupt_matrix(560, 540, 4, 0.2, kappa=10, noise=noise, observed=observed)
    fit = RobustLowRank(rank, max_rank=16).fit(X)
    assert (fit.rank_, fit.recovered_) == (4, True)
    assert error(fit.low_rank_, truth) < (1e-9 if noise == 0 else 1.3 * noise * np.sqrt(2 * 4 * 560 / 0.8))
    assert len(calls) == 1
    assert fit.history_[-1].phase == "final"
    assert fit.L_.shape == (560, 4)


def test_a_part_that_says_nothing_is_left():
    # All of the matrix is in a block that few rows of a part see.
    X = np.zeros((600, 600))
    rng = np.random.default_rng(0)
    X[:12, :12] = rng.standard_normal((12, 1)) @ rng.standard_normal((1, 12))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = RobustLowRank(max_rank=4).fit(X)
    assert not (fit.recovered_ and error(fit.low_rank_, X) > 1e-6)


def test_sparse_input_is_completion():
    X, truth = corrupt_matrix(150, 120, 3, 0.1, observed=0.4)
    dense, sparse = RobustLowRank().fit(X), RobustLowRank().fit(as_sparse(X))
    assert sparse.rank_ == 3
    assert sparse.recovered_
    assert error(sparse.low_rank_, truth) < 1e-9
    assert np.array_equal(sparse.outlier_mask_.toarray(), dense.outlier_mask_)
    np.testing.assert_allclose(sparse.transform(as_sparse(X)), sparse.L_, atol=1e-8 * np.abs(sparse.L_).max())


def test_a_stored_zero_is_observed():
    X = np.outer(np.ones(30), np.ones(20))
    X[4, 5] = 0
    fit = RobustLowRank(1).fit(as_sparse(X))
    assert fit.outlier_mask_.nnz == 1
    assert fit.outlier_mask_[4, 5]


def test_nothing_corrupt_is_the_matrix():
    X, truth = corrupt_matrix(60, 50, 3, 0.0)
    fit = RobustLowRank().fit(X)
    assert (fit.rank_, fit.recovered_) == (3, True)
    assert error(fit.low_rank_, truth) < 1e-9
    assert not fit.outlier_mask_.any()


def test_a_fixed_rank_gives_the_same(easy, fitted):
    assert error(RobustLowRank(3).fit(easy[0]).low_rank_, fitted.low_rank_) < 1e-8


def test_scale_equivariance(easy, fitted):
    other = RobustLowRank(random_state=0).fit(1e-4 * easy[0])
    assert (other.rank_, other.recovered_) == (fitted.rank_, fitted.recovered_)
    assert error(1e4 * other.low_rank_, fitted.low_rank_) < 1e-6


def test_the_same_seed_gives_the_same_bits(easy, fitted):
    assert np.array_equal(RobustLowRank(random_state=0).fit(easy[0]).L_, fitted.L_)


def test_the_fallback_gives_the_same(easy, fitted):
    with _native.use_fallback():
        other = RobustLowRank(random_state=0).fit(easy[0])
    assert other.rank_ == fitted.rank_
    assert error(other.low_rank_, fitted.low_rank_) < 1e-9


def test_the_argument_is_left_alone(easy):
    X = easy[0].copy()
    RobustLowRank(3).fit(X)
    assert np.array_equal(X, easy[0])


def test_projection_of_new_rows(easy, fitted):
    X, _ = easy
    np.testing.assert_allclose(fitted.transform(X), fitted.L_, atol=1e-8 * np.abs(fitted.L_).max())
    rng = np.random.default_rng(5)
    new = rng.standard_normal((20, 3)) @ fitted.components_
    seen = new.copy()
    seen[rng.random(new.shape) < 0.2] += 1e3
    seen[rng.random(new.shape) < 0.2] = np.nan
    np.testing.assert_allclose(fitted.inverse_transform(fitted.transform(seen)), new, atol=1e-6)
    assert fitted.score(X) > -1e-8
    assert np.all(fitted.transform(np.full((1, 70), np.nan)) == 0)
    with pytest.raises(ValueError, match=r"\(n, 3\)"):
        fitted.inverse_transform(np.ones((2, 4)))


def test_dense_noise():
    n, r, sigma = 150, 3, 0.01
    X, truth = corrupt_matrix(n, n, r, 0.1, noise=sigma)
    fit = RobustLowRank().fit(X)
    assert (fit.rank_, fit.recovered_) == (r, True)
    assert np.linalg.norm(fit.low_rank_ - truth) < 1.3 * sigma * np.sqrt(2 * r * n / 0.9)
    assert fit.scale_ == pytest.approx(sigma, rel=0.2)


def test_column_offsets():
    X, truth = corrupt_matrix(90, 40, 2, 0.1)
    offsets = 100 * np.arange(40.0)
    fit = RobustLowRank(center=True).fit(X + offsets)
    assert fit.rank_ <= 3
    assert error(fit.low_rank_, truth + offsets) < 1e-8
    assert np.abs(fit.mean_ - offsets).max() < 5


def test_a_symmetric_matrix():
    rng = np.random.default_rng(0)
    U = rng.standard_normal((80, 2))
    truth = U @ U.T
    S = np.where(rng.random((80, 80)) < 0.1, 50 * rng.standard_normal((80, 80)), 0)
    fit = RobustLowRank(psd=True).fit(truth + S)
    assert fit.rank_ == 2
    assert fit.L_ is fit.R_
    assert error(fit.low_rank_, truth) < 1e-9


def test_a_mask_is_missing_entries(easy):
    X, truth = easy
    seen = np.random.default_rng(0).random(X.shape) < 0.7
    fit = RobustLowRank().fit(X, mask=seen)
    assert error(fit.low_rank_, truth) < 1e-9
    assert not fit.outlier_mask_[~seen].any()
    with pytest.raises(ValueError, match="mask must be bool"):
        RobustLowRank().fit(X, mask=seen.astype(int))


def test_float32_is_of_the_results(easy, fitted):
    fit = RobustLowRank(random_state=0, dtype="float32", warm_start=True).fit(easy[0].astype(np.float32))
    arrays = (fit.components_, fit.L_, fit.R_, fit.mean_, fit.low_rank_, fit.transform(easy[0]))
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert fit.recovered_
    assert error(fit.low_rank_, fitted.low_rank_) < 1e-6
    assert fit.fit(easy[0]).recovered_
    with pytest.raises(ValueError, match="dtype must be"):
        RobustLowRank(dtype="float16").fit(easy[0])


@pytest.mark.parametrize("loss", ["huber", "l1", PseudoHuber()])
def test_other_losses(easy, loss):
    X, truth = easy
    fit = RobustLowRank(3, loss=loss, tol=1e-6).fit(X)
    assert error(fit.low_rank_, truth) < 1e-2


def test_it_says_when_it_failed():
    X, truth = corrupt_matrix(60, 60, 20, 0.4)
    with pytest.warns(ConvergenceWarning, match="not recovered"):
        fit = RobustLowRank(max_rank=30).fit(X)
    assert not fit.recovered_
    assert error(fit.low_rank_, truth) > 1e-3


def test_only_approximately_low_rank_turns_to_huber():
    x = np.linspace(0, 1, 80)
    X = np.exp(-20 * np.abs(x[:, None] - x)) + 0.3 * np.sin(9 * np.outer(x, x))
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(X.shape) < 0.1, 5.0, X)
    with pytest.warns(ConvergenceWarning):
        fit = RobustLowRank(6).fit(noisy)
    assert "huber" in {record.phase for record in fit.history_}
    U, s, Vt = np.linalg.svd(noisy)
    assert error(fit.low_rank_, X) < error((U[:, :6] * s[:6]) @ Vt[:6], X)


def test_zeros_in_plenty_and_whole_numbers():
    # Counts of which two thirds are 0: every low quantile of a poor fit is 0.
    rng = np.random.default_rng(0)
    members = rng.random((120, 4)) < 0.15
    truth = members @ rng.integers(0, 5, (4, 90)).astype(float)
    assert 0.5 < (truth == 0).mean() < 0.8
    X = np.where(rng.random(truth.shape) < 0.1, rng.integers(0, 40, truth.shape), truth)
    fit = RobustLowRank().fit(X)
    assert (fit.rank_, fit.recovered_) == (4, True)
    assert error(fit.low_rank_, truth) < 1e-9


def test_rounding_is_noise():
    rng = np.random.default_rng(0)
    truth = np.round(20 * rng.standard_normal((150, 2)) @ rng.standard_normal((2, 90)))
    fit = RobustLowRank().fit(np.where(rng.random(truth.shape) < 0.1, 255, truth))
    assert (fit.rank_, fit.recovered_) == (2, True)
    assert error(fit.low_rank_, truth) < 0.02
    # The 0.4-quantile of a uniform error in ±0.5, over that of |N(0, 1)|.
    assert fit.scale_ == pytest.approx(0.2 / 0.524, rel=0.15)


def test_an_approximate_rank_is_the_best_of_those_held_out():
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.standard_normal((n, 40)))[0] for n in (150, 120))
    truth = 100 * (U * 0.75 ** np.arange(40)) @ V.T
    X = np.where(rng.random(truth.shape) < 0.1, 20.0, truth)
    with pytest.warns(ConvergenceWarning, match="structure"):
        fit = RobustLowRank().fit(X)
    assert fit.rank_ >= 6
    assert not fit.recovered_
    _, s, _ = np.linalg.svd(truth)
    assert error(fit.low_rank_, truth) < 2.5 * np.linalg.norm(s[fit.rank_ :]) / np.linalg.norm(s)


@pytest.mark.parametrize("X", [np.zeros((20, 10)), np.zeros((20, 10)) + np.where(np.eye(20, 10), np.nan, 0)])
def test_zero_is_rank_zero(X):
    fit = RobustLowRank().fit(X)
    assert (fit.rank_, fit.recovered_) == (0, True)
    assert np.all(fit.low_rank_ == 0)
    assert fit.transform(X).shape == (20, 0)


def test_a_constant_matrix_is_rank_one():
    fit = RobustLowRank().fit(np.full((30, 20), 7.0))
    assert (fit.rank_, fit.recovered_) == (1, True)
    np.testing.assert_allclose(fit.low_rank_, 7.0, rtol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 2), (3, 40)])
def test_tiny_and_narrow_matrices_end(shape):
    X = np.outer(np.arange(1.0, shape[0] + 1), np.ones(shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = RobustLowRank().fit(X)
    assert np.isfinite(fit.low_rank_).all()
    assert fit.low_rank_.shape == shape
    assert not fit.recovered_ or error(fit.low_rank_, X) < 1e-6


def test_one_observed_entry():
    X = np.full((6, 5), np.nan)
    X[2, 3] = 4.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = RobustLowRank().fit(X)
    assert np.isfinite(fit.low_rank_).all()
    assert len(fit.unidentified_rows_) >= 5


def test_rows_and_columns_without_observations_are_named():
    X, truth = corrupt_matrix(80, 60, 2, 0.1)
    X[7], X[:, 11] = np.nan, np.nan
    fit = RobustLowRank().fit(X)
    assert fit.rank_ == 2
    assert fit.unidentified_rows_.tolist() == [7]
    assert fit.unidentified_columns_.tolist() == [11]
    assert np.all(fit.low_rank_[7] == 0)
    keep = np.ix_(np.delete(np.arange(80), 7), np.delete(np.arange(60), 11))
    assert error(fit.low_rank_[keep], truth[keep]) < 1e-9


def test_the_callback_and_the_warm_start(easy):
    X, truth = easy
    phases = []
    fit = RobustLowRank(warm_start=True)
    fit.fit(X, callback=lambda record: phases.append(record.phase))
    assert phases[0] == "over-rank"
    assert {"select", "final"} <= set(phases)
    fit.fit(1.02 * X)
    assert fit.history_[0].phase == "final"
    assert error(fit.low_rank_, 1.02 * truth) < 1e-9
    with pytest.warns(ConvergenceWarning, match="callback stopped"):
        clone(fit).fit(X, callback=lambda record: record.step == 3)


def test_robust_pca(easy):
    X, _ = easy
    low_rank, outliers, result = robust_pca(X)
    assert result.recovered_
    np.testing.assert_allclose(low_rank + outliers, X, atol=1e-8 * np.abs(X).max())
    sparse = robust_pca(as_sparse(X))[1]
    np.testing.assert_allclose(sparse, outliers, atol=1e-8 * np.abs(X).max())


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (np.full((5, 4), np.nan), {}, "every entry of X is missing"),
        (np.where(np.eye(5, 4), np.inf, 1.0), {}, "infinity"),
        (np.ones((5, 4)), {"rank": 5}, "1 to min"),
        (np.ones((5, 4)), {"max_rank": 5}, "1 to min"),
        (np.ones((5, 4)), {"psd": True}, "square"),
        (np.ones((5, 4)), {"loss": "l2"}, "l1, huber, truncated"),
        (np.ones((5, 4)), {"breakdown": 0}, "breakdown"),
        (np.ones((5, 4)), {"holdout": 0}, "holdout"),
        (np.ones((5, 4)), {"max_rank": 0}, "1 to min"),
        (np.ones((5, 4)), {"dtype": "int8"}, "dtype"),
        (np.ones(5), {}, "2D array"),
        (np.ones((2, 3, 4)), {}, "dim 3"),
        (np.ones((0, 4)), {}, "0 sample"),
        (np.ones((4, 0)), {}, "0 feature"),
        (sp.csr_array((5, 4)), {}, "every entry of X is missing"),
        (sp.csr_array(np.where(np.eye(5, 4), np.inf, 0.0)), {}, "infinity"),
    ],
)
def test_wrong_arguments(X, options, message):
    with pytest.raises(ValueError, match=message):
        RobustLowRank(**options).fit(X)


def test_a_mask_with_a_sparse_matrix():
    with pytest.raises(ValueError, match="mask is for arrays"):
        RobustLowRank().fit(sp.eye_array(5, format="csr"), mask=np.ones((5, 5), bool))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([RobustLowRank(max_iter=30)])
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.cuda
def test_cuda_agrees(easy, fitted):
    fit = RobustLowRank(device="cuda").fit(easy[0])
    assert error(fit.low_rank_, fitted.low_rank_) < 1e-8


def test_the_tensor_pass_equals_the_kernel(easy):
    from signwise.recovery import _passes

    class Elsewhere(_passes.DenseEntries):
        """The path of other devices, on the CPU."""

        def run(self, L, R, U, V, rule, loss=None):
            self.device = torch.device("meta")
            return super().run(L, R, U, V, rule, loss)

    X = torch.from_numpy(easy[0].copy())
    X[0, :5] = torch.nan
    rng = np.random.default_rng(0)
    L, R, U, V = (torch.from_numpy(rng.standard_normal((n, 4))) for n in (90, 70, 90, 70))
    rules = [
        _passes.Rule(kind="truncated", row_cut=rng.random(90), col_cut=rng.random(70), count_level=1.0),
        _passes.Rule(kind="sign", count_level=1.0),
        _passes.Rule(kind="huber", level=0.5, count_level=1.0),
        _passes.Rule(kind="outlier", level=0.5, offset=0.1, count_level=1.0),
    ]
    for rule in rules:
        one, other = (kind(X.clone()).run(L, R, U, V, rule) for kind in (_passes.DenseEntries, Elsewhere))
        torch.testing.assert_close(one.left, other.left)
        torch.testing.assert_close(one.right, other.right)
        assert (one.kept, one.observed) == (other.kept, other.observed)
        assert one.total == pytest.approx(other.total)
