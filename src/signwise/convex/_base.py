"""The contract that every convex function meets, those of users included."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from signwise.errors import SignwiseError

from ._tensors import norm, ulps, widen

if TYPE_CHECKING:
    from torch import Tensor

    from ._algebra import Scaled, Shifted, Sum


class NotAvailableError(SignwiseError, NotImplementedError):
    """A convex function has no closed form for what was asked; the message names what to use instead."""


class Convex:
    r"""A convex function K of one tensor, with its subgradient and its conjugate.

    .. math:: K^*(y) = \sup_z \langle y, z\rangle - K(z), \qquad C = \operatorname{dom} K^*

    An optimizer that steps along a subgradient of K and decays its weights by λ minimises the loss
    plus K*(λx)/λ, so the set C is the constraint and 1/λ its radius.

    To write one of your own, subclass this class as a frozen dataclass and define ``value`` and
    ``subgradient``; define ``conjugate`` and the methods after it as far as they have closed forms,
    and set those of the attributes below that are true of K. What is left out raises
    :class:`NotAvailableError`, and an attribute left alone claims nothing.

    Results of ``subgradient``, ``conjugate_subgradient`` and ``project`` have the shape, dtype and
    device of the argument. ``value``, ``conjugate``, ``distance`` and ``gauge`` are reduced in float64
    and returned as 0-dimensional float64 tensors on that device, so that no call waits for a GPU
    (singular value decompositions apart). Half-precision arguments are computed in float32 or wider
    and rounded once. No method changes its argument or returns a view of it.

    With a NaN coordinate ``value`` is NaN. ``subgradient`` is NaN there if K is smooth, a point of C
    there if it is made of comparisons (``torch.sign(nan)`` is 0), and unspecified if K couples
    coordinates; members that take a singular value decomposition raise ``torch.linalg.LinAlgError``.

    Attributes:
        lipschitz: a Lipschitz constant of the subgradient in the Euclidean norm; inf if it jumps.
        even: K(-z) = K(z).
        elementwise: K is a sum of one function over the coordinates, so any split of a tensor is harmless.
        homogeneous: the subgradient at t·z, t > 0, is that at z.
        solid: C stays inside itself when coordinates shrink towards 0.
        bounded: C is bounded.
        exact: ``subgradient`` is a subgradient up to rounding; False if it is only a point of C.

    Example:
        >>> import torch
        >>> from dataclasses import dataclass
        >>> from signwise.convex import Convex
        >>> @dataclass(frozen=True)
        ... class Hinge(Convex):
        ...     elementwise = homogeneous = solid = bounded = True
        ...     def value(self, z):
        ...         return z.double().clamp(min=0).sum()
        ...     def subgradient(self, z):
        ...         return (z > 0).to(z.dtype)
        >>> (2.0 * Hinge()).subgradient(torch.tensor([3.0, -1.0]))
        tensor([2., 0.])
        >>> Hinge().project(torch.ones(2))
        Traceback (most recent call last):
        ...
        signwise.convex._base.NotAvailableError: Hinge() has no project; define it in the subclass
    """

    lipschitz: float = math.inf
    even: bool = False
    elementwise: bool = False
    homogeneous: bool = False
    solid: bool = False
    bounded: bool = False
    exact: bool = True

    def value(self, z: Tensor) -> Tensor:
        """K(z), a 0-dimensional float64 tensor."""
        raise self._unavailable("value")

    def subgradient(self, z: Tensor) -> Tensor:
        """One element of the subdifferential of K at `z`, always the same one; it lies in C."""
        raise self._unavailable("subgradient")

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """K*(y), a 0-dimensional float64 tensor; inf outside C.

        Args:
            y: any floating tensor.
            tolerance: how far outside C, relative to its size, `y` still counts as inside; the
                default is ``self.tolerance(y)``. Give one when `y` was rounded in another dtype
                than it has now.
        """
        raise self._unavailable("conjugate")

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """One element w of the subdifferential of K* at `y` in C: K(w) + K*(y) = ⟨w, y⟩.

        Infinite where it is infinite, on the boundary of C for smooth K. Outside C there is none and
        the result means nothing.
        """
        raise self._unavailable("conjugate_subgradient")

    def project(self, y: Tensor) -> Tensor:
        """The point of C nearest to `y` in the Euclidean norm."""
        raise self._unavailable("project")

    def distance(self, y: Tensor) -> Tensor:
        """The Euclidean distance from `y` to C, a 0-dimensional float64 tensor."""
        wide = widen(y, "y")
        try:
            nearest = self.project(wide)
        except NotAvailableError as error:
            raise self._unavailable("distance") from error
        return norm(wide - nearest)

    def gauge(self, y: Tensor) -> Tensor:
        """inf{t > 0 : y ∈ tC} for a C that holds 0: at most 1 on C and only there; 0-dimensional float64."""
        raise self._unavailable("gauge")

    def tolerance(self, y: Tensor) -> float:
        """The default of ``conjugate``'s `tolerance`: 4 units in the last place of y's dtype."""
        return ulps(y)

    def shifted(self, shift: float | Tensor) -> Shifted:
        """K(z) + ⟨shift, z⟩, whose C is moved by `shift`."""
        from ._algebra import Shifted

        return Shifted(self, shift)

    def __mul__(self, scale: float) -> Scaled:
        """K times a positive number, whose C is C times that number."""
        from ._algebra import Scaled

        if not isinstance(scale, (int, float)):
            return NotImplemented
        return Scaled(self, scale)

    __rmul__ = __mul__

    def __add__(self, other: Convex) -> Sum:
        """The sum of two convex functions."""
        from ._algebra import Sum

        if not isinstance(other, Convex):
            return NotImplemented
        return Sum(self, other)

    def _unavailable(self, what: str, instead: str = "define it in the subclass") -> NotAvailableError:
        return NotAvailableError(f"{self!r} has no {what}; {instead}")

    def _declare(self, **attributes: object) -> None:
        """Set attributes that depend on an instance's parameters; frozen dataclasses forbid assignment."""
        for name, value in attributes.items():
            object.__setattr__(self, name, value)


class SupportFunction(Convex):
    """K(z) = max over y in C of ⟨y, z⟩: positively homogeneous, and K* is 0 on C and inf outside.

    Subclasses define ``value``, ``subgradient`` and ``gauge``, and ``project`` where it is cheap.
    """

    homogeneous = True
    bounded = True

    def conjugate(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """0 on C, inf outside, NaN if y's gauge is NaN."""
        gauge = self.gauge(y)
        slack = self.tolerance(y) if tolerance is None else tolerance
        # 0·gauge keeps a NaN; an infinite gauge is caught by the comparison.
        return torch.where(gauge > 1 + slack, math.inf, 0 * gauge)

    def conjugate_subgradient(self, y: Tensor) -> Tensor:
        """Zero: on C the conjugate is least everywhere."""
        return torch.zeros_like(y)


def convex(K: Convex, name: str) -> Convex:
    """Return `K` if it meets the contract by inheritance; otherwise raise an error."""
    if not isinstance(K, Convex):
        raise TypeError(f"{name} must be a signwise.convex function, got {type(K).__name__}")
    return K
