"""The estimator of a low-rank matrix from linear measurements."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from signwise.convex import Convex

from ._arrays import Array, generator, tensor
from ._checks import check_options, result_dtype
from ._descent import Callback, Diary, State, descend
from ._measured import MeasuredProblem
from ._operator import LinearOperator, Operator, measure
from ._previous import previous_factors
from ._rank import select_rank
from ._report import FLOOR, Diagnostics, diagnose, kept_rank, warn
from ._start import small_start
from ._subgm import subgm
from ._weights import CUT, Loss, loss_of

OVER_RANK_STEPS = 200


class RobustMatrixSensing(BaseEstimator):  # type: ignore[misc]
    r"""Recover a low-rank matrix from linear measurements of which many are grossly wrong, its rank unknown.

    From y = A(X*) + s it fits X = LRᵀ in two phases and needs neither the rank, nor the share of outliers, nor the
    least loss:

    1. 200 plain steps at `max_rank` from a small start, on all but some held-out measurements;
    2. the rank that predicts the held-out ones best;
    3. at that rank preconditioned steps on all, whose rate does not depend on the condition number.

    Only the signs of residuals enter a step, times a scale that a low quantile of their sizes estimates.

    Theory applies to Gaussian-like measurements. For single entries use :class:`RobustLowRank`.

    Args:
        rank: ``"auto"`` selects it; a number fixes it.
        max_rank: largest rank to consider; None is min(64, min(n1, n2)//4), at least 1. ``min(n1, n2)`` is allowed.
        loss: ``"auto"`` and ``"l1"``, ``"huber"``, ``"truncated"``, or an even elementwise function of
            :mod:`signwise.convex`.
        psd: X is symmetric positive semidefinite, and L = R.
        method: ``"two_phase"``, or ``"subgm"`` for the schedule of the paper (with `psd` only).
        init_scale: size of the start relative to the data.
        breakdown: share of gross errors to withstand, in (0, 1); low-noise data with few outliers fit more precisely
            with less.
        tol: stop when the scale is below tol times the first.
        max_iter: most steps of the last phase.
        holdout: share of measurements held out to choose the rank; ``"auto"`` is max(0.05, min(0.2, 200/m)).
        warm_start: start the last phase at the factors of the previous fit, and skip the phases before it.
        random_state: seed of the held-out set and the start.
        device: torch device; None is that of the operator.
        dtype: type of the fitted arrays, ``"float64"`` or ``"float32"``. The solve is in float64 in any case: in
            float32 it could not fall below 1e-6, and its sums would drift.

    Attributes:
        L_: `dtype`, shape ``(n1, rank_)``.
        R_: `dtype`, shape ``(n2, rank_)``; ``L_`` if `psd`.
        components_: orthonormal rows that span the row space, shape ``(rank_, n2)``.
        outlier_mask_: bool, shape ``(m,)``: ``|ρ| > 3·scale_``.
        scale_: s, about the standard deviation of the noise.
        rank_: the rank.
        n_iter_: steps of the last phase.
        recovered_: whether every test of `diagnostics_` passed; a fit that fails one warns.
        diagnostics_: the tests.
        history_: one record a step.

    References:
        Ma and Fattahi, arXiv 2202.08788; Tong, Ma and Chi, arXiv 2010.13364.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import Dense, RobustMatrixSensing
        >>> rng = np.random.default_rng(0)
        >>> operator = Dense(rng.standard_normal((400, 12, 10)))
        >>> u, v = rng.standard_normal((12, 1)), rng.standard_normal((10, 1))
        >>> y = operator.forward(u, v)
        >>> y[:80] += 1e6 * rng.standard_normal(80)
        >>> fit = RobustMatrixSensing(max_rank=10).fit(operator, y)
        >>> fit.rank_, fit.recovered_, bool(np.abs(fit.low_rank_ - u @ v.T).max() < 1e-8)
        (1, True, True)
    """

    # Operators are what is measured, and not metadata.
    __metadata_request__fit = {"operator": UNUSED, "callback": UNUSED}  # noqa: RUF012 - scikit-learn reads a plain dict
    __metadata_request__predict = {"operator": UNUSED}  # noqa: RUF012
    __metadata_request__score = {"operator": UNUSED}  # noqa: RUF012

    L_: NDArray[np.float64]
    R_: NDArray[np.float64]
    rank_: int
    scale_: float
    n_iter_: int
    recovered_: bool
    diagnostics_: Diagnostics

    def __init__(
        self,
        rank: int | Literal["auto"] = "auto",
        *,
        max_rank: int | None = None,
        loss: str | Convex = "auto",
        psd: bool = False,
        method: Literal["two_phase", "subgm"] = "two_phase",
        init_scale: float = 1e-6,
        breakdown: float = 0.5,
        tol: float = 1e-10,
        max_iter: int = 400,
        holdout: float | Literal["auto"] = "auto",
        warm_start: bool = False,
        random_state: Any = 0,
        device: str | None = None,
        dtype: Any = "float64",
    ) -> None:
        self.rank = rank
        self.max_rank = max_rank
        self.loss = loss
        self.psd = psd
        self.method = method
        self.init_scale = init_scale
        self.breakdown = breakdown
        self.tol = tol
        self.max_iter = max_iter
        self.holdout = holdout
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.dtype = dtype

    def fit(self, operator: LinearOperator, y: Array, *, callback: Callback | None = None) -> Self:
        """Fit the measurements.

        Args:
            operator: the m measurements.
            y: their values, shape ``(m,)``, finite.
            callback: called with a :class:`StepRecord` after each step; a true result ends the fit early.

        Raises:
            ValueError: y does not fit the operator or is not finite, or an option is out of range.

        Warns:
            ConvergenceWarning: the matrix was not recovered; the message names the test that failed.
        """
        n1, n2 = operator.shape
        if self.psd and n1 != n2:
            raise ValueError(f"psd=True needs measurements of square matrices, got shape {operator.shape}")
        max_rank = check_options(self, operator.shape)
        if self.method not in ("two_phase", "subgm"):
            raise ValueError(f"method is {self.method!r}; the methods are: two_phase, subgm")
        if self.method == "subgm" and not self.psd:
            raise ValueError("method='subgm' is for psd=True; use method='two_phase'")
        if self.device is not None and isinstance(operator, Operator):
            operator = operator.to(self.device)
        device: Any = self.device or getattr(operator, "device", "cpu")
        values = tensor(y, "y", 1, torch.device(device))
        if len(values) != operator.m:
            raise ValueError(f"y has {len(values)} entries; the operator has {operator.m} measurements")
        rng = generator(self.random_state)
        loss = Loss("l1") if isinstance(self.loss, str) and self.loss == "auto" else loss_of(self.loss)
        fixed = None if self.rank == "auto" else int(self.rank)
        held = self._held_out(operator.m, rng).to(values.device)
        problem = MeasuredProblem(operator, values, held, psd=self.psd, loss=loss, breakdown=self.breakdown)
        diary = Diary(callback)
        scores: dict[int, float] = {}
        ratio = math.nan
        if problem.s_0 == 0:
            state = State(L=problem.zero()[0], R=problem.zero()[1], s=0.0, end="tol")
        elif self.method == "subgm":
            result = subgm(
                operator, values, rank=fixed or max_rank, init_scale=self.init_scale, random_state=self.random_state
            )
            U = torch.from_numpy(result.U).to(values.device)
            problem.use_all()
            state = State(L=U, R=U, s=problem.rule.of(problem.look(U, U).magnitudes))
        else:
            known = previous_factors(self, problem)
            if known is None:
                start = small_start(problem, fixed or max_rank, self.init_scale, rng)
                state = descend(
                    problem, start, diary, phase="over-rank", kind="plain", steps=OVER_RANK_STEPS, rise=True
                )
            else:
                state = known
            if known is None and fixed is None and state.rank and math.isfinite(state.s) and not diary.stopped:
                choice = select_rank(problem, state, diary, plain_at_most=True)
                state, scores = choice.state, choice.scores
            problem.use_all()
            before = len(diary.records)
            if not diary.stopped and math.isfinite(state.s):
                state = descend(problem, state, diary, phase="final", kind="scaled", steps=self.max_iter, tol=self.tol)
            self.n_iter_ = len(diary.records) - before
            if bool(held.any()) and math.isfinite(state.s):
                ratio = self._ratio(problem, state)
        if self.method == "subgm" or problem.s_0 == 0:
            self.n_iter_ = 0
        if not math.isfinite(state.s):
            state = State(L=problem.zero()[0], R=problem.zero()[1], s=math.inf, end="diverged")
        if fixed is None and math.isfinite(state.s):
            k = min(kept_rank(problem, state), state.rank)
            if k < state.rank:
                L, R = problem.truncated(state.L, state.R, k)
                state = State(L=L, R=R, s=state.s, end=state.end)
        self.diagnostics_ = diagnose(
            problem,
            state,
            rng,
            held_out_ratio=ratio,
            scores=scores,
            rank_chosen=fixed is None and max_rank < min(n1, n2),
            max_rank=max_rank,
            stopped=diary.stopped,
        )
        self._keep(problem, state, diary)
        warn(self.diagnostics_, self.breakdown, stacklevel=2)
        return self

    def predict(self, operator: LinearOperator) -> NDArray[np.float64]:
        """Values that other measurements of the same matrix would have, float64, shape ``(m,)``."""
        check_is_fitted(self, "L_")
        if operator.shape != (len(self.L_), len(self.R_)):
            raise ValueError(f"the operator is for shape {operator.shape}; fitted was {(len(self.L_), len(self.R_))}")
        device = getattr(operator, "device", torch.device("cpu"))
        if self.rank_ == 0:
            return np.zeros(operator.m)
        L, R = (torch.from_numpy(factor).to(device, torch.float64) for factor in (self.L_, self.R_))
        values: NDArray[np.float64] = measure(operator, L, R).cpu().numpy()
        return values

    def score(self, operator: LinearOperator, y: Array) -> float:
        """−median\\|ρ\\| of measurements."""
        return -float(np.median(np.abs(self.predict(operator) - np.asarray(y, np.float64))))

    @property
    def low_rank_(self) -> NDArray[np.float64]:
        """L_R_ᵀ, computed on demand, shape ``(n1, n2)``."""
        check_is_fitted(self, "L_")
        product: NDArray[np.float64] = self.L_ @ self.R_.T
        return product

    def _held_out(self, m: int, rng: np.random.Generator) -> torch.Tensor:
        share = max(0.05, min(0.2, 200 / m)) if self.holdout == "auto" else float(self.holdout)
        held = np.zeros(m, bool)
        held[rng.permutation(m)[: round(share * m)]] = True
        if self.rank == "auto" and not 0 < held.sum() < m:
            raise ValueError(f"{m} measurements with holdout={self.holdout!r} leave none to choose the rank with")
        return torch.from_numpy(held)

    def _ratio(self, problem: MeasuredProblem, state: State) -> float:
        # Both parts were fitted by now, so this compares the parts' noise, as a check of the held-out set itself.
        held = problem.rule.of(problem.held_out(state.L, state.R))
        everywhere = problem.rule.of(problem.look(state.L, state.R).magnitudes)
        return held / everywhere if everywhere > FLOOR * problem.s_0 else 1.0

    def _keep(self, problem: MeasuredProblem, state: State, diary: Diary) -> None:
        look = problem.look(state.L, state.R)
        scale = max(state.s, FLOOR * problem.s_0) if math.isfinite(state.s) else state.s
        dtype = result_dtype(self)
        self.L_ = state.L.cpu().numpy().astype(dtype, copy=False)
        self.R_ = self.L_ if self.psd else state.R.cpu().numpy().astype(dtype, copy=False)
        self.components_ = problem.svd(state.L, state.R)[2].T.cpu().numpy().astype(dtype, copy=False)
        self.outlier_mask_ = (look.residual.abs() > CUT * scale).cpu().numpy()
        self.scale_ = state.s
        self.rank_ = state.rank
        self.recovered_ = self.diagnostics_.recovered
        self.history_ = tuple(diary.records)
