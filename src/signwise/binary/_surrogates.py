"""Signs with a surrogate derivative: the registry of pairs and the two functions that binarize with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Function = Callable[[Tensor, float], Tensor]
Stage = Literal[1, 2]


@dataclass(frozen=True, kw_only=True)
class Surrogate:
    """A pair (φ, φ′): what is binarized, and the factor of its gradient.

    Attributes:
        name: the name it is registered under.
        soft: φ(x, ω), elementwise; bsign(φ) is the binary value.
        dsoft: φ′(x, ω), elementwise; the gradient u of the binary value becomes u·φ′.
    """

    name: str
    soft: Function
    dsoft: Function


_REGISTRY: dict[str, Surrogate] = {}


def register_surrogate(name: str, soft: Function, dsoft: Function) -> Surrogate:
    """Make a surrogate known under a name, for :class:`BiPerConv2d`, :class:`BiPerLinear` and the functions here.

    Args:
        name: a new name.
        soft: φ, a function of ``(x, omega)`` that keeps the shape; ``omega`` is a plain float, which most ignore.
        dsoft: φ′ of the same arguments.

    Returns:
        The registered pair.

    Raises:
        ValueError: the name is taken.

    Example:
        >>> import torch
        >>> from signwise.binary import register_surrogate, binarize_weight
        >>> pair = register_surrogate("tanh", lambda x, omega: torch.tanh(x), lambda x, omega: 1 - torch.tanh(x) ** 2)
        >>> w = torch.tensor([0.0, -1.0], requires_grad=True)
        >>> binarize_weight(w, "tanh").sum().backward()
        >>> w.grad
        tensor([1.0000, 0.4200])
    """
    if name in _REGISTRY:
        raise ValueError(f"the surrogate {name!r} is registered already; choose another name")
    _REGISTRY[name] = Surrogate(name=name, soft=soft, dsoft=dsoft)
    return _REGISTRY[name]


def surrogate(name: str) -> Surrogate:
    """The registered pair of this name.

    Raises:
        ValueError: no such name; the message lists those there are.
    """
    if name not in _REGISTRY:
        raise ValueError(f"no surrogate {name!r}; registered are: {', '.join(sorted(_REGISTRY))}")
    return _REGISTRY[name]


def bsign(x: Tensor) -> Tensor:
    """The binary sign: +1 where x >= 0 (so for both zeros), -1 elsewhere (so for NaN).

    Args:
        x: floating, any shape.

    Returns:
        +1 and -1 in the dtype of ``x``.

    Example:
        >>> import torch
        >>> from signwise.binary import bsign
        >>> bsign(torch.tensor([0.5, 0.0, -0.0, -2.0, float("nan")]))
        tensor([ 1.,  1.,  1., -1., -1.])
    """
    one = x.new_ones(())
    return torch.where(x >= 0, one, -one)


class _Binarize(torch.autograd.Function):
    """Forward bsign(φ(x)) or φ(x), backward u·φ′(x)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, pair: Surrogate, omega: float, hard: bool) -> Tensor:
        ctx.save_for_backward(x)
        ctx.pair, ctx.omega = pair, omega
        value = pair.soft(x, omega)
        return bsign(value) if hard else value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x,) = ctx.saved_tensors
        return grads[0] * ctx.pair.dsoft(x, ctx.omega), None, None, None


def binarize_activation(a: Tensor, surrogate_name: str = "bireal", *, omega: float = 20.0) -> Tensor:
    """The binary activations bsign(φ(a)), with gradient u·φ′(a).

    Args:
        a: floating, any shape.
        surrogate_name: a registered surrogate; ``"bireal"`` has ``φ(x) = x(2 - |x|)`` for ``|x| < 1``, else ±1, and
            ``φ′(x) = max(0, 2 - 2|x|)``.
        omega: frequency, for a periodic surrogate.

    Returns:
        +1 and -1, shape and dtype of ``a``.

    Example:
        >>> import torch
        >>> from signwise.binary import binarize_activation
        >>> a = torch.tensor([-2.0, -0.25, 0.0, 0.5], requires_grad=True)
        >>> b = binarize_activation(a)
        >>> b.sum().backward()
        >>> b.tolist(), a.grad.tolist()
        ([-1.0, -1.0, 1.0, 1.0], [0.0, 1.5, 2.0, 1.0])
    """
    return _binarize(a, surrogate_name, omega, hard=True)


def binarize_weight(w: Tensor, surrogate_name: str = "biper", *, omega: float = 20.0, stage: Stage = 2) -> Tensor:
    """The binary weights of latents w: φ(w) in stage 1, bsign(φ(w)) in stage 2; the gradient is u·φ′(w) in both.

    With ``"biper"`` φ(w) = sin ωw and φ′(w) = ω cos ωw: a square wave of the latent whose gradient is largest at
    the flips kπ/ω and vanishes between them.

    Args:
        w: latents, floating, any shape.
        surrogate_name: a registered surrogate.
        omega: frequency ω.
        stage: 1 keeps the soft value, 2 is binary.

    Returns:
        Shape and dtype of ``w``.

    References:
        BiPer, arXiv 2404.01278, section 3.

    Example:
        >>> import torch
        >>> from signwise.binary import binarize_weight
        >>> w = torch.tensor([0.05, 0.2, -0.05], requires_grad=True)
        >>> b = binarize_weight(w, omega=20.0)
        >>> b.sum().backward()
        >>> b.tolist(), [round(g, 3) for g in w.grad.tolist()]
        ([1.0, -1.0, -1.0], [10.806, -13.073, 10.806])
    """
    if stage not in (1, 2):
        raise ValueError(f"stage must be 1 (soft) or 2 (binary), got {stage!r}")
    return _binarize(w, surrogate_name, omega, hard=stage == 2)


def _binarize(x: Tensor, name: str, omega: float, *, hard: bool) -> Tensor:
    if not x.is_floating_point():
        raise TypeError(f"expected a floating tensor, got {x.dtype}")
    return _Binarize.apply(x, surrogate(name), float(omega), hard)  # type: ignore[no-any-return, no-untyped-call]


def _bireal(x: Tensor, omega: float) -> Tensor:
    inner = x.clamp(-1, 1)
    return inner * (2 - inner.abs())


def _bireal_slope(x: Tensor, omega: float) -> Tensor:
    return (2 - 2 * x.abs()).clamp_min(0)


register_surrogate("ste", lambda x, omega: x, lambda x, omega: torch.ones_like(x))
register_surrogate("ste_clip", lambda x, omega: x.clamp(-1, 1), lambda x, omega: (x.abs() <= 1).to(x.dtype))
register_surrogate("bireal", _bireal, _bireal_slope)
register_surrogate("biper", lambda x, omega: torch.sin(omega * x), lambda x, omega: omega * torch.cos(omega * x))
