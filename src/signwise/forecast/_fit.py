"""Fit and measure sign forecasters on a stream of events: the library form of ``signwise forecast``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from signwise.events import EventStream, Split, chronological_split
from signwise.graph import (
    FEATURE_GROUPS,
    FEATURE_NAMES,
    SIGN_MODELS,
    Boosting,
    Platt,
    SignModel,
    best_threshold,
    replay_stream,
    sign_metrics,
    stream_features,
)
from signwise.progress import Progress

from ._events import EventLog, Policy, TimeUnit, read_events
from ._model import Forecaster, ForecastModel, MemoryForecaster
from ._payload import PAYLOAD_RING, PayloadEncoder, payload_features
from ._result import AblationRow, DatasetSummary, Forecast, OptimizerRow, Protocol, SignReport, SplitSummary
from ._rows import Columns
from ._source import FileFormat
from ._write import check_output, iso_time, write_run

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class ForecastConfig:
    """How a forecast is fitted and measured.

    Args:
        train: share of the events to train on, earliest first.
        validation: share of the events to choose thresholds and the best forecaster on.
        model: "features" fits the forecasters on running features; "semba" trains SEMBAPlus beside them, which takes
            minutes, and the best on validation is selected.
        optimizer: what trains SEMBAPlus: "adamw", "lion_k" (:class:`~signwise.optim.LionK`), or "choose" to fit with
            both and keep the better on validation.
        payload: the column or JSON pointer of what an event says besides, any JSON value; None reads none. Its
            vector is known to scores of later events only.
        payload_dim: length of that vector.
        ablation: also refit boosting without each group of features, and SEMBAPlus without either half.
        seed: seed of everything random.
    """

    train: float = 0.70
    validation: float = 0.15
    model: Literal["features", "semba"] = "features"
    optimizer: Literal["choose", "adamw", "lion_k"] = "choose"
    payload: str | None = None
    payload_dim: int = 32
    ablation: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.train < 1 and 0 < self.validation < 1 and self.train + self.validation < 1):
            raise ValueError(
                f"train={self.train} and validation={self.validation} must each be in (0, 1) and leave a share for "
                "the test part"
            )
        if self.model not in ("features", "semba"):
            raise ValueError(f"model is {self.model!r}; expected 'features' or 'semba'")
        if self.optimizer not in ("choose", "adamw", "lion_k"):
            raise ValueError(f"optimizer is {self.optimizer!r}; expected 'choose', 'adamw' or 'lion_k'")
        if not 1 <= self.payload_dim <= 1024:
            raise ValueError(f"payload_dim is {self.payload_dim}; expected a whole number from 1 to 1024")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is {self.seed}; expected a whole number from 0 to 2**32 - 1")


def fit(
    source: Any,
    *,
    out: str | Path | None = None,
    config: ForecastConfig | None = None,
    columns: Columns | None = None,
    file_format: FileFormat = "auto",
    time_unit: TimeUnit = "s",
    self_loops: Policy = "reject",
    duplicates: Policy = "keep",
    weight_max: float | None = None,
    strict: bool = False,
    name: str | None = None,
    progress: bool | None = None,
) -> Forecast:
    """Forecast the signs of a stream's latest events from what came before each of them.

    The events are split by time. Every event is described by running features of both ends, their common peers
    and the stream, read from events of strictly earlier time. Forecasters are fitted on the training part,
    thresholds and the best forecaster are chosen on the validation part, and the test part is asked once.

    Args:
        source: a path, a table or an event stream; see :func:`read_events`, also for the options not named here.
        out: a directory to write; None writes nothing. It gets ``model/``, ``metrics.json``, ``predictions.csv``,
            ``rejects.csv`` and ``report.html``, all or none. An earlier run there is replaced.
        config: shares of the split, what is fitted, the payload and the seed.
        columns, file_format, time_unit, self_loops, duplicates, weight_max, strict, name: see :func:`read_events`.
        progress: show progress on standard error; None decides by the terminal.

    Returns:
        Measures, scores, and a model for new pairs.

    Raises:
        DataError: the input cannot be used.
        ValueError: the events are too few to split, or the training part has one sign only.
        ArtifactError: ``out`` is in the way of something else.

    Example:
        >>> from signwise.data import simulate_signed_events
        >>> from signwise.forecast import fit
        >>> run = fit(simulate_signed_events(2000, 100, seed=0).stream, progress=False)
        >>> sorted(run.reports)
        ['always_positive', 'bias_mean', 'boosting', 'logistic', 'ratee_mean']

    References:
        The strict protocol and the running features follow the specification of signwise's graph package; see the
        documentation page "Forecast".
    """
    config = config or ForecastConfig()
    target = None if out is None else check_output(Path(out))
    if config.payload is not None:
        columns = replace(columns or Columns(), payload=config.payload)
    with _stage("Reading events", None, progress) as advance:
        log = read_events(
            source,
            columns=columns,
            file_format=file_format,
            time_unit=time_unit,
            self_loops=self_loops,
            duplicates=duplicates,
            weight_max=weight_max,
            strict=strict,
            name=name,
            on_lines=advance,
        )
    stream = log.stream
    split = chronological_split(stream, config.train, config.validation)
    scale = stream.weight_max or float(stream.weight[split.train].max())
    slices = split.slices(stream)
    order = _canonical_order(log, scale)
    train = order[split.train[order]]
    encoder: PayloadEncoder | None = None
    if log.payload is not None:
        with _stage("Encoding payloads", None, progress):
            encoder = PayloadEncoder.fit(
                [log.payload[i] for i in train.tolist()], dim=config.payload_dim, seed=config.seed
            )
            payload = np.empty((len(stream), encoder.dim), np.float32)
            payload[order] = encoder([log.payload[i] for i in order.tolist()])
            stream = replace(stream, payload=payload)
    with _stage("Running features", len(stream), progress) as advance:
        features = _features(stream, scale, order, advance)
    forecasters: dict[str, Forecaster | MemoryForecaster] = {}
    scores: dict[str, npt.NDArray[np.float64]] = {}
    reports: dict[str, SignReport] = {}
    rows = len(SIGN_MODELS) + (len(FEATURE_GROUPS) + (stream.payload is not None) if config.ablation else 0)
    with _stage("Fitting forecasters", rows, progress) as advance:
        for name in SIGN_MODELS:
            forecaster = _forecaster(_new_model(name, config.seed, features.shape[1]), features, stream, split, train)
            forecasters[name], scores[name] = forecaster, forecaster.score(features)
            reports[name] = _measure(stream, split, slices, scores[name], forecaster.threshold)
            advance(1)
        ablation: tuple[AblationRow, ...] = ()
        if config.ablation:
            ablation = tuple(_ablation(features, stream, split, train, reports["boosting"], config.seed, advance))
    optimizers: tuple[OptimizerRow, ...] = ()
    if config.model == "semba":
        from ._memories import OPTIMIZERS, ablate_memories, fit_memories

        names = tuple(OPTIMIZERS) if config.optimizer == "choose" else (config.optimizer,)
        memories = fit_memories(stream, split, order, optimizers=names, seed=config.seed, progress=progress)
        forecasters["semba"], scores["semba"] = memories.forecaster, memories.score
        reports["semba"] = _measure(stream, split, slices, memories.score, memories.forecaster.threshold)
        optimizers = memories.trials
        if config.ablation:
            ablation += tuple(ablate_memories(memories, stream, split, order, seed=config.seed, progress=progress))
    selected = max(reports, key=lambda name: reports[name].validation.auc or 0.0)
    result = Forecast(
        dataset=_dataset(log, scale, stream.payload),
        protocol=_protocol(config, stream, split),
        splits={part: _split_summary(stream, getattr(split, part), slices) for part in PARTS},
        reports=reports,
        ablation=ablation,
        optimizers=optimizers,
        model=ForecastModel(
            # The order of simultaneous events reaches payload features where two of them differ in the payload alone.
            stream=stream if stream.payload is None else stream.select(order),
            weight_max=scale,
            forecasters=forecasters,
            selected=selected,
            payload=encoder,
        ),
        log=log,
        split=split,
        scores=scores,
    )
    if target is not None:
        with _stage("Writing the report", None, progress):
            write_run(result, target)
    return result


@contextmanager
def _stage(description: str, total: int | None, progress: bool | None) -> Iterator[Any]:
    with Progress(description, total=total, enabled=progress) as bar:
        yield bar.advance


def _new_model(name: str, seed: int, width: int) -> SignModel:
    return Boosting(columns=tuple(range(width)), random_state=seed) if name == "boosting" else SIGN_MODELS[name]()


def _features(stream: EventStream, scale: float, order: npt.NDArray[np.intp], advance: Any) -> npt.NDArray[np.float32]:
    """The running features of every event, and behind them those of payloads."""
    if stream.payload is None:
        return stream_features(stream, weight_max=scale, on_events=advance)
    ordered = stream.select(order)
    seen = replay_stream(ordered, weight_max=scale, ring=PAYLOAD_RING, on_events=advance)
    assert seen.neighbors is not None
    assert ordered.payload is not None
    both = np.concatenate([seen.features, payload_features(seen.neighbors, ordered.payload)], 1)
    features = np.empty_like(both)
    features[order] = both
    return features


def _forecaster(
    model: SignModel,
    features: npt.NDArray[np.float32],
    stream: EventStream,
    split: Split,
    train: npt.NDArray[np.intp],
) -> Forecaster:
    sign = stream.sign
    fitted = model.fit(features[train], sign[train])
    # Calibrated on training events, so that no validation score knows of a later validation event.
    calibration = (
        Platt(slope=1.0, intercept=0.0) if fitted.log_odds else Platt.fit(fitted.margin(features[train]), sign[train])
    )
    score = calibration(fitted.margin(features[split.validation]))
    return Forecaster(model=fitted, calibration=calibration, threshold=best_threshold(sign[split.validation], score))


def _canonical_order(log: EventLog, scale: float) -> npt.NDArray[np.intp]:
    """The events by time, names of both ends, value and payload, so that a sum over them has one rounding.

    Events of equal time have no order of their own: the order in which they came must not reach a fitted model.
    """
    stream = log.stream
    rank = np.empty(stream.num_nodes, np.int64)
    rank[sorted(range(stream.num_nodes), key=stream.nodes.__getitem__)] = np.arange(stream.num_nodes)
    payload: tuple[npt.NDArray[Any], ...] = () if stream.payload is None else tuple(stream.payload.T)
    if log.payload is not None:
        documents = [document or b"" for document in log.payload]
        place = {document: i for i, document in enumerate(sorted(set(documents)))}
        payload = (np.array([place[document] for document in documents]),)
    return np.lexsort((*payload, stream.normalized(scale), rank[stream.target], rank[stream.source], stream.time))


def _measure(
    stream: EventStream,
    split: Split,
    slices: dict[str, npt.NDArray[np.bool_]],
    score: npt.NDArray[np.float64],
    threshold: float,
) -> SignReport:
    validation, test = (sign_metrics(stream.sign[m], score[m], threshold) for m in (split.validation, split.test))
    assert validation is not None
    assert test is not None
    return SignReport(
        threshold=threshold,
        validation=validation,
        test=test,
        slices={
            name: sign_metrics(stream.sign[split.test & mask], score[split.test & mask], threshold)
            for name, mask in slices.items()
        },
    )


def _ablation(
    features: npt.NDArray[np.float32],
    stream: EventStream,
    split: Split,
    train: npt.NDArray[np.intp],
    full: SignReport,
    seed: int,
    advance: Any,
) -> Iterator[AblationRow]:
    width, running = features.shape[1], len(FEATURE_NAMES)
    yield AblationRow(
        model="boosting",
        removed=None,
        features=width,
        auc=full.validation.auc,
        ap_negative=full.validation.ap_negative,
    )
    groups = dict(FEATURE_GROUPS) | ({"payload": tuple(range(running, width))} if width > running else {})
    for group, columns in groups.items():
        kept = tuple(sorted(set(range(width)) - set(columns)))
        forecaster = _forecaster(Boosting(columns=kept, random_state=seed), features, stream, split, train)
        part = split.validation
        measured = sign_metrics(stream.sign[part], forecaster.score(features[part]), forecaster.threshold)
        assert measured is not None
        yield AblationRow(
            model="boosting",
            removed=group,
            features=len(kept),
            auc=measured.auc,
            ap_negative=measured.ap_negative,
        )
        advance(1)


def _dataset(log: EventLog, scale: float, payload: npt.NDArray[np.float32] | None) -> DatasetSummary:
    stream = log.stream
    return DatasetSummary(
        name=log.name,
        lines=log.lines,
        events=len(stream),
        rejected=len(log.rejects),
        dropped=log.dropped,
        nodes=stream.num_nodes,
        positive_share=float(np.mean(stream.sign > 0)),
        first=iso_time(stream, int(stream.time[0])),
        last=iso_time(stream, int(stream.time[-1])),
        weight_max=scale,
        payload_dim=0 if payload is None else payload.shape[1],
    )


def _split_summary(
    stream: EventStream, mask: npt.NDArray[np.bool_], slices: dict[str, npt.NDArray[np.bool_]]
) -> SplitSummary:
    time = stream.time[mask]
    return SplitSummary(
        events=int(mask.sum()),
        positive_share=float(np.mean(stream.sign[mask] > 0)),
        first=iso_time(stream, int(time[0])),
        last=iso_time(stream, int(time[-1])),
        slices={name: int((mask & chosen).sum()) for name, chosen in slices.items()},
    )


def _protocol(config: ForecastConfig, stream: EventStream, split: Split) -> Protocol:
    return Protocol(
        name="strict",
        rule="a score at time t depends only on events with time < t; events of equal time see the same state",
        train=config.train,
        validation=config.validation,
        test=math.fsum([1.0, -config.train, -config.validation]),
        train_end=split.train_end * stream.tick_seconds,
        validation_end=split.validation_end * stream.tick_seconds,
        fitted_on="train",
        calibrated_on="train",
        threshold="best macro F1 on validation over 120 quantile levels in [.005, .6]",
        selected_by="AUC on validation",
        seed=config.seed,
    )
