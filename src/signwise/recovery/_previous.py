"""Warm starts."""

from __future__ import annotations

from typing import Any

import torch

from ._descent import State
from ._problem import Problem
from ._scale import quantile

WIDE = 0.9, 1.64  # quantile, and that of |N(0, 1)|


def wide_scale(problem: Problem, state: State) -> float:
    """The 0.9-quantile of |ρ| over 1.64: a scale at which most of what was rejected counts again."""
    return quantile(problem.look(state.L, state.R).magnitudes, WIDE[0]) / WIDE[1]


def previous_factors(estimator: Any, problem: Problem) -> State | None:
    """The factors of the estimator's previous fit with ``warm_start``, or None.

    Raises:
        ValueError: the previous fit was of another shape.
    """
    if not estimator.warm_start or not hasattr(estimator, "L_") or estimator.L_.shape[1] == 0:
        return None
    if (len(estimator.L_), len(estimator.R_)) != problem.shape:
        raise ValueError(
            f"warm_start: the previous fit has shape {(len(estimator.L_), len(estimator.R_))}, the data {problem.shape}"
        )
    L = torch.from_numpy(estimator.L_).to(problem.device, torch.float64)
    R = L if problem.psd else torch.from_numpy(estimator.R_).to(problem.device, torch.float64)
    state = State(L=L, R=R, s=0.0)
    return State(L=L, R=R, s=min(wide_scale(problem, state), problem.s_0) / problem.rule.gamma)
