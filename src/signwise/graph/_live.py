"""A model that follows a live stream: events come in, pairs are scored and explained, the state is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch

from signwise import artifacts
from signwise.errors import ArtifactError, LateEventError
from signwise.events import EventStream

from ._baselines import Platt
from ._committed import CommittedEvents
from ._decision import Costs, Decision
from ._event_model import EventModel
from ._explain import Explanation, explain_pair
from ._questions import NodeFeatures
from ._saving import model_from_tensors, model_to_tensors
from ._single import single_logits
from ._state import tie_order

LatePolicy = Literal["error", "drop"]

SNAPSHOT_KIND = "signwise-graph-live"
SNAPSHOT_VERSION = 1
_MODEL, _COMMITTED, _OPEN = "model.", "committed.", "open."
_COLUMNS = ("source", "target", "time", "sign", "weight")


@dataclass(frozen=True, kw_only=True)
class LiveScore:
    """What a live model says of one pair.

    Args:
        logit: log odds of a positive sign, before calibration.
        probability: of a positive sign, calibrated.
        decision: "positive", "negative" or "abstain", by the costs.
        state_time: ticks; the time of the newest event that the score knows of, or None.
        unseen: the names, of the two, that no such event has.
    """

    logit: float
    probability: float
    decision: Decision
    state_time: int | None
    unseen: tuple[str, ...]


class LiveModel:
    """A fitted model for signs that follows a stream, answers for pairs, and can be stopped and restored.

    Events come in order of time. Those of one time are committed together once a later event arrives, or
    :meth:`advance` says that no more will come: until then they are *open*, and no score knows of them. So a score at
    time t depends only on events of time < t, and the order of simultaneous events does not matter.

    Every event has a number. ``ingest`` returns the number of the last one, and events whose number was taken before
    are ignored, so that a source may send again what it is not sure of. An instance is for one thread.

    Args:
        model: a fitted SEMBAPlus, SEMBA or TGN for the task ``"sign"``. The live model empties its state, and owns it.
        calibration: log odds to probability, such as :meth:`Platt.fit` of validation scores; none by default.
        costs: of errors and of abstaining.
        late: what to do with an event whose time is sealed: raise, or drop and count it.

    Raises:
        ValueError: the model forecasts something else, or was never fitted.

    Example:
        >>> from signwise.data import simulate_signed_events
        >>> from signwise.events import chronological_split
        >>> from signwise.graph import LiveModel, SEMBAPlus, TrainingOptions
        >>> stream = simulate_signed_events(400, 60, seed=0).stream
        >>> model = SEMBAPlus("sign", training=TrainingOptions(epochs=1)).fit(stream, chronological_split(stream))
        >>> live = LiveModel(model)
        >>> live.ingest(stream)
        399
        >>> live.advance(int(stream.time[-1]))
        >>> score = live.score(stream.nodes[0], "a stranger", int(stream.time[-1]) + 1)
        >>> score.unseen, score.decision
        (('a stranger',), 'positive')
    """

    def __init__(
        self,
        model: EventModel,
        *,
        calibration: Platt | None = None,
        costs: Costs | None = None,
        late: LatePolicy = "error",
    ) -> None:
        if model.task != "sign":
            raise ValueError(f"the model forecasts {model.task!r}; a live model needs the task 'sign'")
        if not float(model.updater.weight_max):
            raise ValueError("the model was not fitted; call fit first")
        if late not in get_args(LatePolicy):
            raise ValueError(f"late is {late!r}; expected one of {', '.join(map(repr, get_args(LatePolicy)))}")
        model.eval()
        model.reset_stream()
        self.model = model
        self.calibration = Platt(slope=1.0, intercept=0.0) if calibration is None else calibration
        self.costs = Costs() if costs is None else costs
        self.late: LatePolicy = late
        self.last_seq = -1
        """Number of the last event ingested; -1 before the first."""
        self.dropped = 0
        """Number of late events dropped."""
        self._ids: dict[str, int] = {}
        self._names: tuple[str, ...] = ()
        self._committed = CommittedEvents()
        self._open: EventStream | None = None

    @property
    def state_time(self) -> int | None:
        """Ticks; the time of the newest committed event, or None."""
        state = self.model._state
        return None if state is None else state.sealed_time

    @property
    def open_events(self) -> int:
        """Number of events whose time is not sealed yet, which no score knows of."""
        return 0 if self._open is None else len(self._open)

    def ingest(self, events: EventStream, *, first_seq: int | None = None) -> int:
        """Take events in.

        Args:
            events: in order of time; nodes are known by their names. Weights are read on the scale of the fit.
            first_seq: number of the first event, the others following; by default the next. Numbers taken before are
                skipped.

        Returns:
            The number of the last event ingested.

        Raises:
            LateEventError: an event's time is sealed, and ``late="error"``; nothing is taken in then.
            ValueError: numbers are missing between the last event and the first, ticks have another length, or the
                payload has another size.
        """
        first = self.last_seq + 1 if first_seq is None else first_seq
        if first > self.last_seq + 1:
            raise ValueError(
                f"events {self.last_seq + 1} to {first - 1} are missing before event {first}; send them first"
            )
        last = first + len(events) - 1
        fresh = events.select(slice(self.last_seq + 1 - first, None)) if first <= self.last_seq else events
        if not len(fresh):
            return self.last_seq
        known = self._tick_seconds()
        if known is not None and fresh.tick_seconds != known:
            raise ValueError(f"ticks are {fresh.tick_seconds} s and were {known} s before")
        self.model._payload(fresh)
        floor = self._floor()
        late = 0 if floor is None else int(np.searchsorted(fresh.time, floor))
        if late and self.late == "error":
            raise LateEventError(
                f"event {last - len(fresh) + 1} has time {int(fresh.time[0])}, and times before {floor} are sealed; "
                "sort the events, or use late='drop'"
            )
        fresh = fresh.select(slice(late, None))
        if len(fresh):
            joined = fresh if self._open is None else _joined(self._open, fresh)
            sealed = int(np.searchsorted(joined.time, joined.time[-1]))
            self._commit(joined.select(slice(0, sealed)))
            self._open = joined.select(slice(sealed, None))
        self.dropped += late
        self.last_seq = last
        return last

    def advance(self, time: int) -> None:
        """Say that no more events of time ``time`` or before will come: open events up to it are committed.

        Args:
            time: ticks.
        """
        if self._open is not None and int(self._open.time[-1]) <= time:
            group, self._open = self._open, None
            self._commit(group)
        self.model.advance(time)

    def score(self, source: str, target: str, time: int) -> LiveScore:
        """The sign that ``source`` would give ``target`` at a time, from committed events only; changes nothing.

        Args:
            source: name of the rater; one never seen has the initial memories and no history.
            target: name of the ratee.
            time: ticks, after every committed event.

        Raises:
            LeakError: the time is sealed.
            ValueError: no event was committed yet.
        """
        pair = (str(source), str(target))
        u, v = (self._ids.get(name, -1) for name in pair)
        with torch.no_grad():
            logit = single_logits(self.model, u, v, time)[:, 0].double().cpu().numpy()
        return self._answers([pair], logit)[0]

    def scores(
        self, source: Sequence[str], target: Sequence[str], time: int | npt.NDArray[np.int64]
    ) -> list[LiveScore]:
        """:meth:`score` for many pairs at once, to rounding.

        Args:
            source: names, one for each pair.
            target: names.
            time: ticks, int64 of shape ``(b,)``, or one for all.
        """
        pairs = list(zip(map(str, source), map(str, target), strict=True))
        if not pairs:
            return []
        u, v = (np.array([self._ids.get(name, -1) for name in names], np.int64) for names in zip(*pairs, strict=True))
        with torch.no_grad():
            logits = self.model(u, v, time)[:, 0].double().cpu().numpy()
        return self._answers(pairs, logits)

    def _answers(self, pairs: list[tuple[str, str]], logits: npt.NDArray[np.float64]) -> list[LiveScore]:
        probability = self.calibration(logits)
        state_time = self.state_time
        return [
            LiveScore(
                logit=float(logit),
                probability=float(p),
                decision=self.costs.decide(float(p)),
                state_time=state_time,
                unseen=tuple(dict.fromkeys(name for name in pair if name not in self._ids)),
            )
            for pair, logit, p in zip(pairs, logits, probability, strict=True)
        ]

    def explain(self, source: str, target: str, time: int) -> Explanation:
        """Why :meth:`score` says what it says: additive parts, triads, and the events attended to.

        Reads the log of committed events, in time proportional to its length.

        Raises:
            LeakError: the time is sealed.
            TypeError: the model has no additive parts.
        """
        pair = (str(source), str(target))
        ids = tuple(self._ids.get(name, -1) for name in pair)
        return explain_pair(self.model, self._committed, self._names, pair, (ids[0], ids[1]), time)

    def snapshot(self, path: str | Path) -> Path:
        """Save everything: weights, memories, committed and open events, numbers and settings.

        A kill at any moment leaves the old snapshot or the new one. Replaying the events after ``last_seq`` on the
        restored model gives the same bits as never having stopped, at the same number of threads.

        Args:
            path: a directory; an earlier snapshot there is replaced.
        """
        group = self._open
        model_meta, model_tensors = model_to_tensors(self.model)
        tensors: dict[str, npt.NDArray[Any]] = {
            **{_MODEL + name: value for name, value in model_tensors.items()},
            **{_COMMITTED + name: np.asarray(value) for name, value in self._committed.columns().items()},
        }
        if group is not None:
            columns = (*_COLUMNS, *(() if group.payload is None else ("payload",)))
            tensors |= {_OPEN + name: getattr(group, name) for name in columns}
        costs = self.costs
        meta = {
            "model": model_meta,
            "last_seq": self.last_seq,
            "dropped": self.dropped,
            "late": self.late,
            "costs": [costs.miss, costs.alarm, None if math.isinf(costs.abstain) else costs.abstain],
            "calibration": [self.calibration.slope, self.calibration.intercept],
            "open": None if group is None else {"nodes": list(group.nodes), "tick_seconds": group.tick_seconds},
        }
        return artifacts.save(path, kind=SNAPSHOT_KIND, version=SNAPSHOT_VERSION, tensors=tensors, meta=meta)

    @classmethod
    def restore(cls, path: str | Path, *, node_features: NodeFeatures | None = None) -> LiveModel:
        """The live model that :meth:`snapshot` saved.

        Args:
            path: the directory.
            node_features: what the model was given, if it reads features of nodes.

        Raises:
            ArtifactError: there is no snapshot, it is damaged, or a newer signwise wrote it.
        """
        stored = artifacts.load(path, kind=SNAPSHOT_KIND, max_version=SNAPSHOT_VERSION)
        parts: dict[str, dict[str, npt.NDArray[Any]]] = {
            prefix: {n.removeprefix(prefix): v for n, v in stored.tensors.items() if n.startswith(prefix)}
            for prefix in (_MODEL, _COMMITTED, _OPEN)
        }
        try:
            meta = stored.meta
            live = cls.__new__(cls)
            live.model = model_from_tensors(meta["model"], parts[_MODEL], node_features=node_features)
            live.calibration = Platt(slope=meta["calibration"][0], intercept=meta["calibration"][1])
            miss, alarm, abstain = meta["costs"]
            live.costs = Costs(miss=miss, alarm=alarm, abstain=math.inf if abstain is None else abstain)
            live.late, live.last_seq, live.dropped = meta["late"], meta["last_seq"], meta["dropped"]
            live._names = tuple(live.model._keys)
            live._ids = {name: i for i, name in enumerate(live._names)}
            live._committed = CommittedEvents.from_columns(parts[_COMMITTED])
            kept = meta["open"]
            columns: dict[str, Any] = parts[_OPEN]
            live._open = kept and EventStream(**columns, nodes=tuple(kept["nodes"]), tick_seconds=kept["tick_seconds"])
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise ArtifactError(f"{path}: the snapshot is not consistent ({error})") from error
        return live

    def _tick_seconds(self) -> float | None:
        if self._open is not None:
            return self._open.tick_seconds
        state = self.model._state
        return None if state is None else state.tick_seconds

    def _floor(self) -> int | None:
        """The earliest time that an event may still have."""
        sealed = self.model.sealed_time
        times = [] if sealed is None else [sealed + 1]
        if self._open is not None:
            times.append(int(self._open.time[-1]))
        return max(times) if times else None

    def _commit(self, events: EventStream) -> None:
        if not len(events):
            return
        # New nodes are numbered by the time they came and by name, so that the order of a tie group does not show.
        named = zip(events.source.tolist(), events.target.tolist(), events.time.tolist(), strict=True)
        new: dict[str, int] = {}
        for u, v, t in named:
            for node in (events.nodes[u], events.nodes[v]):
                if node not in self._ids:
                    new.setdefault(node, t)
        if new:
            added = sorted(new, key=lambda name: (new[name], name))
            self._ids |= {name: len(self._names) + i for i, name in enumerate(added)}
            self._names = (*self._names, *added)
        ids = np.array([self._ids.get(name, -1) for name in events.nodes], np.int64)
        own = replace(events, source=ids[events.source], target=ids[events.target], nodes=self._names)
        self.model.commit(own)
        x = own.normalized(float(self.model.updater.weight_max))
        order = tie_order(own.source, own.target, x, own.time, self._names)
        self._committed.append(own.source[order], own.target[order], x[order], own.time[order])


def _joined(first: EventStream, second: EventStream) -> EventStream:
    """Events of two streams one after the other, over the nodes of both."""
    ids = {name: i for i, name in enumerate(first.nodes)}
    for name in second.nodes:
        ids.setdefault(name, len(ids))
    to = np.array([ids[name] for name in second.nodes], np.int64)
    columns = {
        name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in ("time", "sign", "weight")
    }
    payloads = [part.payload for part in (first, second) if part.payload is not None]
    return EventStream(
        source=np.concatenate([first.source, to[second.source]]),
        target=np.concatenate([first.target, to[second.target]]),
        **columns,
        nodes=tuple(ids),
        tick_seconds=first.tick_seconds,
        weight_max=first.weight_max,
        payload=np.concatenate(payloads) if len(payloads) == 2 else None,
    )
