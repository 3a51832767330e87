"""SEMBA: two memories per node, and messages by the rule of balance."""

from __future__ import annotations

from typing import ClassVar

from ._contract import Task
from ._event_model import EventModel
from ._options import MemoryOptions, TrainingOptions


class SEMBA(EventModel):
    """The published equations of SEMBA, with correct code.

    References:
        Signed link forecasting in continuous-time networks, arXiv 2207.03408 (CIKM 2023).
    """

    OPTIONS: ClassVar[MemoryOptions] = MemoryOptions(
        time_dim=32, time_init="linear", heads=8, head_dim=8, attention_dropout=0.5, event_features="abs",
        memory_init="zeros", node_inputs="zeros", span="peer", edge_lag=False, recent=False, rectify=False,
        decoder="linear", distribution=False,
    )  # fmt: skip

    @classmethod
    def default_training(cls, task: Task) -> TrainingOptions:
        """Adam of rate .01 and batches of 1,000, as published for the Bitcoin networks."""
        return TrainingOptions(
            epochs=10 if task == "signed_link" else 15, batch_size=1000, lr=0.01, weight_decay=0.0, negative_weight=1.0,
            pooled=False,
        )  # fmt: skip
