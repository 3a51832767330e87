"""Losses of the four tasks, as means over classes; a class that is absent from a batch is skipped."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def binary_loss(logit: Tensor, positive: Tensor, other_weight: float = 1.0, *, pooled: bool = False) -> Tensor:
    """Binary cross-entropy, ``mean over positives + other_weight * mean over the others``.

    The tasks ``sign`` (the others are negative events) and ``link`` (the others are non-events).

    Args:
        logit: float, shape ``(b,)``; log odds of the positive class.
        positive: bool, shape ``(b,)``.
        other_weight: weight of the other class.
        pooled: take one mean over both classes instead, ``mean of weight * cross-entropy``.

    Returns:
        A scalar; 0 with a gradient of 0 for an empty batch.
    """
    each = F.softplus(torch.where(positive, -logit, logit))
    if pooled:
        weight = 1 + (other_weight - 1) * (~positive).to(each.dtype)
        return (weight * each).sum() / max(len(each), 1)
    return class_mean(each, positive) + other_weight * class_mean(each, ~positive)


def three_class_loss(logits: Tensor, label: Tensor, weights: Sequence[float] = (1.0, 1.0, 1.0)) -> Tensor:
    """``(NLL_0 + c_neg NLL_1 + c_null NLL_2) / 3``, each the mean over one class (positive, negative, none).

    Args:
        logits: float, shape ``(b, 3)``.
        label: int64, shape ``(b,)``; 0, 1 or 2.
        weights: of the three classes.
    """
    each = F.cross_entropy(logits, label, reduction="none")
    total = each.new_zeros(())
    for label_of_class, weight in enumerate(weights):
        total = total + weight * class_mean(each, label == label_of_class)
    return total / 3


def weight_loss(forecast: Tensor, value: Tensor) -> Tensor:
    """Mean squared error of signed weights; 0 for an empty batch."""
    return ((forecast - value) ** 2).sum() / max(len(value), 1)


def class_mean(each: Tensor, member: Tensor) -> Tensor:
    """The mean of ``each`` over members; 0 where there are none."""
    chosen = member.to(each.dtype)
    # Absent classes would give 0/0.
    return (each * chosen).sum() / chosen.sum().clamp(min=1.0)
