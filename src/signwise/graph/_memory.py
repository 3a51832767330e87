"""The signed memories of nodes: how messages change them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ._messages import EventFeatures, LinearMessages, event_feature_dim, event_features, peer_parts
from ._time_encoding import TimeEncoding
from ._versions import Level, Versions

_PAD = 16
"""Rows are computed in multiples of it: the bits of a product's row depend on how many rows follow it, but not if
their number is a multiple of the kernels' widths."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelTensors:
    """A :class:`~signwise.graph._versions.Level` on the model's device, with its width before padding."""

    width: int
    own: Tensor
    unit: Tensor
    peer: Tensor
    x: Tensor
    role: Tensor
    span: Tensor
    share: Tensor
    single: bool
    payload: Tensor | None


def padded(length: int) -> int:
    """The next multiple of 16."""
    return -(-length // _PAD) * _PAD


def level_tensors(
    level: Level, device: torch.device, dtype: torch.dtype, payload: np.ndarray | None = None
) -> LevelTensors:
    """Put a level on a device, with rows of no effect behind it up to a multiple of 16."""
    width, messages = len(level.own), len(level.unit)
    single = messages == width and bool(np.all(level.share == 1))
    rows, told = padded(width), padded(messages)

    def put(values: np.ndarray, size: int, kind: torch.dtype) -> Tensor:
        out = np.zeros((size, *values.shape[1:]), values.dtype)
        out[: len(values)] = values
        return torch.from_numpy(out).to(device, kind)

    return LevelTensors(
        width=width,
        own=put(level.own, rows, torch.int64),
        unit=put(level.unit, told, torch.int64),
        peer=put(level.peer, told, torch.int64),
        x=put(level.x, told, dtype),
        role=put(level.role, told, dtype),
        span=put(level.span, told, dtype),
        share=put(level.share, told, dtype),
        single=single,
        payload=None if payload is None else put(payload[level.event], told, dtype),
    )


class SignedMemory(nn.Module):
    r"""Two memories per node, m⁺ and m⁻ (or one), each changed by its own GRU cell.

    .. math:: m_i^\pm \leftarrow \mathrm{GRU}^\pm\bigl(\operatorname{mean}_{e \ni i} msg_e^\pm,\; m_i^\pm\bigr),
              \qquad msg_e^\pm = m_i^\pm \Vert m_j^{\pm s} \Vert a_e \Vert \varphi(t_e - T_i)

    Args:
        dim: length d of a memory.
        memories: 2, or 1 for the memory of a TGN, whose events carry their sign in a alone.
        time_encoding: φ, shared with the attention.
        event_kind: the features a.
        balance: False for peers' memories of the same name whatever the sign.
        message: ``"identity"`` or ``"linear"`` (own weights for each role, sign and memory).
        init: memory of a node without events: ``"zeros"``, or ``"learned"`` vectors.
        payload_dim: length of the vectors that committed events carry, 0 for none.
        message_dim: length that they are projected to.
    """

    def __init__(
        self,
        dim: int,
        *,
        memories: int = 2,
        time_encoding: TimeEncoding,
        event_kind: EventFeatures = "signed",
        balance: bool = True,
        message: Literal["identity", "linear"] = "identity",
        init: Literal["zeros", "learned"] = "learned",
        payload_dim: int = 0,
        message_dim: int = 0,
    ) -> None:
        super().__init__()
        if message not in ("identity", "linear"):
            raise ValueError(f"message is {message!r}; expected 'identity' or 'linear'")
        if init not in ("zeros", "learned"):
            raise ValueError(f"memory_init is {init!r}; expected 'zeros' or 'learned'")
        self.dim, self.memories, self.balance, self.event_kind = dim, memories, balance, event_kind
        self.time_encoding = time_encoding
        raw = 2 * dim + event_feature_dim(event_kind) + time_encoding.dim + (message_dim if payload_dim else 0)
        self.payload = nn.Linear(payload_dim, message_dim) if payload_dim else None
        self.linear = LinearMessages(memories, raw, raw) if message == "linear" else None
        self.grus = nn.ModuleList(nn.GRUCell(raw, dim) for _ in range(memories))
        self.weight_max: Tensor
        self.register_buffer("weight_max", torch.zeros(()))
        self.initial: Tensor
        start = torch.randn(memories, dim) * 0.1 if init == "learned" else torch.zeros(memories, dim)
        if init == "learned":
            self.initial = nn.Parameter(start)
        else:
            self.register_buffer("initial", start)

    def stored(self, rows: tuple[Tensor, ...], fresh: Tensor) -> tuple[Tensor, ...]:
        """Rows of the store, with the initial memory for nodes that have had no event.

        Args:
            rows: a tensor of shape ``(r, d)`` for each memory.
            fresh: bool, shape ``(r,)``.
        """
        dtype = self.time_encoding.lin.weight.dtype
        return tuple(torch.where(fresh[:, None], self.initial[k], m.to(dtype)) for k, m in enumerate(rows))

    def update(self, table: tuple[Tensor, ...], level: LevelTensors) -> tuple[Tensor, ...]:
        """The new memories of one level of versions, each of shape ``(width, d)``.

        Args:
            table: the memory rows so far, each of shape ``(rows, d)``.
            level: what is read and told.
        """
        own = [m.index_select(0, level.own) for m in table]
        negative = torch.signbit(level.x)
        parts = peer_parts([m.index_select(0, level.peer) for m in table], negative, balance=self.balance)
        a = event_features(level.x, level.role, self.event_kind, self.weight_max)
        about = [a, self.time_encoding(level.span)]
        if self.payload is not None and level.payload is not None:
            about.insert(1, self.payload(level.payload))
        if self.linear is not None:
            inputs = []
            for k, part in enumerate(parts):
                raw = torch.cat([table[k][level.own[level.unit]], part, *about], 1)
                told = self.linear(raw, k, level.role, negative)
                inputs.append(self._aggregate(told, level))
        else:
            # The node's own part is the same in all messages of a version, and a and φ are in both memories' ones.
            told = self._aggregate(torch.cat([*parts, *about], 1), level)
            rest = told[:, len(parts) * self.dim :]
            inputs = [
                torch.cat([own[k], told[:, k * self.dim : (k + 1) * self.dim], rest], 1) for k in range(len(parts))
            ]
        return tuple(
            gru(given, before)[: level.width] for gru, given, before in zip(self.grus, inputs, own, strict=True)
        )

    def _aggregate(self, told: Tensor, level: LevelTensors) -> Tensor:
        if level.single:
            return told
        out = told.new_zeros(len(level.own), told.shape[1])
        return out.index_add(0, level.unit, told * level.share[:, None])

    def roll(self, base: tuple[Tensor, ...], levels: list[LevelTensors]) -> tuple[Tensor, ...]:
        """The whole table of a :class:`~signwise.graph._versions.Versions`: stored rows, then all versions."""
        if not levels:
            return base
        if len(levels) == 1:
            return tuple(torch.cat(pair) for pair in zip(base, self.update(base, levels[0]), strict=True))
        if torch.is_grad_enabled():
            table = base
            for level in levels:
                table = tuple(torch.cat(pair) for pair in zip(table, self.update(table, level), strict=True))
            return table
        total = len(base[0]) + sum(level.width for level in levels)
        table = tuple(m.new_empty(total, self.dim) for m in base)
        at = len(base[0])
        for whole, m in zip(table, base, strict=True):
            whole[:at] = m
        for level in levels:
            for whole, m in zip(table, self.update(table, level), strict=True):
                whole[at : at + level.width] = m
            at += level.width
        return table


def fresh_rows(versions: Versions, last_update: np.ndarray) -> np.ndarray:
    """Which stored rows belong to nodes without events; bool, shape ``(r,)``."""
    never: np.ndarray = last_update[versions.nodes] == np.iinfo(np.int64).min
    return never
