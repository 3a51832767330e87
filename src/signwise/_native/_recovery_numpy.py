"""The passes of the recovery solver in numpy, for an installation without the extension: blocks of rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_CHUNK = 1 << 20  # numbers of a temporary array


def weights(rho: Array, cut: Any, rule: Any) -> Array:
    """ψ(ρ); NaN has weight 0."""
    if rule.kind == "truncated":
        w = np.where(np.abs(rho) < cut, rho, 0.0)
    elif rule.kind == "sign":
        w = np.sign(rho)
    elif rule.kind == "huber":
        w = np.clip(rho * (1 / rule.level), -1, 1)
    else:
        w = np.where(np.abs(rho) > rule.level, np.sign(rho), 0.0) - rule.offset
    return np.where(np.isnan(rho), 0.0, w)


def dense_pass(X: Array, L: Array, R: Array, U: Array, V: Array, rule: Any) -> dict[str, Any]:
    """A pass over a dense matrix."""
    n1, n2 = X.shape
    left, right = np.empty((n1, V.shape[1])), np.zeros((n2, U.shape[1]))
    kept = observed = 0
    total = squares = 0.0
    step = max(1, _CHUNK // max(1, n2))
    for i in range(0, n1, step):
        part = slice(i, min(n1, i + step))
        rho = L[part] @ R.T - X[part]
        cut = np.maximum(rule.row_cut[part, None], rule.col_cut) if rule.kind == "truncated" else 0.0
        w = weights(rho, cut, rule)
        left[part] = w @ V
        right += w.T @ U[part]
        kept += int((np.abs(rho) <= rule.count_level).sum())
        observed += int((~np.isnan(rho)).sum())
        total += float(w.sum())
        squares += float((w * w).sum())
    return dict(left=left, right=right, kept=kept, observed=observed, total=total, squares=squares)


def sparse_pass(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    data: Array,
    L: Array,
    R: Array,
    U: Array,
    V: Array,
    rule: Any,
) -> dict[str, Any]:
    """A pass over the entries of a CSR matrix."""
    from scipy.sparse import csr_array

    rows = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
    rho = residuals(L, R, rows, indices, data)
    cut = np.maximum(rule.row_cut[rows], rule.col_cut[indices]) if rule.kind == "truncated" else 0.0
    w = weights(rho, cut, rule)
    W = csr_array((w, indices, indptr), shape=(len(indptr) - 1, len(R)))
    return dict(
        left=W @ V,
        right=W.T @ U,
        kept=int((np.abs(rho) <= rule.count_level).sum()),
        observed=int((~np.isnan(rho)).sum()),
        total=float(w.sum()),
        squares=float((w * w).sum()),
    )


def residuals(L: Array, R: Array, rows: npt.NDArray[np.int32], cols: npt.NDArray[np.int32], x: Array) -> Array:
    """⟨L[rows_t], R[cols_t]⟩ − x_t."""
    out = np.empty(len(x))
    step = max(1, _CHUNK // max(1, L.shape[1]))
    for t in range(0, len(x), step):
        part = slice(t, t + step)
        out[part] = np.einsum("tk,tk->t", L[rows[part]], R[cols[part]]) - x[part]
    return out
