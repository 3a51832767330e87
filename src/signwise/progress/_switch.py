"""Whether progress is shown at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_quiet: ContextVar[bool] = ContextVar("signwise_quiet", default=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Show no progress inside a ``with`` block, except where ``enabled=True`` asks for it.

    Example:
        >>> from signwise import progress
        >>> with progress.quiet():
        ...     sum(progress.track(range(3), "adding"))
        3
    """
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def is_enabled(enabled: bool | None) -> bool:
    """The argument if it is given, else not inside :func:`quiet`, else ``SIGNWISE_PROGRESS`` (1 or 0), else yes."""
    if enabled is not None:
        return enabled
    if _quiet.get():
        return False
    setting = os.environ.get("SIGNWISE_PROGRESS", "")
    if setting not in ("", "0", "1"):
        raise ValueError(f"SIGNWISE_PROGRESS is {setting!r}; set it to 0 for silence or 1 for progress")
    return setting != "0"
