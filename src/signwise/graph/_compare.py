"""The difference of two models with a paired 95 % interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ._class_metrics import exist_and_sign
from ._report import Interval, Outcome, Report, Run

Floats = npt.NDArray[np.float64]
Pairing = Literal["seeds", "events"]

RESAMPLES = 1000
"""Bootstrap resamples of the test events."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How much a measure of the first model exceeds that of the second.

    Args:
        measure: what was compared.
        part: where: the test part or a slice of it.
        difference: first minus second, mean over the runs.
        low, high: ends of the paired 95 % interval.
        pairing: ``seeds``: Student's interval over runs of equal seed; ``events``: bootstrap over the test events
            (each with its non-events) and over the runs, by pairs where the seeds are equal.
    """

    measure: str
    part: str
    difference: float
    low: float
    high: float
    pairing: Pairing


def compare(
    first: Report,
    second: Report,
    measure: str = "auc",
    *,
    part: str = "test",
    pairing: Pairing | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two models on the same stream, task and protocol.

    Args:
        first, second: their reports.
        measure: a field of the task's measures. The bootstrap knows ``auc``, ``ap_negative``, ``ap``, ``macro_f1``,
            ``rmse`` and ``pcc``.
        part: ``test`` or a slice.
        pairing: see :class:`Comparison`; by default ``seeds`` where both have the same two or more seeds and both
            vary with them, else ``events``, since the runs of a deterministic model tell nothing of its spread.
        seed: of the bootstrap.

    Raises:
        ValueError: the reports are of different tasks or protocols, or cannot be paired as asked.
    """
    if (first.task, first.protocol) != (second.task, second.protocol):
        raise ValueError(
            f"the reports are of {first.task}/{first.protocol} and {second.task}/{second.protocol}; "
            "compare equal tasks and protocols"
        )
    a, b = first.values(measure, part), second.values(measure, part)
    paired = len(a) > 1 and [run.seed for run in first.runs] == [run.seed for run in second.runs]
    if pairing is None:
        pairing = "seeds" if paired and np.ptp(a) > 0 and np.ptp(b) > 0 else "events"
    difference = float(a.mean() - b.mean())
    if pairing == "seeds":
        if not paired:
            raise ValueError("pairing by seeds needs the same two or more seeds in both reports")
        over = Interval.over_runs(a - b)
        low, high = over.low, over.high
    else:
        low, high = _bootstrap(first, second, measure, part, paired, seed)
    return Comparison(measure=measure, part=part, difference=difference, low=low, high=high, pairing=pairing)


def _bootstrap(first: Report, second: Report, measure: str, part: str, paired: bool, seed: int) -> tuple[float, float]:
    prepared = [[_weighted(run, measure, part) for run in report.runs] for report in (first, second)]
    events = np.unique(np.concatenate([event for report in prepared for event, _ in report]))
    prepared = [[(np.searchsorted(events, event), value) for event, value in report] for report in prepared]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES):
        weight = np.bincount(rng.integers(0, len(events), len(events)), minlength=len(events)).astype(np.float64)
        drawn = [rng.integers(0, len(report), len(report)) for report in prepared]
        if paired:
            drawn[1] = drawn[0]
        means = [
            np.mean([report[i][1](weight[report[i][0]]) for i in chosen])
            for report, chosen in zip(prepared, drawn, strict=True)
        ]
        found.append(means[0] - means[1])
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)


def _weighted(run: Run, measure: str, part: str) -> tuple[npt.NDArray[np.int64], Callable[[Floats], float]]:
    """The event of each pair of a part, and the measure as a function of weights on these pairs."""
    outcome, slices, thresholds = run.outcome, run.outcome_slices, run.thresholds
    if part != "test":
        if part not in slices:
            raise ValueError(f"part is {part!r}; the bootstrap knows test, {', '.join(slices)}")
        outcome = outcome.select(slices[part])
    return outcome.event, weighted_measure(outcome, measure, thresholds)


def weighted_measure(outcome: Outcome, measure: str, thresholds: tuple[float, ...]) -> Callable[[Floats], float]:
    """A measure as a function of non-negative weights on the pairs; with ones it is the measure itself.

    Raises:
        ValueError: the measure is not known for the task.
    """
    task, label = outcome.task, outcome.label
    if task == "weight" and measure in ("rmse", "pcc"):
        mean = outcome.score[:, 0]
        return (lambda w: _rmse(label, mean, w)) if measure == "rmse" else (lambda w: _pcc(label, mean, w))
    if task in ("sign", "link") and measure in ("auc", "macro_f1", "ap_negative" if task == "sign" else "ap"):
        score, positive = outcome.score[:, 0], label > 0
        if measure == "auc":
            return _auc(positive, score)
        if measure == "macro_f1":
            return _macro_f1(np.where(positive, 0, 1), np.where(outcome.probability >= thresholds[0], 0, 1), 2)
        return _average_precision(~positive, -score) if task == "sign" else _average_precision(positive, score)
    if task == "signed_link" and measure == "macro_f1":
        event, sign = exist_and_sign(outcome.score)
        called = np.where(event >= thresholds[0], np.where(sign >= thresholds[1], 0, 1), 2)
        return _macro_f1(label.astype(np.int64), called, 3)
    raise ValueError(f"the bootstrap does not know {measure!r} for the task {task!r}")


def _auc(positive: npt.NDArray[np.bool_], score: Floats) -> Callable[[Floats], float]:
    values, at = np.unique(score, return_inverse=True)

    def measure(weight: Floats) -> float:
        p = np.bincount(at, weights=weight * positive, minlength=len(values))
        n = np.bincount(at, weights=weight * ~positive, minlength=len(values))
        total = p.sum() * n.sum()
        return float((p * (np.cumsum(n) - n / 2)).sum() / total) if total else np.nan

    return measure


def _average_precision(target: npt.NDArray[np.bool_], score: Floats) -> Callable[[Floats], float]:
    values, at = np.unique(-score, return_inverse=True)

    def measure(weight: Floats) -> float:
        hits = np.bincount(at, weights=weight * target, minlength=len(values))
        called = np.cumsum(np.bincount(at, weights=weight, minlength=len(values)))
        precision = np.divide(np.cumsum(hits), called, out=np.zeros(len(values)), where=called > 0)
        return float((hits * precision).sum() / hits.sum()) if hits.sum() else np.nan

    return measure


def _macro_f1(
    label: npt.NDArray[np.integer], called: npt.NDArray[np.integer], classes: int
) -> Callable[[Floats], float]:
    cell = label * classes + called
    # A sign or a kind that does not occur counts as 0 among two; of three classes, those that occur are averaged.
    counted = np.ones(classes, np.bool_) if classes == 2 else np.bincount(label, minlength=classes) > 0

    def measure(weight: Floats) -> float:
        table = np.bincount(cell, weights=weight, minlength=classes**2).reshape(classes, classes)
        both = table.sum(0) + table.sum(1)
        f1 = np.divide(2 * table.diagonal(), both, out=np.zeros(classes), where=both > 0)
        return float(f1[counted].mean())

    return measure


def _rmse(label: Floats, mean: Floats, weight: Floats) -> float:
    return float(np.sqrt((weight * (mean - label) ** 2).sum() / weight.sum()))


def _pcc(label: Floats, mean: Floats, weight: Floats) -> float:
    total = weight.sum()
    a, b = label - (weight * label).sum() / total, mean - (weight * mean).sum() / total
    spread = np.sqrt((weight * a * a).sum() * (weight * b * b).sum())
    return float((weight * a * b).sum() / spread) if spread > 0 else np.nan
