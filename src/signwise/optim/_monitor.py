"""Certificates along a training run: recorded, logged, plotted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Literal

from torch import Tensor

from signwise.errors import import_extra

from ._certificate import Certificate
from ._lion_k import LionK

Field = Literal["loss", "feasibility_bound", "distance", "gap", "lyapunov_slack", "implied_smoothness"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One moment of a run.

    Args:
        step: how many times ``record`` had been called, which is the number of steps.
        loss: what it was given.
        certificate: the certificate then; its own `step` says at which weights the gap was taken.
    """

    step: int
    loss: float | None
    certificate: Certificate


@dataclass(frozen=True, kw_only=True)
class History:
    """The entries of a run, in order."""

    entries: tuple[Entry, ...] = ()

    def series(self, field: Field) -> tuple[list[int], list[float]]:
        """The steps at which a field is known, and its values."""
        steps, values = [], []
        for entry in self.entries:
            value = entry.loss if field == "loss" else getattr(entry.certificate, field)
            if value is not None:
                steps.append(entry.step)
                values.append(value)
        return steps, values

    def plot(self, path: str | PathLike[str]) -> None:
        """Write a figure of loss, distance under its bound, gap and Lyapunov slack against the step.

        Args:
            path: of the file; its ending chooses the format.

        Raises:
            MissingExtraError: matplotlib is not installed (``pip install 'signwise[report]'``).
        """
        figure_module = import_extra("matplotlib.figure", "report", "to plot certificates")
        panels: list[tuple[str, list[Field], str]] = [
            ("loss", ["loss"], "linear"),
            ("distance to the set", ["feasibility_bound", "distance"], "log"),
            ("gap", ["gap"], "log"),
            ("Lyapunov slack", ["lyapunov_slack"], "symlog"),
        ]
        figure = figure_module.Figure(figsize=(10, 7), layout="constrained")
        for axes, (title, fields, scale) in zip(figure.subplots(2, 2).flat, panels, strict=True):
            for field in fields:
                steps, values = self.series(field)
                shown = [v if scale != "log" or v > 0 else math.nan for v in values]
                axes.plot(steps, shown, label=field.replace("_", " "))
            if any(v > 0 for field in fields for v in self.series(field)[1]) or scale != "log":
                axes.set_yscale(scale)
            axes.set(title=title, xlabel="step")
            if len(fields) > 1:
                axes.legend()
        figure.savefig(path)


class CertificateMonitor:
    """Record an optimizer's certificate every few steps of a training loop.

    Args:
        optimizer: a :class:`LionK`, with ``certify=True`` for a gap, and stepped with closures for a slack.
        every: record each so-manieth step.
        smoothness: L, for the Lyapunov slack.
        log: called with a line of text for every record; ``print`` or a logger's ``info``.

    Example:
        >>> import torch
        >>> from signwise.optim import CertificateMonitor, Lion
        >>> x = torch.nn.Parameter(torch.zeros(2))
        >>> optimizer = Lion([x], lr=0.01, radius=0.5, certify=True)
        >>> monitor = CertificateMonitor(optimizer, every=100, log=print)
        >>> for _ in range(200):
        ...     optimizer.zero_grad()
        ...     loss = (x - torch.tensor([0.2, 3.0])).square().sum()
        ...     loss.backward()
        ...     optimizer.step()
        ...     monitor.record(loss)
        step 100: loss 6.593, distance 0 <= 0, gap 0.354
        step 200: loss 6.295, distance 0 <= 0, gap 0.0507
        >>> len(monitor.history.entries)
        2
    """

    def __init__(
        self,
        optimizer: LionK,
        *,
        every: int = 1,
        smoothness: float | None = None,
        log: Callable[[str], object] | None = None,
    ) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self.optimizer = optimizer
        self.every = every
        self.smoothness = smoothness
        self._log = log
        self._step = 0
        self._entries: list[Entry] = []

    @property
    def history(self) -> History:
        """What has been recorded so far."""
        return History(entries=tuple(self._entries))

    def record(self, loss: float | Tensor | None = None) -> None:
        """Count a step; take a certificate if it is the turn.

        Args:
            loss: to keep beside it; a tensor of one element is read only when it is the turn.
        """
        self._step += 1
        if self._step % self.every:
            return
        certificate = self.optimizer.certificate(smoothness=self.smoothness)
        entry = Entry(step=self._step, loss=number(loss), certificate=certificate)
        self._entries.append(entry)
        if self._log is not None:
            self._log(line(entry))


def number(loss: float | Tensor | None) -> float | None:
    """A loss as a Python number."""
    return loss.item() if isinstance(loss, Tensor) else None if loss is None else float(loss)


def line(entry: Entry) -> str:
    """An entry as text."""
    certificate = entry.certificate
    parts = []
    if entry.loss is not None:
        parts.append(f"loss {entry.loss:.4g}")
    if certificate.distance is not None:
        bound = certificate.feasibility_bound
        parts.append(f"distance {certificate.distance:.3g}" + ("" if bound is None else f" <= {bound:.3g}"))
    else:
        parts.append("no constraint")
    if certificate.gap is not None:
        parts.append(f"gap {certificate.gap:.3g}")
    if certificate.lyapunov_slack is not None:
        parts.append(f"slack {certificate.lyapunov_slack:.3g}")
    return f"step {entry.step}: " + ", ".join(parts)
