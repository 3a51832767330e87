"""Chronological splits that never cut a group of simultaneous events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ._stream import EventStream

SLICES = ("both_known", "one_new", "both_new")


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Which events belong to train, validation and test: bool masks of shape ``(n,)``.

    Args:
        train: the earliest events.
        validation: the next ones, for choosing thresholds and models.
        test: the latest ones, asked once.
        train_end: the last tick of the training part.
        validation_end: the last tick of the validation part.
    """

    train: npt.NDArray[np.bool_]
    validation: npt.NDArray[np.bool_]
    test: npt.NDArray[np.bool_]
    train_end: int
    validation_end: int

    def slices(self, stream: EventStream) -> dict[str, npt.NDArray[np.bool_]]:
        """Masks over all events by how many of their two ends take part in a training event.

        Returns:
            ``both_known``, ``one_new`` and ``both_new``; each bool, shape ``(n,)``.
        """
        known = np.zeros(stream.num_nodes, np.bool_)
        known[stream.source[self.train]] = True
        known[stream.target[self.train]] = True
        count = known[stream.source].astype(np.int8) + known[stream.target]
        return {name: count == 2 - i for i, name in enumerate(SLICES)}


def chronological_split(stream: EventStream, train: float = 0.70, validation: float = 0.15) -> Split:
    """Split at the quantiles of time, all events of equal time going to the earlier part.

    The borders are the ``train`` and ``train + validation`` quantiles of the event times (linear interpolation);
    an event at a border belongs to the part before it.

    Args:
        stream: events in order of time.
        train: share of the events to train on, in (0, 1).
        validation: share of the events to choose thresholds on, above 0; the rest is the test part.

    Raises:
        ValueError: the shares leave no room for a test part, or a part would be empty.

    Example:
        >>> from signwise.events import EventStream, chronological_split
        >>> time = [*range(13), 13, 13, 13, 16, 17, 18, 19]
        >>> stream = EventStream.from_columns(source=range(20), target=range(1, 21), rating=[1] * 20, time=time)
        >>> split = chronological_split(stream)
        >>> [int(part.sum()) for part in (split.train, split.validation, split.test)]
        [16, 1, 3]
    """
    if not (0 < train < 1 and 0 < validation < 1 and train + validation < 1):
        raise ValueError(
            f"train={train} and validation={validation} must each be in (0, 1) and leave a share for the test part"
        )
    if not len(stream):
        raise ValueError("the stream has no events, so it cannot be split")
    first, second = np.quantile(stream.time.astype(np.float64), [train, train + validation])
    masks = (stream.time <= first, (stream.time > first) & (stream.time <= second), stream.time > second)
    for name, mask in zip(("train", "validation", "test"), masks, strict=True):
        if not mask.any():
            raise ValueError(
                f"the {name} part is empty: {len(stream)} events share {len(stream.tie_starts) - 1} distinct times; "
                "give more events or other shares"
            )
    return Split(
        train=masks[0],
        validation=masks[1],
        test=masks[2],
        train_end=int(stream.time[masks[0]][-1]),
        validation_end=int(stream.time[masks[1]][-1]),
    )
