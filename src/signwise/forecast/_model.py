"""The fitted application: committed events, forecasters, and the directory that stores both."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from signwise import artifacts
from signwise.errors import ArtifactError
from signwise.events import EventStream
from signwise.graph import SIGN_MODELS, Platt, Queries, SignModel, pair_features, replay_stream

from ._payload import PAYLOAD_RING, PayloadEncoder, payload_features

if TYPE_CHECKING:
    from signwise.graph import EventModel, LiveModel

    from ._events import EventLog

MODEL_KIND = "signwise-forecast-model"
MODEL_VERSION = 3
"""2: models with memories beside those on features. 3: payloads. An older version reads as one without."""
MODEL_FOLDER = "model"


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecaster:
    """One fitted sign model with its calibration and threshold.

    Args:
        model: the fitted model.
        calibration: margin to probability, fitted on training events.
        threshold: chosen on validation events; a score at or above it is forecast as positive.
    """

    model: SignModel
    calibration: Platt
    threshold: float

    def score(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Probability of a positive sign for running features of shape ``(n, 34)``, behind
        which those of payloads follow where there are any; float64, shape ``(n,)``."""
        return self.calibration(self.model.margin(features))


@dataclass(frozen=True, kw_only=True, eq=False)
class MemoryForecaster:
    """A fitted model with memories, its calibration and threshold.

    Args:
        model: follows the stream anew for each call.
        calibration: log odds to probability.
        threshold: chosen on validation events; a score at or above it is forecast as positive.
    """

    model: EventModel
    calibration: Platt
    threshold: float

    def score_stream(self, stream: EventStream) -> npt.NDArray[np.float64]:
        """Probability of a positive sign of every event, from the events before it; float64, shape ``(n,)``."""
        return self.calibration(self.model.scores(stream).events[:, 0])

    def score_pairs(
        self,
        stream: EventStream,
        source: Sequence[str],
        target: Sequence[str],
        time: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float64]:
        """Probability of a positive sign of pairs, from the events before their times; float64, shape ``(q,)``."""
        ids = {node: i for i, node in enumerate(stream.nodes)}
        for name in (*source, *target):
            ids.setdefault(name, len(ids))
        order = np.argsort(time, kind="stable")
        rater, ratee = (np.array([ids[name] for name in names], np.int64)[order] for names in (source, target))
        queries = Queries(source=rater, target=ratee, time=time[order], event=np.full(len(order), -1, np.int64))
        answers = self.model.scores(replace(stream, nodes=tuple(ids)), queries=queries).queries[:, 0]
        score = np.empty(len(order))
        score[order] = self.calibration(answers)
        return score


