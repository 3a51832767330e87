"""One pass over observed entries: by the fused kernel on the CPU, by blocks of rows elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from signwise._native import _recovery as _kernels

from ._weights import CUT, HUBER_WIDTH, Loss

_CHUNK = 1 << 21  # numbers of a temporary array
Rule = _kernels.Rule


@dataclass(frozen=True, kw_only=True)
class EntryPass:
    """Products and sums of one pass: wV, wᵀU, counts, Σw, Σw²."""

    left: Tensor
    right: Tensor
    kept: int
    observed: int
    total: float
    squares: float


class DenseEntries:
    """Observed entries of a dense matrix, NaN elsewhere.

    Args:
        X: float64, shape ``(n1, n2)``; it is changed by ``forget`` and ``restore``.
    """

    def __init__(self, X: Tensor) -> None:
        self.X, self.shape, self.device = X, (X.shape[0], X.shape[1]), X.device
        self.observed = int(X.numel() - torch.isnan(X).sum())

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Flat positions of `count` different observed entries."""
        if self.observed == self.X.numel():
            return rng.choice(self.X.numel(), count, replace=False)
        known = np.flatnonzero(~torch.isnan(self.X).cpu().numpy().ravel())
        return known[rng.choice(len(known), count, replace=False)]

    def at(self, flat: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """Rows, columns and values at positions."""
        rows, cols = np.divmod(flat, self.shape[1])
        values = self.X.reshape(-1)[torch.from_numpy(flat).to(self.device)].cpu().numpy()
        return rows.astype(np.int32), cols.astype(np.int32), values

    def put(self, flat: NDArray[np.int64], values: NDArray[np.float64] | float) -> None:
        """Write values at positions; NaN makes them missing."""
        where = torch.from_numpy(flat).to(self.device)
        self.X.reshape(-1)[where] = torch.as_tensor(values, dtype=torch.float64, device=self.device)

    def line_samples(self, axis: int, most: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], Tensor]:
        """About `most` observed entries of every row (axis 0) or column: other-axis positions, and values."""
        n = self.shape[1 - axis]
        share = self.observed / max(1, self.X.numel())
        count = min(n, round(most / max(share, 1e-3)))
        chosen = np.sort(rng.choice(n, count, replace=False))
        where = torch.from_numpy(chosen).to(self.device)
        return chosen, (self.X[:, where] if axis == 0 else self.X[where].T).contiguous()

    def row_counts(self, axis: int) -> Tensor:
        """Observed entries of each row (axis 0) or column."""
        return (~torch.isnan(self.X)).sum(1 - axis)

    def run(self, L: Tensor, R: Tensor, U: Tensor, V: Tensor, rule: Rule, loss: Loss | None = None) -> EntryPass:
        """A pass; `loss` is a convex function that the kernel does not know, at the scale ``rule.level``."""
        if self.device.type == "cpu" and loss is None:
            u = L.numpy() if U is L else U.numpy()
            v = R.numpy() if V is R else V.numpy()
            first, second = u if U is L else L.numpy(), v if V is R else R.numpy()
            done = _kernels.dense_pass(self.X.numpy(), first, second, u, v, rule)
            return _wrapped(done)
        left = L.new_empty(self.shape[0], V.shape[1])
        right = L.new_zeros(self.shape[1], U.shape[1])
        kept = observed = 0
        total = squares = 0.0
        step = max(1, _CHUNK // max(1, self.shape[1]))
        for i in range(0, self.shape[0], step):
            part = slice(i, min(self.shape[0], i + step))
            rho = L[part] @ R.T - self.X[part]
            w = _weights(rho, rule, part, loss)
            left[part] = w @ V
            right += w.T @ U[part]
            kept += int((rho.abs() <= rule.count_level).sum())
            observed += int((~torch.isnan(rho)).sum())
            total += float(w.sum())
            squares += float(w.square().sum())
        return EntryPass(left=left, right=right, kept=kept, observed=observed, total=total, squares=squares)


class SparseEntries:
    """Observed entries of a matrix in CSR form; what is not stored is missing. On the CPU.

    Args:
        indptr: int64, shape ``(n1 + 1,)``.
        indices: int32.
        data: float64; NaN is missing; changed by ``put``.
        shape: (n1, n2).
    """

    device = torch.device("cpu")

    def __init__(
        self,
        indptr: NDArray[np.int64],
        indices: NDArray[np.int32],
        data: NDArray[np.float64],
        shape: tuple[int, int],
    ) -> None:
        self.indptr, self.indices, self.data, self.shape = indptr, indices, data, shape
        self.observed = int(len(data) - np.isnan(data).sum())

    def _rows(self) -> NDArray[np.int32]:
        return np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(self.indptr))

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Positions of `count` different stored entries."""
        if self.observed == len(self.data):
            return rng.choice(len(self.data), count, replace=False)
        known = np.flatnonzero(~np.isnan(self.data))
        return known[rng.choice(len(known), count, replace=False)]

    def at(self, flat: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
        """Rows, columns and values at positions."""
        rows = (np.searchsorted(self.indptr, flat, side="right") - 1).astype(np.int32)
        return rows, self.indices[flat], self.data[flat]

    def put(self, flat: NDArray[np.int64], values: NDArray[np.float64] | float) -> None:
        """Write values at positions; NaN makes them missing."""
        self.data[flat] = values

    def line_positions(self, axis: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Positions of up to `most` entries of every row or column, shape ``(n, most)``, −1 where there are fewer."""
        line = self._rows() if axis == 0 else self.indices
        # A random order within each line: sort by line after a shuffle.
        shuffled = rng.permutation(len(line))
        order = shuffled[np.argsort(line[shuffled], kind="stable")]
        counts = np.bincount(line, minlength=self.shape[axis])
        starts = np.cumsum(counts) - counts
        out = np.full((self.shape[axis], min(most, int(counts.max(initial=0)))), -1, np.int64)
        within = np.arange(out.shape[1])
        there = within < counts[:, None]
        out[there] = order[(starts[:, None] + within)[there]]
        return out

    def row_counts(self, axis: int) -> Tensor:
        """Observed entries of each row (axis 0) or column."""
        line = (self._rows() if axis == 0 else self.indices)[~np.isnan(self.data)]
        return torch.from_numpy(np.bincount(line, minlength=self.shape[axis]))

    def run(self, L: Tensor, R: Tensor, U: Tensor, V: Tensor, rule: Rule, loss: Loss | None = None) -> EntryPass:
        """A pass, as of dense entries."""
        first, second = L.numpy(), R.numpy()
        u, v = first if U is L else U.numpy(), second if V is R else V.numpy()
        if loss is None:
            return _wrapped(_kernels.sparse_pass(self.indptr, self.indices, self.data, first, second, u, v, rule))
        from scipy.sparse import csr_array

        rho = _kernels.residuals(first, second, self._rows(), self.indices, self.data)
        w = torch.nan_to_num(loss.weight(torch.from_numpy(np.nan_to_num(rho)), rule.level)).numpy()
        w[np.isnan(rho)] = 0.0
        W = csr_array((w, self.indices, self.indptr), shape=self.shape)
        return EntryPass(
            left=torch.from_numpy(W @ v),
            right=torch.from_numpy(W.T @ u),
            kept=int((np.abs(rho) <= rule.count_level).sum()),
            observed=int((~np.isnan(rho)).sum()),
            total=float(w.sum()),
            squares=float((w * w).sum()),
        )


