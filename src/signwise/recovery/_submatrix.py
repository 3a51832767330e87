"""A start from a random submatrix: where the matrix is large, rank and first factors cost little there."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._entries import EntryProblem, row_scales
from ._passes import DenseEntries, Rule
from ._scale import ScaleRule
from ._spectral import balanced, factor_svd
from ._weights import CUT

LEAST, TIMES, PART = 256, 5, 0.25  # least side; side over rank; share of the cells above which it does not pay
STEPS, STEP, GAMMA, SAMPLE = 44, 1.2, 0.7, 64  # of the coordinates: how many, their size, least fall, cells of a scale
WIDTH, NARROW = 16, 160  # cells of a line that its coordinates are read from: over rank, and at least
LOOSE = 10.0  # scale of a line over the median one beyond which it is fitted anew


class Submatrix:
    """Some rows I and columns J of the entries, and the way back from their factors.

    With X = UVᵀ where it is not wrong, and X_IJ = L_I R_Jᵀ, the rows of L are the robust coordinates of X_·J in R_J and
    those of R the robust coordinates of X_I·ᵀ in L_I; then X = LRᵀ.

    Args:
        whole: the entries.
        rows: I, int64, rising.
        cols: J, int64, rising.
    """

    def __init__(self, whole: DenseEntries, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> None:
        self._at, self._across = (torch.from_numpy(i).to(whole.device) for i in (rows, cols))
        self._whole = whole.X
        self.entries = DenseEntries(whole.X[self._at][:, self._across])

    @classmethod
    def drawn(cls, whole: DenseEntries, k: int, rng: np.random.Generator) -> Self | None:
        """At random, as large as rank k needs; None where that is not much smaller than the whole."""
        n1, n2 = whole.shape
        share = whole.observed / (n1 * n2)
        side = max(LEAST, math.ceil(TIMES * k / share))
        m1, m2 = min(n1, side), min(n2, side)
        if m1 * m2 > PART * n1 * n2:
            return None
        return cls(whole, *(np.sort(rng.permutation(n)[:m]) for n, m in ((n1, m1), (n2, m2))))

    def extended(self, problem: EntryProblem, L: Tensor, R: Tensor) -> tuple[Tensor, Tensor]:
        """Factors of the whole problem from those of the submatrix."""
        width = max(NARROW, WIDTH * L.shape[1])
        some = [torch.linspace(0, len(i) - 1, min(width, len(i))).long() for i in (self._at, self._across)]
        left = _coordinates(DenseEntries(self._whole[:, self._across[some[1]]]), R[some[1]], problem.rule)
        by_col = self._whole[self._at[some[0]]].T.contiguous()
        right = _coordinates(DenseEntries(by_col), L[some[0]], problem.rule)
        # The few observations of a line may have left it in a wrong place: then all of them decide.
        loose = [np.flatnonzero(s > LOOSE * max(float(np.median(s)), 1e-300)) for s in problem.line_scales(left, right)]
        for axis, own, other in ((0, left, right), (1, right, left)):
            if 0 < len(loose[axis]) <= len(own) // 8:
                lines = torch.from_numpy(loose[axis]).to(own.device)
                cells = self._whole[lines] if axis == 0 else self._whole[:, lines].T.contiguous()
                own[lines] = _coordinates(DenseEntries(cells), other, problem.rule)
        return balanced(*factor_svd(left, right))


def _coordinates(entries: DenseEntries, factor: Tensor, rule: ScaleRule) -> Tensor:
    """Robust coordinates of rows in the span of the columns of a factor, relative to those columns.

    Truncated least squares by steps whose cut falls with the scale of each row: the basis is known, so that the cut may
    fall fast, and a step costs one pass.
    """
    Q, T = torch.linalg.qr(factor)
    n, m = entries.shape
    share = entries.row_counts(0).clamp(min=1)[:, None] / m
    z = Q.new_zeros(n, Q.shape[1])
    empty, none = z[:, :0], np.zeros(m)
    scales = np.full(n, np.inf)
    some = torch.arange(0, m, max(1, m // SAMPLE), device=Q.device)
    sample, part = entries.X[:, some], Q[some]
    for _ in range(STEPS):
        scales = np.maximum(row_scales(z @ part.T - sample, rule), np.where(np.isinf(scales), 0, GAMMA * scales))
        cut = Rule(kind="truncated", row_cut=CUT * scales, col_cut=none)
        z = z - entries.run(z, Q, empty, Q, cut).left * (STEP / share)
    out: Tensor = torch.linalg.solve_triangular(T, z.T, upper=True).T
    return out.contiguous()
