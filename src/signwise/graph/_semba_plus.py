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
        """AdamW, batches of 50; for signs and links of rate 3e-3 and 4 epochs, negative events counting four times for
        signs; for weights of rate 2.5e-4 and 8 epochs, because their squared error keeps following the noise of
        larger steps."""
        if task == "weight":
            return TrainingOptions(epochs=8, lr=2.5e-4, negative_weight=1.0)
        return TrainingOptions(negative_weight=4.0 if task == "sign" else 1.0)
