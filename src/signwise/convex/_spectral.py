"""Norms of the singular values of a matrix: nuclear, Schatten and Ky Fan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ._base import SupportFunction
from ._tensors import check, count, max_abs, norm, number, ulps, widen, working
from ._thresholds import onto_capped_l1

Method = Literal["svd", "newton-schulz"]

_QUINTIC = (3.4445, -4.775, 2.0315)
_STEPS = 5
_LARGEST_SINGULAR_VALUE = 1.21


class Spectral(SupportFunction):
    """A norm of singular values; a tensor of more than two dimensions is seen as (shape[0], rest).

    Singular values come from a float64 decomposition, so that a float32 result is in C to the last
    place; a float32 one would leave it by 6 to 30 units.
    """

    even = True

    def value(self, z: Tensor) -> Tensor:
        """The norm of z's singular values."""
        return self._norm(singular_values(z, "z"))

    def subgradient(self, z: Tensor) -> Tensor:
        """U diag(d) Vᵀ, with the subgradient d of the norm at the singular values."""
        u, s, vh = torch.linalg.svd(matrix(widen(z)), full_matrices=False)
        # Singular values of rounding noise are zeros of the matrix, and sign(0) is 0.
        nonzero = s > self._rtol(z) * s[:1]
        result: Tensor = (u * (self._weights(s) * nonzero)) @ vh
        return result.reshape(z.shape).to(z.dtype)

    def gauge(self, y: Tensor) -> Tensor:
        """The dual norm of y's singular values."""
        return self._dual_norm(singular_values(y, "y"))

    def project(self, y: Tensor) -> Tensor:
        """U diag(p) Vᵀ, with the projection p of the singular values."""
        u, s, vh = torch.linalg.svd(matrix(widen(y, "y"), "y"), full_matrices=False)
        nearest: Tensor = (u * self._nearest(s)) @ vh
        return nearest.reshape(y.shape).to(y.dtype)

    def tolerance(self, y: Tensor) -> float:
        """4 ulp times √min(rows, columns): rounding every entry can move a singular value that far."""
        return ulps(y) * math.sqrt(max(1, min(matrix(check(y, "y"), "y").shape)))

    def _rtol(self, z: Tensor) -> float:
        return ulps(working(z), 1.0) * max(matrix(z).shape)

    def _norm(self, s: Tensor) -> Tensor:
        raise NotImplementedError

    def _dual_norm(self, s: Tensor) -> Tensor:
        raise NotImplementedError

    def _weights(self, s: Tensor) -> Tensor:
        raise NotImplementedError

    def _nearest(self, s: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class Nuclear(Spectral):
    r"""K(Z) = ‖Z‖_*, the sum of singular values: the K of Muon.

    .. math:: \partial K(Z) = UV^\top \text{ over } \sigma > \mathrm{rtol}\,\sigma_{\max}; \qquad
              K^*(Y) = 0 \text{ on } \|Y\|_{\mathrm{op}} \le 1

    ``method="newton-schulz"`` replaces the decomposition by five steps of
    X ← aX + (bA + cA²)X, A = XXᵀ, from Z/‖Z‖_F, (a, b, c) = (3.4445, −4.775, 2.0315), as Muon does.
    They take every singular value into [0, 1.2024], so the result is divided by 1.21 and lies in C;
    it is not a subgradient (``exact`` is False). It runs in float32 for narrower dtypes, needs matrix
    products only, and is the fast choice on a GPU. Everything but ``subgradient`` uses the
    decomposition with both methods.

    Args:
        method: "svd" or "newton-schulz".
        rtol: relative size of the singular values taken as 0; the default is the larger side of the
            matrix times the machine epsilon of z's dtype, float32's for narrower ones. A value above 0
            makes a point of C of the result, but no subgradient (``exact`` is False).

    Example:
        >>> import torch
        >>> from signwise.convex import Nuclear
        >>> Nuclear().subgradient(torch.diag(torch.tensor([3.0, -0.1, 0.0]))).abs()
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 0.]])

    References:
        Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024 (coefficients);
        arXiv 2506.15054 (Muon as Lion-K).
    """

    method: Method = "svd"
    rtol: float | None = None

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ValueError(f"method must be one of {', '.join(get_args(Method))}; got {self.method!r}")
        if self.rtol is not None and self.rtol != 0:
            number(self.rtol, "rtol", 0, 1)
        # A positive rtol of the caller drops singular values that K counts.
        self._declare(exact=self.method == "svd" and not self.rtol)

    def subgradient(self, z: Tensor) -> Tensor:
        """The polar factor UVᵀ, or its Newton-Schulz estimate divided by 1.21."""
        if self.method == "svd":
            return super().subgradient(z)
        x = working(z)
        return (newton_schulz(matrix(x)) / _LARGEST_SINGULAR_VALUE).reshape(z.shape).to(z.dtype)

    def _rtol(self, z: Tensor) -> float:
        return super()._rtol(z) if self.rtol is None else self.rtol

    def _norm(self, s: Tensor) -> Tensor:
        return s.sum()

    def _dual_norm(self, s: Tensor) -> Tensor:
        return max_abs(s)

    def _weights(self, s: Tensor) -> Tensor:
        return torch.ones_like(s)

    def _nearest(self, s: Tensor) -> Tensor:
        return s.clamp(max=1)


@dataclass(frozen=True)
class Schatten(Spectral):
    r"""K(Z) = ‖σ(Z)‖_p, 1 < p < ∞.

    .. math:: \partial K(Z) = U (\Sigma/\|\sigma\|_p)^{p-1} V^\top,\ 0 \text{ at } 0; \qquad
              K^*(Y) = 0 \text{ on } \|\sigma(Y)\|_q \le 1,\ q = p/(p-1)

    There is no cheap projection onto the Schatten-q ball; measure with ``gauge``.

    Args:
        p: 1 < p < ∞; Nuclear and KyFan(1) are the ends, p = 2 is GroupL2().

    Example:
        >>> import torch
        >>> from signwise.convex import Schatten
        >>> Schatten(2.0).value(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
        tensor(5., dtype=torch.float64)
    """

    p: float

    def __post_init__(self) -> None:
        number(self.p, "p (its ends are Nuclear() and KyFan(1))", 1)

    def project(self, y: Tensor) -> Tensor:
        """Not available."""
        raise self._unavailable("project", "use gauge, or GroupL2() for p = 2")

    def distance(self, y: Tensor) -> Tensor:
        """Not available."""
        raise self._unavailable("distance", "use gauge, or GroupL2() for p = 2")

    def _norm(self, s: Tensor) -> Tensor:
        return norm(s, self.p)

    def _dual_norm(self, s: Tensor) -> Tensor:
        return norm(s, self.p / (self.p - 1))

    def _weights(self, s: Tensor) -> Tensor:
        size = norm(s, self.p)
        return (s / torch.where(size > 0, size, 1.0)).pow(self.p - 1)


@dataclass(frozen=True)
class KyFan(Spectral):
    r"""K(Z) = the sum of the k largest singular values.

    .. math:: \partial K(Z) = U_k V_k^\top; \qquad
              K^*(Y) = 0 \text{ on } \|Y\|_{\mathrm{op}} \le 1,\ \|Y\|_* \le k

    Each step has rank at most k. k = 1 is the spectral norm, k ≥ the rank is Nuclear.

    Args:
        k: at least 1.

    Example:
        >>> import torch
        >>> from signwise.convex import KyFan
        >>> KyFan(1).subgradient(torch.diag(torch.tensor([3.0, 2.0])))
        tensor([[1., 0.],
                [0., 0.]])

    References:
        arXiv 2512.09678 (Ky Fan norms for Muon-like steps).
    """

    k: int

    def __post_init__(self) -> None:
        count(self.k, "k")

    def _norm(self, s: Tensor) -> Tensor:
        return s[: self.k].sum()

    def _dual_norm(self, s: Tensor) -> Tensor:
        return torch.maximum(max_abs(s), s.sum() / self.k)

    def _weights(self, s: Tensor) -> Tensor:
        return (torch.arange(s.numel(), device=s.device) < self.k).to(s.dtype)

    def _nearest(self, s: Tensor) -> Tensor:
        return onto_capped_l1(s, float(self.k), 1.0)


def matrix(x: Tensor, name: str = "z") -> Tensor:
    """`x` seen as (shape[0], product of the rest)."""
    if x.ndim < 2:
        raise ValueError(
            f"{name} must have at least 2 dimensions for a norm of singular values, "
            f"got shape {tuple(x.shape)}; use L1 or GroupL2 for vectors"
        )
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))


def singular_values(x: Tensor, name: str) -> Tensor:
    """The singular values of `x` in float64, largest first."""
    values: Tensor = torch.linalg.svdvals(matrix(widen(x, name), name))
    return values


def newton_schulz(z: Tensor) -> Tensor:
    """Five quintic steps from z/‖z‖_F towards the polar factor of a matrix.

    Singular values end in [0, 1.2024].

    Args:
        z: float32 or float64, shape ``(rows, columns)``.

    Returns:
        The same shape and dtype; 0 for a zero matrix.
    """
    a, b, c = _QUINTIC
    # Dividing by the largest entry first keeps a norm of tiny or huge entries in the range of z's dtype.
    top = max_abs(z)
    x = z / torch.where(top > 0, top, 1.0)
    x = x / torch.where(top > 0, norm(x.double()).to(z.dtype), 1.0)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x
