"""Exhaustive search of blocks of rows, by our own kernels, faiss or USearch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bits import PackedBits, hamming_topk
from ..errors import import_extra
from ._rows import Rows

Words = NDArray[np.uint64]
Floats = NDArray[np.float32]
Found = tuple[NDArray[Any], NDArray[np.int64]]
TopK = Callable[[NDArray[Any], NDArray[Any], int], Found]
"""Queries ``(Q, width)``, rows ``(n, width)`` and k <= n to values and row numbers, each ``(Q, k)``."""

PURPOSE = "to search with this backend"


def nearest(topk: TopK, queries: NDArray[Any], rows: Rows | NDArray[Any], k: int, *, descending: bool) -> Found:
    """The k best rows for each query, over all blocks, ties by the lower row.

    Args:
        topk: the search of one block.
        queries: shape ``(Q, width)``.
        rows: blocks, or one array.
        k: how many, at most as many as there are rows.
        descending: whether large values are good.

    Returns:
        Values and row numbers, each ``(Q, k)``.
    """
    blocks = rows.blocks() if isinstance(rows, Rows) else [(0, rows)]
    parts = []
    for start, block in blocks:
        values, places = topk(queries, block, min(k, len(block)))
        parts.append((values, places + start if start else places))
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part[0] for part in parts], axis=1)
    places = np.concatenate([part[1] for part in parts], axis=1)
    order = np.lexsort((places, -values if descending else values), axis=1)[:, :k]
    return np.take_along_axis(values, order, 1), np.take_along_axis(places, order, 1)


def flat_search(backend: str | None, d: int, binary: bool) -> TopK:
    """The search of one block that a backend gives.

    Raises:
        MissingExtraError: the backend is not installed.
    """
    if backend == "faiss":
        return _faiss_bits() if binary else _faiss_floats()
    if backend == "usearch":
        return _usearch(binary)
    return _own_bits(d) if binary else _own_floats


def _own_bits(d: int) -> TopK:
    def topk(queries: Words, block: Words, k: int) -> Found:
        return hamming_topk(PackedBits(queries, d), PackedBits(block, d), k)

    return topk


def _own_floats(queries: Floats, block: Floats, k: int) -> Found:
    scores = queries @ block.T
    values = np.empty((len(queries), k), np.float32)
    places = np.empty((len(queries), k), np.int64)
    for i, row in enumerate(scores):
        # Everything that may tie with the k-th, so that ties are cut by the lower row.
        bound = np.partition(row, len(row) - k)[len(row) - k]
        candidates = np.flatnonzero(row >= bound)
        places[i] = candidates[np.argsort(-row[candidates], kind="stable")[:k]]
        values[i] = row[places[i]]
    return values, places


def _faiss_bits() -> TopK:
    faiss = import_extra("faiss", "index", PURPOSE)

    def topk(queries: Words, block: Words, k: int) -> Found:
        distances, places = faiss.knn_hamming(queries.view(np.uint8), np.ascontiguousarray(block).view(np.uint8), k)
        return distances, places.astype(np.int64)

    return topk


def _faiss_floats() -> TopK:
    faiss = import_extra("faiss", "index", PURPOSE)

    def topk(queries: Floats, block: Floats, k: int) -> Found:
        scores, places = faiss.knn(queries, np.ascontiguousarray(block), k, metric=faiss.METRIC_INNER_PRODUCT)
        return scores, places.astype(np.int64)

    return topk


def _usearch(binary: bool) -> TopK:
    usearch = import_extra("usearch.index", "index", PURPOSE)

    def topk(queries: NDArray[Any], block: NDArray[Any], k: int) -> Found:
        # Bytes would be read as numbers: the dtype b1 says that they are packed bits.
        metric, dtype = (usearch.MetricKind.Hamming, "b1") if binary else (usearch.MetricKind.IP, "f32")
        if binary:
            queries, block = queries.view(np.uint8), np.ascontiguousarray(block).view(np.uint8)
        found = usearch.search(block, queries, k, metric, exact=True, dtype=dtype)
        distances = np.asarray(found.distances).reshape(len(queries), k)
        places = np.asarray(found.keys).reshape(len(queries), k).astype(np.int64)
        return (distances.astype(np.int32) if binary else 1 - distances), places

    return topk
