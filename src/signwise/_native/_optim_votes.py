"""Ballots of a sign vote from momentum and gradients, and the step along a vote, without a tensor of votes between.

The votes of a list of tensors are the bits of two planes, nonzero and positive, in the layout of
:mod:`signwise._native._bits`; those of a tensor start at any bit. Arithmetic and bits are those of
:mod:`signwise._native._optim` for the plain step with K = L1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ._optim import fused_available
from ._runtime import core, num_threads

if TYPE_CHECKING:
    from torch import Tensor

Planes = npt.NDArray[np.uint64]


class VoteTensor(NamedTuple):
    """One tensor of a vote.

    Args:
        x: weights, float32, contiguous, on the CPU.
        g: their gradient, of the same kind, or None for zeros.
        m: the momentum, of the same kind.
        first: the bit of its first vote.
    """

    x: Tensor
    g: Tensor | None
    m: Tensor
    first: int


def votes_available() -> bool:
    """Whether there are kernels for this here."""
    return fused_available()


def fits(tensor: Tensor) -> bool:
    """Whether the kernels take the tensor."""
    return (
        str(tensor.dtype) == "torch.float32"
        and tensor.is_cpu
        and str(tensor.layout) == "torch.strided"
        and tensor.is_contiguous()
    )


def cast(tensors: Sequence[VoteTensor], planes: Planes, *, beta1: float, maximize: bool) -> None:
    """Set the bits of sign(β₁m + (1−β₁)g), g negated by `maximize`; a NaN has none.

    Args:
        tensors: of the vote.
        planes: uint64, shape ``(2, words)``, zeros at their bits.
        beta1: β₁.
        maximize: negate the gradients.

    Raises:
        TypeError, ValueError: a tensor is of another kind, or has bits outside the planes.
    """
    core().optim_vote(*_rows(tensors), planes, 0.0, beta1, 0.0, 0.0, maximize, num_threads())


def step(
    tensors: Sequence[VoteTensor], planes: Planes, *, lr: float, beta2: float, weight_decay: float, maximize: bool
) -> None:
    """Take x ← (1−ηλ)x − ηr with r ∈ {−1, 0, 1} of the planes, and m ← β₂m + (1−β₂)g.

    Args:
        tensors: of the vote; their x and m are written.
        planes: uint64, shape ``(2, words)``.
        lr: η.
        beta2: β₂.
        weight_decay: λ.
        maximize: negate the gradients.

    Raises:
        TypeError, ValueError: a tensor is of another kind, or has bits outside the planes.
    """
    core().optim_step_votes(*_rows(tensors), planes, lr, 0.0, beta2, weight_decay, maximize, num_threads())


def _rows(tensors: Sequence[VoteTensor]) -> tuple[npt.NDArray[Any], ...]:
    for i, (x, g, m, _) in enumerate(tensors):
        for name, tensor in (("x", x), ("g", x if g is None else g), ("m", m)):
            if not fits(tensor):
                raise TypeError(
                    f"{name} of tensor {i} must be a contiguous float32 tensor on the CPU, got {tensor.dtype} on "
                    f"{tensor.device} with strides {tensor.stride()}"
                )
            if tensor.numel() != x.numel():
                raise ValueError(f"{name} of tensor {i} has {tensor.numel()} elements, x has {x.numel()}")
    table = [
        (x.data_ptr(), 0 if g is None else g.data_ptr(), m.data_ptr(), x.numel(), first) for x, g, m, first in tensors
    ]
    return tuple(np.ascontiguousarray(column) for column in np.array(table, np.int64).reshape(len(table), 5).T)
