"""Pairs to score, with what is read of them, as arrays and as tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ._memory import LevelTensors, fresh_rows, level_tensors, padded
from ._messages import EventFeatures
from ._state import FEATURE_NAMES, Neighbors
from ._time_encoding import days
from ._versions import NEVER, Floats, Ints, Versions, plan_versions

_MINUTES, _LAG_SCALE = 1440.0, 8.0  # minutes in a day; about the log of two days in minutes

NodeFeatures = Callable[[Ints, Ints], npt.NDArray[np.floating[Any]]]
"""Features of nodes at times, from events before those times only: ``(nodes, times) -> (n, p)``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Questions:
    """Pairs, their newest events and running features, each from before its own time.

    Args:
        source, target, time: int64, shape ``(b,)``.
        block: int64, shape ``(b,)``; the block of events before which memories are read.
        neighbors: arrays of shape ``(b, 2, K)``, of rater and ratee.
        features: float32, shape ``(b, f)``; running ones, and recent ones where the model reads them.
    """

    source: Ints
    target: Ints
    time: Ints
    block: Ints
    neighbors: Neighbors
    features: Floats

    def __len__(self) -> int:
        return len(self.source)

    def take(self, index: npt.NDArray[Any] | slice, block: Ints) -> Questions:
        """Some of the questions, with other blocks."""
        return Questions(
            source=self.source[index],
            target=self.target[index],
            time=self.time[index],
            block=block,
            neighbors=Neighbors(**{name: column[index] for name, column in vars(self.neighbors).items()}),
            features=self.features[index],
        )

    @classmethod
    def joined(cls, parts: list[Questions]) -> Questions:
        """Questions one after the other."""
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in ("source", "target", "time", "block", "features")
            },
            neighbors=Neighbors(
                **{
                    name: np.concatenate([getattr(part.neighbors, name) for part in parts])
                    for name in vars(parts[0].neighbors)
                }
            ),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """Everything that one dense pass needs, on the model's device: versions to compute, and questions that read them.

    Padded to multiples of 16 rows; ``pairs`` and ``rows`` count what is meant.
    """

    pairs: int
    rows: int
    nodes: Tensor
    fresh: Tensor
    levels: list[LevelTensors]
    row_inputs: Tensor
    final_rows: Tensor
    final_nodes: Tensor
    ends: Tensor
    end_inputs: Tensor
    peers: Tensor
    mask: Tensor
    about: Tensor
    span: Tensor
    features: Tensor
    end_rows: Tensor
    end_index: Tensor
    versions: Versions


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a model reads: what does not depend on parameters."""

    tick_seconds: float
    span: Literal["peer", "query"]
    events: EventFeatures
    weight_max: float
    lag: bool
    width: int
    counts: bool
    zeros: int
    node_features: NodeFeatures | None
    aggregate: Literal["mean", "last"]
    device: torch.device
    dtype: torch.dtype


def prepare(
    source: Ints,
    target: Ints,
    x: npt.NDArray[np.floating],
    time: Ints,
    block: Ints,
    questions: Questions | None,
    *,
    last_update: Ints,
    counts: npt.NDArray[np.floating],
    payload: npt.NDArray[np.floating] | None,
    reading: Reading,
) -> Work:
    """Plan one dense pass: the memories over a run of events, and the questions in it.

    Args:
        source, target, x, time, block: the run's events, as for :func:`plan_versions`.
        questions: pairs to score, or None.
        last_update: int64, shape ``(N,)``; of the store.
        counts: shape ``(N, 4)``; of the store.
        payload: the vectors of the run's events, or None.
        reading: the model's way of reading.
    """
    if questions is None:
        others = np.zeros(0, np.int64)
    else:
        near = questions.neighbors
        others = np.concatenate([questions.source, questions.target, near.peer[near.mask]])
    versions = plan_versions(
        source, target, x, time, block, others=others, last_update=last_update, counts=counts,
        tick_seconds=reading.tick_seconds, aggregate=reading.aggregate,
    )  # fmt: skip
    device, dtype = reading.device, reading.dtype

    def put(values: npt.NDArray[Any], kind: torch.dtype | None = None, rows: int | None = None) -> Tensor:
        if rows is not None and rows != len(values):
            out = np.zeros((rows, *values.shape[1:]), values.dtype)
            out[: len(values)] = values
            values = out
        return torch.from_numpy(np.ascontiguousarray(values)).to(device, kind)

    rows = len(versions.row_node)
    row_inputs = _row_inputs(versions, questions, reading)
    if questions is None:
        questions = _no_questions()
    b, size = len(questions), padded(len(questions))
    near = questions.neighbors
    k = near.peer.shape[-1]
    ends_node = np.stack([questions.source, questions.target], 1)
    at_block = questions.block
    ends = versions.rows(ends_node, at_block[:, None])
    peers = np.zeros(near.peer.shape, np.int64)
    peers[near.mask] = versions.rows(
        near.peer[near.mask], np.broadcast_to(at_block[:, None, None], near.peer.shape)[near.mask]
    )
    if reading.span == "query":
        ticks = questions.time[:, None, None] - near.time
    else:
        last = versions.row_time[peers]
        ticks = np.where(last == NEVER, 0, last - np.where(last == NEVER, 0, near.time))
    ticks = np.where(near.mask, ticks, 0)
    span = days(ticks, reading.tick_seconds)
    end_rows, end_index = np.unique(ends, return_inverse=True)
    return Work(
        pairs=b,
        rows=rows,
        nodes=put(versions.nodes),
        fresh=put(fresh_rows(versions, last_update)),
        levels=[level_tensors(level, device, dtype, payload) for level in versions.levels],
        row_inputs=put(row_inputs, dtype),
        final_rows=put(versions.final_rows),
        final_nodes=put(versions.row_node[versions.final_rows]),
        ends=put(ends, None, size),
        end_inputs=put(_end_inputs(questions, ends_node, reading), dtype, size),
        peers=put(peers, None, size).view(-1, k),
        mask=put(near.mask, None, size).view(-1, k),
        about=put(about_events(near, span, reading), dtype, size).flatten(0, 1),
        span=put(span, dtype, size).view(-1, k),
        end_rows=put(end_rows, None, padded(len(end_rows))),
        end_index=put(end_index.reshape(b, 2), None, size).view(-1),
        features=put(questions.features, None, size),
        versions=versions,
    )


def about_events(near: Neighbors, span: Floats, reading: Reading) -> npt.NDArray[np.floating[Any]]:
    """What of an attended event's features no parameter enters, behind φ: a, its log age, and zeros up to the width."""
    exact = np.dtype(np.float64 if reading.dtype == torch.float64 else np.float32)
    x: npt.NDArray[np.floating[Any]] = near.x.astype(exact)
    out: npt.NDArray[np.floating[Any]] = np.zeros((*x.shape, reading.width), exact)
    if reading.events == "abs":
        parts = [np.abs(x) * reading.weight_max]
    else:
        parts = [x, np.abs(x), ~np.signbit(x), near.role]
    if reading.lag:
        parts.append(np.log1p(np.maximum(span, 0).astype(exact) * _MINUTES) / _LAG_SCALE)
    for i, part in enumerate(parts):
        out[..., i] = part
    return out


