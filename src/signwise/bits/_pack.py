"""From values to packed signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._native import _bits as _native
from ._kinds import describe, is_tensor
from ._packed import PackedBits
from ._ternary import TernaryBits


def pack(x: Any) -> PackedBits:
    """The signs of x, packed along its last axis: bit 1 (+1) where x >= 0, bit 0 (-1) elsewhere.

    So 0.0 and -0.0 give +1 and NaN gives -1. A boolean gives +1 where it is true and -1 where it is false.
    Gradients do not pass: bits are constants to autograd.

    Args:
        x: array or tensor, shape ``(..., K)`` with at least one axis; float16, bfloat16 (torch), float32,
            float64, a signed integer or bool, contiguous or not.

    Returns:
        Packed signs of shape ``(..., K)``, numpy or torch as x.

    Raises:
        TypeError: x is no array or tensor, or has another dtype (unsigned integers are never negative).
        ValueError: x has no axis.

    Example:
        >>> import numpy as np
        >>> from signwise.bits import pack
        >>> pack(np.array([1.0, -1.0, -0.0, np.nan])).unpack()
        array([ 1., -1.,  1., -1.], dtype=float32)
    """
    if isinstance(x, np.ndarray):
        return PackedBits(_native.pack(x), x.shape[-1])
    if is_tensor(x):
        from . import _torch

        return PackedBits(_torch.pack(x), x.shape[-1])
    raise TypeError(f"x must be a numpy array or a torch tensor, got {describe(x)}")


def pack_ternary(x: Any) -> TernaryBits:
    """sign(x) with sign(0) = 0, packed along the last axis as two planes of bits.

    NaN gives 0, so that a lost value casts no vote.

    Args:
        x: array or tensor, shape ``(..., K)`` with at least one axis; a floating or signed integer dtype.

    Returns:
        Packed values -1, 0 and 1 of shape ``(..., K)``, numpy or torch as x.

    Raises:
        TypeError: x is no array or tensor, or has another dtype.
        ValueError: x has no axis.

    Example:
        >>> import numpy as np
        >>> from signwise.bits import pack_ternary
        >>> pack_ternary(np.array([2.0, -3.0, 0.0, np.nan])).unpack()
        array([ 1., -1.,  0.,  0.], dtype=float32)
    """
    nonzero: Any
    positive: Any
    if isinstance(x, np.ndarray):
        nonzero, positive = _native.pack_ternary(x)
    elif is_tensor(x):
        from . import _torch

        nonzero, positive = _torch.pack_ternary(x)
    else:
        raise TypeError(f"x must be a numpy array or a torch tensor, got {describe(x)}")
    return TernaryBits._of_planes(PackedBits(nonzero, x.shape[-1]), PackedBits(positive, x.shape[-1]))
