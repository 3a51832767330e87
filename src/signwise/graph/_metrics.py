"""Measures of sign forecasts; the negative sign is the event of interest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

THRESHOLD_LEVELS = np.linspace(0.005, 0.6, 120)
"""Quantile levels of the validation scores that are tried as thresholds."""

CALIBRATION_BINS = 15
"""Equal-width bins of the expected calibration error."""


@dataclass(frozen=True, kw_only=True)
class SignMetrics:
    """How well scores forecast the signs of a set of events.

    Args:
        n: number of events.
        positive_share: share of positive events.
        auc: area under the ROC curve; None where only one sign occurs.
        ap_negative: average precision with the negative sign as the target; None where only one sign occurs.
        macro_f1: mean of the F1 of both signs at the threshold.
        weighted_f1: mean of the F1 of both signs, weighted by how often each occurs.
        binary_f1: F1 of the positive sign; always-positive alone scores high here.
        log_loss: mean negative log likelihood, in nats.
        brier: mean squared error of the probability.
        ece: expected calibration error over 15 equal-width bins.
    """

    n: int
    positive_share: float
    auc: float | None
    ap_negative: float | None
    macro_f1: float
    weighted_f1: float
    binary_f1: float
    log_loss: float
    brier: float
    ece: float


def sign_metrics(
    sign: npt.NDArray[np.integer], score: npt.NDArray[np.floating], threshold: float
) -> SignMetrics | None:
    """Measure scores against signs.

    Args:
        sign: +1 or -1, shape ``(n,)``.
        score: probability of the positive sign, shape ``(n,)``.
        threshold: events with ``score >= threshold`` are forecast as positive.

    Returns:
        The measures, or None for an empty set.

    Example:
        >>> import numpy as np
        >>> from signwise.graph import sign_metrics
        >>> m = sign_metrics(np.array([1, 1, -1, 1]), np.array([0.9, 0.8, 0.3, 0.2]), threshold=0.5)
        >>> round(m.auc, 4), m.macro_f1.__round__(4)
        (0.6667, 0.7333)
    """
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    sign = np.asarray(sign)
    score = np.asarray(score, np.float64)
    if sign.shape != score.shape or sign.ndim != 1:
        raise ValueError(f"sign has shape {sign.shape} and score {score.shape}; expected two equal vectors")
    if not len(sign):
        return None
    positive = sign > 0
    both = bool(positive.any() and not positive.all())
    forecast = score >= threshold
    f1 = f1_score(positive, forecast, average=None, labels=[False, True], zero_division=0.0)
    share = float(positive.mean())
    likely = np.clip(np.where(positive, score, 1 - score), 1e-15, 1.0)
    return SignMetrics(
        n=len(sign),
        positive_share=share,
        auc=float(roc_auc_score(positive, score)) if both else None,
        ap_negative=float(average_precision_score(~positive, -score)) if both else None,
        macro_f1=float(f1.mean()),
        weighted_f1=float((1 - share) * f1[0] + share * f1[1]),
        binary_f1=float(f1[1]),
        log_loss=float(-np.log(likely).mean()),
        brier=float(np.mean((score - positive) ** 2)),
        ece=expected_calibration_error(sign, score),
    )


def expected_calibration_error(
    sign: npt.NDArray[np.integer], score: npt.NDArray[np.floating], bins: int = CALIBRATION_BINS
) -> float:
    """Mean over events of ``|observed positive share - mean score|`` in the event's score bin.

    Args:
        sign: +1 or -1, shape ``(n,)`` with n above 0.
        score: probability of the positive sign, shape ``(n,)``.
        bins: number of equal-width bins of [0, 1].
    """
    positive = np.asarray(sign) > 0
    which = np.clip((np.asarray(score, np.float64) * bins).astype(np.int64), 0, bins - 1)
    excess = np.bincount(which, weights=positive - score, minlength=bins)
    return float(np.abs(excess).sum() / len(positive))


def best_threshold(sign: npt.NDArray[np.integer], score: npt.NDArray[np.floating]) -> float:
    """The threshold of best macro F1 among the 120 quantile levels of :data:`THRESHOLD_LEVELS`.

    Args:
        sign: +1 or -1, shape ``(n,)``; validation events, never test events.
        score: scores of a positive sign, shape ``(n,)``.

    Returns:
        The lowest of the best thresholds.

    Raises:
        ValueError: there are no events.
    """
    positive = np.asarray(sign) > 0
    score = np.asarray(score, np.float64)
    if not len(positive):
        raise ValueError("a threshold needs at least one validation event")
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    # below[i]: positives among the i lowest scores, which a threshold above them calls negative.
    below = np.concatenate([[0], np.cumsum(positive[order])])
    candidates = np.unique(np.quantile(score, THRESHOLD_LEVELS))
    called_negative = np.searchsorted(ranked, candidates, side="left")
    n, p = len(positive), int(below[-1])
    true_positive = p - below[called_negative]
    true_negative = called_negative - below[called_negative]
    f1_positive = _f1(true_positive, n - called_negative, p)
    f1_negative = _f1(true_negative, called_negative, n - p)
    return float(candidates[np.argmax(f1_positive + f1_negative)])


def _f1(hits: npt.NDArray[np.int64], called: npt.NDArray[np.int64], actual: int) -> npt.NDArray[np.float64]:
    return np.asarray(2.0 * hits / np.maximum(called + actual, 1))
