"""Fairness and goodness: how reliable each rater and how good each ratee is, refitted as events come in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from signwise.events import EventStream, Split

from ._baselines import Platt
from ._contract import Online, Queries, Scores, Task
from ._order import batch_starts, canonical_order

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_ROUNDS = 10
_BEFORE_DATA = 0.1


def fairness_goodness(source: Ints, target: Ints, x: Floats, num_nodes: int) -> tuple[Floats, Floats]:
    r"""Fairness F of raters and goodness G of ratees, after ten rounds from F = G = 1 of

    .. math:: G_v = \operatorname{mean}_{u \to v} F_u x_{uv}, \qquad
              F_u = 1 - \tfrac12 \operatorname{mean}_{u \to v} |x_{uv} - G_v|.

    A node that received nothing has G = the mean x; one that gave nothing has F = 1.

    Args:
        source, target: int64, shape ``(n,)``.
        x: float64, shape ``(n,)``; in [-1, 1].
        num_nodes: number of nodes.

    Returns:
        F and G; float64, shape ``(num_nodes,)``.

    Example:
        >>> import numpy as np
        >>> from signwise.graph import fairness_goodness
        >>> f, g = fairness_goodness(np.array([0, 1]), np.array([2, 2]), np.array([1.0, 1.0]), 3)
        >>> f.tolist(), g.tolist()
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0])

    References:
        Kumar, Spezzano, Subrahmanian, Faloutsos, Edge Weight Prediction in Weighted Signed Networks, ICDM 2016.
    """
    given, received = (np.bincount(end, minlength=num_nodes) for end in (source, target))
    base = float(x.mean()) if len(x) else _BEFORE_DATA
    fairness, goodness = np.ones(num_nodes), np.ones(num_nodes)
    for _ in range(_ROUNDS):
        total = np.bincount(target, weights=fairness[source] * x, minlength=num_nodes)
        goodness = np.where(received > 0, total / np.maximum(received, 1), base)
        error = np.bincount(source, weights=np.abs(x - goodness[target]), minlength=num_nodes)
        fairness = np.where(given > 0, 1.0 - error / np.maximum(given, 1) / 2.0, 1.0)
    return fairness, goodness


@dataclass(frozen=True, kw_only=True)
class FairnessGoodness:
    """Scores F_u G_v of :func:`fairness_goodness`, refitted after every 500 events on those before the batch.

    Its sign scores are calibrated on the training part (Platt); its weights are ``weight_max`` F_u G_v.

    Args:
        task: ``sign`` or ``weight``.
        refit_every: events of a batch, extended to the end of its last tie group.
        scale: weight_max; set by :meth:`fit`.
        calibration: set by :meth:`fit`.
    """

    task: Task = "sign"
    refit_every: int = 500
    scale: float | None = None
    calibration: Platt | None = None

    def __post_init__(self) -> None:
        if self.task not in ("sign", "weight"):
            raise ValueError(f"fairness and goodness forecast sign and weight, not {self.task!r}")

    def fit(self, stream: EventStream, split: Split, *, negatives: Queries | None = None) -> FairnessGoodness:
        """Learn the calibration from the training part; ``negatives`` are not used."""
        past = stream.select(split.train)
        scale = stream.weight_max or float(past.weight.max())
        score, _ = self._products(past, None, scale)
        order = canonical_order(past)
        return replace(self, scale=scale, calibration=Platt.fit(score[order], past.sign[order]))

    def scores(self, stream: EventStream, *, queries: Queries | None = None, online: Online = "off") -> Scores:
        """Score every event and query; there is nothing more to learn online, so ``online`` must be ``off``."""
        if self.scale is None or self.calibration is None:
            raise ValueError("the model is not fitted; call fit first")
        if online != "off":
            raise ValueError(f"online is {online!r}; fairness and goodness follow the stream by themselves: use 'off'")
        columns = []
        for product in self._products(stream, queries, self.scale):
            score = product * self.scale
            if self.task == "sign":
                score = self.calibration.slope * product + self.calibration.intercept
            columns.append(score[:, None])
        return Scores(events=columns[0], queries=columns[1])

    def _products(self, stream: EventStream, queries: Queries | None, scale: float) -> tuple[Floats, Floats]:
        """F_u G_v for events and queries, from the events before their batch."""
        order = canonical_order(stream)
        source, target, x = stream.source[order], stream.target[order], stream.normalized(scale)[order]
        events = np.empty(len(stream))
        asked = np.empty(0 if queries is None else len(queries))
        times = np.zeros(0, np.int64) if queries is None else queries.time
        starts = batch_starts(stream, self.refit_every)
        first = 0
        for start, end in pairwise(starts.tolist()):
            last = np.searchsorted(times, stream.time[end], side="left") if end < len(stream) else len(times)
            fairness, goodness = fairness_goodness(source[:start], target[:start], x[:start], stream.num_nodes)
            if not start:
                fairness, goodness = np.ones(stream.num_nodes), np.full(stream.num_nodes, _BEFORE_DATA)
            events[start:end] = fairness[stream.source[start:end]] * goodness[stream.target[start:end]]
            if queries is not None:
                asked[first:last] = fairness[queries.source[first:last]] * goodness[queries.target[first:last]]
            first = last
        if not len(stream):
            asked[:] = _BEFORE_DATA
        return events, asked
