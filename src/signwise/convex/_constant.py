"""Immutable arrays, so that value objects can hold parameters of any shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, repr=False)
class Constant:
    """A float64 array that cannot change, with equality and hash by content.

    Args:
        shape: its shape.
        data: its entries, row-major float64 bytes.

    Example:
        >>> import torch
        >>> from signwise.convex._constant import Constant
        >>> constant = Constant.of(torch.tensor([1.0, 2.0]), "shift")
        >>> constant, constant == Constant.of([1.0, 2.0], "shift")
        (array([1., 2.]), True)
    """

    shape: tuple[int, ...]
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, values: ArrayLike | Tensor | Constant, name: str) -> Constant:
        """Copy a tensor, an array or nested sequences of finite numbers."""
        if isinstance(values, Constant):
            return values
        if isinstance(values, Tensor):
            values = values.detach().to("cpu", torch.float64).numpy()
        array = np.asarray(values, dtype=np.float64)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite; got an array with inf or NaN")
        return cls(array.shape, array.tobytes())

    def array(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """A read-only view."""
        return np.frombuffer(self.data).reshape(self.shape)

    def tensor(self, device: torch.device, dtype: torch.dtype = torch.float64) -> Tensor:
        """The array on `device`, kept for the next call; do not write into it."""
        kept: dict[tuple[torch.device, torch.dtype], Tensor] = self.__dict__.setdefault("_kept", {})
        key = (device, dtype)
        if key not in kept:
            with torch.inference_mode(False):  # a tensor made in that mode could never meet autograd
                kept[key] = torch.tensor(self.array(), device=device, dtype=dtype)
        return kept[key]

    def __reduce__(self) -> tuple[type[Constant], tuple[tuple[int, ...], bytes]]:
        return type(self), (self.shape, self.data)

    def __repr__(self) -> str:
        return repr(self.array())
