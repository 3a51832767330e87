"""Stream models on the running features: rules, logistic regression, ridge and boosted trees, for all four tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from signwise.events import EventStream, Split

from ._baselines import AlwaysPositive, BiasMean, Boosting, Logistic, Platt, RateeMean, RaterRate, SignModel
from ._contract import Online, Queries, Scores, Task
from ._degrees import Attachment, Degree
from ._heads import BinaryHead
from ._negatives import draw_negatives
from ._order import batch_starts, canonical_order, name_rank
from ._stream import replay_stream
from ._trees import BoostingSettings
from ._weight_models import BoostedWeight, MeanWeight, RidgeWeight, RuleWeight, WeightHead, WeightModel

Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

REFIT_EVERY = 500
"""Committed events after which a model that learns online is fitted anew."""

CALIBRATE_EVERY, CALIBRATE_ON = 250, 2500
"""Committed events after which a calibration is fitted anew, and how many of the newest it is fitted on."""

COUNTS_AND_RATES = tuple(range(22))
"""The columns without the triads, for logistic regression on 22 columns."""

BOOSTING_GRID = (
    BoostingSettings(),
    BoostingSettings(max_iter=100),
    BoostingSettings(max_iter=400, learning_rate=0.025),
    BoostingSettings(max_leaf_nodes=7, max_iter=300),
    BoostingSettings(max_leaf_nodes=31, min_samples_leaf=20),
    BoostingSettings(min_samples_leaf=100, l2_regularization=10.0),
)
"""Settings that tuned boosting chooses among on the validation part."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """The parts of a model for each task; None where it has nothing to say of one.

    Args:
        sign: candidates for the sign of an event.
        link: candidates for its existence.
        weight: candidates for its signed weight.
    """

    sign: tuple[Callable[..., SignModel], ...] = ()
    link: tuple[Callable[..., SignModel], ...] = ()
    weight: tuple[Callable[..., WeightModel], ...] = ()

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that it can do."""
        found: list[Task] = [t for t, parts in zip(_PARTS, (self.sign, self.link, self.weight), strict=True) if parts]
        return (*found, "signed_link") if self.sign and self.link else tuple(found)


_PARTS: tuple[Task, ...] = ("sign", "link", "weight")
_SPEC = BoostingSettings()

