"""Dropout by uniform numbers, which cost a third of torch's draws of zeros and ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def dropout_factors(like: Tensor, p: float) -> Tensor:
    """Factors 0 with probability p, else ``1 / (1 - p)``; of the shape, dtype and device of ``like``."""
    return (torch.rand_like(like) >= p).to(like.dtype).mul_(1 / (1 - p))


class Dropout(nn.Module):
    """:class:`torch.nn.Dropout` with other random numbers.

    Args:
        p: share of the entries that become zero in training, below 1.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout is {p}; expected a share in [0, 1)")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """The entries that stay, scaled; ``x`` itself in evaluation."""
        return x * dropout_factors(x, self.p) if self.training and self.p else x
