"""Lion whose sign is voted by n processes, in one process: numpy float32 with fused multiply-adds, slow and plain."""

from __future__ import annotations

import numpy as np


def fma(a, b, c):
    """ab + c in float32, rounded once: the product of two float32 is exact in float64."""
    return (np.float64(a) * np.float64(np.float32(b)) + np.float64(c)).astype(np.float32)


def mix(h):
    h = h ^ h >> 16
    h = h * 0x7FEB352D & 0xFFFFFFFF
    h = h ^ h >> 15
    h = h * 0x846CA68B & 0xFFFFFFFF
    return h ^ h >> 16


def coin(index, step, seed):
    return 1 if mix(index ^ mix(step ^ mix(seed))) & 1 else -1


def voted(signs, vote, ties, first, step, seed):
    """r of one parameter from the signs of n processes, shape ``(n, *shape)``; `first` is its first index of all."""
    n, v = len(signs), signs.sum(0)
    if vote == "mean":
        return (v.astype(np.float32) / np.float32(n)).astype(np.float32)
    r = np.sign(v).astype(np.float32).ravel()
    if ties == "coin":
        some = (signs != 0).any(0).ravel()
        for i in np.flatnonzero((r == 0) & some):
            r[i] = coin(first + int(i), step, seed)
    return r.reshape(v.shape)


def run(
    weights, gradient, n, steps, *, lr, betas=(0.9, 0.99), weight_decay=0.0, vote="majority", ties="abstain", seed=0
):
    """Weights, and momentum by process and parameter, after `steps`.

    `gradient(rank, step, k)` is that of parameter k, or None. The step number of the coin is how many updates of
    parameters came before.
    """
    x = [np.array(w, np.float32) for w in weights]
    m = [[np.zeros_like(w) for w in x] for _ in range(n)]
    updates = 0
    for step in range(steps):
        before = updates
        for k, first in enumerate(np.cumsum([0, *(w.size for w in x)])[:-1]):
            found = [gradient(rank, step, k) for rank in range(n)]
            if all(g is None for g in found):
                continue
            g = [np.zeros_like(x[k]) if g is None else g for g in found]
            c = [fma(g[i], 1 - betas[0], m[i][k] * np.float32(betas[0])) for i in range(n)]
            r = voted(np.sign(np.stack(c)).astype(int), vote, ties, int(first), before, seed)
            if weight_decay:
                x[k] = x[k] * np.float32(1 - lr * weight_decay)
            x[k] = fma(r, -lr, x[k])
            for i in range(n):
                m[i][k] = fma(g[i], 1 - betas[1], m[i][k] * np.float32(betas[1]))
            updates += 1
    return x, m
