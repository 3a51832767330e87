"""What a model with memories is made of, and how it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from ._decoders import DecoderKind
from ._messages import EventFeatures
from ._sketch import SKETCH_RATE, SignedSketch

OptimizerFactory = Callable[[Any], torch.optim.Optimizer]
"""Makes an optimizer from parameters or parameter groups, such as ``functools.partial(LionK, lr=1e-3)``."""


@dataclass(frozen=True, kw_only=True)
class MemoryOptions:
    """The parts of a model with memories.

    Args:
        dim: length d of a memory.
        memories: 2 signed ones, or 1.
        time_dim: length of the time encoding.
        time_init: ``"linear"`` as published, or ``"geometric"``.
        heads: attention heads.
        head_dim: length of each.
        attention_dropout: of attention weights.
        neighbors: K, how many newest events of a node are attended to.
        event_features: ``"abs"`` as published, or ``"signed"``.
        message: ``"identity"`` as published, or ``"linear"``.
        memory_init: ``"zeros"`` as published, or ``"learned"``.
        aggregate: ``"mean"`` of a node's messages in a block, or the ``"last"``.
        balance: peers' memories by the rule of balance; False reads those of the same name.
        propagate: attend to neighbors; False decodes the memories themselves.
        node_inputs: ``"zeros"`` (8 of them) as published, or ``"counts"`` (log counts given and received).
        span: an attended event's age is counted to the ``"peer"``'s last event, as published, or to the ``"query"``.
        edge_lag: add the log of an attended event's age in minutes to its features; φ alone, whose fastest cosine turns
            once in days, cannot tell a burst of minutes from one of hours.
        recent: let the decoder read :func:`recent_features` beside the running features.
        sketch: length of the vectors of a :class:`SignedSketch` whose product the decoder reads; 0 for none, 64 is a
            good start. It feels paths of any length, where networks are too sparse for triads.
        sketch_rate: how far an event moves them.
        rectify: z is ReLU of the attention's output.
        decoder: ``"linear"`` of both vectors, or ``"hybrid"``, ``"memory"`` or ``"features"``.
        dropout: inside the decoder.
        z_dropout: of the vectors that the decoder corrects with.
        payload_dim: length of the vectors of committed events that messages carry, 0 for none.
        message_dim: length that they are projected to.
        node_feature_dim: length of what ``node_features`` gives, 0 for none.
        distribution: for weights, a distribution over ordered levels instead of one number.
        store: dtype of the stored memories; float16 halves them.
        granularity: memories advance after every tie group (``"tie"``), or after so many events.
    """

    dim: int = 64
    memories: Literal[1, 2] = 2
    time_dim: int = 16
    time_init: Literal["linear", "geometric"] = "geometric"
    heads: int = 4
    head_dim: int = 16
    attention_dropout: float = 0.0
    neighbors: int = 10
    event_features: EventFeatures = "signed"
    message: Literal["identity", "linear"] = "identity"
    memory_init: Literal["zeros", "learned"] = "learned"
    aggregate: Literal["mean", "last"] = "mean"
    balance: bool = True
    propagate: bool = True
    node_inputs: Literal["zeros", "counts"] = "counts"
    span: Literal["peer", "query"] = "query"
    edge_lag: bool = True
    recent: bool = True
    sketch: int = 0
    sketch_rate: float = SKETCH_RATE
    rectify: bool = True
    decoder: Literal["linear"] | DecoderKind = "hybrid"
    dropout: float = 0.2
    z_dropout: float = 0.0
    payload_dim: int = 0
    message_dim: int = 16
    node_feature_dim: int = 0
    distribution: bool = True
    store: torch.dtype = torch.float32
    granularity: Literal["tie"] | int = "tie"

    def __post_init__(self) -> None:
        if self.granularity != "tie" and not (isinstance(self.granularity, int) and self.granularity > 0):
            raise ValueError(f"granularity is {self.granularity!r}; expected 'tie' or a positive number of events")
        if self.store not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
            raise ValueError(f"store is {self.store}; expected a floating dtype")
        if self.memories not in (1, 2):
            raise ValueError(f"memories is {self.memories}; expected 1 or 2")
        if self.sketch:
            SignedSketch(self.sketch, self.sketch_rate)
        for name in ("dim", "time_dim", "heads", "head_dim", "neighbors"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a model with memories is trained.

    Args:
        epochs: passes over the training part; the state starts empty in each.
        batch_size: events after which memories advance and the optimizer steps, extended to the end of a tie group.
        lr: learning rate of the default optimizer.
        weight_decay: of the default optimizer, AdamW.
        clip: largest norm of the gradient.
        negative_weight: weight of negative events.
        null_weight: weight of non-events.
        pooled: one mean of weighted losses instead of a mean of class means.
        choose: keep the epoch of best validation score instead of the last.
        optimizer: makes another optimizer; it is given parameter groups.
    """

    epochs: int = 4
    batch_size: int = 50
    lr: float = 3e-3
    weight_decay: float = 1e-2
    clip: float = 1.0
    negative_weight: float = 4.0
    null_weight: float = 1.0
    pooled: bool = True
    choose: bool = True
    optimizer: OptimizerFactory | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(f"epochs={self.epochs} and batch_size={self.batch_size}; both must be at least 1")


@dataclass(frozen=True, kw_only=True)
class OnlineOptions:
    """How a model learns while it is asked.

    Args:
        every: committed events between two rounds of learning.
        steps: optimizer steps of a round of fine-tuning.
        batch: events of a step, half of them uniform over the buffer, half over the newest.
        newest: how many events are the newest.
        buffer: how many events are kept.
        lr: learning rate of fine-tuning.
        weight_decay: of fine-tuning.
        prior: weight of bias 0 and temperature 1 in calibration, in events.
    """

    every: int = 250
    steps: int = 32
    batch: int = 256
    newest: int = 2_500
    buffer: int = 50_000
    lr: float = 1e-3
    weight_decay: float = 1e-2
    prior: float = 50.0
