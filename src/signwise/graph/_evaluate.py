"""Fit a model on the past of a stream and measure its forecasts of the rest, under a protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from signwise.events import SLICES, EventStream, Split, chronological_split

from ._contract import Online, Queries, Scores, StreamModel, Task
from ._link_metrics import RankMetrics, rank_metrics
from ._negatives import draw_negatives
from ._report import EvaluationProtocol, Outcome, Report, Run

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Factory = Callable[[int], StreamModel]


def evaluate(
    model: StreamModel | Factory,
    stream: EventStream,
    *,
    protocol: EvaluationProtocol = "strict",
    online: Online = "off",
    seeds: Sequence[int] = (0,),
    train: float = 0.70,
    validation: float = 0.15,
    ranks: int = 0,
    name: str | None = None,
    on_run: Callable[[Run], object] | None = None,
) -> Report:
    """Measure a model under a protocol: one fit and one pass for each seed.

    Under ``strict``, the stream is split by time with no tie group cut. The model learns from the training part
    alone, validation events choose thresholds (best macro F1), and one pass over train, validation and test carries
    the state: a score at t depends on events of time < t only. The slices are masks on that one pass. Non-events are
    those of :func:`draw_negatives`, the same for every model of equal seed. All measures are over whole sets.

    Under ``published`` the evaluation is that of the first published code of this model family, with its leaks; see
    :mod:`signwise.graph` and the documentation. Its reports say ``leaky``.

    Args:
        model: a model, or a function from the seed to a new model. Several seeds need the function.
        stream: the events.
        protocol: ``strict`` or ``published``.
        online: what the model may learn from committed events while it is asked.
        seeds: of the models and of the non-events.
        train: share of the events to train on, earliest first.
        validation: share of the events to choose thresholds on.
        ranks: number of non-events that each test event is ranked among (100 is customary), 0 for none; for
            ``link`` only.
        name: of the model in the report; by default its class, or its ``family``.
        on_run: called with every finished run.

    Returns:
        Measures of validation, test and slices for each seed.

    Raises:
        ValueError: a model instance with several seeds, or ranks for another task.

    Example:
        >>> from signwise.data import simulate_signed_events
        >>> from signwise.graph import FeatureModel, evaluate
        >>> stream = simulate_signed_events(3000, 150, seed=0).stream
        >>> report = evaluate(FeatureModel(family="bias_mean", task="sign"), stream)
        >>> report.leaky, bool(report.interval("auc").mean > 0.6)
        (False, True)
    """
    seeds = tuple(seeds)
    if not seeds:
        raise ValueError("seeds is empty; give at least one")
    factory = _factory(model, seeds)
    split = chronological_split(stream, train, validation)
    runs, task, label = [], None, name
    if protocol not in ("strict", "published"):
        raise ValueError(f"protocol is {protocol!r}; expected strict or published")
    for seed in seeds:
        made = factory(seed)
        task = made.task
        label = label or getattr(made, "family", type(made).__name__)
        if ranks and task != "link":
            raise ValueError(f"ranks are of existence, the task 'link'; the model forecasts {task!r}")
        if protocol == "published":
            from ._published import published_run

            runs.append(published_run(made, stream, split, seed))
        else:
            runs.append(_strict_run(made, stream, split, online, seed, ranks))
        if on_run is not None:
            on_run(runs[-1])
    assert task is not None
    assert label is not None
    leaky = protocol == "published"
    return Report(model=label, task=task, protocol=protocol, leaky=leaky, online=online, runs=tuple(runs))


def _factory(model: StreamModel | Factory, seeds: tuple[int, ...]) -> Factory:
    if isinstance(model, type):
        raise TypeError(f"model is the class {model.__name__}; give a model, or a function from a seed to one")
    if not hasattr(model, "scores"):
        return model
    if len(seeds) > 1:
        raise ValueError(f"one model cannot have the seeds {seeds}; give a function from a seed to a new model")
    return lambda seed: cast("StreamModel", model)


def _strict_run(model: StreamModel, stream: EventStream, split: Split, online: Online, seed: int, ranks: int) -> Run:
    exists = model.task in ("link", "signed_link")
    negatives = draw_negatives(stream, seed=seed) if exists else None
    begin = time.perf_counter()
    fitted = model.fit(stream, split, negatives=negatives)
    fit_seconds = time.perf_counter() - begin
    pairs = Pairs.of(stream, split)
    rivals = None
    if ranks:
        rivals = draw_negatives(stream, per_event=ranks, events=split.test & pairs.seen, seed=seed)
    asked, place = _joined([q for q in (negatives, rivals) if q is not None])
    begin = time.perf_counter()
    scores = fitted.scores(stream, queries=asked, online=online)
    score_seconds = time.perf_counter() - begin
    own = None if negatives is None else scores.queries[place[: len(negatives)]]
    outcome, masks, parts = _outcome(model.task, stream, pairs, scores, negatives, own)
    thresholds = outcome.select(parts["validation"]).thresholds()
    test = outcome.select(parts["test"])
    found = {
        name: outcome.select(parts["validation" if name == "validation" else "test"]).measure(thresholds)
        for name in ("validation", "test")
    }
    assert found["validation"] is not None
    assert found["test"] is not None
    test_masks = {name: mask[parts["test"]] for name, mask in masks.items()}
    return Run(
        seed=seed,
        thresholds=thresholds,
        validation=found["validation"],
        test=found["test"],
        slices={name: test.select(mask).measure(thresholds) for name, mask in test_masks.items()},
        ranks=None if rivals is None else _ranks(scores, rivals, place[-len(rivals) :]),
        outcome=test,
        outcome_slices=test_masks,
        fit_seconds=fit_seconds,
        score_seconds=score_seconds,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """What is known of the ends of any pair at its time.

    Args:
        stream: the events.
        split: its parts.
        known: bool, shape ``(num_nodes,)``; took part in a training event.
        first: int64, shape ``(num_nodes,)``; the first time that a node was seen.
        seen: bool, shape ``(n,)``; whether both ends of an event were seen before its time.
    """

    stream: EventStream
    split: Split
    known: Mask
    first: Ints
    seen: Mask

    @classmethod
    def of(cls, stream: EventStream, split: Split) -> Pairs:
        """Read them off a stream."""
        known = np.zeros(stream.num_nodes, np.bool_)
        first = np.full(stream.num_nodes, np.iinfo(np.int64).max)
        for end in (stream.source, stream.target):
            known[end[split.train]] = True
            np.minimum.at(first, end, stream.time)
        seen = np.maximum(first[stream.source], first[stream.target]) < stream.time
        return cls(stream=stream, split=split, known=known, first=first, seen=seen)

    def slices(self, source: Ints, target: Ints, time: Ints) -> dict[str, Mask]:
        """The masks of the slices over any pairs."""
        count = self.known[source].astype(np.int8) + self.known[target]
        masks = {name: count == 2 - i for i, name in enumerate(SLICES)}
        return {**masks, "seen": np.maximum(self.first[source], self.first[target]) < time}


def _joined(parts: list[Queries]) -> tuple[Queries | None, Ints]:
    """Queries as one set in order of time, and where each of the given ones stands in it."""
    if not parts:
        return None, np.zeros(0, np.int64)
    columns = {name: np.concatenate([getattr(q, name) for q in parts]) for name in vars(parts[0])}
    order = np.argsort(columns["time"], kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return Queries(**{name: column[order] for name, column in columns.items()}), place


def _outcome(
    task: Task,
    stream: EventStream,
    pairs: Pairs,
    scores: Scores,
    negatives: Queries | None,
    own: npt.NDArray[np.float64] | None,
) -> tuple[Outcome, dict[str, Mask], dict[str, Mask]]:
    """Events, then non-events, with their labels; the masks of their slices; and those of validation and test."""
    labels: dict[Task, npt.NDArray[Any]] = {
        "sign": stream.sign,
        "link": np.ones(len(stream)),
        "signed_link": np.where(stream.sign > 0, 0, 1),
        "weight": stream.rating,
    }
    label = labels[task]
    score, event = scores.events, np.arange(len(stream))
    masks = pairs.slices(stream.source, stream.target, stream.time)
    if negatives is not None and own is not None:
        label = np.concatenate([label, np.full(len(negatives), 0 if task == "link" else 2)])
        score = np.concatenate([score, own])
        event = np.concatenate([event, negatives.event])
        more = pairs.slices(negatives.source, negatives.target, negatives.time)
        # A non-event belongs to the headline only together with its event.
        more["seen"] &= masks["seen"][negatives.event]
        masks = {name: np.concatenate([mask, more[name]]) for name, mask in masks.items()}
    outcome = Outcome(task=task, label=np.asarray(label, np.float64), score=score, event=event, levels=scores.levels)
    return outcome, masks, {name: getattr(pairs.split, name)[event] for name in ("validation", "test")}


def _ranks(scores: Scores, rivals: Queries, place: Ints) -> RankMetrics | None:
    events, other = np.unique(rivals.event, return_inverse=True)
    return rank_metrics(scores.events[events, 0], scores.queries[place, 0], other)
