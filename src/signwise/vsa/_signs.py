"""From integer vectors to packed signs and back to scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from signwise._native import _bits

from ..bits import PackedBits, pack
from ..ortho import Domain, atom, hash_bytes

Words = NDArray[np.uint64]

_EXACT = 2.0**40  # sums of smaller whole numbers fit int64


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


def sign_scores(y: NDArray[Any], words: Words, rows: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """The cosine of a vector with each of several packed sign vectors, sum of y_i s_i over ||y|| sqrt(d).

    Args:
        y: shape ``(d,)``.
        words: shape ``(n, d/64)``.
        rows: which of them; all by default.

    Returns:
        float64, shape ``(n,)``, or one score for each of ``rows``; 0 where y is zero.
    """
    d = len(y)
    rows = np.arange(len(words)) if rows is None else rows
    wide = y.astype(np.float64)
    norm = float(np.sqrt(wide @ wide))
    if norm == 0:
        return np.zeros(len(rows))
    if y.dtype.kind == "i" and norm < _EXACT:
        return np.asarray(_bits.signed_sums(y.astype(np.int64), words, rows) / (norm * d**0.5))
    # Sum of y s = 2 (sum of y over the bits that are set) - (sum of y).
    bits = PackedBits(words[rows], d).unpack("bool").view(np.uint8)
    return np.asarray((2 * (bits @ wide) - wide.sum()) / (norm * d**0.5))
