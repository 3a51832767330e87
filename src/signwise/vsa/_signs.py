"""From integer vectors to packed signs and back to scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bits import PackedBits, pack, xnor_matmul
from ..ortho import Domain, atom, hash_bytes

Words = NDArray[np.uint64]


def sign_words(y: NDArray[Any], seed: int) -> Words:
    """Packed signs of vectors, a zero by the sign of atom(H(TIE, "")), as the encoder packs them.

    Args:
        y: shape ``(n, d)``.
        seed: of the encoder.

    Returns:
        uint64, shape ``(n, d/64)``, in the layout of :mod:`signwise.bits`.
    """
    if (y == 0).any():
        y = np.where(y == 0, atom(hash_bytes(Domain.TIE, b"", seed), y.shape[-1]), y)
    words: Words = pack(y).words
    return words


def words_of(octets: NDArray[np.uint8]) -> Words:
    """The words of packed bytes, uint8, shape ``(n, d/8)``."""
    return np.ascontiguousarray(octets).view("<u8").astype(np.uint64, copy=False)


def sign_scores(y: NDArray[Any], words: Words) -> NDArray[np.float64]:
    """The cosine of a vector with each of several packed sign vectors, sum of y_i s_i over ||y|| sqrt(d).

    Args:
        y: shape ``(d,)``.
        words: shape ``(n, d/64)``.

    Returns:
        float64, shape ``(n,)``; 0 where y is zero.
    """
    d = len(y)
    wide = y.astype(np.float64)
    norm = float(np.sqrt(wide @ wide))
    if norm == 0:
        return np.zeros(len(words))
    if y.dtype.kind == "i":
        return np.asarray(_exact_products(y, words) / (norm * d**0.5))
    # Sum of y s = 2 (sum of y over the bits that are set) - (sum of y).
    bits = PackedBits(words, d).unpack("bool").view(np.uint8)
    return np.asarray((2 * (bits @ wide) - wide.sum()) / (norm * d**0.5))


def _exact_products(y: NDArray[Any], words: Words) -> NDArray[np.float64]:
    """Sums of y_i s_i of whole numbers, by bit planes.

    y_i is the sum of w_b p_bi over the bits of its two's complement, w_b = 2^b but -2^(B-1) for the last. With
    P = 2p - 1 packed, sum of p_bi s_i = (P_b . s + sum of s_i)/2, and the w_b add up to -1.
    """
    bits = int(np.abs(y.astype(np.int64)).max()).bit_length() + 1
    planes = (y.astype(np.int64) >> np.arange(bits)[:, None] & 1).astype(np.bool_)
    ones = np.ones((1, len(y)), np.bool_)
    products = xnor_matmul(pack(np.concatenate([planes, ones])), PackedBits(words, len(y))).astype(np.int64)
    weights = 1 << np.arange(bits, dtype=np.int64)
    weights[-1] *= -1
    return np.asarray((weights @ products[:-1] - products[-1]) // 2, np.float64)