FAMILIES: Mapping[str, Family] = {
    "always_positive": Family(sign=(AlwaysPositive,), link=(AlwaysPositive,), weight=(MeanWeight,)),
    "ratee_mean": Family(sign=(RateeMean,), link=(Degree,), weight=(partial(RuleWeight, rule=RateeMean()),)),
    "rater_rate": Family(sign=(RaterRate,), link=(Degree,)),
    "bias_mean": Family(sign=(BiasMean,), link=(Degree,), weight=(partial(RuleWeight, rule=BiasMean()),)),
    "degree": Family(link=(Degree,)),
    "attachment": Family(link=(Attachment,)),
    "logistic_22": Family(
        sign=(partial(Logistic, columns=COUNTS_AND_RATES),),
        link=(partial(Logistic, columns=COUNTS_AND_RATES),),
        weight=(partial(RidgeWeight, columns=COUNTS_AND_RATES),),
    ),
    "logistic": Family(sign=(Logistic,), link=(Logistic,), weight=(RidgeWeight,)),
    "boosting": Family(sign=(Boosting,), link=(Boosting,), weight=(BoostedWeight,)),
    "boosting_tuned": Family(
        sign=tuple(partial(Boosting, settings=s) for s in BOOSTING_GRID),
        link=tuple(partial(Boosting, settings=s) for s in BOOSTING_GRID),
        weight=tuple(
            partial(BoostedWeight, settings=replace(s, l2_regularization=0.0 if s == _SPEC else s.l2_regularization))
            for s in BOOSTING_GRID
        ),
    ),
}
"""The models by name. A regression on the weight goes by the name of its sibling: ``logistic`` is ridge there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureModel:
    """A forecaster of a stream from the 34 running features of each pair.

    ``sign`` and ``link`` are one binary forecaster each, calibrated on the training part (Platt) where its margin is
    no log odds. ``signed_link`` is the product of both: p(positive) = p(event) p(positive | event). ``weight`` is a
    regression, with a normal distribution over the training levels around its mean.

    With ``online="finetune"`` the model is fitted anew on all committed events after every 500 events past the
    training part (prequential learning); with ``"calibrate"``, for signs, bias and temperature are, after every 250
    on the newest 2,500.

    Args:
        family: a name in :data:`FAMILIES`.
        task: what to forecast.
        seed: of the non-events that online learning draws; a fit has no other chance in it.
        refit_every: committed events after which online learning fits anew.
        scale: weight_max; set by :meth:`fit`.
        train_end: the last tick of the training part; set by :meth:`fit`.
        heads: the fitted parts by name; set by :meth:`fit`.
        chosen: the number of the candidate that each part chose on validation; set by :meth:`fit`.

    Example:
        >>> from signwise.data import simulate_signed_events
        >>> from signwise.events import chronological_split
        >>> from signwise.graph import FeatureModel
        >>> stream = simulate_signed_events(2000, 100, seed=0).stream
        >>> model = FeatureModel(family="bias_mean", task="sign").fit(stream, chronological_split(stream))
        >>> model.scores(stream).events.shape
        (2000, 1)
    """

    family: str = "boosting"
    task: Task = "sign"
    seed: int = 0
    refit_every: int = REFIT_EVERY
    scale: float | None = None
    train_end: int | None = None
    heads: Mapping[str, Any] | None = None
    chosen: Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"family is {self.family!r}; expected one of {', '.join(FAMILIES)}")
        if self.task not in FAMILIES[self.family].tasks:
            raise ValueError(f"{self.family} forecasts {', '.join(FAMILIES[self.family].tasks)}, not {self.task!r}")

    def fit(self, stream: EventStream, split: Split, *, negatives: Queries | None = None) -> FeatureModel:
        """Fit on the training part; validation events decide between candidates where there are several.

        Args:
            stream: the whole stream; what comes after ``split.validation`` is not read.
            split: its parts.
            negatives: non-events, for the tasks ``link`` and ``signed_link``.

        Raises:
            ValueError: non-events are needed and missing, or the training part has one sign only.
        """
        past = stream.select(split.train | split.validation)
        scale = stream.weight_max or float(stream.weight[split.train].max())
        if self.task in ("link", "signed_link"):
            if negatives is None:
                raise ValueError(f"the task {self.task!r} needs non-events; give negatives=draw_negatives(stream)")
            negatives = _select(negatives, negatives.event < len(past))
        self = replace(self, heads=None, chosen=None)
        rows = Rows.of(past, scale, negatives if self._exists else None)
        train = rows.select(rows.time <= split.train_end)
        later = rows.select(rows.time > split.train_end)
        chosen, heads = {}, {}
        for part in self._parts:
            candidates = [self._fit_part(part, number, train, scale) for number in range(len(self._candidates(part)))]
            chosen[part] = 0 if len(candidates) == 1 else _best(part, candidates, later)
            heads[part] = candidates[chosen[part]]
        return replace(self, scale=scale, train_end=split.train_end, heads=heads, chosen=chosen)

    def scores(self, stream: EventStream, *, queries: Queries | None = None, online: Online = "off") -> Scores:
        """Score every event, and every query, from the events before its time; see the class for ``online``."""
        if self.heads is None or self.scale is None or self.train_end is None:
            raise ValueError("the model is not fitted; call fit first")
        if online == "calibrate" and self.task != "sign":
            raise ValueError(f"online='calibrate' is for signs; the task is {self.task!r}")
        levels = self.heads["weight"].levels if self.task == "weight" else None
        seen = replay_stream(stream, weight_max=self.scale, queries=queries)
        events, asked = self._forecast(self.heads, seen.features), self._forecast(self.heads, seen.query_features)
        if online == "finetune":
            for again, block, block_queries in self._refits(self.heads, stream, seen.features, queries):
                events[block] = self._forecast(again, seen.features[block])
                asked[block_queries] = self._forecast(again, seen.query_features[block_queries])
        elif online == "calibrate":
            raw, order = (events[:, 0].copy(), asked[:, 0].copy()), canonical_order(stream)
            for block, block_queries, known in _blocks(stream, queries, self.train_end, CALIBRATE_EVERY):
                newest = order[max(0, known - CALIBRATE_ON) : known]
                platt = Platt.fit(raw[0][newest], stream.sign[newest])
                events[block, 0] = platt.slope * raw[0][block] + platt.intercept
                asked[block_queries, 0] = platt.slope * raw[1][block_queries] + platt.intercept
        return Scores(events=events, queries=asked, levels=levels)

    @property
    def _exists(self) -> bool:
        return self.task in ("link", "signed_link")

    @property
    def _parts(self) -> tuple[str, ...]:
        return ("link", "sign") if self.task == "signed_link" else (self.task,)

    def _candidates(self, part: str) -> tuple[Callable[..., Any], ...]:
        candidates: tuple[Callable[..., Any], ...] = getattr(FAMILIES[self.family], part)
        return candidates

    def _fit_part(
        self, part: str, number: int, rows: Rows, scale: float, like: WeightHead | None = None
    ) -> BinaryHead | WeightHead:
        make = self._candidates(part)[number]
        if part != "link":
            rows = rows.select(rows.exists)
        if part == "weight":
            return WeightHead.fit(make, rows.features, rows.rating, scale, like)
        return BinaryHead.fit(make, rows.features, rows.sign if part == "sign" else np.where(rows.exists, 1, -1))

    def _forecast(self, heads: Mapping[str, Any], features: Features) -> Floats:
        if self.task == "weight":
            scores: Floats = heads["weight"].scores(features)
            return scores
        if self.task != "signed_link":
            odds: Floats = heads[self.task].log_odds(features)
            return odds[:, None]
        link, sign = heads["link"].log_odds(features), heads["sign"].log_odds(features)
        event, none = -np.logaddexp(0.0, -link), -np.logaddexp(0.0, link)
        return np.stack([event - np.logaddexp(0.0, -sign), event - np.logaddexp(0.0, sign), none], axis=1)

    def _refits(
        self, heads: Mapping[str, Any], stream: EventStream, features: Features, queries: Queries | None
    ) -> Iterator[tuple[Mapping[str, Any], slice, slice]]:
        """The heads of every block of events after the training part, fitted on what came before the block."""
        assert self.scale is not None
        assert self.train_end is not None
        assert self.chosen is not None
        # Drawn by the model itself: the queries it is asked about are not for learning.
        negatives = draw_negatives(stream, seed=self.seed + 1_000_003) if self._exists else None
        rows = Rows.of(stream, self.scale, negatives, features)
        for block, block_queries, _ in _blocks(stream, queries, self.train_end, self.refit_every):
            past = rows.select(rows.time < stream.time[block.start])
            yield (
                {p: self._fit_part(p, self.chosen[p], past, self.scale, heads.get("weight")) for p in self._parts},
                block,
                block_queries,
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """What is learnt from: events and non-events in canonical order, with what was known before them.

    Args:
        features: float32, shape ``(m, 34)``.
        exists: bool, shape ``(m,)``; event or non-event.
        sign, rating: of the events; 0 for non-events.
        time: int64, shape ``(m,)``.
    """

    features: Features
    exists: npt.NDArray[np.bool_]
    sign: npt.NDArray[np.int8]
    rating: Floats
    time: Ints

    @classmethod
    def of(cls, stream: EventStream, scale: float, negatives: Queries | None, features: Features | None = None) -> Rows:
        """The events of a stream, and non-events beside them."""
        n, q = len(stream), 0 if negatives is None else len(negatives)
        if features is None or negatives is not None:
            seen = replay_stream(stream, weight_max=scale, queries=negatives)
            features = np.concatenate([seen.features, seen.query_features])
        order = canonical_order(stream)
        if negatives is not None:
            place = np.empty(n, np.int64)
            place[order] = np.arange(n)
            later = np.lexsort((name_rank(stream)[negatives.target], place[negatives.event]))
            order = np.concatenate([order, n + later])
        time = stream.time if negatives is None else np.concatenate([stream.time, negatives.time])
        return cls(
            features=features[order],
            exists=(np.arange(n + q) < n)[order],
            sign=np.concatenate([stream.sign, np.zeros(q, np.int8)])[order],
            rating=np.concatenate([stream.rating, np.zeros(q)])[order],
            time=time[order],
        )

    def select(self, index: npt.NDArray[Any]) -> Rows:
        """The rows of a mask, or at positions."""
        return Rows(**{name: column[index] for name, column in vars(self).items()})


def _select(queries: Queries, mask: npt.NDArray[np.bool_]) -> Queries:
    return Queries(**{name: column[mask] for name, column in vars(queries).items()})


def _blocks(
    stream: EventStream, queries: Queries | None, train_end: int, size: int
) -> Iterator[tuple[slice, slice, int]]:
    """Events, queries, and the number of events known before, of each block of events after a time.

    A query belongs to the block that has begun at its time.
    """
    begin = int(np.searchsorted(stream.time, train_end, side="right"))
    starts = begin + batch_starts(stream.select(slice(begin, None)), size)
    asked = np.zeros(0, np.int64) if queries is None else queries.time
    for start, end in pairwise(starts.tolist()):
        first = np.searchsorted(asked, stream.time[start], side="left")
        last = np.searchsorted(asked, stream.time[end], side="left") if end < len(stream) else len(asked)
        yield slice(int(start), int(end)), slice(int(first), int(last)), int(start)


def _best(part: str, candidates: list[Any], rows: Rows) -> int:
    """The candidate of best area under the ROC curve on validation, or of least squared error for weights."""
    from sklearn.metrics import roc_auc_score

    if part == "weight":
        rows = rows.select(rows.exists)
        return int(np.argmin([np.mean((c.scores(rows.features)[:, 0] - rows.rating) ** 2) for c in candidates]))
    if part == "sign":
        rows = rows.select(rows.exists)
    truth = rows.sign > 0 if part == "sign" else rows.exists
    if truth.all() or not truth.any():
        return 0
    return int(np.argmax([roc_auc_score(truth, c.log_odds(rows.features)) for c in candidates]))
