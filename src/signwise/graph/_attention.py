"""Attention of nodes over their newest events, in the form of PyG's ``TransformerConv``."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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

    def forward(self, query: Tensor, table: Tensor, index: Tensor, mask: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
        """Attend.

        Args:
            query: float, shape ``(q, in_dim)``; h of the nodes that are asked for.
            table: float, shape ``(r, in_dim)``; h of every node that may be attended to.
            index: int, shape ``(q, K)``; rows of ``table``, anything where masked.
            mask: bool, shape ``(q, K)``; True where there is an event.
            edge: float, shape ``(q, K, edge_dim)``.

        Returns:
            The outputs, float, shape ``(q, heads * head_dim)``, and the attention weights, ``(q, heads, K)``.
        """
        (n, k), h, c = index.shape, self.heads, self.head_dim
        skip_query = F.linear(
            query, torch.cat([self.lin_query.weight, self.lin_skip.weight]),
            torch.cat([self.lin_query.bias, self.lin_skip.bias]),
        )  # fmt: skip
        q, skip = skip_query[:, : h * c], skip_query[:, h * c :]
        both = F.linear(
            table, torch.cat([self.lin_key.weight, self.lin_value.weight]),
            torch.cat([self.lin_key.bias, self.lin_value.bias]),
        )  # fmt: skip
        gathered = both.index_select(0, index.reshape(-1)).view(n, k, 2 * h * c)
        q_heads = (q / math.sqrt(c)).view(n, h, c)
        w_edge = self.lin_edge.weight.view(h, c, -1)
        q_edge = torch.einsum("nhc,hce->nhe", q_heads, w_edge)
        # The queries of all heads on the diagonal of one matrix, so that a single product gives all scores.
        eye = torch.eye(h, dtype=q.dtype, device=q.device)
        q_wide = (q_heads.unsqueeze(2) * eye[:, :, None]).view(n, h, h * c)
        score = torch.bmm(q_wide, gathered[:, :, : h * c].transpose(1, 2)) + torch.bmm(q_edge, edge.transpose(1, 2))
        none = ~mask.any(1)
        score = score.masked_fill(~(mask | none[:, None])[:, None, :], -math.inf)
        alpha = torch.softmax(score, -1).masked_fill(none[:, None, None], 0.0)
        used = F.dropout(alpha, self.dropout, self.training)
        value = torch.bmm(used, gathered[:, :, h * c :]).view(n, h, h, c)
        value = torch.einsum("nhhc->nhc", value)
        value = value + torch.einsum("nhe,hce->nhc", torch.bmm(used, edge), w_edge)
        return value.reshape(n, h * c) + skip, alpha
