"""One pass over the entries of a matrix: residuals of a low-rank fit, their weights, and both products.

With ρ = LRᵀ − X over the observed entries and w = ψ(ρ), one pass gives wV, wᵀU, counts and sums, and no array of the
size of X is made. Kinds of ψ:

- ``truncated``: ρ where |ρ| < max(row_cut_i, col_cut_j), else 0
- ``sign``: sign ρ
- ``huber``: clip(ρ/level, ±1)
- ``outlier``: sign ρ where |ρ| > level, else 0; minus offset

Every number of the products is one chain of multiply-adds in rising order, in up to eight pieces of rows that are added
in their order: the bits do not depend on threads, nor on whether the tier is avx2 or avx512. The portable tier and the
numpy fallback round differently, by about the rounding of a matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from . import _recovery_numpy as fallback
from ._runtime import core, num_threads

Array = npt.NDArray[np.float64]
KINDS = ("truncated", "sign", "huber", "outlier")
_ROWS, _COLUMNS, _LANES = 32, 64, 8  # padding, as in recovery.hpp
_NONE = np.zeros(0)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """ψ with its numbers.

    Attributes:
        kind: of KINDS.
        level: of ``huber`` and ``outlier``, positive.
        offset: of ``outlier``.
        row_cut: of ``truncated``, shape ``(n1,)``.
        col_cut: of ``truncated``, shape ``(n2,)``.
        count_level: residuals up to this size count as kept.
    """

    kind: Literal["truncated", "sign", "huber", "outlier"]
    level: float = 1.0
    offset: float = 0.0
    row_cut: Array = field(default_factory=lambda: _NONE)
    col_cut: Array = field(default_factory=lambda: _NONE)
    count_level: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What a pass gives.

    Attributes:
        left: wV, shape ``(n1, bv)``.
        right: wᵀU, shape ``(n2, bu)``.
        kept: number of |ρ| ≤ count_level.
        observed: number of entries that are not missing.
        total: Σ w.
        squares: Σ w².
    """

    left: Array
    right: Array
    kept: int
    observed: int
    total: float
    squares: float


def _up(n: int, step: int) -> int:
    return -(-n // step) * step


def _padded(x: Array, rows: int) -> Array:
    columns = _up(x.shape[1], _LANES)
    if x.shape == (rows, columns) and x.flags.c_contiguous:
        return x
    out = np.zeros((rows, columns))
    out[: x.shape[0], : x.shape[1]] = x
    return out


def _cut(x: Array, n: int) -> Array:
    if len(x) == n:
        return np.ascontiguousarray(x)
    out = np.zeros(n)
    out[: len(x)] = x
    return out


def _cuts(rule: Rule, n1: int, n2: int) -> tuple[Array, Array]:
    if rule.kind != "truncated":
        return _NONE, _NONE
    return _cut(rule.row_cut, n1), _cut(rule.col_cut, n2)


def dense_pass(X: Array, L: Array, R: Array, U: Array, V: Array, rule: Rule) -> Pass:
    """A pass over a dense matrix.

    Args:
        X: float64, shape ``(n1, n2)``, C-contiguous; NaN is missing.
        L: shape ``(n1, k)``.
        R: shape ``(n2, k)``.
        U: shape ``(n1, bu)``; no columns where wᵀU is not wanted.
        V: shape ``(n2, bv)``.
        rule: the weights.
    """
    native = core()
    if native is None:
        return Pass(**fallback.dense_pass(X, L, R, U, V, rule))
    (n1, n2), k, bu, bv = X.shape, L.shape[1], U.shape[1], V.shape[1]
    rows, columns = _up(n1, _ROWS), _up(n2, _COLUMNS)
    first = _padded(L, rows)
    Rt = np.zeros((k, columns))
    Rt[:, :n2] = R.T
    u = first if U is L else _padded(U, rows)
    v = _padded(V, columns)
    left = np.zeros((rows, v.shape[1]))
    right = np.zeros((native.recovery_pieces(n1, n2, n1 * n2), u.shape[1], columns))
    row_cut, col_cut = (
        (_cut(rule.row_cut, n1), _cut(rule.col_cut, columns)) if rule.kind == "truncated" else (_NONE,) * 2
    )
    kept, observed, total, squares = native.recovery_dense(
        X, first, Rt, k, u, bu, v, bv, left, right,
        KINDS.index(rule.kind), rule.level, rule.offset, rule.count_level, row_cut, col_cut, num_threads(),
    )  # fmt: skip
    return Pass(
        left=left[:n1, :bv], right=right[0, :bu, :n2].T, kept=kept, observed=observed, total=total, squares=squares
    )


def sparse_pass(
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    data: Array,
    L: Array,
    R: Array,
    U: Array,
    V: Array,
    rule: Rule,
) -> Pass:
    """A pass over the stored entries of a CSR matrix; a stored NaN is missing. Other arguments as for a dense one.

    Args:
        indptr: shape ``(n1 + 1,)``.
        indices: columns, shape ``(entries,)``.
        data: float64, shape ``(entries,)``.
        L: shape ``(n1, k)``.
        R: shape ``(n2, k)``.
        U: shape ``(n1, bu)``.
        V: shape ``(n2, bv)``.
        rule: the weights.
    """
    native = core()
    if native is None:
        return Pass(**fallback.sparse_pass(indptr, indices, data, L, R, U, V, rule))
    n1, n2, k, bu, bv = len(indptr) - 1, len(R), L.shape[1], U.shape[1], V.shape[1]
    first, second = _padded(L, n1), _padded(R, n2)
    u = first if U is L else _padded(U, n1)
    v = second if V is R else _padded(V, n2)
    left = np.zeros((n1, v.shape[1]))
    right = np.zeros((native.recovery_pieces(n1, n2, len(data)), n2, u.shape[1]))
    row_cut, col_cut = _cuts(rule, n1, n2)
    kept, observed, total, squares = native.recovery_sparse(
        indptr, indices, data, first, second, k, u, bu, v, bv, left, right,
        KINDS.index(rule.kind), rule.level, rule.offset, rule.count_level, row_cut, col_cut, num_threads(),
    )  # fmt: skip
    return Pass(left=left[:, :bv], right=right[0, :, :bu], kept=kept, observed=observed, total=total, squares=squares)


def residuals(L: Array, R: Array, rows: npt.NDArray[np.int32], cols: npt.NDArray[np.int32], x: Array) -> Array:
    """⟨L[rows_t], R[cols_t]⟩ − x_t: float64, shape ``(n,)``, for int32 rows and cols and float64 x of that shape."""
    native = core()
    if native is None:
        return fallback.residuals(L, R, rows, cols, x)
    out = np.empty(len(x))
    native.recovery_residuals(_padded(L, len(L)), _padded(R, len(R)), rows, cols, x, out, num_threads())
    return out
