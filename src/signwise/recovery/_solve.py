"""The phases of an entrywise fit, on the whole matrix or with a start from a submatrix."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._descent import Diary, State, descend
from ._entries import EntryProblem
from ._finish import final_phase, leverage_limit, leverages, parsimony, repair_leverage, thaw
from ._passes import DenseEntries, Entries
from ._previous import previous_factors, wide_scale
from ._rank import SLACK, select_rank
from ._report import CLEAN, FLOOR, STRUCTURE, Diagnostics, diagnose, kept_rank
from ._start import small_start
from ._submatrix import Submatrix
from ._weights import Loss

OVER_RANK_STEPS = 60
NO_WORSE = 1.5  # scale with the Huber loss over that with the truncated one up to which it is kept
NEAR = 3.0  # first scale after a start from a submatrix, and the largest of a line at its end, over the scale


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the estimator was told.

    Attributes:
        fixed: the rank, or None to select it.
        max_rank: the largest to consider.
        auto: the loss may turn to Huber.
        loss: the first loss.
        psd: symmetric positive semidefinite.
        init_scale: size of the start.
        breakdown: share of gross errors to withstand.
        tol: relative scale at which to stop.
        max_iter: most steps of the last phase.
        holdout: share held out.
    """

    fixed: int | None
    max_rank: int
    auto: bool
    loss: Loss
    psd: bool
    init_scale: float
    breakdown: float
    tol: float
    max_iter: int
    holdout: float


@dataclass(frozen=True, kw_only=True)
class Solution:
    """A fit.

    Attributes:
        problem: all entries in use.
        state: the factors.
        diagnostics: the tests.
        last: number of steps since the selection.
    """

    problem: EntryProblem
    state: State
    diagnostics: Diagnostics
    last: int


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    state: State
    scores: dict[int, float]
    ratio: float


def solve(entries: Entries, options: Options, rng: np.random.Generator, diary: Diary, estimator: Any) -> Solution:
    """Fit the entries.

    A large dense matrix is fitted on a random submatrix first, the factors are extended to all rows and columns, and
    the last phase and the tests are those of the whole. If a test fails, the submatrix did not tell enough, and all
    phases run on the whole.

    Args:
        entries: what is observed; changed and restored.
        options: of the estimator.
        rng: draws everything.
        diary: gets the records.
        estimator: where a warm start finds the factors of the previous fit.
    """
    warm = estimator.warm_start and hasattr(estimator, "L_")
    if not warm and not options.psd and options.loss.name == "truncated" and isinstance(entries, DenseEntries):
        quick = _by_submatrix(entries, options, rng, diary)
        if quick is not None and (quick.diagnostics.recovered or diary.stopped):
            return quick
    problem = _problem(entries, options, rng, options.holdout)
    previous = previous_factors(estimator, problem)
    if problem.s_0 == 0:
        L, R = problem.zero()
        chosen = _Chosen(state=State(L=L, R=R, s=0.0, end="tol"), scores={}, ratio=math.nan)
    elif previous is not None:
        chosen = _Chosen(state=previous, scores={}, ratio=math.nan)
    else:
        chosen = _chosen(problem, options, rng, diary)
    problem.use_all()
    before, state = len(diary.records), chosen.state
    if problem.s_0 > 0 and not diary.stopped and math.isfinite(state.s):
        state = _finished(problem, chosen, options, rng, diary)
    return _judged(problem, replace(chosen, state=state), options, rng, diary, before)


def _problem(entries: Entries, options: Options, rng: np.random.Generator, holdout: float) -> EntryProblem:
    return EntryProblem(
        entries,
        psd=options.psd,
        loss=options.loss,
        breakdown=options.breakdown,
        holdout=holdout if entries.observed >= 2 / options.holdout else 0.0,
        rng=rng,
    )


def _chosen(problem: EntryProblem, options: Options, rng: np.random.Generator, diary: Diary) -> _Chosen:
    """The first phase and the rank."""
    scores: dict[int, float] = {}
    ratio = math.nan
    state = small_start(problem, options.fixed or options.max_rank, options.init_scale, rng)
    state = descend(problem, state, diary, phase="over-rank", kind="scaled", steps=OVER_RANK_STEPS)
    held = problem.holds_out
    if options.fixed is None and state.rank and held and math.isfinite(state.s) and not diary.stopped:

        def approximate(trial: State) -> bool:
            return math.isfinite(trial.s) and problem.structure(trial.L, trial.R, trial.s, "inlier", rng) > STRUCTURE

        choice = select_rank(
            problem, state, diary, plain_at_most=False, approximate=approximate if options.auto else None
        )
        state, scores = choice.state, choice.scores
    if held and math.isfinite(state.s):
        train = problem.rule.of(problem.look(state.L, state.R).magnitudes)
        ratio = problem.rule.of(problem.held_out(state.L, state.R)) / train if train > FLOOR * problem.s_0 else 1.0
    return _Chosen(state=state, scores=scores, ratio=ratio)


