"""Known optimizers as settings of LionK: each is one choice of K and betas."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from torch import Tensor
from typing_extensions import Unpack

from signwise.convex import L1, Convex, GroupL2, LogCosh, Nuclear

from ._lion_k import LionK, ParamsT
from ._options import Options

Method = Literal["svd", "newton-schulz"]
Adjust = Literal["none", "original", "match_rms_adamw"]
_L1 = L1()


class Lion(LionK):
    """LionK with K = L1: steps along the sign of an interpolated momentum, weights inside the box of radius 1/λ.

    Args:
        params: as for :class:`LionK`.
        lr: η.
        betas: (β₁, β₂).
        weight_decay: λ.
        radius: 1/λ, instead of `weight_decay`.
        **options: of :class:`LionK`.

    References:
        arXiv 2302.06675, algorithm 2.

    Example:
        >>> import torch
        >>> from signwise.optim import Lion
        >>> x = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        >>> optimizer = Lion([x], lr=0.1)
        >>> x.square().sum().backward()
        >>> optimizer.step()
        >>> x.data
        tensor([ 0.9000, -1.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        radius: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(params, lr, betas, weight_decay, radius=radius, **options)


class Signum(LionK):
    """LionK with K = L1 and β₁ = β₂ = momentum: the sign of the running mean, the new gradient included.

    Args:
        params: as for :class:`LionK`.
        lr: η.
        momentum: β.
        weight_decay: λ.
        radius: 1/λ, instead of `weight_decay`.
        **options: of :class:`LionK`.

    References:
        arXiv 1802.04434, algorithm 2.

    Example:
        >>> import torch
        >>> from signwise.optim import Signum
        >>> Signum([torch.nn.Parameter(torch.ones(1))], lr=0.1).param_groups[0]["betas"]
        (0.9, 0.9)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        radius: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(params, lr, (momentum, momentum), weight_decay, radius=radius, **options)


class SignSGD(Signum):
    """LionK with K = L1 and no momentum: the sign of the gradient.

    Args:
        params: as for :class:`LionK`.
        lr: η.
        weight_decay: λ.
        radius: 1/λ, instead of `weight_decay`.
        **options: of :class:`LionK`.

    References:
        arXiv 1802.04434, algorithm 1.

    Example:
        >>> import torch
        >>> from signwise.optim import SignSGD
        >>> SignSGD([torch.nn.Parameter(torch.ones(1))], lr=0.1).param_groups[0]["betas"]
        (0.0, 0.0)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        weight_decay: float = 0.0,
        *,
        radius: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(params, lr, 0.0, weight_decay, radius=radius, **options)


class Tiger(Signum):
    """Signum with the defaults of Tiger: momentum 0.965, and weight decay 0.01.

    Args:
        params: as for :class:`LionK`.
        lr: η.
        momentum: β.
        weight_decay: λ.
        **options: of :class:`LionK`.

    References:
        J. Su, "Tiger: a tight-fisted optimizer", 2023.

    Example:
        >>> import torch
        >>> from signwise.optim import Tiger
        >>> Tiger([torch.nn.Parameter(torch.ones(1))], lr=1e-3).param_groups[0]["betas"]
        (0.965, 0.965)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        momentum: float = 0.965,
        weight_decay: float = 0.01,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(params, lr, momentum, weight_decay, **options)


class NormalizedSGD(LionK):
    """LionK with K = GroupL2 over each whole tensor: steps of length η, each tensor inside the ball of radius 1/λ.

    Args:
        params: as for :class:`LionK`.
        lr: η, the length of a step of each tensor.
        momentum: β₁ = β₂.
        weight_decay: λ.
        radius: 1/λ, instead of `weight_decay`.
        **options: of :class:`LionK`.

    References:
        arXiv 2002.03305 (normalized SGD with momentum).

    Example:
        >>> import torch
        >>> from signwise.optim import NormalizedSGD
        >>> x = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> x.square().sum().backward()
        >>> NormalizedSGD([x], lr=1.0).step()
        >>> x.data
        tensor([2.4000, 3.2000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        radius: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(params, lr, (momentum, momentum), weight_decay, GroupL2(), radius=radius, **options)


class SmoothLion(LionK):
    """LionK with K = LogCosh: tanh in place of the sign, so that steps shrink with the momentum.

    tanh is 1 only for a momentum well above 1: it depends on the scale of the gradient, which ``SmoothedL1(s)``
    as kappa sets.

    Args:
        params: as for :class:`LionK`.
        lr: η.
        betas: (β₁, β₂).
        weight_decay: λ.
        radius: 1/λ, instead of `weight_decay`.
        **options: of :class:`LionK`.

    References:
        arXiv 2310.05898.

    Example:
        >>> import torch
        >>> from signwise.optim import SmoothLion
        >>> SmoothLion([torch.nn.Parameter(torch.ones(1))], lr=1e-3).param_groups[0]["kappa"]
        LogCosh()
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        radius: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(params, lr, betas, weight_decay, LogCosh(), radius=radius, **options)


class FrankWolfe(LionK):
    """Conditional gradient steps inside the radius times C: x ← (1 − γ)x + γ·radius·∂K(−g).

    Args:
        params: as for :class:`LionK`.
        step_size: γ in [0, 1]; the group's lr is γ·radius, which schedulers change.
        radius: of the set.
        kappa: K, whose set C is scaled; bounded.
        momentum: β₁ = β₂ of the gradient's running mean; 0 is the classical method.
        **options: of :class:`LionK`.

    Raises:
        ValueError: K's set is not bounded.

    References:
        M. Jaggi, "Revisiting Frank-Wolfe", ICML 2013; arXiv 2506.04192.

    Example:
        >>> import torch
        >>> from signwise.convex import LInf
        >>> from signwise.optim import FrankWolfe
        >>> x = torch.nn.Parameter(torch.zeros(2))
        >>> (x * torch.tensor([1.0, -3.0])).sum().backward()
        >>> FrankWolfe([x], 0.5, radius=2.0, kappa=LInf()).step()
        >>> x.data
        tensor([0., 1.])
    """

    def __init__(
        self,
        params: ParamsT,
        step_size: float,
        *,
        radius: float = 1.0,
        kappa: Convex = _L1,
        momentum: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        if isinstance(kappa, Convex) and not kappa.bounded:
            raise ValueError(f"kappa must have a bounded set for Frank-Wolfe steps, got {kappa!r}")
        super().__init__(params, step_size * radius, (momentum, momentum), 0.0, kappa, radius=radius, **options)


class Muon(LionK):
    r"""LionK with K = s·Nuclear for matrices, L1 for vectors: orthogonalised momentum, ‖W‖ ≤ s/λ in operator norm.

    With Nesterov momentum μ, β₂ = μ and β₁ = μ². The factor s of a matrix of r rows and c columns multiplies step
    and constraint alike, so the radius of a group is s/λ. Groups are split by s, and by matrices and vectors;
    tensors of more than two dimensions are seen as (shape[0], rest).

    Args:
        params: as for :class:`LionK`.
        lr: η. Embeddings, heads and vectors usually want another one, and for the first two ``kappa=L1()``: give
            them groups of their own.
        momentum: μ.
        weight_decay: λ.
        radius: 1/λ, instead of `weight_decay`.
        method: "newton-schulz" (matrix products only, singular values not exactly 1) or "svd". Both stay in the
            set; a Lyapunov slack needs "svd".
        adjust: s: "none" is 1, "original" √max(1, r/c), "match_rms_adamw" 0.2·√max(r, c).
        **options: of :class:`LionK`.

    References:
        K. Jordan et al., "Muon", 2024; arXiv 2506.15054 (Muon as Lion-K). ``torch.optim.Muon`` does not
        divide its Newton-Schulz result, whose singular values reach 1.2, so its radius is 1.2·s/λ.

    Example:
        >>> import torch
        >>> from signwise.optim import Muon
        >>> layer = torch.nn.Linear(2, 8)
        >>> optimizer = Muon(layer.parameters(), lr=0.02, weight_decay=0.5, adjust="original")
        >>> [group["kappa"] for group in optimizer.param_groups]
        [Scaled(function=Nuclear(method='newton-schulz', rtol=None), scale=2.0), L1()]
        >>> [part.radius for part in optimizer.certificate().groups]
        [4.0, 2.0]
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        *,
        radius: float | None = None,
        method: Method = "newton-schulz",
        adjust: Adjust = "none",
        **options: Unpack[Options],
    ) -> None:
        if adjust not in get_args(Adjust):
            raise ValueError(f"adjust must be one of {', '.join(get_args(Adjust))}; got {adjust!r}")
        self._nuclear, self._adjust = Nuclear(method), adjust
        super().__init__(params, lr, (momentum**2, momentum), weight_decay, radius=radius, **options)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_nuclear": self._nuclear, "_adjust": self._adjust}

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters, one group for each K that their shapes ask for; a group with a `kappa` stays whole."""
        if not isinstance(param_group, dict) or "kappa" in param_group:
            super().add_param_group(param_group)
            return
        params = param_group["params"]
        pieces: dict[Convex, list[Any]] = {}
        for item in [params] if isinstance(params, Tensor) else params:
            pieces.setdefault(self._kappa(item[1] if isinstance(item, tuple) else item), []).append(item)
        for K, piece in pieces.items():
            super().add_param_group({**param_group, "params": piece, "kappa": K})

    def _kappa(self, p: Tensor) -> Convex:
        if not isinstance(p, Tensor) or p.ndim < 2:
            return _L1
        rows, columns = p.shape[0], math.prod(p.shape[1:])
        scale = 1.0
        if self._adjust == "original":
            scale = math.sqrt(max(1.0, rows / max(columns, 1)))
        elif self._adjust == "match_rms_adamw":
            scale = 0.2 * math.sqrt(max(rows, columns, 1))
        return self._nuclear if scale == 1 else scale * self._nuclear
