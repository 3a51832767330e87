"""What happens to NaN and infinite gradients."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from signwise.errors import SignwiseError

# Reading a counter waits for the device, so off the CPU it is read once in this many steps.
_LOOK_EVERY = 100


class NonFiniteGradientError(SignwiseError, ArithmeticError):
    """A gradient has NaN or infinite entries and the optimizer was told to raise; nothing was changed."""


def nonfinite(grads: list[Tensor]) -> Tensor:
    """How many entries of the tensors are NaN or infinite: int64, no dimensions, on their device.

    Args:
        grads: at least one real floating tensor, all of one device.
    """
    return torch.stack([(~torch.isfinite(g)).sum() for g in grads]).sum()


def nonfinite_on_cpu(grads: list[Tensor]) -> int:
    """:func:`nonfinite` for the CPU, where one sum per tensor is the cheapest look."""
    # A NaN or an infinity always reaches the sum; a finite tensor can still overflow it.
    return sum(int((~torch.isfinite(g)).sum()) for g in grads if not math.isfinite(g.sum().item()))


class Counter:
    """Counts non-finite gradient entries without making a device wait for it, and warns."""

    def __init__(self) -> None:
        self._known = 0
        self._pending: dict[torch.device, Tensor] = {}
        self._steps = 0

    def add(self, grads: list[Tensor], *, captured: bool) -> int:
        """Count the entries of one step's gradients; return those that can be seen now."""
        by_device: dict[torch.device, list[Tensor]] = {}
        for g in grads:
            by_device.setdefault(g.device, []).append(g)
        found = 0
        for device, some in by_device.items():
            if device.type == "cpu" and not captured:
                found += nonfinite_on_cpu(some)
            else:
                pending = self._pending.setdefault(device, torch.zeros((), dtype=torch.int64, device=device))
                pending.add_(nonfinite(some))
        self._steps += 1
        if self._pending and not captured and self._steps % _LOOK_EVERY == 0:
            found += self._drain()
        return found

    def note(self, found: int) -> None:
        """Remember entries that were seen in a step, and warn if there are any."""
        self._known += found
        if found:
            warnings.warn(
                f"{found} gradient entries were NaN or infinite and went into the momentum, where they stay for long; "
                "use nan_policy='skip' or 'raise', or look for their origin (torch.autograd.detect_anomaly)",
                RuntimeWarning,
                stacklevel=4,
            )

    def total(self) -> int:
        """Entries counted so far."""
        self._known += self._drain()
        return self._known

    def _drain(self) -> int:
        found = 0
        for pending in self._pending.values():
            found += int(pending.item())
            pending.zero_()
        return found
