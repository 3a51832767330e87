"""One step of Lion-K as functions of tensors: for one parameter, and for a list of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from signwise.convex import L1

if TYPE_CHECKING:
    from signwise.convex import Convex

Cautious = Literal["mask", "rescale"]
Decay = Literal["plain", "cautious"]
# A tenth of a percent of active coordinates is the least that a rescaled mask makes up for.
_LEAST_MASK_MEAN = 1e-3


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What one step does to every parameter of a group.

    Args:
        eta: η, the learning rate; a 0-dimensional tensor in a captured step.
        weight_decay: λ.
        beta1: β₁, of the direction.
        beta2: β₂, of the momentum.
        kappa: K.
        cautious: None, "mask" or "rescale".
        decay: "plain" or "cautious".
        maximize: the gradients that come are negated first.
    """

    eta: float | Tensor
    weight_decay: float
    beta1: float
    beta2: float
    kappa: Convex
    cautious: Cautious | None = None
    decay: Decay = "plain"
    maximize: bool = False

    @property
    def factor(self) -> float | Tensor:
        """1 − ηλ, in double precision."""
        return 1.0 - self.eta * self.weight_decay


class Step(NamedTuple):
    """Weights and momentum after a step."""

    weights: Tensor
    momentum: Tensor


def lion_k_step(
    weights: Tensor,
    grad: Tensor,
    momentum: Tensor,
    *,
    lr: float,
    kappa: Convex | None = None,
    betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: float = 0.0,
    cautious: Cautious | None = None,
    decay: Decay = "plain",
) -> Step:
    r"""Compute one step of Lion-K, leaving its arguments alone.

    .. math:: c = \beta_1 m + (1-\beta_1) g, \quad u = \partial K(-c), \quad
              x_+ = (1-\eta\lambda)x + \eta u, \quad m_+ = \beta_2 m + (1-\beta_2) g

    With K = L1, u = −sign(c) and this is Lion. Scalars are computed in double precision and rounded once
    to the tensors' dtype; each of the three sums is one fused multiply-add on a CPU that has them.

    Args:
        weights: x, floating, any shape.
        grad: g, dtype and shape of x.
        momentum: m, the running mean of gradients, dtype and shape of x; zeros at the start.
        lr: η ≥ 0.
        kappa: K, the L1 norm by default.
        betas: (β₁, β₂).
        weight_decay: λ; 1/λ is the radius of the constraint.
        cautious: "mask" drops the coordinates of u with c·g ≤ 0; "rescale" also divides by the mean
            of that mask.
        decay: "cautious" decays only where u·x ≤ 0.

    Returns:
        ``(weights, momentum)``, new tensors.

    References:
        arXiv 2310.05898 (Lion-K), 2302.06675 (Lion), 2411.16085 (cautious), 2510.12402 (cautious decay).

    Example:
        >>> import torch
        >>> from signwise.optim import lion_k_step
        >>> x, g = torch.tensor([1.0, -1.0, 0.5]), torch.tensor([2.0, -3.0, 0.0])
        >>> lion_k_step(x, g, torch.zeros(3), lr=0.1, weight_decay=1.0).weights
        tensor([ 0.8000, -0.8000,  0.4500])
    """
    rule = Rule(
        eta=lr,
        weight_decay=weight_decay,
        beta1=betas[0],
        beta2=betas[1],
        kappa=L1() if kappa is None else kappa,
        cautious=cautious,
        decay=decay,
    )
    result = Step(weights.clone(), momentum.clone())
    step_(result.weights, grad, result.momentum, rule)
    return result


def step_(x: Tensor, g: Tensor, m: Tensor, rule: Rule) -> Tensor:
    """Step one parameter in place and return c = β₁m + (1−β₁)g.

    The operations and their order are those of ``lion_pytorch.Lion``, which fixes the bits: torch evaluates
    ``a.add(b, alpha=s)`` as fma(b, s, a), tails of the loop included.
    """
    if rule.maximize:
        g = -g
    c = m.mul(rule.beta1).add_(g, alpha=1.0 - rule.beta1)
    u, sign = direction(c, g, rule)
    decay_(x, u, sign, rule)
    _add_scaled_(x, u, rule.eta, sign)
    m.mul_(rule.beta2).add_(g, alpha=1.0 - rule.beta2)
    return c


def foreach_step_(
    xs: list[Tensor],
    gs: list[Tensor],
    ms: list[Tensor],
    rule: Rule,
    *,
    eta: Tensor | None = None,
    factor: Tensor | None = None,
) -> None:
    """:func:`step_` over lists, with the same bits for a K that is a sum over coordinates.

    `eta` and `factor`, without dimensions, stand for those of the rule if given.

    The linear parts are torch's multi-tensor operations, which is worth most on a GPU; a K other than L1 is
    applied tensor by tensor. It holds one temporary copy of the whole list.
    """
    if rule.maximize:
        gs = list(torch._foreach_neg(gs))
    cs = torch._foreach_mul(ms, rule.beta1)
    torch._foreach_add_(cs, gs, alpha=1.0 - rule.beta1)
    if isinstance(rule.kappa, L1) and rule.cautious is None:
        torch._foreach_sign_(cs)
        us, sign = list(cs), -1
    else:
        directions = [direction(c, g, rule) for c, g in zip(cs, gs, strict=True)]
        us, sign = [u for u, _ in directions], directions[0][1]
    if rule.decay == "cautious":
        for x, u in zip(xs, us, strict=True):
            decay_(x, u, sign, rule, factor)
    elif rule.weight_decay != 0:
        torch._foreach_mul_(xs, rule.factor if factor is None else factor)
    rate = rule.eta if eta is None else eta
    if isinstance(rate, Tensor):
        torch._foreach_mul_(us, rate)
        torch._foreach_add_(xs, us, alpha=sign)
    else:
        torch._foreach_add_(xs, us, alpha=sign * rate)
    torch._foreach_mul_(ms, rule.beta2)
    torch._foreach_add_(ms, gs, alpha=1.0 - rule.beta2)


def direction(c: Tensor, g: Tensor, rule: Rule) -> tuple[Tensor, int]:
    """(d, s) with s·d = u = ∂K(−c), masked if the rule is cautious.

    An even K saves the pass that negates c: u = −∂K(c).
    """
    K = rule.kappa
    u, sign = (K.subgradient(c), -1) if K.even else (K.subgradient(c.neg()), 1)
    if rule.cautious is None:
        return u, sign
    # The sign keeps a product of tiny numbers from vanishing.
    mask = (torch.sign(c) * g > 0).to(u.dtype)
    u = u * mask
    if rule.cautious == "rescale" and mask.numel():
        u.div_(mask.mean().clamp(min=_LEAST_MASK_MEAN))
    return u, sign


def decay_(x: Tensor, u: Tensor, sign: int, rule: Rule, factor: Tensor | None = None) -> None:
    """x ← (1 − ηλ)x, only where s·u·x ≤ 0 if the decay is cautious; `factor` stands for 1 − ηλ if given."""
    if rule.weight_decay == 0:
        return
    if rule.decay == "plain":
        x.mul_(rule.factor if factor is None else factor)
    else:
        shrunk = x * (rule.factor if factor is None else factor)
        x.copy_(torch.where(torch.sign(u) * x * sign <= 0, shrunk, x))


def _add_scaled_(x: Tensor, u: Tensor, eta: float | Tensor, sign: int) -> None:
    if isinstance(eta, Tensor):
        x.add_(u * eta, alpha=sign)
    else:
        x.add_(u, alpha=sign * eta)
