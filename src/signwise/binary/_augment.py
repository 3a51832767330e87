"""Random changes of a batch of images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def crop_flip(x: Tensor, generator: torch.Generator, *, pad: int = 4) -> Tensor:
    """Crop each image at a random place of itself padded with zeros, and flip half of them left to right.

    Args:
        x: shape ``(n, c, h, w)``.
        generator: where the places come from.
        pad: width of the padding.

    Returns:
        The same shape.
    """
    n, _, height, width = x.shape
    padded = F.pad(x, (pad, pad, pad, pad))
    tops = torch.randint(0, 2 * pad + 1, (n, 1), generator=generator)
    lefts = torch.randint(0, 2 * pad + 1, (n, 1), generator=generator)
    rows, columns = tops + torch.arange(height), lefts + torch.arange(width)
    flipped = torch.rand((n, 1), generator=generator) < 0.5
    columns = torch.where(flipped, columns.flip(1), columns)
    rows, columns = rows.to(x.device), columns.to(x.device)
    return padded[torch.arange(n, device=x.device)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(
        0, 3, 1, 2
    )
