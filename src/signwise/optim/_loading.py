"""State dicts that keep their dtypes, and the exchange with lion_pytorch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import signwise.convex
from signwise.convex import _constant

# K is an option of a param group, so checkpoints hold it; torch.load(weights_only=True) must know the classes.
torch.serialization.add_safe_globals(
    [
        *(getattr(signwise.convex, name) for name in signwise.convex.__all__ if name != "NotAvailableError"),
        _constant.Constant,
    ]
)


class Kept:
    """A holder that torch's ``load_state_dict`` passes on as it is, where it would cast a tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def wrap(state_dict: dict[str, Any]) -> dict[str, Any]:
    """Hide the tensors of a state dict from the cast to the parameters' dtype."""
    state = {
        key: {name: Kept(value) if isinstance(value, Tensor) else value for name, value in entries.items()}
        for key, entries in state_dict["state"].items()
    }
    return {**state_dict, "state": state}


def unwrap_(state: dict[Any, dict[str, Any]]) -> None:
    """Put copies of the hidden tensors back, on the device of their parameter."""
    for parameter, entries in state.items():
        for name, value in entries.items():
            if isinstance(value, Kept):
                entries[name] = value.tensor.to(parameter.device, copy=True)


def from_lion_pytorch_(group: dict[str, Any]) -> None:
    """Read the options of lion_pytorch's cautious variant and drop them; its plain Lion has none of its own."""
    factor, decay = group.pop("cautious_factor", None), group.pop("cautious_wd", None)
    if factor is not None and "cautious" not in group:
        if factor not in (0, 1):
            raise ValueError(
                f"the state dict has cautious_factor={factor!r}, a blend of the cautious and the plain step that "
                "LionK does not have; set it to 1.0 (plain) or 0.0 (rescaled mask) in its param_groups"
            )
        group["cautious"] = "rescale" if factor == 0 else None
    if decay is not None:
        group.setdefault("decay", "cautious" if decay else "plain")
