"""Measures of the three-class task: positive, negative, or no event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SIGNED_LINK_CLASSES = ("positive", "negative", "none")
"""The classes of a signed link, by their number."""


@dataclass(frozen=True, kw_only=True)
class SignedLinkMetrics:
    """How well the probabilities of three classes forecast a set of pairs.

    Args:
        n: number of pairs.
        n_class: how many there are of each class.
        macro_f1: mean of the F1 of the classes that occur.
        weighted_f1: mean of the F1 of the classes, weighted by how often each occurs.
        f1: of each class; None where the class does not occur.
        ap: average precision of each class against the others; None where it or the others do not occur.
        auc: area under the ROC curve of each class against the others; None as for ``ap``.
        log_loss: mean negative log likelihood, in nats.
    """

    n: int
    n_class: tuple[int, ...]
    macro_f1: float
    weighted_f1: float
    f1: tuple[float | None, ...]
    ap: tuple[float | None, ...]
    auc: tuple[float | None, ...]
    log_loss: float


def signed_link_metrics(
    label: npt.NDArray[np.integer],
    log_probability: Floats,
    exist_threshold: float = 0.5,
    sign_threshold: float = 0.5,
) -> SignedLinkMetrics | None:
    """Measure three-class forecasts over a whole set.

    A pair is forecast as an event where ``p_positive + p_negative >= exist_threshold``, and as a positive one where,
    besides, ``p_positive / (p_positive + p_negative) >= sign_threshold``.

    Args:
        label: 0 positive, 1 negative, 2 none; shape ``(n,)``.
        log_probability: float64, shape ``(n, 3)``.
        exist_threshold: in [0, 1].
        sign_threshold: in [0, 1].

    Returns:
        The measures, or None for an empty set.

    Example:
        >>> import numpy as np
        >>> from signwise.graph import signed_link_metrics
        >>> p = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.1, 0.1, 0.8]])
        >>> signed_link_metrics(np.array([0, 1, 2]), np.log(p)).f1
        (1.0, 1.0, 1.0)
    """
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    label = np.asarray(label)
    log_probability = np.asarray(log_probability, np.float64)
    if log_probability.shape != (len(label), 3):
        raise ValueError(f"log_probability has shape {log_probability.shape}; expected ({len(label)}, 3)")
    if not len(label):
        return None
    exists, positive = exist_and_sign(log_probability)
    called = np.where(exists >= exist_threshold, np.where(positive >= sign_threshold, 0, 1), 2)
    count = np.bincount(label, minlength=3)
    f1 = f1_score(label, called, average=None, labels=[0, 1, 2], zero_division=0.0)
    ranked = [(label == c, log_probability[:, c]) if 0 < count[c] < len(label) else None for c in range(3)]
    return SignedLinkMetrics(
        n=len(label),
        n_class=tuple(int(c) for c in count),
        macro_f1=float(f1[count > 0].mean()),
        weighted_f1=float((f1 * count).sum() / len(label)),
        f1=tuple(float(value) if there else None for value, there in zip(f1, count > 0, strict=True)),
        ap=tuple(None if row is None else float(average_precision_score(*row)) for row in ranked),
        auc=tuple(None if row is None else float(roc_auc_score(*row)) for row in ranked),
        log_loss=float(-np.clip(log_probability[np.arange(len(label)), label], np.log(1e-15), 0.0).mean()),
    )


def exist_and_sign(log_probability: Floats) -> tuple[Floats, Floats]:
    """The probability of an event, and that of a positive sign given an event; two float64 of shape ``(n,)``."""
    event = np.logaddexp(log_probability[:, 0], log_probability[:, 1])
    return np.exp(event), np.exp(log_probability[:, 0] - event)
