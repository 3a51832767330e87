"""The loop: scale, weights, step, until the scale is small or stays."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from ._problem import Problem
from ._steps import plain_step, scaled_step

PLATEAU, PATIENCE = 0.999, 10
STALL, STALL_RATIO = 30, 0.95
RISE = 1.25
DIVERGED = 1e4  # scale over the first beyond which a run is given up
POLISH = 10  # steps after the tolerance is met: the scale is an upper estimate of what is left


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One step of a solver.

    Attributes:
        phase: ``"over-rank"``, ``"select"``, ``"final"``, ``"thaw"``, ``"parsimony"``, ``"repair"`` or ``"huber"``.
        step: number of the step, over all phases.
        rank: columns of the factors.
        scale: s before the step.
        kept: share of the observations with ``|ρ| ≤ 3s``.
        seconds: since the start of the fit.
    """

    phase: str
    step: int
    rank: int
    scale: float
    kept: float
    seconds: float


Callback = Callable[[StepRecord], bool | None]


@dataclass
class Diary:
    """The records of a fit, and the callback that may end it.

    Args:
        callback: called after each step; a true result ends the fit.
    """

    callback: Callback | None = None
    records: list[StepRecord] = field(default_factory=list)
    stopped: bool = False
    started_s: float = field(default_factory=time.perf_counter)

    def add(self, phase: str, rank: int, scale: float, kept: float) -> None:
        """Record a step."""
        record = StepRecord(
            phase=phase,
            step=len(self.records),
            rank=rank,
            scale=scale,
            kept=kept,
            seconds=time.perf_counter() - self.started_s,
        )
        self.records.append(record)
        if self.callback is not None and self.callback(record):
            self.stopped = True


@dataclass(frozen=True, kw_only=True)
class State:
    """Factors with the scale that goes with them.

    Attributes:
        L: first factor.
        R: second factor; the same tensor for a symmetric problem.
        s: the last scale, from which the next step goes on; inf where the run diverged.
        end: ``"steps"`` ran out, ``"tol"`` reached, ``"plateau"``, ``"diverged"`` or ``"stopped"`` by the callback.
    """

    L: Tensor
    R: Tensor
    s: float
    end: str = "steps"

    @property
    def rank(self) -> int:
        """Columns of the factors."""
        return self.L.shape[1]


def descend(
    problem: Problem,
    state: State,
    diary: Diary,
    *,
    phase: str,
    kind: Literal["plain", "scaled"],
    steps: int,
    tol: float | None = None,
    stall: bool = False,
    rise: bool = False,
) -> State:
    """Take steps from a state.

    Args:
        problem: what to fit.
        state: where to start; its s is s_{t−1}.
        diary: gets a record a step.
        phase: the name in the records.
        kind: which step.
        steps: at most so many.
        tol: stop ten steps after s < tol·s_0, or once residuals everywhere are that small, or
            when s stays for ten steps; None takes all steps.
        rise: go back to where s was least once it is 25 % above that: with spare columns and few measurements the steps
            can leave the solution again.
        stall: stop also when s fell by less than 5 % in 30 steps: a trial that fits falls much faster.
    """
    take = plain_step if kind == "plain" else scaled_step
    L, R, s = state.L, state.R, state.s
    if L.shape[1] == 0:
        return replace(state, end="tol", s=problem.rule.of(problem.look(L, R).magnitudes))
    problem.restart()
    scales: list[float] = []
    still, end, polish = 0, "steps", POLISH
    lowest = state
    for _ in range(steps if tol is None else steps + POLISH):
        look = problem.look(L, R)
        before, s = s, problem.rule.after(look.magnitudes, s, settled=tol is not None and problem.settled(s))
        if not s <= DIVERGED * problem.s_0:
            return State(L=L, R=R, s=math.inf, end="diverged")
        if rise and s > RISE * lowest.s:
            return lowest
        if s < lowest.s:
            lowest = State(L=L, R=R, s=s)
        if tol is not None and s <= tol * problem.s_0:
            end, polish = "tol", polish - 1
            if polish < 0 or problem.fits(tol * problem.s_0):
                break
        elif tol is not None:
            still = still + 1 if s > PLATEAU * before else 0
            scales.append(s)
            slow = stall and len(scales) > STALL and s > STALL_RATIO * scales[-1 - STALL]
            if still >= PATIENCE or slow:
                end = "plateau"
                break
        G_L, G_R, kept = problem.gradient(look, s)
        if not (_finite(G_L) and _finite(G_R)):
            return State(L=L, R=R, s=math.inf, end="diverged")
        L, R = take(L, R, G_L, G_R, problem.error(s))
        diary.add(phase, L.shape[1], s, kept)
        if diary.stopped:
            end = "stopped"
            break
    return State(L=L, R=R, s=s, end=end)


def _finite(x: Tensor) -> bool:
    return bool(torch.isfinite(x).all())
