"""Majority votes of packed signs."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .._native import _bits as _native
from ._kinds import describe, whole
from ._packed import PackedBits
from ._ternary import TernaryBits


def majority(votes: PackedBits, *, ties: Literal["positive", "negative"]) -> PackedBits:
    """The sign that most of n voters have, value by value.

    out[..., k] = +1 if #{i : votes[i, ..., k] = +1} > n / 2, -1 if it is < n / 2, and ``ties`` if equal.

    Args:
        votes: shape ``(n, ..., K)``, n >= 1; the first axis are the voters.
        ties: the sign of an even split.

    Returns:
        Packed signs of shape ``(..., K)``.

    Raises:
        TypeError: votes is not packed.
        ValueError: there is no first axis or no voter, or ``ties`` is unknown.

    Example:
        >>> import numpy as np
        >>> from signwise.bits import majority, pack
        >>> votes = pack(np.array([[1, 1, -1], [1, -1, -1]]))
        >>> majority(votes, ties="positive").unpack("int8")
        array([ 1,  1, -1], dtype=int8)
    """
    if not isinstance(votes, PackedBits):
        raise TypeError(f"votes must be PackedBits, got {describe(votes)}; pack them first")
    n = _voters(votes)
    if ties not in ("positive", "negative"):
        raise ValueError(f"ties is {ties!r}; it must be 'positive' or 'negative'")
    least = (n + 1) // 2 if ties == "positive" else n // 2 + 1
    if isinstance(votes.words, np.ndarray):
        return PackedBits(_native.majority(votes.words, least), votes.length)
    from . import _torch

    return PackedBits(_torch.majority(votes.words, votes.length, least), votes.length)


def majority_ternary(
    votes: TernaryBits,
    *,
    ties: Literal["abstain", "coin"] = "abstain",
    seed: int = 0,
    step: int = 0,
    offset: int = 0,
) -> TernaryBits:
    """The sign of the sum of n votes in {-1, 0, 1}, value by value.

    out = sign(Σ_i votes[i]); a zero sum gives 0, or with ``ties="coin"`` a draw of +1 or -1 wherever some vote
    is nonzero. The draw of the value at flat position p of the result is +1 if the lowest bit of
    mix(index ⊕ mix(step ⊕ mix(seed))) is 1, with index = (offset + p) mod 2³² and mix on 32 bits:
    h ⊕= h>>16, h ·= 0x7feb352d, h ⊕= h>>15, h ·= 0x846ca68b, h ⊕= h>>16. So every process that holds the same
    arguments draws the same, and a part of a longer vector draws as the whole when ``offset`` is its start.

    Args:
        votes: shape ``(n, ..., K)``, n >= 1; the first axis are the voters.
        ties: what a zero sum gives.
        seed: seed of the coin, 0 <= seed < 2^32.
        step: a counter that changes the draws, 0 <= step < 2^32.
        offset: index of the first value, at least 0.

    Returns:
        Packed values of shape ``(..., K)``.

    Raises:
        TypeError: votes is not packed ternary, or a number is not whole.
        ValueError: there is no first axis or no voter, or an option is out of its range.

    Example:
        >>> import numpy as np
        >>> from signwise.bits import majority_ternary, pack_ternary
        >>> votes = pack_ternary(np.array([[1, 1, -1, 0], [1, -1, 0, 0]]))
        >>> majority_ternary(votes).unpack("int8")
        array([ 1,  0, -1,  0], dtype=int8)
        >>> majority_ternary(votes, ties="coin", seed=1).unpack("int8")
        array([ 1,  1, -1,  0], dtype=int8)
    """
    if not isinstance(votes, TernaryBits):
        raise TypeError(f"votes must be TernaryBits, got {describe(votes)}; use pack_ternary first")
    _voters(votes)
    if ties not in ("abstain", "coin"):
        raise ValueError(f"ties is {ties!r}; it must be 'abstain' or 'coin'")
    seed, step = whole(seed, "seed", 0, 2**32 - 1), whole(step, "step", 0, 2**32 - 1)
    offset = whole(offset, "offset", 0)
    key = mix(step ^ mix(seed))
    coin = ties == "coin"
    planes = votes.nonzero.words, votes.positive.words
    voted: tuple[Any, Any]
    if isinstance(planes[0], np.ndarray):
        voted = _native.majority_ternary(*planes, votes.length, coin=coin, key=key, offset=offset)
    else:
        from . import _torch

        voted = _torch.majority_ternary(*planes, votes.length, coin, key, offset % 2**32)
    return TernaryBits._of_planes(PackedBits(voted[0], votes.length), PackedBits(voted[1], votes.length))


def mix(h: int) -> int:
    """The 32-bit mixing function of :func:`majority_ternary`, on one number."""
    h ^= h >> 16
    h = h * 0x7FEB352D & 0xFFFFFFFF
    h ^= h >> 15
    h = h * 0x846CA68B & 0xFFFFFFFF
    return h ^ h >> 16


def _voters(votes: PackedBits | TernaryBits) -> int:
    if votes.ndim < 2 or votes.shape[0] < 1:
        raise ValueError(f"votes have shape {votes.shape}; the first axis are the voters, at least one")
    return votes.shape[0]
