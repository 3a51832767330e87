"""Functions on the unit box whose subgradient is continuous: smooth replacements of the sign."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ._elementwise import UnitBox
from ._tensors import number, working


@dataclass(frozen=True)
class Huber(UnitBox):
    r"""``K(z) = Σ z²/2ε if |z| ≤ ε, else |z| − ε/2``: quadratic near 0, linear beyond.

    .. math:: \partial K(z) = \operatorname{clip}(z/\varepsilon, \pm 1); \qquad
              K^*(y) = \tfrac{\varepsilon}{2}\|y\|^2 \text{ on } |y_i| \le 1

    The conjugate is weight decay inside the box. z/ε is evaluated as z times 1/ε rounded to z's dtype,
    which every device does alike.

    Args:
        eps: ε > 0, in the units of z.

    Example:
        >>> import torch
        >>> from signwise.convex import Huber
        >>> Huber(2.0).subgradient(torch.tensor([1.0, -5.0]))
        tensor([ 0.5000, -1.0000])
    """

    eps: float

    def __post_init__(self) -> None:
        self._declare(lipschitz=1 / number(self.eps, "eps", 0))

    def subgradient(self, z: Tensor) -> Tensor:
        """clip(z/ε, ±1)."""
        return (working(z) * (1 / self.eps)).clamp(-1, 1).to(z.dtype)

    def _terms(self, z: Tensor) -> Tensor:
        a = z.abs()
        m = a.clamp(max=self.eps)
        return (m / self.eps) * (a - m / 2)  # no square, so nothing overflows

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        return (self.eps / 2) * y.square()

    def _conjugate_slopes(self, y: Tensor) -> Tensor:
        return self.eps * y


@dataclass(frozen=True)
class LogCosh(UnitBox):
    r"""K(z) = Σ log cosh z_i, whose subgradient is tanh.

    .. math:: K^*(y) = \tfrac12 \sum_i (1+y_i)\ln(1+y_i) + (1-y_i)\ln(1-y_i), \quad 0 \ln 0 = 0; \qquad
              \partial K^*(y) = \operatorname{artanh} y

    Example:
        >>> import torch
        >>> from signwise.convex import LogCosh
        >>> LogCosh().subgradient(torch.tensor([0.0, 20.0]))
        tensor([0., 1.])
    """

    lipschitz = 1.0

    def subgradient(self, z: Tensor) -> Tensor:
        """tanh z."""
        return torch.tanh(working(z)).to(z.dtype)

    def _terms(self, z: Tensor) -> Tensor:
        a = z.abs()
        far = a + torch.log1p(torch.exp(-2 * a)) - math.log(2)
        near = torch.log1p(2 * torch.sinh(a.clamp(max=1) / 2).square())  # keeps its digits as z -> 0
        return torch.where(a < 1, near, far)

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        halves: Tensor = torch.special.xlog1py(1 + y, y) + torch.special.xlog1py(1 - y, -y)
        return halves / 2

    def _conjugate_slopes(self, y: Tensor) -> Tensor:
        return torch.atanh(y)


@dataclass(frozen=True)
class PseudoHuber(UnitBox):
    r"""K(z) = Σ √(1 + z_i²).

    .. math:: \partial K(z) = z/\sqrt{1+z^2}; \qquad K^*(y) = -\sum_i \sqrt{1-y_i^2}; \qquad
              \partial K^*(y) = y/\sqrt{1-y^2}

    K(0) is the number of coordinates, as K* is then the lower half of the unit circle.

    Example:
        >>> import torch
        >>> from signwise.convex import PseudoHuber
        >>> PseudoHuber().subgradient(torch.tensor([0.75, float("inf")]))
        tensor([0.6000, 1.0000])
    """

    lipschitz = 1.0

    def subgradient(self, z: Tensor) -> Tensor:
        """z/√(1+z²)."""
        x = working(z)
        # Beyond 1 the quotient is rewritten so that z² cannot overflow and ±inf gives ±1.
        far = torch.sign(x) / torch.sqrt(1 + torch.reciprocal(x).square())
        return torch.where(x.abs() <= 1, x / torch.sqrt(1 + x.square()), far).to(z.dtype)

    def _terms(self, z: Tensor) -> Tensor:
        return torch.hypot(z, torch.ones_like(z))

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        return -torch.sqrt((1 - y) * (1 + y))

    def _conjugate_slopes(self, y: Tensor) -> Tensor:
        return y / torch.sqrt((1 - y) * (1 + y))


@dataclass(frozen=True)
class SmoothedL1(UnitBox):
    r"""``K(z) = Σ E|z_i + s·n|``, n standard normal: L1 as seen through Gaussian gradient noise.

    .. math:: K(z) = \sum_i z_i \operatorname{erf}\frac{z_i}{\sqrt2 s} + s\sqrt{\tfrac2\pi}\,e^{-z_i^2/2s^2};
              \qquad \partial K(z) = \operatorname{erf}\frac{z}{\sqrt2 s}

    .. math:: K^*(y) = -s\sqrt{\tfrac2\pi} \sum_i e^{-\operatorname{erfinv}(y_i)^2}; \qquad
              \partial K^*(y) = \sqrt2\, s \operatorname{erfinv} y

    The limit of a sign step under noise of standard deviation s per coordinate minimises this K's
    problem, not that of L1.

    Args:
        scale: s > 0, in the units of z.

    Example:
        >>> import torch
        >>> from signwise.convex import SmoothedL1
        >>> SmoothedL1(0.5).subgradient(torch.tensor([0.5, -0.5]))
        tensor([ 0.6827, -0.6827])
    """

    scale: float

    def __post_init__(self) -> None:
        self._declare(lipschitz=math.sqrt(2 / math.pi) / number(self.scale, "scale", 0))

    def subgradient(self, z: Tensor) -> Tensor:
        """erf(z/√2s)."""
        return torch.erf(working(z) * (1 / (math.sqrt(2) * self.scale))).to(z.dtype)

    def _terms(self, z: Tensor) -> Tensor:
        t = z / (math.sqrt(2) * self.scale)
        return z * torch.erf(t) + (self.scale * math.sqrt(2 / math.pi)) * torch.exp(-t.square())

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        return (-self.scale * math.sqrt(2 / math.pi)) * torch.exp(-torch.erfinv(y).square())

    def _conjugate_slopes(self, y: Tensor) -> Tensor:
        return (math.sqrt(2) * self.scale) * torch.erfinv(y)
