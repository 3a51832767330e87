"""What a set of linear measurements offers to the solvers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ._arrays import Array, generator, indices, like, tensor


@runtime_checkable
class LinearOperator(Protocol):
    """m linear measurements A(X)_i = ⟨A_i, X⟩ of a matrix X, used through factors only: X = LRᵀ.

    Write one of your own with these members; arguments and results are float64 tensors. With the adjoint
    A*(w) = Σ w_i A_i, an n1×n2 matrix that need never be formed, it offers:

    - ``shape``: (n1, n2).
    - ``m``: number of measurements.
    - ``forward(L, R)``: A(LRᵀ), shape ``(m,)``, for L ``(n1, k)`` and R ``(n2, k)``.
    - ``adjoint_times(w, R)``: A*(w)R, shape ``(n1, k)``.
    - ``adjoint_t_times(w, L)``: A*(w)ᵀL, shape ``(n2, k)``.
    - ``subset(idx)``: the operator of some of the measurements.
    - ``gain()``: g = ‖A‖_F²/(n1 n2); :func:`estimate_gain` is enough.

    ``adjoint_products(w, L, R)`` -> (A*(w)R, A*(w)ᵀL) is used in place of the two calls where there is one.
    """

    shape: tuple[int, int]
    m: int

    def forward(self, L: Tensor, R: Tensor) -> Tensor:
        """A(LRᵀ)."""

    def adjoint_times(self, w: Tensor, R: Tensor) -> Tensor:
        """A*(w)R."""

    def adjoint_t_times(self, w: Tensor, L: Tensor) -> Tensor:
        """A*(w)ᵀL."""

    def subset(self, idx: Tensor) -> LinearOperator:
        """The operator of the measurements `idx`."""

    def gain(self) -> float:
        """‖A‖_F²/(n1 n2)."""


class Operator(ABC):
    """Checks and conversions that the operators of this package share; they take arrays or tensors."""

    shape: tuple[int, int]
    m: int
    device: torch.device

    def forward(self, L: Array, R: Array) -> Array:
        """A(LRᵀ).

        Args:
            L: float64, shape ``(n1, k)``.
            R: float64, shape ``(n2, k)``.

        Returns:
            float64, shape ``(m,)``, of the kind of L.
        """
        left, right = self._factor(L, "L", 0), self._factor(R, "R", 1)
        if left.shape[1] != right.shape[1]:
            raise ValueError(f"L has {left.shape[1]} columns and R has {right.shape[1]}; they must agree")
        return like(L, self._forward(left, right))

    def adjoint_times(self, w: Array, R: Array) -> Array:
        """A*(w)R: float64, shape ``(n1, k)``, for w ``(m,)`` and R ``(n2, k)``."""
        return like(R, self._times(self._weights(w), self._factor(R, "R", 1)))

    def adjoint_t_times(self, w: Array, L: Array) -> Array:
        """A*(w)ᵀL: float64, shape ``(n2, k)``, for w ``(m,)`` and L ``(n1, k)``."""
        return like(L, self._t_times(self._weights(w), self._factor(L, "L", 0)))

    def subset(self, idx: Array) -> Self:
        """The operator of the measurements `idx`, whole numbers in ``[0, m)``."""
        return self._subset(indices(idx, "idx", self.m).to(self.device))

    @abstractmethod
    def gain(self) -> float:
        """‖A‖_F²/(n1 n2)."""

    def to(self, device: torch.device | str) -> Self:
        """The same operator on another device."""
        if torch.device(device) == self.device:
            return self
        moved = object.__new__(type(self))
        moved.__dict__.update(
            {name: value.to(device) if isinstance(value, Tensor) else value for name, value in vars(self).items()}
        )
        moved.device = torch.device(device)
        return moved

    def __repr__(self) -> str:
        """Kind, number of measurements and shape."""
        return f"{type(self).__name__}(m={self.m}, shape={self.shape})"

    def _factor(self, x: Array, name: str, axis: int) -> Tensor:
        factor = tensor(x, name, 2, self.device)
        if factor.shape[0] != self.shape[axis]:
            raise ValueError(
                f"{name} has {factor.shape[0]} rows; this operator measures matrices of shape {self.shape}"
            )
        return factor

    def _weights(self, w: Array) -> Tensor:
        weights = tensor(w, "w", 1, self.device)
        if weights.shape[0] != self.m:
            raise ValueError(f"w has {weights.shape[0]} entries; this operator has {self.m} measurements")
        return weights

    @abstractmethod
    def _forward(self, L: Tensor, R: Tensor) -> Tensor: ...

    @abstractmethod
    def _times(self, w: Tensor, R: Tensor) -> Tensor: ...

    @abstractmethod
    def _t_times(self, w: Tensor, L: Tensor) -> Tensor: ...

    @abstractmethod
    def _subset(self, idx: Tensor) -> Self: ...

    def _products(self, w: Tensor, L: Tensor, R: Tensor) -> tuple[Tensor, Tensor]:
        """A*(w)R and A*(w)ᵀL; an operator that forms A*(w) does so once."""
        return self._times(w, R), self._t_times(w, L)


def shape_of(shape: Any) -> tuple[int, int]:
    """(n1, n2) with both at least 1."""
    n1, n2 = (int(n) for n in shape)
    if n1 < 1 or n2 < 1:
        raise ValueError(f"shape must be two numbers of at least 1, got {tuple(shape)}")
    return n1, n2


def products(operator: LinearOperator, w: Tensor, L: Tensor, R: Tensor) -> tuple[Tensor, Tensor]:
    """A*(w)R and A*(w)ᵀL of any operator."""
    if isinstance(operator, Operator):
        return operator._products(w, L, R)
    together = getattr(operator, "adjoint_products", None)
    if together is not None:
        left, right = together(w, L, R)
        return left, right
    return (
        torch.as_tensor(operator.adjoint_times(w, R), dtype=torch.float64, device=L.device),
        torch.as_tensor(operator.adjoint_t_times(w, L), dtype=torch.float64, device=L.device),
    )


def measure(operator: LinearOperator, L: Tensor, R: Tensor) -> Tensor:
    """A(LRᵀ) of any operator."""
    if isinstance(operator, Operator):
        return operator._forward(L, R)
    return torch.as_tensor(operator.forward(L, R), dtype=torch.float64, device=L.device)


def estimate_gain(operator: LinearOperator, *, n_probes: int = 8, random_state: Any = 0) -> float:
    """Estimate g = ‖A‖_F²/(n1 n2) without forming A: the mean of ‖A(uvᵀ)‖²/(n1 n2) over random ±1 vectors u and v.

    The entries of uvᵀ are ±1 and uncorrelated, so each probe is an unbiased estimate.

    Args:
        operator: the measurements.
        n_probes: pairs of vectors.
        random_state: seed or generator.

    Returns:
        The estimate of g.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import Dense, estimate_gain
        >>> operator = Dense(np.random.default_rng(0).standard_normal((500, 10, 10)))
        >>> abs(estimate_gain(operator) / operator.gain() - 1) < 0.2
        True
    """
    rng = generator(random_state)
    n1, n2 = operator.shape
    device = getattr(operator, "device", torch.device("cpu"))
    total = 0.0
    for _ in range(n_probes):
        u, v = (torch.from_numpy(np.where(rng.random((n, 1)) < 0.5, -1.0, 1.0)).to(device) for n in (n1, n2))
        total += float(measure(operator, u, v).square().sum())
    return total / (n_probes * n1 * n2)
