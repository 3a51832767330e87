"""The problem of observed entries, for the solver."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from signwise._native import _recovery as _kernels

from ._passes import DenseEntries, Entries, Rule, SparseEntries, rule_of
from ._problem import Look, Problem, Which
from ._scale import ScaleRule
from ._spectral import spectral_norm
from ._steps import ENTRYWISE_GAMMA, ENTRYWISE_STEP
from ._weights import CUT, Loss

SAMPLE, LINE_SAMPLE, REFRESH = 20_000, 128, 5
SETTLED = 1e-3
ZERO, FEW_CELLS = 1e-12, 200
_FEW = 5.0  # outliers a row or column below which their pattern says nothing


class EntryProblem(Problem):
    """Observed entries of X* + sparse errors, some of them held out.

    A cell counts while |ρ_ij| < 3·max(s, s_i, s_j), with scales of its row and column: without them a row much larger
    than the others is rejected for ever.

    Args:
        entries: what is observed; held-out entries are made missing until ``use_all``.
        psd: symmetric positive semidefinite.
        loss: the loss of the steps.
        breakdown: share of gross errors to withstand.
        holdout: share of the observed entries to hold out; 0 for none.
        rng: draws the held-out entries and the samples.
    """

    def __init__(
        self,
        entries: Entries,
        *,
        psd: bool,
        loss: Loss,
        breakdown: float,
        holdout: float,
        rng: np.random.Generator,
    ) -> None:
        self.shape, self.psd, self.device = entries.shape, psd, entries.device
        self.step, self.loss = ENTRYWISE_STEP, loss
        self.rule = ScaleRule(breakdown=breakdown, gamma=ENTRYWISE_GAMMA)
        self.entries = entries
        held = round(holdout * entries.observed)
        drawn = entries.draw(min(entries.observed, held + SAMPLE), rng)
        self._held_at, sample = drawn[:held], drawn[held:]
        self._held = entries.at(self._held_at)
        self._sample = _telling(entries.at(sample))
        self._held_telling = _telling(self._held)
        # Held-out entries are a random part, so that the scale of all says that of each.
        self.s_0 = self.rule.first(torch.from_numpy(np.concatenate([self._sample[2], self._held[2]])))
        entries.put(self._held_at, math.nan)
        self._missing = held
        self._draw_lines(rng)
        self._line_scales: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._age = 0

    def use_all(self) -> None:
        """Write the held-out entries back."""
        if self._missing:
            self.entries.put(self._held_at, self._held[2])
            self._missing = 0

    @property
    def size(self) -> tuple[float, float]:
        """Observed entries in use, and their share of all."""
        used = float(self.entries.observed - self._missing)
        return used, used / (self.shape[0] * self.shape[1])

    @property
    def holds_out(self) -> bool:
        """Whether entries are held out."""
        return self._missing > 0

    def restart(self) -> None:
        """Read the scales of rows and columns anew in the next step."""
        self._line_scales = None

    def settled(self, s: float) -> bool:
        """Whether the scale of every row and column was a thousandth of s when last read.

        That of all cells alone would not do: it is small too where only most rows fit.
        """
        return self.fits(SETTLED * s)

    def fits(self, level: float) -> bool:
        """Whether the scale of every row and column was below a level when last read."""
        scales = self._line_scales
        return scales is not None and max(scales[0].max(initial=0.0), scales[1].max(initial=0.0)) < level

    def line_scales(self, L: Tensor, R: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The scale of every row and of every column at the factors."""
        look = self.look(L, R)
        return self._line_scale(look, 0), self._line_scale(look, 1)

    def look(self, L: Tensor, R: Tensor) -> Look:
        """Residuals of the sample."""
        residual = self._residuals(L, R, self._sample)
        return Look(L=L, R=R, residual=residual, magnitudes=residual.abs())

    def held_out(self, L: Tensor, R: Tensor) -> Tensor:
        """|ρ| of the held-out entries that are not 0."""
        return self._residuals(L, R, self._held_telling).abs()

    def products(self, look: Look, s: float, U: Tensor, V: Tensor, loss: Loss) -> tuple[Tensor, Tensor, float]:
        """One pass."""
        row_cut, col_cut = self._cuts(look, s) if loss.name == "truncated" else (np.zeros(0),) * 2
        done = self.entries.run(
            look.L, look.R, U, V, rule_of(loss, s, row_cut, col_cut), loss if loss.name == "convex" else None
        )
        return done.left, done.right, done.kept / max(1, done.observed)

    def outlier_share(self, L: Tensor, R: Tensor, s: float) -> float:
        """Share with |ρ| > 3s."""
        done = self.entries.run(L, R, L[:, :0], R[:, :0], Rule(kind="sign", count_level=CUT * s))
        return 1 - done.kept / max(1, done.observed)

    def structure(self, L: Tensor, R: Tensor, s: float, which: Which, rng: np.random.Generator) -> float:
        """‖A*(w)‖₂/(‖w‖₂√(g/m)(√n1+√n2)) by a block Krylov space."""
        n1, n2 = self.shape
        none_L, none_R = L[:, :0], R[:, :0]
        if which == "inlier":
            rule = Rule(kind="truncated", row_cut=np.full(n1, CUT * s), col_cut=np.zeros(n2), count_level=CUT * s)
        else:
            rule = Rule(kind="outlier", level=CUT * s, count_level=CUT * s)
        first = self.entries.run(L, R, none_L, none_R, rule)
        if which == "outlier":
            if (first.observed - first.kept) / max(self.shape) < _FEW:
                return 0.0
            rule = Rule(kind="outlier", level=CUT * s, offset=first.total / first.observed, count_level=CUT * s)
            first = self.entries.run(L, R, none_L, none_R, rule)
        if first.squares == 0:
            return 0.0
        norm = spectral_norm(
            lambda V: self.entries.run(L, R, none_L, V, rule).left,
            lambda U: self.entries.run(L, R, U, none_R, rule).right,
            n2,
            rng,
            self.device,
        )
        return norm / (math.sqrt(first.squares / (n1 * n2)) * (math.sqrt(n1) + math.sqrt(n2)))

    def line(self, axis: int, index: int) -> NDArray[np.float64]:
        """A row (axis 0) or column of the observed matrix, NaN where missing."""
        if isinstance(self.entries, DenseEntries):
            values = self.entries.X[index] if axis == 0 else self.entries.X[:, index]
            out: NDArray[np.float64] = values.cpu().numpy().copy()
            return out
        out = np.full(self.shape[1 - axis], math.nan)
        if axis == 0:
            part = slice(self.entries.indptr[index], self.entries.indptr[index + 1])
            out[self.entries.indices[part]] = self.entries.data[part]
        else:
            at = np.flatnonzero(self.entries.indices == index)
            out[self.entries.at(at)[0]] = self.entries.data[at]
        return out

    def _residuals(
        self, L: Tensor, R: Tensor, cells: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]
    ) -> Tensor:
        rows, cols, values = cells
        if self.device.type == "cpu":
            return torch.from_numpy(_kernels.residuals(L.numpy(), R.numpy(), rows, cols, values))
        at, across = (torch.from_numpy(x.astype(np.int64)).to(self.device) for x in (rows, cols))
        return (L[at] * R[across]).sum(1) - torch.from_numpy(values).to(self.device)

    def _draw_lines(self, rng: np.random.Generator) -> None:
        if isinstance(self.entries, SparseEntries):
            self._positions = [self.entries.line_positions(axis, LINE_SAMPLE // 2, rng) for axis in (0, 1)]
            # Where they are does not change; their values do when held-out entries come back.
            self._places = [self.entries.at(p[p >= 0])[:2] for p in self._positions]
        else:
            self._samples = [self.entries.line_samples(axis, LINE_SAMPLE, rng) for axis in (0, 1)]

    def _cuts(self, look: Look, s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self._line_scales is None or self._age >= REFRESH:
            self._line_scales, self._age = (self._line_scale(look, 0), self._line_scale(look, 1)), 0
        elif self._age:
            gamma = self.rule.gamma
            self._line_scales = self._line_scales[0] * gamma, self._line_scales[1] * gamma
        self._age += 1
        rows, cols = self._line_scales
        return CUT * np.maximum(rows, s), CUT * cols

    def _line_scale(self, look: Look, axis: int) -> NDArray[np.float64]:
        """The q-quantile of |ρ| of every row or column over k_q; 0 where nothing is observed."""
        if isinstance(self.entries, SparseEntries):
            positions = self._positions[axis]
            there = positions >= 0
            rho = np.full(positions.shape, math.nan)
            cells = (*self._places[axis], self.entries.data[positions[there]])
            rho[there] = self._residuals(look.L, look.R, cells).numpy()
        else:
            chosen, values = self._samples[axis]
            own, other = (look.L, look.R) if axis == 0 else (look.R, look.L)
            return row_scales(own @ other[torch.from_numpy(chosen).to(self.device)].T - values, self.rule)
        return row_scales(torch.from_numpy(rho), self.rule)


Cells = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]


def _telling(cells: Cells) -> Cells:
    """The cells that are not 0, unless they are few.

    Where many entries are 0, as in images on a dark ground and counts, a poor fit meets them exactly and every low
    quantile is 0: like the first scale, the later ones and the held-out score are those of the other entries.
    """
    sizes = np.abs(cells[2])
    there = sizes > ZERO * sizes.max(initial=0.0)
    if there.all() or there.sum() < FEW_CELLS:
        return cells
    return cells[0][there], cells[1][there], cells[2][there]


def row_scales(rho: Tensor, rule: ScaleRule) -> NDArray[np.float64]:
    """The q-quantile of |ρ| of every row over k_q; NaN is missing, 0 where nothing is observed."""
    sizes = np.abs(rho.cpu().numpy())
    n, m = sizes.shape
    if m == 0:
        return np.zeros(n)
    missing = np.isnan(sizes)
    if not missing.any():
        at = min(int(rule.q * m), m - 1)
        out: NDArray[np.float64] = np.partition(sizes, at, axis=1)[:, at] / rule.k_q
        return out
    sizes.sort(axis=1)  # NaN goes last
    counts = m - missing.sum(1)
    at_each = np.minimum((rule.q * counts).astype(np.int64), np.maximum(counts - 1, 0))
    each: NDArray[np.float64] = np.take_along_axis(sizes, at_each[:, None], 1)[:, 0] / rule.k_q
    return np.nan_to_num(each)
