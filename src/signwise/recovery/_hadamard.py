"""Measurements by rows of a Walsh-Hadamard matrix after random sign flips."""

from __future__ import annotations

import math
import operator
from typing import Self

import numpy as np
import torch
from torch import Tensor

from signwise.ortho import HadamardSigns

from ._arrays import indices
from ._operator import Operator, shape_of


class Hadamard(Operator):
    """Measurements √N·S·H·D·vec(X): random signs D, orthonormal Walsh-Hadamard transform H, m of its N rows S.

    vec(X) is in row-major order, padded with zeros to N = 2^p ≥ n1·n2. Every entry of every A_i is ±1, so the gain
    is m. Memory is O(N) and a product costs N log N, against m·n1·n2 for :class:`Dense`. Signs and rows come from
    the seed by a specified hash and are the same everywhere.

    Args:
        m: number of measurements, at most N.
        shape: (n1, n2).
        seed: ``0 <= seed < 2**64``.

    Raises:
        ValueError: m below 1 or above N.

    References:
        Ailon and Chazelle, The fast Johnson-Lindenstrauss transform, SIAM J. Computing 39(1), 2009.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import Hadamard
        >>> operator = Hadamard(3, (2, 2))
        >>> abs(operator.forward(np.array([[1.0], [0.0]]), np.array([[5.0], [0.0]])))
        array([5., 5., 5.])
    """

    def __init__(self, m: int, shape: tuple[int, int], *, seed: int = 0) -> None:
        self.shape, self.m, self.device = shape_of(shape), operator.index(m), torch.device("cpu")
        size = self.shape[0] * self.shape[1]
        self._n = 1 << max(0, (size - 1).bit_length())
        if not 1 <= self.m <= self._n:
            raise ValueError(f"m must be from 1 to N = {self._n} for shape {self.shape}, got {self.m}")
        self._transform = HadamardSigns(self._n, "recovery", seed=seed)
        self._inverse = self._transform.inverted()
        # The first row after the flips is a plain sum of signs and as good as any other.
        rows = np.random.default_rng(seed).permutation(self._n)[: self.m]
        self._rows = torch.from_numpy(np.sort(rows))

    def gain(self) -> float:
        """m: every entry is ±1."""
        return float(self.m)

    def _forward(self, L: Tensor, R: Tensor) -> Tensor:
        x = L.new_zeros(self._n)
        x[: self.shape[0] * self.shape[1]] = (L @ R.T).reshape(-1)
        transformed: Tensor = self._transform.apply(x)
        picked: Tensor = transformed[self._rows]
        return picked * math.sqrt(self._n)

    def _adjoint(self, w: Tensor) -> Tensor:
        x = w.new_zeros(self._n)
        x.index_add_(0, self._rows, w * self._n**0.5)  # a subset may repeat a row
        out: Tensor = self._inverse.apply(x)
        return out[: self.shape[0] * self.shape[1]].reshape(self.shape)

    def _products(self, w: Tensor, L: Tensor, R: Tensor) -> tuple[Tensor, Tensor]:
        G = self._adjoint(w)
        return G @ R, G.T @ L

    def _times(self, w: Tensor, R: Tensor) -> Tensor:
        return self._adjoint(w) @ R

    def _t_times(self, w: Tensor, L: Tensor) -> Tensor:
        return self._adjoint(w).T @ L

    def _subset(self, idx: Tensor) -> Self:
        part = object.__new__(type(self))
        part.__dict__.update(vars(self))
        part._rows = self._rows[indices(idx, "idx", self.m)]
        part.m = len(part._rows)
        return part
