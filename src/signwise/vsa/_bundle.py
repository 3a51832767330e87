"""Adding vectors up, and naming what a noisy vector is nearest to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Match:
    """An entry of a memory and how near it is.

    Attributes:
        name: the entry's name.
        cosine: of the angle between the vector and the entry, 0 where either is zero.
    """

    name: Any
    cosine: float


def bundle(vectors: Iterable[NDArray[Any]], weights: Iterable[float] | None = None) -> NDArray[Any]:
    """The weighted sum of vectors, which stays similar to each of them.

    Args:
        vectors: at least one, all of one shape.
        weights: one number for each; without them all count alike and whole numbers stay whole.

    Returns:
        Their sum, of their shape.

    Raises:
        ValueError: no vector, or as many weights as there are not vectors.

    Examples:
        >>> import numpy as np
        >>> bundle([np.array([1, -1]), np.array([1, 1])])
        array([2, 0])
    """
    terms = list(vectors)
    if not terms:
        raise ValueError("a bundle needs at least one vector")
    if weights is not None:
        terms = [weight * vector for weight, vector in zip(weights, terms, strict=True)]
    total: NDArray[Any] = np.sum(np.stack(terms), axis=0)
    return total


def cleanup(y: NDArray[Any], memory: Mapping[Any, NDArray[Any]], *, k: int = 1) -> tuple[Match, ...]:
    """The k entries of a memory nearest to a vector by cosine, the nearest first.

    Args:
        y: shape ``(d,)``.
        memory: vectors of shape ``(d,)`` by name.
        k: how many to name; all of a smaller memory.

    Returns:
        Matches in falling order of the cosine; equal ones in the order of the memory.

    Raises:
        ValueError: an empty memory, k below 1, or shapes that differ.

    Examples:
        >>> import numpy as np
        >>> cleanup(np.array([3.0, 4.0]), {"x": np.array([1, 0]), "y": np.array([0, 1])})
        (Match(name='y', cosine=0.8),)
    """
    if not memory or k < 1:
        raise ValueError(f"a memory needs an entry and k must be at least 1, got {len(memory)} entries and k={k}")
    names, table = list(memory), np.stack([np.asarray(v, np.float64) for v in memory.values()])
    vector = np.asarray(y, np.float64)
    if vector.shape != table.shape[1:]:
        raise ValueError(f"y has shape {vector.shape}, the entries of the memory {table.shape[1:]}")
    norms = np.linalg.norm(table, axis=1) * np.linalg.norm(vector)
    cosines = np.divide(table @ vector, norms, out=np.zeros(len(table)), where=norms > 0)
    order = np.argsort(-cosines, kind="stable")[:k]
    return tuple(Match(name=names[i], cosine=float(cosines[i])) for i in order)
