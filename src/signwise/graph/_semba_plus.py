"""SEMBAPlus: the memories of SEMBA beside exact running features."""

from __future__ import annotations

from typing import ClassVar

from ._contract import Task
from ._event_model import EventModel
from ._options import MemoryOptions, TrainingOptions


class SEMBAPlus(EventModel):
    """Signed memories that correct an additive model of the running features; the default model.

    Example:
        >>> from signwise.graph import SEMBAPlus
        >>> model = SEMBAPlus("sign", seed=1)
        >>> model.task, model.training
        ('sign', False)
    """

    OPTIONS: ClassVar[MemoryOptions] = MemoryOptions()

    @classmethod
    def default_training(cls, task: Task) -> TrainingOptions:
        """AdamW of rate 3e-3 and batches of 50; negative events count four times for signs."""
        return TrainingOptions(negative_weight=4.0 if task == "sign" else 1.0)
