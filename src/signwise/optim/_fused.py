"""The native step of a group: who can take it, and what its sums say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from signwise import convex
from signwise._native import _optim
from signwise.convex import Convex, GroupL2, Scaled

from ._bounds import AFTER, BEFORE, DECREASE, GAP, MOVED, lyapunov_weights
from ._precision import MOMENTUM, WEIGHTS, stream
from ._state import Slot
from ._step import Rule


def obstacle(rule: Rule, group: dict[str, Any]) -> str | None:
    """Why the options of a group rule out the native step, or None."""
    if not _optim.fused_available():
        return "the native kernels are not there, or the processor has no fused multiply-add"
    K, _ = unscaled(rule.kappa)
    if type(K) is not getattr(convex, type(K).__name__, None) or type(K).__name__ not in _optim.KAPPAS:
        return f"it has no kernel for {K!r}, only for {', '.join(_optim.KAPPAS)}"
    if isinstance(K, GroupL2) and (GroupL2() != K or group["certify"]):
        return "its GroupL2 is that of whole tensors, without certify"
    if rule.cautious == "rescale":
        return "it has no cautious='rescale'"
    if group["capturable"]:
        return "it cannot be captured"
    return None


def unscaled(K: Convex) -> tuple[Convex, float]:
    """(K₀, s) with K = s·K₀."""
    scale = 1.0
    while isinstance(K, Scaled):
        scale *= K.scale
        K = K.function
    return K, scale


class FusedGroup:
    """The plan of a group's native step, kept from one step to the next while its tensors stay where they are."""

    def __init__(self) -> None:
        self._plan: Any = None
        self._unfit: dict[int, str] = {}
        self._table = torch.empty(0, 5, dtype=torch.float64)
        self._tolerances = np.empty(0)
        self._plain = np.empty(0, dtype=bool)

    def step_(self, slots: list[Slot], rule: Rule, group: dict[str, Any], *, lyapunov: bool) -> tuple[list[Slot], int]:
        """Step those slots that can be; return the rest, and how many gradient entries were not finite.

        Raises:
            RuntimeError: the group has ``fused=True`` and something stands in the way.
        """
        if group["fused"] is False or (group["fused"] is None and group["foreach"]):
            return slots, 0
        reason = obstacle(rule, group)
        some = [] if reason else self._planned(slots, rule, group)
        if group["fused"] and len(some) < len(slots):
            raise RuntimeError(f"fused=True is not possible: {reason or next(iter(self._unfit.values()))}")
        if not some:
            return slots, 0
        K, scale = unscaled(rule.kappa)
        # Only rounding asks for the number of the step.
        steps = [0] if self._plain.all() else [slot.state["step"] for slot in some]
        certify = ("step" if lyapunov else "gap") if group["certify"] else None
        grads = [slot.g for slot in some]
        try:
            pointers = self._plan.gradients(grads)
        except (TypeError, ValueError):
            # Gradients of another layout or dtype than their parameters'.
            grads = [torch.empty_like(slot.x).copy_(slot.g) for slot in some]
            pointers = self._plan.gradients(grads)
        result = self._plan.step(
            pointers,
            lr=rule.eta,
            beta1=rule.beta1,
            beta2=rule.beta2,
            weight_decay=rule.weight_decay,
            kappa=type(K).__name__,
            kappa_args=[getattr(K, name) for name in _optim.KAPPAS[type(K).__name__][1]],
            kappa_scale=scale,
            maximize=rule.maximize,
            cautious=rule.cautious,
            decay=rule.decay,
            step=steps[0] if len(set(steps)) == 1 else np.array(steps, np.int64),
            rounding="stochastic" if group["rounding"] == "auto" else "nearest",
            certify=certify,
        )
        if certify:
            columns = {name: result.sums[:, i] for i, name in enumerate(_optim.SUMS)}
            self._table.numpy()[:] = self._certified(columns, rule, lyapunov=lyapunov)
            for slot, row in zip(some, self._table, strict=True):
                slot.state["certificate"] = row
        rest = [slot for slot in slots if slot.number in self._unfit] if self._unfit else []
        return rest, result.nonfinite

    def _planned(self, slots: list[Slot], rule: Rule, group: dict[str, Any]) -> list[Slot]:
        """The slots of the plan, which is made anew where it does not fit."""
        some = [slot for slot in slots if slot.number not in self._unfit] if self._unfit else slots
        if not some or (self._plan is not None and self._plan.holds(*_tensors(some))):
            return some
        self._plan, self._unfit = None, {}
        for slot in slots:
            if slot.x is not slot.p:
                self._unfit[slot.number] = f"parameter {slot.number} is complex"
                continue
            if isinstance(unscaled(rule.kappa)[0], GroupL2) and slot.x.dtype == torch.float64:
                self._unfit[slot.number] = "its GroupL2 does not take float64"
                continue
            try:
                _optim.FusedPlan(*_tensors([slot]))
            except (TypeError, ValueError) as error:
                self._unfit[slot.number] = f"parameter {slot.number}: {error}"
        some = [slot for slot in slots if slot.number not in self._unfit]
        if some:
            weights, momentum = (
                [stream(group["seed"], slot.number, role) for slot in some] for role in (WEIGHTS, MOMENTUM)
            )
            self._plan = _optim.FusedPlan(*_tensors(some), weight_seeds=weights, momentum_seeds=momentum)
            self._table = torch.full((len(some), 5), math.nan, dtype=torch.float64)
            self._tolerances = np.array([rule.kappa.tolerance(slot.x) for slot in some])
            self._plain = np.array([slot.x.dtype == slot.state["exp_avg"].dtype != torch.bfloat16 for slot in some])
        return some

    def _certified(self, sums: dict[str, Any], rule: Rule, *, lyapunov: bool) -> Any:
        """The rows of :func:`step_sums` from the kernel's sums."""
        lam, count = rule.weight_decay, len(self._tolerances)
        rows = np.full((count, 5), math.nan)
        inside = 1 + self._tolerances
        before = np.where(sums["gauge_before"] > inside, math.inf, sums["conjugate_before"])
        if lam:
            rows[:, GAP] = (sums["k_gradient"] + before) / lam + sums["x_gradient"]
        undefined = not lam and not rule.kappa.even
        if not lyapunov or undefined or rule.cautious is not None or rule.decay != "plain":
            return rows
        after = np.where(sums["gauge_after"] > inside, math.inf, sums["conjugate_after"])
        e, ratio = lyapunov_weights(rule)
        rows[:, MOVED] = sums["step_squared"]
        rows[:, DECREASE] = e * (1 + ratio * lam) * sums["delta_weights"]
        if rule.beta1 != rule.beta2:
            rows[:, DECREASE] += ratio * (1 - rule.beta2) / (rule.beta2 - rule.beta1) * sums["delta_momentum"]
        for column, conjugate, when in ((BEFORE, before, "before"), (AFTER, after, "after")):
            young = conjugate + sums[f"k_momentum_{when}"] + lam * sums[f"x_momentum_{when}"]
            rows[:, column] = (conjugate / lam if lam else 0) + ratio * young
        rows[~self._plain, 1:] = math.nan
        return rows


def _tensors(slots: list[Slot]) -> tuple[list[Tensor], list[Tensor], list[Tensor | None]]:
    return (
        [slot.x for slot in slots],
        [slot.state["exp_avg"] for slot in slots],
        [slot.state.get("exp_avg_scale") for slot in slots],
    )
