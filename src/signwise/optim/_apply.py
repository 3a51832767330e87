"""Taking a step of one group: which of the equal paths, and how narrow storage is widened and rounded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ._bounds import ROW, TAKEN, Keep, step_sums
from ._compiled import CompiledGroup
from ._options import real
from ._precision import MOMENTUM, WEIGHTS, dequantize, narrow, quantize, random_bits, stream
from ._state import Slot
from ._step import Rule, foreach_step_, step_


def apply_(
    slots: list[Slot], rule: Rule, group: dict[str, Any], compiled: CompiledGroup, *, keep: Keep, taken: int
) -> None:
    """Step every slot of a group in place by torch's operations, in a graph of them where there is one.

    Args:
        slots: of the group.
        rule: of the step.
        group: its options.
        compiled: its graphs.
        keep: which sums certificates need of this step.
        taken: the steps before this one.
    """
    if keep is not None:
        for slot in slots:
            _certified_(slot, rule, group, lyapunov=keep == "step", taken=taken)
        return
    alike: dict[tuple[torch.device, torch.dtype], list[Slot]] = {}
    for slot in slots:
        if _is_wide(slot):
            alike.setdefault((slot.x.device, slot.x.dtype), []).append(slot)
        else:
            _narrow_(slot, rule, group)
    for (device, _), some in alike.items():
        xs, gs = [slot.x for slot in some], [slot.g for slot in some]
        ms = [real(slot.state["exp_avg"]) for slot in some]
        if compiled.step_(xs, gs, ms, rule, group):
            continue
        if group["foreach"] or (group["foreach"] is None and device.type == "cuda"):
            foreach_step_(xs, gs, ms, rule)
        else:
            for x, g, m in zip(xs, gs, ms, strict=True):
                step_(x, g, m, rule)


def _is_wide(slot: Slot) -> bool:
    x, m = slot.x, real(slot.state["exp_avg"])
    return x.dtype == m.dtype == slot.g.dtype and x.dtype in (torch.float32, torch.float64)


def widened(slot: Slot) -> tuple[Tensor, Tensor, Tensor]:
    """x, g and m in the dtype of the computation, float32 unless one is float64; no copy where it is the same."""
    m = real(slot.state["exp_avg"])
    dtype = torch.float64 if torch.float64 in (slot.x.dtype, m.dtype) else torch.float32
    if m.dtype == torch.int8:
        m = dequantize(m, slot.state["exp_avg_scale"])
    return slot.x.to(dtype), slot.g.to(dtype), m.to(dtype)


def _narrow_(slot: Slot, rule: Rule, group: dict[str, Any]) -> None:
    """Step in the wider dtype and round back."""
    x, g, m = widened(slot)
    step_(x, g, m, rule)
    store_(slot, x, m, group)


def store_(slot: Slot, x: Tensor, m: Tensor, group: dict[str, Any]) -> None:
    kept = real(slot.state["exp_avg"])
    if slot.x.dtype != x.dtype:
        slot.x.copy_(narrow(x, slot.x.dtype, _bits(slot, group, WEIGHTS)))
    if kept.dtype == torch.int8:
        q, scale = quantize(m.float(), _bits(slot, group, MOMENTUM))
        kept.copy_(q)
        slot.state["exp_avg_scale"].copy_(scale)
    elif kept.dtype != m.dtype:
        kept.copy_(narrow(m, kept.dtype, _bits(slot, group, MOMENTUM)))


def _bits(slot: Slot, group: dict[str, Any], role: int) -> Tensor | None:
    """What a tensor of the slot is rounded by in this step."""
    if group["rounding"] == "nearest":
        return None
    seed = stream(group["seed"], slot.number, role)
    return random_bits(slot.x.shape, slot.state["step"], seed, slot.x.device)


def _certified_(slot: Slot, rule: Rule, group: dict[str, Any], *, lyapunov: bool, taken: int) -> None:
    """Step, and keep the sums that certificates are made of in the state."""
    x, g, m = widened(slot)
    before = x.clone(), m.clone()
    c = step_(x, g, m, rule)
    # Rounding of narrow storage is a move that the inequality does not know.
    exact = lyapunov and rule.cautious is None and rule.decay == "plain" and _is_wide(slot)
    g = -g if rule.maximize else g
    sums = step_sums(rule, x=before[0], g=g, m=before[1], c=c, x_after=x, m_after=m, exact=exact)
    store_(slot, x, m, group)
    kept = slot.state.setdefault("certificate", sums.new_zeros(ROW))
    kept[:TAKEN] = sums
    # A captured step is replayed, so its number has to come from the device.
    kept[TAKEN] = slot.state["step"] - 1 if group["capturable"] else taken
