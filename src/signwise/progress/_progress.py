"""The task that callers advance, and the display that nested tasks share."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import TypeVar

from ._display import Display, PlainDisplay, RichDisplay
from ._switch import is_enabled

T = TypeVar("T")

_lock = threading.RLock()
_shared: Display | None = None
_shared_pid = 0
_open_tasks = 0


class Progress:
    """One task of known or unknown length, shown while its ``with`` block runs.

    On a terminal it is a bar with count, rate and time left; elsewhere plain lines on stderr, the first after
    five seconds and then one every five, so short work prints nothing. Tasks opened inside the block of another
    are shown below it. The display goes to stderr, so that stdout stays free for results.

    Args:
        description: what is being done, in a few words.
        total: how many steps there are, or None where that is unknown.
        enabled: show it or not; None follows :func:`quiet` and the environment variable ``SIGNWISE_PROGRESS``.

    Example:
        >>> from signwise.progress import Progress
        >>> with Progress("fit", total=10, enabled=False) as task:
        ...     task.advance(4)
        ...     task.advance()
        >>> task.completed
        5.0
    """

    def __init__(self, description: str, *, total: float | None = None, enabled: bool | None = None) -> None:
        if total is not None and total < 0:
            raise ValueError(f"total must not be negative, got {total}")
        self.description = description
        self.total = total
        self.completed = 0.0
        self.note = ""
        self.started_s = 0.0
        self._enabled = enabled
        self._display: Display | None = None
        self._next_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the block was entered."""
        return time.monotonic() - self.started_s

    @property
    def rate(self) -> float:
        """Steps per second since the block was entered; 0 before the first step."""
        return self.completed / max(self.elapsed_s, 1e-9)

    @property
    def remaining_s(self) -> float | None:
        """Seconds left at this rate, or None while that cannot be known."""
        if self.total is None or self.completed <= 0:
            return None
        return max(self.total - self.completed, 0.0) / self.rate

    def __enter__(self) -> Progress:
        self.completed = 0.0
        self.started_s = time.monotonic()
        if is_enabled(self._enabled):
            self._display = _open_display()
            self._display.add(self)
            self._next_s = self.started_s + self._display.interval_s
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        display, self._display = self._display, None
        if display is not None:
            try:
                display.finish(self, failed=kind is not None)
            finally:
                _close_display(display)

    def advance(self, steps: float = 1, *, note: str | None = None) -> None:
        """Count ``steps`` as done; cheap enough for every item of a fast loop.

        Args:
            steps: how many steps were done since the last call.
            note: a short text to show behind the numbers, for example the current loss; None keeps the last one.
        """
        self.completed += steps
        if note is not None:
            self.note = note
        if self._display is not None and time.monotonic() >= self._next_s:
            self._display.show(self)
            self._next_s = time.monotonic() + self._display.interval_s


def track(
    iterable: Iterable[T], description: str, *, total: float | None = None, enabled: bool | None = None
) -> Iterator[T]:
    """Yield the items of an iterable and show how many are done.

    Args:
        iterable: what to go through.
        description: what is being done, in a few words.
        total: how many items there are; ``len(iterable)`` where it has one and this is None.
        enabled: as for :class:`Progress`.

    Example:
        >>> from signwise.progress import track
        >>> [n * n for n in track(range(4), "squares", enabled=False)]
        [0, 1, 4, 9]
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with Progress(description, total=total, enabled=enabled) as task:
        for item in iterable:
            yield item
            task.advance()


def _open_display() -> Display:
    global _shared, _shared_pid, _open_tasks
    with _lock:
        if _shared is None or _shared_pid != os.getpid():  # a forked child does not own its parent's terminal
            _shared = RichDisplay() if _on_terminal() else PlainDisplay()
            _shared_pid = os.getpid()
            _open_tasks = 0
        _open_tasks += 1
        return _shared


def _close_display(display: Display) -> None:
    global _shared, _open_tasks
    with _lock:
        if display is not _shared:
            return
        _open_tasks -= 1
        if _open_tasks == 0:
            _shared = None
            display.close()


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb"
