"""The numpy form of the kernels of `signwise.ortho`: the same bits, slower."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

MASK = 0xFFFFFFFFFFFFFFFF
PHI = 0x9E3779B97F4A7C15
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5

HAAR_LANES = 4
_MATRIX_DOMAIN = 13


def mix64(x: int) -> int:
    """The mixing function of one word."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def mix64_words(x: Words) -> Words:
    """The mixing function of each word."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def counter_words(h: int, first: int, count: int) -> Words:
    """mix(h + (i+1) phi) for i = first ... first + count - 1."""
    steps = np.arange(first + 1, first + count + 1, dtype=np.uint64) * np.uint64(PHI)
    return mix64_words(steps + np.uint64(h))


def xxh64(data: bytes, seed: int) -> int:
    """XXH64 of the bytes."""
    end = len(data)
    whole = end - end % 32
    words = np.frombuffer(data[: end - end % 8], "<u8").tolist()
    acc = (seed + _P5) & MASK
    if whole:
        a, b = (seed + _P1 + _P2) & MASK, (seed + _P2) & MASK
        c, d = seed, (seed - _P1) & MASK
        for i in range(0, whole // 8, 4):
            a = _lane(a, words[i])
            b = _lane(b, words[i + 1])
            c = _lane(c, words[i + 2])
            d = _lane(d, words[i + 3])
        acc = (_rotl(a, 1) + _rotl(b, 7) + _rotl(c, 12) + _rotl(d, 18)) & MASK
        for value in (a, b, c, d):
            acc = ((acc ^ _lane(0, value)) * _P1 + _P4) & MASK
    acc = (acc + end) & MASK
    for word in words[whole // 8 :]:
        acc = (_rotl(acc ^ _lane(0, word), 27) * _P1 + _P4) & MASK
    tail = data[end - end % 8 :]
    if len(tail) >= 4:
        acc = (_rotl(acc ^ (int.from_bytes(tail[:4], "little") * _P1 & MASK), 23) * _P2 + _P3) & MASK
        tail = tail[4:]
    for byte in tail:
        acc = _rotl(acc ^ (byte * _P5 & MASK), 11) * _P1 & MASK
    acc = (acc ^ (acc >> 33)) * _P2 & MASK
    acc = (acc ^ (acc >> 29)) * _P3 & MASK
    return acc ^ (acc >> 32)


def _rotl(x: int, r: int) -> int:
    return ((x << r) | (x >> (64 - r))) & MASK


def _lane(acc: int, word: int) -> int:
    return _rotl((acc + word * _P2) & MASK, 31) * _P1 & MASK


def atom_words(hashes: Words, d: int) -> Words:
    """Words of the atoms, bits at and above d zero; uint64, shape ``(n, ceil(d/64))``."""
    steps = np.arange(1, (d + 63) // 64 + 1, dtype=np.uint64) * np.uint64(PHI)
    words = mix64_words(hashes[:, None] + steps)
    if d % 64:
        words[:, -1] &= np.uint64((1 << d % 64) - 1)
    return words


def fisher_yates(stream: int, d: int) -> NDArray[np.int32]:
    """The shuffled identity, int32, shape ``(d,)``."""
    perm = list(range(d))
    bounds = np.arange(1, d + 1, dtype=np.uint64)
    draws = counter_words(stream, 0, d)
    # The upper half of a 64 x 32 bit product, from two that fit a word.
    low = ((draws & np.uint64(0xFFFFFFFF)) * bounds) >> np.uint64(32)
    partners = (((draws >> np.uint64(32)) * bounds + low) >> np.uint64(32)).tolist()
    for i in range(d - 1, 0, -1):
        j = partners[i]
        perm[i], perm[j] = perm[j], perm[i]
    return np.array(perm, np.int32)


def signed_rotation(x: NDArray[Any], signs: NDArray[np.int8], shift: int, floating: bool) -> NDArray[Any]:
    """signs * R^shift x on the last axis; ``floating`` integers are the bits of floating-point numbers."""
    return _flipped(np.roll(x, shift, axis=-1), signs, floating)


def signed_permutation(
    x: NDArray[Any], signs: NDArray[np.int8], perm: NDArray[np.int32], floating: bool
) -> NDArray[Any]:
    """signs * x[perm] on the last axis."""
    return _flipped(np.take(x, perm, axis=-1), signs, floating)


def _flipped(x: NDArray[Any], signs: NDArray[np.int8], floating: bool) -> NDArray[Any]:
    width = x.dtype.itemsize
    bits = x.view(f"u{width}")
    if floating:
        top = np.where(signs < 0, 1 << (8 * width - 1), 0).astype(bits.dtype)
        return np.asarray((bits ^ top).view(x.dtype))
    negative = np.where(signs < 0, (1 << 8 * width) - 1, 0).astype(bits.dtype)
    return np.asarray(((bits ^ negative) - negative).view(x.dtype))


def rotate_words(x: Words, mask: Words, shift: int) -> Words:
    """Each row of words rotated by ``shift`` bits towards higher components, then XORed with the mask."""
    whole, bits = divmod(shift, 64)
    moved = np.roll(x, whole, axis=-1)
    if bits:
        below = np.roll(moved, 1, axis=-1)
        moved = (moved << np.uint64(bits)) | (below >> np.uint64(64 - bits))
    return moved ^ mask


def hadamard_signs(x: NDArray[Any], signs: NDArray[np.int8]) -> NDArray[Any]:
    """signs[0] * x, then for each further mask the normalised transform and the mask, on the last axis."""
    rows, d = x.shape
    scale = x.dtype.type(1) / np.sqrt(x.dtype.type(d))
    v = _flipped(x, signs[0], True)
    for mask in signs[1:]:
        h = 1
        while h < d:
            pairs = v.reshape(rows, d // (2 * h), 2, h)
            v = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], axis=2)
            h *= 2
        v = _flipped(v.reshape(rows, d) * scale, mask, True)
    return v


def uniform(x: Words) -> NDArray[np.float64]:
    """(x >> 11) / 2^53 of each word, in [0, 1)."""
    return np.asarray((x >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def ln(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm of positive numbers from + - * / alone."""
    m, e = np.frexp(x)
    low = m < 0.7071067811865476
    m = np.where(low, 2 * m, m)
    s = (m - 1) / (m + 1)
    t = s * s
    p = np.full_like(s, 1 / 15)
    for n in (13, 11, 9, 7, 5, 3, 1):
        p = p * t + 1 / n
    return np.asarray((e - low) * 0.6931471805599453 + (2 * s) * p)


