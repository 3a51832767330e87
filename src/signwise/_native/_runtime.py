"""Loading the extension, choosing its instruction tier and its threads."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

ISA_NAMES = ("portable", "avx2", "avx512")

_core: Any = None
_load_error: str | None = None


def _load() -> None:
    global _core, _load_error
    if os.environ.get("SIGNWISE_NATIVE", "1") == "0":
        _load_error = "switched off by SIGNWISE_NATIVE=0"
        return
    try:
        extension = importlib.import_module("signwise._native._core")
    except ModuleNotFoundError:
        _load_error = (
            "not built when signwise was installed: no compiler, or the build failed; reinstall with pip install -v"
        )
        return
    except ImportError as error:
        _load_error = f"cannot be loaded ({error})"
        return
    wanted = os.environ.get("SIGNWISE_ISA", "")
    if wanted:
        _set_isa(extension, wanted, "SIGNWISE_ISA")
    _core = extension


def _set_isa(extension: ModuleType, name: str, origin: str) -> None:
    if name not in ISA_NAMES:
        raise ValueError(f"{origin} is {name!r}; the instruction tiers are: {', '.join(ISA_NAMES)}")
    if not extension.set_isa(name):
        raise ValueError(f"{origin} asks for {name!r}; this processor's highest tier is {extension.best_isa()!r}")


_load()


def core() -> Any:
    """The extension module, or None where it was not built or is switched off."""
    return _core


def available() -> tuple[bool, str]:
    """Whether the native kernels are in use, and a phrase that says why or why not."""
    if _core is None:
        return False, _load_error or "switched off"
    return True, f"{_core.active_isa()} kernels, compiled by {_core.compiler}"


def best_isa() -> str | None:
    """The highest instruction tier of this processor, or None without the extension."""
    return None if _core is None else str(_core.best_isa())


def active_isa() -> str | None:
    """The instruction tier in use, or None without the extension."""
    return None if _core is None else str(_core.active_isa())


@contextmanager
def force_isa(name: str) -> Iterator[None]:
    """Run the kernels at one instruction tier inside a ``with`` block (for tests and benchmarks).

    Raises:
        ValueError: the name is unknown, the processor lacks the tier, or there is no extension.
    """
    if _core is None:
        raise ValueError("the native kernels are not available, so no instruction tier can be forced")
    before = _core.active_isa()
    _set_isa(_core, name, "force_isa")
    try:
        yield
    finally:
        _core.set_isa(before)


@contextmanager
def use_fallback() -> Iterator[None]:
    """Run without the extension inside a ``with`` block, to compare the fallback with it."""
    global _core
    kept, _core = _core, None
    try:
        yield
    finally:
        _core = kept


def num_threads() -> int:
    """Threads that a kernel may use: torch's setting if torch is loaded, ``SIGNWISE_THREADS``, or the CPUs."""
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        return int(torch.get_num_threads())
    setting = os.environ.get("SIGNWISE_THREADS", "")
    if setting:
        if not setting.isdigit() or int(setting) < 1:
            raise ValueError(f"SIGNWISE_THREADS is {setting!r}; give a whole number of at least 1")
        return int(setting)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
