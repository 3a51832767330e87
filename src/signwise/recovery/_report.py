"""What a fit says about itself."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._descent import State
from ._problem import Problem

STRUCTURE, HELD_OUT_RATIO, CLEAN, FLOOR, EXPLAINS_NOTHING = 1.1, 1.15, 1e-6, 1e-10, 0.8


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """The tests behind ``recovered_``.

    Attributes:
        inlier_structure: ‖A*(w)‖₂ of the small residuals over that of unstructured ones, about 1 when only noise is
            left; NaN where the scale is so small that it was not needed.
        outlier_structure: the same of the signs of the large residuals; 0 where they are too few to tell.
        leverage: the largest squared norm of a row of the singular vectors; 0 where it is not a test.
        held_out_ratio: held-out scale over training scale; NaN where nothing was held out.
        outlier_share: share of ``|ρ| > 3s``.
        scale_ratio: s_T/s_0.
        rank_scores: held-out scale of each rank tried.
        failed: names of the tests that failed.
    """

    inlier_structure: float
    outlier_structure: float
    leverage: float
    held_out_ratio: float
    outlier_share: float
    scale_ratio: float
    rank_scores: dict[int, float]
    failed: tuple[str, ...]

    @property
    def recovered(self) -> bool:
        """No test failed."""
        return not self.failed


def kept_rank(problem: Problem, state: State) -> int:
    """#{σ_i > 1.5 s_T(√n1+√n2)/√g}: components above what noise of that scale would show."""
    _, sigma, _ = problem.svd(state.L, state.R)
    n1, n2 = problem.shape
    floor = 1.5 * state.s * (math.sqrt(n1) + math.sqrt(n2)) / math.sqrt(problem.size[1])
    return int((sigma > floor).sum())


def diagnose(
    problem: Problem,
    state: State,
    rng: np.random.Generator,
    *,
    held_out_ratio: float,
    scores: dict[int, float],
    rank_chosen: bool,
    max_rank: int,
    stopped: bool,
    leverage: float = 0.0,
    leverage_limit: float = math.inf,
) -> Diagnostics:
    """Run the tests of a finished fit.

    Args:
        problem: all observations in use.
        state: the final factors.
        rng: for the probes of the norms.
        held_out_ratio: held-out over training scale.
        scores: of the selection.
        rank_chosen: the rank was selected, so that reaching `max_rank` is a failure.
        max_rank: the largest rank allowed.
        stopped: the callback ended the fit.
        leverage: the largest row of the singular vectors.
        leverage_limit: what it must not exceed.
    """
    if not math.isfinite(state.s):
        return Diagnostics(
            inlier_structure=math.nan,
            outlier_structure=math.nan,
            leverage=math.nan,
            held_out_ratio=held_out_ratio,
            outlier_share=math.nan,
            scale_ratio=math.inf,
            rank_scores=scores,
            failed=("the steps diverged",),
        )
    s = max(state.s, FLOOR * problem.s_0)
    clean = state.s <= CLEAN * problem.s_0
    outlier = problem.structure(state.L, state.R, s, "outlier", rng)
    inlier = math.nan if clean else problem.structure(state.L, state.R, s, "inlier", rng)
    failed = ["the callback stopped the fit"] if stopped else []
    if outlier > STRUCTURE:
        failed.append(f"the signs of the large residuals have structure {outlier:.2f}, above {STRUCTURE}")
    if leverage > leverage_limit:
        failed.append(f"a row or column has leverage {leverage:.2f}, above {leverage_limit}")
    if not clean and not inlier <= STRUCTURE:
        failed.append(f"the small residuals have structure {inlier:.2f}, above {STRUCTURE}")
    if not clean and held_out_ratio > HELD_OUT_RATIO:
        failed.append(f"held-out residuals are {held_out_ratio:.2f} times the others, above {HELD_OUT_RATIO}")
    # Rank 0 of data that are not zero explains nothing whatever its scale; the zero matrix has s_0 = 0.
    if problem.s_0 > 0 and (state.rank == 0 or state.s > EXPLAINS_NOTHING * problem.s_0):
        failed.append(f"the fit explains little: its scale is {state.s / problem.s_0:.2f} times that of the data")
    if rank_chosen and state.rank >= max_rank:
        failed.append(f"the rank reached max_rank = {max_rank}")
    return Diagnostics(
        inlier_structure=inlier,
        outlier_structure=outlier,
        leverage=leverage,
        held_out_ratio=held_out_ratio,
        outlier_share=problem.outlier_share(state.L, state.R, s),
        scale_ratio=state.s / problem.s_0 if problem.s_0 else 0.0,
        rank_scores=scores,
        failed=tuple(failed),
    )


def warn(diagnostics: Diagnostics, breakdown: float, *, stacklevel: int) -> None:
    """Warn of failed tests, and of an outlier share near the breakdown."""
    if diagnostics.failed:
        warnings.warn(
            "the matrix was not recovered: " + "; ".join(diagnostics.failed), ConvergenceWarning, stacklevel=stacklevel
        )
    elif diagnostics.outlier_share > 0.9 * breakdown:
        warnings.warn(
            f"{diagnostics.outlier_share:.0%} of the observations are outliers, close to breakdown={breakdown:g}; "
            "raise breakdown",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
