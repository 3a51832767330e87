"""Checks, working precisions and scale-safe reductions that the members of `convex` share."""

from __future__ import annotations

import math
from numbers import Real

import torch
from torch import Tensor


def check(x: Tensor, name: str = "z") -> Tensor:
    """Return `x` if it is a real floating tensor; otherwise raise an error that says what to do."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor, got {type(x).__name__}; convert an array with torch.from_numpy"
        )
    if x.is_complex():
        raise TypeError(f"{name} must be real, got {x.dtype}; pass torch.view_as_real({name})")
    if not x.is_floating_point():
        raise TypeError(f"{name} must have a floating dtype, got {x.dtype}; convert it with {name}.float()")
    return x


def widen(x: Tensor, name: str = "z") -> Tensor:
    """`x` in float64, for reductions."""
    return check(x, name).double()


def working(x: Tensor, name: str = "z") -> Tensor:
    """`x` in the dtype that elementwise formulas are evaluated in: float32 for narrower ones."""
    return check(x, name) if x.dtype in (torch.float32, torch.float64) else check(x, name).float()


def ulps(x: Tensor, count: float = 4.0) -> float:
    """`count` units in the last place of 1 in x's dtype."""
    return count * torch.finfo(check(x, "y").dtype).eps


def max_abs(x: Tensor) -> Tensor:
    """max |x_i| over the whole tensor, 0 for an empty one."""
    return x.abs().amax() if x.numel() else x.new_zeros(())


def norm(x: Tensor, p: float = 2.0) -> Tensor:
    """‖x‖_p over the whole tensor, 1 ≤ p < inf, without overflow or underflow between."""
    return grouped_norm(x.flatten(), p, (0,)).reshape(())


def grouped_norm(x: Tensor, p: float, dims: tuple[int, ...]) -> Tensor:
    """‖x‖_p over `dims`, which are kept with size 1; each norm is computed relative to its largest entry."""
    a = x.abs()
    if not a.numel():
        return a.sum(dims, keepdim=True)
    top = a.amax(dims, keepdim=True)
    unit = torch.where((top > 0) & (top < math.inf), top, 1.0)
    return unit * (a / unit).pow(p).sum(dims, keepdim=True).pow(1 / p)


def number(value: object, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """`value` as a float if it is a finite real number in the open interval (low, high)."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    result = float(value)
    if not (math.isfinite(result) and low < result < high):
        limits = f"in ({low:g}, {high:g})" if high < math.inf else f"above {low:g}" if low > -math.inf else ""
        raise ValueError(f"{name} must be a finite number {limits}".rstrip() + f", got {value!r}")
    return result


def count(value: int, name: str) -> int:
    """`value` if it is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return value
