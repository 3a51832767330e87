"""Planted streams of signed events, with the score of an oracle that knows what was planted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import expit, ndtri
from scipy.stats import rankdata

from ..events import EventStream, chronological_split
from ._latents import RECIPES, Latents, Recipe, plant
from ._pairs import Floats, Ints, Pairs, open_pairs, twin_pairs

Scenario = Literal["bias", "camps", "factions", "marketplace", "quality", "status"]

_NOISE = 0.1
_START_S = 1_577_836_800  # 2020-01-01T00:00:00Z
_TICK = 1e-6
_WEIGHT_MAX = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedStream:
    """A planted stream and what an oracle can know of it.

    Args:
        scenario: the generative model.
        seed: what it was drawn with.
        stream: the events.
        oracle_score: float64, shape ``(n,)``; the probability of a positive sign, given the latents, both ends,
            the time, and (for a reply) the sign of the event it answers.
        oracle_auc: area under the ROC curve of ``oracle_score`` against the signs, over all events.
        oracle_auc_test: the same over the test part of :func:`signwise.events.chronological_split`; NaN where
            that part has one sign only.
        latents: what was planted.
    """

    scenario: Scenario
    seed: int
    stream: EventStream
    oracle_score: Floats
    oracle_auc: float
    oracle_auc_test: float
    latents: Latents


def simulate_signed_events(
    n_events: int,
    n_nodes: int,
    *,
    scenario: Scenario = "marketplace",
    positive_share: float | None = None,
    tie_seconds: float = 0.0,
    span_days: float = 1825.0,
    seed: int = 0,
) -> SimulatedStream:
    r"""Draw a stream of signed events from a planted model, with the oracle's score of each.

    The share of events before event e is :math:`\tau_e = (e + 1/2)/n`. No pair (rater u, ratee v) occurs twice.
    In the first four scenarios the sign is positive with probability

    .. math:: p_e = \sigma(c + \ell_e), \qquad \text{mean}_e\, p_e = \text{positive\_share (by choice of } c).

    ``bias``
        :math:`\ell_e = 2 b_u`, with :math:`b_u \sim N(0, 1)`: some raters are kind, some are not.
    ``quality``
        :math:`\ell_e = 2 q_v(\tau)`, with :math:`q_v(\tau) = \alpha_v \cos(\pi\tau/2) + \beta_v \sin(\pi\tau/2)`
        and :math:`\alpha_v, \beta_v \sim N(0, 1)`: quality of the ratee that drifts from :math:`\alpha_v` to an
        independent :math:`\beta_v`, at constant variance.
    ``status``
        :math:`\ell_e = 2 (r_v - r_u)`, with :math:`r \sim U(-1, 1)`: a ladder; who looks up approves.
    ``marketplace``
        the twin of a trust network, all of them at once:
        :math:`\ell_e = 0.8 b_u + 1.6 q_v(\tau) + 0.5 (r_v - r_u) + f_u(\tau) f_v(\tau) + 1.5 (s' - \bar s)`. Here
        f is a camp (+1 or -1, one node in ten changes it once) and the last term is there for replies only: s' is
        the sign of the event that is answered (tit for tat), :math:`\bar s` its mean. Nodes arrive over time,
        activity is heavy-tailed, and 40 % of the events are meant as replies. Weights are 1..10: a positive one
        is 10 with probability .02, else 1 + min(G, 9) with :math:`P(G \ge k) = (0.6 p_e)^k`; a negative one is 10
        with probability .5, else 1 + min(G, 9) with :math:`P(G \ge k) = 0.6^k`.
    ``factions``
        :math:`s_e = f_u f_v \eta_e`, with :math:`\eta_e = -1` with probability .1: friends of friends are friends
        and enemies of enemies too. Whether the two ends share a faction is drawn independently of who they are,
        so that no count or rate of the rater or of the ratee tells anything: its AUC is .5, as long as few of the
        possible pairs are used up (pairs do not repeat, so the busiest nodes run out of partners of one kind).
    ``camps``
        the same, but in half of the pairs of twins (two nodes of equal activity in opposite factions) both change
        faction once, at a share of the events drawn from U(.2, .8): old friendships then mislead.

    Gaps between events are log-normal (:math:`\sigma` = 1.5 in the logarithm), which makes bursts; all times are
    distinct unless ``tie_seconds`` cuts them. Raters and ratees are chosen by an activity that is log-normal with
    :math:`\sigma` = 1.2 in ``marketplace``, .3 in ``factions`` and ``camps``, else .7. Outside ``marketplace`` every
    weight is 1 and every node is there from the start.

    Args:
        n_events: number of events, at most a quarter of the ``n_nodes * (n_nodes - 1)`` possible pairs.
        n_nodes: number of nodes, at least 4; even for ``factions`` and ``camps``; at most ``n_events`` for
            ``marketplace``, where each newcomer has an event of its own.
        scenario: one of the above.
        positive_share: mean probability of a positive sign, in (0, 1), and in [.1, .9] for ``factions`` and
            ``camps``. By default .9 in ``marketplace``, .8 for ``bias`` and ``quality``, .6 for ``status``, else .5.
        tie_seconds: times are cut to multiples of it, which makes ties; 0 for none.
        span_days: time from the first event to the last.
        seed: equal seeds give equal streams, in any process.

    Raises:
        ValueError: an argument is out of range, or ``tie_seconds`` leaves too few distinct times to split.

    Example:
        >>> from signwise.data import simulate_signed_events
        >>> planted = simulate_signed_events(2000, 200, scenario="factions", seed=1)
        >>> planted.stream
        EventStream(2,000 events, 200 nodes, 50.4 % positive, 2020-01-01T13:06:19Z .. 2024-12-30T00:00:00Z)
        >>> bool(planted.oracle_auc > 0.85)
        True
    """
    recipe = _checked(n_events, n_nodes, scenario, tie_seconds, span_days)
    share = recipe.positive_share if positive_share is None else positive_share
    least = _NOISE if recipe.twins else 0.0
    if not (0 < share < 1 and least <= share <= 1 - least):
        raise ValueError(f"positive_share is {share}; {scenario} needs it between {least} and {1 - least}")
    rng = np.random.default_rng(seed)
    latents = plant(rng, n_nodes, recipe)
    tau = (np.arange(n_events) + 0.5) / n_events
    if recipe.twins:
        # P(+) = q (1 - noise) + (1 - q) noise, so this q gives the share that was asked for.
        q = (share - _NOISE) / (1 - 2 * _NOISE)
        same = np.where(rng.random(n_events) < q, 1, -1)
        even, flip = latents.camp[::2].astype(np.int64), latents.flip[::2]
        pairs = twin_pairs(
            rng, n_events, latents.activity[::2], lambda i, e: even[i] * np.where(tau[e] >= flip[i], -1, 1), same
        )
        score = np.where(same > 0, 1 - _NOISE, _NOISE)
        sign = np.where(rng.random(n_events) < score, 1, -1)
    else:
        pairs = open_pairs(rng, n_events, latents.activity, arrivals=recipe.market, replies=recipe.market)
        sign, score = _signs(rng, recipe, latents, pairs, tau, share)
    weight = _weights(rng, sign, score) if recipe.market else np.ones(n_events)
    order = _appearance(pairs, n_nodes)
    rank = np.empty(n_nodes, np.int64)
    rank[order] = np.arange(n_nodes)
    stream = EventStream(
        source=rank[pairs.source],
        target=rank[pairs.target],
        time=_times(rng, n_events, span_days, tie_seconds),
        sign=sign.astype(np.int8),
        weight=weight,
        nodes=tuple(f"user-{i}" for i in range(n_nodes)),
        tick_seconds=_TICK,
        weight_max=float(_WEIGHT_MAX) if recipe.market else 1.0,
    )
    test = chronological_split(stream).test
    return SimulatedStream(
        scenario=scenario,
        seed=seed,
        stream=stream,
        oracle_score=score,
        oracle_auc=_auc(sign, score),
        oracle_auc_test=_auc(sign[test], score[test]),
        latents=Latents(**{name: values[order] for name, values in vars(latents).items()}),
    )


def _checked(n_events: int, n_nodes: int, scenario: str, tie_seconds: float, span_days: float) -> Recipe:
    if scenario not in RECIPES:
        raise ValueError(f"scenario is {scenario!r}; expected one of {', '.join(get_args(Scenario))}")
    recipe = RECIPES[scenario]
    if n_nodes < 4 or n_events < 1:
        raise ValueError(f"n_events={n_events} and n_nodes={n_nodes}; expected at least 1 event and 4 nodes")
    if recipe.twins and n_nodes % 2:
        raise ValueError(f"n_nodes is {n_nodes}; {scenario} needs an even number, as its nodes come in twins")
    if recipe.market and n_nodes > n_events:
        raise ValueError(
            f"n_nodes={n_nodes} is above n_events={n_events}; in {scenario} each newcomer needs an event of its own"
        )
    if n_events > n_nodes * (n_nodes - 1) // 4:
        raise ValueError(
            f"n_events={n_events} is above a quarter of the {n_nodes * (n_nodes - 1)} pairs of {n_nodes} nodes; "
            "pairs do not repeat, so give more nodes or fewer events"
        )
    if not (0 <= tie_seconds < math.inf and 0 < span_days < 36_500):
        raise ValueError(f"tie_seconds={tie_seconds} must not be negative, span_days={span_days} in (0, 36500)")
    return recipe


def _signs(
    rng: np.random.Generator, recipe: Recipe, latents: Latents, pairs: Pairs, tau: Floats, share: float
) -> tuple[Ints, Floats]:
    u, v = pairs.source, pairs.target
    quality = np.cos(np.pi * tau / 2) * latents.quality_start[v] + np.sin(np.pi * tau / 2) * latents.quality_end[v]
    camps = [latents.camp[i] * np.where(tau >= latents.flip[i], -1, 1) for i in (u, v)]
    logit = (
        recipe.bias * latents.bias[u]
        + recipe.quality * quality
        + recipe.status * (latents.rung[v] - latents.rung[u])
        + recipe.camp * camps[0] * camps[1]
    )
    logit += _intercept(logit, share)
    chance = rng.random(len(tau))
    score = expit(logit)
    sign = np.where(chance < score, 1, -1)
    reply = pairs.parent >= 0
    # Answered events are no replies themselves, so their signs are final here.
    answered = sign[pairs.parent[reply]]
    score[reply] = expit(logit[reply] + recipe.reply * (answered - (2 * share - 1)))
    sign[reply] = np.where(chance[reply] < score[reply], 1, -1)
    return sign, score


def _intercept(logit: Floats, share: float) -> float:
    """c with mean sigma(c + logit) = share, by bisection."""
    low, high = -50.0 - float(logit.max()), 50.0 - float(logit.min())
    for _ in range(45):
        middle = (low + high) / 2
        if float(expit(logit + middle).mean()) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _weights(rng: np.random.Generator, sign: Ints, score: Floats) -> Floats:
    ratio = np.where(sign > 0, 0.6 * score, 0.6)
    u = np.clip(rng.random(len(sign)), 1e-300, None)
    small = 1 + np.minimum(np.floor(np.log(u) / np.log(ratio)), _WEIGHT_MAX - 1)
    extreme = rng.random(len(sign)) < np.where(sign > 0, 0.02, 0.5)
    return np.where(extreme, float(_WEIGHT_MAX), small)


def _times(rng: np.random.Generator, n_events: int, span_days: float, tie_seconds: float) -> Ints:
    gaps = np.exp(1.5 * ndtri(np.clip(rng.random(n_events), 1e-12, 1 - 1e-12)))
    share = np.cumsum(gaps) / gaps.sum()
    ticks = np.rint((_START_S + share * span_days * 86_400) / _TICK).astype(np.int64)
    if tie_seconds > 0:
        step = max(1, round(tie_seconds / _TICK))
        cut: Ints = ticks // step * step
        return cut
    step_up = np.arange(n_events)
    return np.maximum.accumulate(ticks - step_up) + step_up


def _appearance(pairs: Pairs, n_nodes: int) -> Ints:
    """Nodes in order of first appearance (the source before the target), then those that never appear."""
    seen, first = np.unique(np.stack([pairs.source, pairs.target], 1).ravel(), return_index=True)
    absent = np.setdiff1d(np.arange(n_nodes), seen, assume_unique=True)
    return np.concatenate([seen[np.argsort(first, kind="stable")], absent])


def _auc(sign: Ints, score: Floats) -> float:
    positive = sign > 0
    p, n = int(positive.sum()), int((~positive).sum())
    if not p or not n:
        return math.nan
    return float((rankdata(score)[positive].sum() - p * (p + 1) / 2) / (p * n))
