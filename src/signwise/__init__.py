"""Machine learning that works through signs.

Subpackages load on first use, so that ``import signwise`` is quick and does not import torch.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import SignwiseError as SignwiseError

__version__ = "0.1.0"

_SUBPACKAGES = (
    "artifacts",
    "binary",
    "bits",
    "config",
    "convex",
    "data",
    "events",
    "forecast",
    "graph",
    "optim",
    "ortho",
    "progress",
    "recovery",
    "vsa",
)

__all__ = ["SignwiseError", "__version__", *_SUBPACKAGES]  # noqa: PLE0604 - _SUBPACKAGES holds strings


def __getattr__(name: str) -> ModuleType:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
