"""Losses of the residuals: the weight ψ(ρ) of each and the multiplier τ of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from signwise.convex import L1, Convex, Huber

LossName = Literal["l1", "huber", "truncated"]
NAMES = ("l1", "huber", "truncated")
HUBER_WIDTH = 1.5  # in units of the scale
CUT = 3.0  # truncation, in units of the scale


@dataclass(frozen=True)
class Loss:
    """w = ψ(ρ) and τ at a scale s.

    ========= ========================== =========
    loss      ψ(ρ)                       τ
    ========= ========================== =========
    l1        sign(ρ)                    s√(π/2)
    huber     clip(ρ/1.5s, ±1)           1.5 s
    truncated ρ·1{|ρ| < 3s}              1
    convex K  ∂K(ρ/s)                    s
    ========= ========================== =========

    Attributes:
        name: of one of the first three; ``"convex"`` for a function K of :mod:`signwise.convex`.
        K: that function.
    """

    name: Literal["l1", "huber", "truncated", "convex"]
    K: Convex | None = None

    def multiplier(self, s: float) -> float:
        """τ."""
        return {"l1": s * math.sqrt(math.pi / 2), "huber": HUBER_WIDTH * s, "truncated": 1.0, "convex": s}[self.name]

    def weight(self, residual: Tensor, s: float | Tensor) -> Tensor:
        """ψ(ρ); for ``"truncated"`` s may be a scale for each residual."""
        if self.name == "l1":
            return torch.sign(residual)
        if self.name == "truncated":
            return torch.where(residual.abs() < CUT * s, residual, 0.0)
        if self.name == "huber":
            return (residual / (HUBER_WIDTH * s)).clamp(-1, 1)
        assert self.K is not None
        return self.K.subgradient(residual / s)


def loss_of(loss: str | Convex) -> Loss:
    """The loss of a name or of a convex function.

    Raises:
        TypeError: neither.
        ValueError: no such name, or a K that couples coordinates.
    """
    if isinstance(loss, Convex):
        if isinstance(loss, L1):
            return Loss("l1")
        if isinstance(loss, Huber) and loss.eps == HUBER_WIDTH:
            return Loss("huber")
        if not (loss.elementwise and loss.even):
            raise ValueError(f"loss must be even and a sum over coordinates; {loss!r} is not")
        return Loss("convex", loss)
    if not isinstance(loss, str):
        raise TypeError(f"loss must be a name or a signwise.convex function, got {type(loss).__name__}")
    if loss not in NAMES:
        raise ValueError(f"loss is {loss!r}; the names are: auto, {', '.join(NAMES)}")
    return Loss(loss)  # type: ignore[arg-type]
