"""SEMBAPlus for the application: the optimizer that validation prefers, and what its two halves contribute."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from signwise.events import EventStream, Split
from signwise.graph import Platt, SEMBAPlus, best_threshold, sign_metrics
from signwise.optim import LionK

from ._model import MemoryForecaster
from ._result import AblationRow, OptimizerRow

Margins = npt.NDArray[np.float64]

OPTIMIZERS: dict[str, Any] = {"adamw": None, "lion_k": partial(LionK, lr=5e-4, weight_decay=0.06)}
"""What may train the memories: torch's AdamW as SEMBAPlus sets it (rate 3e-3, decay 1e-2), and Lion-K, whose rate is a
sixth and whose decay is six times that, so that rate times decay is the same."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Memories:
    """The fit that validation prefers.

    Args:
        forecaster: the fitted model.
        score: float64, shape ``(n,)``; probability of a positive sign of every event.
        trials: one row for each optimizer that was tried.
    """

    forecaster: MemoryForecaster
    score: Margins
    trials: tuple[OptimizerRow, ...]

    @property
    def optimizer(self) -> str:
        """The name of the optimizer that was kept."""
        return next(row.name for row in self.trials if row.chosen)


def fit_memories(
    stream: EventStream,
    split: Split,
    order: npt.NDArray[np.intp],
    *,
    optimizers: tuple[str, ...],
    seed: int,
    progress: bool | None,
) -> Memories:
    """Fit SEMBAPlus on the training part with each optimizer, and keep the one of best AUC on validation.

    Args:
        stream: the events, with their payload vectors if they have any.
        split: its parts.
        order: the canonical order of simultaneous events.
        optimizers: names of :data:`OPTIMIZERS`; of equal ones the first is kept.
        seed: of weights and training.
        progress: show progress on standard error.
    """
    fits = []
    for name in optimizers:
        begin = time.perf_counter()
        forecaster, score = _fit(stream, split, order, name, seed, progress)
        fits.append((forecaster, score, _row(name, stream, split, score, time.perf_counter() - begin)))
    best = int(np.argmax([-1.0 if row.auc is None else row.auc for _, _, row in fits]))
    return Memories(
        forecaster=fits[best][0],
        score=fits[best][1],
        trials=tuple(replace(row, chosen=i == best) for i, (_, _, row) in enumerate(fits)),
    )


def ablate_memories(
    full: Memories,
    stream: EventStream,
    split: Split,
    order: npt.NDArray[np.intp],
    *,
    seed: int,
    progress: bool | None,
) -> Iterator[AblationRow]:
    """SEMBAPlus with both halves, then refitted without its memories and without its features, on validation."""
    yield _ablation_row(None, stream, split, full.score)
    for removed, decoder in (("memories", "features"), ("features", "memory")):
        _, score = _fit(stream, split, order, full.optimizer, seed, progress, decoder=decoder)
        yield _ablation_row(removed, stream, split, score)


def _fit(
    stream: EventStream,
    split: Split,
    order: npt.NDArray[np.intp],
    optimizer: str,
    seed: int,
    progress: bool | None,
    **changes: Any,
) -> tuple[MemoryForecaster, Margins]:
    # The order moves events of equal time only, so the masks of the parts hold for it as well.
    ordered = stream.select(order)
    payload_dim = 0 if stream.payload is None else stream.payload.shape[1]
    model = SEMBAPlus(
        "sign",
        options=replace(SEMBAPlus.OPTIONS, payload_dim=payload_dim, **changes),
        training=replace(SEMBAPlus.default_training("sign"), optimizer=OPTIMIZERS[optimizer]),
        seed=seed,
    )
    with _one_thread():
        model.fit(ordered, split, progress=progress)
        logits = model.scores(ordered).events[:, 0]
    # Its logits are log odds, like those of the trees.
    calibration = Platt(slope=1.0, intercept=0.0)
    score = np.empty(len(stream))
    score[order] = calibration(logits)
    threshold = best_threshold(stream.sign[split.validation], score[split.validation])
    return MemoryForecaster(model=model, calibration=calibration, threshold=threshold), score


@contextmanager
def _one_thread() -> Iterator[None]:
    """Matrices of 50 rows gain nothing from a second thread, and lose tenfold where cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _row(name: str, stream: EventStream, split: Split, score: Margins, seconds: float) -> OptimizerRow:
    measured = sign_metrics(stream.sign[split.validation], score[split.validation], 0.5)
    assert measured is not None
    return OptimizerRow(
        name=name, auc=measured.auc, ap_negative=measured.ap_negative, seconds=round(seconds, 1), chosen=False
    )


def _ablation_row(removed: str | None, stream: EventStream, split: Split, score: Margins) -> AblationRow:
    measured = sign_metrics(stream.sign[split.validation], score[split.validation], 0.5)
    assert measured is not None
    return AblationRow(
        model="semba", removed=removed, features=None, auc=measured.auc, ap_negative=measured.ap_negative
    )
