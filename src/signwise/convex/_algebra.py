"""New convex functions from old: scaled, shifted, and summed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._base import Convex, NotAvailableError, convex
from ._constant import Constant
from ._tensors import check, number, widen

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor


@dataclass(frozen=True)
class Scaled(Convex):
    r"""s·K for s > 0; written ``s * K``.

    .. math:: \partial(sK) = s\,\partial K; \qquad (sK)^*(y) = s K^*(y/s); \qquad
              \partial(sK)^*(y) = \partial K^*(y/s); \qquad \text{set } sC

    Weights under decay λ then have the radius s/λ.

    Args:
        function: K.
        scale: s > 0.

    Example:
        >>> import torch
        >>> from signwise.convex import L1
        >>> K = 0.5 * L1()
        >>> K, K.project(torch.tensor([2.0, -0.1]))
        (Scaled(function=L1(), scale=0.5), tensor([ 0.5000, -0.1000]))
    """

    function: Convex
    scale: float

    def __post_init__(self) -> None:
        K = convex(self.function, "function")
        self._declare(
            lipschitz=number(self.scale, "scale", 0) * K.lipschitz,
            even=K.even,
            elementwise=K.elementwise,
            homogeneous=K.homogeneous,
            solid=K.solid,
            bounded=K.bounded,
            exact=K.exact,
        )

    def value(self, z: Tensor) -> Tensor:
        """s·K(z)."""
        return self.scale * self.function.value(z)

    def subgradient(self, z: Tensor) -> Tensor:
        """s·∂K(z)."""
        return self.scale * self.function.subgradient(z)

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """s·K*(y/s)."""
        # y/s is taken in float64, but y has the rounding errors of its own dtype.
        slack = self.tolerance(y) if tolerance is None else tolerance
        return self.scale * self.function.conjugate(widen(y, "y") / self.scale, tolerance=slack)

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """∂K*(y/s)."""
        return self.function.conjugate_subgradient(widen(y, "y") / self.scale).to(y.dtype)

    def project(self, y: Tensor) -> Tensor:
        """s times the projection of y/s."""
        return (self.scale * self.function.project(widen(y, "y") / self.scale)).to(y.dtype)

    def distance(self, y: Tensor) -> Tensor:
        """s times the distance of y/s."""
        return self.scale * self.function.distance(widen(y, "y") / self.scale)

    def gauge(self, y: Tensor) -> Tensor:
        """The gauge of y/s."""
        return self.function.gauge(widen(y, "y") / self.scale)

    def tolerance(self, y: Tensor) -> float:
        """K's own."""
        return self.function.tolerance(y)


@dataclass(frozen=True)
class Shifted(Convex):
    r"""K(z) + ⟨a, z⟩; written ``K.shifted(a)``.

    .. math:: \partial K + a; \qquad K^*(y - a); \qquad \partial K^*(y - a); \qquad \text{set } C + a

    It has no gauge, since C + a need not hold 0; use ``distance``.

    Args:
        function: K.
        shift: a, a number or a tensor (array, nested lists) of the shape of z, copied to float64.

    Example:
        >>> import torch
        >>> from signwise.convex import L1
        >>> L1().shifted(0.5).subgradient(torch.tensor([2.0, -2.0]))
        tensor([ 1.5000, -0.5000])
    """

    function: Convex
    shift: float | Constant

    def __init__(self, function: Convex, shift: float | ArrayLike | Tensor | Constant) -> None:
        K = convex(function, "function")
        constant = Constant.of(shift, "shift")
        still, uniform = not constant.array().any(), constant.shape == ()
        self._declare(
            function=K,
            shift=constant.array().item() if uniform else constant,
            lipschitz=K.lipschitz,
            even=K.even and still,
            elementwise=K.elementwise and uniform,
            homogeneous=K.homogeneous,
            solid=K.solid and still,
            bounded=K.bounded,
            exact=K.exact,
        )

    def value(self, z: Tensor) -> Tensor:
        """K(z) + ⟨a, z⟩."""
        return self.function.value(z) + (self._offset(z, "z") * z.double()).sum()

    def subgradient(self, z: Tensor) -> Tensor:
        """∂K(z) + a."""
        return (self.function.subgradient(z).double() + self._offset(z, "z")).to(z.dtype)

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """K*(y − a)."""
        slack = self.tolerance(y) if tolerance is None else tolerance
        return self.function.conjugate(self._back(y), tolerance=slack)

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """∂K*(y − a)."""
        return self.function.conjugate_subgradient(self._back(y)).to(y.dtype)

    def project(self, y: Tensor) -> Tensor:
        """The projection of y − a, plus a."""
        return (self.function.project(self._back(y)) + self._offset(y, "y")).to(y.dtype)

    def distance(self, y: Tensor) -> Tensor:
        """The distance of y − a."""
        return self.function.distance(self._back(y))

    def gauge(self, y: Tensor) -> Tensor:
        """Not available."""
        raise self._unavailable("gauge", "its set need not hold 0; use distance")

    def tolerance(self, y: Tensor) -> float:
        """K's own times ``max(1, |a|)``: y was rounded relative to its size, not to that of y − a."""
        largest = abs(self.shift) if isinstance(self.shift, float) else abs(self.shift.array()).max(initial=0)
        return self.function.tolerance(y) * max(1.0, float(largest))

    def _offset(self, x: Tensor, name: str) -> float | Tensor:
        check(x, name)
        if isinstance(self.shift, float):
            return self.shift
        if self.shift.shape != tuple(x.shape):
            raise ValueError(f"{name} must have the shape of the shift, {self.shift.shape}; got {tuple(x.shape)}")
        return self.shift.tensor(x.device)

    def _back(self, y: Tensor) -> Tensor:
        return widen(y, "y") - self._offset(y, "y")


@dataclass(frozen=True)
class Sum(Convex):
    r"""K₁ + K₂; written ``K1 + K2``.

    Its subgradient is ∂K₁ + ∂K₂ and its set the Minkowski sum C₁ ⊕ C₂. The conjugate is an infimal
    convolution, K*(y) = inf_v K₁*(v) + K₂*(y − v), which has no closed form here, and nor has the
    projection: both raise, and so do ``conjugate_subgradient``, ``distance`` and ``gauge``.

    Args:
        first: K₁.
        second: K₂.

    Example:
        >>> import torch
        >>> from signwise.convex import L1, LInf
        >>> (L1() + LInf()).subgradient(torch.tensor([1.0, -3.0]))
        tensor([ 1., -2.])
    """

    first: Convex
    second: Convex

    def __post_init__(self) -> None:
        parts = (convex(self.first, "first"), convex(self.second, "second"))
        self._declare(
            lipschitz=sum(K.lipschitz for K in parts),
            even=all(K.even for K in parts),
            elementwise=all(K.elementwise for K in parts),
            homogeneous=all(K.homogeneous for K in parts),
            # y = a + b shrinks to ta + tb, t in [0, 1] per coordinate.
            solid=all(K.solid for K in parts),
            bounded=all(K.bounded for K in parts),
            exact=all(K.exact for K in parts),
        )

    def value(self, z: Tensor) -> Tensor:
        """K₁(z) + K₂(z)."""
        return self.first.value(z) + self.second.value(z)

    def subgradient(self, z: Tensor) -> Tensor:
        """∂K₁(z) + ∂K₂(z)."""
        return self.first.subgradient(z) + self.second.subgradient(z)

    def _unavailable(self, what: str, instead: str = "") -> NotAvailableError:
        return super()._unavailable(
            what,
            "its set is a Minkowski sum without a closed form; use one of its terms, or Product for groups",
        )
