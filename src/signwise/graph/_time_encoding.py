"""Spans of time as vectors of learned cosines."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

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
        span = span_days.to(self.lin.weight.dtype).unsqueeze(-1)
        return torch.cos(torch.addcmul(self.lin.bias, span, self.lin.weight[:, 0]))
