"""The estimator of a low-rank matrix from its entries."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted, validate_data

from signwise.convex import Convex

from ._arrays import generator
from ._checks import check_options, result_dtype
from ._coordinates import robust_coordinates
from ._descent import Callback, Diary, State
from ._entries import EntryProblem
from ._passes import DenseEntries, Entries, SparseEntries
from ._report import FLOOR, Diagnostics, warn
from ._solve import Options, solve
from ._weights import CUT, Loss, loss_of

HOLDOUT = 0.05


class RobustLowRank(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Robust PCA and robust completion: a low-rank matrix from entries of which many are grossly wrong or missing.

    X = low rank + sparse errors of any size + noise. The rank is chosen on held-out entries, outliers are found by
    their size relative to a scale that a low quantile of the residuals gives, and `recovered_` says whether the result
    passes tests that a wrong one fails.

    Missing entries are NaN in an array. In a sparse matrix what is not stored is missing, and a stored zero is an
    observed zero.

    The freedom to choose any rank above the true one does not carry over to entries: a spare component can fit one row
    exactly, outliers included. Hence the selection. Whole corrupt rows are another model and show as leverage.

    Args:
        rank: ``"auto"`` selects it; a number fixes it.
        max_rank: largest rank to consider; None is min(64, min(n1, n2)//4), at least 1. The selection stays below
            observed/2(n1 + n2), at least 1, in any case.
        loss: ``"truncated"``, ``"huber"``, ``"l1"``, an even elementwise function of :mod:`signwise.convex`, or
            ``"auto"``: truncated, then Huber if X turns out to be low-rank only approximately.
        psd: X is symmetric positive semidefinite.
        center: subtract column medians first.
        init_scale: size of the start relative to the data.
        breakdown: share of gross errors to withstand, in (0, 1).
        tol: stop when the scale is below tol times the first.
        max_iter: most steps of the last phase; reaching tol takes ln(tol)/ln(0.93), 317 for 1e-10.
        holdout: share of observed entries held out to choose the rank.
        warm_start: start the last phase at the factors of the previous fit, and skip the phases before it.
        random_state: seed of held-out entries, samples and start.
        device: torch device; None is the CPU. Sparse input stays on the CPU.
        dtype: type of the fitted arrays, ``"float64"`` or ``"float32"``. The solve is in float64 in any case: in
            float32 it could not fall below 1e-6, and its sums would drift.

    Attributes:
        components_: orthonormal rows that span the row space, shape ``(rank_, n2)``.
        mean_: column medians, or 0.
        L_: coordinates of the rows, shape ``(n1, rank_)``; if `psd`, the symmetric factor.
        R_: ``components_ᵀ``; ``L_`` if `psd`.
        low_rank_: ``L_R_ᵀ + mean_``, computed on demand.
        outlier_mask_: ``|ρ| > 3·scale_``: a bool array, or a sparse one for sparse input.
        scale_: s, about the standard deviation of the noise.
        rank_: the rank.
        n_iter_: steps of all phases after the selection.
        recovered_: whether every test of `diagnostics_` passed; a fit that fails one warns.
        diagnostics_: the tests.
        history_: one record a step.
        unidentified_rows_: rows with fewer observations than the rank, which nothing determines.
        unidentified_columns_: the same of columns.

    References:
        arXiv 2202.08788, 2010.13364; on spare rank 2302.10963 and 2601.21333.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import RobustLowRank
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.standard_normal((80, 3)) @ rng.standard_normal((3, 60))
        >>> bad = rng.random((80, 60)) < 0.1
        >>> X = np.where(bad, 100 * rng.standard_normal((80, 60)), truth)
        >>> fit = RobustLowRank().fit(X)
        >>> fit.rank_, fit.recovered_, bool(np.abs(fit.low_rank_ - truth).max() < 1e-6)
        (3, True, True)
        >>> bool((fit.outlier_mask_ == bad).all())
        True
    """

    # A mask of entries and a callback are not for pipelines to route.
    __metadata_request__fit = {"mask": UNUSED, "callback": UNUSED}  # noqa: RUF012 - scikit-learn reads a plain dict
    __metadata_request__inverse_transform = {"Z": UNUSED}  # noqa: RUF012

    L_: NDArray[np.float64]
    R_: NDArray[np.float64]
    mean_: NDArray[np.float64]
    components_: NDArray[np.float64]
    rank_: int
    scale_: float
    recovered_: bool
    diagnostics_: Diagnostics

    def __init__(
        self,
        rank: int | Literal["auto"] = "auto",
        *,
        max_rank: int | None = None,
        loss: str | Convex = "auto",
        psd: bool = False,
        center: bool = False,
        init_scale: float = 1e-6,
        breakdown: float = 0.5,
        tol: float = 1e-10,
        max_iter: int = 400,
        holdout: float = HOLDOUT,
        warm_start: bool = False,
        random_state: Any = 0,
        device: str | None = None,
        dtype: Any = "float64",
    ) -> None:
        self.rank = rank
        self.max_rank = max_rank
        self.loss = loss
        self.psd = psd
        self.center = center
        self.init_scale = init_scale
        self.breakdown = breakdown
        self.tol = tol
        self.max_iter = max_iter
        self.holdout = holdout
        self.warm_start = warm_start
        self.random_state = random_state
        self.device = device
        self.dtype = dtype

    def fit(self, X: Any, y: Any = None, *, mask: Any = None, callback: Callback | None = None) -> Self:
        """Fit a matrix.

        Args:
            X: shape ``(n1, n2)``: an array with NaN for missing entries, or a scipy sparse matrix.
            y: ignored.
            mask: bool, shape ``(n1, n2)``, true where X is observed; for an array only.
            callback: called with a :class:`StepRecord` after each step; a true result ends the fit early.

        Raises:
            ValueError: infinite entries, nothing observed, or an option out of range.

        Warns:
            ConvergenceWarning: the matrix was not recovered; the message names the test that failed.
        """
        sparse = scipy.sparse.issparse(X)
        values = self._checked(X, reset=True)
        n1, n2 = values.shape
        if self.psd and n1 != n2:
            raise ValueError(f"psd=True needs a square matrix, got shape {values.shape}")
        max_rank = check_options(self, values.shape)
        entries = self._entries(values, mask)
        # With fewer than two observations a parameter the over-rank phase runs away where nothing is observed.
        max_rank = max(1, min(max_rank, entries.observed // (2 * (n1 + n2))))
        rng = generator(self.random_state)
        auto = isinstance(self.loss, str) and self.loss == "auto"
        options = Options(
            fixed=None if self.rank == "auto" else int(self.rank),
            max_rank=max_rank,
            auto=auto,
            loss=Loss("truncated") if auto else loss_of(self.loss),
            psd=self.psd,
            init_scale=self.init_scale,
            breakdown=self.breakdown,
            tol=self.tol,
            max_iter=self.max_iter,
            holdout=float(self.holdout),
        )
        diary = Diary(callback)
        solution = solve(entries, options, rng, diary, self)
        self.n_iter_, self.diagnostics_ = solution.last, solution.diagnostics
        problem, state = solution.problem, solution.state
        self._keep(problem, state, diary, sparse)
        warn(self.diagnostics_, self.breakdown, stacklevel=2)
        return self

    def fit_transform(self, X: Any, y: Any = None, **options: Any) -> NDArray[np.float64]:
        """Fit X, then project its rows as :meth:`transform` does."""
        return self.fit(X, y, **options).transform(X)

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Robust coordinates of rows in the row space: ``Σ_j |x_ij − mean_j − (z_i components)_j|`` is made least.

        Args:
            X: shape ``(n, n2)``, missing entries as in :meth:`fit`.

        Returns:
            `dtype`, shape ``(n, rank_)``; 0 for a row without observations.
        """
        check_is_fitted(self, "components_")
        values = self._checked(X, reset=False)
        if scipy.sparse.issparse(values):
            values = _filled(values)
        basis = torch.from_numpy(np.ascontiguousarray(self.components_.T, np.float64))
        rows = torch.from_numpy(np.ascontiguousarray(values - self.mean_))
        coordinates: NDArray[np.float64] = robust_coordinates(rows, basis).numpy()
        return coordinates.astype(result_dtype(self), copy=False)

    def inverse_transform(self, Z: Any) -> NDArray[np.float64]:
        """Rows of coordinates: ``Z·components_ + mean_``, `dtype`, shape ``(n, n2)``."""
        check_is_fitted(self, "components_")
        Z = np.asarray(Z, result_dtype(self))
        if Z.ndim != 2 or Z.shape[1] != self.rank_:
            raise ValueError(f"Z must have shape (n, {self.rank_}), got {Z.shape}")
        rows: NDArray[np.float64] = Z @ self.components_ + self.mean_
        return rows

    def score(self, X: Any, y: Any = None) -> float:
        r"""−median\|ρ\| of the observed entries of rows after their projection."""
        values = self._checked(X, reset=False)
        dense = _filled(values) if scipy.sparse.issparse(values) else values
        return -float(np.nanmedian(np.abs(self.inverse_transform(self.transform(X)) - dense)))

    @property
    def low_rank_(self) -> NDArray[np.float64]:
        """``L_R_ᵀ + mean_``, shape ``(n1, n2)``."""
        check_is_fitted(self, "components_")
        product: NDArray[np.float64] = self.L_ @ self.R_.T + self.mean_
        return product

    @property
    def _n_features_out(self) -> int:
        return self.rank_

    def __sklearn_tags__(self) -> Any:
        """Missing entries and sparse input are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _checked(self, X: Any, *, reset: bool) -> Any:
        # Infinite entries are an error there.
        return validate_data(self, X, reset=reset, accept_sparse="csr", dtype=np.float64, ensure_all_finite="allow-nan")

    def _entries(self, values: Any, mask: Any) -> Entries:
        n1, n2 = values.shape
        self.mean_ = np.zeros(n2)
        if scipy.sparse.issparse(values):
            if mask is not None:
                raise ValueError("mask is for arrays; of a sparse matrix the stored entries are the observed ones")
            csr = scipy.sparse.csr_array(values, copy=True)
            csr.sum_duplicates()
            known = ~np.isnan(csr.data)
            if self.center:
                for j in np.unique(csr.indices[known]):
                    self.mean_[j] = np.median(csr.data[known & (csr.indices == j)])
                csr.data -= self.mean_[csr.indices]
            entries: Entries = SparseEntries(
                csr.indptr.astype(np.int64), csr.indices.astype(np.int32), csr.data, (n1, n2)
            )
        else:
            own = np.array(values, np.float64, order="C", copy=True)
            if mask is not None:
                seen = np.asarray(mask)
                if seen.shape != own.shape or seen.dtype != np.bool_:
                    raise ValueError(
                        f"mask must be bool of shape {own.shape}, true where observed; got {seen.dtype} {seen.shape}"
                    )
                own[~seen] = math.nan
            if self.center:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)  # columns without observations
                    self.mean_ = np.nan_to_num(np.nanmedian(own, axis=0))
                own -= self.mean_
            entries = DenseEntries(torch.from_numpy(own).to(self.device or "cpu"))
        if entries.observed == 0:
            raise ValueError("every entry of X is missing; there is nothing to fit")
        return entries

    def _keep(self, problem: EntryProblem, state: State, diary: Diary, sparse: bool) -> None:
        U, sigma, V = problem.svd(state.L, state.R)
        if self.psd:
            L = R = (U * sigma.sqrt()).cpu().numpy()
        else:
            L, R = (U * sigma).cpu().numpy(), V.cpu().numpy()
        self.scale_, self.rank_ = state.s, state.rank
        self.recovered_ = self.diagnostics_.recovered
        self.history_ = tuple(diary.records)
        level = CUT * max(state.s, FLOOR * problem.s_0)
        self.outlier_mask_ = _mask(problem, L, R, level)
        rows, cols = (problem.entries.row_counts(axis).cpu().numpy() for axis in (0, 1))
        self.unidentified_rows_ = np.flatnonzero(rows < max(1, self.rank_))
        self.unidentified_columns_ = np.flatnonzero(cols < max(1, self.rank_))
        # Nothing was observed there: rounding is no coordinate.
        L[rows == 0] = 0.0
        R[cols == 0] = 0.0
        dtype = result_dtype(self)
        self.components_ = np.ascontiguousarray(V.T.cpu().numpy(), dtype)
        self.L_ = L.astype(dtype, copy=False)
        self.R_ = self.L_ if self.psd else R.astype(dtype, copy=False)
        self.mean_ = self.mean_.astype(dtype, copy=False)


def _mask(problem: EntryProblem, L: NDArray[np.float64], R: NDArray[np.float64], level: float) -> Any:
    entries = problem.entries
    if isinstance(entries, SparseEntries):
        rows, cols, values = entries.at(np.arange(len(entries.data)))
        from signwise._native import _recovery as _kernels

        bad = np.abs(_kernels.residuals(L, R, rows, cols, values)) > level
        return scipy.sparse.csr_array((np.ones(int(bad.sum()), bool), (rows[bad], cols[bad])), shape=entries.shape)
    out = np.zeros(entries.shape, bool)
    step = max(1, (1 << 20) // entries.shape[1])
    for i in range(0, entries.shape[0], step):
        rho = L[i : i + step] @ R.T - entries.X[i : i + step].cpu().numpy()
        out[i : i + step] = np.abs(rho) > level  # false for NaN
    return out


def _filled(X: Any) -> NDArray[np.float64]:
    out = np.full(X.shape, math.nan)
    coo = X.tocoo()
    out[coo.row, coo.col] = coo.data
    return out
