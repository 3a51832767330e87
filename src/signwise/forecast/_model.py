"""The fitted application: committed events, forecasters, and the directory that stores both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from signwise import artifacts
from signwise.errors import ArtifactError
from signwise.events import EventStream
from signwise.graph import SIGN_MODELS, Platt, SignModel, pair_features

MODEL_KIND = "signwise-forecast-model"
MODEL_VERSION = 1
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
        """Probability of a positive sign for running features of shape ``(n, 34)``; float64, shape ``(n,)``."""
        return self.calibration(self.model.margin(features))


@dataclass(frozen=True, kw_only=True, eq=False)
class ForecastModel:
    """A network's past and the forecasters fitted on it.

    Args:
        stream: every committed event.
        weight_max: the scale of the ratings.
        forecasters: by name.
        selected: the name of the forecaster that was best on validation.
    """

    stream: EventStream
    weight_max: float
    forecasters: dict[str, Forecaster]
    selected: str

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
        ids = {node: i for i, node in enumerate(self.stream.nodes)}
        rater, ratee = (np.asarray([ids.get(str(node), -1) for node in nodes], np.int64) for nodes in (source, target))
        if time is None:
            time = np.full(len(rater), int(self.stream.time[-1]) + 1, np.int64)
        features = pair_features(self.stream, rater, ratee, time, weight_max=self.weight_max, on_events=on_events)
        return self.forecasters[name].score(features)

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
        for name, forecaster in self.forecasters.items():
            tensors |= {f"{name}.{key}": value for key, value in forecaster.model.tensors().items()}
        meta = {
            "tick_seconds": stream.tick_seconds,
            "weight_max": self.weight_max,
            "selected": self.selected,
            "nodes": list(stream.nodes),
            "forecasters": {
                name: {"slope": f.calibration.slope, "intercept": f.calibration.intercept, "threshold": f.threshold}
                for name, f in self.forecasters.items()
            },
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
            )
            forecasters = {}
            for name, values in meta["forecasters"].items():
                own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
                forecasters[name] = Forecaster(
                    model=SIGN_MODELS[name].from_tensors(own),
                    calibration=Platt(slope=values["slope"], intercept=values["intercept"]),
                    threshold=values["threshold"],
                )
            return cls(stream=stream, weight_max=meta["weight_max"], forecasters=forecasters, selected=meta["selected"])
        except (KeyError, ValueError, TypeError) as error:
            raise ArtifactError(f"{folder}: the stored model is not consistent ({error!r})") from error
