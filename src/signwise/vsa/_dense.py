"""Vectors and matrices of independent entries, drawn from hashes."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..ortho import Domain, atom, atom_words, fold, hash_bytes, ln, uniform

Floats = NDArray[np.float64]

_MATRIX = hash_bytes(Domain.MATRIX, b"")


def normals(h: int, count: int) -> Floats:
    """``count`` standard normal numbers of a hash, by Marsaglia's polar method, with equal bits everywhere.

    U(x) of the words mix(h + (i+1) phi), i = 0, 1, ..., taken in pairs u = 2U - 1, v = 2U' - 1 with
    w = u^2 + v^2 in (0, 1), give u f and v f, f = sqrt(-2 ln w / w).
    """
    pairs = max(64, count * 3 // 4)  # pi/4 of the pairs are kept
    while True:
        x = 2 * uniform(atom_words(h, 128 * pairs)).reshape(-1, 2) - 1
        w = x[:, 0] * x[:, 0] + x[:, 1] * x[:, 1]
        kept = (w > 0) & (w < 1)
        if 2 * np.count_nonzero(kept) >= count:
            break
        pairs *= 2
    x, w = x[kept], w[kept]
    return np.ascontiguousarray((x * np.sqrt(-2 * ln(w) / w)[:, None]).reshape(-1)[:count])


class RandomMatrix:
    """A dense matrix of independent entries of variance 1/d, whose inverse is taken to be its transpose.

    It is what matrix binding was first proposed with; M^T M is the identity only on average.
    :class:`signwise.ortho.Haar` is its orthogonal counterpart.
    """

    def __init__(self, d: int, h: int, kind: Literal["gaussian", "iid-sign"]) -> None:
        root = d**-0.5
        rows = fold(_MATRIX, h)
        if kind == "gaussian":
            self.matrix: Floats = normals(rows, d * d).reshape(d, d) * root
        else:
            self.matrix = atom(rows, d * d).reshape(d, d) * root

    def apply(self, x: NDArray[Any]) -> Floats:
        """M x on the last axis."""
        return np.asarray(x, np.float64) @ self.matrix.T

    def inverse(self, x: NDArray[Any]) -> Floats:
        """M^T x on the last axis."""
        return np.asarray(x, np.float64) @ self.matrix
