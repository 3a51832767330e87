"""The protocol of the first published code of this model family, leaks included, to show what they are worth."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from signwise.events import EventStream, Split

from ._contract import Queries, StreamModel
from ._report import Metrics, Outcome, Run
from ._state import Neighbors
from ._stream import Replay

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BATCH = 1000
"""Events of a batch, whatever their times."""

ATTENDED = 32
"""Newest events that a ratee attends to, those of its own batch included. The published code attends to all."""

LOGIT_THRESHOLD = 0.5
"""The published threshold is on the logit: a probability of .62."""


def published_run(model: StreamModel, stream: EventStream, split: Split, seed: int) -> Run:
    """One fit and one pass under the published protocol; see :func:`evaluate` for what a run is.

    Users are split into two ids, one as rater and one as ratee. Batches are 1,000 rows, which cuts ties (a time that
    is not after the one before becomes the next tick). Models with memories read them as they were before the batch,
    but attend over rater→ratee events **of the batch itself too**, the event to be forecast among them, each with
    its age and |weight| (which messages carry too, as published). Networks on snapshots see the network before the
    batch and zeros for nodes; rules and trees read the running features of the split ids. Non-events have both ends
    uniform over all ids and are no pair of their batch. After the test part its transductive events (both ids in
    training) are passed again, then the others, each pass following the one before without a reset, and both are
    measured there, by a state that knows them.

    Returns:
        The measures. ``slices`` has ``transductive`` and ``inductive``. Thresholds are fixed, not chosen.
    """
    warnings.warn(
        "the published protocol leaks what it measures; its figures are for comparison with published ones alone",
        UserWarning,
        stacklevel=3,
    )
    passes = Passes.of(stream, split)
    exists = model.task in ("link", "signed_link")
    negatives = uniform_pairs(passes.stream, seed) if exists else None
    n = len(stream)
    made = published_model(model)
    begin = time.perf_counter()
    fitted = made.fit(passes.stream.select(slice(0, n)), passes.split, negatives=_first(negatives, n))
    fit_seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    scores = fitted.scores(passes.stream, queries=negatives)
    score_seconds = time.perf_counter() - begin
    task = model.task
    labels: dict[str, npt.NDArray[Any]] = {
        "sign": passes.stream.sign,
        "link": np.ones(len(passes.stream)),
        "signed_link": np.where(passes.stream.sign > 0, 0, 1),
        "weight": passes.stream.rating,
    }
    label, score, event = labels[task], scores.events, np.arange(len(passes.stream))
    if negatives is not None:
        label = np.concatenate([label, np.full(len(negatives), 0 if task == "link" else 2)])
        score, event = np.concatenate([score, scores.queries]), np.concatenate([event, negatives.event])
    every = Outcome(task=task, label=np.asarray(label, np.float64), score=score, event=event, levels=scores.levels)
    thresholds = _thresholds(task)
    parts = {name: every.select(mask[event]) for name, mask in passes.parts.items()}
    measured = {name: part.measure(thresholds) for name, part in parts.items()}
    return Run(
        seed=seed,
        thresholds=thresholds,
        validation=_there(measured["validation"]),
        test=_there(measured["test"]),
        slices={name: measured[name] for name in ("transductive", "inductive")},
        ranks=None,
        outcome=parts["test"],
        outcome_slices={},
        fit_seconds=fit_seconds,
        score_seconds=score_seconds,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Passes:
    """A stream of split ids with distinct times, followed by its test part once more in two passes.

    Args:
        stream: all passes, one after the other.
        split: of the first pass; masks over it.
        parts: bool over ``stream``: ``validation``, ``test``, ``transductive``, ``inductive``.
    """

    stream: EventStream
    split: Split
    parts: dict[str, Mask]

    @classmethod
    def of(cls, stream: EventStream, split: Split) -> Passes:
        """Lay the passes out. The times of a later pass are shifted to come after the one before."""
        doubled = split_ids(stream)
        n = len(doubled)
        known_raters = np.isin(doubled.source, doubled.source[split.train])
        known = known_raters & np.isin(doubled.target, doubled.target[split.train])
        rows = [np.arange(n), np.flatnonzero(split.test & known), np.flatnonzero(split.test & ~known)]
        times, end = [doubled.time], int(doubled.time[-1])
        for again in rows[1:]:
            if len(again):
                times.append(doubled.time[again] - int(doubled.time[again[0]]) + end + 1)
                end = int(times[-1][-1])
        order = np.concatenate(rows)
        repeated = replace(
            doubled,
            source=doubled.source[order],
            target=doubled.target[order],
            time=np.concatenate(times),
            sign=doubled.sign[order],
            weight=doubled.weight[order],
            payload=None if doubled.payload is None else doubled.payload[order],
            line=None,
        )
        which = np.repeat([0, 1, 2], [len(part) for part in rows])
        parts = {name: np.zeros(len(order), np.bool_) for name in ("validation", "test")}
        for name, mask in parts.items():
            mask[:n] = getattr(split, name)
        parts |= {"transductive": which == 1, "inductive": which == 2}
        moved = replace(
            split,
            train_end=int(doubled.time[split.train][-1]),
            validation_end=int(doubled.time[split.validation][-1]),
        )
        return cls(stream=repeated, split=moved, parts=parts)


def split_ids(stream: EventStream) -> EventStream:
    """The stream with one id for a user as rater and another as ratee, and all times distinct."""
    offset = int(stream.source.max()) + 1
    later = np.arange(len(stream))
    names = [f"rater {name}" for name in stream.nodes[:offset]]
    names += [f"ratee {name}" for name in stream.nodes[: int(stream.target.max()) + 1]]
    return EventStream(
        source=stream.source,
        target=stream.target + offset,
        time=np.maximum.accumulate(stream.time - later) + later,
        sign=stream.sign,
        weight=stream.weight,
        nodes=tuple(names),
        tick_seconds=stream.tick_seconds,
        weight_max=stream.weight_max,
        payload=stream.payload,
    )


def uniform_pairs(stream: EventStream, seed: int) -> Queries:
    """One non-event for each event: both ends uniform over all ids, no pair of its batch of rows."""
    rng = np.random.default_rng(seed)
    n, nodes = len(stream), stream.num_nodes
    pair = (np.arange(n) // BATCH * nodes + stream.source) * nodes + stream.target
    source, target = np.empty(n, np.int64), np.empty(n, np.int64)
    left = np.arange(n)
    while len(left):
        source[left], target[left] = rng.integers(0, nodes, len(left)), rng.integers(0, nodes, len(left))
        drawn = (left // BATCH * nodes + source[left]) * nodes + target[left]
        left = left[np.isin(drawn, pair)]
    return Queries(source=source, target=target, time=stream.time, event=np.arange(n))


def published_model(model: StreamModel) -> StreamModel:
    """The same model, reading as the published code does where it can; a new one unless nothing changes."""
    options = getattr(model, "options", None)
    if options is None:
        return model
    from ._event_model import EventModel
    from ._snapshots import SnapshotModel

    if isinstance(model, SnapshotModel):
        snapshot = replace(model.options, batch_size=BATCH, node_inputs="zeros")
        made: StreamModel = type(model)(model.task, options=snapshot, seed=model.seed)
        return made
    if isinstance(model, EventModel):
        again = type(model)(
            model.task,
            options=replace(model.options, granularity=BATCH, neighbors=ATTENDED, event_features="abs"),
            training=replace(model.training_options, batch_size=BATCH),
            seed=model.seed,
        )
        again.read_neighbors = batch_neighbors
        return again
    return model


def batch_neighbors(stream: EventStream, queries: Queries, replay: Replay) -> Replay:
    """The replay with the newest events that a ratee has **at the end of the batch** of each event; raters have none.

    A query belongs to the batch of the event that it accompanies.
    """

    def read(source: Ints, target: Ints, event: Ints) -> Neighbors:
        end = np.minimum((event // BATCH + 1) * BATCH, len(stream))[:, None]
        return newest_received(stream, np.stack([source, target], axis=1), end)

    return replace(
        replay,
        neighbors=read(stream.source, stream.target, np.arange(len(stream))),
        query_neighbors=read(queries.source, queries.target, queries.event),
    )


def newest_received(stream: EventStream, ends: Ints, before: Ints) -> Neighbors:
    """The newest events that nodes had been given.

    Args:
        stream: the events.
        ends: nodes, shape ``(b, 2)``.
        before: of each node, the events of the stream that count: rows below it; shape ``(b, 2)`` or ``(b, 1)``.
    """
    x = stream.normalized(float(stream.weight_max or stream.weight.max()))
    order = np.lexsort((np.arange(len(stream)), stream.target))
    keys = stream.target[order] * (len(stream) + 1) + order
    last = np.searchsorted(keys, ends * (len(stream) + 1) + before)
    first = np.searchsorted(keys, ends * (len(stream) + 1))
    at = last[..., None] - 1 - np.arange(ATTENDED)
    mask = at >= first[..., None]
    row = order[np.where(mask, at, 0)]
    return Neighbors(
        peer=np.where(mask, stream.source[row], -1),
        time=np.where(mask, stream.time[row], 0),
        x=np.where(mask, x[row], 0.0).astype(np.float32),
        role=np.where(mask, -1, 0).astype(np.int8),
        mask=mask,
        event=np.where(mask, row, -1),
    )


def _thresholds(task: str) -> tuple[float, ...]:
    probability = float(1.0 / (1.0 + np.exp(-LOGIT_THRESHOLD)))
    return {"weight": (), "signed_link": (0.5, 0.5)}.get(task, (probability,))


def _first(queries: Queries | None, n: int) -> Queries | None:
    if queries is None:
        return None
    return Queries(**{name: column[queries.event < n] for name, column in vars(queries).items()})


def _there(metrics: Metrics | None) -> Metrics:
    assert metrics is not None
    return metrics
