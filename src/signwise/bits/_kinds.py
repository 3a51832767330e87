"""Telling arrays from tensors without importing torch."""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np


def is_tensor(x: Any) -> bool:
    """Whether x is a torch tensor; false where torch was never imported, as there are no tensors then."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def whole(value: Any, name: str, low: int, high: int | None = None) -> Any:
    """The value as an int of at least ``low`` and, where given, at most ``high``, or an error that names it."""
    # An int is left as it is: torch.compile sees a symbolic size as one, and converting it would fix its value.
    if type(value) is not int:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{name} must be a whole number, got {value!r}")
        try:
            value = operator.index(value)
        except TypeError:
            raise TypeError(f"{name} must be a whole number, got {describe(value)}") from None
    if value < low or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} is {value}; it must be {limits}")
    return value


def describe(x: Any) -> str:
    """What came, for an error message."""
    return f"{type(x).__module__}.{type(x).__qualname__}".removeprefix("builtins.")