def _row_inputs(versions: Versions, questions: Questions | None, reading: Reading) -> npt.NDArray[np.floating[Any]]:
    parts: list[npt.NDArray[np.floating[Any]]] = [np.zeros((len(versions.row_node), reading.zeros), np.float32)]
    if reading.counts:
        # In float32, as the engine's features of the ends are.
        parts.append(np.log1p(versions.row_counts).astype(np.float32))
    if reading.node_features is not None:
        first = 0 if questions is None or not len(questions) else int(questions.time[0])
        known = versions.row_time != NEVER
        # A version is what a node is from its last event on, so its features are those of the next tick.
        parts.append(reading.node_features(versions.row_node, np.where(known, versions.row_time, first - 1) + 1))
    return np.concatenate(parts, 1)


def _end_inputs(questions: Questions, ends: Ints, reading: Reading) -> npt.NDArray[np.floating[Any]]:
    b = len(questions)
    parts: list[npt.NDArray[np.floating[Any]]] = [np.zeros((b, 2, reading.zeros), np.float32)]
    if reading.counts:
        # Features 0-3 are the rater's log counts and 4-7 the ratee's.
        parts.append(questions.features[:, :8].reshape(b, 2, 4))
    if reading.node_features is not None:
        times = np.repeat(questions.time, 2)
        parts.append(np.asarray(reading.node_features(ends.reshape(-1), times)).reshape(b, 2, -1))
    return np.concatenate(parts, 2)


def _no_questions() -> Questions:
    none = np.zeros(0, np.int64)
    near = np.zeros((0, 2, 1), np.int64)
    return Questions(
        source=none, target=none, time=none, block=none, features=np.zeros((0, len(FEATURE_NAMES)), np.float32),
        neighbors=Neighbors(
            peer=near, time=near, event=near, mask=near.astype(bool), x=near.astype(np.float32),
            role=near.astype(np.int8),
        ),
    )  # fmt: skip
