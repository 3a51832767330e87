"""Measurements by sparse matrices, among them single entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from ._arrays import Array, indices, tensor
from ._operator import Operator, shape_of

_CHUNK = 1 << 20  # entries of a temporary array


class Sparse(Operator):
    """Measurements by m sparse matrices, in O(stored entries) words of memory.

    Args:
        matrices: a scipy sparse matrix of shape ``(m, n1·n2)`` whose row i is vec(A_i) in row-major order, or a
            sequence of m scipy sparse matrices of shape ``(n1, n2)``.
        shape: (n1, n2); needed with the first form.

    Raises:
        ValueError: the shapes do not fit together.

    Example:
        >>> import numpy as np, scipy.sparse as sp
        >>> from signwise.recovery import Sparse
        >>> operator = Sparse([sp.csr_array(np.diag([1.0, 2.0]))])
        >>> operator.forward(np.ones((2, 1)), np.ones((2, 1)))
        array([3.])
    """

    def __init__(self, matrices: Any, shape: tuple[int, int] | None = None) -> None:
        if scipy.sparse.issparse(matrices):
            if shape is None:
                raise ValueError("give shape=(n1, n2) with one sparse matrix of all measurements")
            size, stacked = shape_of(shape), matrices.tocoo()
        else:
            parts: Sequence[Any] = list(matrices)
            if not parts or not all(scipy.sparse.issparse(part) for part in parts):
                raise ValueError("matrices must be a scipy sparse matrix or a sequence of them, at least one")
            size = shape_of(parts[0].shape if shape is None else shape)
            if any(part.shape != size for part in parts):
                raise ValueError(f"every matrix must have shape {size}")
            stacked = scipy.sparse.vstack([part.reshape((1, size[0] * size[1])) for part in parts]).tocoo()
        if stacked.shape[1] != size[0] * size[1] or stacked.shape[0] < 1:
            raise ValueError(f"matrices has shape {stacked.shape}; expected (m, {size[0] * size[1]}) for shape {size}")
        flat = stacked.col.astype(np.int64)
        self._set(
            torch.from_numpy(stacked.row.astype(np.int64)),
            torch.from_numpy(flat // size[1]),
            torch.from_numpy(flat % size[1]),
            tensor(stacked.data, "matrices", 1),
            stacked.shape[0],
            size,
        )

    def _set(self, i: Tensor, rows: Tensor, cols: Tensor, values: Tensor, m: int, shape: tuple[int, int]) -> None:
        self._i, self._rows, self._cols, self._values = i, rows, cols, values
        self.m, self.shape, self.device = m, shape, values.device

    def gain(self) -> float:
        """Sum of the squared stored entries over n1 n2."""
        return float(self._values.square().sum()) / (self.shape[0] * self.shape[1])

    def _forward(self, L: Tensor, R: Tensor) -> Tensor:
        out = L.new_zeros(self.m)
        for part in self._parts(L.shape[1]):
            terms = (L[self._rows[part]] * R[self._cols[part]]).sum(1) * self._values[part]
            out.index_add_(0, self._i[part], terms)
        return out

    def _times(self, w: Tensor, R: Tensor) -> Tensor:
        return self._scatter(w, R, self._rows, self._cols, self.shape[0])

    def _t_times(self, w: Tensor, L: Tensor) -> Tensor:
        return self._scatter(w, L, self._cols, self._rows, self.shape[1])

    def _scatter(self, w: Tensor, factor: Tensor, to: Tensor, of: Tensor, n: int) -> Tensor:
        out = factor.new_zeros(n, factor.shape[1])
        for part in self._parts(factor.shape[1]):
            terms = (w[self._i[part]] * self._values[part])[:, None] * factor[of[part]]
            out.index_add_(0, to[part], terms)
        return out

    def _parts(self, k: int) -> list[slice]:
        step = max(1, _CHUNK // max(1, k))
        return [slice(begin, begin + step) for begin in range(0, len(self._values), step)]

    def _subset(self, idx: Tensor) -> Self:
        # Stored entries sorted by measurement, then the runs of the chosen ones.
        order = torch.argsort(self._i, stable=True)
        starts = torch.searchsorted(self._i[order], idx)
        counts = torch.bincount(self._i, minlength=self.m)[idx]
        i = torch.repeat_interleave(torch.arange(len(idx), device=self.device), counts)
        within = torch.arange(len(i), device=self.device) - (counts.cumsum(0) - counts)[i]
        chosen = order[starts[i] + within]
        part = object.__new__(type(self))
        part._set(i, self._rows[chosen], self._cols[chosen], self._values[chosen], len(idx), self.shape)
        return part


class Mask(Sparse):
    """Measurements that are single entries: A(X)_i = X[rows_i, cols_i].

    For completion with the rank selected use :class:`RobustLowRank`, which has the rules that entries need.

    Args:
        rows: whole numbers in ``[0, n1)``, shape ``(m,)``.
        cols: whole numbers in ``[0, n2)``, shape ``(m,)``.
        shape: (n1, n2).

    Raises:
        ValueError: indices out of range, or of different lengths.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import Mask
        >>> Mask([0, 1], [1, 1], (2, 2)).forward(np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]]))
        array([4., 8.])
    """

    def __init__(self, rows: Array, cols: Array, shape: tuple[int, int]) -> None:
        size = shape_of(shape)
        at, across = indices(rows, "rows", size[0]), indices(cols, "cols", size[1])
        if len(at) != len(across) or not len(at):
            raise ValueError(f"rows and cols must have the same length, at least 1; got {len(at)} and {len(across)}")
        ones = torch.ones(len(at), dtype=torch.float64, device=at.device)
        self._set(torch.arange(len(at), device=at.device), at, across.to(at.device), ones, len(at), size)
