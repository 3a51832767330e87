"""The maximum and its smooth form, whose set C is the probability simplex."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ._base import Convex
from ._tensors import check, ulps, widen
from ._thresholds import onto_simplex


class OnSimplex(Convex):
    """A function whose C is {y : y ≥ 0, Σy = 1} over all coordinates of the tensor.

    The simplex does not hold 0, so there is no gauge.
    """

    bounded = True

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """The sum of K*'s terms on the simplex, inf outside."""
        slack = self.tolerance(y) if tolerance is None else tolerance
        wide = widen(y, "y")
        outside = (wide < -slack).any() | ((wide.sum() - 1).abs() > slack)
        return torch.where(outside, math.inf, self._conjugate_terms(wide.clamp(min=0)).sum())

    def project(self, y: Tensor) -> Tensor:
        """max(y − θ, 0) with the θ for which the sum is 1."""
        return onto_simplex(self._vector(y, "y").double()).view(y.shape).to(y.dtype)

    def gauge(self, y: Tensor) -> Tensor:
        """Not available."""
        raise self._unavailable("gauge", "0 is not in the simplex; use distance")

    def tolerance(self, y: Tensor) -> float:
        """4 ulp, and per element half the smallest number of y's dtype: tiny entries round absolutely."""
        limits = torch.finfo(check(y, "y").dtype)
        return ulps(y) + y.numel() * limits.tiny * limits.eps / 2

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def _vector(self, x: Tensor, name: str = "z") -> Tensor:
        if not check(x, name).numel():
            raise ValueError(f"{self!r} needs at least one element, got a tensor of shape {tuple(x.shape)}")
        return x.flatten()


@dataclass(frozen=True)
class Max(OnSimplex):
    r"""K(z) = max z_i.

    .. math:: \partial K(z) = \text{one-hot at the first largest } z_i; \qquad
              K^*(y) = 0 \text{ on } y \ge 0,\ \textstyle\sum y = 1

    Example:
        >>> import torch
        >>> from signwise.convex import Max
        >>> Max().subgradient(torch.tensor([1.0, 3.0, 3.0]))
        tensor([0., 1., 0.])
    """

    homogeneous = True

    def value(self, z: Tensor) -> Tensor:
        """max z_i."""
        return self._vector(z).amax().double()

    def subgradient(self, z: Tensor) -> Tensor:
        """One-hot at the first largest z_i."""
        flat = self._vector(z)
        return torch.zeros_like(flat).scatter(0, flat.argmax(0, keepdim=True), 1.0).view(z.shape)

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros_like(check(y, "y"))

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        return 0 * y


@dataclass(frozen=True)
class LogSumExp(OnSimplex):
    r"""K(z) = ln Σ e^{z_i}, whose subgradient is the softmax.

    .. math:: K^*(y) = \sum_i y_i \ln y_i \text{ on } y \ge 0,\ \textstyle\sum y = 1, \quad 0\ln 0 = 0; \qquad
              \partial K^*(y) = \ln y

    Exponentiated gradient steps on a probability vector.

    Example:
        >>> import torch
        >>> from signwise.convex import LogSumExp
        >>> LogSumExp().subgradient(torch.zeros(4))
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    # The Jacobian diag(p) − ppᵀ has rows with absolute sum 2p(1−p) ≤ 1/2.
    lipschitz = 0.5

    def value(self, z: Tensor) -> Tensor:
        """ln Σ e^z."""
        return torch.logsumexp(self._vector(z).double(), 0)

    def subgradient(self, z: Tensor) -> Tensor:
        """softmax(z)."""
        weights = torch.softmax(self._vector(z).double(), 0)
        # softmax adds its terms one after the other, which for many of them leaves the simplex.
        return (weights / weights.sum()).view(z.shape).to(z.dtype)

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """ln y, −inf where y is 0."""
        return torch.log(widen(y, "y").clamp(min=0)).to(y.dtype)

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        return torch.xlogy(y, y)
