"""From the vectors and features of a pair to its logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ._dropout import Dropout
from ._recent import RECENT_GROUPS, RECENT_NAMES
from ._sketch import sketch_group
from ._state import FEATURE_GROUPS

DecoderKind = Literal["hybrid", "memory", "features"]


class Standardize(nn.Module):
    """Features less their training mean, over their training spread, clipped to ±5.

    Quantile bins would lose the tails, which the signs of large counts live in.
    """

    def __init__(self, dim: int, clip: float = 5.0) -> None:
        super().__init__()
        self.clip = clip
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))

    def fit(self, features: npt.NDArray[np.floating]) -> None:
        """Take mean and spread (+1e-6) from features of shape ``(n, dim)``."""
        values = np.asarray(features, np.float64)
        self.mean.copy_(torch.from_numpy(values.mean(0)))
        self.scale.copy_(torch.from_numpy(values.std(0) + 1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """Standardised features of the same shape."""
        return ((features.to(self.mean.dtype) - self.mean) / self.scale).clamp(-self.clip, self.clip)


class LinearDecoder(nn.Module):
    """One linear map of ``z_u ‖ z_v``.

    Args:
        z_dim: length of z.
        outputs: number of logits.
    """

    def __init__(self, z_dim: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.out = nn.Linear(2 * z_dim, outputs)

    def fit_features(self, features: npt.NDArray[np.floating]) -> None:
        """Nothing to do: features are not read."""

    def forward(self, z: Tensor, features: Tensor) -> Tensor:
        """Logits of pairs.

        Args:
            z: float, shape ``(b, 2, z_dim)``; rater and ratee.
            features: not read.

        Returns:
            float, shape ``(b, outputs)``.
        """
        logits: Tensor = self.out(z.flatten(1))
        return logits


class HybridDecoder(nn.Module):
    r"""An additive model of the running features, plus what the memories add to it.

    .. math:: \ell = b + \sum_g w_g^\top f_g + \mathrm{MLP}_{f-64-c}(f) + r(z_u \Vert z_v \Vert z_u \odot z_v)

    The last layer of r starts at zero, so that the memories begin as a correction of nothing.

    Args:
        z_dim: length of z.
        outputs: number c of logits.
        recent: read the recent features behind the running ones too; they form two more groups.
        sketch: read the product of a :class:`SignedSketch` behind those; it is one more group.
        kind: ``"hybrid"``; ``"memory"`` has no f, ``"features"`` no r.
        hidden: width of both MLPs.
        dropout: inside both MLPs.
        z_dropout: of the input of r.
    """

    def __init__(
        self,
        z_dim: int,
        outputs: int,
        *,
        recent: bool = False,
        sketch: bool = False,
        kind: DecoderKind = "hybrid",
        hidden: int = 64,
        dropout: float = 0.2,
        z_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if kind not in ("hybrid", "memory", "features"):
            raise ValueError(f"decoder is {kind!r}; expected 'hybrid', 'memory' or 'features'")
        self.kind, self.outputs = kind, outputs
        self.groups = {**FEATURE_GROUPS, **(RECENT_GROUPS if recent else {})}
        if sketch:
            self.groups |= sketch_group(len(RECENT_NAMES) if recent else 0)
        inputs = sum(map(len, self.groups.values()))
        self.standardize = Standardize(inputs)
        self.linear = nn.Linear(inputs, outputs)
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.bias.zero_()
        self.interaction: nn.Module | None = None
        self.residual: nn.Module | None = None
        if kind != "memory":
            self.interaction = _mlp(inputs, hidden, outputs, dropout)
        if kind != "features":
            self.residual = nn.Sequential(Dropout(z_dropout), *_mlp(3 * z_dim, hidden, outputs, dropout))
            if kind == "hybrid":
                for p in self.residual[-1].parameters():
                    nn.init.zeros_(p)

    def fit_features(self, features: npt.NDArray[np.floating]) -> None:
        """Set mean and spread of the features from training rows."""
        self.standardize.fit(features)

    def forward(self, z: Tensor, features: Tensor) -> Tensor:
        """Logits of pairs: the sum of :meth:`terms`.

        Args:
            z: float, shape ``(b, 2, z_dim)``; rater and ratee.
            features: float32, shape ``(b, f)``; 34 running features, then 44 recent ones and the
                product of a sketch where they are read.

        Returns:
            float, shape ``(b, outputs)``.
        """
        f = self.standardize(features)
        total = self.linear.bias.expand(len(z), -1) if self.kind == "memory" else self.linear(f)
        if self.interaction is not None:
            total = total + self.interaction(f)
        if self.residual is not None:
            total = total + self.residual(_pair(z))
        out: Tensor = total
        return out

    def terms(self, z: Tensor, features: Tensor) -> dict[str, Tensor]:
        """The additive parts of the logits, each of shape ``(b, outputs)``.

        Returns:
            ``bias``, one entry for each group of :data:`~signwise.graph.FEATURE_GROUPS` (and
            ``rater_recent``, ``ratee_recent`` and ``sketch``), ``interaction`` and
            ``memory``; parts that the decoder lacks are zero.
        """
        f = self.standardize(features)
        zero = f.new_zeros(len(f), self.linear.out_features)
        parts = {"bias": zero + self.linear.bias}
        for name, columns in self.groups.items():
            at = list(columns)
            parts[name] = zero if self.kind == "memory" else f[:, at] @ self.linear.weight[:, at].T
        parts["interaction"] = zero if self.interaction is None else self.interaction(f)
        parts["memory"] = zero if self.residual is None else self.residual(_pair(z))
        return parts


def weight_levels(
    rating: npt.NDArray[np.floating], weight_max: float | None, *, most: int = 64
) -> npt.NDArray[np.float64]:
    """The ordered values that a distribution of signed weights is over.

    Whole ratings with a whole declared maximum of at most ``most / 2``: every whole number but 0 up to it in both
    directions (20 for ratings of -10..10). Otherwise the distinct training ratings, or, if there are more than
    ``most``, the means of 20 equally filled bins.

    Example:
        >>> import numpy as np
        >>> weight_levels(np.array([1.0, -2.0, 1.0]), 2.0).tolist()
        [-2.0, -1.0, 1.0, 2.0]
    """
    values = np.unique(np.asarray(rating, np.float64))
    whole = np.array_equal(values, np.rint(values))
    if whole and weight_max is not None and weight_max == round(weight_max) and 2 * weight_max <= most:
        top = int(weight_max)
        return np.concatenate([np.arange(-top, 0), np.arange(1, top + 1)]).astype(np.float64)
    if len(values) <= most:
        return values
    bins = np.array_split(np.sort(np.asarray(rating, np.float64)), 20)
    return np.unique([part.mean() for part in bins])


def nearest_level(levels: Tensor, value: Tensor) -> Tensor:
    """The index of the level nearest to each value; int64, shape ``(b,)``."""
    return (value[:, None] - levels[None, :]).abs().argmin(1)


def level_quantiles(
    probabilities: npt.NDArray[np.floating], levels: npt.NDArray[np.float64], quantiles: Sequence[float]
) -> npt.NDArray[np.float64]:
    """Quantiles of distributions over ordered levels.

    Args:
        probabilities: shape ``(b, L)``.
        levels: shape ``(L,)``, increasing.
        quantiles: each in (0, 1).

    Returns:
        float64, shape ``(b, len(quantiles))``; the first level at which the cumulative probability reaches each.
    """
    cumulative = np.cumsum(np.asarray(probabilities, np.float64), 1)
    cumulative /= cumulative[:, -1:]
    at = [(cumulative < q - 1e-12).sum(1).clip(max=len(levels) - 1) for q in quantiles]
    found: npt.NDArray[np.float64] = np.asarray(levels, np.float64)[np.stack(at, 1)]
    return found


def _pair(z: Tensor) -> Tensor:
    return torch.cat([z[:, 0], z[:, 1], z[:, 0] * z[:, 1]], 1)


def _mlp(inputs: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), Dropout(dropout), nn.Linear(hidden, outputs))
