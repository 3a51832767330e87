"""Spans of time as vectors of learned cosines."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_DAY_S = 86_400.0


def days(ticks: npt.NDArray[np.int64], tick_seconds: float) -> npt.NDArray[np.float32]:
    """Differences of times in days, as float32.

    The difference is taken in int64 by the caller: float32 seconds of this century step by 128.

    Args:
        ticks: int64, any shape; differences of ticks.
        tick_seconds: seconds in a tick.

    Example:
        >>> import numpy as np
        >>> days(np.array([86_400_000_000, 43_200_000_000]), 1e-6).tolist()
        [1.0, 0.5]
    """
    return (np.asarray(ticks, np.int64) * (tick_seconds / _DAY_S)).astype(np.float32)


class TimeEncoding(nn.Module):
    r"""A span Δ in days as :math:`\varphi(\Delta) = \cos(\omega \Delta + b)`, with ω and b learned.

    Args:
        dim: length of the vector.
        init: ``"linear"`` draws ω and b as ``torch.nn.Linear(1, dim)`` does, as published; ``"geometric"`` starts
            from :math:`\omega_k = 10^{-4k/(dim - 1)}` per day and b = 0, from one day to 27 years a radian.

    Example:
        >>> import torch
        >>> TimeEncoding(2, init="geometric")(torch.zeros(1)).tolist()
        [[1.0, 1.0]]
    """

    def __init__(self, dim: int, *, init: Literal["linear", "geometric"] = "linear") -> None:
        super().__init__()
        if init not in ("linear", "geometric"):
            raise ValueError(f"init is {init!r}; expected 'linear' or 'geometric'")
        self.dim = dim
        self.lin = nn.Linear(1, dim)
        if init == "geometric":
            omega = 10.0 ** (-4.0 * torch.arange(dim) / max(dim - 1, 1))
            with torch.no_grad():
                self.lin.weight.copy_(omega[:, None])
                self.lin.bias.zero_()

    def forward(self, span_days: Tensor) -> Tensor:
        """Encode spans.

        Args:
            span_days: float, shape ``(...)``.

        Returns:
            float, shape ``(..., dim)``.
        """
        span, omega = span_days.to(self.lin.weight.dtype), self.lin.weight[:, 0]
        encoded: Tensor = _Cosines.apply(span, omega, self.lin.bias)  # type: ignore[no-untyped-call]
        return encoded


class _Cosines(torch.autograd.Function):
    """cos(ω Δ + b) with gradients of ω and b alone, in fewer passes over the rows than the chain of operators takes."""

    @staticmethod
    def forward(ctx: Any, span: Tensor, omega: Tensor, bias: Tensor) -> Tensor:
        """See :meth:`TimeEncoding.forward`."""
        ctx.save_for_backward(span, omega, bias)
        return torch.addcmul(bias, span.unsqueeze(-1), omega).cos_()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, Tensor]:
        """The gradients -Σ Δ g sin(ω Δ + b) and -Σ g sin(ω Δ + b)."""
        span, omega, bias = ctx.saved_tensors
        sines = torch.addcmul(bias, span.unsqueeze(-1), omega).sin_().mul_(gradient).view(-1, len(omega))
        return None, -(span.reshape(-1) @ sines), -sines.sum(0)
