"""The subgradient method of the paper: symmetric, with its step schedule, to read and to compare with."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from ._arrays import Array, gaussian, generator, tensor
from ._operator import LinearOperator, measure, products
from ._scale import ScaleRule, quantile


@dataclass(frozen=True, kw_only=True)
class SubGMResult:
    """Where the subgradient method ended.

    Attributes:
        U: the factor, float64, shape ``(d, k)``; X = UUᵀ.
        losses: f(U_t) = (1/m)‖A(U_tU_tᵀ) − y‖₁ before each step, float64, shape ``(n_iter,)``.
        n_iter: steps taken.
        growth: the largest exponent by which the schedule can make a direction grow, 2 Σ η_t‖Q_t‖₂.
        needed: the growth that leaves the small start at condition number 1, ln(√s_0/(α‖B‖₂)).
    """

    U: NDArray[np.float64]
    losses: NDArray[np.float64]
    n_iter: int
    growth: float
    needed: float


def subgm(
    operator: LinearOperator,
    y: Array,
    *,
    rank: int | None = None,
    init: Literal["spectral", "random"] = "spectral",
    init_scale: float = 1e-8,
    schedule: Literal["geometric", "loss", "constant"] = "geometric",
    step: float | None = None,
    decay: float = 0.99,
    max_iter: int = 1500,
    random_state: Any = 0,
) -> SubGMResult:
    r"""Minimise f(U) = (1/m)‖A(UUᵀ) − y‖₁ by subgradient steps from a small start.

    .. math:: D = 2QU, \quad Q = \tfrac{1}{2m}\sum_i \operatorname{sign}(\rho_i)(A_i + A_i^T), \quad
              \rho = A(UU^T) - y, \quad U \leftarrow U - \eta_t D

    Any rank k at or above the true one will do with a small start and Gaussian-like measurements; for measurements of
    single entries that is false. :class:`RobustMatrixSensing` is the solver to use: this schedule has to know the
    condition number.

    Args:
        operator: measurements of d×d matrices.
        y: shape ``(m,)``.
        rank: columns of U; None takes d.
        init: ``"spectral"`` is α V Σ₊^{1/2} of the top eigenpairs of (1/2m) Σ sign(y_i)(A_i + A_iᵀ); ``"random"`` is
            α times a Gaussian matrix of norm about 1.
        init_scale: α.
        schedule: ``"geometric"`` η_t = step·decayᵗ/‖Q_t‖₂; ``"loss"`` η_t = step·f(U_t)/s_0, for data without noise;
            ``"constant"`` η_t = step.
        step: 0.15 by default, 0.25 for ``"loss"``.
        decay: ρ_d of the geometric schedule.
        max_iter: number of steps.
        random_state: seed of the random start.

    Returns:
        Factor, losses and the budget of the schedule.

    Warns:
        ConvergenceWarning: the schedule cannot leave the start, or the 0.4-quantile of ``|ρ|`` fell by less than half.

    Raises:
        ValueError: the operator is not square, y does not fit, or an option is out of range.

    References:
        Ma and Fattahi, Global convergence of sub-gradient method for robust matrix recovery, arXiv 2202.08788.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import Dense, subgm
        >>> rng = np.random.default_rng(0)
        >>> operator = Dense(rng.standard_normal((200, 8, 8)))
        >>> u = rng.standard_normal((8, 1))
        >>> y = operator.forward(u, u)
        >>> y[:20] += 1000 * rng.standard_normal(20)
        >>> U = subgm(operator, y).U
        >>> bool(np.linalg.norm(U @ U.T - u @ u.T) < 1e-3)
        True
    """
    d = operator.shape[0]
    if operator.shape != (d, d):
        raise ValueError(f"subgm needs measurements of square matrices, got shape {operator.shape}")
    device = getattr(operator, "device", torch.device("cpu"))
    values = tensor(y, "y", 1, device)
    m = operator.m
    if len(values) != m:
        raise ValueError(f"y has {len(values)} entries; the operator has {m} measurements")
    k = d if rank is None else rank
    if not 1 <= k <= d:
        raise ValueError(f"rank must be from 1 to {d}, got {rank}")
    if schedule not in ("geometric", "loss", "constant"):
        raise ValueError(f"schedule is {schedule!r}; the schedules are: geometric, loss, constant")
    if init not in ("spectral", "random"):
        raise ValueError(f"init is {init!r}; the starts are: spectral, random")
    rate = step if step is not None else 0.25 if schedule == "loss" else 0.15
    s_0 = ScaleRule(breakdown=0.5, gamma=0.0).first(values)

    eye = torch.eye(d, dtype=torch.float64, device=device)

    def symmetric(w: Tensor) -> Tensor:
        """(1/2m) Σ w_i (A_i + A_iᵀ)."""
        G, G_t = products(operator, w, eye, eye)
        return (G + G_t) / (2 * m)

    if init == "spectral":
        eigenvalues, V = torch.linalg.eigh(symmetric(torch.sign(values)))
        B = V[:, -k:].flip(1) * eigenvalues[-k:].flip(0).clamp(min=0).sqrt()
    else:
        B = gaussian(generator(random_state), (d, k), device) / math.sqrt(d)
    U = init_scale * B
    start = init_scale * float(torch.linalg.matrix_norm(B, ord=2))
    needed = math.log(max(math.sqrt(s_0), 1e-300) / max(start, 1e-300))

    losses, growth, first = [], 0.0, 0.0
    for t in range(max_iter):
        residual = measure(operator, U, U) - values
        losses.append(float(residual.abs().mean()))
        if t == 0:
            first = quantile(residual.abs(), 0.4)
        Q = symmetric(torch.sign(residual))
        size = float(torch.linalg.matrix_norm(Q, ord=2))
        if size == 0:
            break
        if schedule == "geometric":
            eta = rate * decay**t / size
        elif schedule == "loss":
            eta = rate * losses[-1] / max(s_0, 1e-300)
        else:
            eta = rate
        growth += 2 * eta * size
        U = U - eta * 2 * (Q @ U)
    if growth < needed:
        warnings.warn(
            f"the steps can make a direction grow by exp({growth:.3g}) at most, and leaving the start of scale "
            f"{init_scale:g} takes exp({needed:.3g}), times the condition number; raise decay or step",
            ConvergenceWarning,
            stacklevel=2,
        )
    last = quantile((measure(operator, U, U) - values).abs(), 0.4)
    if last > 0.5 * first and first > 0:
        warnings.warn(
            "the 0.4-quantile of the residuals fell by less than half: not converged; take more steps or a decay "
            "nearer 1",
            ConvergenceWarning,
            stacklevel=2,
        )
    return SubGMResult(U=U.cpu().numpy(), losses=np.array(losses), n_iter=len(losses), growth=growth, needed=needed)
