"""The state of a parameter: momentum, and the scalars of its feasibility bound."""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ._bounds import distance, radius
from ._options import real
from ._precision import BLOCK
from ._step import Rule


class Slot(NamedTuple):
    """One parameter with a gradient.

    Args:
        p: the parameter.
        x: its weights, real.
        g: their gradient, real, as it came.
        state: the parameter's optimizer state.
        number: the parameter's number over all groups, which seeds its rounding.
    """

    p: Tensor
    x: Tensor
    g: Tensor
    state: dict[str, Any]
    number: int


def begin_(slots: list[Slot], rule: Rule, *, momentum_dtype: torch.dtype | None, capturable: bool) -> None:
    """Make the state of new parameters, and advance the scalars of all by one step.

    The entries are `exp_avg` (and `exp_avg_scale` for int8), `step`, and for the feasibility bound
    `weight_decay` (λ when the distance was taken), `initial_distance` (NaN if K cannot tell) and
    `log_decay` = Σ log(1 − ηλ). They are Python numbers, and tensors on the parameter's device if `capturable`.
    """
    outside = 0
    advance = _log_factor(rule)
    for slot in slots:
        state = slot.state
        if "exp_avg" not in state:
            state.update(new_momentum(slot.p, momentum_dtype))
        if "step" not in state:
            state["step"] = torch.zeros((), dtype=torch.int64, device=slot.x.device) if capturable else 0
        if state.get("weight_decay") != rule.weight_decay:
            # The first step, or λ has changed and the set with it.
            measure_(slot.x, state, rule, capturable=capturable)
            outside += not capturable and _is_outside(slot.x, state["initial_distance"], rule)
        state["step"] += 1
        if rule.weight_decay:
            state["log_decay"] += advance
    if outside:
        warnings.warn(
            f"{outside} of {len(slots)} parameters start outside the radius {radius(rule):g}; decay pulls them in "
            "by the factor 1 - lr * weight_decay a step. Raise the radius, or give biases and norm gains a group "
            "with weight_decay=0 (split_parameters)",
            stacklevel=5,
        )


def advance_(states: list[dict[str, Any]], rule: Rule) -> None:
    """What :func:`begin_` does to states that it began, under the same λ."""
    advance = _log_factor(rule) if rule.weight_decay else 0.0
    for state in states:
        state["step"] += 1
        state["log_decay"] += advance


def measure_(x: Tensor, state: dict[str, Any], rule: Rule, *, capturable: bool) -> None:
    """Start the feasibility bound of a parameter at its present distance."""
    # Without a constraint there is nothing to measure, and a decomposition of x may be dear.
    zero = torch.zeros((), dtype=torch.float64, device=x.device)
    now = distance(x, rule) if rule.weight_decay and rule.kappa.bounded else zero
    now = torch.full_like(zero, math.nan) if now is None else now
    state["weight_decay"] = rule.weight_decay
    state["log_decay"], state["initial_distance"] = (zero, now) if capturable else (0.0, now.item())


def new_momentum(p: Tensor, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """The state of zero momentum: `exp_avg`, and `exp_avg_scale` for int8.

    Args:
        p: the parameter.
        dtype: of the momentum; None is that of `p`, float32 for narrower ones.
    """
    if dtype is None and (p.is_complex() or p.dtype in (torch.float32, torch.float64)):
        return {"exp_avg": torch.zeros_like(p)}
    state = {"exp_avg": torch.zeros_like(real(p), dtype=dtype or torch.float32)}
    if dtype == torch.int8:
        blocks = -(-state["exp_avg"].numel() // BLOCK)
        state["exp_avg_scale"] = torch.zeros(blocks, dtype=torch.float32, device=p.device)
    return state


def _log_factor(rule: Rule) -> float | Tensor:
    """log(1 − ηλ)."""
    product = rule.eta * rule.weight_decay
    if isinstance(product, Tensor):
        return torch.log1p(-product.double())
    return math.log1p(-product) if product < 1 else -math.inf


def _is_outside(x: Tensor, excess: float, rule: Rule) -> bool:
    # Every coordinate may be a rounding error away.
    return excess > rule.kappa.tolerance(x) * math.sqrt(max(1, x.numel()))
