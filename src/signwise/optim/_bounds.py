"""The mathematics of the certificates: what is guaranteed, distances, gaps, and the sums of one step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from signwise.convex import NotAvailableError, Scaled

if TYPE_CHECKING:
    from signwise.convex import Convex

    from ._step import Rule

Guarantee = Literal["set", "scaled-set", "none"]
# The sums that a step keeps: none, those of the gap, or those of a Lyapunov slack too.
Keep = Literal["gap", "step"] | None
# A row of one parameter: the sums of a certified step, and how many steps had been taken before it.
GAP, DECREASE, MOVED, BEFORE, AFTER, TAKEN = range(6)
ROW = 6


def guarantee(rule: Rule) -> Guarantee:
    """What the options of a group leave of the guarantee that weights stay in the set."""
    K = rule.kappa
    if rule.weight_decay == 0 or not K.bounded or rule.decay == "cautious" or rule.cautious == "rescale":
        return "none"
    if rule.cautious == "mask" and not K.solid:
        return "none"
    return "scaled-set" if overshoot(K) > 1 else "set"


def overshoot(K: Convex) -> float:
    """How many times C the subgradient may reach: 1, or the attribute `overshoot` of an inexact K."""
    return float(getattr(K, "overshoot", 1.0))


def radius(rule: Rule) -> float:
    """s·overshoot/λ for s·K, inf for λ = 0."""
    if rule.weight_decay == 0:
        return math.inf
    K, scale = rule.kappa, overshoot(rule.kappa)
    while isinstance(K, Scaled):
        scale *= K.scale
        K = K.function
    return scale / rule.weight_decay


def distance(x: Tensor, rule: Rule) -> Tensor | None:
    """The distance of λx to the set, float64 without dimensions; the gauge's excess where K cannot project."""
    K = rule.kappa
    if overshoot(K) > 1:
        K = Scaled(K, overshoot(K))
    y = x.detach().double() * rule.weight_decay
    try:
        return K.distance(y)
    except NotAvailableError:
        pass
    try:
        return (K.gauge(y) - 1).clamp(min=0)
    except NotAvailableError:
        return None


def gap(x: Tensor, g: Tensor, rule: Rule) -> Tensor:
    """G(x), float64 without dimensions; NaN where K has no conjugate or λ = 0."""
    if rule.weight_decay == 0:
        return _nothing(x)
    try:
        return _gap(x.double(), g.double(), _conjugate(x, rule), rule)
    except NotAvailableError:
        return _nothing(x)


def step_sums(
    rule: Rule, *, x: Tensor, g: Tensor, m: Tensor, c: Tensor, x_after: Tensor, m_after: Tensor, exact: bool
) -> Tensor:
    r"""The sums over one parameter's coordinates that certificates of one step are made of.

    With M = −m, M̃ = −c, u = ∂K(M̃), e = η/(1−ηλ), c = eβ₁/(eλ(1−β₁) + 1−β₂) and w₊ ∈ ∂K*(λx₊):

    .. math:: e\Delta = e(1+c\lambda)\langle \tilde M - w_+, u - \lambda x_+\rangle
              + \frac{c(1-\beta_2)}{\beta_2-\beta_1}\langle \tilde M - M_+, u - \partial K(M_+)\rangle

    Args:
        rule: of the step.
        x: weights before the step.
        g: their gradient.
        m: momentum before the step.
        c: β₁m + (1−β₁)g.
        x_after: weights after the step.
        m_after: momentum after the step.
        exact: the step was the plain one that the inequality is about, and its sums are wanted.

    Returns:
        float64, shape ``(5,)``: the gap at x, eΔ, ‖x₊ − x‖², and K*(λx)/λ + c·(K*(λx) + K(M) − λ⟨x, M⟩)
        before and after. NaN stands for what is not defined.
    """
    lam = rule.weight_decay
    nothing = _nothing(x)
    value = gap(x, g, rule)
    only_the_gap = torch.stack([value, *[nothing] * 4])
    if not exact or not rule.kappa.exact or (lam == 0 and not rule.kappa.even):
        return only_the_gap
    try:
        ends = [_conjugate(end, rule) for end in (x, x_after)] if lam else [torch.zeros_like(nothing)] * 2
        x, m, c, x_after, m_after = (t.double() for t in (x, m, c, x_after, m_after))
        decrease, ratio = _decrease(rule, c, x_after, m_after)
    except NotAvailableError:
        return only_the_gap
    K = rule.kappa
    moved = (x_after - x).square().sum()
    before, after = (
        (conjugate / lam if lam else conjugate) + ratio * (conjugate + K.value(-mom) + lam * (pos * mom).sum())
        for conjugate, mom, pos in ((ends[0], m, x), (ends[1], m_after, x_after))
    )
    return torch.stack([value, decrease, moved, before, after])


def _decrease(rule: Rule, c: Tensor, x_after: Tensor, m_after: Tensor) -> tuple[Tensor, float | Tensor]:
    """(eΔ, the weight c of the Fenchel-Young term in H)."""
    K, lam, b1, b2 = rule.kappa, rule.weight_decay, rule.beta1, rule.beta2
    e, ratio = lyapunov_weights(rule)
    u = K.subgradient(-c)
    w = K.conjugate_subgradient(lam * x_after) if lam else torch.zeros_like(c)
    first = ((-c - w) * (u - lam * x_after)).sum()
    decrease = e * (1 + ratio * lam) * first
    if b1 != b2:
        second = ((m_after - c) * (u - K.subgradient(-m_after))).sum()
        decrease = decrease + ratio * (1 - b2) / (b2 - b1) * second
    return decrease, ratio


def lyapunov_weights(rule: Rule) -> tuple[float | Tensor, float | Tensor]:
    """(e, c): the step e = η/(1−ηλ) of the implicit form, and c = eβ₁/(eλ(1−β₁) + 1 − β₂)."""
    if isinstance(rule.eta, Tensor):
        e: float | Tensor = rule.eta.double() / rule.factor
    else:
        e = rule.eta / rule.factor if rule.factor else math.inf
    return e, e * rule.beta1 / (e * rule.weight_decay * (1 - rule.beta1) + 1 - rule.beta2)


def _conjugate(x: Tensor, rule: Rule) -> Tensor:
    # λx is exact in float64 up to its own rounding; x has that of its storage.
    K = rule.kappa
    return K.conjugate(x.double() * rule.weight_decay, tolerance=K.tolerance(x))


def _gap(x: Tensor, g: Tensor, conjugate: Tensor, rule: Rule) -> Tensor:
    return (rule.kappa.value(-g) + conjugate) / rule.weight_decay + (x * g).sum()


def _nothing(x: Tensor) -> Tensor:
    return torch.full((), math.nan, dtype=torch.float64, device=x.device)


def effective_noise(sigma: float, betas: tuple[float, float]) -> float:
    r"""The standard deviation s of the direction's noise, from that of the gradient's.

    .. math:: s^2 = \sigma^2\left[(1-\beta_1)^2 + \beta_1^2\,\frac{1-\beta_2}{1+\beta_2}\right]

    Under independent noise the limit of a small learning rate is the optimum for E K(z + s·n), not for K:
    ``SmoothedL1(s)`` for L1.

    Args:
        sigma: σ ≥ 0, the noise per coordinate of a gradient.
        betas: (β₁, β₂).

    Returns:
        s.

    Example:
        >>> from signwise.optim import effective_noise
        >>> round(effective_noise(1.0, (0.9, 0.99)), 4)
        0.1186
    """
    b1, b2 = betas
    return sigma * math.sqrt((1 - b1) ** 2 + b1**2 * (1 - b2) / (1 + b2))
