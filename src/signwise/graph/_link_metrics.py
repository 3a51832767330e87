"""Measures of existence: events against non-events as two classes, and the rank of an event among its non-events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ._metrics import expected_calibration_error

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class LinkMetrics:
    """How well scores tell the events of a set from the non-events drawn beside them.

    Args:
        n: number of events.
        n_none: number of non-events.
        auc: area under the ROC curve; None where one kind is absent.
        ap: average precision with the events as the target; None where one kind is absent.
        ap_none: average precision with the non-events as the target.
        macro_f1: mean of the F1 of both kinds at the threshold.
        weighted_f1: mean of the F1 of both kinds, weighted by how often each occurs.
        log_loss: mean negative log likelihood, in nats.
        ece: expected calibration error over 15 equal-width bins.
    """

    n: int
    n_none: int
    auc: float | None
    ap: float | None
    ap_none: float | None
    macro_f1: float
    weighted_f1: float
    log_loss: float
    ece: float


@dataclass(frozen=True, kw_only=True)
class RankMetrics:
    """Where events stand among their own non-events.

    Args:
        n: number of ranked events.
        candidates: mean number of non-events beside each.
        mrr: mean reciprocal rank, with rank = 1 + #greater + ½ #equal.
        hits_10: share of events of rank 10 or better.
    """

    n: int
    candidates: float
    mrr: float
    hits_10: float


def link_metrics(exists: npt.NDArray[np.bool_], score: Floats, threshold: float) -> LinkMetrics | None:
    """Measure scores of existence over a whole set, never as a mean over batches.

    Args:
        exists: bool, shape ``(n,)``; event or non-event.
        score: probability of an event, shape ``(n,)``.
        threshold: pairs with ``score >= threshold`` are forecast as events.

    Returns:
        The measures, or None for an empty set.

    Example:
        >>> import numpy as np
        >>> from signwise.graph import link_metrics
        >>> m = link_metrics(np.array([True, True, False]), np.array([0.9, 0.4, 0.6]), threshold=0.5)
        >>> m.auc, round(m.macro_f1, 3)
        (0.5, 0.25)
    """
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    exists = np.asarray(exists, np.bool_)
    score = np.asarray(score, np.float64)
    if exists.shape != score.shape or exists.ndim != 1:
        raise ValueError(f"exists has shape {exists.shape} and score {score.shape}; expected two equal vectors")
    if not len(exists):
        return None
    both = bool(exists.any() and not exists.all())
    f1 = f1_score(exists, score >= threshold, average=None, labels=[False, True], zero_division=0.0)
    share = float(exists.mean())
    likely = np.clip(np.where(exists, score, 1 - score), 1e-15, 1.0)
    return LinkMetrics(
        n=int(exists.sum()),
        n_none=int((~exists).sum()),
        auc=float(roc_auc_score(exists, score)) if both else None,
        ap=float(average_precision_score(exists, score)) if both else None,
        ap_none=float(average_precision_score(~exists, -score)) if both else None,
        macro_f1=float(f1.mean()),
        weighted_f1=float((1 - share) * f1[0] + share * f1[1]),
        log_loss=float(-np.log(likely).mean()),
        ece=expected_calibration_error(np.where(exists, 1, -1), score),
    )


def event_ranks(event_score: Floats, other_score: Floats, other_event: Ints) -> Floats:
    """The rank of each event among its own non-events: 1 + #greater + ½ #equal.

    Args:
        event_score: shape ``(n,)``.
        other_score: shape ``(q,)``; of the non-events.
        other_event: int64, shape ``(q,)``; the event of each, from 0 to n - 1.

    Returns:
        float64, shape ``(n,)``; NaN for an event without non-events.

    Example:
        >>> import numpy as np
        >>> from signwise.graph import event_ranks
        >>> event_ranks(np.array([0.5, 0.1]), np.array([0.7, 0.5, 0.2]), np.array([0, 0, 0])).tolist()
        [2.5, nan]
    """
    event_score, other_score = np.asarray(event_score, np.float64), np.asarray(other_score, np.float64)
    own = event_score[other_event]
    above = (other_score > own) + 0.5 * (other_score == own)
    rank = 1.0 + np.bincount(other_event, weights=above, minlength=len(event_score))
    rank[np.bincount(other_event, minlength=len(event_score)) == 0] = np.nan
    return np.asarray(rank, np.float64)


def rank_metrics(event_score: Floats, other_score: Floats, other_event: Ints) -> RankMetrics | None:
    """Mean reciprocal rank and hits of events among their non-events; see :func:`event_ranks` for the arguments.

    Returns:
        The measures over the events that have non-events, or None where none has.
    """
    rank = event_ranks(event_score, other_score, other_event)
    ranked = ~np.isnan(rank)
    if not ranked.any():
        return None
    return RankMetrics(
        n=int(ranked.sum()),
        candidates=float(len(other_event) / ranked.sum()),
        mrr=float(np.mean(1.0 / rank[ranked])),
        hits_10=float(np.mean(rank[ranked] <= 10)),
    )
