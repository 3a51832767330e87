"""The rank, chosen on held-out observations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from ._descent import Diary, State, descend
from ._problem import Problem

CANDIDATES, RATIO, STEPS, TRIALS, SLACK = 8, 1.3, 40, 16, 1.3
EXACT = 1e-3  # held-out scale over that of the steps, whose fall γ bounds, below which a trial fits exactly


@dataclass(frozen=True, kw_only=True)
class RankChoice:
    """The chosen rank and how the others did.

    Attributes:
        state: factors of the chosen rank after the trial steps, with their scale.
        scores: the held-out scale h(k) of each rank k that was tried, by rank.
    """

    state: State
    scores: dict[int, float]


def select_rank(
    problem: Problem,
    state: State,
    diary: Diary,
    *,
    plain_at_most: bool,
    steps: int = STEPS,
    approximate: Callable[[State], bool] | None = None,
) -> RankChoice:
    """Try ranks below that of the state, each by scaled steps from the top components, on held-out observations.

    Candidates are the eight largest ratios σ_i/σ_{i+1} above 1.3, largest first, or the rank of the state if there is
    none; those above a rank that fits exactly are left out. Then the
    neighbours of the best rank are tried; where the lower does as well, or the higher better, the search goes on
    halfway to the next rank tried on that side. The smallest rank within 1.3 of the best wins: at a large condition
    number the largest gap is in the wrong place, and the held-out scale is what decides.

    Args:
        problem: with held-out observations.
        state: the end of the over-rank phase; every trial starts from its scale.
        diary: gets the records.
        plain_at_most: use plain steps at the full rank, where scaled ones would fit noise.
        steps: of each trial.
        approximate: says whether a state leaves structure behind. Then the matrix has no rank to be found, only a best
            approximation, and the rank of the least score is searched instead.
    """
    U, sigma, V = problem.svd(state.L, state.R)
    most = state.rank
    ratios = sigma[:-1] / sigma[1:].clamp(min=1e-300)
    order = torch.argsort(ratios, descending=True)[:CANDIDATES]
    candidates = [int(i) + 1 for i in order if float(ratios[i]) > RATIO] or [most]
    tried: dict[int, tuple[float, State]] = {}

    def score(k: int) -> float:
        """h(k), with the trial run if it has not been."""
        if k not in tried:
            L, R = (state.L, state.R) if k == most else problem.joined(U[:, :k], sigma[:k], V[:, :k])
            kind: Literal["plain", "scaled"] = "plain" if plain_at_most and k == most else "scaled"
            end = descend(problem, State(L=L, R=R, s=state.s), diary, phase="select", kind=kind, steps=steps)
            held = problem.rule.of(problem.held_out(end.L, end.R)) if math.isfinite(end.s) else math.inf
            tried[k] = (held if math.isfinite(held) else math.inf, end)
        return tried[k][0]

    exact = most + 1  # the smallest rank known to fit all but the outliers exactly: no larger one is needed
    for k in candidates:
        if k < exact and not diary.stopped and score(k) < EXACT * tried[k][1].s:
            exact = k
    least = 1e-9 * problem.s_0

    def search(slack: float) -> int:
        """The smallest rank whose score is within `slack` of the least."""
        before = 0
        for _ in range(TRIALS):
            allowed = slack * max(min(h for h, _ in tried.values()), least)
            # Of ranks that do as well as the best, the smallest stands for all.
            best = min(k for k in tried if tried[k][0] <= allowed)
            moved, before = (best > before) - (best < before) if before else 0, best
            below = max((k for k in tried if k < best), default=0)
            above = min((k for k in tried if k > best), default=most + 1)
            down = (below + best) // 2 if moved < 0 else best - 1
            up = (best + above) // 2 if moved > 0 else best + 1
            flat = best >= exact or (above <= most and tried[above][0] <= allowed)
            new = [k for k, idle in ((down, False), (up, flat)) if below < k < above and k != best and not idle]
            if not new or diary.stopped:
                break
            score(new[0])
        lowest = max(min(h for h, _ in tried.values()), least)
        return min((k for k, (h, _) in tried.items() if h <= slack * lowest), default=min(tried))

    chosen = search(SLACK)
    if exact > most and approximate is not None and not diary.stopped and approximate(tried[chosen][1]):
        chosen = search(1.0)
    return RankChoice(state=tried[chosen][1], scores={k: tried[k][0] for k in sorted(tried)})
