"""Functions that are sums over coordinates and whose set C is the unit box."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ._base import Convex, SupportFunction
from ._tensors import check, max_abs, number, widen


class UnitBox(Convex):
    """An even sum over coordinates with C the box ``|y_i| ≤ 1``.

    Subclasses give K's terms, and K*'s terms and slopes on [-1, 1], all in float64.
    """

    even = True
    elementwise = True
    solid = True
    bounded = True

    def value(self, z: Tensor) -> Tensor:
        """The sum of K's terms."""
        return self._terms(widen(z)).sum()

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """The sum of K*'s terms on the box, inf outside."""
        slack = self.tolerance(y) if tolerance is None else tolerance
        total = self._conjugate_terms(self._clip(y)).sum()
        return torch.where(self.gauge(y) > 1 + slack, math.inf, total)

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """The slopes of K*'s terms."""
        return self._conjugate_slopes(self._clip(y)).to(y.dtype)

    def project(self, y: Tensor) -> Tensor:
        """Clip to [-1, 1]."""
        return check(y, "y").clamp(-1, 1)

    def gauge(self, y: Tensor) -> Tensor:
        """``max|y_i|``."""
        return max_abs(check(y, "y")).double()

    def _clip(self, y: Tensor) -> Tensor:
        return widen(y, "y").clamp(-1, 1)

    def _terms(self, z: Tensor) -> Tensor:
        raise NotImplementedError

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def _conjugate_slopes(self, y: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass(frozen=True)
class L1(UnitBox):
    r"""``K(z) = Σ|z_i|``, the sum whose subgradient is the sign.

    .. math:: \partial K(z) = \operatorname{sign} z,\ \operatorname{sign} 0 = 0; \qquad
              K^*(y) = 0 \text{ on } |y_i| \le 1

    The K of Lion and of sign descent.

    Example:
        >>> import torch
        >>> from signwise.convex import L1
        >>> L1().subgradient(torch.tensor([0.3, -2.0, 0.0]))
        tensor([ 1., -1.,  0.])
        >>> L1().project(torch.tensor([0.3, -2.0, 0.0]))
        tensor([ 0.3000, -1.0000,  0.0000])
    """

    homogeneous = True

    def subgradient(self, z: Tensor) -> Tensor:
        """sign(z), with sign(0) = 0."""
        return torch.sign(check(z))

    def _terms(self, z: Tensor) -> Tensor:
        return z.abs()

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        return 0 * y

    def _conjugate_slopes(self, y: Tensor) -> Tensor:
        return torch.zeros_like(y)


@dataclass(frozen=True)
class DeadZone(UnitBox):
    r"""``K(z) = Σ max(|z_i| − ε, 0)``: L1 that ignores entries up to ε.

    .. math:: \partial K(z) = \operatorname{sign}(z)\,1(|z| > \varepsilon); \qquad
              K^*(y) = \varepsilon\|y\|_1 \text{ on } |y_i| \le 1

    The conjugate pulls weights to 0, so it yields sparse weights inside the box. ε is in the units of z.

    Args:
        eps: ε ≥ 0.

    Example:
        >>> import torch
        >>> from signwise.convex import DeadZone
        >>> DeadZone(0.5).subgradient(torch.tensor([0.3, -2.0]))
        tensor([ 0., -1.])
    """

    eps: float

    def __post_init__(self) -> None:
        if self.eps != 0:
            number(self.eps, "eps", 0)
        self._declare(homogeneous=self.eps == 0)

    def subgradient(self, z: Tensor) -> Tensor:
        """sign(z) where ``|z| > ε``, else 0."""
        return torch.sign(check(z)) * (widen(z).abs() > self.eps)

    def _terms(self, z: Tensor) -> Tensor:
        return (z.abs() - self.eps).clamp(min=0)

    def _conjugate_terms(self, y: Tensor) -> Tensor:
        return self.eps * y.abs()

    def _conjugate_slopes(self, y: Tensor) -> Tensor:
        return self.eps * torch.sign(y)


@dataclass(frozen=True)
class AsymmetricBox(SupportFunction):
    r"""K(z) = Σ max(l·z_i, u·z_i), the support function of the box [l, u].

    .. math:: \partial K(z) = u \text{ if } z > 0,\ l \text{ if } z < 0,\ \operatorname{clip}(0, l, u)
              \text{ at } 0; \qquad K^*(y) = 0 \text{ on } l \le y_i \le u

    Args:
        low: l, the lower end.
        high: u ≥ l, the upper end.

    Example:
        >>> import torch
        >>> from signwise.convex import AsymmetricBox
        >>> AsymmetricBox(0.0, 2.0).subgradient(torch.tensor([0.3, -2.0, 0.0]))
        tensor([2., 0., 0.])
    """

    elementwise = True

    low: float
    high: float

    def __post_init__(self) -> None:
        low, high = number(self.low, "low"), number(self.high, "high")
        if low > high:
            raise ValueError(f"low must be at most high, got low={self.low!r} and high={self.high!r}")
        self._declare(even=low == -high, solid=low <= 0 <= high, lipschitz=math.inf if low < high else 0.0)

    def value(self, z: Tensor) -> Tensor:
        """Σ max(l·z_i, u·z_i)."""
        wide = widen(z)
        # An end at 0 contributes 0 at infinity too, where 0·z is not a number.
        below, above = (end * wide if end else torch.zeros_like(wide) for end in (self.low, self.high))
        return torch.where(wide > 0, above, torch.where(wide < 0, below, 0 * wide)).sum()

    def subgradient(self, z: Tensor) -> Tensor:
        """u, l or the point of [l, u] nearest 0, by the sign of z."""
        at_zero = min(max(0.0, self.low), self.high)
        middle = torch.full_like(check(z), at_zero)
        return torch.where(z > 0, self.high, torch.where(z < 0, self.low, middle))

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """0 on the box, inf outside; the tolerance is relative to ``max(|l|, |u|)``."""
        slack = (self.tolerance(y) if tolerance is None else tolerance) * max(abs(self.low), abs(self.high))
        excess = max_abs(self._excess(widen(y, "y")))
        return torch.where(excess > slack, math.inf, 0 * excess)

    def project(self, y: Tensor) -> Tensor:
        """Clip to [l, u]."""
        return check(y, "y").clamp(self.low, self.high)

    def gauge(self, y: Tensor) -> Tensor:
        """max over i of y_i/u or y_i/l, whichever is positive; needs l ≤ 0 ≤ u."""
        if not self.low <= 0 <= self.high:
            raise self._unavailable("gauge", "0 is not in its box; use distance")
        wide = widen(y, "y")
        # 0/0 is no excess; a coordinate that may not leave 0 has an infinite gauge once it does.
        ratios = torch.where(wide > 0, wide / self.high if self.high else math.inf, 0 * wide)
        return max_abs(torch.where(wide < 0, wide / self.low if self.low else math.inf, ratios))

    def _excess(self, wide: Tensor) -> Tensor:
        return wide - wide.clamp(self.low, self.high)
