"""Quadratic forms, whose set C is the whole space: gradient descent and its preconditioned form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ._base import Convex
from ._constant import Constant
from ._tensors import check, widen

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor


class Everywhere(Convex):
    """An even function whose conjugate is finite everywhere, so that nothing is constrained."""

    even = True
    solid = True

    def project(self, y: Tensor) -> Tensor:
        """A copy of y."""
        return check(y, "y").clone()

    def distance(self, y: Tensor) -> Tensor:
        """0."""
        return check(y, "y").new_zeros((), dtype=torch.float64)

    def gauge(self, y: Tensor) -> Tensor:
        """0."""
        return check(y, "y").new_zeros((), dtype=torch.float64)


@dataclass(frozen=True)
class HalfSquare(Everywhere):
    r"""K(z) = ½‖z‖², its own conjugate; the subgradient is z itself.

    Steps are those of momentum gradient descent with weight decay.

    Example:
        >>> import torch
        >>> from signwise.convex import HalfSquare
        >>> HalfSquare().conjugate(torch.tensor([3.0, 4.0]))
        tensor(12.5000, dtype=torch.float64)
    """

    lipschitz = 1.0
    elementwise = True

    def value(self, z: Tensor) -> Tensor:
        """½‖z‖²."""
        return widen(z).square().sum() / 2

    def subgradient(self, z: Tensor) -> Tensor:
        """A copy of z."""
        return check(z).clone()

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """½‖y‖²."""
        return self.value(check(y, "y"))

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """A copy of y."""
        return check(y, "y").clone()


@dataclass(frozen=True)
class Quadratic(Everywhere):
    r"""K(z) = ½ zᵀP⁻¹z for a symmetric positive definite P, z flattened.

    .. math:: \partial K(z) = P^{-1}z; \qquad K^*(y) = \tfrac12 y^\top P y; \qquad \partial K^*(y) = Py

    Args:
        matrix: P, shape ``(d, d)`` for tensors of d elements; a tensor, an array or nested lists,
            copied to float64.

    Example:
        >>> import torch
        >>> from signwise.convex import Quadratic
        >>> K = Quadratic([[2.0, 0.0], [0.0, 4.0]])
        >>> K.subgradient(torch.tensor([1.0, 1.0]))
        tensor([0.5000, 0.2500])
    """

    matrix: Constant

    def __init__(self, matrix: ArrayLike | Tensor | Constant) -> None:
        p = Constant.of(matrix, "matrix")
        tensor = torch.tensor(p.array())
        if tensor.ndim != 2 or tensor.shape[0] != tensor.shape[1] or not tensor.numel():
            raise ValueError(f"matrix must be square, shape (d, d), d ≥ 1; got shape {p.shape}")
        if not torch.equal(tensor, tensor.T):
            raise ValueError("matrix must be symmetric; pass (P + P.T)/2")
        factor, info = torch.linalg.cholesky_ex(tensor)
        if info.item():
            raise ValueError("matrix must be positive definite; its Cholesky factorisation failed")
        least = torch.linalg.eigvalsh(tensor)[0].item()
        if least <= 0:
            raise ValueError(
                f"matrix must be positive definite; in float64 its least eigenvalue is {least:.2g}, "
                "so it is singular to rounding: add a multiple of the identity"
            )
        self._declare(matrix=p, _factor=Constant.of(factor, "factor"), lipschitz=1 / least)

    def value(self, z: Tensor) -> Tensor:
        """½ zᵀP⁻¹z."""
        return torch.dot(self._vector(z, "z"), self._solve(z)) / 2

    def subgradient(self, z: Tensor) -> Tensor:
        """P⁻¹z."""
        return self._solve(z).view(z.shape).to(z.dtype)

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """½ yᵀPy."""
        wide = self._vector(y, "y")
        return torch.dot(wide, self.matrix.tensor(y.device) @ wide) / 2

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """Py."""
        return (self.matrix.tensor(y.device) @ self._vector(y, "y")).view(y.shape).to(y.dtype)

    def _vector(self, x: Tensor, name: str) -> Tensor:
        if check(x, name).numel() != self.matrix.shape[0]:
            raise ValueError(
                f"{name} must have {self.matrix.shape[0]} elements to match the matrix, "
                f"got shape {tuple(x.shape)} with {x.numel()}"
            )
        return x.flatten().double()

    def _solve(self, z: Tensor) -> Tensor:
        factor: Constant = self.__dict__["_factor"]
        return torch.cholesky_solve(self._vector(z, "z")[:, None], factor.tensor(z.device))[:, 0]
