"""Hashes, atoms and orthogonal transforms: checks, dispatch to the kernels, and the fallback in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _ortho_numpy, _runtime
from ._ortho_numpy import MASK as MASK
from ._ortho_numpy import PHI as PHI
from ._ortho_numpy import ln as ln
from ._ortho_numpy import mix64 as mix64
from ._ortho_numpy import mix64_words as mix64_words
from ._ortho_numpy import uniform as uniform

Words = NDArray[np.uint64]


def xxh64(data: bytes, seed: int) -> int:
    """XXH64 of the bytes; ``0 <= seed < 2**64``."""
    core = _runtime.core()
    return int(core.xxh64(data, seed)) if core else _ortho_numpy.xxh64(data, seed)


def atom_words(hashes: Words, d: int) -> Words:
    """Words of the atoms of hashes, uint64, ``(n,)`` to ``(n, ceil(d/64))``; a bit 0 is +1, a bit 1 is -1."""
    core = _runtime.core()
    if not core:
        return _ortho_numpy.atom_words(hashes, d)
    out = np.empty((len(hashes), (d + 63) // 64), np.uint64)
    core.atom_words(np.ascontiguousarray(hashes), d, out)
    return out


def fisher_yates(stream: int, d: int) -> NDArray[np.int32]:
    """The permutation of the stream, int32, shape ``(d,)``; d < 2**31."""
    core = _runtime.core()
    if not core:
        return _ortho_numpy.fisher_yates(stream, d)
    out = np.empty(d, np.int32)
    core.fisher_yates(stream, out)
    return out


def signed_rotation(x: NDArray[Any], signs: NDArray[np.int8], shift: int, *, floating: bool) -> NDArray[Any]:
    """signs * R^shift x on the last axis, the shape and dtype of x.

    Args:
        x: shape ``(..., d)``, components of 1, 2, 4 or 8 bytes.
        signs: +1 or -1, int8, shape ``(d,)``.
        shift: steps towards higher components, at least 0 and below d.
        floating: negate by the sign bit instead of by two's complement; x may be the bits seen as integers.
    """
    core = _runtime.core()
    rows = _rows(x)
    if not core:
        return _ortho_numpy.signed_rotation(rows, signs, shift, floating).reshape(x.shape)
    out = np.empty(x.shape, rows.dtype)
    rows = rows.view(f"u{x.dtype.itemsize}")
    core.signed_rotation(rows, signs, shift, floating, out.view(rows.dtype).reshape(rows.shape), _runtime.num_threads())
    return out


def signed_permutation(
    x: NDArray[Any], signs: NDArray[np.int8], perm: NDArray[np.int32], *, floating: bool
) -> NDArray[Any]:
    """signs * x[perm] on the last axis, the shape and dtype of x; arguments as in :func:`signed_rotation`."""
    core = _runtime.core()
    rows = _rows(x)
    if not core:
        return _ortho_numpy.signed_permutation(rows, signs, perm, floating).reshape(x.shape)
    out = np.empty(x.shape, rows.dtype)
    rows = rows.view(f"u{x.dtype.itemsize}")
    core.signed_permutation(
        rows, signs, perm, floating, out.view(rows.dtype).reshape(rows.shape), _runtime.num_threads()
    )
    return out


def rotate_words(x: Words, mask: Words, shift: int) -> Words:
    """Words of the last axis rotated ``shift`` bits towards higher components, then XORed with the mask."""
    core = _runtime.core()
    rows = _rows(x)
    if not core:
        return _ortho_numpy.rotate_words(rows, mask, shift).reshape(x.shape)
    out = np.empty(x.shape, np.uint64)
    core.rotate_words(rows, mask, shift, out.reshape(rows.shape), _runtime.num_threads())
    return out


def hadamard_signs(x: NDArray[Any], signs: NDArray[np.int8]) -> NDArray[Any]:
    """signs[0] * x, then v <- signs[q] * (FWHT(v) / sqrt(d)) for q = 1, 2, ..., on the last axis.

    Args:
        x: float32 or float64, shape ``(..., d)``, d a power of two.
        signs: +1 or -1, int8, shape ``(masks, d)``.
    """
    core = _runtime.core()
    rows = _rows(x)
    if not core:
        return _ortho_numpy.hadamard_signs(rows, signs).reshape(x.shape)
    out = np.empty(x.shape, rows.dtype)
    core.hadamard_signs(rows, signs, out.reshape(rows.shape), _runtime.num_threads())
    return out


def haar(h: int, d: int) -> NDArray[np.float64]:
    """The Haar-distributed orthogonal matrix of a hash, float64, shape ``(d, d)``."""
    core = _runtime.core()
    if not core:
        return _ortho_numpy.haar(h, d)
    out = np.empty((d, d))
    core.haar(h, out, _runtime.num_threads())
    return out


def _rows(x: NDArray[Any]) -> NDArray[Any]:
    # Big-endian arrays would pass for numbers of this machine once viewed as words.
    rows = np.ascontiguousarray(x, dtype=x.dtype.newbyteorder("="))
    return rows.reshape(-1, x.shape[-1]) if x.size else rows.reshape(0, x.shape[-1])
