"""What every model of a signed stream offers to the protocols that measure it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from signwise.events import EventStream, Split

Task = Literal["sign", "link", "signed_link", "weight"]
"""What is forecast of a pair: the sign of its event, whether there is one, either or none, or its signed weight."""

Online = Literal["off", "calibrate", "finetune"]
"""What a model may learn from committed events while it is asked: nothing, bias and temperature, or its decoder."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Queries:
    """Pairs to score beside the events of a stream, each from the events strictly before its own time.

    Args:
        source: int64, shape ``(q,)``; node ids.
        target: int64, shape ``(q,)``.
        time: int64, shape ``(q,)``; ticks of the stream, not decreasing.
        event: int64, shape ``(q,)``; the event that a pair accompanies, such as the one a non-event was drawn for.
    """

    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    time: npt.NDArray[np.int64]
    event: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.source)
        for name in ("source", "target", "time", "event"):
            column = np.asarray(getattr(self, name), np.int64)
            if column.shape != (n,):
                raise ValueError(f"{name} has shape {column.shape}; expected ({n},) as source has")
            object.__setattr__(self, name, column)
        if np.any(np.diff(self.time) < 0):
            raise ValueError("the times of queries decrease; sort them")

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """What a model says of the events of a stream, and of queries beside them.

    The columns depend on the task: one log odds of a positive sign (``sign``) or of an event (``link``); the log
    probabilities of positive, negative and none (``signed_link``); the mean signed weight (``weight``), followed,
    where the model has a distribution, by the probabilities of the levels.

    Args:
        events: float64, shape ``(n, c)``.
        queries: float64, shape ``(q, c)``.
        levels: float64, shape ``(c - 1,)``; the signed weights that the probabilities belong to, or None.
    """

    events: npt.NDArray[np.float64]
    queries: npt.NDArray[np.float64]
    levels: npt.NDArray[np.float64] | None = None


class StreamModel(Protocol):
    """A model that learns from a stream of signed events and scores pairs at their times.

    The strict rule binds both methods: what is said of a pair at time t depends on events of time < t alone, and on
    parameters learnt from the training part (with validation events deciding between candidates, and, where
    ``online`` allows it, committed events of time < t).
    """

    @property
    def task(self) -> Task:
        """What the model forecasts."""
        ...

    def fit(self, stream: EventStream, split: Split, *, negatives: Queries | None = None) -> StreamModel:
        """Learn from the training part of the stream.

        Args:
            stream: the whole stream; what comes after ``split.validation`` is never read.
            split: its parts.
            negatives: non-events with their events, which the tasks ``link`` and ``signed_link`` need.
        """
        ...

    def scores(self, stream: EventStream, *, queries: Queries | None = None, online: Online = "off") -> Scores:
        """One pass over a stream from an empty state: every event, and every query, before its time is committed."""
        ...