def gaussians(h: int, count: int) -> NDArray[np.float64]:
    """Standard normal numbers by Marsaglia's polar method on the counter words of the hash."""
    base = mix64((3 * xxh64(b"", mix64(_MATRIX_DOMAIN * PHI & MASK)) + h) & MASK)
    parts: list[NDArray[np.float64]] = []
    found = drawn = 0
    while found < count:
        pairs = min(1 << 17, (count - found) * 2 // 3 + 8)
        u, v = (2 * uniform(counter_words(base, drawn, 2 * pairs)) - 1).reshape(-1, 2).T
        drawn += 2 * pairs
        s = u * u + v * v
        kept = (s > 0) & (s < 1)
        u, v, s = u[kept], v[kept], s[kept]
        f = np.sqrt(-2 * ln(s) / s)
        parts.append(np.stack([u * f, v * f], axis=1).ravel())
        found += parts[-1].size
    return np.concatenate(parts)[:count]


def haar(h: int, d: int) -> NDArray[np.float64]:
    """Q diag(sgn R_ii) of Householder's QR decomposition of a Gaussian matrix, float64, shape ``(d, d)``."""
    rows = -(-d // HAAR_LANES) * HAAR_LANES
    a = np.zeros((rows, d))
    a[:d] = gaussians(h, d * d).reshape(d, d)
    reflectors = np.zeros((d, rows))
    betas = [0.0] * d
    signs = np.ones(d)
    for k in range(d - 1):
        v = reflectors[k]
        v[k:d] = a[k:d, k]
        alpha = math.sqrt(_lane_sums((v * v)[:, None], np.ones(rows), k)[0])
        if alpha == 0:
            continue
        first = float(v[k])
        betas[k] = 1 / (alpha * (alpha + abs(first)))
        v[k] = first + (-alpha if first < 0 else alpha)
        signs[k] = 1 if first < 0 else -1
        _reflect(a[:, k + 1 :], v, betas[k], k)
    signs[d - 1] = -1 if a[d - 1, d - 1] < 0 else 1
    q = np.eye(rows, d)
    for k in range(d - 2, -1, -1):
        _reflect(q[:, k:], reflectors[k], betas[k], k)
    return q[:d] * signs


def _lane_sums(a: NDArray[np.float64], v: NDArray[np.float64], first: int) -> NDArray[np.float64]:
    # Row i goes to lane i mod 4 in rising order: numpy's own reductions promise no order.
    sums = np.zeros((HAAR_LANES, a.shape[1]))
    for i in range(first // HAAR_LANES * HAAR_LANES, a.shape[0], HAAR_LANES):
        sums += v[i : i + HAAR_LANES, None] * a[i : i + HAAR_LANES]
    return np.asarray((sums[0] + sums[1]) + (sums[2] + sums[3]))


def _reflect(a: NDArray[np.float64], v: NDArray[np.float64], beta: float, first: int) -> None:
    t = beta * _lane_sums(a, v, first)
    a[first:] -= v[first:, None] * t
