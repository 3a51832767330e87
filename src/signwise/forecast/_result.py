"""What a forecast run found, as frozen records that turn into ``metrics.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from signwise.events import Split
from signwise.graph import SignMetrics

from ._events import EventLog
from ._model import ForecastModel

LABELS = {
    "always_positive": "always positive",
    "ratee_mean": "ratee mean",
    "bias_mean": "ratee mean + rater bias",
    "logistic": "logistic regression",
    "boosting": "boosted trees",
    "semba": "SEMBAPlus",
}
"""What reports call the forecasters."""

OPTIMIZER_LABELS = {"adamw": "AdamW", "lion_k": "Lion-K"}


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """The input in numbers.

    Args:
        name: the file or data set.
        lines: lines read that were not blank.
        events: lines that are events.
        rejected: lines in the rejects file.
        dropped: lines dropped by a named option, by reason.
        nodes: number of nodes.
        positive_share: share of positive events.
        first, last: times of the first and last event, ISO 8601.
        weight_max: the scale of the ratings.
        payload_dim: length of the vectors that events carry; 0 for none.
    """

    name: str
    lines: int
    events: int
    rejected: int
    dropped: dict[str, int]
    nodes: int
    positive_share: float
    first: str
    last: str
    weight_max: float
    payload_dim: int


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The rules of the evaluation.

    Args:
        name: of the rules.
        rule: what a score may depend on.
        train, validation, test: shares of the parts.
        train_end, validation_end: times in seconds of the last training and validation event.
        fitted_on, calibrated_on: the part that models and calibrations are fitted on.
        threshold: how thresholds are chosen.
        selected_by: how the best forecaster is chosen.
        seed: seed of everything random.
    """

    name: str
    rule: str
    train: float
    validation: float
    test: float
    train_end: float
    validation_end: float
    fitted_on: str
    calibrated_on: str
    threshold: str
    selected_by: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """One part of the chronological split.

    Args:
        events: number of events.
        positive_share: share of positive ones.
        first, last: times of its first and last event, ISO 8601.
        slices: number of events by how many ends are known from training.
    """

    events: int
    positive_share: float
    first: str
    last: str
    slices: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class SignReport:
    """One forecaster measured.

    Args:
        threshold: chosen on validation.
        validation: measures on validation events, on which the threshold was chosen.
        test: measures on test events, asked once.
        slices: measures on test events by how many ends are known from training; None for an empty slice.
    """

    threshold: float
    validation: SignMetrics
    test: SignMetrics
    slices: dict[str, SignMetrics | None]


@dataclass(frozen=True, kw_only=True)
class AblationRow:
    """Boosting refitted without one group of features, or SEMBAPlus without one half, measured on validation.

    Args:
        model: ``"boosting"`` or ``"semba"``.
        removed: what is left out: a group of features, ``"payload"``, or of SEMBAPlus ``"memories"`` or
            ``"features"``; None for the full model.
        features: number of features left; None for SEMBAPlus.
        auc, ap_negative: on validation; None where only one sign occurs.
    """

    model: str
    removed: str | None
    features: int | None
    auc: float | None
    ap_negative: float | None


@dataclass(frozen=True, kw_only=True)
class OptimizerRow:
    """One optimizer tried on SEMBAPlus, measured on validation.

    Args:
        name: ``"adamw"`` or ``"lion_k"``.
        auc, ap_negative: on validation; None where only one sign occurs.
        seconds: that fitting and scoring took.
        chosen: whether its fit was kept.
    """

    name: str
    auc: float | None
    ap_negative: float | None
    seconds: float
    chosen: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """The result of :func:`fit`: measures, scores, and the model to score new pairs with.

    Args:
        dataset: the input in numbers.
        protocol: the rules of the evaluation.
        splits: train, validation and test.
        reports: a :class:`SignReport` for each forecaster.
        ablation: what each group of features contributes; empty when switched off.
        optimizers: what trained SEMBAPlus, and what was tried; empty without it.
        model: the fitted forecasters and the committed events.
        log: events and rejects as read.
        split: masks of the parts.
        scores: probability of a positive sign of every event, by forecaster; float64, shape ``(n,)``.
    """

    dataset: DatasetSummary
    protocol: Protocol
    splits: dict[str, SplitSummary]
    reports: dict[str, SignReport]
    ablation: tuple[AblationRow, ...]
    optimizers: tuple[OptimizerRow, ...]
    model: ForecastModel
    log: EventLog
    split: Split
    scores: dict[str, npt.NDArray[np.float64]]

    @property
    def selected(self) -> str:
        """The forecaster that was best on validation."""
        return self.model.selected

    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        return {
            "dataset": asdict(self.dataset),
            "protocol": asdict(self.protocol),
            "splits": {name: asdict(part) for name, part in self.splits.items()},
            "models": {name: {"sign": asdict(report)} for name, report in self.reports.items()},
            "selected": self.selected,
            "ablation": [asdict(row) for row in self.ablation],
            "optimizers": [asdict(row) for row in self.optimizers],
        }

    def __repr__(self) -> str:
        test = self.reports[self.selected].test
        auc = "undefined" if test.auc is None else f"{test.auc:.3f}"
        return (
            f"Forecast({self.dataset.events:,} events of {self.dataset.name!r}, best on validation: "
            f"{self.selected}, test AUC {auc})"
        )
