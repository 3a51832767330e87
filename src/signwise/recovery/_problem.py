"""What the solver sees of a problem: residuals, a scale, and the two products of a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ._scale import ScaleRule
from ._spectral import balanced, factor_svd
from ._steps import estimated_error
from ._weights import Loss


@dataclass(frozen=True, kw_only=True)
class Look:
    """Residuals at a pair of factors.

    Attributes:
        L: first factor.
        R: second factor.
        residual: ρ of the observations, or of a fixed sample of them.
        magnitudes: |ρ| of those that the scale is read from.
    """

    L: Tensor
    R: Tensor
    residual: Tensor
    magnitudes: Tensor


Which = Literal["inlier", "outlier"]


class Problem(ABC):
    """Observations of X* = LRᵀ of which some are held out.

    Attributes:
        shape: (n1, n2).
        psd: X* is symmetric positive semidefinite and L = R, the same tensor.
        step: c.
        loss: the loss of the steps.
        rule: how the scale is read.
        s_0: the first scale.
        device: where the factors are.
    """

    shape: tuple[int, int]
    psd: bool
    step: float
    loss: Loss
    rule: ScaleRule
    s_0: float
    device: torch.device

    @abstractmethod
    def use_all(self) -> None:
        """Take the held-out observations back into the fit."""

    def restart(self) -> None:  # noqa: B027 - nothing to forget by default
        """Forget what was read at other factors; called at the start of each run of steps."""

    def settled(self, s: float) -> bool:
        """Whether residuals everywhere are so far below s that s may fall fast."""
        return False

    def fits(self, level: float) -> bool:
        """Whether residuals everywhere were below a level when last read, outliers apart."""
        return False

    @property
    @abstractmethod
    def size(self) -> tuple[float, float]:
        """Number of observations in use, and their gain ‖A‖_F²/(n1 n2)."""

    @abstractmethod
    def look(self, L: Tensor, R: Tensor) -> Look:
        """Residuals at the factors."""

    @abstractmethod
    def held_out(self, L: Tensor, R: Tensor) -> Tensor:
        """|ρ| of the held-out observations."""

    @abstractmethod
    def products(self, look: Look, s: float, U: Tensor, V: Tensor, loss: Loss) -> tuple[Tensor, Tensor, float]:
        """A*(w)V, A*(w)ᵀU for w = ψ(ρ) at scale s, and the share of observations with |ρ| ≤ 3s."""

    def gradient(self, look: Look, s: float) -> tuple[Tensor, Tensor, float]:
        """(cτ/g)A*(w)R, (cτ/g)A*(w)ᵀL, and the kept share; symmetrised where the problem is."""
        P_L, P_R, kept = self.products(look, s, look.L, look.R, self.loss)
        factor = self.step * self.loss.multiplier(s) / self.size[1]
        if self.psd:
            G = (P_L + P_R) * (0.5 * factor)
            return G, G, kept
        return P_L * factor, P_R * factor, kept

    def error(self, s: float) -> float:
        """Δ̂ = s√(m/g)."""
        return estimated_error(s, *self.size)

    def svd(self, L: Tensor, R: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Singular value decomposition of LRᵀ; of a symmetric problem U = V."""
        if not self.psd:
            return factor_svd(L, R)
        U, root, _ = torch.linalg.svd(L, full_matrices=False)
        return U, root.square(), U

    def truncated(self, L: Tensor, R: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The best factors of rank k of LRᵀ."""
        U, sigma, V = self.svd(L, R)
        return self.joined(U[:, :k], sigma[:k], V[:, :k])

    def joined(self, U: Tensor, sigma: Tensor, V: Tensor) -> tuple[Tensor, Tensor]:
        """U√Σ and V√Σ."""
        left, right = balanced(U, sigma, V)
        return left, left if self.psd else right

    def zero(self) -> tuple[Tensor, Tensor]:
        """Factors of rank 0."""
        left = torch.zeros(self.shape[0], 0, dtype=torch.float64, device=self.device)
        return left, left if self.psd else torch.zeros(self.shape[1], 0, dtype=torch.float64, device=self.device)

    @abstractmethod
    def structure(self, L: Tensor, R: Tensor, s: float, which: Which, rng: Any) -> float:
        """‖A*(w)‖₂/(‖w‖₂√(g/m)(√n1+√n2)): about 1 for w without structure."""

    @abstractmethod
    def outlier_share(self, L: Tensor, R: Tensor, s: float) -> float:
        """Share of the observations in use with |ρ| > 3s."""