@dataclass(frozen=True, kw_only=True, eq=False)
class ForecastModel:
    """A network's past and the forecasters fitted on it.

    Args:
        stream: every committed event, with the vectors of their payloads if the model reads any.
        weight_max: the scale of the ratings.
        forecasters: by name.
        selected: the name of the forecaster that was best on validation.
        payload: what made the vectors of the payloads; None where nothing did.
    """

    stream: EventStream
    weight_max: float
    forecasters: dict[str, Forecaster | MemoryForecaster]
    selected: str
    payload: PayloadEncoder | None = None

    def score(
        self,
        source: Sequence[str] | npt.NDArray[Any],
        target: Sequence[str] | npt.NDArray[Any],
        time: npt.NDArray[np.int64] | None = None,
        *,
        model: str | None = None,
        on_events: Callable[[int], object] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Probability that ``source`` rates ``target`` positively at ``time``.

        Each pair is scored from the events before its time. Names that the stream does not have are new nodes
        without a history.

        Args:
            source: names of the raters, shape ``(q,)``.
            target: names of the ratees, shape ``(q,)``.
            time: int64, shape ``(q,)``; ticks. None asks for the moment after the last event.
            model: name of the forecaster; by default the selected one.
            on_events: called with the number of events done since the last call, for a progress bar.

        Returns:
            float64, shape ``(q,)``.

        Raises:
            ValueError: the model has no such forecaster.
        """
        name = self.selected if model is None else model
        if name not in self.forecasters:
            raise ValueError(f"no forecaster {name!r}; this model has: {', '.join(self.forecasters)}")
        forecaster = self.forecasters[name]
        if time is None:
            time = np.full(len(source), int(self.stream.time[-1]) + 1, np.int64)
        if isinstance(forecaster, MemoryForecaster):
            given, taken = ([str(node) for node in nodes] for nodes in (source, target))
            score = forecaster.score_pairs(self.stream, given, taken, np.asarray(time, np.int64))
            if on_events is not None:
                on_events(len(self.stream))
            return score
        ids = {node: i for i, node in enumerate(self.stream.nodes)}
        rater, ratee = (np.asarray([ids.get(str(node), -1) for node in nodes], np.int64) for nodes in (source, target))
        return forecaster.score(self._pair_features(rater, ratee, np.asarray(time, np.int64), on_events))

    def _pair_features(
        self,
        rater: npt.NDArray[np.int64],
        ratee: npt.NDArray[np.int64],
        time: npt.NDArray[np.int64],
        on_events: Callable[[int], object] | None,
    ) -> npt.NDArray[np.float32]:
        payload = self.stream.payload
        if payload is None:
            return pair_features(self.stream, rater, ratee, time, weight_max=self.weight_max, on_events=on_events)
        order = np.argsort(time, kind="stable")
        none = np.full(len(order), -1, np.int64)
        queries = Queries(source=rater[order], target=ratee[order], time=time[order], event=none)
        seen = replay_stream(
            self.stream, weight_max=self.weight_max, queries=queries, ring=PAYLOAD_RING, on_events=on_events
        )
        assert seen.query_neighbors is not None
        ordered = np.concatenate([seen.query_features, payload_features(seen.query_neighbors, payload)], 1)
        features = np.empty_like(ordered)
        features[order] = ordered
        return features

    def encode(self, log: EventLog) -> EventStream:
        """The events of a log as this model reads them, with the vectors of their payloads if it was fitted on any.

        Args:
            log: from :func:`read_events`, with a payload column where the model was fitted with one.

        Raises:
            ValueError: the model reads payloads, and the log has none.
        """
        if self.payload is None:
            return log.stream
        if log.payload is None:
            raise ValueError("this model was fitted on payloads; read the events with Columns(payload=...)")
        return replace(log.stream, payload=self.payload(log.payload))

    def live(self, **options: Any) -> LiveModel:
        """A :class:`~signwise.graph.LiveModel` of SEMBAPlus that has followed the committed events.

        Events come to it by ``live.ingest(model.encode(log))``, and pairs are scored at any later time.

        Args:
            **options: of :class:`~signwise.graph.LiveModel`: costs and what to do with late events.

        Raises:
            ValueError: SEMBAPlus was not fitted.
        """
        from signwise.graph import LiveModel

        forecaster = self.forecasters.get("semba")
        if not isinstance(forecaster, MemoryForecaster):
            raise ValueError("there are no memories to follow a stream; fit with ForecastConfig(model='semba')")
        live = LiveModel(copy.deepcopy(forecaster.model), calibration=forecaster.calibration, **options)
        live.ingest(self.stream)
        return live

    def save(self, path: Path) -> None:
        """Write a model directory of safetensors and JSON; an older one at ``path`` is replaced at once."""
        stream = self.stream
        tensors: dict[str, npt.NDArray[Any]] = {
            "events.source": stream.source,
            "events.target": stream.target,
            "events.time": stream.time,
            "events.sign": stream.sign,
            "events.weight": stream.weight,
        }
        if stream.payload is not None:
            tensors["events.payload"] = stream.payload
        if self.payload is not None:
            tensors |= {f"payload.{key}": value for key, value in self.payload.tensors().items()}
        graphs: dict[str, Any] = {}
        for name, forecaster in self.forecasters.items():
            if isinstance(forecaster, MemoryForecaster):
                from signwise.graph import model_to_tensors

                graphs[name], own = model_to_tensors(forecaster.model)
            else:
                own = forecaster.model.tensors()
            tensors |= {f"{name}.{key}": value for key, value in own.items()}
        meta = {
            "tick_seconds": stream.tick_seconds,
            "weight_max": self.weight_max,
            "selected": self.selected,
            "nodes": list(stream.nodes),
            "forecasters": {
                name: {"slope": f.calibration.slope, "intercept": f.calibration.intercept, "threshold": f.threshold}
                for name, f in self.forecasters.items()
            },
            "memories": graphs,
            "payload": None if self.payload is None else dict(self.payload.settings),
        }
        artifacts.save(path, kind=MODEL_KIND, version=MODEL_VERSION, tensors=tensors, meta=meta)

    @classmethod
    def load(cls, path: str | Path) -> ForecastModel:
        """Read a model directory, or the run directory that contains it.

        Raises:
            ArtifactError: there is no model, it is damaged, or a newer signwise wrote it.
        """
        folder = Path(path)
        if (folder / MODEL_FOLDER).is_dir():
            folder = folder / MODEL_FOLDER
        artifact = artifacts.load(folder, kind=MODEL_KIND, max_version=MODEL_VERSION)
        meta, tensors = artifact.meta, artifact.tensors
        try:
            stream = EventStream(
                source=tensors["events.source"],
                target=tensors["events.target"],
                time=tensors["events.time"],
                sign=tensors["events.sign"],
                weight=tensors["events.weight"],
                nodes=tuple(meta["nodes"]),
                tick_seconds=meta["tick_seconds"],
                payload=tensors.get("events.payload"),
            )
            forecasters: dict[str, Forecaster | MemoryForecaster] = {}
            for name, values in meta["forecasters"].items():
                own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
                calibration = Platt(slope=values["slope"], intercept=values["intercept"])
                if name in meta.get("memories", {}):
                    from signwise.graph import model_from_tensors

                    forecasters[name] = MemoryForecaster(
                        model=model_from_tensors(meta["memories"][name], own),
                        calibration=calibration,
                        threshold=values["threshold"],
                    )
                else:
                    forecasters[name] = Forecaster(
                        model=SIGN_MODELS[name].from_tensors(own),
                        calibration=calibration,
                        threshold=values["threshold"],
                    )
            payload = None
            if (settings := meta.get("payload")) is not None:
                own = {k.removeprefix("payload."): v for k, v in tensors.items() if k.startswith("payload.")}
                payload = PayloadEncoder.from_tensors(settings, own)
            return cls(
                stream=stream,
                weight_max=meta["weight_max"],
                forecasters=forecasters,
                selected=meta["selected"],
                payload=payload,
            )
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise ArtifactError(f"{folder}: the stored model is not consistent ({error!r})") from error
