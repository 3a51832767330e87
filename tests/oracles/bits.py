"""Packed signs the slow way: arrays of +1 and -1, and Python integers as rows of bits."""

import numpy as np


def signs(x):
    """+1 where x >= 0, so for 0.0 and -0.0, and -1 elsewhere, so for NaN; booleans give +1 for true."""
    x = np.asarray(x)
    if x.dtype == np.bool_:
        return np.where(x, 1, -1)
    return np.where(x >= 0, 1, -1)


def ternary(x):
    """sign(x), with 0 for 0 and NaN."""
    return np.where(x > 0, 1, np.where(x < 0, -1, 0))


def row_bytes(flags):
    """The documented bytes of one row of booleans: value i is bit i % 8 of byte i // 8, zeros up to 8 bytes."""
    number = sum(1 << i for i, flag in enumerate(flags) if flag)
    return number.to_bytes((len(flags) + 63) // 64 * 8, "little")


def matmul(a, b):
    return np.einsum("...mk,...nk->...mn", a.astype(np.int64), b.astype(np.int64))


def hamming(a, b):
    return (a != b).sum(-1)


def topk(query, base, k):
    """Sort every (distance, index) and keep k."""
    found = [sorted((int((q != row).sum()), i) for i, row in enumerate(base))[:k] for q in query]
    pairs = np.array(found, np.int64).reshape(len(query), k, 2)
    return pairs[..., 0], pairs[..., 1]


def majority(votes, tie):
    total = votes.sum(0)
    return np.where(total > 0, 1, np.where(total < 0, -1, tie))


def mix(h):
    h ^= h >> 16
    h = h * 0x7FEB352D % 2**32
    h ^= h >> 15
    h = h * 0x846CA68B % 2**32
    return h ^ (h >> 16)


def majority_ternary(votes, coin=None):
    """Sign of the sum; ``coin`` = (seed, step, offset) decides zero sums where some vote is not zero."""
    out = np.sign(votes.sum(0))
    if coin is not None:
        seed, step, offset = coin
        flat, some = out.reshape(-1), (votes != 0).any(0).reshape(-1)
        for p in range(flat.size):
            if flat[p] == 0 and some[p]:
                index = (offset + p) % 2**32
                flat[p] = 1 if mix(index ^ mix(step ^ mix(seed))) & 1 else -1
    return out
