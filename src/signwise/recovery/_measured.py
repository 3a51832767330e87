"""The problem of linear measurements, for the solver."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._operator import LinearOperator, measure, products
from ._problem import Look, Problem, Which
from ._scale import ScaleRule
from ._spectral import spectral_norm
from ._steps import SENSING_GAMMA, SENSING_STEP
from ._weights import CUT, Loss

_FLIPS = 5
_SMALL = 256  # columns up to which A*(w) is formed
_FEW = 5.0  # outliers a row or column below which their pattern says nothing


class MeasuredProblem(Problem):
    """y = A(X*) + s with some measurements held out by weight 0.

    Args:
        operator: A.
        y: float64, shape ``(m,)``.
        held_out: bool, shape ``(m,)``.
        psd: X* is symmetric positive semidefinite.
        loss: the loss of the steps.
        breakdown: share of gross errors to withstand.
    """

    def __init__(
        self, operator: LinearOperator, y: Tensor, held_out: Tensor, *, psd: bool, loss: Loss, breakdown: float
    ) -> None:
        self.shape, self.psd, self.device = operator.shape, psd, y.device
        self.step, self.loss = SENSING_STEP, loss
        self.rule = ScaleRule(breakdown=breakdown, gamma=SENSING_GAMMA)
        self.s_0 = self.rule.first(y)
        self._operator, self._y, self._held = operator, y, held_out
        self._gain = float(operator.gain())
        if not (math.isfinite(self._gain) and self._gain > 0):
            raise ValueError(f"the operator has gain {self._gain}; it must be positive: does it measure anything?")
        self._train: Tensor | None = ~held_out if bool(held_out.any()) else None

    def use_all(self) -> None:
        """Take the held-out measurements back."""
        self._train = None

    @property
    def size(self) -> tuple[float, float]:
        """Measurements in use and their gain."""
        m = self._operator.m
        used = m if self._train is None else int(self._train.sum())
        return float(used), self._gain * used / m

    def look(self, L: Tensor, R: Tensor) -> Look:
        """All residuals."""
        fitted = measure(self._operator, L, R) if L.shape[1] else torch.zeros_like(self._y)
        residual = fitted - self._y
        used = residual if self._train is None else residual[self._train]
        return Look(L=L, R=R, residual=residual, magnitudes=used.abs())

    def held_out(self, L: Tensor, R: Tensor) -> Tensor:
        """|ρ| held out."""
        return self.look(L, R).residual[self._held].abs()

    def products(self, look: Look, s: float, U: Tensor, V: Tensor, loss: Loss) -> tuple[Tensor, Tensor, float]:
        """Both products from the stored residuals."""
        w = loss.weight(look.residual, s)
        if self._train is not None:
            w = torch.where(self._train, w, 0.0)
        left, right = products(self._operator, w, U, V) if U.shape[1] and V.shape[1] else self._one(w, U, V)
        return left, right, float((look.magnitudes <= CUT * s).double().mean())

    def _one(self, w: Tensor, U: Tensor, V: Tensor) -> tuple[Tensor, Tensor]:
        n1, n2 = self.shape
        empty = w.new_zeros
        left = self._operator.adjoint_times(w, V) if V.shape[1] else empty(n1, 0)
        right = self._operator.adjoint_t_times(w, U) if U.shape[1] else empty(n2, 0)
        return torch.as_tensor(left), torch.as_tensor(right)

    def outlier_share(self, L: Tensor, R: Tensor, s: float) -> float:
        """Share with |ρ| > 3s."""
        return float((self.look(L, R).magnitudes > CUT * s).double().mean())

    def structure(self, L: Tensor, R: Tensor, s: float, which: Which, rng: np.random.Generator) -> float:
        """The spectral norm of A*(w) over the largest of the same weights with random signs.

        Random signs stand for weights without structure. They replace the factor √n1 + √n2, which holds for Gaussian
        measurements and for single entries but not for every operator.
        """
        look = self.look(L, R)
        outside = look.residual.abs() > CUT * s
        if which == "inlier":
            w = torch.where(outside, 0.0, look.residual)
        else:
            share = float(outside.double().mean())
            if share * self._operator.m / max(self.shape) < _FEW:
                return 0.0
            w = torch.where(outside, torch.sign(look.residual), 0.0)
            w = w - w.mean()
        if not bool(w.any()):
            return 0.0
        flips = (torch.from_numpy(np.where(rng.random(len(w)) < 0.5, -1.0, 1.0)).to(w.device) for _ in range(_FLIPS))
        return self._norm(w, rng) / max(1e-300, *(self._norm(w * signs, rng) for signs in flips))

    def _norm(self, w: Tensor, rng: np.random.Generator) -> float:
        def product(method: Callable[[Tensor, Tensor], Any]) -> Callable[[Tensor], Tensor]:
            return lambda factor: torch.as_tensor(method(w, factor), dtype=torch.float64, device=self.device)

        if self.shape[1] <= _SMALL:
            one = torch.eye(self.shape[1], dtype=torch.float64, device=self.device)
            return float(torch.linalg.matrix_norm(product(self._operator.adjoint_times)(one), ord=2))
        return spectral_norm(
            product(self._operator.adjoint_times),
            product(self._operator.adjoint_t_times),
            self.shape[1],
            rng,
            self.device,
        )
