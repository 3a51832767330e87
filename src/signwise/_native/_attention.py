"""Attention over gathered rows: one kernel call each way, on numpy views of tensors.

The caller decides when the kernels serve (:func:`attention_available`) and computes with torch otherwise, with the same
results up to the order of sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ._runtime import core, num_threads

Array = npt.NDArray[Any]


def attention_available() -> bool:
    """Whether the extension is there."""
    return core() is not None


def attention_forward(
    query: Array, edge_weight: Array, table: Array, index: Array, mask: Array, edge: Array, drop: Array | None
) -> tuple[Array, Array, Array]:
    """Attention weights, weighted sums of values with their edges, and weighted sums of the edges' features.

    Args:
        query: float32, shape ``(n, heads, dim)``; scaled by ``1 / sqrt(dim)``.
        edge_weight: float32, shape ``(heads, dim, edge_dim)``; the projection of edges.
        table: float32, shape ``(rows, 2, heads * dim)``; keys and values.
        index: int64, shape ``(n, k)``; rows of the table.
        mask: uint8, shape ``(n, k)``; 0 where there is no event.
        edge: float32, shape ``(n, k, edge_dim)``.
        drop: float32, shape ``(n, heads, k)``; factors of the weights, or None.

    Returns:
        float32 arrays of shape ``(n, heads, k)``, ``(n, heads, dim)`` and ``(n, heads, edge_dim)``.
    """
    (n, heads, dim), k = query.shape, index.shape[1]
    alpha = np.empty((n, heads, k), np.float32)
    value = np.empty((n, heads, dim), np.float32)
    summed = np.empty((n, heads, edge.shape[2]), np.float32)
    core().attention_forward(query, edge_weight, table, index, mask, edge, drop, alpha, value, summed, num_threads())
    return alpha, value, summed


def attention_backward(
    query: Array, edge_weight: Array, table: Array, index: Array, mask: Array, edge: Array, drop: Array | None,
    alpha: Array, summed: Array, value: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Gradients of query, edge_weight, table and edge from that of the sums of values, ``value``.

    ``alpha`` and ``summed`` are those that :func:`attention_forward` gave.
    """
    gradients = (np.empty_like(query), np.zeros_like(edge_weight), np.zeros_like(table), np.empty_like(edge))
    core().attention_backward(query, edge_weight, table, index, mask, edge, drop, alpha, summed, value, *gradients)
    return gradients
