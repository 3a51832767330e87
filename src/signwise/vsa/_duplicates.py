"""Groups of near-duplicates among packed sign vectors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..bits import PackedBits, hamming, xnor_matmul

Words = NDArray[np.uint64]
Pairs = NDArray[np.int64]

EXACT_ROWS = 30_000
TABLES = 400
MISSED = 0.05
_BLOCK = 1024
_BUCKET = 32


def radius(threshold: float, d: int) -> int:
    """The Hamming distance of sign vectors whose originals have this cosine, d arccos(cosine)/pi."""
    return int(d * math.acos(threshold) / math.pi)


def near_groups(words: Words, d: int, threshold: float, *, seed: int = 0) -> list[NDArray[np.int64]]:
    """Connected groups of rows that lie within the Hamming distance of a cosine.

    Equal rows are found by sorting. Among up to 30,000 different rows every pair is compared. Among more, pairs
    are compared that agree in b sampled bits in one of several tables; b is chosen so that unlike rows seldom
    agree, and the tables so that a pair just within the distance is met with probability 0.95 if 400 tables are
    enough for that. Every pair that is met is compared, so no group is wrong; a pair may be missed.

    Args:
        words: packed signs, uint64, shape ``(n, d/64)``.
        d: number of components.
        threshold: cosine, above 0 and at most 1.
        seed: of the sampled bits.

    Returns:
        Row numbers of each group of two or more, rising; groups by their first row.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if len(words) == 0:
        return []
    rows = np.ascontiguousarray(words).view([("", words.dtype)] * words.shape[1]).reshape(-1)
    _, first, copy_of = np.unique(rows, return_index=True, return_inverse=True)
    different, most = np.ascontiguousarray(words[first]), radius(threshold, d)
    pairs = _all_pairs(different, d, most) if len(first) <= EXACT_ROWS else _sampled(different, d, most, seed)
    edges = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(first), len(first)))
    _, component = connected_components(edges, directed=False)
    label = component[copy_of.reshape(-1)]
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return sorted((group for group in groups if len(group) > 1), key=lambda group: int(group[0]))


def _all_pairs(words: Words, d: int, most: int) -> Pairs:
    """Every pair within the distance."""
    found = []
    for i in range(0, len(words), _BLOCK):
        left = PackedBits(words[i : i + _BLOCK], d)
        for j in range(i, len(words), _BLOCK):
            # The product of two sign vectors is d less twice their distance.
            a, b = np.nonzero(xnor_matmul(left, PackedBits(words[j : j + _BLOCK], d)) >= d - 2 * most)
            kept = a + i < b + j
            found.append(np.stack([a[kept] + i, b[kept] + j], 1))
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _sampled(words: Words, d: int, most: int, seed: int) -> Pairs:
    """Pairs within the distance among those that agree in the sampled bits of a table."""
    rng = np.random.default_rng(seed)
    n = len(words)
    left, right = rng.integers(0, n, (2, 4096))
    apart = _apart(words, d, left, right)
    # Rows of one schema share many bits: what most unlike pairs share decides how many bits tell them apart.
    alike = 1 - max(float(np.quantile(apart[left != right], 0.05)) / d, 0.01)
    bits = min(64, max(8, math.ceil(math.log(n) / -math.log(alike))))
    met = (1 - most / d) ** bits
    tables = min(TABLES, math.ceil(math.log(MISSED) / math.log1p(-met))) if met < 1 else 1
    columns = np.ascontiguousarray(words.T)
    found = []
    for _ in range(tables):
        places = rng.choice(d, bits, replace=False)
        key = np.zeros(n, np.uint64)
        for place in places:
            key = key << np.uint64(1) | columns[place // 64] >> np.uint64(place % 64) & np.uint64(1)
        found.append(_met(words, d, np.argsort(key, kind="stable"), key, most))
    return np.unique(np.concatenate(found), axis=0)


def _met(words: Words, d: int, order: NDArray[np.int64], key: NDArray[np.uint64], most: int) -> Pairs:
    """Close pairs that are at most 32 places apart among the rows of one key."""
    ranked = key[order]
    found = []
    for step in range(1, _BUCKET + 1):
        same = np.flatnonzero(ranked[step:] == ranked[:-step])
        if len(same) == 0:
            break
        for begin in range(0, len(same), 1 << 16):
            part = same[begin : begin + (1 << 16)]
            a, b = order[part], order[part + step]
            near = _apart(words, d, a, b) <= most
            pair = np.stack([a[near], b[near]], 1)
            found.append(np.sort(pair, axis=1))
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _apart(words: Words, d: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int32]:
    out: NDArray[np.int32] = hamming(PackedBits(words[a], d), PackedBits(words[b], d))
    return out
