"""The kernels of packed signs in numpy, for an installation without the extension: same results, slower."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
_CHUNK = 1 << 22  # elements of a temporary array
_EXACT = 1 << 24  # float32 holds every whole number up to this


def words_from_bits(bits: npt.NDArray[np.bool_]) -> Words:
    """Pack booleans of shape ``(rows, k)``, LSB first, to uint64 of shape ``(rows, ceil(k / 64))``."""
    rows, k = bits.shape
    out = np.zeros((rows, (k + 63) // 64 * 8), np.uint8)
    if k:
        packed = np.packbits(bits, axis=-1, bitorder="little")
        out[:, : packed.shape[1]] = packed
    return out.view("<u8").astype(np.uint64, copy=False)


def bits_from_words(words: Words, k: int) -> npt.NDArray[np.uint8]:
    """Unpack uint64 words of shape ``(rows, ceil(k / 64))`` to 0 and 1, uint8 of shape ``(rows, k)``."""
    if k == 0:
        return np.zeros((len(words), 0), np.uint8)
    octets = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=k, bitorder="little")


def pack(x: npt.NDArray[Any], bfloat16: bool) -> Words:
    """Bit 1 where x >= 0, or where a boolean is true."""
    if x.dtype == np.bool_:
        return words_from_bits(x)
    if bfloat16:
        return words_from_bits((x <= 0x7F80) | (x == 0x8000))
    return words_from_bits(x >= 0)


def pack_ternary(x: npt.NDArray[Any], bfloat16: bool) -> tuple[Words, Words]:
    """The planes x != 0 and x > 0; NaN counts as 0."""
    if bfloat16:
        size = x & 0x7FFF
        nonzero = (size != 0) & (size <= 0x7F80)
        return words_from_bits(nonzero), words_from_bits(nonzero & (x < 0x8000))
    positive = x > 0
    return words_from_bits(positive | (x < 0)), words_from_bits(positive)


if hasattr(np, "bitwise_count"):

    def popcount(words: Words) -> npt.NDArray[np.uint8]:
        """Set bits of each word."""
        counts: npt.NDArray[np.uint8] = np.bitwise_count(words)
        return counts

else:  # numpy 1
    _TABLE = np.array([i.bit_count() for i in range(1 << 16)], np.uint8)

    def popcount(words: Words) -> npt.NDArray[np.uint8]:
        """Set bits of each word."""
        quarters = _TABLE[np.ascontiguousarray(words).view(np.uint16)]
        counts: npt.NDArray[np.uint8] = quarters.reshape(*words.shape, 4).sum(-1, dtype=np.uint8)
        return counts


def xnor_matmul(a: Words, b: Words, k: int) -> npt.NDArray[np.int32]:
    """Product of the signs through float32, exact because every partial sum is a whole number below 2^24."""
    out = np.zeros((len(a), len(b)), np.int32)
    step = _EXACT // 64
    for w in range(0, a.shape[1], step):
        count = min(k - 64 * w, 64 * step)
        left, right = (
            bits_from_words(np.ascontiguousarray(words[:, w : w + step]), count).astype(np.float32) * 2 - 1
            for words in (a, b)
        )
        out += (left @ right.T).astype(np.int32)
    return out


def hamming(a: Words, b: Words) -> npt.NDArray[np.int32]:
    """Distance of each row of a from the row of b; one of them may be a single row."""
    rows = len(b) if len(a) == 1 else len(a)
    out = np.empty(rows, np.int32)
    step = max(1, _CHUNK // max(1, a.shape[1]))
    for i in range(0, rows, step):
        left = a if len(a) == 1 else a[i : i + step]
        right = b if len(b) == 1 else b[i : i + step]
        out[i : i + step] = popcount(left ^ right).sum(-1, dtype=np.int32)
    return out


def hamming_topk(query: Words, base: Words, k: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The k nearest rows, by (distance, index)."""
    n = len(base)
    distances = np.empty((len(query), k), np.int32)
    indices = np.empty((len(query), k), np.int64)
    order = np.arange(n, dtype=np.int64)
    for i in range(len(query)):
        keys = hamming(query[i : i + 1], base).astype(np.int64) * n + order
        if k < n:
            keys = np.partition(keys, k - 1)[:k]
        keys.sort()
        distances[i], indices[i] = keys // n, keys % n
    return distances, indices


def _sums(planes: Words) -> npt.NDArray[np.int64]:
    """Votes for each bit of (n, words) planes: int64, shape ``(words * 64,)``."""
    total = np.zeros(planes.shape[1] * 64, np.int64)
    for plane in planes:
        total += bits_from_words(plane[None], len(total))[0]
    return total


def signed_sums(y: npt.NDArray[np.int64], words: Words) -> npt.NDArray[np.int64]:
    """sum_i y_i s_i for the signs s of each row."""
    # Twice the sum of y over the bits that are set, less the sum of y.
    sums: npt.NDArray[np.int64] = 2 * (bits_from_words(words, len(y)) @ y) - y.sum()
    return sums


def majority(votes: Words, least: int) -> Words:
    """Bit 1 where at least ``least`` of the (n, words) votes have it."""
    words: Words = words_from_bits((_sums(votes) >= least)[None])[0]
    return words


def mix(h: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The 32-bit mixing function of the coin."""
    h = h ^ (h >> np.uint32(16))
    h = h * np.uint32(0x7FEB352D)
    h = h ^ (h >> np.uint32(15))
    h = h * np.uint32(0x846CA68B)
    mixed: npt.NDArray[np.uint32] = h ^ (h >> np.uint32(16))
    return mixed


def majority_ternary(nonzero: Words, positive: Words, k: int, coin: bool, key: int, offset: int) -> tuple[Words, Words]:
    """Planes of the sign of the sum of (n, rows, words) ternary votes."""
    n, rows, words = nonzero.shape
    up = _sums(positive.reshape(n, -1)).reshape(rows, words * 64)[:, :k]
    some = _sums(nonzero.reshape(n, -1)).reshape(rows, words * 64)[:, :k]
    more, decided = 2 * up > some, 2 * up != some
    if coin:
        index = (np.arange(rows * k, dtype=np.uint64) + np.uint64(offset)).astype(np.uint32).reshape(rows, k)
        heads = (mix(index ^ np.uint32(key)) & np.uint32(1)).astype(np.bool_)
        more = more | (~decided & heads & (some > 0))
        decided = decided | (some > 0)
    return words_from_bits(decided), words_from_bits(more)