Entries = DenseEntries | SparseEntries


def rule_of(loss: Loss, s: float, row_cut: NDArray[np.float64], col_cut: NDArray[np.float64]) -> Rule:
    """The kernel's rule of a loss at a scale."""
    if loss.name == "truncated":
        return Rule(kind="truncated", row_cut=row_cut, col_cut=col_cut, count_level=CUT * s)
    if loss.name == "l1":
        return Rule(kind="sign", count_level=CUT * s)
    return Rule(kind="huber", level=max(HUBER_WIDTH * s if loss.name == "huber" else s, 1e-300), count_level=CUT * s)


def _wrapped(done: _kernels.Pass) -> EntryPass:
    return EntryPass(
        left=torch.from_numpy(np.ascontiguousarray(done.left)),
        right=torch.from_numpy(np.ascontiguousarray(done.right)),
        kept=done.kept,
        observed=done.observed,
        total=done.total,
        squares=done.squares,
    )


def _weights(rho: Tensor, rule: Rule, part: slice, loss: Loss | None) -> Tensor:
    known = ~torch.isnan(rho)
    rho = torch.where(known, rho, 0.0)
    if loss is not None:
        w = loss.weight(rho, rule.level)
    elif rule.kind == "truncated":
        row = torch.from_numpy(rule.row_cut[part, None]).to(rho.device)
        col = torch.from_numpy(rule.col_cut).to(rho.device)
        w = torch.where(rho.abs() < torch.maximum(row, col), rho, 0.0)
    elif rule.kind == "sign":
        w = torch.sign(rho)
    elif rule.kind == "huber":
        w = (rho * (1 / rule.level)).clamp(-1, 1)
    else:
        w = torch.where(rho.abs() > rule.level, torch.sign(rho), 0.0) - rule.offset
    return torch.where(known, w, 0.0)
