"""Telling arrays from tensors without importing torch."""

from __future__ import annotations

import sys
from typing import Any


def is_tensor(x: Any) -> bool:
    """Whether x is a torch tensor; false where torch was never imported, as there are no tensors then."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def describe(x: Any) -> str:
    """What came, for an error message."""
    return f"{type(x).__module__}.{type(x).__qualname__}".removeprefix("builtins.")
