"""Attention of nodes over their newest events, in the form of PyG's ``TransformerConv``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from signwise._native._attention import attention_available, attention_backward, attention_forward

from ._dropout import dropout_factors


class TemporalAttention(nn.Module):
    r"""Multi-head attention over a fixed number of events, with parameters named as in PyG's ``TransformerConv``.

    .. math:: \alpha_{ij} = \mathrm{softmax}_j\, q_i^\top (k_j + e_{ij}) / \sqrt{d_h}, \qquad
              out_i = \big\Vert_h \sum_j \alpha_{ij} (v_j + e_{ij}) + \mathrm{lin\_skip}\, h_i

    with q, k, v the projections ``lin_query``, ``lin_key`` and ``lin_value`` and e that of ``lin_edge`` (no bias).
    A node without events keeps the skip term. Weights swap with ``TransformerConv(in_dim, head_dim, heads,
    edge_dim=edge_dim)`` through ``state_dict``.

    Keys and values are projected once for each row of the table. Edges are never projected: since
    :math:`q^\top W a = (W^\top q)^\top a` and :math:`\sum_j \alpha_j W a_j = W \sum_j \alpha_j a_j`, only queries
    and sums are.

    Args:
        in_dim: length of h.
        heads: number of heads.
        head_dim: length of each.
        edge_dim: length of an event's features.
        dropout: of attention weights.
    """

    def __init__(self, in_dim: int, *, heads: int, head_dim: int, edge_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.head_dim, self.dropout = heads, head_dim, dropout
        self.lin_key = nn.Linear(in_dim, heads * head_dim)
        self.lin_query = nn.Linear(in_dim, heads * head_dim)
        self.lin_value = nn.Linear(in_dim, heads * head_dim)
        self.lin_edge = nn.Linear(edge_dim, heads * head_dim, bias=False)
        self.lin_skip = nn.Linear(in_dim, heads * head_dim)

    def forward(
        self,
        query: Tensor,
        table: Tensor,
        index: Tensor,
        mask: Tensor,
        edge: Tensor,
        *,
        ends: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attend.

        Args:
            query: float, shape ``(q, in_dim)``; h of the nodes that are asked for.
            table: float, shape ``(r, in_dim)``; h of every node that may be attended to.
            index: int, shape ``(q, K)``; rows of ``table``, anything where masked.
            mask: bool, shape ``(q, K)``; True where there is an event.
            edge: float, shape ``(q, K, edge_dim)``, or with zeros behind.
            ends: for queries that share rows, an index and the last columns of h: int64, shape ``(q,)``, and float,
                shape ``(q, p)``. Then ``query`` has shape ``(u, in_dim - p)``, and h is
                ``query[index] ‖ columns``; each row is projected once.

        Returns:
            The outputs, float, shape ``(q, heads * head_dim)``, and the attention weights, ``(q, heads, K)``.
        """
        (n, k), h, c = index.shape, self.heads, self.head_dim
        weight, bias = (
            [getattr(getattr(self, f"lin_{name}"), what) for name in ("query", "skip", "key", "value")]
            for what in ("weight", "bias")
        )
        w_query, b_query = torch.cat(weight[:2]), torch.cat(bias[:2])
        if ends is None:
            asked = F.linear(query, w_query, b_query)
        else:
            rows, columns = ends
            shared = F.linear(query, w_query[:, : query.shape[1]])
            asked = shared.index_select(0, rows) + F.linear(columns, w_query[:, query.shape[1] :], b_query)
        q, skip = asked[:, : h * c], asked[:, h * c :]
        both = F.linear(table, torch.cat(weight[2:]), torch.cat(bias[2:]))
        q_heads = (q / math.sqrt(c)).view(n, h, c)
        w_edge = self.lin_edge.weight.view(h, c, -1)
        w_edge = F.pad(w_edge, (0, edge.shape[-1] - w_edge.shape[-1]))
        drop = None
        if self.training and self.dropout:
            drop = dropout_factors(q.new_empty(n, h, k), self.dropout)
        native = q.dtype == torch.float32 and q.device.type == "cpu" and attention_available()
        sums = _Native.apply if native else _gathered_sums
        alpha, value = sums(q_heads, w_edge, both.view(-1, 2, h * c), index, mask, edge, drop)
        return value.reshape(n, h * c) + skip, alpha


def _gathered_sums(
    query: Tensor, edge_weight: Tensor, table: Tensor, index: Tensor, mask: Tensor, edge: Tensor, drop: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Attention weights and sums of values with their edges, in torch; arguments as :func:`attention_forward`'s."""
    edge_query = torch.einsum("nhc,hce->nhe", query, edge_weight)
    (n, k), (h, c) = index.shape, query.shape[1:]
    gathered = table.index_select(0, index.reshape(-1)).view(n, k, 2, h, c)
    score = torch.einsum("nhc,nkhc->nhk", query, gathered[:, :, 0]) + torch.bmm(edge_query, edge.transpose(1, 2))
    none = ~mask.any(1)
    score = score.masked_fill(~(mask | none[:, None])[:, None, :], -math.inf)
    alpha = torch.softmax(score, -1).masked_fill(none[:, None, None], 0.0)
    used = alpha if drop is None else alpha * drop
    value = torch.einsum("nhk,nkhc->nhc", used, gathered[:, :, 1])
    return alpha, value + torch.einsum("nhe,hce->nhc", torch.bmm(used, edge), edge_weight)


class _Native(torch.autograd.Function):
    """The same by the extension, without gathering a copy of the rows."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor | None) -> tuple[Tensor, Tensor]:
        """See :func:`signwise._native._attention.attention_forward`."""
        alpha, value, summed = (torch.from_numpy(out) for out in attention_forward(*_arrays(tensors)))
        ctx.save_for_backward(*tensors, alpha, summed)
        ctx.mark_non_differentiable(alpha)
        return alpha, value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _alpha: Tensor, value: Tensor) -> tuple[Tensor | None, ...]:
        """See :func:`signwise._native._attention.attention_backward`."""
        *tensors, alpha, summed = ctx.saved_tensors
        arrays = _arrays(tuple(tensors))
        gradients = attention_backward(*arrays, *(t.contiguous().numpy() for t in (alpha, summed, value)))
        query, edge_weight, table, edge = (torch.from_numpy(g) for g in gradients)
        return query, edge_weight, table, None, None, edge, None


def _arrays(tensors: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    query, edge_weight, table, index, mask, edge, drop = (
        None if t is None else t.detach().contiguous().numpy() for t in tensors
    )
    return query, edge_weight, table, index, None if mask is None else mask.view(np.uint8), edge, drop
