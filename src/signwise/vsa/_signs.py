"""From integer vectors to packed signs and back to scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bits import PackedBits, pack
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
    tie = atom(hash_bytes(Domain.TIE, b"", seed), y.shape[-1])
    words: Words = pack(np.where(y == 0, tie, y)).words
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
    # Sum of y s = 2 (sum of y over the bits that are set) - (sum of y).
    bits = PackedBits(words, d).unpack("bool").view(np.uint8)
    return np.asarray((2 * (bits @ wide) - wide.sum()) / (norm * d**0.5))
