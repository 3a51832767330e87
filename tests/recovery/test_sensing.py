"""The two-phase solver recovers, says when it did not, and refuses what it cannot use."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from signwise.convex import L1, PseudoHuber
from signwise.recovery import Dense, Hadamard, Mask, RankOne, RobustMatrixSensing, Sparse
from signwise.recovery._measured import MeasuredProblem
from signwise.recovery._start import small_start
from signwise.recovery._steps import scaled_step
from signwise.recovery._weights import Loss

from .problems import error, gaussian_sensing, psd_truth


@pytest.fixture(scope="module")
def easy():
    return gaussian_sensing(20, 2, 800, 0.3, symmetric=False)


@pytest.mark.parametrize("kappa", [1, 100])
@pytest.mark.parametrize("psd", [False, True])
def test_it_recovers_without_the_rank(psd, kappa):
    operator, y, truth = gaussian_sensing(20, 2, 800, 0.3, kappa=kappa, symmetric=psd)
    fit = RobustMatrixSensing(max_rank=20, psd=psd).fit(operator, y)
    assert fit.rank_ == 2
    assert fit.recovered_
    assert error(fit.low_rank_, truth) < 1e-10
    assert fit.outlier_mask_.sum() == np.sum(np.abs(operator.forward(fit.L_, fit.R_) - y) > 1e-6)
    assert (fit.L_ is fit.R_) == psd
    np.testing.assert_allclose(fit.components_ @ fit.components_.T, np.eye(2), atol=1e-10)


def test_a_fixed_rank_gives_the_same(easy):
    operator, y, _ = easy
    auto, fixed = (RobustMatrixSensing(rank, max_rank=8).fit(operator, y) for rank in ("auto", 2))
    assert error(fixed.low_rank_, auto.low_rank_) < 1e-8


def test_scale_equivariance(easy):
    operator, y, _ = easy
    one, other = (RobustMatrixSensing(max_rank=8).fit(operator, a * y) for a in (1.0, 1e5))
    assert (one.rank_, one.recovered_) == (other.rank_, other.recovered_)
    assert error(other.low_rank_ / 1e5, one.low_rank_) < 1e-6


def test_the_same_seed_gives_the_same_bits(easy):
    operator, y, _ = easy
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one, other = (RobustMatrixSensing(max_rank=8, random_state=3).fit(operator, y) for _ in range(2))
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(one.L_, other.L_)


def structured(kind, seed=0):
    rng = np.random.default_rng(seed)
    n1, n2, m = 24, 20, 1500
    if kind == "rank-one":
        operator = RankOne(rng.standard_normal((m, n1)), rng.standard_normal((m, n2)))
    elif kind == "hadamard":
        operator = Hadamard(400, (n1, n2), seed=seed)
    else:
        operator = Sparse(
            sp.random_array((m, n1 * n2), density=0.05, rng=rng, data_sampler=rng.standard_normal), (n1, n2)
        )
    U, V = psd_truth(n1, 2, 1.0, seed), psd_truth(n2, 2, 1.0, seed + 1)
    y = operator.forward(U, V)
    bad = rng.random(operator.m) < 0.1
    y[bad] += 100 * rng.standard_normal(bad.sum())
    return operator, y, U @ V.T


@pytest.mark.parametrize("kind", ["rank-one", "hadamard", "sparse"])
def test_structured_operators(kind):
    operator, y, truth = structured(kind)
    fit = RobustMatrixSensing(max_rank=10).fit(operator, y)
    assert (fit.rank_, fit.recovered_) == (2, True)
    assert error(fit.low_rank_, truth) < 1e-9


def test_an_operator_of_the_user(easy):
    dense, y, truth = easy

    class Mine:
        shape, m = dense.shape, dense.m

        def forward(self, L, R):
            assert isinstance(L, torch.Tensor)
            return dense.forward(L, R)

        def adjoint_times(self, w, R):
            return dense.adjoint_times(w, R)

        def adjoint_t_times(self, w, L):
            return dense.adjoint_t_times(w, L)

        def subset(self, idx):
            raise NotImplementedError

        def gain(self):
            return dense.gain()

    fit = RobustMatrixSensing(max_rank=6).fit(Mine(), y)
    assert error(fit.low_rank_, truth) < 1e-10


@pytest.mark.parametrize("loss", ["huber", L1(), PseudoHuber()])
def test_other_losses(easy, loss):
    operator, y, truth = easy
    fit = RobustMatrixSensing(2, loss=loss).fit(operator, y)
    assert error(fit.low_rank_, truth) < 1e-3


def test_dense_noise_is_averaged():
    d, r, m, sigma = 20, 2, 1600, 0.05
    operator, y, truth = gaussian_sensing(d, r, m, 0.1, noise=sigma)
    fit = RobustMatrixSensing(max_rank=10, psd=True).fit(operator, y)
    assert fit.rank_ == r
    assert fit.recovered_
    assert np.linalg.norm(fit.low_rank_ - truth) < 3 * sigma * np.sqrt(r * d / m)
    assert fit.scale_ == pytest.approx(sigma, rel=0.3)
    assert fit.diagnostics_.inlier_structure < 1.1


def test_it_says_when_it_failed():
    operator, y, truth = gaussian_sensing(20, 4, 200, 0.3)
    with pytest.warns(ConvergenceWarning, match="not recovered"):
        fit = RobustMatrixSensing(max_rank=8, psd=True).fit(operator, y)
    assert not fit.recovered_
    assert error(fit.low_rank_, truth) > 1e-3
    assert fit.diagnostics_.failed


def test_nothing_found_is_not_recovered():
    operator, y, truth = gaussian_sensing(30, 3, 900, 0.6)
    with pytest.warns(ConvergenceWarning, match="not recovered"):
        fit = RobustMatrixSensing(max_rank=20, psd=True).fit(operator, y)
    assert error(fit.low_rank_, truth) > 0.1
    assert not fit.recovered_


def test_the_rate_of_scaled_steps_does_not_know_condition_or_rank():
    def steps(kappa, k):
        operator, y, truth = gaussian_sensing(30, 3, 1800, 0.1, kappa=kappa)
        return run_scaled(operator, y, k, truth)

    base = steps(1, 3)
    assert steps(100, 3) <= 1.5 * base
    assert steps(1, 30) <= 1.5 * base


def run_scaled(operator, y, k, truth):
    """Iterations of scaled steps alone to a relative error of 1e-6."""
    values = torch.from_numpy(y)
    problem = MeasuredProblem(
        operator, values, torch.zeros(len(y), dtype=torch.bool), psd=True, loss=Loss("l1"), breakdown=0.5
    )
    state = small_start(problem, k, 1e-6, np.random.default_rng(0))
    L, s = state.L, state.s
    for t in range(400):
        if error((L @ L.T).numpy(), truth) < 1e-6:
            return t
        look = problem.look(L, L)
        s = problem.rule.after(look.magnitudes, s)
        G, _, _ = problem.gradient(look, s)
        L, _ = scaled_step(L, L, G, G, problem.error(s))
    return 400


def test_the_callback_stops_the_fit(easy):
    operator, y, _ = easy
    seen = []
    with pytest.warns(ConvergenceWarning):
        fit = RobustMatrixSensing(max_rank=8).fit(
            operator, y, callback=lambda record: seen.append(record) or len(seen) == 5
        )
    assert len(fit.history_) == len(seen) == 5
    assert fit.history_[0].phase == "over-rank"


def test_a_warm_start_skips_the_first_phases(easy):
    operator, y, truth = easy
    fit = RobustMatrixSensing(max_rank=8, warm_start=True).fit(operator, y)
    fit.fit(operator, 1.01 * y)
    assert {record.phase for record in fit.history_} == {"final"}
    assert error(fit.low_rank_, 1.01 * truth) < 1e-9
    with pytest.raises(ValueError, match="warm_start"):
        fit.fit(Dense(np.random.default_rng(0).standard_normal((60, 9, 9))), np.ones(60))


def test_prediction(easy):
    operator, y, truth = easy
    fit = RobustMatrixSensing(max_rank=8).fit(operator, y)
    rows, cols = np.divmod(np.arange(400), 20)
    np.testing.assert_allclose(fit.predict(Mask(rows, cols, (20, 20))), truth.ravel(), atol=1e-9)
    assert fit.score(operator, y) > -1e-8
    with pytest.raises(ValueError, match="shape"):
        fit.predict(Mask([0], [0], (3, 3)))
    with pytest.raises(NotFittedError):
        clone(fit).predict(operator)


def test_the_subgradient_method_of_the_paper():
    # The schedule stops at an error of about 1e-6, and the tests say that more was to be had.
    operator, y, truth = gaussian_sensing(12, 1, 240, 0.1)
    with pytest.warns(ConvergenceWarning, match="small residuals have structure"):
        fit = RobustMatrixSensing(method="subgm", psd=True, max_rank=12).fit(operator, y)
    assert error(fit.low_rank_, truth) < 1e-4


def test_all_zero_measurements_are_rank_zero():
    operator = Dense(np.random.default_rng(0).standard_normal((60, 5, 4)))
    fit = RobustMatrixSensing().fit(operator, np.zeros(60))
    assert (fit.rank_, fit.recovered_, fit.n_iter_) == (0, True, 0)
    assert np.all(fit.predict(operator) == 0)
    assert fit.low_rank_.shape == (5, 4)


OPERATOR = Dense(np.random.default_rng(0).standard_normal((60, 5, 4)))


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({}, np.full(60, np.nan), "NaN or infinite"),
        ({}, np.full(60, np.inf), "NaN or infinite"),
        ({}, np.ones(59), "60 measurements"),
        ({"rank": 5}, np.ones(60), "1 to min"),
        ({"max_rank": 0}, np.ones(60), "1 to min"),
        ({"breakdown": 1.0}, np.ones(60), "breakdown"),
        ({"tol": 0.0}, np.ones(60), "tol"),
        ({"max_iter": 0}, np.ones(60), "max_iter"),
        ({"holdout": 1.5}, np.ones(60), "holdout"),
        ({"loss": "l2"}, np.ones(60), "l1, huber, truncated"),
        ({"method": "ista"}, np.ones(60), "two_phase, subgm"),
        ({"method": "subgm"}, np.ones(60), "psd=True"),
        ({"psd": True}, np.ones(60), "square"),
    ],
)
def test_wrong_arguments(options, y, message):
    with pytest.raises(ValueError, match=message):
        RobustMatrixSensing(**options).fit(OPERATOR, y)


@pytest.mark.parametrize("rank", ["auto", 3])
def test_a_symmetric_matrix_of_large_condition_number(rank):
    # Noise makes eigenvalues of the start negative; none of its columns may be 0.
    operator, y, truth = gaussian_sensing(20, 3, 1200, 0.1, kappa=100)
    fit = RobustMatrixSensing(rank, max_rank=10, psd=True).fit(operator, y)
    assert (fit.rank_, fit.recovered_) == (3, True)
    assert error(fit.low_rank_, truth) < 1e-9


def test_other_shapes_and_types():
    for y in (np.ones((60, 1)), np.ones(())):
        with pytest.raises(ValueError, match="axes"):
            RobustMatrixSensing().fit(OPERATOR, y)
    with pytest.raises(TypeError, match="real numbers"):
        RobustMatrixSensing().fit(OPERATOR, np.ones(60, complex))
    with pytest.raises(ValueError, match="dtype must be"):
        RobustMatrixSensing(dtype="int8").fit(OPERATOR, np.ones(60))


def test_float32_is_of_the_results(easy):
    operator, y, truth = easy
    fit = RobustMatrixSensing(max_rank=8, dtype=np.float32).fit(operator, y)
    assert {fit.L_.dtype, fit.R_.dtype, fit.components_.dtype, fit.low_rank_.dtype} == {np.dtype(np.float32)}
    assert error(fit.low_rank_, truth) < 1e-6
    assert fit.predict(operator).dtype == np.float64


def test_measurements_fewer_than_unknowns_are_not_called_recovered():
    operator, y, truth = gaussian_sensing(12, 3, 30, 0.3)
    with pytest.warns(ConvergenceWarning):
        fit = RobustMatrixSensing(max_rank=6).fit(operator, y)
    assert not fit.recovered_
    assert error(fit.low_rank_, truth) > 0.1


def test_rank_one_measurements_of_a_larger_matrix():
    # With spare columns the first phase leaves the solution again; it goes back to where it was nearest.
    rng = np.random.default_rng(0)
    operator = RankOne(rng.standard_normal((1800, 60)), rng.standard_normal((1800, 60)))
    U, V = rng.standard_normal((60, 3)), rng.standard_normal((60, 3))
    y = operator.forward(U, V)
    y[rng.random(1800) < 0.3] += 1000.0
    fit = RobustMatrixSensing(max_rank=12).fit(operator, y)
    assert (fit.rank_, fit.recovered_) == (3, True)


def test_a_rank_that_is_no_number():
    with pytest.raises(TypeError, match="or 'auto'"):
        RobustMatrixSensing(2.0).fit(OPERATOR, np.ones(60))


def test_too_few_measurements_to_choose_the_rank():
    with pytest.raises(ValueError, match="leave none"):
        RobustMatrixSensing().fit(Dense(np.ones((1, 2, 2))), np.ones(1))


@pytest.mark.slow
def test_the_goal_of_the_specification():
    good = 0
    for seed in range(20):
        operator, y, truth = gaussian_sensing(50, 5, 2500, 0.3, seed=seed)
        fit = RobustMatrixSensing(max_rank=50, psd=True, random_state=seed).fit(operator, y)
        good += fit.rank_ == 5 and error(fit.low_rank_, truth) <= 1e-10
    assert good >= 19


@pytest.mark.cuda
def test_cuda_agrees(easy):
    operator, y, truth = easy
    fit = RobustMatrixSensing(max_rank=8, device="cuda").fit(operator, y)
    assert error(fit.low_rank_, truth) < 1e-8
