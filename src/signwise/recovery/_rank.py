"""The rank, chosen on held-out observations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from ._descent import Diary, State, descend
from ._problem import Problem

CANDIDATES, RATIO, STEPS, ROUNDS, SLACK = 8, 1.3, 40, 6, 1.3


@dataclass(frozen=True, kw_only=True)
class RankChoice:
    """The chosen rank and how the others did.

    Attributes:
        state: factors of the chosen rank after the trial steps, with their scale.
        scores: the held-out scale h(k) of each rank k that was tried, by rank.
    """

    state: State
    scores: dict[int, float]


def select_rank(problem: Problem, state: State, diary: Diary, *, plain_at_most: bool, steps: int = STEPS) -> RankChoice:
    """Try ranks below that of the state, each by scaled steps from the top components, on held-out observations.

    Candidates are the eight largest ratios σ_i/σ_{i+1} above 1.3 and the rank of the state; then the midpoints
    between the best and its neighbours, at most six rounds. The smallest rank within 1.3 of the best wins: at a large
    condition number the largest gap is in the wrong place, and the held-out scale is what decides.

    Args:
        problem: with held-out observations.
        state: the end of the over-rank phase; every trial starts from its scale.
        diary: gets the records.
        plain_at_most: use plain steps at the full rank, where scaled ones would fit noise.
        steps: of each trial.
    """
    U, sigma, V = problem.svd(state.L, state.R)
    most = state.rank
    ratios = sigma[:-1] / sigma[1:].clamp(min=1e-300)
    order = torch.argsort(ratios, descending=True)[:CANDIDATES]
    candidates = {int(i) + 1 for i in order if float(ratios[i]) > RATIO} | {most}
    tried: dict[int, tuple[float, State]] = {}

    def attempt(k: int) -> None:
        L, R = (state.L, state.R) if k == most else problem.joined(U[:, :k], sigma[:k], V[:, :k])
        kind: Literal["plain", "scaled"] = "plain" if plain_at_most and k == most else "scaled"
        end = descend(problem, State(L=L, R=R, s=state.s), diary, phase="select", kind=kind, steps=steps)
        score = problem.rule.of(problem.held_out(end.L, end.R)) if math.isfinite(end.s) else math.inf
        tried[k] = (score if math.isfinite(score) else math.inf, end)

    for k in sorted(candidates):
        if diary.stopped:
            break
        attempt(k)
    for _ in range(ROUNDS):
        best = min(tried, key=lambda k: (tried[k][0], k))
        below = max((k for k in tried if k < best), default=0)
        above = min((k for k in tried if k > best), default=best)
        new = {(below + best) // 2, (best + above) // 2} - {0, *tried}
        if not new or diary.stopped:
            break
        for k in sorted(new):
            attempt(k)
    least = min(score for score, _ in tried.values())
    allowed = SLACK * max(least, 1e-9 * problem.s_0)
    chosen = min((k for k, (score, _) in tried.items() if score <= allowed), default=min(tried))
    return RankChoice(state=tried[chosen][1], scores={k: tried[k][0] for k in sorted(tried)})