def _by_submatrix(entries: DenseEntries, options: Options, rng: np.random.Generator, diary: Diary) -> Solution | None:
    """A fit that starts from a submatrix; None where there is none, or it says nothing."""
    part = Submatrix.drawn(entries, options.fixed or options.max_rank, rng)
    if part is None or part.entries.observed == 0:
        return None
    small = _problem(part.entries, options, rng, options.holdout)
    if small.s_0 == 0:
        return None
    chosen = _chosen(small, options, rng, diary)
    small.use_all()
    if not math.isfinite(chosen.state.s) or diary.stopped:
        return None
    state = _finished(small, chosen, replace(options, auto=False), rng, diary)
    if not math.isfinite(state.s) or diary.stopped:
        return None
    if state.s > CLEAN * small.s_0 and small.structure(state.L, state.R, state.s, "inlier", rng) > STRUCTURE:
        return None
    k = state.rank if options.fixed is not None else min(state.rank, kept_rank(small, state))
    if k == 0 or (options.fixed is None and k >= options.max_rank):
        return None
    problem = _problem(entries, options, rng, 0.0)
    L, R = part.extended(problem, *small.truncated(state.L, state.R, k))
    before = len(diary.records)
    s = NEAR * problem.rule.of(problem.look(L, R).magnitudes)
    state = State(L=L, R=R, s=max(s, 0.1 * options.tol * problem.s_0))
    state = final_phase(problem, state, diary, max_iter=options.max_iter, tol=options.tol)
    if not math.isfinite(state.s) or not problem.fits(NEAR * max(state.s, CLEAN * problem.s_0)):
        return None
    return _judged(problem, replace(chosen, state=state), options, rng, diary, before)


def _finished(
    problem: EntryProblem, chosen: _Chosen, options: Options, rng: np.random.Generator, diary: Diary
) -> State:
    """The last phase and what follows it."""
    state, budget = chosen.state, {"max_iter": options.max_iter, "tol": options.tol}
    state = final_phase(problem, state, diary, stall=True, **budget)  # type: ignore[arg-type]
    state = thaw(problem, state, diary, rng, **budget)  # type: ignore[arg-type]
    if not math.isfinite(state.s):
        return state
    s = max(state.s, FLOOR * problem.s_0)
    if state.s > CLEAN * problem.s_0 and options.auto and not diary.stopped:
        inlier = problem.structure(state.L, state.R, s, "inlier", rng)
        if inlier > STRUCTURE:
            return _softened(problem, state, options, diary)
    if options.fixed is None:
        if not _needed(problem, state, chosen.scores):
            state = parsimony(problem, state, diary, rng, **budget)  # type: ignore[arg-type]
        state = repair_leverage(problem, state, diary, tol=options.tol)
    return state


def _softened(problem: EntryProblem, state: State, options: Options, diary: Diary) -> State:
    """The last phase again with the Huber loss, if that fits no worse.

    What is low-rank only approximately leaves residuals of all sizes, and a cut among them is arbitrary. But a bounded
    pull of many large outliers can do more harm than the cut.
    """
    problem.loss = Loss("huber")
    start = State(L=state.L, R=state.R, s=wide_scale(problem, state))
    soft = final_phase(problem, start, diary, max_iter=options.max_iter, tol=options.tol, phase="huber", stall=True)
    if soft.s <= NO_WORSE * state.s:
        return soft
    problem.loss = options.loss
    return state


def _needed(problem: EntryProblem, state: State, scores: dict[int, float]) -> bool:
    """Whether all components are known to be needed: one less failed on held-out entries, and none is of one line."""
    k = state.rank
    if k == 0 or not scores.get(k - 1, 0.0) > 10 * SLACK * max(scores.get(k, math.inf), 1e-9 * problem.s_0):
        return False
    return all(
        2 * float(lever.max()) <= leverage_limit(k, n)
        for lever, n in zip(leverages(problem, state), problem.shape, strict=True)
    )


def _judged(
    problem: EntryProblem, chosen: _Chosen, options: Options, rng: np.random.Generator, diary: Diary, before: int
) -> Solution:
    """The tests of a finished fit, at the rank that stands out of the noise."""
    state = chosen.state
    if not math.isfinite(state.s):
        L, R = problem.zero()
        state = State(L=L, R=R, s=math.inf, end="diverged")
    elif options.fixed is None:
        k = kept_rank(problem, state)
        if k < state.rank:
            L, R = problem.truncated(state.L, state.R, k)
            state = replace(state, L=L, R=R)
    worst, limit = 0.0, math.inf
    if state.rank and math.isfinite(state.s):
        # The one of the two sides that is nearer to its limit.
        for lever, n in zip(leverages(problem, state), problem.shape, strict=True):
            top, bound = float(lever.max()), leverage_limit(state.rank, n)
            if math.isinf(limit) or top / bound > worst / limit:
                worst, limit = top, bound
    diagnostics = diagnose(
        problem,
        state,
        rng,
        held_out_ratio=chosen.ratio,
        scores=chosen.scores,
        rank_chosen=options.fixed is None and options.max_rank < min(problem.shape),
        max_rank=options.max_rank,
        stopped=diary.stopped,
        leverage=worst,
        leverage_limit=limit,
    )
    return Solution(problem=problem, state=state, diagnostics=diagnostics, last=len(diary.records) - before)
