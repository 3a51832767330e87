"""Two displays of the same tasks: bars by rich, and plain lines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ._progress import Progress


class Display(Protocol):
    """Shows tasks; a task calls :meth:`show` at most once in ``interval_s`` seconds."""

    interval_s: float

    def add(self, task: Progress) -> None:
        """Start to show a task."""

    def show(self, task: Progress) -> None:
        """Show the task's present numbers."""

    def finish(self, task: Progress, *, failed: bool) -> None:
        """Show the last numbers of a task."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class RichDisplay:
    """Bars on a terminal; every nested task is a line of the same live display."""

    interval_s = 0.1

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}", markup=False),
            console=Console(stderr=True),
            # What the program prints to stdout may go to a file or a pipe: only a terminal is redirected.
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )
        self._rows: dict[int, Any] = {}
        self._bars.start()

    def add(self, task: Progress) -> None:
        """Start to show a task."""
        from rich.markup import escape

        self._rows[id(task)] = self._bars.add_task(escape(task.description), total=task.total, numbers=numbers(task))

    def show(self, task: Progress) -> None:
        """Show the task's present numbers."""
        self._bars.update(self._rows[id(task)], completed=task.completed, total=task.total, numbers=numbers(task))

    def finish(self, task: Progress, *, failed: bool) -> None:
        """Show the last numbers of a task; an inner task that succeeded makes room."""
        row = self._rows.pop(id(task))
        self._bars.update(row, completed=task.completed, total=task.total, numbers=numbers(task, done=not failed))
        if self._rows and not failed:
            self._bars.remove_task(row)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bars.stop()


class PlainDisplay:
    """Lines on stderr, for log files and pipes; nothing for work that ends before the first is due."""

    interval_s = 5.0

    def __init__(self) -> None:
        self._shown: set[int] = set()

    def add(self, task: Progress) -> None:
        """Start to show a task."""

    def show(self, task: Progress) -> None:
        """Print one line with the task's present numbers."""
        self._shown.add(id(task))
        self._print(f"{task.description}: {numbers(task)}")

    def finish(self, task: Progress, *, failed: bool) -> None:
        """Print a last line for a task that has printed before."""
        if id(task) in self._shown:
            self._shown.discard(id(task))
            self._print(f"{task.description}: {'stopped at' if failed else 'done,'} {numbers(task, done=True)}")

    def close(self) -> None:
        """Nothing to restore."""

    def _print(self, line: str) -> None:
        if sys.stderr is not None:
            print(line, file=sys.stderr, flush=True)  # noqa: T201


def numbers(task: Progress, *, done: bool = False) -> str:
    """Count, share, rate and time of a task, for example ``40/100 (40%), 12.5/s, 0:05 left, loss 0.31``."""
    parts = [f"{task.completed:,.0f}"]
    if task.total is not None:
        share = f" ({100 * task.completed / task.total:.0f}%)" if task.total else ""
        parts = [f"{task.completed:,.0f}/{task.total:,.0f}{share}"]
    if task.completed:
        parts.append(_rate(task.rate))
    left = task.remaining_s
    if done:
        parts.append(f"took {_clock(task.elapsed_s)}")
    elif left is not None:
        parts.append(f"{_clock(left)} left")
    if task.note:
        parts.append(task.note)
    return ", ".join(parts)


def _rate(per_s: float) -> str:
    if per_s >= 100:
        return f"{per_s:,.0f}/s"
    if per_s >= 1:
        return f"{per_s:.3g}/s"
    return f"{1 / per_s:.3g} s each" if per_s > 0.01 else f"{_clock(1 / per_s)} each"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
