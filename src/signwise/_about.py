"""What is installed and which paths are active: the Python twin of ``signwise info``."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Mapping
from pathlib import Path

from . import __version__, _native

EXTRAS = {
    "arrow": ("pyarrow",),
    "graph": ("torch_geometric",),
    "index": ("faiss", "usearch"),
    "report": ("matplotlib",),
    "scale": ("ray",),
    "video": ("av",),
}
"""Modules that each extra brings; a test holds this against pyproject.toml."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Info:
    """The state of this installation.

    Attributes:
        version: of signwise.
        python: version of the interpreter.
        packages: version of torch, numpy, scipy and scikit-learn, or None where one is absent.
        native: whether the native kernels are in use.
        native_reason: why they are or are not.
        active_isa: the instruction tier in use, None without the kernels.
        best_isa: the highest tier of this processor, None without the kernels.
        threads: how many threads a kernel may use.
        extras: for each extra, the modules of it that are missing; empty when it is installed.
        data: the directory in ``SIGNWISE_DATA``, or None.
    """

    version: str
    python: str
    packages: Mapping[str, str | None]
    native: bool
    native_reason: str
    active_isa: str | None
    best_isa: str | None
    threads: int
    extras: Mapping[str, tuple[str, ...]]
    data: Path | None


def info() -> Info:
    """Look at the installation, without importing any heavy package.

    Example:
        >>> from signwise._about import info
        >>> info().python.count(".")
        2
    """
    native, reason = _native.available()
    data = os.environ.get("SIGNWISE_DATA", "")
    return Info(
        version=__version__,
        python=platform.python_version(),
        packages={name: _version(name) for name in ("torch", "numpy", "scipy", "scikit-learn")},
        native=native,
        native_reason=reason,
        active_isa=_native.active_isa(),
        best_isa=_native.best_isa(),
        threads=_native.num_threads(),
        extras={
            extra: tuple(module for module in modules if importlib.util.find_spec(module) is None)
            for extra, modules in EXTRAS.items()
        },
        data=Path(data) if data else None,
    )


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
