"""Nearest rows by Hamming distance."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._native import _bits as _native
from ._kinds import whole
from ._packed import PackedBits
from ._products import check_pair


def hamming_topk(query: PackedBits, base: PackedBits, k: int) -> tuple[Any, Any]:
    """The k rows of base nearest to each query by Hamming distance, by exhaustive search.

    Results are sorted by (distance, index), so equal distances are ordered, and cut, by the lowest index.

    Args:
        query: shape ``(Q, K)``, or ``(K,)`` for a single query.
        base: shape ``(N, K)``.
        k: neighbours to return, 1 <= k <= N.

    Returns:
        Distances int32 and indices int64, each ``(Q, k)`` (``(k,)`` for a single query), arrays or tensors as
        the words are.

    Raises:
        TypeError: an argument is not packed, one is numpy and the other torch, or k is not a whole number.
        ValueError: lengths or axes do not fit, or k is not in 1..N.

    Example:
        >>> import numpy as np
        >>> from signwise.bits import hamming_topk, pack
        >>> base = pack(np.array([[1, 1, 1], [-1, -1, -1], [1, 1, -1], [1, 1, 1]]))
        >>> hamming_topk(pack(np.array([1, 1, 1])), base, 3)
        (array([0, 0, 1], dtype=int32), array([0, 3, 2]))
    """
    check_pair(query, base, ("query", "base"))
    if base.ndim != 2 or query.ndim not in (1, 2):
        raise ValueError(f"query {query.shape} must have one or two axes and base {base.shape} two")
    k = whole(k, "k", 1, len(base))
    rows = query.words if query.ndim == 2 else query.words[None]
    distances: Any
    indices: Any
    if isinstance(rows, np.ndarray):
        distances, indices = _native.hamming_topk(rows, base.words, k)
    else:
        from . import _torch

        distances, indices = _torch.hamming_topk(rows, base.words, query.length, k)
    return (distances, indices) if query.ndim == 2 else (distances[0], indices[0])
