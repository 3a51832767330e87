"""What an event tells the memories of its two ends: the four messages of balance theory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

EventFeatures = Literal["abs", "signed"]


def event_features(x: Tensor, role: Tensor, kind: EventFeatures, weight_max: Tensor | float = 1.0) -> Tensor:
    """The features a of events as one end sees them.

    Args:
        x: float, shape ``(...)``; signed values in [-1, 1], whose sign bit is the sign.
        role: float, shape ``(...)``; +1 where the node was the rater, -1 where the ratee.
        kind: ``"abs"``, as published, is the weight alone, ``[w]``; ``"signed"`` is ``[x, |x|, 1[s > 0], role]``.
        weight_max: the weight at ``|x| = 1``.

    Returns:
        float, shape ``(..., 1)`` or ``(..., 4)``.
    """
    if kind == "abs":
        return (x.abs() * weight_max).unsqueeze(-1)
    return torch.stack([x, x.abs(), (~torch.signbit(x)).to(x.dtype), role], -1)


def event_feature_dim(kind: EventFeatures) -> int:
    """Length of :func:`event_features`."""
    if kind not in ("abs", "signed"):
        raise ValueError(f"event_features is {kind!r}; expected 'abs' or 'signed'")
    return 1 if kind == "abs" else 4


def peer_parts(peer: Sequence[Tensor], negative: Tensor, *, balance: bool = True) -> list[Tensor]:
    r"""The memory of the peer that goes into each memory of the node.

    ======  =====================  =====================
    sign    into :math:`m_i^+`     into :math:`m_i^-`
    ======  =====================  =====================
    \+      :math:`m_j^+`          :math:`m_j^-`
    −       :math:`m_j^-`          :math:`m_j^+`
    ======  =====================  =====================

    The friend of a friend and the enemy of an enemy speak to the friendly memory; the enemy of a friend and the
    friend of an enemy to the hostile one.

    Args:
        peer: one or two tensors of shape ``(m, d)``; the peers' memories. A single memory has no sign to follow.
        negative: bool, shape ``(m,)``; the events' signs.
        balance: False reads the memory of the same name, whatever the sign.

    Returns:
        As many tensors of shape ``(m, d)``.
    """
    if len(peer) == 1 or not balance:
        return list(peer)
    swap = negative.unsqueeze(-1)
    return [torch.where(swap, peer[1], peer[0]), torch.where(swap, peer[0], peer[1])]


class LinearMessages(nn.Module):
    """Messages with own weights for each memory, role and sign, ``W[memory, role, sign] [m_i ‖ m_j ‖ a ‖ φ] + b``.

    Args:
        memories: 1 or 2.
        in_dim: length of the raw message.
        out_dim: length of the message.
    """

    def __init__(self, memories: int, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(memories, 4, in_dim, out_dim))
        self.bias = nn.Parameter(torch.zeros(memories, 4, out_dim))
        bound = 1 / math.sqrt(in_dim)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, raw: Tensor, memory: int, role: Tensor, negative: Tensor) -> Tensor:
        """Transform raw messages.

        Args:
            raw: float, shape ``(m, in_dim)``.
            memory: which memory they go to.
            role: float, shape ``(m,)``; +1 rater, -1 ratee.
            negative: bool, shape ``(m,)``.

        Returns:
            float, shape ``(m, out_dim)``.
        """
        kind = (role < 0).long() * 2 + negative.long()
        # One product with all four weights: a gather of rows by kind would copy them, and each product is small.
        every = torch.einsum("mi,kio->mko", raw, self.weight[memory]) + self.bias[memory]
        return every[torch.arange(len(raw), device=raw.device), kind]
