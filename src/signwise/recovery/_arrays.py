"""Arrays in, float64 tensors inside, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = Any  # a numpy array or a tensor; the results of public functions are of the kind that came


def tensor(x: Array, name: str, ndim: int, device: torch.device | str | None = None) -> Tensor:
    """A float64 tensor with `ndim` axes and finite entries; shares memory where it can.

    Raises:
        TypeError: not numeric.
        ValueError: another number of axes, or NaN or infinite entries.
    """
    if not isinstance(x, Tensor):
        x = np.asarray(x)
        if x.dtype.kind not in "fiub":
            raise TypeError(f"{name} must be real numbers, got dtype {x.dtype}")
        x = torch.from_numpy(np.require(x, np.float64, ["C", "W"]))
    elif x.is_complex():
        raise TypeError(f"{name} must be real numbers, got dtype {x.dtype}")
    out: Tensor = x.detach().to(device=device or x.device, dtype=torch.float64)
    if out.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} axes, got shape {tuple(out.shape)}")
    if not bool(torch.isfinite(out).all()):
        raise ValueError(f"{name} has NaN or infinite entries; leave those measurements out")
    return out


def indices(x: Array, name: str, below: int) -> Tensor:
    """An int64 tensor of one axis with entries in ``[0, below)``."""
    x = torch.as_tensor(np.asarray(x) if not isinstance(x, Tensor) else x)
    if x.ndim != 1 or x.is_floating_point() or x.dtype == torch.bool:
        raise ValueError(f"{name} must be whole numbers of one axis, got {x.dtype} of shape {tuple(x.shape)}")
    out: Tensor = x.to(torch.int64)
    if out.numel() and (int(out.min()) < 0 or int(out.max()) >= below):
        raise ValueError(f"{name} must be in [0, {below}), got {int(out.min())} to {int(out.max())}")
    return out


def like(template: Array, out: Tensor) -> Array:
    """The result as the kind of array that came."""
    return out if isinstance(template, Tensor) else out.cpu().numpy()


def generator(random_state: Any) -> np.random.Generator:
    """A numpy generator of a seed, a generator, a legacy ``RandomState`` or None."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4))
    return np.random.default_rng(random_state)


def gaussian(rng: np.random.Generator, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Standard normal entries: float64, drawn on the CPU so that every device gets the same."""
    return torch.from_numpy(rng.standard_normal(shape)).to(device)
