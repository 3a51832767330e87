"""What can be proved about the weights: distance to the constraint set, optimality gap, Lyapunov slack."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ._bounds import AFTER, BEFORE, DECREASE, GAP, MOVED, ROW, TAKEN, Guarantee, distance, gap, guarantee, radius
from ._options import real
from ._step import Rule

_STRENGTH: dict[Guarantee, int] = {"none": 0, "scaled-set": 1, "set": 2}


@dataclass(frozen=True, kw_only=True)
class Certificate:
    r"""What holds of an optimizer's weights at one step, as numbers that can be checked.

    The problem is min f(x) + K*(λx)/λ, whose constraint is λx ∈ C = dom K*; distances are those of λx to C,
    Euclidean (the excess of the gauge over 1 where K cannot project), root-sum-square over parameters.

    Args:
        guarantee: "set": the steps cannot leave C and approach it by a known factor, whatever the gradients;
            "scaled-set": the same for a multiple of C; "none": neither (λ = 0, an unbounded C, a rescaled
            mask, a cautious decay, a mask under a set that is not solid).
        radius: of the set, s/λ for s·K; inf without a constraint, the largest one over groups.
        feasibility_bound: P_t · (the distance at the start), P_t = ∏(1 − η_s λ): the distance is at most that.
            None without a guarantee.
        distance: the distance now; None if K has neither projection nor gauge, or no constraint is set.
        gap: G(x) = [K(−g) + K*(λx) + λ⟨x, g⟩]/λ ≥ 0, 0 at a KKT point only. For convex f it bounds
            F(x) − min F from above; inf outside C, and None for λ = 0. A gap from a mini-batch is about the
            loss of that batch.
        lyapunov_slack: −eΔ + (L/2)‖x₊ − x‖² − (H₊ − H) of the last certified step whose loss is known on both
            sides: the one that led to the x of `gap`, with ``certify=k`` the one that left it. If L is the
            smoothness of f it is at least 0 up to rounding; below, L is too small, the batches of the two
            losses differ, or something is wrong. None without L, and where the inequality is not defined.
        implied_smoothness: 2(H₊ − H + eΔ)/‖x₊ − x‖², the least L for which that slack is not negative.
        step: the number of steps that made the x of `gap`; without sums of a step, the steps so far.
        groups: one certificate for each param group; a Lyapunov slack exists for all groups together only.

    References:
        arXiv 2310.05898 (Lion-K) for H in continuous time.
    """

    guarantee: Guarantee
    radius: float
    feasibility_bound: float | None
    distance: float | None
    gap: float | None
    lyapunov_slack: float | None
    implied_smoothness: float | None
    step: int
    groups: tuple[Certificate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """A step whose loss before is known: with the loss after, it makes a Lyapunov inequality.

    Args:
        loss: f(x) before the step, signed so that it is minimised.
        sums: the rows of :func:`step_sums` of the parameters that moved, one or more in a tensor.
        loss_after: f(x₊), once known.
    """

    loss: float
    sums: tuple[Tensor, ...]
    loss_after: float | None = None

    def smoothness(self) -> tuple[float | None, float]:
        """(the least L that the step is consistent with, ‖x₊ − x‖²)."""
        if self.loss_after is None or not self.sums:
            return None, 0.0
        total = torch.cat([rows.cpu().view(-1, ROW) for rows in self.sums]).sum(0)
        moved = total[MOVED].item()
        rise = self.loss_after - self.loss + (total[AFTER] - total[BEFORE] + total[DECREASE]).item()
        if not math.isfinite(rise) or moved == 0:
            return None, moved
        return 2 * rise / moved, moved


def group_certificate(
    group: dict[str, Any], rule: Rule, states: Mapping[Tensor, dict[str, Any]], *, steps: int, fresh: bool
) -> Certificate:
    """The certificate of one param group.

    Args:
        group: its options and parameters.
        rule: what a step does to it.
        states: optimizer state by parameter.
        steps: how many the optimizer has taken.
        fresh: the gradients are those at the present weights; otherwise the sums of the last certified step are used.
    """
    rows = [] if fresh or not group["certify"] else certified_rows(group, states)
    step = max((taken_before(row) for row in rows), default=steps)
    strength = guarantee(rule)
    constrained = rule.weight_decay != 0 and rule.kappa.bounded
    bounds: list[float | None] = []
    distances: list[float | None] = []
    gaps: list[float | None] = []
    for p in group["params"]:
        x, state = real(p.detach()), states.get(p, {})
        now = distance(x, rule) if constrained else None
        distances.append(None if now is None else now.item())
        if "initial_distance" in state and state["weight_decay"] == rule.weight_decay:
            bounds.append(known(math.exp(state["log_decay"]) * float(state["initial_distance"])))
        else:
            bounds.append(distances[-1])
        if fresh:
            g = torch.zeros_like(x) if p.grad is None else real(p.grad)
            gaps.append(known(gap(x, -g if group["maximize"] else g, rule).item()))
        elif rows and "certificate" in state and taken_before(state["certificate"]) == step:
            gaps.append(known(state["certificate"][GAP].item()))
        else:
            gaps.append(None)
    return Certificate(
        guarantee=strength,
        radius=radius(rule),
        feasibility_bound=None if strength == "none" else root_sum_square(bounds),
        distance=root_sum_square(distances),
        gap=total(gaps),
        lyapunov_slack=None,
        implied_smoothness=None,
        step=step,
    )


def combine(groups: Iterable[Certificate], *, record: StepRecord | None, smoothness: float | None) -> Certificate:
    """The certificate of all groups together: the weakest guarantee, the largest radius, sums of the rest."""
    parts = tuple(groups)
    step = max(part.step for part in parts)
    weakest = min((part.guarantee for part in parts), key=_STRENGTH.__getitem__)
    bounds = [part.feasibility_bound for part in parts]
    implied, moved = (None, 0.0) if record is None else record.smoothness()
    slack = None if implied is None or smoothness is None else (smoothness - implied) * moved / 2
    return Certificate(
        guarantee=weakest,
        radius=max(part.radius for part in parts),
        feasibility_bound=None if weakest == "none" else root_sum_square(bounds),
        distance=root_sum_square(part.distance for part in parts if part.radius < math.inf),
        gap=total(part.gap if part.step == step else None for part in parts),
        lyapunov_slack=slack,
        implied_smoothness=implied,
        step=step,
        groups=parts,
    )


def certified_rows(group: dict[str, Any], states: Mapping[Tensor, dict[str, Any]]) -> list[Tensor]:
    """The rows that steps have kept for the parameters of a group."""
    found = (states.get(p, {}).get("certificate") for p in group["params"])
    return [row for row in found if row is not None]


def taken_before(row: Tensor) -> int:
    """How many steps had been taken before the one that kept a row."""
    return int(row[TAKEN].item())


def known(value: float) -> float | None:
    """None for the NaN that stands for what is not defined."""
    return None if math.isnan(value) else value


def total(values: Iterable[float | None]) -> float | None:
    """Σv, None if there is no value or one is missing."""
    some = list(values)
    return None if not some or None in some else math.fsum(value for value in some if value is not None)


def root_sum_square(values: Iterable[float | None]) -> float | None:
    """√Σv², None if there is no value or one is missing."""
    some = list(values)
    if not some or None in some:
        return None
    return math.hypot(*(value for value in some if value is not None))
