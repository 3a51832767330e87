"""Inner products and distances of packed rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._native import _bits as _native
from ._kinds import describe
from ._packed import PackedBits


def check_pair(a: Any, b: Any, names: tuple[str, str]) -> None:
    """Raise unless a and b are packed rows of one length and one kind of words."""
    for x, name in zip((a, b), names, strict=True):
        if not isinstance(x, PackedBits):
            raise TypeError(f"{name} must be PackedBits, got {describe(x)}; pack it first")
    if a.length != b.length:
        raise ValueError(f"{names[0]} has rows of {a.length} values and {names[1]} of {b.length}; they must agree")
    if isinstance(a.words, np.ndarray) != isinstance(b.words, np.ndarray):
        raise TypeError(f"{names[0]} is on {a.device} and {names[1]} on {b.device}; move one with .to(...)")


def xnor_matmul(a: PackedBits, b: PackedBits) -> Any:
    """The product a bᵀ of two packed matrices of signs, exactly.

    out[..., i, j] = Σ_k a[..., i, k] b[..., j, k] = K - 2 popcount(a_i XOR b_j)

    Args:
        a: shape ``(..., M, K)``.
        b: shape ``(..., N, K)``; leading axes broadcast with those of a.

    Returns:
        int32, shape ``(..., M, N)``, an array or tensor as the words are.

    Raises:
        TypeError: an argument is not packed, or one is numpy and the other torch.
        ValueError: lengths differ, an argument has fewer than two axes, or leading axes do not broadcast.

    Example:
        >>> import numpy as np
        >>> from signwise.bits import pack, xnor_matmul
        >>> a, b = np.array([[1, 1, -1]]), np.array([[1, 1, 1], [-1, 1, -1]])
        >>> xnor_matmul(pack(a), pack(b))
        array([[1, 1]], dtype=int32)
        >>> a @ b.T
        array([[1, 1]])
    """
    check_pair(a, b, ("a", "b"))
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError(f"a {a.shape} and b {b.shape} must have two axes or more; write p[None] for a single row")
    if isinstance(a.words, np.ndarray):
        return matmul_words(a.words, b.words, a.length)
    from . import _torch

    return _torch.xnor_matmul(a.words, b.words, a.length)


def matmul_words(a: Any, b: Any, length: int) -> Any:
    """:func:`xnor_matmul` on numpy words."""
    if a.ndim == 2 and b.ndim == 2:
        return _native.xnor_matmul(a, b, length)
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    m, n, words = a.shape[-2], b.shape[-2], a.shape[-1]
    if b.ndim == 2 or b.shape[:-2].count(1) == b.ndim - 2:  # one b for all: a single tall product
        tall = _native.xnor_matmul(a.reshape(math.prod(a.shape[:-1]), words), b.reshape(n, words), length)
        return tall.reshape(*shape, m, n)
    left = np.broadcast_to(a, (*shape, m, words))
    right = np.broadcast_to(b, (*shape, n, words))
    out = np.empty((*shape, m, n), np.int32)
    for at in np.ndindex(*shape):
        out[at] = _native.xnor_matmul(left[at], right[at], length)
    return out


def hamming(a: PackedBits, b: PackedBits) -> Any:
    """How many signs differ between rows of a and rows of b: popcount(a XOR b).

    Args:
        a: shape ``(..., K)``.
        b: shape ``(..., K)``; leading axes broadcast with those of a.

    Returns:
        int32, the broadcast leading shape, an array or tensor as the words are.

    Raises:
        TypeError: an argument is not packed, or one is numpy and the other torch.
        ValueError: lengths differ or leading axes do not broadcast.

    Example:
        >>> import numpy as np
        >>> from signwise.bits import hamming, pack
        >>> hamming(pack(np.array([[1, 1, -1], [1, 1, 1]])), pack(np.array([-1, 1, -1])))
        array([1, 2], dtype=int32)
    """
    check_pair(a, b, ("a", "b"))
    if isinstance(a.words, np.ndarray):
        return hamming_words(a.words, b.words)
    from . import _torch

    return _torch.hamming(a.words, b.words)


def hamming_words(a: Any, b: Any) -> Any:
    """:func:`hamming` on numpy words."""
    if a.shape == b.shape and a.ndim == 2:
        return _native.hamming(a, b)
    left, right = a.shape[:-1], b.shape[:-1]
    shape = left if left == right else np.broadcast_shapes(left, right)
    rows, words = math.prod(shape), a.shape[-1]
    if rows == 0:
        return np.zeros(shape, np.int32)
    flat = []
    for x in (a, b):
        count = math.prod(x.shape[:-1])
        if count != 1 and x.shape[:-1] != shape:
            x, count = np.broadcast_to(x, (*shape, words)), rows
        flat.append(x.reshape(count, words))
    return _native.hamming(flat[0], flat[1]).reshape(shape)
