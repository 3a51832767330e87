"""How far the signs of measurements are from pointing at the error: the sign-RIP, measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._arrays import gaussian, generator, tensor
from ._operator import LinearOperator, measure


def phi_outliers(p: float, sigma: float, norm: float = 1.0) -> float:
    r"""φ of Gaussian measurements of which a share p has an added N(0, σ²).

    .. math:: \varphi = \sqrt{2/\pi}\,\bigl(1 - p + p\,\mathrm{E}\,e^{-s^2/2\|\Delta\|^2}\bigr)
              = \sqrt{2/\pi}\,\Bigl(1 - p + \frac{p\|\Delta\|}{\sqrt{\|\Delta\|^2+\sigma^2}}\Bigr)

    Args:
        p: share of outliers; 1 is dense noise.
        sigma: their standard deviation.
        norm: ‖Δ‖_F.

    Returns:
        φ, at least √(2/π)(1 − p).

    Example:
        >>> round(phi_outliers(0.3, 1.0, 3**0.5), 3)
        0.766
    """
    return math.sqrt(2 / math.pi) * (1 - p + p * norm / math.hypot(norm, sigma))


@dataclass(frozen=True, kw_only=True)
class SignRIPFamily:
    """The measured sign-RIP over one family of probes.

    Attributes:
        probes: ``"gaussian"`` or ``"spiky"``.
        phi: φ̂, the mean of ⟨D_j, X_j⟩/norm.
        phi_std: its standard deviation over the probes.
        delta: δ̂, the largest deviation over the probes: a lower bound of the uniform δ.
        delta_mean: the mean deviation.
    """

    probes: str
    phi: float
    phi_std: float
    delta: float
    delta_mean: float


def sign_rip(
    operator: LinearOperator,
    rank: int,
    outliers: Callable[[np.random.Generator, int], NDArray[np.float64]] | None = None,
    *,
    norm: float = 1.0,
    n_probes: int = 32,
    probes: Literal["gaussian", "spiky", "both"] = "gaussian",
    random_state: Any = 0,
) -> tuple[SignRIPFamily, ...]:
    r"""Measure how well D = (1/m)A*(sign(A(X) − s)) points along X, for random X of a rank.

    With the operator rescaled to gain m, probes X_j of rank k and ‖X_j‖_F = norm, and E_j = D_j − φ̂X_j/norm,

    .. math:: \hat\varphi = \mathrm{mean}_j \langle D_j, X_j\rangle/\mathrm{norm}, \qquad
              \hat\delta = \max_j \Bigl(\sum_{i\le k}\sigma_i(E_j)^2\Bigr)^{1/2}/\hat\varphi .

    The root is the exact supremum of ⟨E_j, Y⟩ over unit Y of rank k. The maximum is over the probes only, so δ̂ is a
    lower bound of the δ that holds for all X at once.

    Args:
        operator: the measurements.
        rank: k.
        outliers: draws the m values s from a generator and m; None for none.
        norm: size of the probes.
        n_probes: number of probes of a family.
        probes: ``"gaussian"`` products of Gaussian factors, ``"spiky"`` k random entries, or ``"both"``. Of
            measurements of single entries φ̂ differs tenfold between the two, and no sign-RIP holds.
        random_state: seed or generator.

    Returns:
        One record a family.

    Raises:
        ValueError: rank, norm, n_probes or probes out of range.

    References:
        Ma and Fattahi, arXiv 2102.02969 and 2202.08788.

    Example:
        >>> import numpy as np
        >>> from signwise.recovery import Dense, sign_rip
        >>> operator = Dense(np.random.default_rng(0).standard_normal((4000, 6, 6)))
        >>> (family,) = sign_rip(operator, 1)
        >>> abs(family.phi - (2 / np.pi) ** 0.5) < 0.02 and family.delta < 0.2
        True
    """
    n1, n2 = operator.shape
    if not 1 <= rank <= min(n1, n2):
        raise ValueError(f"rank must be from 1 to {min(n1, n2)}, got {rank}")
    if not norm > 0 or n_probes < 1:
        raise ValueError(f"norm must be positive and n_probes at least 1, got {norm} and {n_probes}")
    if probes not in ("gaussian", "spiky", "both"):
        raise ValueError(f"probes is {probes!r}; the families are: gaussian, spiky, both")
    rng = generator(random_state)
    device = getattr(operator, "device", torch.device("cpu"))
    rescale = math.sqrt(operator.m / operator.gain())
    families = ("gaussian", "spiky") if probes == "both" else (probes,)
    return tuple(_family(operator, name, rank, outliers, norm, n_probes, rescale, rng, device) for name in families)


def _family(
    operator: LinearOperator,
    name: str,
    rank: int,
    outliers: Callable[[np.random.Generator, int], NDArray[np.float64]] | None,
    norm: float,
    n_probes: int,
    rescale: float,
    rng: np.random.Generator,
    device: torch.device,
) -> SignRIPFamily:
    m, (n1, n2) = operator.m, operator.shape
    alignments, kept = [], []
    for _ in range(n_probes):
        L, R = _probe(name, (n1, n2), rank, norm, rng, device)
        values = rescale * measure(operator, L, R)
        if outliers is not None:
            values = values - tensor(outliers(rng, m), "outliers", 1, device)
        D = _adjoint(operator, torch.sign(values), device) * (rescale / m)
        X = L @ R.T
        alignments.append(float((D * X).sum()) / norm)
        kept.append((D, X / norm))
    phi = sum(alignments) / n_probes
    deviations = []
    for D, direction in kept:
        sigma = torch.linalg.svdvals(D - phi * direction)
        deviations.append(float(torch.linalg.vector_norm(sigma[:rank])) / phi)
    return SignRIPFamily(
        probes=name,
        phi=phi,
        phi_std=float(np.std(alignments)),
        delta=max(deviations),
        delta_mean=sum(deviations) / n_probes,
    )


def _probe(
    name: str, shape: tuple[int, int], rank: int, norm: float, rng: np.random.Generator, device: torch.device
) -> tuple[Tensor, Tensor]:
    n1, n2 = shape
    if name == "gaussian":
        L, R = gaussian(rng, (n1, rank), device), gaussian(rng, (n2, rank), device)
    else:
        L, R = (torch.zeros(n, rank, dtype=torch.float64, device=device) for n in (n1, n2))
        columns = torch.arange(rank)
        L[torch.from_numpy(rng.permutation(n1)[:rank]), columns] = 1.0
        R[torch.from_numpy(rng.permutation(n2)[:rank]), columns] = 1.0
    size = float(torch.linalg.matrix_norm(L @ R.T))
    return L * (norm / size), R


def _adjoint(operator: LinearOperator, w: Tensor, device: torch.device) -> Tensor:
    # A*(w) through products with the identity of the smaller side.
    n1, n2 = operator.shape
    one = torch.eye(min(n1, n2), dtype=torch.float64, device=device)
    if n2 <= n1:
        return torch.as_tensor(operator.adjoint_times(w, one), dtype=torch.float64)
    return torch.as_tensor(operator.adjoint_t_times(w, one), dtype=torch.float64).T
