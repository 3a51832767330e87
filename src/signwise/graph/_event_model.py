"""What SEMBA, SEMBAPlus and TGN share as models of the protocols."""

from __future__ import annotations

from typing import ClassVar, TypeVar

import numpy.typing as npt
import torch

from signwise.events import EventStream, Split

from ._contract import Online, Queries, Scores, Task
from ._online import score_stream
from ._options import MemoryOptions, OnlineOptions, TrainingOptions
from ._questions import NodeFeatures
from ._scoring import follow
from ._stream_module import StreamModule
from ._training import fit_stream

Self = TypeVar("Self", bound="EventModel")


class EventModel(StreamModule):
    """A :class:`~signwise.graph._stream_module.StreamModule` that can be fitted and measured.

    Args:
        task: ``"sign"``, ``"link"``, ``"signed_link"`` or ``"weight"``.
        options: the parts; by default ``OPTIONS`` of the class.
        training: how it is trained; by default what :meth:`default_training` says for the task.
        online: how it learns from committed events while it is asked.
        node_features: features of nodes at times, from events before those times only.
        levels: for a distribution of signed weights, the ordered values; found by :meth:`fit` where None.
        seed: of the initial weights, and of training.
    """

    OPTIONS: ClassVar[MemoryOptions]

    def __init__(
        self,
        task: Task = "sign",
        *,
        options: MemoryOptions | None = None,
        training: TrainingOptions | None = None,
        online: OnlineOptions | None = None,
        node_features: NodeFeatures | None = None,
        levels: npt.ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(
                task, options=self.OPTIONS if options is None else options, node_features=node_features, levels=levels
            )
        self.training_options = self.default_training(task) if training is None else training
        self.online_options = OnlineOptions() if online is None else online
        self.seed = seed
        self.eval()

    @classmethod
    def default_training(cls, task: Task) -> TrainingOptions:
        """How the model is trained for a task unless told otherwise."""
        return TrainingOptions()

    def fit(
        self: Self,
        stream: EventStream,
        split: Split,
        *,
        negatives: Queries | None = None,
        progress: bool | None = None,
    ) -> Self:
        """Learn from the training part of a stream, and choose an epoch on its validation part.

        The state is empty afterwards; :meth:`follow` brings it to the end of a stream. An interrupt keeps the best
        weights so far.

        Args:
            stream: the whole stream; what comes after the validation part is never read.
            split: its parts.
            negatives: non-events, which the tasks ``link`` and ``signed_link`` need.
            progress: show progress on standard error; None decides by the terminal.

        Returns:
            The model itself, in evaluation mode.
        """
        fit_stream(
            self, stream, split, negatives=negatives, training=self.training_options, seed=self.seed, progress=progress
        )
        return self

    def scores(self, stream: EventStream, *, queries: Queries | None = None, online: Online = "off") -> Scores:
        """One pass over a stream from an empty state; the model and its own state are not changed.

        Args:
            stream: events.
            queries: pairs to score beside them.
            online: ``"off"``; ``"calibrate"`` learns bias and temperature, and ``"finetune"`` the decoder, from events
                committed after the time that the model was trained to.
        """
        mode = self.training
        # Not eval(), which would apply waiting messages of the model's own state.
        for module in self.modules():
            module.training = False
        try:
            return score_stream(
                self, follow(self, stream, queries), online, training=self.training_options,
                options=self.online_options, seed=self.seed,
            )  # fmt: skip
        finally:
            super(StreamModule, self).train(mode)

    def follow(self: Self, stream: EventStream) -> Self:
        """Empty the state and commit a whole stream, in evaluation mode."""
        self.eval()
        self.reset_stream()
        self.commit(stream)
        return self
