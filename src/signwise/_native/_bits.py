"""Packed signs: checks, the kernels, and the numpy fallback.

Everything here takes and gives C-contiguous numpy arrays. Words are uint64, the last axis is ``ceil(k / 64)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import _bits_numpy as fallback
from ._runtime import core, num_threads

Words = npt.NDArray[np.uint64]

# numpy codes of dtypes, numbered as SignKind in bits.hpp.
_KINDS = {"f4": 0, "f8": 1, "f2": 2, "i1": 4, "i2": 5, "i4": 6, "i8": 7, "b1": 8}
_BFLOAT16 = 3


def _values(x: npt.NDArray[Any], bfloat16: bool, ternary: bool) -> tuple[npt.NDArray[Any], int]:
    """The array as contiguous rows ``(rows, k)`` in native byte order, and the number of its kind."""
    if x.ndim == 0:
        raise ValueError("x has no axis to pack along; it needs at least one dimension")
    kind = _BFLOAT16 if bfloat16 else _KINDS.get(x.dtype.str[1:])
    if kind is None:
        hint = "float16, float32, float64, bfloat16 or a signed integer" + ("" if ternary else ", or bool")
        why = ""
        if x.dtype.kind == "u":
            why = "; an unsigned value is never negative: compare first (x > 0) or convert to a signed type"
        raise TypeError(f"x has dtype {x.dtype}; expected {hint}{why}")
    if ternary and x.dtype == np.bool_:
        raise TypeError("x is bool, which has no zero to keep; give -1, 0 and 1 in a signed type")
    if not x.dtype.isnative:
        x = x.astype(x.dtype.newbyteorder("="))
    k = x.shape[-1]
    rows = x.size // k if k else 0
    if x.ndim == 2 and x.flags.c_contiguous:
        return x, kind
    return np.ascontiguousarray(x).reshape(rows, k), kind


def pack(x: npt.NDArray[Any], *, bfloat16: bool = False) -> Words:
    """Words of the signs of x along its last axis: bit 1 where x >= 0, or where a boolean is true.

    Args:
        x: floats, signed integers or booleans, shape ``(..., k)``; uint16 patterns with ``bfloat16``.
        bfloat16: x holds the raw patterns of bfloat16 values.

    Returns:
        uint64, shape ``(..., ceil(k / 64))``.
    """
    flat, kind = _values(x, bfloat16, False)
    shape = (*x.shape[:-1], (x.shape[-1] + 63) // 64)
    native = core()
    if native is None:
        return fallback.pack(flat, bfloat16).reshape(shape)
    words = np.empty((flat.shape[0], shape[-1]), np.uint64)
    native.bits_pack(flat, kind, words, num_threads())
    return words.reshape(shape)


def pack_ternary(x: npt.NDArray[Any], *, bfloat16: bool = False) -> tuple[Words, Words]:
    """The planes x != 0 and x > 0 as words; NaN counts as 0."""
    flat, kind = _values(x, bfloat16, True)
    shape = (*x.shape[:-1], (x.shape[-1] + 63) // 64)
    native = core()
    if native is None:
        nonzero, positive = fallback.pack_ternary(flat, bfloat16)
    else:
        nonzero = np.empty((flat.shape[0], shape[-1]), np.uint64)
        positive = np.empty_like(nonzero)
        native.bits_pack_ternary(flat, kind, nonzero, positive, num_threads())
    return nonzero.reshape(shape), positive.reshape(shape)


def unpack(words: Words, k: int) -> npt.NDArray[np.uint8]:
    """The bits as 0 and 1: uint8, shape ``(..., k)``."""
    rows = words.reshape(-1, words.shape[-1]) if k else words.reshape(0, 0)
    return fallback.bits_from_words(rows, k).reshape(*words.shape[:-1], k)


def xnor_matmul(a: Words, b: Words, k: int) -> npt.NDArray[np.int32]:
    """``k - 2 popcount(a_i ^ b_j)`` for a ``(m, words)`` and b ``(n, words)``: int32, shape ``(m, n)``."""
    native = core()
    if native is None:
        return fallback.xnor_matmul(a, b, k)
    out = np.empty((a.shape[0], b.shape[0]), np.int32)
    native.bits_xnor_matmul(np.ascontiguousarray(a), np.ascontiguousarray(b), k, out, num_threads())
    return out


def hamming(a: Words, b: Words) -> npt.NDArray[np.int32]:
    """``popcount(a_i ^ b_i)`` for two ``(rows, words)``; one of them may have a single row, which is repeated."""
    native = core()
    if native is None:
        return fallback.hamming(a, b)
    out = np.empty(b.shape[0] if a.shape[0] == 1 else a.shape[0], np.int32)
    native.bits_hamming(np.ascontiguousarray(a), np.ascontiguousarray(b), out, num_threads())
    return out


def hamming_topk(query: Words, base: Words, k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Distances and indices of the k rows of base nearest to each query, by (distance, index)."""
    native = core()
    if native is None:
        return fallback.hamming_topk(query, base, k)
    distances = np.empty((query.shape[0], k), np.int32)
    indices = np.empty((query.shape[0], k), np.int64)
    native.bits_hamming_topk(
        np.ascontiguousarray(query), np.ascontiguousarray(base), k, distances, indices, num_threads()
    )
    return distances, indices


def signed_sums(y: npt.NDArray[np.int64], base: Words, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """sum_i y_i s_i for the signs s of the given rows of base ``(n, words)``; y of shape ``(k,)``, abs below 2**40."""
    native = core()
    if native is None:
        return fallback.signed_sums(y, base[rows])
    out = np.empty(len(rows), np.int64)
    native.bits_signed_sums(y, base, rows, out)
    return out


def majority(votes: Words, least: int) -> Words:
    """Bit 1 where at least ``least`` of the n votes ``(n, ..., words)`` have it."""
    n, shape = votes.shape[0], votes.shape[1:]
    flat = np.ascontiguousarray(votes).reshape(n, -1 if votes.size else 0)
    native = core()
    if native is None:
        return fallback.majority(flat, least).reshape(shape)
    out = np.empty(shape, np.uint64)
    native.bits_majority(flat, least, out, num_threads())
    return out


def majority_ternary(
    nonzero: Words, positive: Words, k: int, *, coin: bool, key: int, offset: int
) -> tuple[Words, Words]:
    """Planes of the sign of the sum of n ternary votes, each plane ``(n, ..., words)``.

    Args:
        nonzero: the votes' first planes.
        positive: the votes' second planes.
        k: values of a row.
        coin: whether a zero sum with some nonzero vote becomes the lowest bit of mix(index ^ key).
        key: 32-bit key of the coin.
        offset: index of the first value, modulo 2^32.
    """
    n, shape = nonzero.shape[0], nonzero.shape[1:]
    rows = nonzero[0].size // shape[-1] if shape[-1] else 0
    flat = [np.ascontiguousarray(plane).reshape(n, rows, shape[-1]) for plane in (nonzero, positive)]
    native = core()
    if native is None:
        planes = fallback.majority_ternary(flat[0], flat[1], k, coin, key, offset % 2**32)
    else:
        planes = np.empty((rows, shape[-1]), np.uint64), np.empty((rows, shape[-1]), np.uint64)
        native.bits_majority_ternary(*flat, k, coin, key, offset % 2**32, *planes, num_threads())
    return planes[0].reshape(shape), planes[1].reshape(shape)
