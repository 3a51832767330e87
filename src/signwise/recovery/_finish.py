"""What is done to an entrywise fit after its final phase: thaw, parsimony, leverage repair."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ._coordinates import robust_coordinates
from ._descent import Diary, State, descend
from ._entries import EntryProblem
from ._previous import wide_scale
from ._report import FLOOR, STRUCTURE
from ._scale import quantile
from ._spectral import factor_svd

THAWS, REPAIR_STEPS = 3, 60


def final_phase(
    problem: EntryProblem,
    state: State,
    diary: Diary,
    *,
    max_iter: int,
    tol: float,
    phase: str = "final",
    stall: bool = False,
) -> State:
    """Scaled steps on all observations until the scale is small or stays."""
    return descend(problem, state, diary, phase=phase, kind="scaled", steps=max_iter, tol=tol, stall=stall)


def outlier_structure(problem: EntryProblem, state: State, rng: np.random.Generator) -> float:
    """Structure of the signs of the large residuals; inf for a run that diverged."""
    if not math.isfinite(state.s):
        return math.inf
    return problem.structure(state.L, state.R, max(state.s, FLOOR * problem.s_0), "outlier", rng)


def thaw(
    problem: EntryProblem, state: State, diary: Diary, rng: np.random.Generator, *, max_iter: int, tol: float
) -> State:
    """Widen the scale to the 0.9-quantile and go on, while the rejected residuals have structure; at most 3 times.

    Truncation can freeze a run with good cells rejected; their signs then have structure. A thaw that lowers neither
    the scale nor that structure by a tenth is the last: then the matrix is low-rank only approximately.
    """
    before = outlier_structure(problem, state, rng)
    for _ in range(THAWS):
        if diary.stopped or not math.isfinite(state.s) or not before > STRUCTURE:
            break
        old, s = state.s, quantile(problem.look(state.L, state.R).magnitudes, 0.9)
        state = final_phase(problem, replace(state, s=s), diary, max_iter=max_iter, tol=tol, phase="thaw", stall=True)
        structure = outlier_structure(problem, state, rng)
        if state.s > 0.9 * old and structure > 0.9 * before:
            break
        before = structure
    return state


def parsimony(
    problem: EntryProblem, state: State, diary: Diary, rng: np.random.Generator, *, max_iter: int, tol: float
) -> State:
    """Drop components that the fit does not need: the smallest, else the most concentrated one."""
    while state.rank > 1 and not diary.stopped:
        U, sigma, V = problem.svd(state.L, state.R)
        spikes = torch.maximum(
            math.sqrt(problem.shape[0]) * U.abs().amax(0), math.sqrt(problem.shape[1]) * V.abs().amax(0)
        )
        limit = max(1.05 * state.s, 1e-6 * problem.s_0)
        smaller = None
        for drop in dict.fromkeys((len(sigma) - 1, int(spikes.argmax()))):
            rest = [i for i in range(len(sigma)) if i != drop]
            L, R = problem.joined(U[:, rest], sigma[rest], V[:, rest])
            trial = State(L=L, R=R, s=0.0)
            trial = replace(trial, s=wide_scale(problem, trial))
            trial = final_phase(problem, trial, diary, max_iter=max_iter, tol=tol, phase="parsimony", stall=True)
            if trial.s <= limit and outlier_structure(problem, trial, rng) < STRUCTURE:
                smaller = trial
                break
        if smaller is None:
            break
        state = smaller
    return state


def leverage_limit(k: int, n: int) -> float:
    """θ: 0.5 where 4k ≤ n, else 0.95. A row fitted by a component of its own has 1."""
    return 0.5 if 4 * k <= n else 0.95


def leverages(problem: EntryProblem, state: State) -> tuple[Tensor, Tensor]:
    """Squared norms of the rows of both sets of singular vectors."""
    U, sigma, V = problem.svd(state.L, state.R)
    there = sigma > 0
    return U[:, there].square().sum(1), V[:, there].square().sum(1)


def refitted(problem: EntryProblem, axis: int, lines: Tensor, basis: Tensor) -> Tensor:
    """Robust coordinates of rows (axis 0) or columns in a basis, shape ``(len(lines), k)``."""
    values = np.stack([problem.line(axis, int(i)) for i in lines])
    return robust_coordinates(torch.from_numpy(values).to(problem.device), basis)


def repair_leverage(problem: EntryProblem, state: State, diary: Diary, *, tol: float) -> State:
    """Free rows and columns that a component of their own has absorbed, and refit them to the others' components."""
    k = state.rank
    rows, cols = (
        torch.nonzero(lever > leverage_limit(k, n))[:, 0]
        for lever, n in zip(leverages(problem, state), problem.shape, strict=True)
    )
    if problem.psd:
        cols = rows
    bad = len(rows) if problem.psd else len(rows) + len(cols)
    if not 0 < bad < k or diary.stopped:
        return state
    U, sigma, V = problem.svd(state.L, state.R)
    left, right = U * sigma, V.clone()
    left[rows] = 0
    right[cols] = 0
    U, sigma, V = factor_svd(left, right)
    U, sigma, V = U[:, : k - bad], sigma[: k - bad], V[:, : k - bad]
    left, right = U * sigma, V.clone()

    if len(rows):
        left[rows] = refitted(problem, 0, rows, right)
    if len(cols):
        right[cols] = refitted(problem, 1, cols, left)
    U, sigma, V = factor_svd(left, right)
    L, R = problem.joined(U, sigma, V)
    s = problem.rule.of(problem.look(L, R).magnitudes)
    repaired = State(L=L, R=R, s=max(s, 1e-300))
    return descend(problem, repaired, diary, phase="repair", kind="scaled", steps=REPAIR_STEPS, tol=tol)
