"""What an evaluation says: measures of each run, and intervals over the runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from ._class_metrics import SignedLinkMetrics, exist_and_sign, signed_link_metrics
from ._contract import Online, Task
from ._link_metrics import LinkMetrics, RankMetrics, link_metrics
from ._metrics import SignMetrics, best_threshold, sign_metrics
from ._weight_metrics import WeightMetrics, weight_metrics

Metrics = SignMetrics | LinkMetrics | SignedLinkMetrics | WeightMetrics
EvaluationProtocol = Literal["strict", "published"]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """Labels and scores of a set of pairs: what measures are computed from.

    Args:
        task: decides what the columns are; see :class:`Scores`.
        label: float64, shape ``(m,)``; ±1 (``sign``), 1 or 0 (``link``), the class (``signed_link``), or the signed
            weight (``weight``).
        score: float64, shape ``(m, c)``; as models give them.
        event: int64, shape ``(m,)``; the event of the stream that a pair is, or accompanies.
        levels: of the columns after the first, for ``weight``; or None.
    """

    task: Task
    label: Floats
    score: Floats
    event: npt.NDArray[np.int64]
    levels: Floats | None = None

    def __len__(self) -> int:
        return len(self.label)

    def select(self, mask: Mask) -> Outcome:
        """The pairs of a mask."""
        return Outcome(
            task=self.task,
            label=self.label[mask],
            score=self.score[mask],
            event=self.event[mask],
            levels=self.levels,
        )

    @property
    def probability(self) -> Floats:
        """Of a positive sign, or of an event; float64, shape ``(m,)``."""
        from scipy.special import expit

        return np.asarray(expit(self.score[:, 0]), np.float64)

    def thresholds(self) -> tuple[float, ...]:
        """The thresholds of best macro F1 on these pairs, which must be validation pairs.

        One for ``sign`` and ``link``; for ``signed_link`` that of an event and, over the events, that of a positive
        sign; none for ``weight``.
        """
        if self.task == "weight":
            return ()
        if self.task != "signed_link":
            return (best_threshold(np.where(self.label > 0, 1, -1), self.probability),)
        exists, positive = exist_and_sign(self.score)
        event = self.label < 2
        return (
            best_threshold(np.where(event, 1, -1), exists),
            best_threshold(np.where(self.label[event] == 0, 1, -1), positive[event]),
        )

    def measure(self, thresholds: tuple[float, ...]) -> Metrics | None:
        """All measures of the task; None for no pairs."""
        if self.task == "sign":
            return sign_metrics(self.label.astype(np.int8), self.probability, *thresholds)
        if self.task == "link":
            return link_metrics(self.label > 0, self.probability, *thresholds)
        if self.task == "signed_link":
            return signed_link_metrics(self.label.astype(np.int64), self.score, *thresholds)
        distribution = None if self.levels is None else self.score[:, 1:]
        return weight_metrics(self.label, self.score[:, 0], distribution, self.levels)


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One fit of a model and one pass over the stream.

    Args:
        seed: of the model and of the non-events.
        thresholds: chosen on the validation part; see :meth:`Outcome.thresholds`.
        validation: measures of the validation part, on which choices were made.
        test: measures of the test part.
        slices: measures of test pairs with ``both_known``, ``one_new`` or ``both_new`` ends, by whether an end took
            part in training, and (``seen``) of those whose both ends had been seen before their time: the headline
            of existence, as an end never seen betrays an event. None where a slice is empty.
        ranks: of the ``seen`` test events among their non-events; None where none were asked for.
        outcome: the test pairs.
        outcome_slices: the masks of the slices over ``outcome``.
        fit_seconds: wall-clock time of the fit.
        score_seconds: wall-clock time of the pass.
    """

    seed: int
    thresholds: tuple[float, ...]
    validation: Metrics
    test: Metrics
    slices: Mapping[str, Metrics | None]
    ranks: RankMetrics | None
    outcome: Outcome = field(repr=False)
    outcome_slices: Mapping[str, Mask] = field(repr=False)
    fit_seconds: float
    score_seconds: float

    def part(self, name: str) -> Metrics | RankMetrics | None:
        """The measures of ``validation``, ``test``, ``ranks`` or a slice."""
        if name in ("validation", "test", "ranks"):
            found: Metrics | RankMetrics | None = getattr(self, name)
            return found
        if name not in self.slices:
            raise ValueError(f"part is {name!r}; expected validation, test, ranks, {', '.join(self.slices)}")
        return self.slices[name]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with a 95 % interval.

    Args:
        mean: the estimate.
        low, high: ends of the interval; NaN where a single value leaves them open.
        n: number of runs.
    """

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def over_runs(cls, values: Floats) -> Interval:
        """Student's interval of the mean of independent runs.

        Example:
            >>> import numpy as np
            >>> from signwise.graph import Interval
            >>> Interval.over_runs(np.array([1.0, 2.0, 3.0])).low.__round__(3)
            -0.484
        """
        from scipy.stats import t

        n, mean = len(values), float(np.mean(values))
        if n < 2:
            return cls(mean=mean, low=math.nan, high=math.nan, n=n)
        half = float(t.ppf(0.975, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
        return cls(mean=mean, low=mean - half, high=mean + half, n=n)


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """How a model does on a stream under a protocol.

    Args:
        model: its name.
        task: what it forecasts.
        protocol: ``strict`` or ``published``.
        leaky: whether the protocol lets scores depend on what they should forecast; such a report is for comparison
            with published figures alone.
        online: what the model learnt while it was asked.
        runs: one for each seed.
    """

    model: str
    task: Task
    protocol: EvaluationProtocol
    leaky: bool
    online: Online
    runs: tuple[Run, ...]

    def values(self, measure: str, part: str = "test") -> Floats:
        """A measure of each run, NaN where it is undefined; float64, shape ``(runs,)``.

        Args:
            measure: a field of the measures, such as ``auc``, ``ap_negative``, ``macro_f1``, ``rmse``; with an index
                where the field is a tuple (``ap.1``).
            part: ``test``, ``validation``, ``ranks`` or a slice.
        """
        return np.array([_value(run.part(part), measure) for run in self.runs])

    def interval(self, measure: str, part: str = "test") -> Interval:
        """Mean and 95 % interval of a measure over the runs."""
        return Interval.over_runs(self.values(measure, part))


def _value(metrics: Metrics | RankMetrics | None, measure: str) -> float:
    if metrics is None:
        return math.nan
    name, _, index = measure.partition(".")
    if not hasattr(metrics, name):
        known = ", ".join(vars(metrics))
        raise ValueError(f"measure is {measure!r}; {type(metrics).__name__} has {known}")
    value = getattr(metrics, name)
    if index:
        value = value[int(index)]
    return math.nan if value is None else float(value)
