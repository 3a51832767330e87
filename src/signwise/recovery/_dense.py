"""Measurements by dense matrices and by rank-one matrices."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from ._arrays import Array, tensor
from ._operator import Operator


class Dense(Operator):
    """Measurements by m dense matrices: A(X)_i = ⟨A_i, X⟩, in m·n1·n2 words of memory.

    Args:
        matrices: float, shape ``(m, n1, n2)``; not copied if float64 and contiguous.

    Raises:
        ValueError: another number of axes, no measurement, NaN or infinite entries.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import Dense
        >>> Dense(np.ones((1, 2, 3))).forward(np.ones((2, 1)), np.ones((3, 1)))
        array([6.])
    """

    def __init__(self, matrices: Array) -> None:
        A = tensor(matrices, "matrices", 3).contiguous()
        if 0 in A.shape:
            raise ValueError(f"matrices must have at least one measurement, row and column, got {tuple(A.shape)}")
        self.m, self.shape, self.device = A.shape[0], (A.shape[1], A.shape[2]), A.device
        self._matrix = A.reshape(self.m, -1)

    def adjoint(self, w: Tensor) -> Tensor:
        """A*(w) = Σ w_i A_i, shape ``(n1, n2)``."""
        return (self._weights(w) @ self._matrix).reshape(self.shape)

    def gain(self) -> float:
        """‖A‖_F²/(n1 n2)."""
        return float(torch.linalg.vector_norm(self._matrix).square()) / self._matrix.shape[1]

    def _forward(self, L: Tensor, R: Tensor) -> Tensor:
        return self._matrix @ (L @ R.T).reshape(-1)

    def _products(self, w: Tensor, L: Tensor, R: Tensor) -> tuple[Tensor, Tensor]:
        G = (w @ self._matrix).reshape(self.shape)
        return G @ R, G.T @ L

    def _times(self, w: Tensor, R: Tensor) -> Tensor:
        return (w @ self._matrix).reshape(self.shape) @ R

    def _t_times(self, w: Tensor, L: Tensor) -> Tensor:
        return (w @ self._matrix).reshape(self.shape).T @ L

    def _subset(self, idx: Tensor) -> Self:
        return type(self)(self._matrix[idx].reshape(-1, *self.shape))


class RankOne(Operator):
    """Measurements by rank-one matrices: A(X)_i = a_iᵀ X b_i, in m·(n1 + n2) words of memory.

    Args:
        a: float, shape ``(m, n1)``.
        b: float, shape ``(m, n2)``; None takes `a`, the quadratic measurements a_iᵀ X a_i.

    Raises:
        ValueError: a and b differ in m, or have NaN or infinite entries.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import RankOne
        >>> RankOne(np.eye(2)).forward(np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]]))
        array([3., 8.])
    """

    def __init__(self, a: Array, b: Array | None = None) -> None:
        self._a = tensor(a, "a", 2).contiguous()
        self._b = self._a if b is None else tensor(b, "b", 2, self._a.device).contiguous()
        if len(self._a) != len(self._b) or 0 in self._a.shape or 0 in self._b.shape:
            raise ValueError(
                f"a and b must have one row a measurement, got shapes {tuple(self._a.shape)} and {tuple(self._b.shape)}"
            )
        self.m, self.shape, self.device = len(self._a), (self._a.shape[1], self._b.shape[1]), self._a.device

    def gain(self) -> float:
        """Σ ‖a_i‖²‖b_i‖²/(n1 n2)."""
        norms = self._a.square().sum(1) * self._b.square().sum(1)
        return float(norms.sum()) / (self.shape[0] * self.shape[1])

    def _forward(self, L: Tensor, R: Tensor) -> Tensor:
        return ((self._a @ L) * (self._b @ R)).sum(1)

    def _times(self, w: Tensor, R: Tensor) -> Tensor:
        return self._a.T @ (w[:, None] * (self._b @ R))

    def _t_times(self, w: Tensor, L: Tensor) -> Tensor:
        return self._b.T @ (w[:, None] * (self._a @ L))

    def _subset(self, idx: Tensor) -> Self:
        return type(self)(self._a[idx], None if self._b is self._a else self._b[idx])
