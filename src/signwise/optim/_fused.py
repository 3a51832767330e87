"""The native step of a group: who can take it, and what its sums say."""

from __future__ import annotations

import math
from operator import attrgetter, is_
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from signwise import convex
from signwise._native import _optim
from signwise.convex import Convex, GroupL2, Scaled

from ._bounds import AFTER, BEFORE, DECREASE, GAP, MOVED, ROW, TAKEN, Keep, lyapunov_weights
from ._compiled import compiled_device, takes
from ._precision import MOMENTUM, WEIGHTS, stream
from ._state import Slot, advance_
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


class Stepped(NamedTuple):
    """What a native step that took a whole group was taken on.

    Args:
        params: of the group.
        idle: those without a gradient.
        active: the others.
        states: of these.
        scales: whether some momentum is int8.
    """

    params: list[Tensor]
    idle: list[Tensor]
    active: list[Tensor]
    states: list[dict[str, Any]]
    scales: bool


_GRAD = attrgetter("grad")


class FusedGroup:
    """The plan of a group's native step, kept from one step to the next while its tensors stay where they are."""

    def __init__(self) -> None:
        self._plan: Any = None
        self._key: tuple[Any, ...] = ()
        self._last: Stepped | None = None
        self._unfit: dict[int, str] = {}
        self._table = torch.empty(0, ROW, dtype=torch.float64)
        self._rows: list[Tensor] = []
        self._tolerances = np.empty(0)
        self._plain = np.empty(0, dtype=bool)

    def step_(
        self, slots: list[Slot], rule: Rule, group: dict[str, Any], *, keep: Keep, taken: int, first: int
    ) -> tuple[list[Slot], int]:
        """Step those slots that can be; return the rest, and how many gradient entries were not finite.

        Args:
            slots: of the group.
            rule: of the step.
            group: its options.
            keep: which sums certificates need of this step.
            taken: the steps before this one.
            first: the number of the group's first parameter.

        Raises:
            RuntimeError: the group has ``fused=True`` and something stands in the way.
        """
        self._last = None
        if not _wanted(group):
            return slots, 0
        reason = obstacle(rule, group)
        if self._key != (key := _key(rule, group, first)):
            self._plan, self._key = None, key
        some = [] if reason else self._planned(slots, rule, group)
        if group["fused"] and len(some) < len(slots):
            planned = {slot.number for slot in some}
            for slot in slots:
                if slot.number not in planned and not takes(slot, rule, group):
                    raise RuntimeError(f"fused=True is not possible: {reason or self._unfit[slot.number]}")
        if not some:
            return slots, 0
        grads = [slot.g for slot in some]
        try:
            pointers = self._plan.gradients(grads)
        except (TypeError, ValueError):
            # Gradients of another layout or dtype than their parameters'.
            grads = [torch.empty_like(slot.x).copy_(slot.g) for slot in some]
            pointers = self._plan.gradients(grads)
        states = [slot.state for slot in some]
        found = self._run_(pointers, states, rule, group, keep=keep, taken=taken)
        bump_([slot.p for slot in some])
        if len(some) == len(slots):
            active = [slot.p for slot in some]
            idle = [p for p in group["params"] if p.grad is None]
            scales = any("exp_avg_scale" in state for state in states)
            self._last = Stepped(list(group["params"]), idle, active, states, scales)
        rest = [slot for slot in slots if slot.number in self._unfit] if self._unfit else []
        return rest, found

    def ready(self, rule: Rule, group: dict[str, Any], first: int) -> Any:
        """The addresses of the gradients if the last step can be taken again on the same tensors, else None.

        It looks at everything that :meth:`step_` looks at, but a list at a time: parameters, momentum and scales are
        the same objects with the same storage and shape, the same of them have gradients, and these fit.
        """
        last = self._last
        if last is None or not _wanted(group) or obstacle(rule, group) or self._key != _key(rule, group, first):
            return None
        params, states = group["params"], last.states
        if len(params) != len(last.params) or not all(map(is_, params, last.params)):
            return None
        if any(p.grad is not None for p in last.idle):
            return None
        pointers = self._plan.quick_gradients(list(map(_GRAD, last.active)))
        if pointers is None:
            return None
        try:
            momenta = [state["exp_avg"] for state in states]
            scales = [state.get("exp_avg_scale") for state in states] if last.scales else None
        except KeyError:
            return None
        return pointers if self._plan.holds(last.active, momenta, scales) else None

    def again_(self, pointers: Any, rule: Rule, group: dict[str, Any], *, keep: Keep, taken: int) -> int:
        """Take the last step again, after :meth:`ready`; return how many gradient entries were not finite."""
        last = self._last
        assert last is not None
        advance_(last.states, rule)
        found = self._run_(pointers, last.states, rule, group, keep=keep, taken=taken)
        bump_(last.active)
        return found

    def count_nonfinite(self, pointers: Any) -> int:
        """How many entries of the gradients at these addresses are NaN or infinite."""
        return int(self._plan.count_nonfinite(pointers))

    @property
    def sums(self) -> Tensor:
        """The certificate sums of the last step: float64, shape ``(tensors, 6)``, written over by the next."""
        return self._table

    def _run_(
        self,
        pointers: Any,
        states: list[dict[str, Any]],
        rule: Rule,
        group: dict[str, Any],
        *,
        keep: Keep,
        taken: int,
    ) -> int:
        K, scale = unscaled(rule.kappa)
        # Only rounding asks for the number of the step.
        steps = [0] if self._plain.all() else [state["step"] for state in states]
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
            certify=keep,
        )
        if keep:
            columns = {name: result.sums[:, i] for i, name in enumerate(_optim.SUMS)}
            self._table.numpy()[:] = self._certified(columns, rule, lyapunov=keep == "step", taken=taken)
            for state, row in zip(states, self._rows, strict=True):
                state["certificate"] = row
        return int(result.nonfinite)

    def _planned(self, slots: list[Slot], rule: Rule, group: dict[str, Any]) -> list[Slot]:
        """The slots of the plan, which is made anew where it does not fit."""
        some = [slot for slot in slots if slot.number not in self._unfit] if self._unfit else slots
        if not some or (self._plan is not None and self._plan.holds(*_tensors(some))):
            return some
        self._plan, self._unfit = None, {}
        for slot in slots:
            if compiled_device(slot.x):
                self._unfit[slot.number] = f"parameter {slot.number} is on {slot.x.device}"
                continue
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
            self._table = torch.full((len(some), ROW), math.nan, dtype=torch.float64)
            self._rows = list(self._table)
            self._tolerances = np.array([rule.kappa.tolerance(slot.x) for slot in some])
            self._plain = np.array([slot.x.dtype == slot.state["exp_avg"].dtype != torch.bfloat16 for slot in some])
        return some

    def _certified(self, sums: dict[str, Any], rule: Rule, *, lyapunov: bool, taken: int) -> Any:
        """The rows of certificates, as of :func:`step_sums`, from the kernel's sums."""
        lam, count = rule.weight_decay, len(self._tolerances)
        rows = np.full((count, ROW), math.nan)
        rows[:, TAKEN] = taken
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
        rows[~self._plain, DECREASE:TAKEN] = math.nan
        return rows


def bump_(tensors: list[Tensor]) -> None:
    """Tell autograd that tensors were written to, which it sees by itself only of torch's operations."""
    try:
        increment_version(tensors)
    except TypeError:
        # Before lists were taken.
        for tensor in tensors:
            increment_version(tensor)


def _wanted(group: dict[str, Any]) -> bool:
    return group["fused"] is not False and not (group["fused"] is None and group["foreach"])


def _key(rule: Rule, group: dict[str, Any], first: int) -> tuple[Any, ...]:
    """What a plan depends on besides its tensors: the hash of its rounding, K's tolerance, and the set."""
    return group["seed"], first, rule.kappa, rule.weight_decay


def _tensors(slots: list[Slot]) -> tuple[list[Tensor], list[Tensor], list[Tensor | None]]:
    return (
        [slot.x for slot in slots],
        [slot.state["exp_avg"] for slot in slots],
        [slot.state.get("exp_avg_scale") for slot in slots],
    )
